//! The rows of one series, joined in time from all snapshots that have a part of it.
//!
//! A slot counts at its exact nominal time. Where several parts have a sample at one time, that of
//! the part loaded last counts, and NaN is no sample: each time appears once, in ascending order.
//! Values are read where they stand; what is held is one batch and, where parts overlap, a place in
//! each of them.

use crate::error::ArchiveError;
use snapshot_format::Values;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

/// Rows that are handed on at once: large enough that handing on costs nothing for each.
pub(crate) const BATCH_ROWS: usize = 4096;

/// Values that are taken from a part at once.
const TAKEN: usize = 1024;

/// The values of a part, where they stand.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Slots<'a> {
    File(Values<'a>),
    Tree(&'a [f32]),
}

/// What one snapshot has of a series, cut to the rows that are wanted; never empty.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part<'a> {
    /// As the snapshot says; may be 0 or negative in files that are not ours.
    pub(crate) frequency: i64,
    first: i64,
    last: i64,
    slots: Slots<'a>,
    /// Of two parts the later one counts.
    pub(crate) order: usize,
}

/// Rows of one series and one frequency, in ascending order of time.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) frequency: i64,
    pub(crate) times: Vec<i64>,
    pub(crate) values: Vec<f32>,
}

impl Slots<'_> {
    pub(crate) fn len(self) -> usize {
        match self {
            Self::File(values) => values.len(),
            Self::Tree(values) => values.len(),
        }
    }

    fn get(self, index: usize) -> Option<f32> {
        match self {
            Self::File(values) => values.get(index),
            Self::Tree(values) => values.get(index).copied(),
        }
    }

    fn range(self, range: Range<usize>) -> Self {
        match self {
            Self::File(values) => Self::File(values.range(range.start, range.end)),
            Self::Tree(values) => Self::Tree(values.get(range).unwrap_or_default()),
        }
    }

    fn copy_to(self, target: &mut [f32]) -> usize {
        match self {
            Self::File(values) => values.copy_to(target),
            Self::Tree(values) => {
                let count = values.len().min(target.len());
                let copied = target.iter_mut().zip(values);
                copied.for_each(|(target, value)| *target = *value);
                count
            }
        }
    }
}

impl<'a> Part<'a> {
    /// The part of a series that lies in `wanted`, if any does.
    pub(crate) fn new(
        frequency: i64,
        start: i64,
        slots: Slots<'a>,
        wanted: &Range<i64>,
        order: usize,
    ) -> Option<Self> {
        let len = i128::try_from(slots.len()).ok()?;
        let (step, start) = (i128::from(frequency), i128::from(start));
        let begin = i128::from(wanted.start) - start;
        let end = i128::from(wanted.end) - start;
        // Slots i with begin ≤ i · step < end.
        let (low, high) = match step {
            1.. => (div_ceil(begin, step), div_ceil(end, step)),
            0 if begin <= 0 && 0 < end => (0, len),
            0 => return None,
            _ => ((-end).div_euclid(-step) + 1, (-begin).div_euclid(-step) + 1),
        };
        let (mut low, high) = (low.clamp(0, len), high.clamp(0, len));
        if step == 0 {
            // All slots have one time: the last sample counts.
            let is_sample = |slot: &usize| slots.get(*slot).is_some_and(|value| !value.is_nan());
            low = (0..slots.len()).rev().find(is_sample).map_or(high, |slot| slot as i128);
        }
        let high = if step == 0 { high.min(low + 1) } else { high };
        if low >= high {
            return None;
        }
        let time = |slot: i128| i64::try_from(start + slot * step).ok();
        let (a, b) = (time(low)?, time(high - 1)?);
        let slots = slots.range(usize::try_from(low).ok()?..usize::try_from(high).ok()?);
        Some(Self { frequency, first: a.min(b), last: a.max(b), slots, order })
    }

    /// The slot that is `index` steps behind the first in time.
    fn slot(&self, index: usize) -> Option<f32> {
        if self.frequency < 0 {
            return self.slots.get(self.slots.len().checked_sub(index + 1)?);
        }
        self.slots.get(index)
    }

    /// The nominal time `index` steps behind the first. Wraps behind the last, where no slot is.
    fn time(&self, index: usize) -> i64 {
        let step = self.frequency.unsigned_abs().cast_signed();
        self.first.wrapping_add(step.wrapping_mul(index.cast_signed() as i64))
    }

    /// The next sample at or behind `index`.
    fn sample_from(&self, mut index: usize) -> Option<usize> {
        while self.slot(index)?.is_nan() {
            index += 1;
        }
        Some(index)
    }
}

/// Division by a positive number, rounded up.
fn div_ceil(dividend: i128, divisor: i128) -> i128 {
    -(-dividend).div_euclid(divisor)
}

impl Batch {
    /// Hands the rows of a series to `sink`, some thousand at a time. Reorders `parts`.
    pub(crate) fn fill(
        &mut self,
        parts: &mut [Part<'_>],
        sink: &mut dyn FnMut(&Batch) -> Result<(), ArchiveError>,
    ) -> Result<(), ArchiveError> {
        parts.sort_unstable_by_key(|part| (part.first, part.order));
        let mut rest = &parts[..];
        while let Some(first) = rest.first() {
            let mut last = first.last;
            let mut overlapping = 1;
            while let Some(next) = rest.get(overlapping).filter(|next| next.first <= last) {
                last = last.max(next.last);
                overlapping += 1;
            }
            let (together, behind) = rest.split_at(overlapping);
            match together {
                [alone] => self.stretch(alone, 0, sink)?,
                _ => self.merge(together, sink)?,
            }
            rest = behind;
        }
        self.hand_on(sink)
    }

    /// All samples of a part from `index` on.
    fn stretch(
        &mut self,
        part: &Part<'_>,
        mut index: usize,
        sink: &mut dyn FnMut(&Batch) -> Result<(), ArchiveError>,
    ) -> Result<(), ArchiveError> {
        self.turn_to(part.frequency, sink)?;
        let mut taken = [0.0; TAKEN];
        let len = part.slots.len();
        while index < len {
            let end = len.min(index + TAKEN);
            let range = if part.frequency < 0 { len - end..len - index } else { index..end };
            let count = part.slots.range(range).copy_to(&mut taken);
            let taken = taken.get_mut(..count).unwrap_or_default();
            if part.frequency < 0 {
                taken.reverse();
            }
            if taken.iter().any(|value| value.is_nan()) {
                let samples = taken.iter().zip(index..).filter(|(value, _)| !value.is_nan());
                for (&value, index) in samples {
                    self.times.push(part.time(index));
                    self.values.push(value);
                }
            } else {
                self.times.extend((index..end).map(|index| part.time(index)));
                self.values.extend_from_slice(taken);
            }
            index = end;
            if self.times.len() >= BATCH_ROWS {
                self.hand_on(sink)?;
            }
        }
        Ok(())
    }

    /// Parts that overlap: always the earliest sample next, and of equal times the latest part's.
    fn merge(
        &mut self,
        parts: &[Part<'_>],
        sink: &mut dyn FnMut(&Batch) -> Result<(), ArchiveError>,
    ) -> Result<(), ArchiveError> {
        let next = |part: usize, from: usize| {
            let (one, order) = (parts.get(part)?, parts.get(part)?.order);
            let index = one.sample_from(from)?;
            Some((Reverse(one.time(index)), order, part, index))
        };
        let mut heap: BinaryHeap<_> = (0..parts.len()).filter_map(|part| next(part, 0)).collect();
        let mut newest = None;
        while let Some((Reverse(time), _, part, index)) = heap.pop() {
            let Some(one) = parts.get(part) else { continue };
            if newest != Some(time) {
                if heap.is_empty() {
                    return self.stretch(one, index, sink);
                }
                if let Some(value) = one.slot(index) {
                    self.turn_to(one.frequency, sink)?;
                    self.times.push(time);
                    self.values.push(value);
                }
                newest = Some(time);
            }
            heap.extend(next(part, index + 1));
            if self.times.len() >= BATCH_ROWS {
                self.hand_on(sink)?;
            }
        }
        Ok(())
    }

    fn turn_to(
        &mut self,
        frequency: i64,
        sink: &mut dyn FnMut(&Batch) -> Result<(), ArchiveError>,
    ) -> Result<(), ArchiveError> {
        if self.frequency != frequency {
            self.hand_on(sink)?;
            self.frequency = frequency;
        }
        Ok(())
    }

    fn hand_on(
        &mut self,
        sink: &mut dyn FnMut(&Batch) -> Result<(), ArchiveError>,
    ) -> Result<(), ArchiveError> {
        if !self.times.is_empty() {
            sink(self)?;
            self.times.clear();
            self.values.clear();
        }
        Ok(())
    }
}
