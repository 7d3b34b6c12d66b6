//! The logs of all hosts: what they share, and how the caller drives them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::bounds::Bounds;
use super::config::Config;
use super::due::{Due, Task};
use super::error::{DiskFailure, Operation};
use super::files::Files;
use super::host::{HostLog, Owner};
use super::start::Found;
use super::stats::{Counters, Stats};
use crate::disk::{Disk, Uninterrupted};
use crate::round::Round;

/// The logs of all hosts of a data directory.
pub struct Log<D: Disk + 'static, O: Owner> {
    pub(super) disk: Uninterrupted<D>,
    pub(super) config: Config,
    pub(super) bounds: Arc<Bounds>,
    pub(super) files: Arc<Files>,
    pub(super) due: Due<HostLog<D, O>>,
    pub(super) counters: Counters,
    _lock: D::Lock,
}

/// Threads that the caller lends.
pub trait Pool {
    /// Runs a job, now or later, on this thread or on another.
    fn run(&self, job: Box<dyn FnOnce() + Send>);
}

/// The caller's own thread: one job after the other.
#[derive(Clone, Copy, Debug, Default)]
pub struct Inline;

impl Pool for Inline {
    fn run(&self, job: Box<dyn FnOnce() + Send>) {
        job();
    }
}

/// How much one call of [`Log::run_due`] may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Jobs: a host that is to be written, synced, or to begin a segment.
    pub jobs_max: usize,
}

/// What one call of [`Log::run_due`] has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ran {
    /// Jobs that were begun.
    pub jobs: usize,
    /// Those that are slow and go on without the caller.
    pub left_running: usize,
}

impl<D: Disk, O: Owner> Log<D, O> {
    /// The logs below a data directory, none of them open. The directory is locked against every
    /// other process as long as this lives.
    ///
    /// # Errors
    ///
    /// [`DiskFailure`]; its source is [`WouldBlock`](std::io::ErrorKind::WouldBlock) if another has
    /// the lock.
    pub fn open(disk: D, config: Config) -> Result<Arc<Self>, DiskFailure> {
        let disk = Uninterrupted(disk);
        let lock = disk.lock("").map_err(DiskFailure::of(Operation::Lock, ""))?;
        Ok(Arc::new(Self {
            disk,
            _lock: lock,
            bounds: Arc::new(Bounds::new(config.buffer_bytes_host, config.buffer_bytes_total)),
            files: Arc::new(Files::new(config.open_files_max)),
            due: Due::default(),
            counters: Counters::default(),
            config,
        }))
    }

    /// The log of a host, as a start has [found](super::find) it. Nothing on the disk is touched
    /// before the first write; what was found is synced soon.
    ///
    /// The buffer of `owner` was [made](super::Buffer::new) of the same `found`, in which there is no
    /// `current.wal` any more: it was [taken over](super::take_over_current). Before the host is
    /// dropped it is [closed](HostLog::close), or what it has written may be lost with the power.
    pub fn open_host(
        self: &Arc<Self>,
        directory: &str,
        found: &Found,
        owner: O,
        now: Duration,
    ) -> Arc<HostLog<D, O>> {
        let host = HostLog::new(Arc::clone(self), directory, found, owner);
        if found.unsettled {
            host.due(Task::Sync, now);
        }
        host
    }

    /// The disk, as the log uses it.
    #[must_use]
    pub fn disk(&self) -> &Uninterrupted<D> {
        &self.disk
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// When something has to be done next.
    #[must_use]
    pub fn next_due(&self) -> Option<Duration> {
        self.due.next()
    }

    /// Waits until something is due before `than` (what [`Log::next_due`] said), for `patience` at
    /// the longest: for the thread that drives the log.
    pub fn wait_due(&self, than: Option<Duration>, patience: Duration) {
        self.due.wait_earlier(than, patience);
    }

    /// Does what is due: writes what nobody waits for, syncs what was written, begins new segments.
    /// The jobs of different hosts run on `pool` at the same time; one that takes longer than
    /// [`Config::slow_file`] goes on without the caller.
    pub fn run_due(&self, now: Duration, budget: Budget, pool: &dyn Pool) -> Ran {
        let round = Arc::new(Round::default());
        let tasks = self.due.take(now, budget.jobs_max);
        let jobs = tasks.len();
        for (host, task) in tasks {
            let part = round.part();
            pool.run(Box::new(move || {
                let _part = part;
                host.run(task, now);
            }));
        }
        Ran { jobs, left_running: round.wait(self.config.slow_file) }
    }

    /// What the log has done, and what it holds.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let counters = &self.counters;
        Stats {
            mode: self.config.sync,
            records: counters.records.get(),
            batches: counters.batches.get(),
            bytes: counters.bytes.get(),
            writes: counters.writes.get(),
            syncs: counters.syncs.get(),
            sync_durations: counters.sync_durations.get(),
            directory_syncs: counters.directory_syncs.get(),
            segments: counters.segments.get(),
            rotations: counters.rotations.get(),
            dropped: counters.dropped.get(),
            kept_damaged: counters.kept_damaged.get(),
            kept_unknown: counters.kept_unknown.get(),
            refused: self.bounds.refused(),
            write_failures: counters.write_failures.get(),
            sync_failures: counters.sync_failures.get(),
            buffered: self.bounds.total(),
            open_files: self.files.open(),
            open_files_peak: self.files.open_peak(),
        }
    }
}

impl<D: Disk, O: Owner> HostLog<D, O> {
    fn run(&self, task: Task, now: Duration) {
        match task {
            Task::Flush if self.defers_flush() => {
                self.due(Task::Flush, now.saturating_add(self.log.config.flush_interval));
            }
            Task::Flush => {
                if self.drain(now, Duration::ZERO).is_err() {
                    self.due(Task::Flush, now.saturating_add(self.log.config.flush_interval));
                }
            }
            Task::Sync => self.sync_if_due(now),
            Task::Rotate => self.rotate(now),
        }
    }

    /// Whether a flush is put off for the sake of the running checkpoint: once, and then no more until
    /// something was flushed.
    fn defers_flush(&self) -> bool {
        let may_defer = self.checkpointing.load(Relaxed);
        if !may_defer {
            self.flush_deferred.store(false, Relaxed);
        }
        may_defer && !self.flush_deferred.fetch_xor(true, Relaxed)
    }
}

impl<D: Disk, O: Owner> fmt::Debug for Log<D, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("config", &self.config).finish_non_exhaustive()
    }
}
