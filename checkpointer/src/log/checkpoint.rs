//! What a checkpoint of a host means to its log.

use std::sync::MutexGuard;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::error::{DiskFailure, Operation, Unacknowledged};
use super::host::{HostLog, Owner, Shared};
use super::queue::Mark;
use super::start::{StartError, Worth, find, read_log, segment_path};
use super::store::Log;
use crate::disk::Disk;
use crate::planted::{Planted, is_planted};

/// What has become of the segments that a snapshot covers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Deleted.
    pub segments: u64,
    /// Found damaged by this process: kept as `.damaged`.
    pub damaged: u64,
    /// With records that no snapshot can hold: kept as `.unknown`.
    pub unknown: u64,
}

/// What a checkpoint has made of the log.
#[derive(Debug)]
pub struct Covered {
    /// Records that were in the log, written or not, and are in the snapshot.
    pub records: u64,
    /// Records that came behind the mark.
    pub records_left: u64,
    /// What has become of the segments in front of the mark. Those that are left over after an error
    /// do no harm: the next checkpoint tries again.
    pub dropped: Result<Dropped, StartError>,
}

impl<D: Disk, O: Owner> HostLog<D, O> {
    /// A checkpoint begins, whose end will be told: until then the host's buffer may hold twice as
    /// much, and what nobody waits for is written an interval later, for the disk is busy, and what
    /// lies in front of the mark may never have to be written.
    pub fn checkpoint_began(&self) {
        self.set_checkpointing(true);
    }

    /// The checkpoint with this mark is durable: its snapshot, its name and its directory. All up
    /// to the mark is acknowledged, what of it waits in the buffer is forgotten, and the segments
    /// in front of the mark are deleted. One that was found at start is scanned before; if it is
    /// damaged, it is kept under another name.
    pub fn checkpoint_succeeded(&self, mark: Mark) -> Covered {
        let mut lock = self.lock_log_to_tell();
        let records = lock.covered(self, mark);
        lock.checkpoint_ended(self);
        let records_left = lock.uncovered().records;
        drop(lock);
        self.set_checkpointing(false);
        let mut covered = mark.next_number.saturating_sub(1);
        if is_planted(Planted::UncoveredSegmentDropped) {
            covered += 1;
        }
        Covered { records, records_left, dropped: self.drop_segments(covered) }
    }

    /// The running checkpoint has failed. Its mark means nothing more, and the log goes on.
    pub fn checkpoint_failed(&self) {
        self.lock_log_to_tell().checkpoint_ended(self);
        if !is_planted(Planted::CheckpointNeverOver) {
            self.set_checkpointing(false);
        }
    }

    fn set_checkpointing(&self, is_running: bool) {
        self.checkpointing.store(is_running, Relaxed);
        self.log.bounds.double(&self.share, is_running);
    }

    /// Deletes the segments up to a number. They are scanned without the log lock, which writers
    /// need, and deleted under it.
    pub(crate) fn drop_segments(&self, covered: u64) -> Result<Dropped, StartError> {
        let found = find(&self.log.disk, &self.directory)?;
        let mut covered_ones = Vec::new();
        for segment in found.segments.iter().filter(|segment| segment.number <= covered) {
            let path = segment_path(&self.directory, segment.number);
            let worth = self.worth(segment.number, &path)?;
            covered_ones.push((path, worth));
        }
        let _lock = self.lock_log_to_tell();
        let mut dropped = Dropped::default();
        for (path, worth) in &covered_ones {
            self.drop_segment(path, *worth, &mut dropped)?;
        }
        Ok(dropped)
    }

    fn drop_segment(
        &self,
        path: &str,
        worth: Worth,
        dropped: &mut Dropped,
    ) -> Result<(), DiskFailure> {
        let Log { disk, counters, .. } = &*self.log;
        let keep_as = |ending| {
            let renamed = disk.rename(path, &format!("{path}.{ending}"));
            renamed.map_err(DiskFailure::of(Operation::Rename, path))
        };
        match worth {
            Worth::Nothing => {
                disk.remove(path).map_err(DiskFailure::of(Operation::Remove, path))?;
                counters.dropped.add(1);
                dropped.segments += 1;
            }
            Worth::Damaged => {
                keep_as("damaged")?;
                counters.kept_damaged.add(1);
                dropped.damaged += 1;
            }
            Worth::Unknown => {
                keep_as("unknown")?;
                counters.kept_unknown.add(1);
                dropped.unknown += 1;
            }
        }
        Ok(())
    }

    /// Only a power loss damages a log, and that ends the process; all records of ours have a
    /// frequency, and are in the snapshot. So our own segments are never read, and those that a start
    /// has read not again.
    fn worth(&self, number: u64, path: &str) -> Result<Worth, DiskFailure> {
        if number >= self.first_own_number {
            return Ok(Worth::Nothing);
        }
        if let Some((_, worth)) = self.read.iter().find(|(read, _)| *read == number) {
            return Ok(*worth);
        }
        let mut unknown = false;
        let contents = read_log(&self.log.disk, path, |located| {
            unknown |= located.record.frequency.is_none();
        })?;
        Ok(Worth::of(&contents, unknown))
    }

    /// Writes and syncs everything and closes the files, in every mode: what a clean end does.
    ///
    /// # Errors
    ///
    /// [`Unacknowledged`] if something is not durable. What could be closed is closed.
    pub fn close(&self, now: Duration, patience: Duration) -> Result<(), Unacknowledged> {
        // What was written before is synced and closed all the same.
        let drained = self.drain(now, patience);
        let mut shared = self.unsyncing(patience)?;
        shared.syncing = true;
        drop(shared);
        self.sync_round(patience)?;
        // A round that has begun since may be about to tell that a sync has failed.
        let mut lock = loop {
            drop(self.unsyncing(patience)?);
            let lock = self.lock_log(patience).ok_or(Unacknowledged::TimedOut)?;
            if !self.lock_shared().syncing {
                break lock;
            }
        };
        for target in lock.segments.targets() {
            let outcome = self.sync_target(&target);
            self.target_synced(&mut lock, &target, outcome);
        }
        let closed = lock.close_files();
        drained?;
        if lock.holding || lock.needs_checkpoint() || !closed {
            return Err(Unacknowledged::NeedsCheckpoint);
        }
        Ok(())
    }

    /// Waits until nobody syncs this host's files.
    fn unsyncing(&self, patience: Duration) -> Result<MutexGuard<'_, Shared>, Unacknowledged> {
        let mut shared = self.lock_shared();
        while shared.syncing {
            let moves = shared.moves;
            shared = self.wait_for_move(shared, moves, patience)?;
        }
        Ok(shared)
    }
}
