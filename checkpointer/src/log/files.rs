//! A bounded number of open segments over all hosts.
//!
//! A segment is opened with a [`Permit`], and nobody holds a log's lock while waiting for one: who
//! finds none left closes the files of a host that has not written lately, which syncs them first.
//! So thousands of hosts write through a few hundred descriptors, and no file is closed unsynced.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

/// A host whose files can be closed.
pub(super) trait Closable: Send + Sync {
    /// Whether it has written since it was last asked.
    fn was_used(&self) -> bool;
    /// Syncs and closes its files, without waiting for anybody.
    fn close_files(&self) -> Closed;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closed {
    /// None of its files is open any more.
    All,
    /// Somebody is writing or syncing them.
    Busy,
}

pub(super) struct Files {
    open_max: usize,
    state: Mutex<State>,
    /// A file was closed, or a host that was busy is no longer.
    changed: Condvar,
    waiting: AtomicUsize,
}

#[derive(Default)]
struct State {
    open: usize,
    open_peak: usize,
    /// Grows when a host that was busy may be no longer.
    moves: u64,
    /// Hosts with open files, in the order in which their turn to be closed comes.
    hosts: VecDeque<Weak<dyn Closable>>,
}

/// The right to have one file open.
pub(super) struct Permit {
    files: Arc<Files>,
}

impl Files {
    pub(super) fn new(open_max: usize) -> Self {
        Self {
            open_max: open_max.max(1),
            state: Mutex::default(),
            changed: Condvar::new(),
            waiting: AtomicUsize::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn open(&self) -> usize {
        self.lock().open
    }

    pub(super) fn open_peak(&self) -> usize {
        self.lock().open_peak
    }

    /// A host has opened a file, and can be asked to close it.
    pub(super) fn register(&self, host: Weak<dyn Closable>) {
        self.lock().hosts.push_back(host);
    }

    /// A permit; `None` if nobody's files could be closed for as long as the caller would wait.
    pub(super) fn permit(self: &Arc<Self>, patience: Duration) -> Option<Permit> {
        if let Some(permit) = self.try_permit() {
            return Some(permit);
        }
        // From here on hosts say when they are done: one that is busy now may be asked again then.
        self.waiting.fetch_add(1, SeqCst);
        let permit = self.wait_for_permit(patience);
        self.waiting.fetch_sub(1, SeqCst);
        permit
    }

    fn wait_for_permit(self: &Arc<Self>, patience: Duration) -> Option<Permit> {
        loop {
            let moves = self.lock().moves;
            while self.close_some() {
                if let Some(permit) = self.try_permit() {
                    return Some(permit);
                }
            }
            let full = |state: &mut State| state.open >= self.open_max && state.moves == moves;
            let waited = self.changed.wait_timeout_while(self.lock(), patience, full);
            let (state, outcome) = waited.unwrap_or_else(PoisonError::into_inner);
            drop(state);
            let permit = self.try_permit();
            if permit.is_some() || outcome.timed_out() {
                return permit;
            }
        }
    }

    /// A host is done with what it was busy with: its files can be closed, if anybody waits.
    pub(super) fn host_moved(&self) {
        if self.waiting.load(SeqCst) > 0 {
            self.lock().moves += 1;
            self.changed.notify_all();
        }
    }

    fn try_permit(self: &Arc<Self>) -> Option<Permit> {
        let mut state = self.lock();
        if state.open >= self.open_max {
            return None;
        }
        state.open += 1;
        state.open_peak = state.open_peak.max(state.open);
        drop(state);
        Some(Permit { files: Arc::clone(self) })
    }

    /// Goes round the hosts until one has closed its files; one that was used since its last turn
    /// is passed over once.
    fn close_some(&self) -> bool {
        let turns = 2 * self.lock().hosts.len();
        for _ in 0..turns {
            let Some(weak) = self.lock().hosts.pop_front() else { return false };
            let Some(host) = weak.upgrade() else { continue };
            if !host.was_used() && host.close_files() == Closed::All {
                return true;
            }
            self.lock().hosts.push_back(weak);
        }
        false
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.files.lock().open -= 1;
        self.files.changed.notify_one();
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files").field("open_max", &self.open_max).finish_non_exhaustive()
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Permit")
    }
}
