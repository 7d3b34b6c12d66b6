//! What the engine has done and holds, for whoever watches it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::Engine;
use super::config::Now;
use super::debt::CheckpointMode;
use super::hosts::State;
use super::leftovers::SetAside;
use crate::disk::Disk;
use crate::log;
use crate::stopwatch::Durations;

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
    /// The same by their mode, in the order of [`CheckpointMode::ALL`].
    pub checkpoints_by_mode: [u64; CheckpointMode::ALL.len()],
    /// What they have made of the log.
    pub cover: CoverStats,
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
    /// Bytes of log that no durable snapshot covers.
    pub uncovered: u64,
    /// Temporary files removed that were left over.
    pub temporaries_removed: u64,
    /// Files in the directories of hosts that were set aside: those that were found when the host was
    /// opened, and what came since.
    pub set_aside: SetAside,
    /// The log.
    pub log: log::Stats,
}

/// What checkpoints that have ended well have made of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CoverStats {
    /// How long they have taken, where there is a [stopwatch](log::Config::stopwatch).
    pub durations: Durations,
    /// Bytes of log without a snapshot when they began, of all of them together.
    pub log_bytes_before: u64,
    /// Records that were in the log when they ended, before those went that they covered.
    pub log_records: u64,
    /// Records that they covered.
    pub records_covered: u64,
    /// How often one was to begin while somebody else was at work on the files of its host.
    pub busy: u64,
}

impl CoverStats {
    /// Records covered in a millisecond of checkpoint; None if none was measured.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    pub fn efficiency_per_ms(&self) -> Option<f64> {
        let taken_ms = self.durations.sum.as_secs_f64() * 1e3;
        (taken_ms > 0.0).then(|| self.records_covered as f64 / taken_ms)
    }
}

impl<D: Disk> Engine<D> {
    /// What the engine has done and holds.
    #[must_use]
    pub fn stats(&self, now: Now) -> EngineStats {
        let (mut hosts, mut offline, mut uncovered) = (0, self.unlisted_clusters(), 0);
        for (_, _, slot) in self.hosts.slots() {
            match slot.try_lock().as_deref() {
                Some(State::Open(host)) => {
                    hosts += 1;
                    uncovered += host.log.uncovered();
                }
                Some(State::Offline { .. }) => offline += 1,
                // Somebody is opening it.
                Some(State::Closed) | None => {}
            }
        }
        let counters = &self.core.counters;
        let get = |counter: &AtomicU64| counter.load(Relaxed);
        let checkpoints_by_mode = counters.checkpoints.each_ref().map(get);
        let log = self.core.log.stats();
        let mut set_aside = self.core.set_aside();
        set_aside.damaged += log.kept_damaged;
        set_aside.unknown += log.kept_unknown;
        EngineStats {
            hosts,
            offline,
            samples: get(&counters.samples),
            refused: get(&counters.refused),
            unlogged: get(&counters.unlogged),
            checkpoints: checkpoints_by_mode.iter().sum(),
            checkpoints_by_mode,
            cover: CoverStats {
                durations: counters.cover.durations.get(),
                log_bytes_before: get(&counters.cover.log_bytes_before),
                log_records: get(&counters.cover.log_records),
                records_covered: get(&counters.cover.records_covered),
                busy: get(&counters.cover.busy),
            },
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
            uncovered,
            temporaries_removed: get(&counters.temporaries_removed),
            set_aside,
            log,
        }
    }
}
