//! One host: its tree, as a plain structure for one thread at a time. A
//! [`Directory`](crate::Directory) puts a lock around it.

use crate::bundle::Bundles;
use crate::catalogue::MetricId;
use crate::sample::{Limits, Loaded, Placed, Refused};
use crate::selector::NameError;
use crate::series::Series;
use crate::slots::BLOCK_SLOTS;
use crate::tree::{Handle, Tree};
use std::num::NonZeroU32;

/// The tree of one host: levels, by name, with children and series, by metric.
///
/// ```
/// use memstore::{Aggregation, Catalogue, Host, Limits, Query, Selector};
/// use std::num::NonZeroU32;
///
/// let minute = NonZeroU32::new(60).unwrap();
/// let catalogue = Catalogue::new();
/// let load = catalogue.add(b"cpu_load", minute, Aggregation::Avg);
///
/// let mut host = Host::new();
/// for (thread, value) in [(b"hwthread0", 1.0), (b"hwthread1", 3.0)] {
///     let series = host.series(&[thread], load)?;
///     host.write(series, minute, 1_700_000_000, value, &Limits::NONE)?;
/// }
///
/// let selector = Selector::host();
/// let query = Query::new(&selector, b"cpu_load", 1_700_000_000, 1_700_000_060);
/// let answer = host.select(&catalogue, &query)?.read()?;
/// assert_eq!(answer.values, [2.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Host {
    pub(crate) tree: Tree,
    /// A capture was taken and has not ended.
    pub(crate) capturing: bool,
    /// Loaded values that are not at their nominal time.
    moved: u64,
    pub(crate) bundles: Bundles,
}

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}

impl Host {
    /// A host without series.
    ///
    /// ```
    /// assert!(memstore::Host::new().is_empty());
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::numbered(0)
    }

    /// A host without series, with a number of its own: handles to series of a host with another
    /// number are refused. For callers that keep handles while hosts come and go; the numbers are
    /// theirs.
    ///
    /// ```
    /// # use memstore::{Catalogue, Host, Limits, Refused};
    /// # use std::num::NonZeroU32;
    /// # let minute = NonZeroU32::new(60).unwrap();
    /// # let metric = Catalogue::new().intern(b"cpu_load");
    /// let mut host = Host::numbered(1);
    /// let kept = host.series(&[b"socket0"], metric)?;
    ///
    /// let mut host = Host::numbered(2); // it was removed, and is back
    /// host.series(&[b"gpu7"], metric)?;
    /// let written = host.write(kept, minute, 1000, 42.0, &Limits::NONE);
    /// assert_eq!(written, Err(Refused::Stale));
    /// # Ok::<(), memstore::NameError>(())
    /// ```
    #[must_use]
    pub fn numbered(number: u32) -> Self {
        Self { tree: Tree::new(number), capturing: false, moved: 0, bundles: Bundles::new(number) }
    }

    /// The series of a metric at the level of this path, made if it is not there.
    ///
    /// ```
    /// # use memstore::{Catalogue, Host};
    /// # let metric = Catalogue::new().intern(b"cpu_load");
    /// let mut host = Host::new();
    /// let handle = host.series(&[b"socket0", b"core3"], metric)?;
    /// assert_eq!(host.series(&[b"socket0", b"core3"], metric)?, handle);
    /// # Ok::<(), memstore::NameError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`NameError`] if there cannot be such a level; nothing is made then.
    pub fn series(&mut self, path: &[&[u8]], metric: MetricId) -> Result<Handle, NameError> {
        self.tree.make_series(path, metric)
    }

    /// The series of a metric at the level of this path, if it is there.
    ///
    /// ```
    /// # use memstore::{Catalogue, Host};
    /// # let metric = Catalogue::new().intern(b"cpu_load");
    /// assert_eq!(Host::new().find(&[b"socket0"], metric), None);
    /// ```
    #[must_use]
    pub fn find(&self, path: &[&[u8]], metric: MetricId) -> Option<Handle> {
        self.tree.find_series(path, metric)
    }

    /// The names of a level's children, sorted; None if there is no such level.
    ///
    /// ```
    /// # use memstore::{Catalogue, Host};
    /// # let metric = Catalogue::new().intern(b"cpu_load");
    /// let mut host = Host::new();
    /// host.series(&[b"socket1"], metric)?;
    /// host.series(&[b"socket0", b"core3"], metric)?;
    /// let children: Vec<_> = host.children(&[]).unwrap().collect();
    /// assert_eq!(children, [b"socket0", b"socket1"]);
    /// assert!(host.children(&[b"socket2"]).is_none());
    /// # Ok::<(), memstore::NameError>(())
    /// ```
    #[must_use]
    pub fn children(&self, path: &[&[u8]]) -> Option<impl Iterator<Item = &[u8]>> {
        let level = self.tree.level(self.tree.find_level(path)?);
        Some(level.children.iter().map(|&child| &*self.tree.level(child).name))
    }

    /// Whether there is no series, not even one without samples.
    ///
    /// ```
    /// # use memstore::{Catalogue, Host};
    /// # let metric = Catalogue::new().intern(b"cpu_load");
    /// let mut host = Host::new();
    /// host.series(&[], metric)?;
    /// assert!(!host.is_empty());
    /// # Ok::<(), memstore::NameError>(())
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tree.all_series().next().is_none()
    }

    /// Stores a sample that arrives; says where. A second sample for a slot replaces the first.
    ///
    /// It goes to the slot that takes its time, within half an interval, of the earliest run that
    /// has it; else a run is extended, forwards before backwards, by 512 slots at most and never
    /// into the next run; else the sample opens a run at its own time. It also opens one behind the
    /// newest when that has 512 slots or more and the sample is off its phase by more than a quarter of
    /// the frequency, when that came from a foreign file, or when `frequency`, the metric's, is another.
    ///
    /// ```
    /// # use memstore::{Catalogue, Host, Limits, Refused};
    /// # use std::num::NonZeroU32;
    /// # let metric = Catalogue::new().intern(b"cpu_load");
    /// # let minute = NonZeroU32::new(60).unwrap();
    /// # let mut host = Host::new();
    /// let series = host.series(&[], metric)?;
    /// host.write(series, minute, 1000, 0.5, &Limits::NONE)?;
    /// let placed = host.write(series, minute, 1055, 0.75, &Limits::NONE)?;
    /// assert_eq!(placed.nominal, 1060);
    ///
    /// let limits = Limits { oldest: 900, newest: 2000, takes_from: 0 };
    /// assert_eq!(host.write(series, minute, 899, 0.5, &limits), Err(Refused::TooOld));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Once in some ten thousand samples, this takes as long as [bundling](Self::bundle) some blocks.
    ///
    /// # Errors
    ///
    /// [`Refused`]; nothing has changed then.
    #[inline]
    pub fn write(
        &mut self,
        to: Handle,
        frequency: NonZeroU32,
        timestamp: i64,
        value: f32,
        limits: &Limits,
    ) -> Result<Placed, Refused> {
        let series = self.tree.get_mut(to).ok_or(Refused::Stale)?;
        if !value.is_finite() {
            return Err(Refused::NotFinite);
        }
        let placed = series.write(frequency, timestamp, value, limits, lead(to))?;
        if self.bundles.are_due() {
            self.bundle_some();
        }
        Ok(placed)
    }

    /// Reads what writing a sample to each of these series will need, so that it is in the
    /// processor's cache by then: one read does not wait for the other, as one write would. What it
    /// returns means nothing, but must be used, or nothing is read.
    ///
    /// ```
    /// # use memstore::{Catalogue, Host};
    /// # let metric = Catalogue::new().intern(b"cpu_load");
    /// let mut host = Host::new();
    /// let series = host.series(&[], metric)?;
    /// std::hint::black_box(host.touch([series]));
    /// # Ok::<(), memstore::NameError>(())
    /// ```
    #[inline]
    pub fn touch(&self, series: impl IntoIterator<Item = Handle>) -> u32 {
        let read = |handle| self.tree.get(handle).map_or(0, Series::touch);
        series.into_iter().map(read).fold(0, |all, one| all ^ one)
    }

    /// Where a sample that arrives would be stored; changes nothing. For a log of samples without
    /// nominal times, which are [loaded](Self::load) where this says.
    ///
    /// ```
    /// # use memstore::{Catalogue, Host, Limits};
    /// # use std::num::NonZeroU32;
    /// # let metric = Catalogue::new().intern(b"cpu_load");
    /// # let minute = NonZeroU32::new(60).unwrap();
    /// # let mut host = Host::new();
    /// let series = host.series(&[], metric)?;
    /// assert_eq!(host.place(series, minute, 1000)?.nominal, 1000);
    /// host.write(series, minute, 1000, 0.5, &Limits::NONE)?;
    /// assert_eq!(host.place(series, minute, 1055)?.nominal, 1060);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Refused::Stale`], [`Refused::OutOfRange`].
    pub fn place(
        &self,
        series: Handle,
        frequency: NonZeroU32,
        timestamp: i64,
    ) -> Result<Placed, Refused> {
        self.tree.get(series).ok_or(Refused::Stale)?.place(frequency, timestamp)
    }

    /// Stores values of a file or a log, which have nominal times, exactly at these. They go to a
    /// neighbouring run of that frequency and phase within 512 slots, else into a new run; a run
    /// that lies around one of them, of another phase, is split there. NaN overwrites nothing.
    ///
    /// In a series of 1024 runs, though, no run is split, and none opened between two others or
    /// before the first where it can be helped: the value goes to the slot that takes its time, by
    /// the rules for samples that arrive, and counts as [`moved`](Self::moved). Otherwise files that
    /// overlap would make a run of every value.
    ///
    /// ```
    /// # use memstore::{Catalogue, Host, Loaded, Origin, State};
    /// # use std::num::NonZeroU32;
    /// # let metric = Catalogue::new().intern(b"cpu_load");
    /// # let mut host = Host::new();
    /// let series = host.series(&[], metric)?;
    /// let loaded = Loaded {
    ///     start: 1000,
    ///     frequency: NonZeroU32::new(60).unwrap(),
    ///     values: &[0.5, f32::NAN, 0.75],
    ///     origin: Origin::Ours,
    ///     state: State::Clean,
    /// };
    /// host.load(series, loaded)?;
    /// assert!(host.is_clean());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Refused::Stale`], or [`Refused::OutOfRange`] if a value, NaN aside, has no nominal time; nothing
    /// has changed then. [`Refused::TooManyRuns`].
    #[inline]
    pub fn load(&mut self, to: Handle, values: Loaded<'_>) -> Result<(), Refused> {
        let series = self.tree.get_mut(to).ok_or(Refused::Stale)?;
        self.moved += series.load(&values, lead(to))?;
        Ok(())
    }

    /// Stores up to 512 values, which lie right behind the newest slot of their series, as
    /// [loading](Self::load) them one by one would. False, and nothing has changed, if they do not,
    /// or begin or end with NaN: then that is to be done.
    ///
    /// ```
    /// # use memstore::{Catalogue, Host, Loaded, Origin, State};
    /// # use std::num::NonZeroU32;
    /// # let metric = Catalogue::new().intern(b"cpu_load");
    /// # let mut host = Host::new();
    /// let series = host.series(&[], metric)?;
    /// let frequency = NonZeroU32::new(60).unwrap();
    /// let values = &[0.5, 0.75];
    /// let loaded = Loaded { start: 1000, frequency, values, origin: Origin::Ours, state: State::Dirty };
    /// assert!(!host.load_behind_newest(series, loaded), "there is no slot yet");
    /// host.load(series, loaded)?;
    /// assert!(host.load_behind_newest(series, Loaded { start: 1120, ..loaded }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn load_behind_newest(&mut self, to: Handle, values: Loaded<'_>) -> bool {
        self.tree.get_mut(to).is_some_and(|series| series.load_behind_newest(&values))
    }

    /// How many values were loaded that are not exactly at their nominal times, see
    /// [`load`](Self::load).
    ///
    /// ```
    /// assert_eq!(memstore::Host::new().moved(), 0);
    /// ```
    #[must_use]
    pub fn moved(&self) -> u64 {
        self.moved
    }

    /// Raises the boundary of a series, a time that the host keeps for its caller and does not use:
    /// what lies before it must not go into a file that may not reach back. Below what it is, it
    /// stays. False if the handle is stale.
    ///
    /// ```
    /// # use memstore::{Catalogue, Host};
    /// # let metric = Catalogue::new().intern(b"cpu_load");
    /// let mut host = Host::new();
    /// let series = host.series(&[], metric)?;
    /// assert!(host.raise_boundary(series, 2000) && host.raise_boundary(series, 1000));
    /// assert_eq!(host.boundary(series), Some(2000));
    /// # Ok::<(), memstore::NameError>(())
    /// ```
    pub fn raise_boundary(&mut self, of: Handle, to: i64) -> bool {
        self.tree.get_mut(of).map(|series| series.raise_boundary(to)).is_some()
    }

    /// The boundary of a series, [`i64::MIN`] if it was never raised; None if the handle is stale.
    ///
    /// ```
    /// # use memstore::{Catalogue, Host};
    /// # let metric = Catalogue::new().intern(b"cpu_load");
    /// let mut host = Host::new();
    /// let series = host.series(&[], metric)?;
    /// assert_eq!(host.boundary(series), Some(i64::MIN));
    /// # Ok::<(), memstore::NameError>(())
    /// ```
    #[must_use]
    pub fn boundary(&self, of: Handle) -> Option<i64> {
        self.tree.get(of).map(Series::boundary)
    }
}

/// Spread over a block, so that the series of a host do not all seal one at the same time:
/// multiples of the golden ratio leave no two of them close together.
fn lead(of: Handle) -> u32 {
    const GOLDEN: u32 = 0x9E37_79B9;
    of.index().wrapping_mul(GOLDEN) >> (u32::BITS - BLOCK_SLOTS.ilog2())
}
