//! A host so simple that it is obviously right: every slot is an entry of a map.

use super::operation::Limits;
use super::series::{Run, Series};
use super::universe::{Fold, Key, METRICS, PATHS, Path, Pick, levels_to};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Dirty,
    InFlight,
    Clean,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) bits: u32,
    pub(super) state: State,
}

/// Why a sample is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    NotFinite,
    TooOld,
    TooFarAhead,
    OutOfRange,
}

/// Slots of a run; those that are not shown are `None`.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct ShownRun {
    pub(super) key: Key,
    pub(super) boundary: i64,
    pub(super) start: i128,
    pub(super) frequency: i128,
    pub(super) foreign: bool,
    pub(super) slots: Vec<Option<Slot>>,
}

/// Before values are cut down.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    pub(super) from: i128,
    pub(super) to: i128,
    /// Of all series, each on the grid.
    pub(super) columns: Vec<Vec<Option<f32>>>,
    pub(super) fold: Fold,
}

impl Grid {
    pub(super) fn len(&self) -> usize {
        self.columns[0].len()
    }

    /// NaN as soon as one series has no sample there.
    pub(super) fn values(&self) -> Vec<f64> {
        (0..self.len()).map(|i| self.value(i)).collect()
    }

    fn value(&self, i: usize) -> f64 {
        let sum: Option<f64> = self.columns.iter().map(|column| column[i].map(f64::from)).sum();
        let sum = sum.unwrap_or(f64::NAN);
        if self.fold == Fold::Avg { sum / self.columns.len() as f64 } else { sum }
    }

    /// How far an answer may be off by the order in which it was added up.
    pub(super) fn rounding(&self, i: usize) -> f64 {
        let of = |column: &Vec<Option<f32>>| column[i].map_or(0.0, |value| f64::from(value).abs());
        self.columns.iter().map(of).sum::<f64>() * 1e-13
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CannotRead {
    UnknownMetric,
    FromAfterTo,
    NoAggregation,
    Resolution,
    Nothing,
    TooLarge,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Naive {
    pub(super) levels: BTreeSet<Path>,
    pub(super) series: BTreeMap<Key, Series>,
    pub(super) slots: BTreeMap<(Key, i128), Slot>,
    /// Of series that are there.
    pub(super) boundaries: BTreeMap<Key, i64>,
    pub(super) moved: u64,
}

impl Naive {
    pub(super) fn new() -> Self {
        Self { levels: BTreeSet::from([PATHS[0]]), ..Self::default() }
    }

    /// Finds or creates.
    pub(super) fn touch(&mut self, key: Key) -> &mut Series {
        if !self.series.contains_key(&key) {
            self.levels.extend(levels_to(PATHS[key.0]));
        }
        self.series.entry(key).or_default()
    }

    // ---- writing ----

    /// The slot's nominal time and its run's frequency.
    pub(super) fn write(
        &mut self,
        key: Key,
        frequency: u32,
        timestamp: i64,
        value: f32,
        limits: &Limits,
    ) -> Result<(i128, i128), Vec<Refusal>> {
        let frequency = i128::from(frequency);
        let series = self.touch(key);
        let (run, nominal) = series.slot_for_arrival(timestamp.into(), frequency);
        let refusals: Vec<_> = [
            (!value.is_finite(), Refusal::NotFinite),
            (timestamp < limits.oldest || nominal < limits.takes_from.into(), Refusal::TooOld),
            (timestamp > limits.newest, Refusal::TooFarAhead),
            (i64::try_from(nominal).is_err(), Refusal::OutOfRange),
        ]
        .into_iter()
        .filter_map(|(applies, refusal)| applies.then_some(refusal))
        .collect();
        if !refusals.is_empty() {
            return Err(refusals);
        }
        let frequency = series.take(run, nominal, frequency);
        self.slots.insert((key, nominal), Slot { bits: value.to_bits(), state: State::Dirty });
        Ok((nominal, frequency))
    }

    /// Values of a file (clean) or of a log (dirty, unless equal and already durable).
    pub(super) fn load(
        &mut self,
        key: Key,
        (start, frequency): (i64, u32),
        values: &[f32],
        foreign: bool,
        state: State,
    ) {
        self.touch(key);
        for (index, value) in (0i128..).zip(values).filter(|(_, value)| !value.is_nan()) {
            let nominal = i128::from(start) + index * i128::from(frequency);
            let exactly = nominal;
            let nominal = self.touch(key).place_exactly(nominal, frequency.into(), foreign);
            self.moved += u64::from(nominal != exactly);
            let loaded = Slot { bits: value.to_bits(), state };
            let slot = self.slots.entry((key, nominal)).or_insert(loaded);
            let durable_already = slot.state == State::Clean && slot.bits == loaded.bits;
            if !durable_already {
                *slot = loaded;
            }
        }
    }

    // ---- checkpoint ----

    /// From the first dirty slot of each run to the last.
    pub(super) fn capture(&mut self) -> Vec<ShownRun> {
        let mut captured = self.shown(|slot| slot.state == State::Dirty);
        captured.retain_mut(|run| {
            let first = run.slots.iter().position(Option::is_some).unwrap_or(run.slots.len());
            let last = run.slots.iter().rposition(Option::is_some);
            run.start += first as i128 * run.frequency;
            run.slots = run.slots[first..last.map_or(first, |last| last + 1)].to_vec();
            !run.slots.is_empty()
        });
        self.turn(State::Dirty, State::InFlight);
        captured
    }

    /// Every run, with the slots that are to be shown.
    pub(super) fn shown(&self, is_shown: impl Fn(&Slot) -> bool) -> Vec<ShownRun> {
        let of_series = |(&key, series): (&Key, &Series)| {
            let boundary = self.boundary(key);
            let slot = |nominal| self.slots.get(&(key, nominal)).copied().filter(&is_shown);
            let runs = series.runs.iter().map(|run| ShownRun {
                key,
                boundary,
                start: run.start,
                frequency: run.frequency,
                foreign: run.foreign,
                slots: (0..run.count).map(|i| slot(run.nominal(i))).collect(),
            });
            runs.collect::<Vec<_>>()
        };
        let mut shown: Vec<_> = self.series.iter().flat_map(of_series).collect();
        shown.sort_by_key(|run| (PATHS[run.key.0], METRICS[run.key.1].name, run.start));
        shown
    }

    pub(super) fn raise_boundary(&mut self, key: Key, to: i64) {
        self.boundaries.insert(key, to.max(self.boundary(key)));
    }

    pub(super) fn boundary(&self, key: Key) -> i64 {
        self.boundaries.get(&key).copied().unwrap_or(i64::MIN)
    }

    pub(super) fn turn(&mut self, from: State, to: State) {
        for slot in self.slots.values_mut().filter(|slot| slot.state == from) {
            slot.state = to;
        }
    }

    pub(super) fn is_clean(&self) -> bool {
        self.slots.values().all(|slot| slot.state == State::Clean)
    }

    pub(super) fn has_unsaved_before(&self, time: i64) -> bool {
        let before = self.slots.iter().filter(|((_, nominal), _)| *nominal < i128::from(time));
        before.into_iter().any(|(_, slot)| slot.state != State::Clean)
    }

    // ---- freeing ----

    /// Of each run, how many slots may go: before the limit, and durable.
    pub(super) fn freeable(&self, key: Key, before: i64) -> Vec<i128> {
        let runs = self.series[&key].runs.iter();
        let may_go = |nominal| {
            let slot = self.slots.get(&(key, nominal));
            nominal < before.into() && slot.is_none_or(|slot| slot.state == State::Clean)
        };
        runs.map(|run| (0..run.count).take_while(|&i| may_go(run.nominal(i))).count() as i128)
            .collect()
    }

    /// So many slots of each run are gone.
    pub(super) fn forget(&mut self, key: Key, gone: &[i128]) {
        let Some(series) = self.series.get_mut(&key) else { return };
        for (run, &gone) in series.runs.iter().zip(gone) {
            for index in 0..gone {
                self.slots.remove(&(key, run.nominal(index)));
            }
        }
        series.drop_fronts(gone);
    }

    /// The levels that a freeing concerns: those selected and all below them.
    pub(super) fn at_or_below(&self, selector: &[Pick]) -> Vec<Path> {
        self.levels.iter().copied().filter(|path| is_at_or_below(path, selector)).collect()
    }

    /// Series without slots go, unless a sample from `before` on could still use their phase; so do
    /// levels without anything: those selected, and what is above them. Gives how many of each, and
    /// the highest boundary that is gone.
    pub(super) fn prune(&mut self, selector: &[Pick], before: i64) -> (u64, u64, Option<i64>) {
        let (series_before, levels_before) = (self.series.len(), self.levels.len());
        self.series.retain(|key, series| {
            !series.is_spent(before) || !is_at_or_below(PATHS[key.0], selector)
        });
        for path in self.at_or_below(selector).into_iter().rev() {
            for level in levels_to(path).skip(1).collect::<Vec<_>>().into_iter().rev() {
                if self.is_empty(level) {
                    self.levels.remove(level);
                }
            }
        }
        let gone = |before, after| (before - after) as u64;
        let left = core::mem::take(&mut self.boundaries);
        let (left, lost) = left.into_iter().partition(|(key, _)| self.series.contains_key(key));
        self.boundaries = left;
        let highest = lost.into_values().filter(|&boundary| boundary > i64::MIN).max();
        (gone(series_before, self.series.len()), gone(levels_before, self.levels.len()), highest)
    }

    fn is_empty(&self, level: Path) -> bool {
        let has_series = self.series.keys().any(|key| PATHS[key.0] == level);
        !has_series && self.children(level).is_empty()
    }

    // ---- reading ----

    pub(super) fn children(&self, path: Path) -> Vec<&'static [u8]> {
        let below = self.levels.iter().filter(|level| level.len() == path.len() + 1);
        below.filter(|level| level.starts_with(path)).map(|level| level[path.len()]).collect()
    }

    /// Those whose values an answer is made of.
    pub(super) fn selected(&self, selector: &[Pick], metric: usize) -> Vec<Key> {
        let at = self.levels.iter().filter(|path| {
            path.len() == selector.len()
                && path.iter().zip(selector).all(|(name, pick)| pick.takes(name))
        });
        at.flat_map(|level| self.answering(level, metric)).collect()
    }

    /// A level that has the metric hides what is below it.
    fn answering(&self, level: Path, metric: usize) -> Vec<Key> {
        let own = self.series.iter().find(|(key, series)| {
            PATHS[key.0] == level && key.1 == metric && !series.runs.is_empty()
        });
        if let Some((&key, _)) = own {
            return vec![key];
        }
        let below = self.levels.iter().filter(|path| path.len() == level.len() + 1);
        let children = below.filter(|path| path.starts_with(level));
        children.flat_map(|child| self.answering(child, metric)).collect()
    }

    pub(super) fn read(
        &self,
        keys: &[Key],
        (frequency, fold): (u32, Fold),
        (from, to): (i64, i64),
    ) -> Grid {
        let f = i128::from(frequency);
        let first = keys.iter().filter_map(|key| self.series[key].first_nominal()).min();
        let from = i128::from(from).max(first.unwrap_or(0));
        let end = self.end(keys).min(to.into());
        let times: Vec<_> = (from..end).step_by(frequency as usize).collect();
        let columns =
            keys.iter().map(|&key| times.iter().map(|&t| self.value_at(key, t)).collect());
        // A range that ends with time itself.
        let to = (from + times.len() as i128 * f).min(i64::MAX.into());
        Grid { from, to, columns: columns.collect(), fold }
    }

    /// How many entries an answer has.
    pub(super) fn entries(&self, keys: &[Key], frequency: u32, (from, to): (i64, i64)) -> i128 {
        let first = keys.iter().filter_map(|key| self.series[key].first_nominal()).min();
        let from = i128::from(from).max(first.unwrap_or(0));
        let span = self.end(keys).min(to.into()) - from;
        (span + i128::from(frequency) - 1).div_euclid(frequency.into()).max(0)
    }

    pub(super) fn end(&self, keys: &[Key]) -> i128 {
        let runs = keys.iter().flat_map(|key| &self.series[key].runs);
        runs.map(Run::end).max().unwrap_or(i128::MIN)
    }

    fn value_at(&self, key: Key, time: i128) -> Option<f32> {
        let nominal = self.series[&key].slot_taking(time)?;
        self.slots.get(&(key, nominal)).map(|slot| f32::from_bits(slot.bits))
    }
}

fn is_at_or_below(path: &[&[u8]], selector: &[Pick]) -> bool {
    path.len() >= selector.len() && path.iter().zip(selector).all(|(name, pick)| pick.takes(name))
}
