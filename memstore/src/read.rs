//! Reading: which series a question is about, and what they answer.
//!
//! [`Host::select`] needs the host's lock, and only takes references to blocks and copies of open
//! ones. [`Selected::read`] needs it no more: it decodes, aggregates and resamples.
//!
//! The first level on the way down that has a series of the metric answers, and hides what is below
//! it. An entry `i` of the answer is the slot that takes the time `from + i * frequency`, of the
//! earliest run that has it. There is no memory for more entries than the series have slots, or
//! [`MAX_ENTRIES`].

use crate::catalogue::{Aggregation, Catalogue, MetricConfig, MetricId};
use crate::host::Host;
use crate::resample::{Method, NotAMultiple, resample};
use crate::run::{Run, Wide, clamp, index_taking};
use crate::selector::Selector;
use crate::series::Series;
use crate::slots::{BLOCK_SLOTS, Slots};
use crate::{MISSING, Stats};
use core::hint::black_box;
use core::ops::Range;
use std::num::NonZeroU32;

/// How many entries an answer can have before it is resampled.
pub const MAX_ENTRIES: usize = 1 << 24;

/// Values of all series that are read ahead: of more the first would have left the cache again.
const AHEAD_MAX: usize = 1 << 17;

/// What is asked of a host.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// Of which levels.
    pub selector: &'a Selector,
    /// The name of the metric.
    pub metric: &'a [u8],
    /// From this time on.
    pub from: i64,
    /// Before this time.
    pub to: i64,
    /// Seconds from one entry to the next; up to the metric's frequency: as stored.
    pub resolution: i64,
    /// How entries are made fewer.
    pub method: Method,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The catalogue does not have the metric, or only its name.
    #[error("metric is not in the catalogue")]
    UnknownMetric,
    /// The range ends before it begins.
    #[error("range ends at {to}, before it begins at {from}")]
    FromAfterTo {
        /// Its begin.
        from: i64,
        /// Its end.
        to: i64,
    },
    /// The resolution is no multiple of the metric's frequency.
    #[error(transparent)]
    Resolution(#[from] NotAMultiple),
    /// Several series are selected, and the metric is not aggregated.
    #[error("{series} series are selected, and the metric has no aggregation")]
    NoAggregation {
        /// How many.
        series: usize,
    },
    /// No series with a sample is selected.
    #[error("there is no such series")]
    Nothing,
    /// The answer would have more than [`MAX_ENTRIES`] entries.
    #[error("answer would have more than {MAX_ENTRIES} entries")]
    TooLarge,
}

/// The series of a [`Query`], held by reference: reading them needs the host no more.
#[derive(Clone, Debug)]
pub struct Selected {
    grid: Grid,
    aggregation: Aggregation,
    resolution: i64,
    method: Method,
    /// The runs of each series.
    series: Vec<Vec<Part>>,
}

/// The times of an answer's entries.
#[derive(Clone, Copy, Debug)]
struct Grid {
    from: i64,
    frequency: NonZeroU32,
    len: usize,
}

/// The blocks of a run that the answer needs.
#[derive(Clone, Debug)]
struct Part {
    /// The nominal time of their first slot.
    start: i64,
    frequency: NonZeroU32,
    slots: Slots,
}

/// The answer to a [`Query`]: `values[i]` is that of the time `from + i * resolution`.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The begin of what was asked for, or the first nominal time of the series if that is later.
    pub from: i64,
    /// The time of the entry behind the last one, before they were made fewer; at most [`i64::MAX`].
    pub to: i64,
    /// Seconds from one entry to the next.
    pub resolution: i64,
    /// Seconds from one stored slot to the next, as the catalogue had it when the series were selected.
    pub frequency: i64,
    /// NaN where there is no sample. Those of one series are its `f32` exactly.
    pub values: Vec<f64>,
}

/// Statistics of the finite values of an [`Answer`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// How many there are.
    pub count: u64,
    /// Their mean, NaN if there is none.
    pub avg: f64,
    /// The smallest, NaN if there is none.
    pub min: f64,
    /// The largest, NaN if there is none.
    pub max: f64,
}

impl<'a> Query<'a> {
    /// Asks for the range `from ≤ t < to` as it is stored.
    ///
    /// ```
    /// # use memstore::{Query, Selector};
    /// let selector = Selector::host();
    /// let day = Query::new(&selector, b"cpu_load", 0, 86_400);
    /// let hourly = Query { resolution: 3600, ..day };
    /// assert_eq!((day.resolution, hourly.to), (0, 86_400));
    /// ```
    #[must_use]
    pub fn new(selector: &'a Selector, metric: &'a [u8], from: i64, to: i64) -> Self {
        Self { selector, metric, from, to, resolution: 0, method: Method::Lttb }
    }

    /// The metric, if the question makes sense.
    fn check(&self, catalogue: &Catalogue) -> Result<(MetricId, MetricConfig), ReadError> {
        let id = catalogue.find(self.metric).ok_or(ReadError::UnknownMetric)?;
        let config = catalogue.get(id).and_then(|metric| metric.config);
        let config = config.ok_or(ReadError::UnknownMetric)?;
        if self.from > self.to {
            return Err(ReadError::FromAfterTo { from: self.from, to: self.to });
        }
        let frequency_s = i64::from(config.frequency.get());
        if self.resolution > frequency_s && self.resolution % frequency_s != 0 {
            return Err(NotAMultiple { frequency_s, resolution_s: self.resolution }.into());
        }
        Ok((id, config))
    }
}

impl Host {
    /// Finds the series of a question.
    ///
    /// See [`Host`] for an example.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the question makes no sense, or there is nothing to answer it with. A range
    /// in which a series has no slot is an empty answer, not an error.
    pub fn select(&self, catalogue: &Catalogue, query: &Query<'_>) -> Result<Selected, ReadError> {
        let (metric, config) = query.check(catalogue)?;
        let series = self.series_selected(query.selector, metric);
        if series.len() > 1 && config.aggregation == Aggregation::None {
            return Err(ReadError::NoAggregation { series: series.len() });
        }
        let grid = Grid::of(&series, query, config.frequency)?;
        let looks_ahead = series.len().saturating_mul(grid.len) <= AHEAD_MAX;
        if looks_ahead {
            let runs = series.iter().filter_map(|series| series.runs().last());
            black_box(runs.map(|run| run.slots.touch_list()).fold(0, |all, one| all ^ one));
        }
        Ok(Selected {
            grid,
            aggregation: config.aggregation,
            resolution: query.resolution,
            method: query.method,
            series: series.iter().map(|series| grid.parts(series.runs(), looks_ahead)).collect(),
        })
    }

    /// In order of their paths, so that sums are always the same.
    fn series_selected(&self, selector: &Selector, metric: MetricId) -> Vec<&Series> {
        let mut found = Vec::new();
        let mut stack = self.tree.select(selector.elements());
        stack.reverse();
        while let Some(level) = stack.pop() {
            match self.tree.series_of_metric(level, metric) {
                Some(series) if !series.runs().is_empty() => found.push(series),
                _ => stack.extend(self.tree.level(level).children.iter().rev()),
            }
        }
        found
    }
}

impl Grid {
    fn of(series: &[&Series], query: &Query<'_>, frequency: NonZeroU32) -> Result<Self, ReadError> {
        let first = series.iter().filter_map(|series| series.runs().first());
        let first = first.map(|run| run.start).min().ok_or(ReadError::Nothing)?;
        let runs = series.iter().flat_map(|series| series.runs());
        let end = runs.map(Run::window_end).max().ok_or(ReadError::Nothing)?;

        let from = query.from.max(first);
        let len = entries_before(end.min(Wide::from(query.to)), from, frequency);
        let len = usize::try_from(len).ok().filter(|len| *len <= MAX_ENTRIES);
        Ok(Self { from, frequency, len: len.ok_or(ReadError::TooLarge)? })
    }

    /// The time of an entry. Those of an answer's entries are in range.
    fn time(&self, entry: usize) -> i64 {
        let frequency = i64::from(self.frequency.get());
        let offset = i64::try_from(entry).unwrap_or(i64::MAX).saturating_mul(frequency);
        self.from.saturating_add(offset)
    }

    /// The entries that slots of a run take.
    fn entries(&self, start: i64, frequency: NonZeroU32, len: u32) -> Range<usize> {
        let f = Wide::from(frequency.get());
        let begin = Wide::from(start) - f / 2;
        let [first, behind] = [begin, begin + Wide::from(len) * f].map(|time| {
            let entries = entries_before(time, self.from, self.frequency);
            usize::try_from(entries).map_or(self.len, |entries| entries.min(self.len))
        });
        first..behind
    }

    fn parts(&self, runs: &[Run], looks_ahead: bool) -> Vec<Part> {
        let parts = runs.iter().filter_map(|run| {
            let entries = self.entries(run.start, run.frequency, run.len());
            let last = entries.end.checked_sub(1).filter(|_| !entries.is_empty())?;
            let first = clamp(run.index_taking(self.time(entries.start)), run.len());
            let last = clamp(run.index_taking(self.time(last)), run.len() - 1);
            if looks_ahead {
                black_box(run.slots.touch_blocks(first..last + 1));
            }
            let view = run.slots.view(first..last + 1);
            let start = run.nominal(view.first);
            Some(Part { start, frequency: run.frequency, slots: view.slots })
        });
        parts.collect()
    }
}

/// How many of the times `from`, `from + frequency`, … are before `end`.
fn entries_before(end: Wide, from: i64, frequency: NonZeroU32) -> Wide {
    let f = Wide::from(frequency.get());
    (end - Wide::from(from) + f - 1).div_euclid(f).max(0)
}

impl Selected {
    /// How many series are aggregated, or 1.
    ///
    /// ```
    /// # use memstore::{Aggregation, Catalogue, Host, Limits, Query, Selector};
    /// # use std::num::NonZeroU32;
    /// # let minute = NonZeroU32::new(60).unwrap();
    /// # let catalogue = Catalogue::new();
    /// # let load = catalogue.add(b"cpu_load", minute, Aggregation::Avg);
    /// # let mut host = Host::new();
    /// for thread in [b"hwthread0", b"hwthread1"] {
    ///     let series = host.series(&[thread], load)?;
    ///     host.write(series, minute, 1000, 0.5, &Limits::NONE)?;
    /// }
    /// let selector = Selector::host();
    /// let selected = host.select(&catalogue, &Query::new(&selector, b"cpu_load", 0, 2000))?;
    /// assert_eq!(selected.series(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn series(&self) -> usize {
        self.series.len()
    }

    /// The answer. An entry of an aggregate is NaN as soon as one of its series has none there.
    ///
    /// See [`Host`] for an example.
    ///
    /// # Errors
    ///
    /// None that [`Host::select`] would not have found.
    pub fn read(&self) -> Result<Answer, ReadError> {
        // Not 0, as -0 + -0 alone is -0.
        let mut values = vec![-0.0; self.grid.len];
        for series in &self.series {
            self.grid.add_series(series, &mut values);
        }
        if self.aggregation == Aggregation::Avg && self.series.len() > 1 {
            #[expect(clippy::cast_precision_loss, reason = "no host has 2^53 series")]
            let count = self.series.len() as f64;
            for value in &mut values {
                *value /= count;
            }
        }
        let Grid { from, frequency, len } = self.grid;
        let (to, frequency) = (self.grid.time(len), i64::from(frequency.get()));
        Ok(match resample(&values, frequency, self.resolution, self.method)? {
            Some(values) => Answer { from, to, resolution: self.resolution, frequency, values },
            None => Answer { from, to, resolution: frequency, frequency, values },
        })
    }

    /// The statistics of what [`read`](Self::read) answers. Of one series as it is stored no answer
    /// is put together: those of its blocks are merged.
    ///
    /// ```
    /// # use memstore::{Aggregation, Catalogue, Host, Limits, Query, Selector};
    /// # use std::num::NonZeroU32;
    /// # let minute = NonZeroU32::new(60).unwrap();
    /// # let catalogue = Catalogue::new();
    /// # let load = catalogue.add(b"cpu_load", minute, Aggregation::Avg);
    /// # let mut host = Host::new();
    /// # let series = host.series(&[], load)?;
    /// host.write(series, minute, 1000, 1.0, &Limits::NONE)?;
    /// host.write(series, minute, 1120, 3.0, &Limits::NONE)?;
    /// let selector = Selector::host();
    /// let selected = host.select(&catalogue, &Query::new(&selector, b"cpu_load", 0, 2000))?;
    /// let summary = selected.summary()?;
    /// assert_eq!((summary.count, summary.avg, summary.min, summary.max), (2, 2.0, 1.0, 3.0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As of [`read`](Self::read).
    pub fn summary(&self) -> Result<Summary, ReadError> {
        let stored = self.resolution <= i64::from(self.grid.frequency.get());
        match &self.series[..] {
            [series] if stored && self.grid.has_one_run(series) => {
                Ok(self.grid.stats(series).into())
            }
            _ => Ok(self.read()?.summary()),
        }
    }
}

impl Grid {
    /// Adds the values of a series to those of the others.
    fn add_series(&self, series: &[Part], sums: &mut [f64]) {
        if let [part] = series
            && part.frequency == self.frequency
        {
            let entries = self.entries(part.start, part.frequency, part.slots.len());
            sums[..entries.start].fill(f64::NAN);
            sums[entries.end..].fill(f64::NAN);
            let first = part.slot_at(self.time(entries.start));
            part.for_each(first, &mut sums[entries], add);
            return;
        }
        let mut values = vec![MISSING; self.len];
        // The earliest run that has a slot for a time has the last word.
        for part in series.iter().rev() {
            let entries = self.entries(part.start, part.frequency, part.slots.len());
            let first = part.slot_at(self.time(entries.start));
            if part.frequency == self.frequency {
                part.slots.read(first, &mut values[entries]);
            } else {
                part.for_each_at(entries.map(|entry| (entry, self.time(entry))), |entry, value| {
                    values[entry] = value;
                });
            }
        }
        add(sums, &values);
    }

    fn has_one_run(&self, series: &[Part]) -> bool {
        series.iter().all(|part| part.frequency == self.frequency) && series.len() <= 1
    }

    /// The statistics of the entries of a series of one run.
    fn stats(&self, series: &[Part]) -> Stats {
        let parts = series.iter().map(|part| {
            let entries = self.entries(part.start, part.frequency, part.slots.len());
            let first = part.slot_at(self.time(entries.start));
            part.slots.stats(first, clamp(entries.len() as Wide, u32::MAX))
        });
        parts.fold(Stats::default(), Stats::merge)
    }
}

impl Part {
    /// The slot that takes a time.
    fn slot_at(&self, time: i64) -> u32 {
        clamp(index_taking(self.start, self.frequency, time), self.slots.len())
    }

    /// Hands `visit` the values from a slot on, with the part of `out` that they belong to.
    fn for_each(&self, from: u32, out: &mut [f64], mut visit: impl FnMut(&mut [f64], &[f32])) {
        let mut values = [MISSING; BLOCK_SLOTS as usize];
        let mut from = from;
        let mut rest = out;
        while !rest.is_empty() {
            // To the end of the block, so that each is decoded once.
            let count = BLOCK_SLOTS - self.slots.position(from) % BLOCK_SLOTS;
            let (now, later) = rest.split_at_mut(rest.len().min(count as usize));
            let values = &mut values[..now.len()];
            self.slots.read(from, values);
            visit(now, values);
            from += count;
            rest = later;
        }
    }

    /// Hands `visit` the value at each of these times, which ascend.
    fn for_each_at(
        &self,
        times: impl Iterator<Item = (usize, i64)>,
        mut visit: impl FnMut(usize, f32),
    ) {
        let mut values = [MISSING; BLOCK_SLOTS as usize];
        let mut held = 0..0;
        for (entry, time) in times {
            let slot = self.slot_at(time);
            if !held.contains(&slot) {
                held = slot..slot + BLOCK_SLOTS;
                self.slots.read(slot, &mut values);
            }
            visit(entry, values[(slot - held.start) as usize]);
        }
    }
}

/// NaN and anything is NaN.
fn add(sums: &mut [f64], values: &[f32]) {
    for (sum, &value) in sums.iter_mut().zip(values) {
        *sum += f64::from(value);
    }
}

impl Answer {
    /// The statistics of the values.
    ///
    /// ```
    /// # use memstore::Answer;
    /// let values = vec![1.0, f64::NAN, 2.0];
    /// let answer = Answer { from: 0, to: 180, resolution: 60, frequency: 60, values };
    /// let summary = answer.summary();
    /// assert_eq!((summary.count, summary.avg), (2, 1.5));
    /// assert_eq!((summary.min, summary.max), (1.0, 2.0));
    /// ```
    #[must_use]
    pub fn summary(&self) -> Summary {
        let finite = self.values.iter().filter(|value| value.is_finite());
        let (mut count, mut sum, mut min, mut max) = (0_u64, 0.0, f64::NAN, f64::NAN);
        for &value in finite {
            count += 1;
            sum += value;
            min = min.min(value);
            max = max.max(value);
        }
        #[expect(clippy::cast_precision_loss, reason = "no answer has 2^53 values")]
        let avg = sum / count as f64;
        Summary { count, avg, min, max }
    }
}

impl From<Stats> for Summary {
    fn from(stats: Stats) -> Self {
        let (min, max) = (f64::from(stats.min), f64::from(stats.max));
        Self { count: stats.count, avg: stats.avg().unwrap_or(f64::NAN), min, max }
    }
}

#[cfg(test)]
mod tests;
