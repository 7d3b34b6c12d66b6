//! Operations that take as long as a test wants: a slow disk without a clock.

use std::fmt;
use std::io;
use std::sync::{MutexGuard, PoisonError};

use super::SimDisk;
use super::fault::{Failure, PathTest};
use super::operation::Kind;
use super::state::State;

/// While it lives, the operations that it selects do not begin. See [`SimDisk::hold`].
#[must_use = "dropping it lets the operations go on"]
pub struct Hold {
    disk: SimDisk,
    id: u64,
}

/// The disk's side of a [`Hold`].
pub(super) struct Held {
    id: u64,
    kind: Kind,
    path: PathTest,
    waiting: usize,
}

impl SimDisk {
    /// Keeps operations of this kind waiting where `path` holds for their path, until what it returns
    /// is dropped. They count as operations, and are done, only then; others go on.
    pub fn hold(&self, kind: Kind, path: impl Fn(&str) -> bool + Send + 'static) -> Hold {
        let mut state = self.state();
        state.last_hold += 1;
        let id = state.last_hold;
        state.held.push(Held { id, kind, path: Box::new(path), waiting: 0 });
        Hold { disk: self.clone(), id }
    }

    /// Waits until nothing holds the operation, then counts it, and says what goes wrong with it.
    pub(super) fn begin(
        &self,
        kind: Kind,
        path: &str,
        to: Option<&str>,
    ) -> io::Result<(MutexGuard<'_, State>, Option<Failure>)> {
        let mut state = self.state();
        let selects = |held: &Held| held.kind == kind && (held.path)(path);
        while let Some(held) = state.held.iter_mut().find(|held| selects(held)) {
            let id = held.id;
            held.waiting += 1;
            self.shared.changed.notify_all();
            while state.held.iter().any(|held| held.id == id) {
                state = self.wait(state);
            }
        }
        let failure = state.begin(kind, path, to)?;
        Ok((state, failure))
    }

    fn wait<'a>(&'a self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hold {
    /// Waits until so many operations are kept waiting by this.
    pub fn wait_for(&self, operations: usize) {
        let mut state = self.disk.state();
        while state.held.iter().any(|held| held.id == self.id && held.waiting < operations) {
            state = self.disk.wait(state);
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.disk.state().held.retain(|held| held.id != self.id);
        self.disk.shared.changed.notify_all();
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Hold").field("id", &self.id).finish_non_exhaustive()
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Held")
            .field("kind", &self.kind)
            .field("waiting", &self.waiting)
            .finish_non_exhaustive()
    }
}
