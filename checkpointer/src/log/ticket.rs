//! Waiting for the acknowledgement of a batch.

use std::fmt;
use std::sync::Weak;
use std::time::Duration;

use super::config::SyncMode;
use super::error::Unacknowledged;
use super::host::{HostLog, Owner, Shared};
use super::queue::Sequence;
use crate::disk::Disk;

/// From so many bytes on it is worth a write that nobody waits for yet: it costs as much as copying
/// them, and ten times as many would not be in the processor's cache any more.
const EARLY_BYTES: usize = 24 << 10;

/// A batch that was appended to its host's buffer.
pub struct Ticket<D: Disk + 'static, O: Owner> {
    host: Weak<HostLog<D, O>>,
    sequence: Sequence,
    now: Duration,
    /// Drains that had failed before: their failure is not this one's.
    attempts: u64,
}

/// What stands between a batch and its acknowledgement.
enum Next {
    Nothing,
    Failure(Unacknowledged),
    Drain,
    Sync,
    Checkpoint,
    Others,
}

impl<D: Disk, O: Owner> Ticket<D, O> {
    pub(super) fn new(
        host: Weak<HostLog<D, O>>,
        sequence: Sequence,
        now: Duration,
        attempts: u64,
    ) -> Self {
        Self { host, sequence, now, attempts }
    }

    /// The number of the batch.
    #[must_use]
    pub fn sequence(&self) -> Sequence {
        self.sequence
    }

    /// Whether the batch is acknowledged by now.
    #[must_use]
    pub fn is_acknowledged(&self) -> bool {
        self.host.upgrade().is_some_and(|host| {
            host.lock_shared().acknowledged(host.log.config.sync) >= self.sequence
        })
    }

    /// Writes what waits, if it is much and nobody else is about to; waits for nobody, and leaves it to
    /// [`wait`](Self::wait) to tell what the disk has refused.
    pub fn write_early(&self) {
        let Some(host) = self.host.upgrade() else { return };
        let is_much = host.share.held() >= EARLY_BYTES;
        if is_much && host.log.config.sync != SyncMode::None {
            let _told_by_wait = host.drain(self.now, Duration::ZERO);
        }
    }

    /// Waits until the batch is acknowledged: written or synced, as the mode has it. Who waits
    /// writes, or syncs, if nobody else does, for all who wait.
    ///
    /// The caller waits for others as long as the log moves at least once in `patience`; with a
    /// patience of zero it waits for nobody.
    ///
    /// # Errors
    ///
    /// [`Unacknowledged`]. The ticket stays good: waiting again tries again.
    pub fn wait(&mut self, patience: Duration) -> Result<(), Unacknowledged> {
        let host = self.host.upgrade().ok_or(Unacknowledged::Gone)?;
        loop {
            let mut shared = host.lock_shared();
            let moves = shared.moves;
            match self.next(&shared, host.log.config.sync) {
                Next::Nothing => return Ok(()),
                Next::Failure(failure) => {
                    self.attempts = shared.attempts;
                    return Err(failure);
                }
                Next::Others => drop(host.wait_for_move(shared, moves, patience)?),
                Next::Checkpoint => {
                    drop(shared);
                    self.expect_checkpoint(&host)?;
                    drop(host.wait_for_move(host.lock_shared(), moves, patience)?);
                }
                Next::Drain => {
                    drop(shared);
                    self.drain(&host, patience)?;
                }
                Next::Sync => {
                    shared.syncing = true;
                    drop(shared);
                    host.sync_round(patience)?;
                }
            }
        }
    }

    fn next(&self, shared: &Shared, mode: SyncMode) -> Next {
        if shared.acknowledged(mode) >= self.sequence {
            return Next::Nothing;
        }
        let written = shared.reached.written >= self.sequence;
        if let Some(failure) = &shared.failure
            && !written
            && shared.attempts > self.attempts
            && failure.up_to >= self.sequence
        {
            return Next::Failure(Unacknowledged::WriteFailed(failure.cause.clone()));
        }
        match written {
            false if shared.busy || shared.reached.holding => Next::Others,
            false => Next::Drain,
            true if shared.reached.needs_checkpoint => Next::Checkpoint,
            true if shared.syncing => Next::Others,
            true => Next::Sync,
        }
    }

    /// Only a checkpoint helps: is one running that will?
    fn expect_checkpoint(&self, host: &HostLog<D, O>) -> Result<(), Unacknowledged> {
        let running = host.owner.with_buffer(|buffer| buffer.running());
        match running.ok_or(Unacknowledged::Gone)? {
            Some(mark) if mark.sequence >= self.sequence => Ok(()),
            _ => Err(Unacknowledged::NeedsCheckpoint),
        }
    }

    fn drain(&self, host: &HostLog<D, O>, patience: Duration) -> Result<(), Unacknowledged> {
        match host.drain(self.now, patience) {
            // Whether this batch was among those that failed, the next look says.
            Err(Unacknowledged::WriteFailed(_)) => Ok(()),
            Err(error) => Err(error),
            Ok(()) => {
                // Not written, it waits for a checkpoint, or did so a moment ago.
                let last = host.owner.with_buffer(|buffer| buffer.last_sequence);
                let is_there = last.is_some_and(|last| last >= self.sequence);
                if is_there { Ok(()) } else { Err(Unacknowledged::Gone) }
            }
        }
    }
}

impl<D: Disk, O: Owner> fmt::Debug for Ticket<D, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("sequence", &self.sequence).finish_non_exhaustive()
    }
}
