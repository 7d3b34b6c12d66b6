//! Syncing: many files at the same time, each by one thread, with no lock held meanwhile.
//!
//! A record passes as synced when a sync of its own file has succeeded that began after it was
//! written, and the names of that file and of the directories above it are durable. A sync that
//! fails is final: nothing in that segment is ever taken for durable again, and the host asks for
//! a checkpoint.

use std::io;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use super::config::SyncMode;
use super::due::Task;
use super::error::{DiskFailure, Operation, Unacknowledged};
use super::host::{HostLog, Owner};
use super::lock::LogLock;
use super::segment::{State, Target};
use super::start::sync_directory;
use super::store::Log;
use super::writer::{FileOf, Unsettled};
use crate::disk::{Disk, File};
use crate::planted::{Planted, is_planted};

impl<D: Disk, O: Owner> HostLog<D, O> {
    /// Syncs what was written until now. The caller has set `syncing`, which ends with this.
    ///
    /// # Errors
    ///
    /// [`Unacknowledged::TimedOut`] if another has the log lock for longer than that; what the disk
    /// refuses is noted.
    pub(super) fn sync_round(&self, patience: Duration) -> Result<(), Unacknowledged> {
        let _syncing = Syncing(self);
        self.sync_found(patience)?;
        let lock = self.lock_log(patience).ok_or(Unacknowledged::TimedOut)?;
        let mut targets = lock.segments.targets();
        drop(lock);
        if self.log.config.sync == SyncMode::None {
            targets.retain(|target| target.is_ended);
        }
        for target in targets {
            let outcome = self.sync_target(&target);
            let mut lock = self.lock_log_to_tell();
            self.target_synced(&mut lock, &target, outcome);
        }
        Ok(())
    }

    pub(super) fn sync_target(&self, target: &Target<FileOf<D>>) -> Result<(), DiskFailure> {
        self.log.counters.syncs.add(1);
        let synced = self.measured(|| target.file.file.sync());
        synced.map_err(DiskFailure::of(Operation::Sync, &target.path))?;
        if target.name_durable { Ok(()) } else { self.sync_directories() }
    }

    /// The host's directory for the names of its files; those above it for its own name, once.
    pub(crate) fn sync_directories(&self) -> Result<(), DiskFailure> {
        if is_planted(Planted::DirectoryNotSynced) {
            return Ok(());
        }
        let disk = &self.log.disk;
        self.log.counters.directory_syncs.add(1);
        sync_directory(disk, &self.directory)?;
        if self.parents_durable.load(SeqCst) || is_planted(Planted::ParentsNotSynced) {
            return Ok(());
        }
        let mut directory = &*self.directory;
        while !directory.is_empty() {
            directory = directory.rsplit_once('/').map_or("", |(parent, _)| parent);
            self.log.counters.directory_syncs.add(1);
            sync_directory(disk, directory)?;
        }
        self.parents_durable.store(true, SeqCst);
        Ok(())
    }

    pub(super) fn target_synced(
        &self,
        lock: &mut LogLock<'_, D, O>,
        target: &Target<FileOf<D>>,
        outcome: Result<(), DiskFailure>,
    ) {
        let Err(failure) = outcome else { return lock.segments.synced(target) };
        self.note_sync_failure(failure);
        if lock.segments.failed(target.number) == Some(State::Current) {
            lock.next_number(self);
        }
    }

    fn note_sync_failure(&self, failure: DiskFailure) {
        self.log.counters.sync_failures.add(1);
        self.lock_shared().last_failure = Some(failure);
    }

    /// What a start has found may be in the system's cache only.
    fn sync_found(&self, patience: Duration) -> Result<(), Unacknowledged> {
        let lock = self.lock_log(patience).ok_or(Unacknowledged::TimedOut)?;
        let Unsettled::Found(paths) = &lock.found else { return Ok(()) };
        let paths = paths.clone();
        drop(lock);
        let outcome = if is_planted(Planted::FoundBelievedSynced) {
            Ok(())
        } else {
            paths
                .iter()
                .try_for_each(|path| self.sync_path(path))
                .and_then(|()| self.sync_directories())
        };
        let mut lock = self.lock_log_to_tell();
        if !matches!(lock.found, Unsettled::Found(_)) {
            return Ok(()); // A checkpoint came between.
        }
        match outcome {
            Ok(()) => lock.found = Unsettled::Settled,
            // No descriptor, no memory: says nothing about the bytes, and is tried again.
            Err(failure) if failure.operation == Operation::Open => self.note_sync_failure(failure),
            Err(failure) => {
                self.note_sync_failure(failure);
                lock.found = Unsettled::Failed;
            }
        }
        Ok(())
    }

    fn sync_path(&self, path: &str) -> Result<(), DiskFailure> {
        self.log.counters.syncs.add(1);
        let file = self.log.disk.open(path).map_err(DiskFailure::of(Operation::Open, path))?;
        self.measured(|| file.sync()).map_err(DiskFailure::of(Operation::Sync, path))
    }

    /// How long a sync takes.
    fn measured(&self, sync: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let Log { config, counters, .. } = &*self.log;
        let started = config.stopwatch.start();
        let synced = sync();
        config.stopwatch.stop(started, &counters.sync_durations);
        synced
    }

    /// A round that nobody waits for.
    pub(super) fn sync_if_due(&self, now: Duration) {
        let mut shared = self.lock_shared();
        if shared.syncing {
            drop(shared);
            let again = now.saturating_add(self.log.config.sync_interval);
            return self.due(Task::Sync, again);
        }
        shared.syncing = true;
        drop(shared);
        // With no patience a host that is always being written would never be synced.
        let round = self.sync_round(self.log.config.slow_file);
        let reached = &self.lock_shared().reached;
        if round.is_err() || !reached.found_synced && !reached.needs_checkpoint {
            self.due(Task::Sync, now.saturating_add(self.log.config.sync_interval));
        }
    }
}

/// Somebody syncs: ends when it is dropped.
struct Syncing<'a, D: Disk + 'static, O: Owner>(&'a HostLog<D, O>);

impl<D: Disk + 'static, O: Owner> Drop for Syncing<'_, D, O> {
    fn drop(&mut self) {
        let mut shared = self.0.lock_shared();
        shared.syncing = false;
        self.0.moved(shared);
    }
}
