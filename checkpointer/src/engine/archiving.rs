//! What an archive run asks of the engine: hosts that are durable up to a cut, and the deletion of
//! snapshots that the archive has taken over.

use std::sync::Arc;

use super::Engine;
use super::config::Now;
use super::debt::CheckpointMode;
use super::error::{CheckpointError, Offline};
use super::host::{Life, StoredHost};
use super::hosts::State;
use super::marks::Marks;
use super::merge::ArchiveHold;
use super::saved::SnapshotFile;
use crate::archive::Committed;
use crate::disk::{Disk, Uninterrupted};
use crate::log::{DiskFailure, StartError};
use crate::planted::{Planted, is_planted};

/// Why a host is left out of a run. Its mark stays.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotReady {
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    #[error(transparent)]
    Disk(#[from] DiskFailure),
    #[error("its checkpoint has left something unsaved")]
    Unsaved,
}

/// A host whose snapshots are being archived: until this is dropped nobody merges or deletes them.
pub(crate) struct Archiving<D: Disk + 'static> {
    pub(crate) host: Arc<StoredHost<D>>,
    /// Rows from here on are wanted.
    pub(crate) mark: i64,
    /// The snapshots that may have such rows, in the order in which they are loaded.
    pub(crate) files: Vec<SnapshotFile>,
    _hold: ArchiveHold<D>,
}

impl<D: Disk> Archiving<D> {
    /// From here on the host takes no slot before `cut`, and its snapshots hold all that it has before
    /// it. None if it has nothing that could be archived.
    pub(crate) fn begin(
        host: &Arc<StoredHost<D>>,
        cut: i64,
        now: Now,
    ) -> Result<Option<Self>, NotReady> {
        let mark = host.core.archive_mark(host.cluster(), host.name());
        if cut <= mark {
            return Ok(None);
        }
        let mut saved = host.lock_saved();
        if !host.take_none_before(cut) {
            return Ok(None);
        }
        // In flight counts, but nothing is: who checkpoints has the lock that is held here.
        if host.is_unsaved_before(cut) {
            host.checkpoint_saved(&mut saved, CheckpointMode::Asked, now)?;
            if host.is_unsaved_before(cut) {
                return Err(NotReady::Unsaved);
            }
        }
        if saved.snapshots.is_empty() {
            return Ok(None);
        }
        host.forget_missing(&mut saved)?;
        let is_wanted = |file: &&SnapshotFile| file.to > mark || file.to == 0;
        let mut files: Vec<_> = saved.snapshots.iter().filter(is_wanted).cloned().collect();
        if files.is_empty() {
            return Ok(None);
        }
        files.sort_by_key(|file| (file.number, file.kind));
        let hold = ArchiveHold::new(host, &mut saved);
        Ok(Some(Self { host: Arc::clone(host), mark, files, _hold: hold }))
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

impl<D: Disk> StoredHost<D> {
    /// False if the host has left the store, or is about to.
    fn take_none_before(&self, cut: i64) -> bool {
        let mut held = self.lock();
        if !is_planted(Planted::SamplesBeforeCutTaken) {
            held.takes_from = held.takes_from.max(cut);
        }
        held.life == Life::Open
    }

    fn is_unsaved_before(&self, cut: i64) -> bool {
        let held = self.lock_shared();
        held.tree.has_unsaved_before(cut) && !is_planted(Planted::ArchivedUnsaved)
    }

    pub(crate) fn snapshot_disk(&self) -> &Uninterrupted<D> {
        self.core.disk()
    }

    /// Deletes the snapshots that end before what is committed of this host.
    pub(crate) fn retire(&self, committed: &Committed) -> Result<u64, StartError> {
        self.delete_before(committed.mark(self.cluster(), self.name()))
    }
}

impl<D: Disk> Engine<D> {
    /// Hosts that are opened from here on know it.
    pub(crate) fn raise_marks(&self, marks: &Marks) {
        self.core.raise_marks(marks);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.core.is_closed()
    }

    /// How far a run may go: what is inside the retention stays, and no mark lies so far ahead that
    /// samples of today would be refused.
    pub(crate) fn latest_cut(&self, now: Now) -> i64 {
        match self.core.config.retention {
            Some(_) => self.oldest(now),
            None => now.unix,
        }
    }

    pub(crate) fn count_deleted(&self, snapshots: u64) {
        self.core.counters.deleted.fetch_add(snapshots, std::sync::atomic::Ordering::Relaxed);
    }

    /// The hosts whose files cannot be read.
    pub(crate) fn all_offline(&self) -> Vec<(String, Offline)> {
        let offline =
            |(cluster, host, slot): (String, String, Arc<super::hosts::Slot<D>>)| match &*slot
                .lock()
            {
                State::Offline { why, .. } => Some((format!("{cluster}/{host}"), why.clone())),
                State::Closed | State::Open(_) => None,
            };
        self.hosts.slots().into_iter().filter_map(offline).collect()
    }
}
