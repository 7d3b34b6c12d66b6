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
