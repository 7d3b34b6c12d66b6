//! Values that are loaded: they have nominal times, and go exactly there.
//!
//! A value within a run of another phase splits it. Two files of a writer that does not keep its
//! phase overlap by a slot or two, which makes a run or two. Files that are made to do harm can
//! overlap by as much as they are long, and make a run of every value: so a series of [`MANY_RUNS`]
//! runs makes no more of them for that, but moves the value to the slot that takes its time, as if
//! it arrived; and says so. A series never has more than [`RUNS_MAX`] runs.

use super::{RUNS_MAX, Series};
use crate::run::{REACH, Run, Wide};
use crate::sample::{Loaded, Origin, Refused, State};
use crate::slots::MAX_SLOTS;
use std::num::NonZeroU32;

/// From so many runs on a run is neither split nor put between others: more than there are where
/// every start of a collector in a year began one.
pub(super) const MANY_RUNS: usize = 1024;

/// Where a value goes.
struct Target {
    /// The run, and the slot in it, which it may not have yet.
    at: usize,
    index: Wide,
    /// It is not exactly there.
    is_moved: bool,
}

impl Series {
    /// Puts values exactly where they belong; says how many had to be moved. `lead` is that of runs,
    /// if some are opened.
    #[inline]
    pub(crate) fn load(&mut self, loaded: &Loaded<'_>, lead: u32) -> Result<u64, Refused> {
        if self.load_next(loaded) { Ok(0) } else { self.load_anywhere(loaded, lead) }
    }

    #[inline(never)]
    fn load_anywhere(&mut self, loaded: &Loaded<'_>, lead: u32) -> Result<u64, Refused> {
        let Loaded { start, frequency, values, .. } = *loaded;
        let Some(last) = values.iter().rposition(|value| !value.is_nan()) else { return Ok(0) };
        // So that no part of it is out of range.
        let time_of = |index: usize| {
            let offset = Wide::try_from(index).ok()? * Wide::from(frequency.get());
            i64::try_from(Wide::from(start) + offset).ok()
        };
        time_of(last).ok_or(Refused::OutOfRange)?;
        let mut moved = 0;
        let mut rest = &values[..=last];
        while let Some(gap) = rest.iter().position(|value| !value.is_nan()) {
            rest = &rest[gap..];
            let first = time_of(last + 1 - rest.len()).ok_or(Refused::OutOfRange)?;
            let stretch = self.load_stretch(loaded, first, rest, lead);
            let Some((stored, moved_now)) = stretch else {
                self.update_shadow();
                return Err(Refused::TooManyRuns);
            };
            rest = rest.split_at(stored).1;
            moved += moved_now;
        }
        self.update_shadow();
        Ok(moved)
    }

    /// The usual record of a log, without searching or dividing: a value for the slot behind the
    /// newest one. Says whether it was that.
    #[inline]
    fn load_next(&mut self, loaded: &Loaded<'_>) -> bool {
        let &[value] = loaded.values else { return false };
        let Some(run) = self.runs_mut().last_mut() else { return false };
        let f = i64::from(run.frequency.get());
        let continues = loaded.frequency == run.frequency
            && (loaded.origin == Origin::Foreign) == run.foreign
            && run.last().checked_add(f) == Some(loaded.start);
        if value.is_nan() || !continues || run.len() >= MAX_SLOTS {
            return false;
        }
        match loaded.state {
            State::Dirty => run.store_next(value),
            State::Clean => run.slots.push(value),
        }
        // The shadow is that of the other runs.
        true
    }

    /// Values for the slots behind the newest one. Says whether they were that; nothing has changed
    /// if not.
    pub(crate) fn load_behind_newest(&mut self, loaded: &Loaded<'_>) -> bool {
        let &Loaded { start, frequency, values, origin, state } = loaded;
        let ([first, ..], [.., last]) = (values, values) else { return false };
        let Ok(count) = u32::try_from(values.len()) else { return false };
        let f = i64::from(frequency.get());
        let end = i64::from(count - 1).checked_mul(f).and_then(|offset| start.checked_add(offset));
        let Some(run) = self.runs_mut().last_mut() else { return false };
        let continues = frequency == run.frequency
            && (origin == Origin::Foreign) == run.foreign
            && run.last().checked_add(f) == Some(start)
            && end.is_some()
            && !first.is_nan()
            && !last.is_nan();
        // So few that there is no gap that a run is not extended by.
        if !continues || count > REACH || run.len() > MAX_SLOTS - count {
            return false;
        }
        run.load_behind(0, values, state);
        // The shadow is that of the other runs.
        true
    }

    /// Loads as many values from the time `first` on as one run takes, at least the first, which is
    /// no NaN. Says how many, and how many of them were moved; None if none has a place.
    fn load_stretch(
        &mut self,
        loaded: &Loaded<'_>,
        first: i64,
        values: &[f32],
        lead: u32,
    ) -> Option<(usize, u64)> {
        let foreign = loaded.origin == Origin::Foreign;
        let Target { at, index, is_moved } = self.target(first, loaded.frequency, foreign, lead)?;
        let next = self.runs().get(at + 1).map(|run| run.start);
        let run = &mut self.runs_mut()[at];

        let mut count = values.len();
        if let Some(next) = next {
            let f = Wide::from(loaded.frequency.get());
            let before_next = (Wide::from(next) - Wide::from(first) + f - 1).div_euclid(f);
            count = count.min(usize::try_from(before_next.max(1)).unwrap_or(usize::MAX));
        }
        // Where an empty run is filled, its first slot counts as there.
        let len = usize::try_from(Wide::from(run.len().max(1)) - index).unwrap_or(0);
        let same_frequency = run.frequency == loaded.frequency;
        let may_extend = same_frequency && run.foreign == foreign && !is_moved;
        let room = (MAX_SLOTS - run.len().min(MAX_SLOTS)) as usize;
        let most = if may_extend {
            len.saturating_add(room)
        } else if is_moved {
            // Those behind the last may be in the phase of the next run.
            let inside = run.index_of(run.last()) - run.index_of(first);
            usize::try_from(inside).unwrap_or(0)
        } else {
            len
        };
        let most = if same_frequency { most.max(1) } else { 1 };
        let stretch = within_reach(&values[..count.min(most)], len);
        run.load(index, stretch, loaded.state);
        let moved =
            if is_moved { stretch.iter().filter(|value| !value.is_nan()).count() } else { 0 };
        Some((stretch.len(), moved as u64))
    }

    /// Where a value of this nominal time goes: inside a run, or within reach. If need be a run is
    /// split, or a new one added, without slots; None if there can be no more.
    fn target(
        &mut self,
        nominal: i64,
        frequency: NonZeroU32,
        foreign: bool,
        lead: u32,
    ) -> Option<Target> {
        let behind = self.runs().partition_point(|run| run.start <= nominal);
        if let Some(at) = behind.checked_sub(1)
            && let run = &self.runs()[at]
            && nominal <= run.last()
            && run.same_phase(nominal)
        {
            // Of another frequency, too: no nominal time is in a series twice.
            return Some(Target { at, index: run.index_of(nominal), is_moved: false });
        }
        let is_full = self.runs().len() >= MANY_RUNS;
        if !is_full {
            self.split_around(behind, nominal);
        }
        let neighbours = behind.saturating_sub(1)..(behind + 1).min(self.runs().len());
        let is_inside = behind > 0 && nominal <= self.runs()[behind - 1].last();
        for at in neighbours.clone().filter(|_| !is_inside) {
            let run = &self.runs()[at];
            let same = run.frequency == frequency && run.foreign == foreign;
            let index = run.index_of(nominal);
            if same && run.same_phase(nominal) && run.can_reach(index) {
                return Some(Target { at, index, is_moved: false });
            }
        }
        if is_full && let Some(target) = self.nearest(neighbours, behind, nominal) {
            return Some(target);
        }
        if self.runs().len() >= RUNS_MAX {
            return None;
        }
        self.insert_run(behind, Run::new(nominal, frequency, foreign, lead));
        Some(Target { at: behind, index: 0, is_moved: false })
    }

    /// Splits the run before `behind` if it lies around a time, which is not in its phase.
    fn split_around(&mut self, behind: usize, nominal: i64) {
        let Some(at) = behind.checked_sub(1) else { return };
        let run = &mut self.runs_mut()[at];
        if nominal < run.last() {
            let left = run.index_of(nominal);
            let right = run.split_off(crate::run::clamp(left + 1, run.len()));
            self.insert_run(behind, right);
        }
    }

    /// The slot that takes a time, of one of two neighbouring runs; else one that it can be extended
    /// by, not into the other; None: also if the time is behind them all.
    fn nearest(
        &self,
        neighbours: core::ops::Range<usize>,
        behind: usize,
        nominal: i64,
    ) -> Option<Target> {
        let candidates =
            || neighbours.clone().map(|at| (at, self.runs()[at].index_taking(nominal)));
        let target = |(at, index): (usize, Wide)| {
            let is_moved = self.runs()[at].nominal_of(index) != Some(nominal);
            Target { at, index, is_moved }
        };
        let inside =
            |&(at, index): &(usize, Wide)| index >= 0 && index < Wide::from(self.runs()[at].len());
        if let Some(found) = candidates().find(inside) {
            return Some(target(found));
        }
        let after = self.runs().get(behind)?;
        let before = behind.checked_sub(1).map(|at| Wide::from(self.runs()[at].last()));
        let is_between = |time: Wide| {
            time < Wide::from(after.start) && before.is_none_or(|before| time > before)
        };
        let within_reach = |&(at, index): &(usize, Wide)| {
            let run = &self.runs()[at];
            let time = run.nominal_of(index);
            run.can_reach(index) && time.is_some_and(|time| is_between(time.into()))
        };
        candidates().find(within_reach).map(target)
    }
}

/// The values up to the first gap behind slot `len` that is wider than a run is extended by. The
/// first value is there, or within reach; so is the last that is returned.
fn within_reach(values: &[f32], len: usize) -> &[f32] {
    let mut end = len.clamp(1, values.len());
    // A gap as wide as that holds a whole piece of half its width: mostly there is none.
    let may_have_gap = |piece: &[f32]| piece.iter().all(|value| value.is_nan());
    if !values[end..].chunks_exact(REACH as usize / 2).any(may_have_gap) {
        let last = values.iter().rposition(|value| !value.is_nan()).unwrap_or(0);
        return &values[..end.max(last + 1)];
    }
    for (at, value) in values.iter().enumerate().skip(end) {
        if value.is_nan() {
            continue;
        }
        if at + 1 - end > REACH as usize {
            break;
        }
        end = at + 1;
    }
    &values[..end]
}
