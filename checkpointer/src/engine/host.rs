//! A host of the store: its tree and its log buffer under one lock, its log, and its snapshots.
//!
//! Lock order: what is [`Saved`], the log, the host. Nobody does I/O under the host's lock.

use std::fmt;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};
use std::time::Duration;

use super::core::Core;
use super::due::Turn;
use super::patient::{Patient, Taken};
use super::saved::Saved;
use crate::disk::Disk;
use crate::log::{Buffer, HostLog, HostStats, Owner};

/// A host of the store, to which samples can be written.
pub struct StoredHost<D: Disk + 'static> {
    pub(super) core: Arc<Core<D>>,
    pub(super) cluster: Box<str>,
    pub(super) name: Box<str>,
    pub(super) log: Arc<HostLog<D, InHost<D>>>,
    pub(super) saved: Patient<Saved>,
    pub(super) turn: Turn,
    held: RwLock<Held>,
    pub(super) me: Weak<Self>,
}

/// What changes together, under the host's lock.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) tree: memstore::Host,
    pub(super) buffer: Buffer,
    /// Slots before this take no sample any more: they are archived, or about to be.
    pub(super) takes_from: i64,
    /// Of series that were removed or never loaded: the highest end in a `.bin`.
    pub(super) boundary_of_others: i64,
    pub(super) life: Life,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    Open,
    /// The engine is closing: reads only.
    Closing,
    /// It has left the store.
    Gone,
}

/// The log's way to the buffer of a host.
pub struct InHost<D: Disk + 'static>(pub(super) Weak<StoredHost<D>>);

impl<D: Disk> Owner for InHost<D> {
    fn with_buffer<R>(&self, change: impl FnOnce(&mut Buffer) -> R) -> Option<R> {
        let host = self.0.upgrade()?;
        let mut held = host.lock();
        (held.life != Life::Gone).then(|| change(&mut held.buffer))
    }
}

impl<D: Disk> StoredHost<D> {
    pub(super) fn new(
        core: &Arc<Core<D>>,
        names: (&str, &str),
        held: Held,
        saved: Saved,
        log: impl FnOnce(InHost<D>) -> Arc<HostLog<D, InHost<D>>>,
    ) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            core: Arc::clone(core),
            cluster: names.0.into(),
            name: names.1.into(),
            log: log(InHost(Weak::clone(me))),
            saved: Patient::new(saved),
            turn: Turn::default(),
            held: RwLock::new(held),
            me: Weak::clone(me),
        })
    }

    /// The name of its cluster.
    #[must_use]
    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// Its own name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its directory, below the data directory.
    #[must_use]
    pub fn directory(&self) -> &str {
        self.log.directory()
    }

    /// Does something with the tree, which nobody changes meanwhile: what takes long is to be done
    /// afterwards, with what [`Host::select`](memstore::Host::select) or
    /// [`view_all`](memstore::Host::view_all) gives.
    pub fn read<R>(&self, read: impl FnOnce(&memstore::Host) -> R) -> R {
        read(&self.lock_shared().tree)
    }

    /// The log of this host.
    #[must_use]
    pub fn log_stats(&self, uptime: Duration) -> HostStats {
        self.log.stats(uptime)
    }

    // A panic leaves the tree and the buffer with whole batches: what a poisoned lock guards is whole.

    pub(super) fn lock(&self) -> RwLockWriteGuard<'_, Held> {
        self.held.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn lock_shared(&self) -> RwLockReadGuard<'_, Held> {
        self.held.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn lock_saved(&self) -> Taken<'_, Saved> {
        self.saved.lock()
    }

    /// For a checkpoint. None: somebody else has had it for so long. That somebody had it is counted.
    pub(super) fn lock_saved_within(&self, patience: Duration) -> Option<Taken<'_, Saved>> {
        self.saved.try_lock().or_else(|| {
            self.core.counters.cover.busy.fetch_add(1, Relaxed);
            self.saved.lock_within(patience)
        })
    }
}

impl<D: Disk> fmt::Debug for StoredHost<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredHost").field("directory", &self.directory()).finish_non_exhaustive()
    }
}

impl<D: Disk> fmt::Debug for InHost<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InHost")
    }
}
