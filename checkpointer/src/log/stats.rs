//! What the log has done, for whoever watches it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::config::SyncMode;
use super::error::DiskFailure;
use super::queue::Sequence;
use crate::stopwatch::{Durations, Histogram};

/// What the log of all hosts has done since it was opened, and what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// When a write is acknowledged.
    pub mode: SyncMode,
    /// Records written to files.
    pub records: u64,
    /// Batches written to files.
    pub batches: u64,
    /// Bytes of those records.
    pub bytes: u64,
    /// Appends to files: each is for all the batches that waited.
    pub writes: u64,
    /// Files synced.
    pub syncs: u64,
    /// How long that took, where there is a [stopwatch](super::Config::stopwatch).
    pub sync_durations: Durations,
    /// Directories synced.
    pub directory_syncs: u64,
    /// Segments created.
    pub segments: u64,
    /// Segments ended, by size, by age or by mark.
    pub rotations: u64,
    /// Segments deleted because a snapshot holds what they hold.
    pub dropped: u64,
    /// Segments kept as `.damaged` for the same reason.
    pub kept_damaged: u64,
    /// Segments with records that no snapshot can hold, kept as `.unknown`.
    pub kept_unknown: u64,
    /// Batches that were not let in.
    pub refused: u64,
    /// Writes that failed; their batches stay in the buffer.
    pub write_failures: u64,
    /// Syncs that failed; their hosts need a checkpoint.
    pub sync_failures: u64,
    /// Bytes that wait to be written, or have room reserved.
    pub buffered: usize,
    /// Segments that are open.
    pub open_files: usize,
    /// The most that were open at one time.
    pub open_files_peak: usize,
}

/// The log of one host.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "facts that have nothing to do with each other")]
pub struct HostStats {
    /// The segment that is written now, if there is one.
    pub segment: Option<SegmentStats>,
    /// Bytes that wait to be written, or have room reserved.
    pub buffered: usize,
    /// Bytes that are written, but not synced.
    pub unsynced: u64,
    /// Bytes in segments that no snapshot covers: a start would have to read them.
    pub uncovered: u64,
    /// Records in them.
    pub uncovered_records: u64,
    /// The last batch written.
    pub written: Sequence,
    /// The last batch up to which all are synced, or in a durable snapshot.
    pub synced: Sequence,
    /// Whether what the start has found is known to be durable.
    pub found_synced: bool,
    /// Whether a sync has failed, so that only a checkpoint helps.
    pub needs_checkpoint: bool,
    /// Whether a checkpoint of the host is running.
    pub checkpointing: bool,
    /// Whether writing waits for the end of the running checkpoint.
    pub holding: bool,
    /// What failed last.
    pub last_failure: Option<DiskFailure>,
}

/// A segment that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentStats {
    /// The number that is its name.
    pub number: u64,
    /// How long it is.
    pub bytes: u64,
    /// Since when it is written.
    pub age: Duration,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) records: Counter,
    pub(super) batches: Counter,
    pub(super) bytes: Counter,
    pub(super) writes: Counter,
    pub(super) syncs: Counter,
    pub(super) sync_durations: Histogram,
    pub(super) directory_syncs: Counter,
    pub(super) segments: Counter,
    pub(super) rotations: Counter,
    pub(super) dropped: Counter,
    pub(super) kept_damaged: Counter,
    pub(super) kept_unknown: Counter,
    pub(super) write_failures: Counter,
    pub(super) sync_failures: Counter,
}

#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, more: u64) {
        self.0.fetch_add(more, Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}
