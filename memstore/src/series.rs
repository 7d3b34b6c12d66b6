//! A series: its runs, and which of them takes a sample.
//!
//! Runs are ordered by start and do not overlap. Samples that *arrive* are placed by their time,
//! within half an interval, and open a run where none can take them. Values that are *loaded* have a
//! nominal time, which never changes: they go exactly there.

mod load;

use crate::run::{Dropped, LONG_RUN, REACH, Run, Wide, index_taking};
use crate::sample::{Limits, Placed, Refused};
use crate::slots::MAX_SLOTS;
use core::slice;
use std::num::NonZeroU32;

/// The phase of a run that was freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Phase {
    nominal: i64,
    frequency: NonZeroU32,
}

impl Phase {
    /// The start of a run that a sample opens in this phase.
    fn start(self, time: i64, frequency: NonZeroU32) -> Option<Wide> {
        let index = index_taking(self.nominal, self.frequency, time);
        let usable = self.frequency == frequency && index.unsigned_abs() <= u128::from(REACH);
        usable.then(|| Wide::from(self.nominal) + index * Wide::from(frequency.get()))
    }

    /// The time behind the last that a sample can have to be in this phase.
    fn reaches(self) -> Wide {
        let f = Wide::from(self.frequency.get());
        Wide::from(self.nominal) - f / 2 + (Wide::from(REACH) + 1) * f
    }
}

/// How many runs a series can have: a sample a day that fits none of the others, for eleven years.
pub(crate) const RUNS_MAX: usize = 4096;

#[derive(Debug)]
enum Runs {
    /// None, any more if there is a phase.
    Empty(Option<Phase>),
    One(Run),
    Many(Box<Many>),
}

#[derive(Debug)]
struct Many {
    runs: Vec<Run>,
    /// The last time that a slot of any run but the newest takes.
    shadow: i64,
}

#[derive(Debug)]
pub(crate) struct Series {
    /// The caller's: see [`Host::raise_boundary`](crate::Host::raise_boundary).
    boundary: i64,
    runs: Runs,
}

/// Where an arriving sample belongs.
enum Place {
    /// In this run, by index, at this slot.
    In(usize, Wide),
    /// In a new run with this start.
    New(Wide),
}

impl Series {
    pub(crate) fn new() -> Self {
        Self { boundary: i64::MIN, runs: Runs::Empty(None) }
    }

    /// Reads what the next sample will need.
    #[inline]
    pub(crate) fn touch(&self) -> u32 {
        self.runs().last().map_or(0, |run| run.slots.touch())
    }

    pub(crate) fn boundary(&self) -> i64 {
        self.boundary
    }

    pub(crate) fn raise_boundary(&mut self, to: i64) {
        self.boundary = self.boundary.max(to);
    }

    pub(crate) fn runs(&self) -> &[Run] {
        match &self.runs {
            Runs::Empty(_) => &[],
            Runs::One(run) => slice::from_ref(run),
            Runs::Many(many) => &many.runs,
        }
    }

    pub(crate) fn runs_mut(&mut self) -> &mut [Run] {
        match &mut self.runs {
            Runs::Empty(_) => &mut [],
            Runs::One(run) => slice::from_mut(run),
            Runs::Many(many) => &mut many.runs,
        }
    }

    // ---- samples that arrive ----

    /// Takes a finite sample. `lead` is that of a run, if one is opened.
    #[inline]
    pub(crate) fn write(
        &mut self,
        frequency: NonZeroU32,
        time: i64,
        value: f32,
        limits: &Limits,
        lead: u32,
    ) -> Result<Placed, Refused> {
        if time < limits.oldest {
            return Err(Refused::TooOld);
        }
        if time > limits.newest {
            return Err(Refused::TooFarAhead);
        }
        if let Some(placed) = self.write_newest(frequency, time, value, limits.takes_from) {
            return placed;
        }
        self.write_anywhere(frequency, time, value, limits.takes_from, lead)
    }

    /// The two usual cases, without searching or dividing: the last slot, and the one behind it.
    #[inline]
    fn write_newest(
        &mut self,
        frequency: NonZeroU32,
        time: i64,
        value: f32,
        takes_from: i64,
    ) -> Option<Result<Placed, Refused>> {
        let run = match &mut self.runs {
            Runs::One(run) => run,
            Runs::Many(many) if time > many.shadow => many.runs.last_mut()?,
            Runs::Empty(_) | Runs::Many(_) => return None,
        };
        let last = run.last();
        let f = i64::from(run.frequency.get());
        let nominal = last.checked_add(f)?;
        let off = time.checked_sub(nominal)?;
        // Within half an interval: below that the sum wraps to more than any interval.
        let is_taken = |off: i64| off.wrapping_add(f / 2).cast_unsigned() < f.cast_unsigned();
        if is_taken(off) {
            if must_open_behind(run, off, frequency) || run.len() >= MAX_SLOTS {
                return None;
            }
            if nominal < takes_from {
                return Some(Err(Refused::TooOld));
            }
            run.store_next(value);
            return Some(Ok(Placed { nominal, frequency }));
        }
        if !is_taken(off.checked_add(f)?) {
            return None;
        }
        if last < takes_from {
            return Some(Err(Refused::TooOld));
        }
        run.store_last(value);
        Some(Ok(Placed { nominal: last, frequency: run.frequency }))
    }

    #[cold]
    #[inline(never)]
    fn write_anywhere(
        &mut self,
        frequency: NonZeroU32,
        time: i64,
        value: f32,
        takes_from: i64,
        lead: u32,
    ) -> Result<Placed, Refused> {
        let place = self.place_for_arrival(time, frequency);
        let nominal = match place {
            Place::In(at, index) => self.runs()[at].nominal_of(index),
            Place::New(start) => i64::try_from(start).ok(),
        };
        let nominal = nominal.ok_or(Refused::OutOfRange)?;
        if nominal < takes_from {
            return Err(Refused::TooOld);
        }
        let frequency = match place {
            Place::In(at, index) => {
                let run = &mut self.runs_mut()[at];
                run.store(index, value);
                run.frequency
            }
            Place::New(_) if self.runs().len() >= RUNS_MAX => return Err(Refused::TooManyRuns),
            Place::New(_) => {
                let mut run = Run::new(nominal, frequency, false, lead);
                run.store_next(value);
                self.add_run(run);
                frequency
            }
        };
        self.update_shadow();
        Ok(Placed { nominal, frequency })
    }

    /// Where a sample would be stored.
    pub(crate) fn place(&self, frequency: NonZeroU32, time: i64) -> Result<Placed, Refused> {
        let (nominal, frequency) = match self.place_for_arrival(time, frequency) {
            Place::In(at, index) => (self.runs()[at].nominal_of(index), self.runs()[at].frequency),
            Place::New(start) => (i64::try_from(start).ok(), frequency),
        };
        Ok(Placed { nominal: nominal.ok_or(Refused::OutOfRange)?, frequency })
    }

    /// The earliest run that has the slot; else forwards from the last that ends before it; else
    /// backwards from the first that starts after it; else a new one. Changes nothing.
    fn place_for_arrival(&self, time: i64, frequency: NonZeroU32) -> Place {
        let (mut before, mut after) = (None, None);
        for (at, run) in self.runs().iter().enumerate() {
            let index = run.index_taking(time);
            if index < 0 {
                after = after.or(Some((at, run, index)));
            } else if index < Wide::from(run.len()) {
                return Place::In(at, index);
            } else {
                before = Some((at, run, index));
            }
        }
        let (start, end) =
            (after.map(|(_, run, _)| run.start), before.map(|(_, run, _)| run.last()));
        if let Some((at, run, index)) = before {
            let nominal = Wide::from(run.start) + index * Wide::from(run.frequency.get());
            let off = i64::try_from(Wide::from(time) - nominal).unwrap_or(i64::MAX);
            let allowed = start.map_or_else(
                || !must_open_behind(run, off, frequency),
                |start| nominal < Wide::from(start),
            );
            if allowed && run.can_reach(index) {
                return Place::In(at, index);
            }
        }
        if let Some((at, run, index)) = after {
            let nominal = Wide::from(run.start) + index * Wide::from(run.frequency.get());
            if end.is_none_or(|end| nominal > Wide::from(end)) && run.can_reach(index) {
                return Place::In(at, index);
            }
        }
        let kept = if let Runs::Empty(Some(phase)) = self.runs {
            phase.start(time, frequency)
        } else {
            None
        };
        Place::New(kept.unwrap_or(Wide::from(time)))
    }

    // ---- runs ----

    fn add_run(&mut self, run: Run) {
        let at = self.runs().partition_point(|other| other.start <= run.start);
        self.insert_run(at, run);
    }

    fn insert_run(&mut self, at: usize, run: Run) {
        if let Some(before) = at.checked_sub(1).and_then(|at| self.runs_mut().get_mut(at)) {
            before.slots.close();
        }
        self.runs = match core::mem::replace(&mut self.runs, Runs::Empty(None)) {
            Runs::Empty(_) => Runs::One(run),
            Runs::One(other) => {
                let runs = if at == 0 { vec![run, other] } else { vec![other, run] };
                Runs::Many(Box::new(Many { runs, shadow: i64::MAX }))
            }
            Runs::Many(mut many) => {
                many.runs.insert(at, run);
                Runs::Many(many)
            }
        };
    }

    /// Must follow whatever may have changed another run than the newest.
    fn update_shadow(&mut self) {
        if let Runs::Many(many) = &mut self.runs {
            let older = many.runs.split_last().map_or(&[][..], |(_, older)| older);
            let end = older.iter().map(Run::window_end).max().unwrap_or(0);
            let (least, most) = (Wide::from(i64::MIN), Wide::from(i64::MAX));
            many.shadow = i64::try_from((end - 1).clamp(least, most)).unwrap_or(i64::MAX);
        }
    }

    // ---- freeing ----

    /// Frees the first blocks of every run that lie before `before` and are clean. Runs left empty
    /// go; the phase of the last stays known.
    pub(crate) fn free(&mut self, before: i64) -> Dropped {
        let mut freed = Dropped::default();
        let mut phase = None;
        for run in self.runs_mut() {
            let last = Phase { nominal: run.last(), frequency: run.frequency };
            let dropped = run.free_front(before);
            if dropped.slots > 0 {
                phase = Some(last);
            }
            freed.slots = freed.slots.saturating_add(dropped.slots);
            freed.blocks += dropped.blocks;
        }
        if freed.slots > 0 {
            self.remove_empty_runs(phase);
        }
        freed
    }

    fn remove_empty_runs(&mut self, phase: Option<Phase>) {
        match &mut self.runs {
            Runs::One(run) if run.len() == 0 => self.runs = Runs::Empty(phase),
            Runs::Many(many) => {
                many.runs.retain(|run| run.len() > 0);
                match many.runs.len() {
                    0 => self.runs = Runs::Empty(phase),
                    1 => {
                        if let Some(run) = many.runs.pop() {
                            self.runs = Runs::One(run);
                        }
                    }
                    _ => self.update_shadow(),
                }
            }
            Runs::Empty(_) | Runs::One(_) => {}
        }
    }

    /// Whether nothing is left that a sample from `time` on could need.
    pub(crate) fn is_done_before(&self, time: i64) -> bool {
        match self.runs {
            Runs::Empty(phase) => phase.is_none_or(|phase| phase.reaches() <= Wide::from(time)),
            Runs::One(_) | Runs::Many(_) => false,
        }
    }

    // ---- memory ----

    /// Bytes of the allocator: of sealed blocks, of open ones, and of all else.
    pub(crate) fn heap_bytes(&self) -> (usize, usize, usize) {
        let mut bytes = (0, 0, 0);
        for run in self.runs() {
            let (sealed, open) = run.slots.heap_bytes();
            bytes.0 += sealed;
            bytes.1 += open;
            bytes.2 += run.dirty.heap_bytes() + run.in_flight.heap_bytes();
        }
        if let Runs::Many(many) = &self.runs {
            bytes.2 += size_of::<Many>() + many.runs.capacity() * size_of::<Run>();
        }
        bytes
    }
}

/// Whether a sample behind the newest run, `off` its slot's nominal time, must not continue it.
#[inline]
fn must_open_behind(newest: &Run, off: i64, frequency: NonZeroU32) -> bool {
    let bad_phase = newest.len() >= LONG_RUN
        && off.unsigned_abs().saturating_mul(4) > u64::from(newest.frequency.get());
    bad_phase || newest.foreign || newest.frequency != frequency
}

#[cfg(test)]
mod tests;
