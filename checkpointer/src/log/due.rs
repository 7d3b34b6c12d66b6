//! What has to be done when: the caller asks, and does it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// Write what nobody waits for.
    Flush,
    /// Sync what is written.
    Sync,
    /// End a segment that is old.
    Rotate,
}

const TASKS: usize = 3;

/// When the tasks of one host are due; later requests for a task that is due earlier say nothing.
#[derive(Debug)]
pub(super) struct Schedule {
    due_ns: [AtomicU64; TASKS],
}

impl Default for Schedule {
    fn default() -> Self {
        Self { due_ns: [const { AtomicU64::new(u64::MAX) }; TASKS] }
    }
}

impl Schedule {
    fn of(&self, task: Task) -> &AtomicU64 {
        let [flush, sync, rotate] = &self.due_ns;
        match task {
            Task::Flush => flush,
            Task::Sync => sync,
            Task::Rotate => rotate,
        }
    }

    /// Whether the task is not due by then already.
    fn brings_forward(&self, task: Task, due_ns: u64) -> bool {
        self.of(task).fetch_min(due_ns, SeqCst) > due_ns
    }

    /// Whether it is this entry of the queue that counts; from here on the task is not due.
    fn begin(&self, task: Task, due_ns: u64) -> bool {
        self.of(task).compare_exchange(due_ns, u64::MAX, SeqCst, SeqCst).is_ok()
    }
}

/// A host that can be due.
pub(super) trait Scheduled {
    fn schedule(&self) -> &Schedule;
}

/// The tasks of all hosts in the order of their time.
#[derive(Debug)]
pub(super) struct Due<H> {
    state: Mutex<State<H>>,
    earlier: Condvar,
}

#[derive(Debug)]
struct State<H> {
    queue: BTreeMap<(u64, u64), (Weak<H>, Task)>,
    entries: u64,
}

impl<H> Default for Due<H> {
    fn default() -> Self {
        let state = State { queue: BTreeMap::new(), entries: 0 };
        Self { state: Mutex::new(state), earlier: Condvar::new() }
    }
}

impl<H: Scheduled> Due<H> {
    fn lock(&self) -> MutexGuard<'_, State<H>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn schedule(&self, host: &H, weak: &Weak<H>, task: Task, at: Duration) {
        let due_ns = nanoseconds(at);
        if !host.schedule().brings_forward(task, due_ns) {
            return;
        }
        let mut state = self.lock();
        state.entries += 1;
        let key = (due_ns, state.entries);
        state.queue.insert(key, (Weak::clone(weak), task));
        if state.queue.first_key_value().is_some_and(|(first, _)| *first == key) {
            self.earlier.notify_all();
        }
    }

    pub(super) fn next(&self) -> Option<Duration> {
        next_of(&self.lock())
    }

    /// Waits until something is due before `than`, at most `patience` long.
    pub(super) fn wait_earlier(&self, than: Option<Duration>, patience: Duration) {
        let not_earlier = |state: &mut State<H>| match (next_of(state), than) {
            (Some(next), Some(than)) => next >= than,
            (next, _) => next.is_none(),
        };
        let waited = self.earlier.wait_timeout_while(self.lock(), patience, not_earlier);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Takes what is due, the earliest first.
    pub(super) fn take(&self, now: Duration, tasks_max: usize) -> Vec<(std::sync::Arc<H>, Task)> {
        let now_ns = nanoseconds(now);
        let mut tasks = Vec::new();
        let mut state = self.lock();
        while tasks.len() < tasks_max
            && let Some(first) = state.queue.first_entry()
            && first.key().0 <= now_ns
        {
            let ((due_ns, _), (weak, task)) = first.remove_entry();
            if let Some(host) = weak.upgrade()
                && host.schedule().begin(task, due_ns)
            {
                tasks.push((host, task));
            }
        }
        tasks
    }
}

fn next_of<H>(state: &State<H>) -> Option<Duration> {
    state.queue.first_key_value().map(|((due_ns, _), _)| Duration::from_nanos(*due_ns))
}

fn nanoseconds(at: Duration) -> u64 {
    u64::try_from(at.as_nanos()).unwrap_or(u64::MAX - 1)
}
