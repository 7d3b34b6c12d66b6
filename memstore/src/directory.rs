//! All hosts: a concurrent map from cluster and host to a cell with a lock of its own.
//!
//! Nothing is ever written to a host that was removed: a cell that left the directory says so to
//! everyone who still holds it, under its lock. So a writer may keep the cells it writes to, and
//! looks them up again when it is told.
//!
//! Locks are taken in the order cell, map, and nobody waits for a cell with the map locked: a host
//! that is busy delays no other, nor any look-up.

use crate::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use core::fmt;
use core::ops::{Deref, DerefMut};
use std::collections::BTreeMap;

type Cells<T> = BTreeMap<Box<[u8]>, Arc<Cell<T>>>;

/// A concurrent map (cluster, host) → `T`, with one lock for every `T`.
///
/// ```
/// use memstore::{Directory, Host};
///
/// let directory = Directory::new();
/// let cell = directory.get_or_insert_with(b"alpha", b"a01", Host::new);
/// assert!(cell.write().is_some());
///
/// assert!(directory.remove_if(b"alpha", b"a01", Host::is_empty));
/// assert!(cell.write().is_none(), "who still has the cell is told");
/// ```
pub struct Directory<T> {
    clusters: RwLock<BTreeMap<Box<[u8]>, Cells<T>>>,
}

/// A host of a [`Directory`], under its lock.
pub struct Cell<T> {
    state: RwLock<State<T>>,
}

struct State<T> {
    value: T,
    removed: bool,
}

/// Shared access to the host of a [`Cell`].
pub struct ReadGuard<'a, T>(RwLockReadGuard<'a, State<T>>);

/// Exclusive access to the host of a [`Cell`].
pub struct WriteGuard<'a, T>(RwLockWriteGuard<'a, State<T>>);

impl<T> Cell<T> {
    /// Waits for shared access; None if the host was removed.
    ///
    /// ```
    /// # let directory = memstore::Directory::new();
    /// let cell = directory.get_or_insert_with(b"alpha", b"a01", || 7);
    /// assert_eq!(cell.read().map(|host| *host), Some(7));
    /// ```
    #[must_use]
    pub fn read(&self) -> Option<ReadGuard<'_, T>> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        (!state.removed).then(|| ReadGuard(state))
    }

    /// Waits for exclusive access; None if the host was removed: look it up again.
    ///
    /// ```
    /// # let directory = memstore::Directory::new();
    /// let cell = directory.get_or_insert_with(b"alpha", b"a01", || 7);
    /// *cell.write().unwrap() += 1;
    /// assert_eq!(*cell.read().unwrap(), 8);
    /// ```
    #[must_use]
    pub fn write(&self) -> Option<WriteGuard<'_, T>> {
        let state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        (!state.removed).then(|| WriteGuard(state))
    }
}

impl<T> Directory<T> {
    /// A directory without hosts.
    ///
    /// ```
    /// assert!(memstore::Directory::<memstore::Host>::new().is_empty());
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self { clusters: RwLock::new(BTreeMap::new()) }
    }

    /// The cell of a host, if it is there.
    ///
    /// ```
    /// # let directory = memstore::Directory::<memstore::Host>::new();
    /// assert!(directory.get(b"alpha", b"a01").is_none());
    /// ```
    #[must_use]
    pub fn get(&self, cluster: &[u8], host: &[u8]) -> Option<Arc<Cell<T>>> {
        self.lock_shared().get(cluster)?.get(host).cloned()
    }

    /// The cell of a host. If there is none, `make` makes it, under the lock of the map: it must not
    /// use the directory.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # let directory = memstore::Directory::new();
    /// let cell = directory.get_or_insert_with(b"alpha", b"a01", || 7);
    /// let again = directory.get_or_insert_with(b"alpha", b"a01", || 8);
    /// assert!(Arc::ptr_eq(&cell, &again));
    /// ```
    pub fn get_or_insert_with(
        &self,
        cluster: &[u8],
        host: &[u8],
        make: impl FnOnce() -> T,
    ) -> Arc<Cell<T>> {
        if let Some(cell) = self.get(cluster, host) {
            return cell;
        }
        let mut clusters = self.lock();
        let cells = clusters.entry(cluster.into()).or_default();
        let cell = cells.entry(host.into()).or_insert_with(|| {
            Arc::new(Cell { state: RwLock::new(State { value: make(), removed: false }) })
        });
        Arc::clone(cell)
    }

    /// Exclusive access to a host, which is made if it is not there, or no longer. It may be another
    /// host than the last time: a [`Handle`](crate::Handle) that was kept is then of no use.
    ///
    /// ```
    /// # let directory = memstore::Directory::new();
    /// assert_eq!(directory.update(b"alpha", b"a01", || 7, |host| { *host += 1; *host }), 8);
    /// ```
    pub fn update<R>(
        &self,
        cluster: &[u8],
        host: &[u8],
        make: impl Fn() -> T,
        change: impl FnOnce(&mut T) -> R,
    ) -> R {
        loop {
            let cell = self.get_or_insert_with(cluster, host, &make);
            if let Some(mut value) = cell.write() {
                return change(&mut value);
            }
        }
    }

    /// Removes a host if it is there and `condition` holds under its lock; says whether it did. The
    /// caller holds no guard of that host.
    ///
    /// ```
    /// # let directory = memstore::Directory::new();
    /// directory.get_or_insert_with(b"alpha", b"a01", || 7);
    /// assert!(!directory.remove_if(b"alpha", b"a01", |host| *host == 8));
    /// assert!(directory.remove_if(b"alpha", b"a01", |host| *host == 7));
    /// assert!(directory.is_empty());
    /// ```
    pub fn remove_if(
        &self,
        cluster: &[u8],
        host: &[u8],
        condition: impl FnOnce(&T) -> bool,
    ) -> bool {
        let Some(cell) = self.get(cluster, host) else { return false };
        let mut state = cell.state.write().unwrap_or_else(PoisonError::into_inner);
        if state.removed || !condition(&state.value) {
            return false;
        }
        state.removed = true;
        // The cell stays locked until it has left the map: who finds it there waits, and then finds
        // another one.
        let mut clusters = self.lock();
        if let Some(cells) = clusters.get_mut(cluster) {
            cells.remove(host);
            if cells.is_empty() {
                clusters.remove(cluster);
            }
        }
        true
    }

    /// The clusters that have hosts, sorted.
    ///
    /// ```
    /// # let directory = memstore::Directory::new();
    /// directory.get_or_insert_with(b"alpha", b"a01", || 7);
    /// assert_eq!(directory.clusters(), [b"alpha"]);
    /// ```
    #[must_use]
    pub fn clusters(&self) -> Vec<Vec<u8>> {
        self.lock_shared().keys().map(|name| name.to_vec()).collect()
    }

    /// The hosts of a cluster, sorted.
    ///
    /// ```
    /// # let directory = memstore::Directory::new();
    /// directory.get_or_insert_with(b"alpha", b"a02", || 7);
    /// directory.get_or_insert_with(b"alpha", b"a01", || 7);
    /// assert_eq!(directory.hosts(b"alpha"), [b"a01", b"a02"]);
    /// ```
    #[must_use]
    pub fn hosts(&self, cluster: &[u8]) -> Vec<Vec<u8>> {
        let clusters = self.lock_shared();
        let names = clusters.get(cluster).into_iter().flat_map(BTreeMap::keys);
        names.map(|name| name.to_vec()).collect()
    }

    /// How many hosts there are.
    ///
    /// ```
    /// # let directory = memstore::Directory::new();
    /// directory.get_or_insert_with(b"alpha", b"a01", || 7);
    /// assert_eq!(directory.len(), 1);
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock_shared().values().map(BTreeMap::len).sum()
    }

    /// Whether there is no host.
    ///
    /// ```
    /// assert!(memstore::Directory::<memstore::Host>::new().is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lock_shared().is_empty()
    }

    // A panic in `make` leaves at most a cluster without hosts: a poisoned map is whole.
    fn lock_shared(&self) -> RwLockReadGuard<'_, BTreeMap<Box<[u8]>, Cells<T>>> {
        self.clusters.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> RwLockWriteGuard<'_, BTreeMap<Box<[u8]>, Cells<T>>> {
        self.clusters.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Default for Directory<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Deref for ReadGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.value
    }
}

impl<T> Deref for WriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.value
    }
}

impl<T> DerefMut for WriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0.value
    }
}

// No `T`: it is large, and under a lock.
impl<T> fmt::Debug for Directory<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directory").field("hosts", &self.len()).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Cell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cell").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for ReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadGuard").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for WriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteGuard").finish_non_exhaustive()
    }
}
