//! What the engine has done and holds, for whoever watches it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::Engine;
use super::config::Now;
use super::hosts::State;
use crate::disk::Disk;
use crate::log;

/// What an engine has done since it was opened, and what it holds.
#[derive(Clone, Debug)]
pub struct EngineStats {
    /// Hosts that are open.
    pub hosts: u64,
    /// Hosts whose files cannot be read, and clusters that cannot be listed.
    pub offline: u64,
    /// Samples stored.
    pub samples: u64,
    /// Samples refused.
    pub refused: u64,
    /// Samples stored that are not in the log.
    pub unlogged: u64,
    /// Checkpoints of a host.
    pub checkpoints: u64,
    /// Checkpoints of a host that have failed.
    pub checkpoint_failures: u64,
    /// Snapshots written.
    pub snapshots: u64,
    /// Their bytes.
    pub snapshot_bytes: u64,
    /// Blocks freed.
    pub freed_blocks: u64,
    /// Snapshots deleted.
    pub deleted: u64,
    /// Merges of snapshots.
    pub merges: u64,
    /// Snapshots that were merged.
    pub merged_snapshots: u64,
    /// Bytes written by merging.
    pub merged_bytes: u64,
    /// Whether the wall clock is behind the newest sample by more than samples may be ahead.
    pub clock_is_behind: bool,
    /// The newest sample.
    pub newest: Option<i64>,
    /// The log.
    pub log: log::Stats,
}

impl<D: Disk> Engine<D> {
    /// What the engine has done and holds.
    #[must_use]
    pub fn stats(&self, now: Now) -> EngineStats {
        let (mut hosts, mut offline) = (0, self.unlisted_clusters());
        for (_, _, slot) in self.hosts.slots() {
            match slot.try_lock().as_deref() {
                Some(State::Open(_)) => hosts += 1,
                Some(State::Offline { .. }) => offline += 1,
                // Somebody is opening it.
                Some(State::Closed) | None => {}
            }
        }
        let counters = &self.core.counters;
        let get = |counter: &AtomicU64| counter.load(Relaxed);
        EngineStats {
            hosts,
            offline,
            samples: get(&counters.samples),
            refused: get(&counters.refused),
            unlogged: get(&counters.unlogged),
            checkpoints: get(&counters.checkpoints),
            checkpoint_failures: get(&counters.checkpoint_failures),
            snapshots: get(&counters.snapshots),
            snapshot_bytes: get(&counters.snapshot_bytes),
            freed_blocks: get(&counters.freed_blocks),
            deleted: get(&counters.deleted),
            merges: get(&counters.merges),
            merged_snapshots: get(&counters.merged_snapshots),
            merged_bytes: get(&counters.merged_bytes),
            clock_is_behind: self.core.clock.is_behind(now),
            newest: self.core.clock.newest(),
            log: self.core.log.stats(),
        }
    }
}
