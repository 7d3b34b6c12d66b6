//! What a checkpoint writes: the captured slots, divided into files.
//!
//! The Go store does not start when a series begins earlier in a later `.bin`. So a `.bin` holds of
//! a series only what lies behind its *boundary*, the end of its part in earlier ones; what became
//! dirty before that goes to a `.late`, which the Go store ignores. A file has one part of a series
//! at most: a series with several runs needs several files, in order of the runs' start.

use std::ops::Range;

use memstore::{CapturedRun, Handle};

use super::files::Kind;
use crate::planted::{Planted, is_planted};

/// One file of a set, before it has a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Content {
    /// Ordered as the runs are: by path, then name of the metric.
    pub(crate) parts: Vec<Part>,
}

/// A stretch of a captured run: its first and last slot have values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// Index of the run in the capture.
    pub(crate) run: usize,
    pub(crate) slots: Range<usize>,
    /// Nominal times.
    pub(crate) first: i64,
    pub(crate) last: i64,
}

impl Content {
    /// The lowest nominal time, and the highest + 1.
    pub(crate) fn times(&self) -> Option<(i64, i64)> {
        let first = self.parts.iter().map(|part| part.first).min()?;
        let last = self.parts.iter().map(|part| part.last).max()?;
        Some((first, last.saturating_add(1)))
    }
}

/// What a capture is divided into.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Divided {
    pub(crate) bins: Vec<Content>,
    pub(crate) lates: Vec<Content>,
    /// How far the boundaries move.
    pub(crate) boundaries: Vec<(Handle, i64)>,
}

impl Divided {
    /// Divides the runs of a capture. `boundary_of_others` holds for series that have none, and what
    /// lies behind `last_in_bin` is late.
    pub(crate) fn of(runs: &[CapturedRun<'_>], boundary_of_others: i64, last_in_bin: i64) -> Self {
        let mut divided = Self::default();
        let mut at = 0;
        for series in runs.chunk_by(|one, other| one.series == other.series) {
            divided.add_series(at, series, boundary_of_others, last_in_bin);
            at += series.len();
        }
        divided
    }

    fn add_series(&mut self, at: usize, runs: &[CapturedRun<'_>], others: i64, last_in_bin: i64) {
        let Some(first) = runs.first() else { return };
        let mut boundary = if first.boundary == i64::MIN { others } else { first.boundary };
        if is_planted(Planted::NoBoundary) {
            boundary = i64::MIN;
        }
        let before = boundary;
        let (mut bins, mut lates) = (0, 0);
        for (offset, run) in runs.iter().enumerate() {
            let behind = slots_before(run, boundary);
            let ahead = slots_before(run, last_in_bin.saturating_add(1)).max(behind);
            let stretches = [
                (Kind::Late, 0..behind),
                (Kind::Bin, behind..ahead),
                (Kind::Late, ahead..run.len()),
            ];
            for (kind, slots) in stretches {
                let Some(part) = part(at + offset, run, slots) else { continue };
                if kind == Kind::Bin {
                    boundary = boundary.max(part.last.saturating_add(1));
                    put(&mut self.bins, &mut bins, part);
                } else {
                    put(&mut self.lates, &mut lates, part);
                }
            }
        }
        if boundary > before {
            self.boundaries.push((first.series, boundary));
        }
    }
}

/// Puts a part into the next file: parts of one series never share one.
fn put(files: &mut Vec<Content>, next: &mut usize, part: Part) {
    if files.len() <= *next {
        files.push(Content::default());
    }
    if let Some(file) = files.get_mut(*next) {
        file.parts.push(part);
    }
    *next += 1;
}

/// How many slots of a run have a nominal time before `time`.
fn slots_before(run: &CapturedRun<'_>, time: i64) -> usize {
    let frequency = i128::from(run.frequency.get());
    let slots = (i128::from(time) - i128::from(run.start) + frequency - 1).div_euclid(frequency);
    usize::try_from(slots.max(0)).unwrap_or(usize::MAX).min(run.len())
}

/// The stretch without the slots at its ends that have no value; None if none has one.
fn part(index: usize, run: &CapturedRun<'_>, slots: Range<usize>) -> Option<Part> {
    let trimmed = if slots == (0..run.len()) {
        slots // A run begins and ends with a value.
    } else {
        let mut values = vec![f32::NAN; slots.len()];
        run.read(slots.start, &mut values);
        let first = values.iter().position(|value| !value.is_nan())?;
        let last = values.iter().rposition(|value| !value.is_nan())?;
        slots.start + first..slots.start + last + 1
    };
    let nominal = |slot: usize| {
        let offset = i128::try_from(slot).unwrap_or(i128::MAX) * i128::from(run.frequency.get());
        // The time of a slot that is there: in range.
        i64::try_from(i128::from(run.start) + offset).unwrap_or(i64::MAX)
    };
    let (first, last) = (nominal(trimmed.start), nominal(trimmed.end.checked_sub(1)?));
    Some(Part { run: index, slots: trimmed, first, last })
}

#[cfg(test)]
mod tests {
    use super::*;
    use memstore::{CaptureEnd, Catalogue, Host, Limits, Loaded, Origin, State};
    use std::num::NonZeroU32;

    const MINUTE: NonZeroU32 = NonZeroU32::new(60).unwrap();

    struct One {
        host: Host,
        series: Handle,
        catalogue: Catalogue,
    }

    impl One {
        fn new() -> Self {
            let catalogue = Catalogue::new();
            let metric = catalogue.intern(b"load");
            let mut host = Host::new();
            let series = host.series(&[], metric).unwrap();
            Self { host, series, catalogue }
        }

        fn load(&mut self, start: i64, values: &[f32], state: State) {
            let loaded = Loaded { start, frequency: MINUTE, values, origin: Origin::Ours, state };
            self.host.load(self.series, loaded).unwrap();
        }

        /// Per file, the first and last time of its part.
        fn divided(&mut self, others: i64, last_in_bin: i64) -> [Vec<(i64, i64)>; 2] {
            let capture = self.host.capture().unwrap();
            self.host.capture_ended(CaptureEnd::Failed);
            let divided = Divided::of(&capture.runs(&self.catalogue), others, last_in_bin);
            [divided.bins, divided.lates].map(|files| {
                let one = |file: &Content| {
                    assert_eq!(file.parts.len(), 1);
                    (file.parts[0].first, file.parts[0].last)
                };
                files.iter().map(one).collect()
            })
        }
    }

    #[test]
    fn what_lies_before_the_boundary_is_late_and_both_parts_begin_and_end_with_a_value() {
        let mut one = One::new();
        one.load(600, &[1.0, f32::NAN, f32::NAN, 4.0], State::Dirty);
        assert_eq!(one.divided(i64::MIN, i64::MAX), [vec![(600, 780)], vec![]]);
        for boundary in 601..=780 {
            assert_eq!(one.divided(boundary, i64::MAX), [vec![(780, 780)], vec![(600, 600)]]);
        }
        assert_eq!(one.divided(781, i64::MAX), [vec![], vec![(600, 780)]]);
        one.host.raise_boundary(one.series, 600);
        assert_eq!(one.divided(781, i64::MAX)[0], [(600, 780)], "its own counts, if it has one");
    }

    #[test]
    fn what_is_ahead_is_late_too() {
        let mut one = One::new();
        one.load(600, &[1.0, 2.0, 3.0, 4.0], State::Dirty);
        assert_eq!(one.divided(i64::MIN, 779), [vec![(600, 720)], vec![(780, 780)]]);
        assert_eq!(one.divided(650, 719), [vec![(660, 660)], vec![(600, 600), (720, 780)]]);
        assert_eq!(one.divided(i64::MIN, 0), [vec![], vec![(600, 780)]]);
    }

    #[test]
    fn runs_of_one_series_go_to_files_in_order() {
        let mut one = One::new();
        one.load(600, &[1.0, 2.0], State::Dirty);
        one.load(1_000_007, &[3.0], State::Dirty);
        one.load(2_000_000, &[4.0], State::Clean);
        one.load(3_000_011, &[5.0, 6.0], State::Dirty);
        let bins = vec![(600, 660), (1_000_007, 1_000_007), (3_000_011, 3_000_071)];
        assert_eq!(one.divided(i64::MIN, i64::MAX), [bins, vec![]]);
        let late = vec![(600, 660), (1_000_007, 1_000_007)];
        assert_eq!(one.divided(2_000_000, i64::MAX), [vec![(3_000_011, 3_000_071)], late]);
    }

    #[test]
    fn boundaries_move_behind_what_a_bin_holds_and_no_further() {
        let mut one = One::new();
        let limits = Limits::NONE;
        one.host.write(one.series, MINUTE, 600, 0.5, &limits).unwrap();
        one.host.write(one.series, MINUTE, 660, 0.5, &limits).unwrap();
        let capture = one.host.capture().unwrap();
        let moved =
            |others, last| Divided::of(&capture.runs(&one.catalogue), others, last).boundaries;
        assert_eq!(moved(i64::MIN, i64::MAX), [(one.series, 661)]);
        assert_eq!(moved(i64::MIN, 650), [(one.series, 601)]);
        assert_eq!(moved(i64::MIN, 0), []);
        assert_eq!(moved(700, i64::MAX), []);
    }
}
