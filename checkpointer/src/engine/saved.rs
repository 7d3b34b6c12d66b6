//! What of a host is on the disk, as far as snapshots go. Who holds its lock checkpoints the host,
//! or merges or deletes snapshots of it: one at a time.

use std::collections::BTreeSet;

use super::config::Now;
use super::files::{GIVEN_OUT_MAX, Kind};
use super::leftovers::Leftovers;
use crate::planted::{Planted, is_planted};

/// No clock shows a later time that is one.
const TIME_MAX: i64 = 1 << 60;

/// A snapshot in the host's directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SnapshotFile {
    pub(crate) number: i64,
    pub(crate) kind: Kind,
    pub(crate) file: String,
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) bytes: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Saved {
    /// The highest segment that durable snapshots cover.
    pub(crate) covered: u64,
    /// The highest segment that a start has found; 0 = none.
    pub(crate) found_log: u64,
    /// The highest name that was ever used.
    pub(crate) last_name: Option<i64>,
    /// When the checkpoint before was.
    pub(crate) previous_checkpoint: Option<i64>,
    /// Whether what a start has found is known to be durable.
    pub(crate) found_durable: bool,
    /// In the order in which they are loaded.
    pub(crate) snapshots: Vec<SnapshotFile>,
    /// A run archives its snapshots: they are neither merged nor deleted meanwhile.
    pub(crate) archiving: bool,
    /// What a start has found that is nobody's, or a write has left that did not end.
    pub(crate) leftovers: Leftovers,
    /// Left over from a merge.
    pub(crate) replaced: Vec<SnapshotFile>,
    /// Names that cannot be merged with what lies before them, as a merge has found.
    pub(crate) seams: BTreeSet<i64>,
}

impl SnapshotFile {
    /// Its `to`; 0 means for ever.
    pub(crate) fn end(&self) -> i64 {
        if self.to == 0 { i64::MAX } else { self.to }
    }
}

impl Saved {
    /// The name of the next set: the previous checkpoint's time, raised so that names ascend and none
    /// is used twice. None: there is none left, for a name in the directory is as high as can be.
    pub(crate) fn next_name(&self, now: Now) -> Option<i64> {
        let previous = self.previous_checkpoint.unwrap_or(now.unix).clamp(0, TIME_MAX);
        if is_planted(Planted::NamesByTimeOnly) {
            return Some(previous);
        }
        let next = self.last_name.map_or(previous, |last| previous.max(last.saturating_add(1)));
        (next < GIVEN_OUT_MAX).then_some(next)
    }

    /// Whether an archive run has the host.
    pub(crate) fn is_held_for_archive(&self) -> bool {
        self.archiving && !is_planted(Planted::MergedDuringArchive)
    }

    /// Brings the snapshots into the order in which they are loaded.
    pub(crate) fn sort(&mut self) {
        self.snapshots.sort_by_key(|file| (file.number, file.kind));
    }
}
