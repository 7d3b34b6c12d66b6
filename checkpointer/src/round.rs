//! Jobs that run at the same time on threads that are lent, and the one who waits for them.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Jobs that run at the same time, and the one who waits for them.
#[derive(Debug, Default)]
pub(crate) struct Round {
    running: Mutex<usize>,
    ended: Condvar,
}

/// One of the jobs of a round: over when it is dropped.
#[derive(Debug)]
pub(crate) struct Part(Arc<Round>);

impl Round {
    pub(crate) fn part(self: &Arc<Self>) -> Part {
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        Part(Arc::clone(self))
    }

    /// Waits for the jobs; returns how many are still running when `patience` is over.
    pub(crate) fn wait(&self, patience: Duration) -> usize {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.ended.wait_timeout_while(running, patience, |running| *running > 0);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        *self.0.running.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.ended.notify_all();
    }
}
