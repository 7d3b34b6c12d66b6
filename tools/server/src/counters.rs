//! What the server counts. Everything only grows.

use ingest::Outcome;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Counters of requests, lines and messages.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) nats: Arc<NatsCounters>,
    lines: [LineCounters; 2],
    /// Whether the last write was not let into the log.
    pub(crate) log_refuses: AtomicBool,
    requests: Mutex<BTreeMap<(&'static str, u16), Requests>>,
    archive: Mutex<ArchiveCounters>,
}

/// What archive runs have made.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ArchiveCounters {
    pub(crate) files: u64,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    /// By outcome: done, done but for some hosts, failed.
    pub(crate) runs: [u64; 3],
    /// The last one, and when that was.
    pub(crate) last: Option<(ArchiveOutcome, i64)>,
}

/// How an archive run has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveOutcome {
    /// Everything was archived.
    Done,
    /// Some hosts were left out, or not all of their snapshots deleted.
    Problems,
    /// Nothing was archived.
    Failed,
}

impl ArchiveOutcome {
    pub(crate) const ALL: [(Self, &'static str); 3] =
        [(Self::Done, "done"), (Self::Problems, "problems"), (Self::Failed, "failed")];
}

/// What an archive run has made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchiveRun {
    /// How it has ended.
    pub outcome: ArchiveOutcome,
    /// Files.
    pub files: u64,
    /// Rows in them.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// How lines came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Http,
    Nats,
}

/// What became of lines.
#[derive(Debug, Default)]
pub(crate) struct LineCounters {
    pub(crate) batches: AtomicU64,
    /// Batches that the log did not take.
    pub(crate) not_acknowledged: AtomicU64,
    pub(crate) stored: AtomicU64,
    /// Of these, those that the log did not take.
    pub(crate) unlogged: AtomicU64,
    /// By reason.
    refused: Mutex<BTreeMap<&'static str, u64>>,
}

/// What became of messages, and of the connection they come by.
#[derive(Debug, Default)]
pub(crate) struct NatsCounters {
    /// Times that a connection was made.
    pub(crate) connections: AtomicU64,
    /// Messages received.
    pub(crate) messages: AtomicU64,
    /// Messages for which there was no room in the queue.
    pub(crate) dropped: AtomicU64,
    /// Times that messages came faster than they could be received.
    pub(crate) slow: AtomicU64,
}

/// Requests to one path with one status.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Requests {
    pub(crate) count: u64,
    pub(crate) time: Duration,
}

impl LineCounters {
    /// How many were refused, by reason.
    pub(crate) fn refused(&self) -> BTreeMap<&'static str, u64> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Counters {
    pub(crate) fn lines(&self, source: Source, outcome: &Outcome) {
        let counters = self.of(source);
        counters.batches.fetch_add(1, Ordering::Relaxed);
        counters.stored.fetch_add(outcome.stored, Ordering::Relaxed);
        counters.unlogged.fetch_add(outcome.unlogged, Ordering::Relaxed);
        let failed = outcome.not_acknowledged.is_some();
        counters.not_acknowledged.fetch_add(u64::from(failed), Ordering::Relaxed);
        self.log_refuses.store(failed || outcome.unlogged > 0, Ordering::Relaxed);
        if outcome.malformed + outcome.policy > 0 {
            let mut refused = counters.refused.lock().unwrap_or_else(PoisonError::into_inner);
            for (reason, count) in outcome.refused.iter() {
                *refused.entry(reason.label()).or_default() += count;
            }
        }
    }

    pub(crate) fn archived(&self, run: ArchiveRun, unix: i64) {
        let mut archive = self.archive.lock().unwrap_or_else(PoisonError::into_inner);
        archive.files += run.files;
        archive.rows += run.rows;
        archive.bytes += run.bytes;
        if let Some(runs) = archive.runs.get_mut(run.outcome as usize) {
            *runs += 1;
        }
        archive.last = Some((run.outcome, unix));
    }

    pub(crate) fn archive(&self) -> ArchiveCounters {
        *self.archive.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn of(&self, source: Source) -> &LineCounters {
        &self.lines[source as usize]
    }

    /// A request was answered, but for the parts that are still to come.
    pub(crate) fn request(&self, path: &'static str, status: u16, time: Duration) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = requests.entry((path, status)).or_default();
        entry.count += 1;
        entry.time += time;
    }

    pub(crate) fn requests(&self) -> BTreeMap<(&'static str, u16), Requests> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
