//! What the caller decides about the log.

use std::time::Duration;

use crate::stopwatch::Stopwatch;

/// When a write is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncMode {
    /// As soon as it is in memory; the log is written every flush interval.
    None,
    /// When it is written to the file, which is synced every sync interval.
    Flush,
    /// When it is synced; writers that wait at the same time share a sync.
    Always,
}

/// Intervals, bounds and sizes of the log.
#[derive(Clone, Debug)]
pub struct Config {
    /// When a write is acknowledged.
    pub sync: SyncMode,
    /// The longest that a record stays in the buffer when nobody waits for it, and twice as long while
    /// its host is checkpointed; also how long a write that failed is left alone before it is tried
    /// again unasked.
    pub flush_interval: Duration,
    /// The longest that written records stay unsynced ([`SyncMode::Flush`]).
    pub sync_interval: Duration,
    /// A host with so many unsynced bytes is synced before its interval is over.
    pub sync_bytes: u64,
    /// The longest that a round waits for one file: a slower one is left to its own waiters.
    pub slow_file: Duration,
    /// How many bytes of one host may wait to be written; twice as many while it is checkpointed.
    pub buffer_bytes_host: usize,
    /// How many bytes of all hosts together may wait to be written.
    pub buffer_bytes_total: usize,
    /// A segment of this size is followed by a new one.
    pub segment_bytes: u64,
    /// A segment of this age is followed by a new one.
    pub segment_age: Duration,
    /// How many segments, of all hosts together, may be open at a time.
    pub open_files_max: usize,
    /// What syncs and checkpoints are measured with.
    pub stopwatch: Stopwatch,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            sync: SyncMode::Flush,
            flush_interval: Duration::from_secs(1),
            sync_interval: Duration::from_secs(1),
            sync_bytes: 64 << 20,
            slow_file: Duration::from_secs(1),
            buffer_bytes_host: 4 << 20,
            buffer_bytes_total: 256 << 20,
            segment_bytes: 64 << 20,
            segment_age: Duration::from_hours(1),
            open_files_max: 768,
            stopwatch: Stopwatch::default(),
        }
    }
}
