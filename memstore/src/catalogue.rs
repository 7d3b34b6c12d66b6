//! The metrics there are: name ↔ number, frequency and aggregation.
//!
//! A catalogue only grows, so that a [`MetricId`] stays valid for as long as the catalogue lives. It
//! is shared by all hosts, and locks inside.

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The number of a metric in its [`Catalogue`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetricId(u32);

/// How several series of a metric become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregation {
    /// Their sum.
    Sum,
    /// Their sum, divided by how many there are.
    Avg,
    /// Not at all: asking for several is an error.
    None,
}

/// What a metric was configured to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricConfig {
    /// Seconds from one sample to the next.
    pub frequency: NonZeroU32,
    /// How several series become one.
    pub aggregation: Aggregation,
}

/// A metric of a [`Catalogue`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name.
    pub name: Arc<[u8]>,
    /// None: the name comes from a file, the metric can be kept and captured, but not queried.
    pub config: Option<MetricConfig>,
}

/// Metrics by name and number.
///
/// ```
/// use memstore::{Aggregation, Catalogue};
/// use std::num::NonZeroU32;
///
/// let catalogue = Catalogue::new();
/// let minute = NonZeroU32::new(60).unwrap();
/// let load = catalogue.add(b"cpu_load", minute, Aggregation::Avg);
/// assert_eq!(catalogue.find(b"cpu_load"), Some(load));
/// assert_eq!(catalogue.get(load).unwrap().config.unwrap().frequency, minute);
/// ```
#[derive(Debug, Default)]
pub struct Catalogue {
    metrics: RwLock<Metrics>,
}

#[derive(Debug, Default)]
struct Metrics {
    list: Vec<Metric>,
    by_name: HashMap<Arc<[u8]>, MetricId, RandomState>,
}

impl Metrics {
    fn intern(&mut self, name: &[u8]) -> MetricId {
        if let Some(&id) = self.by_name.get(name) {
            return id;
        }
        let name: Arc<[u8]> = name.into();
        #[expect(clippy::cast_possible_truncation, reason = "2^32 names take over 64 GB")]
        let id = MetricId(self.list.len() as u32);
        self.list.push(Metric { name: Arc::clone(&name), config: None });
        self.by_name.insert(name, id);
        id
    }
}

impl Catalogue {
    /// A catalogue without metrics.
    ///
    /// ```
    /// assert!(memstore::Catalogue::new().is_empty());
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a metric; if there is one of that name, changes its frequency and aggregation. Series
    /// that have samples keep them at their frequency; a new run starts with the next sample.
    ///
    /// ```
    /// # use memstore::{Aggregation, Catalogue};
    /// # use std::num::NonZeroU32;
    /// # let (minute, hour) = (NonZeroU32::new(60).unwrap(), NonZeroU32::new(3600).unwrap());
    /// let catalogue = Catalogue::new();
    /// let power = catalogue.add(b"power", minute, Aggregation::Sum);
    /// assert_eq!(catalogue.add(b"power", hour, Aggregation::Sum), power);
    /// assert_eq!(catalogue.get(power).unwrap().config.unwrap().frequency, hour);
    /// ```
    pub fn add(&self, name: &[u8], frequency: NonZeroU32, aggregation: Aggregation) -> MetricId {
        let mut metrics = self.write();
        let id = metrics.intern(name);
        if let Some(metric) = metrics.list.get_mut(id.index()) {
            metric.config = Some(MetricConfig { frequency, aggregation });
        }
        id
    }

    /// The number of a name that comes from a file, in the catalogue or not.
    ///
    /// ```
    /// # use memstore::Catalogue;
    /// let catalogue = Catalogue::new();
    /// let id = catalogue.intern(b"of_old");
    /// assert_eq!(catalogue.get(id).unwrap().config, None);
    /// ```
    pub fn intern(&self, name: &[u8]) -> MetricId {
        if let Some(id) = self.find(name) {
            return id;
        }
        self.write().intern(name)
    }

    /// The number of a name, if it was added or interned.
    ///
    /// ```
    /// assert_eq!(memstore::Catalogue::new().find(b"cpu_load"), None);
    /// ```
    #[must_use]
    pub fn find(&self, name: &[u8]) -> Option<MetricId> {
        self.read().by_name.get(name).copied()
    }

    /// The metric of a number; None if the number is another catalogue's.
    ///
    /// ```
    /// # use memstore::Catalogue;
    /// let catalogue = Catalogue::new();
    /// let id = catalogue.intern(b"cpu_load");
    /// assert_eq!(&*catalogue.get(id).unwrap().name, b"cpu_load");
    /// ```
    #[must_use]
    pub fn get(&self, id: MetricId) -> Option<Metric> {
        self.read().list.get(id.index()).cloned()
    }

    /// How many names there are.
    ///
    /// ```
    /// # use memstore::Catalogue;
    /// let catalogue = Catalogue::new();
    /// catalogue.intern(b"cpu_load");
    /// assert_eq!(catalogue.len(), 1);
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.read().list.len()
    }

    /// Whether there is no name.
    ///
    /// ```
    /// assert!(memstore::Catalogue::new().is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All names at once, by [`MetricId::index`].
    pub(crate) fn names(&self) -> Vec<Arc<[u8]>> {
        self.read().list.iter().map(|metric| Arc::clone(&metric.name)).collect()
    }

    // A panic of a writer leaves whole entries behind: a poisoned lock guards nothing broken.
    fn read(&self) -> RwLockReadGuard<'_, Metrics> {
        self.metrics.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Metrics> {
        self.metrics.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MetricId {
    /// The number itself: from 0 on, in the order in which the names came.
    ///
    /// ```
    /// # use memstore::Catalogue;
    /// let catalogue = Catalogue::new();
    /// assert_eq!(catalogue.intern(b"first").index(), 0);
    /// assert_eq!(catalogue.intern(b"second").index(), 1);
    /// ```
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}
