//! What all hosts of an engine share.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use memstore::Catalogue;

use super::clock::Clock;
use super::config::Config;
use super::debt::CheckpointMode;
use super::host::InHost;
use super::leftovers::SetAside;
use super::marks::Marks;
use crate::disk::{Disk, Uninterrupted};
use crate::log::Log;
use crate::stopwatch::Histogram;

pub(super) struct Core<D: Disk + 'static> {
    pub(super) log: Arc<Log<D, InHost<D>>>,
    pub(super) catalogue: Catalogue,
    pub(super) config: Config,
    pub(super) clock: Clock,
    pub(super) counters: Counters,
    /// What was set aside in the directories of hosts, as it was when they were opened first.
    pub(super) set_aside: Mutex<BTreeMap<String, SetAside>>,
    /// Up to where hosts are archived.
    pub(super) marks: RwLock<Marks>,
    pub(super) closed: AtomicBool,
    next_number: AtomicU32,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) samples: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) unlogged: AtomicU64,
    /// By mode.
    pub(super) checkpoints: [AtomicU64; CheckpointMode::ALL.len()],
    pub(super) cover: CoverCounters,
    pub(super) temporaries_removed: AtomicU64,
    pub(super) checkpoint_failures: AtomicU64,
    pub(super) snapshots: AtomicU64,
    pub(super) snapshot_bytes: AtomicU64,
    pub(super) freed_blocks: AtomicU64,
    pub(super) deleted: AtomicU64,
    pub(super) merges: AtomicU64,
    pub(super) merged_snapshots: AtomicU64,
    pub(super) merged_bytes: AtomicU64,
}

/// Of checkpoints that have ended well.
#[derive(Debug, Default)]
pub(super) struct CoverCounters {
    pub(super) durations: Histogram,
    pub(super) log_bytes_before: AtomicU64,
    pub(super) log_records: AtomicU64,
    pub(super) records_covered: AtomicU64,
    pub(super) busy: AtomicU64,
}

impl<D: Disk> Core<D> {
    pub(super) fn new(log: Arc<Log<D, InHost<D>>>, catalogue: Catalogue, config: Config) -> Self {
        Self {
            clock: Clock::new(&config),
            log,
            catalogue,
            config,
            counters: Counters::default(),
            set_aside: Mutex::default(),
            marks: RwLock::default(),
            closed: AtomicBool::new(false),
            next_number: AtomicU32::new(1),
        }
    }

    pub(super) fn disk(&self) -> &Uninterrupted<D> {
        self.log.disk()
    }

    /// A number for a host's tree: none has it, so that handles of a host that was removed fit no
    /// other.
    pub(super) fn next_number(&self) -> u32 {
        self.next_number.fetch_add(1, Relaxed)
    }

    pub(super) fn archive_mark(&self, cluster: &str, host: &str) -> i64 {
        self.marks.read().unwrap_or_else(PoisonError::into_inner).of(cluster, host)
    }

    pub(super) fn raise_marks(&self, marks: &Marks) {
        self.marks.write().unwrap_or_else(PoisonError::into_inner).join(marks);
    }

    /// What was set aside in the directory of a host. Segments are set aside by checkpoints too, and the log
    /// counts those.
    pub(super) fn found_set_aside(&self, directory: &str, found: SetAside) {
        let mut all = self.set_aside.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = all.get_mut(directory) {
            before.corrupt = found.corrupt;
        } else if found != SetAside::default() {
            all.insert(directory.into(), found);
        }
    }

    pub(super) fn set_aside(&self) -> SetAside {
        let all = self.set_aside.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sum = SetAside::default();
        all.values().for_each(|found| sum.add(*found));
        sum
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Relaxed)
    }
}

impl<D: Disk> fmt::Debug for Core<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core").field("config", &self.config).finish_non_exhaustive()
    }
}
