//! Freeing memory, and deleting snapshots: only what is durable, and nothing that is needed.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use memstore::Selector;

use super::config::Now;
use super::host::{Life, StoredHost};
use super::hosts::State;
use super::report::{Deleted, Freed};
use super::saved::{Saved, SnapshotFile};
use super::{Engine, fan_out};
use crate::disk::Disk;
use crate::log::{DiskFailure, Operation, Pool, StartError};
use crate::planted::{Planted, is_planted};

/// A part of the store: a cluster, a host of it, a level of that; each may be left out with all that
/// follows, and means all of them.
pub type Branch = Vec<String>;

impl<D: Disk> Engine<D> {
    /// The time before which samples are no longer inside the retention; [`i64::MIN`] without one.
    #[must_use]
    pub fn oldest(&self, now: Now) -> i64 {
        self.core.clock.oldest(now)
    }

    /// Frees what lies before `before`, by whole blocks, of these branches: first the hosts concerned
    /// are checkpointed, then what is durable is freed. Hosts that are kept are left alone.
    pub fn free(
        &self,
        before: i64,
        branches: &[Branch],
        is_kept: &dyn Fn(&str, &str) -> bool,
        now: Now,
        pool: &dyn Pool,
    ) -> Freed {
        let mut freed = Freed::default();
        let mut concerned: Vec<Arc<StoredHost<D>>> = self.hosts.open();
        concerned.retain(|host| {
            let is_meant = branches.iter().any(|branch| path_below(host, branch).is_some());
            is_meant && !is_kept(host.cluster(), host.name())
        });
        if !is_planted(Planted::FreedWhileDirty) {
            freed.checkpoint = self.checkpoint(&concerned, now, pool, None);
        }
        for host in &concerned {
            let mut blocks = 0;
            for branch in branches {
                let Some(path) = path_below(host, branch) else { continue };
                let path: Vec<&[u8]> = path.iter().map(String::as_bytes).collect();
                blocks += host.free(before, &Selector::path(&path));
            }
            if blocks > 0 {
                host.lock().tree.bundle();
            }
            freed.blocks += blocks;
            freed.hosts += u64::from(self.forget_if_empty(host));
        }
        self.core.counters.freed_blocks.fetch_add(freed.blocks, Relaxed);
        freed
    }

    /// Deletes the snapshots that end at `before` or earlier, of hosts that are not kept. What they
    /// cover or replace is deleted first.
    pub fn delete(
        &self,
        before: i64,
        is_kept: &dyn Fn(&str, &str) -> bool,
        pool: &dyn Pool,
    ) -> Deleted {
        let mut deleted = Deleted::default();
        // Without any sample nobody knows what is old.
        if self.core.clock.newest().is_none() {
            return deleted;
        }
        let mut hosts = self.hosts.open();
        hosts.retain(|host| !is_kept(host.cluster(), host.name()));
        let outcomes = fan_out(pool, hosts, move |host: Arc<StoredHost<D>>| {
            let outcome = host.delete_before(before);
            (host, outcome)
        });
        for (host, outcome) in outcomes.into_iter().flatten() {
            match outcome {
                Ok(snapshots) => deleted.snapshots += snapshots,
                Err(error) => deleted.failed.push((host.directory().into(), error.to_string())),
            }
            self.forget_if_empty(&host);
        }
        self.core.counters.deleted.fetch_add(deleted.snapshots, Relaxed);
        deleted
    }

    /// A host with nothing in memory and nothing on the disk leaves the store.
    pub(crate) fn forget_if_empty(&self, host: &Arc<StoredHost<D>>) -> bool {
        let Some(slot) = self.hosts.get(host.cluster(), host.name()) else { return false };
        let mut state = slot.lock();
        let State::Open(open) = &*state else { return false };
        if !Arc::ptr_eq(open, host) || !host.leave_if_empty() {
            return false;
        }
        *state = State::Closed;
        drop(state);
        drop(slot);
        self.hosts.forget(host.cluster(), host.name());
        true
    }
}

/// The files that end at `before` or earlier, in the order of loading; but for those behind one that
/// stays and reaches into their time: without them its older values would count again.
fn deletable(snapshots: &[SnapshotFile], before: i64) -> Vec<String> {
    let mut ordered: Vec<&SnapshotFile> = snapshots.iter().collect();
    ordered.sort_by_key(|file| (file.number, file.kind));
    let mut stays_from = i64::MAX;
    let mut old = Vec::new();
    for file in ordered {
        if file.to <= before && file.to != 0 && file.to <= stays_from {
            old.push(file.file.clone());
        } else {
            stays_from = stays_from.min(file.from);
        }
    }
    old
}

/// The path below a host that a branch means; None if it means another host.
fn path_below<'a, D: Disk>(host: &StoredHost<D>, branch: &'a [String]) -> Option<&'a [String]> {
    let names = [host.cluster(), host.name()];
    let is_meant = branch.iter().zip(names).all(|(meant, name)| meant == name);
    is_meant.then(|| branch.get(names.len()..).unwrap_or_default())
}

impl<D: Disk> StoredHost<D> {
    /// Frees what is durable; returns how many blocks.
    fn free(&self, before: i64, selector: &Selector) -> u64 {
        let mut held = self.lock();
        if is_planted(Planted::FreedWhileDirty) && held.tree.capture().is_some() {
            held.tree.capture_ended(memstore::CaptureEnd::Durable);
        }
        let freed = held.tree.free(before, selector);
        if let Some(boundary) = freed.highest_boundary
            && !is_planted(Planted::BoundaryForgotten)
        {
            held.boundary_of_others = held.boundary_of_others.max(boundary);
        }
        freed.blocks
    }

    fn leave_if_empty(&self) -> bool {
        // Whoever has it is about to change that.
        let Some(saved) = self.saved.try_lock() else { return false };
        if !saved.snapshots.is_empty() || !saved.replaced.is_empty() || !saved.leftovers.is_empty()
        {
            return false;
        }
        let mut held = self.lock();
        if !held.tree.is_empty() || held.buffer.highest_used() > saved.covered {
            return false;
        }
        held.life = Life::Gone;
        true
    }

    /// Deletes snapshots that end at `before` or earlier; first, and durably, the segments that they
    /// cover and what they replace.
    pub(super) fn delete_before(&self, before: i64) -> Result<u64, StartError> {
        let mut saved = self.lock_saved();
        let old = deletable(&saved.snapshots, before);
        if saved.archiving || old.is_empty() {
            return Ok(0);
        }
        if !is_planted(Planted::FoundSnapshotsBelievedDurable) {
            self.make_found_durable(&mut saved)?;
        }
        if !is_planted(Planted::CoveredOutlivesSnapshot) {
            self.drop_covered(&mut saved)?;
            self.log.sync_directories()?;
        }
        if !is_planted(Planted::MergedDeletedBeforeReplaced) {
            self.delete_replaced(&mut saved)?;
        }
        for file in &old {
            self.delete_snapshot(file)?;
            saved.snapshots.retain(|other| other.file != *file);
        }
        // So that none comes back when its host does.
        self.log.sync_directories()?;
        Ok(old.len() as u64)
    }

    /// What a merged snapshot replaces would come back with the merged one gone.
    pub(super) fn delete_replaced(&self, saved: &mut Saved) -> Result<(), DiskFailure> {
        if saved.replaced.is_empty() {
            return Ok(());
        }
        while let Some(file) = saved.replaced.last().map(|last| last.file.clone()) {
            self.delete_snapshot(&file)?;
            saved.replaced.pop();
        }
        self.log.sync_directories()
    }

    pub(super) fn delete_snapshot(&self, file: &str) -> Result<(), DiskFailure> {
        let path = format!("{}/{file}", self.directory());
        match self.core.disk().remove(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(DiskFailure::new(Operation::Remove, &path, error))
            }
            _ => Ok(()),
        }
    }
}
