//! A run: slots of one start and frequency, and which of them are saved.
//!
//! Slot `i` has the nominal time `start + i * f` and takes the samples of the times from
//! `start - ⌊f/2⌋ + i * f` to before those of the next slot. Every nominal time of a run fits `i64`,
//! and its first and last slot have a value when they are made.
//!
//! A slot with a value is *dirty* (in no durable snapshot), *in flight* (captured by the checkpoint
//! that is running) or *clean*. Dirty wins: what is overwritten while in flight is in both sets.

use crate::sample::State;
use crate::slots::{MAX_SLOTS, Slots};
use crate::spans::Spans;
use core::ops::Range;
use std::num::NonZeroU32;

/// By how many slots a run is extended at most to take a sample.
pub(crate) const REACH: u32 = 512;
/// From this number of slots on, a run is left for a sample that is off its phase.
pub(crate) const LONG_RUN: u32 = 512;

#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) start: i64,
    pub(crate) frequency: NonZeroU32,
    /// It came from a file without our trailer.
    pub(crate) foreign: bool,
    pub(crate) slots: Slots,
    pub(crate) dirty: Spans,
    pub(crate) in_flight: Spans,
}

/// What freeing took from a run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Dropped {
    pub(crate) slots: u32,
    /// Those that held values.
    pub(crate) blocks: u64,
}

/// Wide enough for any difference of times, and any slot counted from any start.
pub(crate) type Wide = i128;

impl Run {
    /// A run without slots, which must get one.
    pub(crate) fn new(start: i64, frequency: NonZeroU32, foreign: bool, lead: u32) -> Self {
        let (dirty, in_flight) = (Spans::default(), Spans::default());
        Self { start, frequency, foreign, slots: Slots::new(lead), dirty, in_flight }
    }

    // ---- time ----

    #[inline]
    pub(crate) fn len(&self) -> u32 {
        self.slots.len()
    }

    #[inline]
    fn f(&self) -> Wide {
        Wide::from(self.frequency.get())
    }

    /// The nominal time of a slot of this run.
    #[inline]
    pub(crate) fn nominal(&self, index: u32) -> i64 {
        // The result is in range; what is on the way there need not be.
        let offset = i64::from(index).wrapping_mul(i64::from(self.frequency.get()));
        self.start.wrapping_add(offset)
    }

    /// The nominal time of any slot on the grid of this run; None: out of range.
    pub(crate) fn nominal_of(&self, index: Wide) -> Option<i64> {
        i64::try_from(Wide::from(self.start) + index * self.f()).ok()
    }

    #[inline]
    pub(crate) fn last(&self) -> i64 {
        self.nominal(self.len().saturating_sub(1))
    }

    /// Which slot takes a time; also before the first and behind the last.
    pub(crate) fn index_taking(&self, time: i64) -> Wide {
        index_taking(self.start, self.frequency, time)
    }

    /// The time behind the last that the last slot takes.
    pub(crate) fn window_end(&self) -> Wide {
        let f = self.f();
        Wide::from(self.start) - f / 2 + Wide::from(self.len()) * f
    }

    pub(crate) fn same_phase(&self, nominal: i64) -> bool {
        (Wide::from(nominal) - Wide::from(self.start)).rem_euclid(self.f()) == 0
    }

    /// The slot at a nominal time of this run's phase.
    pub(crate) fn index_of(&self, nominal: i64) -> Wide {
        (Wide::from(nominal) - Wide::from(self.start)).div_euclid(self.f())
    }

    /// Whether a slot can be added so that the run has no more slots than it may.
    pub(crate) fn can_reach(&self, index: Wide) -> bool {
        let len = Wide::from(self.len());
        let reach = Wide::from(REACH);
        let (low, high) = (index.min(0), index.max(len - 1));
        -low <= reach && high - (len - 1) <= reach && high - low < Wide::from(MAX_SLOTS)
    }

    // ---- values ----

    /// Stores an arriving sample in a slot that [`can_reach`](Self::can_reach).
    pub(crate) fn store(&mut self, index: Wide, value: f32) {
        let len = Wide::from(self.len());
        if index >= len {
            self.append_after(clamp(index - len, REACH), value);
        } else {
            let index = self.reach_back(index);
            self.slots.set(index, value);
            let position = self.slots.position(index);
            self.dirty.insert(position..position + 1);
        }
    }

    /// Stores an arriving sample in the slot behind the last one.
    #[inline]
    pub(crate) fn store_next(&mut self, value: f32) {
        let end = self.slots.end();
        self.slots.push(value);
        self.dirty.append(end, 0);
    }

    /// Stores an arriving sample in the last slot.
    #[inline]
    pub(crate) fn store_last(&mut self, value: f32) {
        self.slots.replace_last(value);
        let end = self.slots.end();
        self.dirty.insert(end - 1..end);
    }

    fn append_after(&mut self, gap: u32, value: f32) {
        let end = self.slots.end();
        self.slots.append_gap(gap);
        self.slots.append(&[value]);
        self.dirty.append(end, gap);
    }

    /// Makes the slot at an index before the first one, if it is; its index then.
    fn reach_back(&mut self, index: Wide) -> u32 {
        let count = clamp(-index, REACH);
        if count == 0 {
            return clamp(index, self.len());
        }
        self.start = self.nominal_of(index).unwrap_or(self.start);
        let moved = self.slots.extend_front(count);
        self.dirty.shift_up(moved);
        self.in_flight.shift_up(moved);
        0
    }

    /// Stores loaded values from a slot on: over slots that there are, and behind the last. The
    /// first and the last are no NaN. The first [`can_reach`](Self::can_reach).
    pub(crate) fn load(&mut self, index: Wide, values: &[f32], state: State) {
        let len = Wide::from(self.len());
        if index >= len {
            self.load_behind(clamp(index - len, REACH), values, state);
            return;
        }
        let index = self.reach_back(index);
        let inside = values.len().min((self.len() - index) as usize);
        let (over, behind) = values.split_at(inside);
        self.load_over(index, over, state);
        if let Some(gap) = behind.iter().position(|value| !value.is_nan()) {
            self.load_behind(clamp(gap as Wide, REACH), &behind[gap..], state);
        }
    }

    /// Stores loaded values behind the last slot and a gap.
    pub(crate) fn load_behind(&mut self, gap: u32, values: &[f32], state: State) {
        let end = self.slots.end();
        self.slots.append_gap(gap);
        self.slots.append(values);
        if state == State::Dirty {
            self.dirty.append(end, gap);
            self.dirty.insert(end + gap..self.slots.end());
        }
    }

    fn load_over(&mut self, index: u32, values: &[f32], state: State) {
        let first = self.slots.position(index);
        let end = first + clamp(values.len() as Wide, self.len() - index);
        let Self { slots, dirty, in_flight, .. } = self;
        let mut new = values.iter();
        slots.change(first..end, |position, slot| {
            let Some(&value) = new.next().filter(|value| !value.is_nan()) else { return false };
            let equal = slot.to_bits() == value.to_bits();
            let here = position..position + 1;
            match state {
                State::Clean => {
                    dirty.remove(here.clone());
                    in_flight.remove(here);
                }
                State::Dirty if equal && !in_flight.contains(position) => {}
                State::Dirty => dirty.insert(here),
            }
            *slot = value;
            !equal
        });
        if state == State::Clean {
            self.trim();
        }
    }

    // ---- saved or not ----

    /// Whether some slot before `time` is dirty or in flight.
    pub(crate) fn has_unsaved_before(&self, time: i64) -> bool {
        let first = [&self.dirty, &self.in_flight].into_iter().filter_map(Spans::bounds);
        let first = first.map(|bounds| bounds.start).min();
        first.is_some_and(|position| self.nominal(self.slots.index(position)) < time)
    }

    pub(crate) fn is_unsaved(&self, positions: Range<u32>) -> bool {
        self.dirty.touches(positions.clone()) || self.in_flight.touches(positions)
    }

    /// What was dirty is in flight.
    pub(crate) fn set_in_flight(&mut self) {
        self.in_flight = core::mem::take(&mut self.dirty);
    }

    /// What was in flight is dirty again.
    pub(crate) fn give_back(&mut self) {
        let in_flight = core::mem::take(&mut self.in_flight);
        self.dirty.union(&in_flight);
    }

    // ---- parts ----

    /// Takes out the slots from `index` on, as a run of its own.
    pub(crate) fn split_off(&mut self, index: u32) -> Self {
        let start = self.nominal(index);
        let at = self.slots.position(index);
        let (slots, moved) = self.slots.split_off(index);
        let dirty = self.dirty.split_off(at, at - moved);
        let in_flight = self.in_flight.split_off(at, at - moved);
        let mut right = Self {
            start,
            frequency: self.frequency,
            foreign: self.foreign,
            slots,
            dirty,
            in_flight,
        };
        self.trim();
        right.trim();
        right
    }

    /// The first range begins, and the last one ends, at a slot with a value: where they were cut
    /// there may be a gap.
    fn trim(&mut self) {
        for spans in [&mut self.dirty, &mut self.in_flight] {
            while let Some(first) = spans.bounds().map(|bounds| bounds.start)
                && self.slots.get(self.slots.index(first)).is_nan()
            {
                spans.remove(first..first + 1);
            }
            while let Some(last) = spans.bounds().map(|bounds| bounds.end - 1)
                && self.slots.get(self.slots.index(last)).is_nan()
            {
                spans.remove(last..last + 1);
            }
        }
    }

    /// Frees the first blocks, as long as all slots of a block lie before `before` and are clean.
    pub(crate) fn free_front(&mut self, before: i64) -> Dropped {
        let free = |block: &usize| {
            let positions = self.slots.block(*block);
            let last = self.nominal(self.slots.index(positions.end - 1));
            last < before && !self.is_unsaved(positions)
        };
        let count = (0..self.slots.blocks()).take_while(free).count();
        if count == 0 {
            return Dropped::default();
        }
        let held =
            (0..count).filter(|&block| self.slots.stored(block) != crate::slots::Stored::Gap);
        let blocks = held.count() as u64;
        let start = self.slots.block(count - 1).end;
        let start = self.nominal_of(Wide::from(self.slots.index(start)));
        let (slots, moved) = self.slots.drop_front(count);
        self.dirty.shift_down(moved);
        self.in_flight.shift_down(moved);
        self.start = start.unwrap_or(self.start);
        Dropped { slots, blocks }
    }
}

/// Which slot of the grid of `start` and `frequency` takes a time.
pub(crate) fn index_taking(start: i64, frequency: NonZeroU32, time: i64) -> Wide {
    let f = Wide::from(frequency.get());
    (Wide::from(time) - Wide::from(start) + f / 2).div_euclid(f)
}

/// An index as a number of slots: 0 if negative, `most` if above that.
pub(crate) fn clamp(index: Wide, most: u32) -> u32 {
    u32::try_from(index.max(0)).map_or(most, |index| index.min(most))
}
