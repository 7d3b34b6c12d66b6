//! Several snapshots of a host as one: the final values of each series.
//!
//! Of a slot that several snapshots have, the value of the one that is loaded last counts; NaN
//! overwrites nothing; no value gets another time. A file holds one part of a series, with one start
//! and one frequency: values of several phases, or with a gap between them that no run in memory
//! spans, are several runs.

use std::collections::BTreeMap;
use std::io::Write;
use std::num::NonZeroU32;

use snapshot_format::{EncodeError, Encoder, Event, Snapshot, Values};

use super::encode::Stretch;
use crate::planted::{Planted, is_planted};

/// How many slots there may be from one value of a run to the next, as in memory.
const REACH: i128 = 512;

/// The names of a series: those of the levels that lead to it, and its own.
pub(crate) type Names<'a> = (Vec<&'a [u8]>, &'a [u8]);

/// All parts of all series, ordered as a file orders them; those of a series in the order in which
/// they are loaded.
pub(crate) type Parts<'a> = BTreeMap<Names<'a>, Vec<Part<'a>>>;

/// One series in one snapshot, from its first value to its last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part<'a> {
    /// Index of the snapshot.
    pub(crate) source: usize,
    first: i64,
    last: i64,
    frequency: NonZeroU32,
    values: Values<'a>,
}

/// Values, the first and the last of which are none but NaN.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Run {
    pub(crate) start: i64,
    pub(crate) frequency: NonZeroU32,
    pub(crate) values: Vec<f32>,
}

/// A run, and of which series.
#[derive(Debug)]
pub(crate) struct Joined<'a> {
    pub(crate) names: Names<'a>,
    pub(crate) run: Run,
}

/// A series that no file of ours can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoTime {
    /// Index of the snapshot.
    pub(crate) source: usize,
}

/// All parts that have a value.
pub(crate) fn parts<'s, 'a: 's>(
    snapshots: impl IntoIterator<Item = &'s Snapshot<'a>>,
) -> Result<Parts<'a>, NoTime> {
    let mut parts = Parts::new();
    for (source, snapshot) in snapshots.into_iter().enumerate() {
        let mut path = Vec::new();
        for event in snapshot.events() {
            match event {
                Event::Enter(name) => path.push(name),
                Event::Leave => drop(path.pop()),
                Event::Series(series) => {
                    if let Some(part) = Part::of(source, &series)? {
                        parts.entry((path.clone(), series.name)).or_default().push(part);
                    }
                }
            }
        }
    }
    Ok(parts)
}

impl<'a> Part<'a> {
    fn of(source: usize, series: &snapshot_format::Series<'a>) -> Result<Option<Self>, NoTime> {
        let values = series.values;
        let has_value = |value: f32| !value.is_nan();
        let ends = (values.iter().position(has_value), values.iter().rposition(has_value));
        let (Some(from), Some(to)) = ends else { return Ok(None) };
        let seconds = u32::try_from(series.frequency).ok().and_then(NonZeroU32::new);
        let frequency = seconds.ok_or(NoTime { source })?;
        let nominal = |slot: usize| {
            let offset = i128::try_from(slot).ok()? * i128::from(frequency.get());
            i64::try_from(i128::from(series.start) + offset).ok()
        };
        let (Some(first), Some(last)) = (nominal(from), nominal(to)) else {
            return Err(NoTime { source });
        };
        Ok(Some(Self { source, first, last, frequency, values: values.range(from, to + 1) }))
    }

    /// Behind its last value.
    pub(crate) fn end(&self) -> i64 {
        self.last.saturating_add(1)
    }

    fn times(&self) -> impl Iterator<Item = (i64, f32)> {
        let (first, frequency) = (self.first, i64::from(self.frequency.get()));
        let mut time = Some(first);
        self.values.iter().map_while(move |value| {
            let this = time?;
            time = this.checked_add(frequency);
            Some((this, value))
        })
    }
}

/// The slots of one start and one frequency that some parts have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grid {
    first: i64,
    frequency: NonZeroU32,
    slots: usize,
}

impl Grid {
    /// None if the parts are several runs.
    pub(crate) fn of(parts: &[Part<'_>]) -> Option<Self> {
        let mut sorted: Vec<_> = parts.iter().collect();
        sorted.sort_by_key(|part| part.first);
        let (&first, rest) = sorted.split_first()?;
        let frequency = i128::from(first.frequency.get());
        let mut last = i128::from(first.last);
        for part in rest {
            let is_in_phase = (i128::from(part.first) - last).rem_euclid(frequency) == 0;
            let is_near = (i128::from(part.first) - last) / frequency <= REACH;
            let fits = part.frequency == first.frequency && is_in_phase && is_near;
            if !fits && !is_planted(Planted::MergedAcrossPhases) {
                return None;
            }
            last = last.max(part.last.into());
        }
        let slots = (last - i128::from(first.first)) / frequency + 1;
        let slots = usize::try_from(slots).ok()?;
        Some(Self { first: first.first, frequency: first.frequency, slots })
    }

    /// The slot of a time, which need not be one of the grid's.
    fn slot(&self, time: i64) -> usize {
        let offset =
            i128::from(time) - i128::from(self.first) + i128::from(self.frequency.get() - 1);
        let slot = offset.div_euclid(i128::from(self.frequency.get()));
        usize::try_from(slot.max(0)).unwrap_or(usize::MAX).min(self.slots)
    }

    /// Lays the parts over each other, the later over the earlier.
    fn lay(&self, parts: &[Part<'_>]) -> Vec<f32> {
        let mut values = vec![f32::NAN; self.slots];
        for part in parts {
            let into = values.get_mut(self.slot(part.first)..).unwrap_or_default();
            for (slot, value) in into.iter_mut().zip(part.values.iter()) {
                let is_free = slot.is_nan() || !is_planted(Planted::EarlierValueWins);
                if (!value.is_nan() || is_planted(Planted::NanOverwrites)) && is_free {
                    *slot = value;
                }
            }
        }
        values
    }

    fn mark(&self, part: &Part<'_>, marked: &mut [bool]) {
        let into = marked.get_mut(self.slot(part.first)..).unwrap_or_default();
        for (mark, value) in into.iter_mut().zip(part.values.iter()) {
            *mark |= !value.is_nan();
        }
    }

    /// The run of these values, some of which may be left out.
    fn run(&self, values: Vec<f32>) -> Option<Run> {
        let from = values.iter().position(|value| !value.is_nan())?;
        let to = values.iter().rposition(|value| !value.is_nan())? + 1;
        let offset = i64::try_from(from).ok()?.checked_mul(self.frequency.get().into())?;
        let start = self.first.checked_add(offset)?;
        let mut values = values;
        values.truncate(to);
        values.drain(..from);
        Some(Run { start, frequency: self.frequency, values })
    }
}

/// Which file of a merge a snapshot's values may go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Bin,
    /// The `.late` of the first name: until the `.bin` of that name is there, nothing else has its
    /// final values.
    FirstLate,
    Late,
}

/// The values of one series for the files of a merge.
#[derive(Debug, Default)]
pub(crate) struct Divided {
    pub(crate) bin: Option<Run>,
    pub(crate) late: Option<Run>,
    /// Whether the `.late` has values that the `.bin` has not.
    pub(crate) needs_late: bool,
}

/// Divides the values of one series for the `.bin` and the `.late` of a merge.
///
/// The `.bin` takes what was in one, and what is late only within: from `bins_before_end` on, where
/// all earlier `.bin` end, up to the end of the series' own part. So no boundary moves, and no later
/// file begins before this one ends.
pub(crate) fn divide(
    grid: Grid,
    parts: &[Part<'_>],
    roles: &[Role],
    bins_before_end: i64,
) -> Divided {
    let role = |part: &Part<'_>| roles.get(part.source).copied().unwrap_or(Role::Late);
    let values = grid.lay(parts);
    if parts.iter().all(|part| role(part) == Role::Bin) {
        return Divided { bin: grid.run(values), ..Divided::default() };
    }
    let bins = || parts.iter().filter(|part| role(part) == Role::Bin);
    let mut in_bin = vec![false; grid.slots];
    bins().for_each(|part| grid.mark(part, &mut in_bin));
    let from = if is_planted(Planted::MergedBeforeBoundary) { i64::MIN } else { bins_before_end };
    let end = bins().map(Part::end).max().unwrap_or(i64::MIN);
    if let Some(within) = in_bin.get_mut(grid.slot(from)..grid.slot(end)) {
        within.fill(true);
    }
    let mut in_late: Vec<bool> = in_bin.iter().map(|in_bin| !in_bin).collect();
    let needs_late = values.iter().zip(&in_late).any(|(value, late)| *late && !value.is_nan());
    if !is_planted(Planted::FirstLateKept) {
        let of_first = parts.iter().filter(|part| role(part) == Role::FirstLate);
        of_first.for_each(|part| grid.mark(part, &mut in_late));
    }
    let [bin, late] = [in_bin, in_late].map(|wanted| {
        let chosen = values.iter().zip(wanted);
        grid.run(chosen.map(|(value, wanted)| if wanted { *value } else { f32::NAN }).collect())
    });
    Divided { bin, late, needs_late }
}

/// The first snapshot, in the order of the parts, with which they are no longer one run.
pub(crate) fn divides_at(parts: &[Part<'_>]) -> Option<usize> {
    let prefixes = (1..=parts.len()).filter_map(|count| parts.get(..count));
    let first = prefixes.into_iter().find(|prefix| Grid::of(prefix).is_none())?;
    first.last().map(|part| part.source)
}

/// All runs of a series, ordered, none of which begins before the one in front of it has ended.
pub(crate) fn runs(parts: &[Part<'_>]) -> Vec<Run> {
    if let Some(grid) = Grid::of(parts) {
        return grid.run(grid.lay(parts)).into_iter().collect();
    }
    let mut values: BTreeMap<i64, (NonZeroU32, f32)> = BTreeMap::new();
    for part in parts {
        for (time, value) in part.times().filter(|(_, value)| !value.is_nan()) {
            // What lies in another run's slot goes into that slot, as in memory.
            values.entry(time).or_insert((part.frequency, value)).1 = value;
        }
    }
    let mut runs: Vec<Run> = Vec::new();
    for (time, (frequency, value)) in values {
        let newest = runs.last_mut().filter(|run| run.frequency == frequency);
        if !newest.is_some_and(|run| run.reach(time, value)) {
            runs.push(Run { start: time, frequency, values: vec![value] });
        }
    }
    runs
}

impl Run {
    /// Takes a value behind its last one, if it has a slot for it within reach.
    fn reach(&mut self, time: i64, value: f32) -> bool {
        let frequency = i128::from(self.frequency.get());
        let offset = i128::from(time) - i128::from(self.start);
        let Ok(slot) = usize::try_from(offset / frequency) else { return false };
        let distance = slot.saturating_sub(self.values.len().saturating_sub(1));
        if offset % frequency != 0 || i128::try_from(distance).unwrap_or(i128::MAX) > REACH {
            return false;
        }
        self.values.resize(slot, f32::NAN);
        self.values.push(value);
        true
    }

    /// Behind its last value.
    pub(crate) fn end(&self) -> i64 {
        let slots = i128::try_from(self.values.len()).unwrap_or(i128::MAX).saturating_sub(1);
        let last = i128::from(self.start) + slots * i128::from(self.frequency.get());
        i64::try_from(last + 1).unwrap_or(i64::MAX)
    }
}

/// The lowest nominal time of some runs, and the highest + 1; None without any.
pub(crate) fn times(joined: &[Joined<'_>]) -> Option<(i64, i64)> {
    let from = joined.iter().map(|one| one.run.start).min()?;
    let to = joined.iter().map(|one| one.run.end()).max()?;
    Some((from, to))
}

impl<'a> Stretch for Joined<'a> {
    type Element = &'a [u8];

    fn path(&self) -> &[&'a [u8]] {
        &self.names.0
    }

    fn encode<W: Write>(&self, encoder: &mut Encoder<W>) -> Result<(), EncodeError> {
        let Run { start, frequency, values } = &self.run;
        encoder.series(self.names.1, frequency.get().into(), *start, values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use snapshot_format::{Counts, TrailerFields};

    const NAN: f32 = f32::NAN;

    /// A snapshot with one series: its frequency, start and values.
    fn snapshot(frequency: i64, start: i64, values: &[f32]) -> Vec<u8> {
        let mut encoder =
            Encoder::new(Vec::new(), 0, 0, Counts { metrics: 1, children: 0 }).unwrap();
        encoder.series(b"load", frequency, start, values).unwrap();
        encoder.finish(TrailerFields::default()).unwrap().0
    }

    /// The parts of the only series.
    fn parts_of(files: &[Vec<u8>]) -> Result<Vec<Part<'_>>, NoTime> {
        let snapshots: Vec<_> = files.iter().map(|file| Snapshot::parse(file).unwrap()).collect();
        Ok(parts(&snapshots)?.into_values().next().unwrap_or_default())
    }

    /// Start, frequency and values of each run; a gap is -1.
    fn joined(files: &[Vec<u8>]) -> Vec<(i64, u32, Vec<f32>)> {
        let shown = |run: Run| {
            let values =
                run.values.into_iter().map(|value| if value.is_nan() { -1.0 } else { value });
            (run.start, run.frequency.get(), values.collect())
        };
        runs(&parts_of(files).unwrap()).into_iter().map(shown).collect()
    }

    #[test]
    fn later_values_win_and_nan_overwrites_nothing() {
        let files = [
            snapshot(60, 600, &[1.0, 2.0, NAN, 4.0]),
            snapshot(60, 480, &[NAN, 5.0, NAN, 6.0, 7.0, NAN]),
        ];
        assert_eq!(joined(&files), [(540, 60, vec![5.0, 1.0, 6.0, 7.0, 4.0])]);
    }

    #[test]
    fn runs_are_divided_where_phase_frequency_or_a_gap_divides_them() {
        let near = [snapshot(60, 0, &[1.0]), snapshot(60, 512 * 60, &[2.0])];
        assert_eq!(joined(&near).len(), 1);
        for other in [(60, 513 * 60), (60, 61), (30, 60)] {
            let files = [snapshot(60, 0, &[1.0]), snapshot(other.0, other.1, &[2.0])];
            let (start, frequency) = (other.1, u32::try_from(other.0).unwrap());
            let expected = [(0, 60, vec![1.0]), (start, frequency, vec![2.0])];
            assert_eq!(joined(&files), expected, "{other:?}");
            assert_eq!(Grid::of(&parts_of(&files).unwrap()), None);
            assert_eq!(divides_at(&parts_of(&files).unwrap()), Some(1));
        }
    }

    #[test]
    fn files_that_lie_over_each_other_become_runs_that_do_not() {
        let files = [snapshot(60, 0, &[1.0, 2.0, 3.0]), snapshot(60, 90, &[4.0, 5.0])];
        let expected = [
            (0, 60, vec![1.0, 2.0]),
            (90, 60, vec![4.0]),
            (120, 60, vec![3.0]),
            (150, 60, vec![5.0]),
        ];
        assert_eq!(joined(&files), expected);
        // A value with another frequency goes into the slot that there is.
        let files = [snapshot(60, 0, &[1.0, 2.0, 3.0]), snapshot(30, 60, &[4.0])];
        assert_eq!(joined(&files), [(0, 60, vec![1.0, 4.0, 3.0])]);
    }

    #[test]
    fn what_has_no_time_is_refused_and_what_has_no_value_is_nothing() {
        for (frequency, start) in [(0, 0), (-60, 0), (1 << 32, 0), (60, i64::MAX - 59)] {
            let files = [snapshot(60, 0, &[1.0]), snapshot(frequency, start, &[1.0, 2.0])];
            assert_eq!(parts_of(&files).unwrap_err(), NoTime { source: 1 });
        }
        assert!(parts_of(&[snapshot(0, 0, &[NAN, NAN]), snapshot(60, 0, &[])]).unwrap().is_empty());
    }

    /// Of a series with a `.bin` from 600 to 780, and late values.
    #[test]
    fn a_merged_bin_begins_behind_the_earlier_ones_and_ends_where_it_ended() {
        let files = [
            snapshot(60, 600, &[1.0, NAN, NAN, 4.0]),
            snapshot(60, 420, &[NAN, 8.0, 9.0, 5.0, 6.0, NAN, NAN, 7.0]),
        ];
        let parts = parts_of(&files).unwrap();
        let grid = Grid::of(&parts).unwrap();
        let divided = divide(grid, &parts, &[Role::Bin, Role::Late], 540);
        let run = divided.bin.unwrap();
        assert_eq!((run.start, run.end()), (540, 781), "not 480, which an earlier file may reach");
        assert_eq!(run.values[..3], [9.0, 5.0, 6.0]);
        let late = divided.late.unwrap();
        assert_eq!((late.start, late.end()), (480, 841));
        assert_eq!(late.values.iter().filter(|value| !value.is_nan()).count(), 2);
        assert!(divided.needs_late);
    }
}
