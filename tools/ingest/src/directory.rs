//! The hosts whose keys are remembered, by cluster and name.
//!
//! Its lock is held to look a host up, never while anything is read or written. A host that somebody
//! works with is not forgotten: whoever works with one holds a reference that was cloned under this
//! lock.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak,
};
use std::time::Duration;

use checkpointer::StoredHost;
use checkpointer::disk::Disk;
use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::keys::Keys;

/// A host whose keys are remembered.
pub(crate) struct Known<D: Disk + 'static> {
    pub(crate) cluster: Box<str>,
    pub(crate) host: Box<str>,
    /// Seconds of the caller's clock.
    used_at: AtomicU64,
    /// What its keys take.
    bytes: AtomicUsize,
    keys: AtomicUsize,
    held: Mutex<Held<D>>,
}

/// What of a host is changed by who writes to it.
pub(crate) struct Held<D: Disk + 'static> {
    /// The host itself, unless it has left the store.
    pub(crate) stored: Weak<StoredHost<D>>,
    pub(crate) keys: Keys,
    /// How many metrics the catalogue had when the last key was learned.
    pub(crate) metrics: usize,
    pub(crate) swept_at: Duration,
}

impl<D: Disk> Known<D> {
    // A panic leaves whole entries behind: a poisoned lock guards nothing broken.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Held<D>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) struct Directory<D: Disk + 'static> {
    hosts: RwLock<HashTable<Arc<Known<D>>>>,
    hasher: RandomState,
    bytes: AtomicUsize,
    keys: AtomicUsize,
    /// When hosts that are gone are looked for next, in seconds.
    next_look: AtomicU64,
}

impl<D: Disk> Directory<D> {
    pub(crate) fn new() -> Self {
        Self {
            hosts: RwLock::default(),
            hasher: RandomState::default(),
            bytes: AtomicUsize::new(0),
            keys: AtomicUsize::new(0),
            next_look: AtomicU64::new(0),
        }
    }

    pub(crate) fn hash(&self, cluster: &[u8], host: &[u8]) -> u64 {
        self.hasher.hash_one((cluster, host))
    }

    pub(crate) fn hosts(&self) -> usize {
        self.read().len()
    }

    /// How many keys are remembered, and the bytes that they take.
    pub(crate) fn keys(&self) -> (usize, usize) {
        (self.keys.load(Relaxed), self.bytes.load(Relaxed))
    }

    pub(crate) fn get(&self, cluster: &[u8], host: &[u8]) -> Option<Arc<Known<D>>> {
        let hash = self.hash(cluster, host);
        self.read().find(hash, |known| is_called(known, cluster, host)).cloned()
    }

    /// The host of these names, remembered from now on.
    pub(crate) fn get_or_insert(
        &self,
        stored: &Arc<StoredHost<D>>,
        metrics: usize,
        now: Duration,
    ) -> Arc<Known<D>> {
        let (cluster, host) = (stored.cluster(), stored.name());
        let hash = self.hash(cluster.as_bytes(), host.as_bytes());
        let mut hosts = self.write();
        let is_it = |known: &Arc<Known<D>>| is_called(known, cluster.as_bytes(), host.as_bytes());
        if let Some(known) = hosts.find(hash, is_it) {
            return Arc::clone(known);
        }
        let held = Held {
            stored: Arc::downgrade(stored),
            keys: Keys::new(self.hasher.clone()),
            metrics,
            swept_at: now,
        };
        let known = Arc::new(Known {
            cluster: cluster.into(),
            host: host.into(),
            used_at: AtomicU64::new(now.as_secs()),
            bytes: AtomicUsize::new(0),
            keys: AtomicUsize::new(0),
            held: Mutex::new(held),
        });
        let hash_of =
            |known: &Arc<Known<D>>| self.hash(known.cluster.as_bytes(), known.host.as_bytes());
        hosts.insert_unique(hash, Arc::clone(&known), hash_of);
        known
    }

    /// Somebody has worked with the host, and is about to give its lock back.
    pub(crate) fn used(&self, known: &Known<D>, keys: &Keys, now: Duration) {
        known.used_at.store(now.as_secs(), Relaxed);
        exchange(&self.bytes, &known.bytes, keys.heap_bytes());
        exchange(&self.keys, &known.keys, keys.len());
    }

    /// Forgets hosts: those that were not used for long, and where memory is above its bound those
    /// that were not used for the longest time.
    pub(crate) fn forget(&self, now: Duration, forget_after: Duration, bytes_max: usize) {
        let seconds = now.as_secs();
        if seconds >= self.next_look.load(Relaxed) {
            self.next_look.store(seconds + forget_after.as_secs().div_ceil(8).max(1), Relaxed);
            let oldest = seconds.checked_sub(forget_after.as_secs());
            let is_old = |used: u64| oldest.is_some_and(|oldest| used < oldest);
            self.retain(&mut self.write(), |known| !is_old(known.used_at.load(Relaxed)));
        }
        if self.bytes.load(Relaxed) > bytes_max {
            let mut hosts = self.write();
            let mut excess = self.bytes.load(Relaxed).saturating_sub(bytes_max - bytes_max / 8);
            let mut used: Vec<(u64, usize)> = hosts
                .iter()
                .map(|known| (known.used_at.load(Relaxed), known.bytes.load(Relaxed)))
                .collect();
            used.sort_unstable();
            let mut sum = 0;
            let enough = |(_, bytes): &&(u64, usize)| {
                sum += bytes;
                sum >= excess
            };
            let up_to = used.iter().find(enough).map_or(u64::MAX, |(used, _)| *used);
            self.retain(&mut hosts, |known| {
                let goes = excess > 0 && known.used_at.load(Relaxed) <= up_to;
                if goes {
                    excess = excess.saturating_sub(known.bytes.load(Relaxed));
                }
                !goes
            });
        }
    }

    fn retain(
        &self,
        hosts: &mut HashTable<Arc<Known<D>>>,
        mut stays: impl FnMut(&Known<D>) -> bool,
    ) {
        hosts.retain(|known| {
            let stays = Arc::strong_count(known) > 1 || stays(known);
            if !stays {
                exchange(&self.bytes, &known.bytes, 0);
                exchange(&self.keys, &known.keys, 0);
            }
            stays
        });
    }

    fn read(&self) -> RwLockReadGuard<'_, HashTable<Arc<Known<D>>>> {
        self.hosts.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashTable<Arc<Known<D>>>> {
        self.hosts.write().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn is_called<D: Disk>(known: &Known<D>, cluster: &[u8], host: &[u8]) -> bool {
    known.host.as_bytes() == host && known.cluster.as_bytes() == cluster
}

/// A part of a sum is another now.
fn exchange(sum: &AtomicUsize, part: &AtomicUsize, now: usize) {
    let before = part.swap(now, Relaxed);
    if before != now {
        sum.fetch_add(now, Relaxed);
        sum.fetch_sub(before, Relaxed);
    }
}
