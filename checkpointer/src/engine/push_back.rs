//! Writers of a host that has too much log without a snapshot: they wait for the checkpoint, or do it,
//! but not for ever.

use std::time::Duration;

use super::config::Now;
use super::debt::CheckpointMode;
use super::error::WriteError;
use super::host::StoredHost;
use crate::disk::Disk;
use crate::log::Refused;

impl<D: Disk> StoredHost<D> {
    /// Lets a writer in: at once, unless the host has reached
    /// [`restart`](super::Thresholds::restart). Then one of those who come checkpoints it, and the
    /// others wait for that; who has no patience does neither. [`write`](Self::write) does this
    /// itself; who holds a lock of their own while they write does it before they take that.
    ///
    /// # Errors
    ///
    /// [`Refused::Uncovered`] if it has still reached it when the patience is over, or its checkpoint
    /// fails, or has failed a moment ago.
    #[inline]
    pub fn let_in(&self, now: Now, patience: Duration) -> Result<(), WriteError> {
        match self.core.config.thresholds.restart {
            Some(restart) if self.log.uncovered() >= restart => {
                Ok(self.push_back(now, patience, restart)?)
            }
            _ => Ok(()),
        }
    }

    #[cold]
    fn push_back(&self, now: Now, patience: Duration, restart: u64) -> Result<(), Refused> {
        let is_above = || self.log.uncovered() >= restart;
        if !patience.is_zero()
            && let Some(mut saved) = self.lock_saved_within(patience)
        {
            // Somebody may have done it while this one waited.
            if is_above() && self.turn.may_try(now) {
                // If it fails, that is counted, and it is as it was.
                drop(self.checkpoint_saved(&mut saved, CheckpointMode::Restart, now));
            }
        }
        if is_above() {
            self.log.count_refused();
            return Err(Refused::Uncovered { bytes: self.log.uncovered(), bytes_max: restart });
        }
        Ok(())
    }
}
