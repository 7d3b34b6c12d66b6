//! What a checkpoint saves: the dirty slots of a host at one moment, in order.
//!
//! Under the host's lock references to blocks are taken, and open blocks copied; all else is done
//! afterwards, without it. What is written to the host meanwhile changes nothing in a capture.
//! A capture holds every slot that is in no durable snapshot, and no value that is in one.

use crate::MISSING;
use crate::catalogue::{Catalogue, MetricId};
use crate::host::Host;
use crate::run::Run;
use crate::series::Series;
use crate::slots::{BLOCK_SLOTS, View};
use crate::spans::Spans;
use crate::tree::{Handle, ROOT};
use core::ops::Range;
use std::num::NonZeroU32;
use std::sync::Arc;

/// How a checkpoint ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaptureEnd {
    /// What was captured is in a durable snapshot.
    Durable,
    /// It is not, or nobody knows: it must be captured again.
    Failed,
}

/// What a host had to be saved at one moment, see [`Host::capture`]; or all it had, see
/// [`Host::view_all`].
#[derive(Clone, Debug)]
pub struct Capture {
    /// Ordered by path; those of a series in order of their start.
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
struct Part {
    path: Arc<[Arc<[u8]>]>,
    metric: MetricId,
    series: Handle,
    boundary: i64,
    /// The nominal time of the first slot shown.
    start: i64,
    frequency: NonZeroU32,
    foreign: bool,
    view: View,
    /// What is not saved, as positions in the run, of which slot 0 has the position `zero`.
    unsaved: Spans,
    /// Whether what is saved is shown, too.
    all: bool,
    zero: u32,
    /// Position of the first slot shown, and the one behind the last.
    from: u32,
    to: u32,
}

/// What of a run is shown.
struct Shown {
    positions: Range<u32>,
    unsaved: Spans,
    all: bool,
}

impl Shown {
    fn dirty(run: &Run) -> Option<Self> {
        Some(Self { positions: run.dirty.bounds()?, unsaved: run.dirty.clone(), all: false })
    }

    fn all(run: &Run) -> Self {
        let mut unsaved = run.dirty.clone();
        unsaved.union(&run.in_flight);
        Self { positions: run.slots.position(0)..run.slots.end(), unsaved, all: true }
    }
}

/// The stretch of a run from the first slot that had to be saved to the last one, or a whole run.
/// See [`Capture::runs`].
#[derive(Clone, Debug)]
pub struct CapturedRun<'a> {
    /// The names from the host down to the level of the series.
    pub path: &'a [Arc<[u8]>],
    /// The metric of the series.
    pub metric: MetricId,
    /// Its name.
    pub name: Arc<[u8]>,
    /// The series.
    pub series: Handle,
    /// The [boundary](Host::raise_boundary) that it had.
    pub boundary: i64,
    /// The nominal time of the first value.
    pub start: i64,
    /// Seconds from one value to the next.
    pub frequency: NonZeroU32,
    /// Whether the run came from a file that is not ours: see [`Origin`](crate::Origin).
    pub foreign: bool,
    part: &'a Part,
}

impl Host {
    /// Whether every slot is in a durable snapshot; what is in flight is not.
    ///
    /// ```
    /// # use memstore::{Catalogue, Host, Limits};
    /// # use std::num::NonZeroU32;
    /// # let metric = Catalogue::new().intern(b"cpu_load");
    /// # let minute = NonZeroU32::new(60).unwrap();
    /// let mut host = Host::new();
    /// let series = host.series(&[], metric)?;
    /// assert!(host.is_clean());
    /// host.write(series, minute, 1000, 0.5, &Limits::NONE)?;
    /// assert!(!host.is_clean());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let mut runs = self.tree.all_series().flat_map(Series::runs);
        runs.all(|run| run.dirty.is_empty() && run.in_flight.is_empty())
    }

    /// Whether a slot with a nominal time before `time` is dirty or in flight.
    ///
    /// ```
    /// # use memstore::{Catalogue, Host, Limits};
    /// # use std::num::NonZeroU32;
    /// # let metric = Catalogue::new().intern(b"cpu_load");
    /// # let minute = NonZeroU32::new(60).unwrap();
    /// # let mut host = Host::new();
    /// let series = host.series(&[], metric)?;
    /// host.write(series, minute, 1000, 0.5, &Limits::NONE)?;
    /// assert!(host.has_unsaved_before(1001));
    /// assert!(!host.has_unsaved_before(1000));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn has_unsaved_before(&self, time: i64) -> bool {
        let mut runs = self.tree.all_series().flat_map(Series::runs);
        runs.any(|run| run.has_unsaved_before(time))
    }

    /// Takes all dirty slots, which are in flight from here on; None while another capture has not
    /// [ended](Self::capture_ended).
    ///
    /// ```
    /// use memstore::{CaptureEnd, Catalogue, Host, Limits};
    /// # use std::num::NonZeroU32;
    ///
    /// # let minute = NonZeroU32::new(60).unwrap();
    /// let catalogue = Catalogue::new();
    /// let metric = catalogue.intern(b"cpu_load");
    /// let mut host = Host::new();
    /// let series = host.series(&[b"socket0"], metric)?;
    /// host.write(series, minute, 1000, 0.5, &Limits::NONE)?;
    /// host.write(series, minute, 1120, 0.75, &Limits::NONE)?;
    ///
    /// let capture = host.capture().unwrap();
    /// assert!(host.capture().is_none());
    /// let [run] = &capture.runs(&catalogue)[..] else { panic!() };
    /// assert_eq!((&*run.path[0], &*run.name), (&b"socket0"[..], &b"cpu_load"[..]));
    /// assert_eq!((run.start, run.len()), (1000, 3));
    /// host.capture_ended(CaptureEnd::Durable);
    /// assert!(host.is_clean());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn capture(&mut self) -> Option<Capture> {
        if self.capturing {
            return None;
        }
        self.capturing = true;
        let parts = self.parts(Shown::dirty);
        for series in self.tree.all_series_mut() {
            for run in series.runs_mut() {
                run.set_in_flight();
            }
        }
        Some(Capture { parts })
    }

    /// Everything as it is now, saved or not: every run whole, with the values of all its slots.
    /// Nothing changes, and a capture may be under way.
    ///
    /// ```
    /// use memstore::{CaptureEnd, Catalogue, Host, Limits};
    /// # use std::num::NonZeroU32;
    ///
    /// # let minute = NonZeroU32::new(60).unwrap();
    /// let catalogue = Catalogue::new();
    /// let metric = catalogue.intern(b"cpu_load");
    /// let mut host = Host::new();
    /// let series = host.series(&[b"socket0"], metric)?;
    /// host.write(series, minute, 1000, 0.5, &Limits::NONE)?;
    /// host.capture().unwrap();
    /// host.capture_ended(CaptureEnd::Durable);
    /// host.write(series, minute, 1060, 0.75, &Limits::NONE)?;
    ///
    /// let all = host.view_all();
    /// let [run] = &all.runs(&catalogue)[..] else { panic!() };
    /// assert_eq!((run.series, run.start, run.to_vec()), (series, 1000, vec![0.5, 0.75]));
    /// assert_eq!([0, 1].map(|slot| run.is_unsaved(slot)), [false, true]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    /// What is held by it is not freed: blocks, and the 64 KiB around each.
    #[must_use]
    pub fn view_all(&self) -> Capture {
        Capture { parts: self.parts(|run| Some(Shown::all(run))) }
    }

    fn parts(&self, shown: impl Fn(&Run) -> Option<Shown>) -> Vec<Part> {
        let mut parts = Vec::new();
        for level in self.tree.preorder(&[ROOT]) {
            let mut path = None;
            for (metric, handle, series) in self.tree.series_of(level) {
                for run in series.runs() {
                    let Some(Shown { positions, unsaved, all }) = shown(run) else { continue };
                    let first = run.slots.index(positions.start);
                    parts.push(Part {
                        path: Arc::clone(path.get_or_insert_with(|| self.tree.path(level))),
                        metric,
                        series: handle,
                        boundary: series.boundary(),
                        start: run.nominal(first),
                        frequency: run.frequency,
                        foreign: run.foreign,
                        view: run.slots.view(first..run.slots.index(positions.end)),
                        unsaved,
                        all,
                        zero: run.slots.position(0),
                        from: positions.start,
                        to: positions.end,
                    });
                }
            }
        }
        parts
    }

    /// Ends the capture that is under way: what was in flight is clean, or dirty again. What was
    /// overwritten meanwhile is dirty in either case.
    ///
    /// ```
    /// # use memstore::{CaptureEnd, Catalogue, Host, Limits};
    /// # use std::num::NonZeroU32;
    /// # let metric = Catalogue::new().intern(b"cpu_load");
    /// # let minute = NonZeroU32::new(60).unwrap();
    /// # let mut host = Host::new();
    /// # let series = host.series(&[], metric)?;
    /// host.write(series, minute, 1000, 0.5, &Limits::NONE)?;
    /// host.capture().unwrap();
    /// host.capture_ended(CaptureEnd::Failed);
    /// assert_eq!(host.capture().unwrap().len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn capture_ended(&mut self, how: CaptureEnd) {
        self.capturing = false;
        for series in self.tree.all_series_mut() {
            for run in series.runs_mut() {
                match how {
                    CaptureEnd::Durable => run.in_flight = Spans::default(),
                    CaptureEnd::Failed => run.give_back(),
                }
            }
        }
    }
}

impl Capture {
    /// How many runs are in it.
    ///
    /// ```
    /// # let mut host = memstore::Host::new();
    /// assert_eq!(host.capture().unwrap().len(), 0);
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.parts.len()
    }

    /// Whether no run is.
    ///
    /// ```
    /// # let mut host = memstore::Host::new();
    /// assert!(host.capture().unwrap().is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The runs, ordered by path, by name of the metric, by start: names bytewise, a level before
    /// its children. `catalogue` is the one that the metrics come from. See [`Host::capture`] for an
    /// example.
    #[must_use]
    pub fn runs(&self, catalogue: &Catalogue) -> Vec<CapturedRun<'_>> {
        let names = catalogue.names();
        let mut runs: Vec<_> = self.parts.iter().map(|part| part.run(&names)).collect();
        // Parts are in order of paths: only those of one level are in that of numbers of metrics.
        for level in runs.chunk_by_mut(|one, other| core::ptr::eq(one.path, other.path)) {
            level.sort_by(|one, other| one.name.cmp(&other.name));
        }
        runs
    }
}

impl Part {
    fn run(&self, names: &[Arc<[u8]>]) -> CapturedRun<'_> {
        CapturedRun {
            path: &self.path,
            metric: self.metric,
            name: names.get(self.metric.index()).cloned().unwrap_or_default(),
            series: self.series,
            boundary: self.boundary,
            start: self.start,
            frequency: self.frequency,
            foreign: self.foreign,
            part: self,
        }
    }
}

#[expect(clippy::len_without_is_empty, reason = "a captured run has a slot")]
impl CapturedRun<'_> {
    /// How many slots there are from the first to the last; at least one.
    ///
    /// See [`Host::capture`] for an example.
    #[must_use]
    pub fn len(&self) -> usize {
        (self.part.to - self.part.from) as usize
    }

    /// The nominal time of the last value.
    ///
    /// ```
    /// # use memstore::{Catalogue, Host, Limits};
    /// # use std::num::NonZeroU32;
    /// # let catalogue = Catalogue::new();
    /// # let metric = catalogue.intern(b"cpu_load");
    /// # let minute = NonZeroU32::new(60).unwrap();
    /// # let mut host = Host::new();
    /// # let series = host.series(&[], metric)?;
    /// host.write(series, minute, 1000, 0.5, &Limits::NONE)?;
    /// host.write(series, minute, 1120, 0.5, &Limits::NONE)?;
    /// assert_eq!(host.capture().unwrap().runs(&catalogue)[0].last(), 1120);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn last(&self) -> i64 {
        let slots = i64::from(self.part.to - self.part.from - 1);
        self.start.wrapping_add(slots.wrapping_mul(i64::from(self.frequency.get())))
    }

    /// Fills `out` with the values from slot `from` on: NaN where a slot is without a value, behind
    /// the last, or was clean, if only the dirty ones were captured.
    ///
    /// ```
    /// # use memstore::{Catalogue, Host, Limits};
    /// # use std::num::NonZeroU32;
    /// # let catalogue = Catalogue::new();
    /// # let metric = catalogue.intern(b"cpu_load");
    /// # let minute = NonZeroU32::new(60).unwrap();
    /// # let mut host = Host::new();
    /// # let series = host.series(&[], metric)?;
    /// host.write(series, minute, 1000, 0.5, &Limits::NONE)?;
    /// host.write(series, minute, 1060, 0.75, &Limits::NONE)?;
    /// let capture = host.capture().unwrap();
    /// let mut value = [0.0];
    /// capture.runs(&catalogue)[0].read(1, &mut value);
    /// assert_eq!(value, [0.75]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read(&self, from: usize, out: &mut [f32]) {
        let Part { view, unsaved, all, zero, .. } = self.part;
        let (inside, behind) = out.split_at_mut(self.len().saturating_sub(from).min(out.len()));
        behind.fill(MISSING);
        let Ok(from) = u32::try_from(from) else { return };
        if inside.is_empty() {
            return;
        }
        let mut position = self.part.from + from;
        view.slots.read(position - zero - view.first, inside);
        if *all {
            return;
        }

        let mut rest = inside;
        let first = position;
        for span in unsaved.iter_from(first) {
            let clean = (span.start.saturating_sub(position) as usize).min(rest.len());
            rest[..clean].fill(MISSING);
            let skip = (span.end - position) as usize;
            rest = rest.split_at_mut(skip.min(rest.len())).1;
            position = span.end;
            if rest.is_empty() {
                break;
            }
        }
    }

    /// Whether the value of a slot had to be saved, or was in flight. Of a slot without a value this
    /// says nothing.
    ///
    /// See [`Host::view_all`] for an example.
    #[must_use]
    pub fn is_unsaved(&self, slot: usize) -> bool {
        let slot = u32::try_from(slot).ok().filter(|slot| *slot < self.part.to - self.part.from);
        slot.is_some_and(|slot| self.part.unsaved.contains(self.part.from + slot))
    }

    /// Hands the values to `visit` piece by piece, as [`read`](Self::read) gives them, without a
    /// copy of the whole.
    ///
    /// ```
    /// # use memstore::{Catalogue, Host, Limits};
    /// # use std::num::NonZeroU32;
    /// # let catalogue = Catalogue::new();
    /// # let metric = catalogue.intern(b"cpu_load");
    /// # let minute = NonZeroU32::new(60).unwrap();
    /// # let mut host = Host::new();
    /// # let series = host.series(&[], metric)?;
    /// host.write(series, minute, 1000, 0.5, &Limits::NONE)?;
    /// host.write(series, minute, 1060, 0.75, &Limits::NONE)?;
    /// let mut sum = 0.0;
    /// host.capture().unwrap().runs(&catalogue)[0].for_each(|values| sum += values.iter().sum::<f32>());
    /// assert_eq!(sum, 1.25);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn for_each(&self, mut visit: impl FnMut(&[f32])) {
        let mut values = [MISSING; BLOCK_SLOTS as usize];
        let mut from = 0;
        let mut position = self.part.from;
        while position < self.part.to {
            // To the end of the block, so that each is decoded once.
            let end = (position / BLOCK_SLOTS + 1) * BLOCK_SLOTS;
            let count = (end.min(self.part.to) - position) as usize;
            self.read(from, &mut values[..count]);
            visit(&values[..count]);
            position = end;
            from += count;
        }
    }

    /// All values at once, as [`read`](Self::read) gives them.
    ///
    /// ```
    /// # use memstore::{Catalogue, Host, Limits};
    /// # use std::num::NonZeroU32;
    /// # let catalogue = Catalogue::new();
    /// # let metric = catalogue.intern(b"cpu_load");
    /// # let minute = NonZeroU32::new(60).unwrap();
    /// # let mut host = Host::new();
    /// # let series = host.series(&[], metric)?;
    /// host.write(series, minute, 1000, 0.5, &Limits::NONE)?;
    /// host.write(series, minute, 1060, 0.75, &Limits::NONE)?;
    /// assert_eq!(host.capture().unwrap().runs(&catalogue)[0].to_vec(), [0.5, 0.75]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn to_vec(&self) -> Vec<f32> {
        let mut values = vec![MISSING; self.len()];
        self.read(0, &mut values);
        values
    }
}

#[cfg(test)]
mod tests;
