//! The hosts there are, by cluster and name. A host is opened by who needs it first; others wait.

use std::collections::BTreeMap;
use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError,
};
use std::time::Duration;

use super::error::Offline;
use super::host::StoredHost;
use crate::disk::Disk;

type Slots<D> = BTreeMap<Box<str>, Arc<Slot<D>>>;

pub(super) struct Hosts<D: Disk + 'static> {
    clusters: RwLock<BTreeMap<Box<str>, Slots<D>>>,
}

/// A place for a host.
pub(super) struct Slot<D: Disk + 'static>(Mutex<State<D>>);

pub(super) enum State<D: Disk + 'static> {
    /// Not opened yet, or no longer.
    Closed,
    Open(Arc<StoredHost<D>>),
    /// Its files cannot be read.
    Offline {
        why: Offline,
        since: Duration,
        /// Whether it is to be loaded whole.
        is_kept: bool,
    },
}

impl<D: Disk> Slot<D> {
    pub(super) fn lock(&self) -> MutexGuard<'_, State<D>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// None: somebody is opening the host.
    pub(super) fn try_lock(&self) -> Option<MutexGuard<'_, State<D>>> {
        match self.0.try_lock() {
            Ok(state) => Some(state),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Whether there is a host, or somebody is about to open one.
    fn is_used(&self) -> bool {
        self.try_lock().is_none_or(|state| !matches!(*state, State::Closed))
    }
}

impl<D: Disk> Default for Hosts<D> {
    fn default() -> Self {
        Self { clusters: RwLock::default() }
    }
}

impl<D: Disk> Hosts<D> {
    pub(super) fn get(&self, cluster: &str, host: &str) -> Option<Arc<Slot<D>>> {
        self.lock_shared().get(cluster)?.get(host).cloned()
    }

    pub(super) fn get_or_insert(&self, cluster: &str, host: &str) -> Arc<Slot<D>> {
        if let Some(slot) = self.get(cluster, host) {
            return slot;
        }
        let mut clusters = self.lock();
        let slots = clusters.entry(cluster.into()).or_default();
        let slot =
            slots.entry(host.into()).or_insert_with(|| Arc::new(Slot(Mutex::new(State::Closed))));
        Arc::clone(slot)
    }

    /// The slots of all hosts, sorted.
    pub(super) fn slots(&self) -> Vec<(String, String, Arc<Slot<D>>)> {
        let clusters = self.lock_shared();
        let all = clusters.iter().flat_map(|(cluster, slots)| {
            slots
                .iter()
                .map(move |(host, slot)| (cluster.to_string(), host.to_string(), Arc::clone(slot)))
        });
        all.collect()
    }

    /// All hosts that are open, sorted; those that are being opened are left out.
    pub(super) fn open_now(&self) -> Vec<Arc<StoredHost<D>>> {
        let open = |(_, _, slot): (String, String, Arc<Slot<D>>)| match &*slot.try_lock()? {
            State::Open(host) => Some(Arc::clone(host)),
            State::Closed | State::Offline { .. } => None,
        };
        self.slots().into_iter().filter_map(open).collect()
    }

    /// All hosts that are open, sorted. Waits for those that are being opened.
    pub(super) fn open(&self) -> Vec<Arc<StoredHost<D>>> {
        let open = |(_, _, slot): (String, String, Arc<Slot<D>>)| match &*slot.lock() {
            State::Open(host) => Some(Arc::clone(host)),
            State::Closed | State::Offline { .. } => None,
        };
        self.slots().into_iter().filter_map(open).collect()
    }

    pub(super) fn clusters(&self) -> Vec<String> {
        let clusters = self.lock_shared();
        let used = clusters.iter().filter(|(_, slots)| slots.values().any(|slot| slot.is_used()));
        used.map(|(name, _)| name.to_string()).collect()
    }

    pub(super) fn names(&self, cluster: &str) -> Vec<String> {
        let clusters = self.lock_shared();
        let slots = clusters.get(cluster).into_iter().flatten();
        slots.filter(|(_, slot)| slot.is_used()).map(|(name, _)| name.to_string()).collect()
    }

    /// Forgets a place where there is no host. Somebody may be about to open it: then it is left.
    pub(super) fn forget(&self, cluster: &str, host: &str) {
        let mut clusters = self.lock();
        let Some(slots) = clusters.get_mut(cluster) else { return };
        // Who has looked it up has a second reference.
        let is_unused = |slot: &Arc<Slot<D>>| {
            Arc::strong_count(slot) == 1 && matches!(&*slot.lock(), State::Closed)
        };
        if slots.get(host).is_some_and(is_unused) {
            slots.remove(host);
        }
        if slots.is_empty() {
            clusters.remove(cluster);
        }
    }

    fn lock_shared(&self) -> RwLockReadGuard<'_, BTreeMap<Box<str>, Slots<D>>> {
        self.clusters.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> RwLockWriteGuard<'_, BTreeMap<Box<str>, Slots<D>>> {
        self.clusters.write().unwrap_or_else(PoisonError::into_inner)
    }
}
