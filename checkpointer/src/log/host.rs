//! The log of one host: its locks, and what is done under them.
//!
//! The *log lock* is held while files are written, the *host lock* while the tree and the buffer
//! change; who needs both takes the log lock first, and nobody waits for a permit, for room or for
//! a sync with either. Whoever waits for the log lock does so on a condition variable, and no
//! longer than its caller would.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use super::bounds::{Room, Share};
use super::buffer::Buffer;
use super::config::SyncMode;
use super::due::{Schedule, Scheduled, Task};
use super::error::{DiskFailure, Operation, Refused, Unacknowledged};
use super::files::Closable;
use super::queue::{Passed, Sequence};
use super::start::{Found, Worth};
use super::stats::{HostStats, SegmentStats};
use super::store::Log;
use super::ticket::Ticket;
use super::writer::{Amount, Stop, Unsettled, Writer};
use crate::disk::Disk;
use crate::planted::{Planted, is_planted};

/// What holds the tree and the [`Buffer`] of a host under one lock, the host lock.
pub trait Owner: Send + Sync + 'static {
    /// Does something with the buffer under the host lock. `None`: the host has left the store,
    /// and nothing that was in its buffer is needed any more.
    fn with_buffer<R>(&self, change: impl FnOnce(&mut Buffer) -> R) -> Option<R>;
}

/// The log of one host. See the [module](super) for what it promises.
pub struct HostLog<D: Disk + 'static, O: Owner> {
    pub(super) log: Arc<Log<D, O>>,
    pub(super) owner: O,
    pub(super) directory: Box<str>,
    pub(super) share: Arc<Share>,
    pub(super) shared: Mutex<Shared>,
    pub(super) changed: Condvar,
    pub(super) writer: Mutex<Writer<D>>,
    schedule: Schedule,
    /// Numbers from here on were given out by this process.
    pub(super) first_own_number: u64,
    /// The segments that a start has found and read.
    pub(super) read: Box<[(u64, Worth)]>,
    /// Whether the entries of the directories above the host's are durable.
    pub(super) parents_durable: AtomicBool,
    /// Whether it is among those whose files can be closed.
    registered: AtomicBool,
    used_lately: AtomicBool,
    /// A checkpoint is running.
    pub(super) checkpointing: AtomicBool,
    /// The timed flush was put off because of it.
    pub(super) flush_deferred: AtomicBool,
    /// As in what was [`Reached`]: to be asked at every batch.
    pub(super) uncovered: AtomicU64,
    me: Weak<Self>,
}

/// How far the log has come, and who is at work. Nobody does I/O under this lock.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Grows whenever anything here has changed.
    pub(super) moves: u64,
    /// Somebody has the log lock.
    pub(super) busy: bool,
    /// Somebody syncs this host's files.
    pub(super) syncing: bool,
    pub(super) waiting: usize,
    /// As it was when the log lock was given back last.
    pub(super) reached: Reached,
    /// Drains that failed.
    pub(super) attempts: u64,
    pub(super) failure: Option<Failure>,
    /// Of a write or a sync.
    pub(super) last_failure: Option<DiskFailure>,
}

/// How far a log has come.
#[derive(Debug, Default)]
pub(super) struct Reached {
    pub(super) written: Sequence,
    pub(super) synced: Sequence,
    pub(super) holding: bool,
    pub(super) needs_checkpoint: bool,
    current: Option<Current>,
    unsynced: u64,
    pub(super) uncovered: Amount,
    pub(super) found_synced: bool,
}

/// The segment that is written.
#[derive(Clone, Copy, Debug)]
struct Current {
    number: u64,
    bytes: u64,
    created_at: Duration,
}

/// A drain that failed.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    /// The last batch that it would have written.
    pub(super) up_to: Sequence,
    pub(super) cause: DiskFailure,
}

impl<D: Disk, O: Owner> HostLog<D, O> {
    pub(super) fn new(log: Arc<Log<D, O>>, directory: &str, found: &Found, owner: O) -> Arc<Self> {
        let writer = Writer::new(directory, found);
        let share = Arc::new(Share::new(&log.bounds));
        let shared = Shared { reached: Reached::of(&writer), ..Shared::default() };
        let uncovered = AtomicU64::new(shared.reached.uncovered.bytes);
        Arc::new_cyclic(|me| Self {
            log,
            owner,
            directory: directory.into(),
            share,
            shared: Mutex::new(shared),
            changed: Condvar::new(),
            writer: Mutex::new(writer),
            schedule: Schedule::default(),
            first_own_number: found.next_number,
            read: found.segments.iter().filter_map(|one| Some((one.number, one.worth?))).collect(),
            parents_durable: AtomicBool::new(false),
            registered: AtomicBool::new(false),
            used_lately: AtomicBool::new(false),
            checkpointing: AtomicBool::new(false),
            flush_deferred: AtomicBool::new(false),
            uncovered,
            me: Weak::clone(me),
        })
    }

    /// What holds the host's buffer.
    #[must_use]
    pub fn owner(&self) -> &O {
        &self.owner
    }

    /// The host's directory, below the data directory.
    #[must_use]
    pub fn directory(&self) -> &str {
        &self.directory
    }

    /// Room for a batch of so many bytes, to be had before the host's lock is taken.
    ///
    /// With `patience` the caller waits, as long as something moves at least that often, and
    /// writes the host's own buffer if nobody else does. Without, a full buffer refuses at once.
    ///
    /// # Errors
    ///
    /// [`Refused`], counted; nothing was taken.
    pub fn room(
        &self,
        bytes: usize,
        now: Duration,
        patience: Option<Duration>,
    ) -> Result<Room, Refused> {
        let bounds = &self.log.bounds;
        loop {
            let refused = match bounds.reserve(&self.share, bytes) {
                Err(refused @ (Refused::HostFull | Refused::TotalFull)) => refused,
                room => return room.inspect_err(|_| bounds.count_refused()),
            };
            let Some(patience) = patience else {
                bounds.count_refused();
                return Err(refused);
            };
            let before = self.share.held();
            let drained = self.drain(now, patience);
            let moved = drained.is_ok() && self.share.held() < before;
            if !moved && !bounds.wait(&self.share, bytes, patience) {
                bounds.count_refused();
                return Err(refused);
            }
        }
    }

    /// A ticket for a batch that was appended, with which to wait for its acknowledgement. From
    /// here on it is written in time, whether anybody waits or not.
    pub fn ticket(&self, sequence: Sequence, now: Duration) -> Ticket<D, O> {
        self.due(Task::Flush, now.saturating_add(self.log.config.flush_interval));
        let attempts = self.lock_shared().attempts;
        Ticket::new(self.me.clone(), sequence, now, attempts)
    }

    /// Writes what waits, if nobody else is about to.
    ///
    /// # Errors
    ///
    /// [`Unacknowledged::WriteFailed`] if the disk refuses, [`Unacknowledged::TimedOut`] if another
    /// has been writing for longer than the caller would wait.
    pub fn drain(&self, now: Duration, patience: Duration) -> Result<(), Unacknowledged> {
        let mut permit = None;
        loop {
            let mut lock = self.lock_log(patience).ok_or(Unacknowledged::TimedOut)?;
            let outcome = lock.drain(self, now, &mut permit);
            match &outcome {
                Err(Stop::Failed(failure)) => self.note_failure(failure),
                Ok(()) | Err(Stop::NeedsFile) => {}
            }
            let current = lock.segments.current().map(|current| current.created_at);
            let unsynced = lock.segments.bytes_unsynced();
            let ended = lock.segments.any_ended();
            let holding = lock.holding;
            drop(lock);
            self.plan(now, current, unsynced, ended);
            match outcome {
                Ok(()) => {
                    // Perhaps nobody else looks again when the checkpoint has ended.
                    if holding {
                        self.due(Task::Flush, now.saturating_add(self.log.config.flush_interval));
                    }
                    return Ok(());
                }
                Err(Stop::Failed(failure)) => {
                    self.due(Task::Flush, now.saturating_add(self.log.config.flush_interval));
                    return Err(Unacknowledged::WriteFailed(failure));
                }
                Err(Stop::NeedsFile) => {
                    let got = self.log.files.permit(patience);
                    permit = Some(got.ok_or(Unacknowledged::TimedOut)?);
                }
            }
        }
    }

    /// What was written has to be synced in time, and a segment gets old.
    fn plan(&self, now: Duration, current: Option<Duration>, unsynced: u64, ended: bool) {
        let config = &self.log.config;
        if let Some(created_at) = current {
            self.due(Task::Rotate, created_at.saturating_add(config.segment_age));
        }
        let interval = match config.sync {
            SyncMode::None if !ended => return,
            // Who waits syncs; this is for those that nobody waits for.
            SyncMode::Always => config.flush_interval,
            _ if unsynced >= config.sync_bytes => Duration::ZERO,
            SyncMode::None | SyncMode::Flush => config.sync_interval,
        };
        if unsynced > 0 || ended {
            self.due(Task::Sync, now.saturating_add(interval));
        }
    }

    fn note_failure(&self, cause: &DiskFailure) {
        self.log.counters.write_failures.add(1);
        // What is still in the buffer was to follow: it failed with the rest.
        let up_to = self.owner.with_buffer(|buffer| buffer.last_sequence).unwrap_or_default();
        let mut shared = self.lock_shared();
        shared.attempts += 1;
        shared.last_failure = Some(cause.clone());
        shared.failure = Some(Failure { up_to, cause: cause.clone() });
    }

    pub(super) fn due(&self, task: Task, at: Duration) {
        self.log.due.schedule(self, &self.me, task, at);
    }

    /// Ends the current segment if it is old, so that a checkpoint can cover it.
    pub(super) fn rotate(&self, now: Duration) {
        let Some(lock) = self.lock_log(Duration::ZERO) else {
            return self.due(Task::Rotate, now.saturating_add(self.log.config.flush_interval));
        };
        let current = lock.segments.current().map(|current| current.created_at);
        drop(lock);
        let Some(due) = current.map(|at| at.saturating_add(self.log.config.segment_age)) else {
            return;
        };
        if now < due {
            return self.due(Task::Rotate, due);
        }
        self.owner.with_buffer(Buffer::set_mark);
        if self.drain(now, Duration::ZERO).is_err() {
            self.due(Task::Flush, now.saturating_add(self.log.config.flush_interval));
        }
    }

    pub(crate) fn make_directories(&self) -> Result<(), DiskFailure> {
        let ends = self.directory.match_indices('/').map(|(at, _)| at);
        for end in ends.chain([self.directory.len()]) {
            let path = self.directory.get(..end).unwrap_or_default();
            let made = self.log.disk.make_directory(path);
            made.map_err(DiskFailure::of(Operation::MakeDirectory, path))?;
        }
        Ok(())
    }

    /// A file of this host was opened: when others are needed, it can be closed.
    pub(super) fn register_open(&self) {
        self.used_lately.store(true, Relaxed);
        if !self.registered.swap(true, Relaxed) {
            let me: Weak<Self> = self.me.clone();
            self.log.files.register(me);
        }
    }

    pub(super) fn count_written(&self, passed: &Passed) {
        self.used_lately.store(true, Relaxed);
        let counters = &self.log.counters;
        counters.writes.add(1);
        counters.batches.add(passed.batches);
        counters.records.add(passed.records);
        counters.bytes.add(passed.bytes as u64);
    }

    // ---- how far it has come ----

    pub(super) fn lock_shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wait_while<'a>(
        &self,
        mut shared: MutexGuard<'a, Shared>,
        patience: Duration,
        condition: impl FnMut(&mut Shared) -> bool,
    ) -> Option<MutexGuard<'a, Shared>> {
        shared.waiting += 1;
        let waited = self.changed.wait_timeout_while(shared, patience, condition);
        let (mut shared, outcome) = waited.unwrap_or_else(PoisonError::into_inner);
        shared.waiting -= 1;
        (!outcome.timed_out()).then_some(shared)
    }

    /// Waits until the log has moved on from `moves`.
    pub(super) fn wait_for_move<'a>(
        &self,
        shared: MutexGuard<'a, Shared>,
        moves: u64,
        patience: Duration,
    ) -> Result<MutexGuard<'a, Shared>, Unacknowledged> {
        let unmoved = |shared: &mut Shared| shared.moves == moves;
        self.wait_while(shared, patience, unmoved).ok_or(Unacknowledged::TimedOut)
    }

    /// Tells those who wait that something has changed.
    pub(super) fn moved(&self, mut shared: MutexGuard<'_, Shared>) {
        shared.moves += 1;
        if shared.waiting > 0 {
            self.changed.notify_all();
        }
        drop(shared);
        self.log.files.host_moved();
    }

    /// Whether a sync has failed, so that only a checkpoint helps.
    pub(crate) fn needs_checkpoint(&self) -> bool {
        self.lock_shared().reached.needs_checkpoint
    }

    /// Somebody was not let in, though the buffers have room.
    pub(crate) fn count_refused(&self) {
        self.log.bounds.count_refused();
    }

    /// Bytes in segments that no snapshot covers, as they were when somebody wrote last.
    pub(crate) fn uncovered(&self) -> u64 {
        self.uncovered.load(Relaxed)
    }

    /// The log of this host as it was when somebody wrote or synced last. Waits for nobody.
    #[must_use]
    pub fn stats(&self, now: Duration) -> HostStats {
        let shared = self.lock_shared();
        let reached = &shared.reached;
        HostStats {
            segment: reached.current.map(|current| SegmentStats {
                number: current.number,
                bytes: current.bytes,
                age: now.saturating_sub(current.created_at),
            }),
            buffered: self.share.held(),
            unsynced: reached.unsynced,
            uncovered: reached.uncovered.bytes,
            uncovered_records: reached.uncovered.records,
            checkpointing: self.checkpointing.load(Relaxed),
            written: reached.written,
            synced: reached.synced,
            found_synced: reached.found_synced,
            needs_checkpoint: reached.needs_checkpoint,
            holding: reached.holding,
            last_failure: shared.last_failure.clone(),
        }
    }
}

impl Reached {
    pub(super) fn of<D: Disk>(writer: &Writer<D>) -> Self {
        Self {
            written: writer.written,
            synced: writer.segments.synced_sequence(),
            holding: writer.holding,
            needs_checkpoint: writer.needs_checkpoint(),
            current: writer.segments.current().map(|current| Current {
                number: current.number,
                bytes: current.bytes,
                created_at: current.created_at,
            }),
            unsynced: writer.segments.bytes_unsynced(),
            uncovered: writer.uncovered(),
            found_synced: matches!(writer.found, Unsettled::Settled),
        }
    }
}

impl<D: Disk, O: Owner> Closable for HostLog<D, O> {
    fn was_used(&self) -> bool {
        self.used_lately.swap(false, Relaxed)
    }

    fn close_files(&self) -> super::files::Closed {
        use super::files::Closed;
        if self.lock_shared().syncing {
            return Closed::Busy;
        }
        let Some(mut lock) = self.lock_log(Duration::ZERO) else { return Closed::Busy };
        // A round may have taken its targets just before. Of two syncs of one file that run at the
        // same time the system tells only one that bytes were lost.
        if self.lock_shared().syncing {
            return Closed::Busy;
        }
        for target in lock.segments.targets() {
            let outcome = self.sync_target(&target);
            self.target_synced(&mut lock, &target, outcome);
        }
        if !lock.close_files() {
            return Closed::Busy;
        }
        self.registered.store(false, Relaxed);
        Closed::All
    }
}

impl<D: Disk, O: Owner> Scheduled for HostLog<D, O> {
    fn schedule(&self) -> &Schedule {
        &self.schedule
    }
}

impl<D: Disk, O: Owner> fmt::Debug for HostLog<D, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostLog").field("directory", &self.directory).finish_non_exhaustive()
    }
}

impl Shared {
    /// The last batch that is acknowledged in a mode.
    pub(super) fn acknowledged(&self, mode: SyncMode) -> Sequence {
        let everything = Sequence(u64::MAX);
        match mode {
            _ if is_planted(Planted::AcknowledgedBeforeWrite) => everything,
            SyncMode::None => everything,
            SyncMode::Always if !is_planted(Planted::AcknowledgedBeforeSync) => self.reached.synced,
            SyncMode::Flush | SyncMode::Always => self.reached.written,
        }
    }
}
