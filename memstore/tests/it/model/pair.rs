//! A host and the naive one, doing the same.

use super::Totals;
use super::compare;
use super::naive::{Naive, Refusal, ShownRun, State as Naively};
use super::operation::{Limits as GivenLimits, NO_LIMITS, Operation};
use super::random::Random;
use super::universe::{Fold, Key, METRICS, PATHS, Pick, SELECTORS};
use memstore::{
    Aggregation, Capture, CaptureEnd, Catalogue, Element, Handle, Host, Limits, Loaded, MetricId,
    Origin, Refused, Selector, State,
};
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, catch_unwind};

pub(super) struct Pair {
    pub(super) host: Host,
    pub(super) naive: Naive,
    pub(super) catalogue: Catalogue,
    pub(super) ids: Vec<MetricId>,
    pub(super) frequencies: Vec<Option<u32>>,
    /// As a writer keeps them between batches.
    pub(super) handles: BTreeMap<Key, Handle>,
    limits: GivenLimits,
    capture: Option<(Capture, Vec<ShownRun>, BTreeMap<Key, Handle>)>,
    held: Vec<compare::Held>,
    samples: u64,
    pub(super) answers: u64,
    captured_runs: u64,
    pub(super) freed_blocks: u64,
}

/// The whole history, then everything compared.
pub(super) fn run(history: &[Operation]) -> Result<(), String> {
    let mut pair = Pair::new();
    let end = [Operation::CompareAll, Operation::FreeAll];
    for (step, operation) in history.iter().chain(&end).enumerate() {
        pair.apply_caught(operation).map_err(|why| format!("operation {step}: {why}"))?;
    }
    Ok(())
}

impl Pair {
    pub(super) fn new() -> Self {
        let catalogue = Catalogue::new();
        let ids = METRICS.iter().map(|metric| match metric.config {
            Some((frequency, fold)) => catalogue.add(metric.name, hertz(frequency), of(fold)),
            None => catalogue.intern(metric.name),
        });
        Self {
            host: Host::new(),
            naive: Naive::new(),
            ids: ids.collect(),
            catalogue,
            frequencies: METRICS.iter().map(|one| one.config.map(|config| config.0)).collect(),
            handles: BTreeMap::new(),
            limits: NO_LIMITS,
            capture: None,
            held: Vec::new(),
            samples: 0,
            answers: 0,
            captured_runs: 0,
            freed_blocks: 0,
        }
    }

    pub(super) fn add_to(&self, totals: &mut Totals) {
        totals.samples += self.samples;
        totals.answers += self.answers;
        totals.captured_runs += self.captured_runs;
        totals.freed_blocks += self.freed_blocks;
    }

    /// A panic of the host is a failure like any other.
    pub(super) fn apply_caught(&mut self, operation: &Operation) -> Result<(), String> {
        catch_unwind(AssertUnwindSafe(|| self.apply(operation))).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()));
            Err(format!("panicked: {}", text.unwrap_or_default()))
        })
    }

    pub(super) fn apply(&mut self, operation: &Operation) -> Result<(), String> {
        match *operation {
            Operation::Touch(key) => self.touch(key).map(drop),
            Operation::Write { key, frequency, timestamp, bits } => {
                self.write(key, frequency, timestamp, f32::from_bits(bits))
            }
            Operation::Stretch { key, frequency, from, step, jitter, values } => {
                let mut random = Random::new(values.seed);
                for (index, value) in (0i64..).zip(values.list()) {
                    if !value.is_nan() {
                        let off = random.within(-jitter.abs(), jitter.abs());
                        let timestamp = from.saturating_add(step * index).saturating_add(off);
                        self.write(key, frequency, timestamp, value)?;
                    }
                }
                Ok(())
            }
            Operation::Limit(limits) => {
                self.limits = limits;
                Ok(())
            }
            Operation::Load { key, frequency, start, values, foreign, clean } => {
                self.load(key, (start, frequency), &values.list(), foreign, clean)
            }
            Operation::SetFrequency { metric, frequency } => {
                self.set_frequency(metric, frequency);
                Ok(())
            }
            Operation::RaiseBoundary { key, to } => self.raise_boundary(key, to),
            Operation::Capture => self.capture(),
            Operation::CaptureIsDurable => self.capture_ended(CaptureEnd::Durable, Naively::Clean),
            Operation::CaptureFails => self.capture_ended(CaptureEnd::Failed, Naively::Dirty),
            Operation::Free { selector, before } => self.free(selector, before),
            Operation::Read(query) => self.select(query).check(),
            Operation::Hold(query) => {
                let held = self.select(query);
                self.held.push(held);
                Ok(())
            }
            Operation::Release => self.held.drain(..).try_for_each(compare::Held::check),
            Operation::Health { now } => self.health(now),
            Operation::CompareAll => self.compare_all(),
            Operation::FreeAll => self.free_all(),
        }
    }

    // ---- writing ----

    /// A new handle.
    fn touch(&mut self, key: Key) -> Result<Handle, String> {
        let handle = self.host.series(PATHS[key.0], self.ids[key.1]);
        let handle = handle.map_err(|why| format!("{key:?} is refused: {why}"))?;
        self.naive.touch(key);
        self.handles.insert(key, handle);
        if self.host.find(PATHS[key.0], self.ids[key.1]) != Some(handle) {
            return Err(format!("{key:?} is not found by the handle it got"));
        }
        Ok(handle)
    }

    /// The one that is kept, as long as the series is the same; a stale one must be refused.
    fn handle(&mut self, key: Key) -> Result<Handle, String> {
        let Some(&kept) = self.handles.get(&key) else { return self.touch(key) };
        if self.naive.series.contains_key(&key) {
            return Ok(kept);
        }
        let written = self.host.write(kept, hertz(60), 0, 0.0, &Limits::NONE);
        let one = Loaded {
            start: 0,
            frequency: hertz(60),
            values: &[0.0],
            origin: Origin::Ours,
            state: State::Dirty,
        };
        let loaded = self.host.load(kept, one);
        if (written, loaded) != (Err(Refused::Stale), Err(Refused::Stale)) {
            return Err(format!("stale handle of {key:?}: {written:?}, {loaded:?}"));
        }
        if self.host.raise_boundary(kept, 0) || self.host.boundary(kept).is_some() {
            return Err(format!("stale handle of {key:?} has a boundary"));
        }
        self.touch(key)
    }

    fn write(&mut self, key: Key, f: u32, timestamp: i64, value: f32) -> Result<(), String> {
        let handle = self.handle(key)?;
        self.samples += 1;
        let limits = self.limits;
        let got = self.host.write(handle, hertz(f), timestamp, value, &given(limits));
        if got == Err(Refused::OutOfRange) && near_a_limit(timestamp, f) {
            return Ok(());
        }
        let expected = self.naive.write(key, f, timestamp, value, &limits);
        let same = match (&got, &expected) {
            (Ok(placed), Ok(expected)) => {
                *expected == (placed.nominal.into(), placed.frequency.get().into())
            }
            (Err(refused), Err(reasons)) => reasons.iter().any(|reason| is(*refused, *reason)),
            _ => false,
        };
        if same {
            return Ok(());
        }
        Err(format!("{value} of {key:?} at {timestamp}: got {got:?}, expected {expected:?}"))
    }

    fn load(
        &mut self,
        key: Key,
        (start, frequency): (i64, u32),
        values: &[f32],
        foreign: bool,
        clean: bool,
    ) -> Result<(), String> {
        let handle = self.handle(key)?;
        self.samples += values.len() as u64;
        let got = self.host.load(
            handle,
            Loaded {
                start,
                frequency: hertz(frequency),
                values,
                origin: if foreign { Origin::Foreign } else { Origin::Ours },
                state: if clean { State::Clean } else { State::Dirty },
            },
        );
        let last = values.iter().rposition(|value| !value.is_nan()).unwrap_or(0) as i128;
        let last = i64::try_from(i128::from(start) + i128::from(frequency) * last);
        match got {
            Ok(()) if last.is_ok() => {
                let state = if clean { Naively::Clean } else { Naively::Dirty };
                self.naive.load(key, (start, frequency), values, foreign, state);
                Ok(())
            }
            Err(Refused::OutOfRange) if last.is_err() => Ok(()),
            _ => Err(format!("loading {} of {key:?} at {start}: {got:?}", values.len())),
        }
    }

    fn set_frequency(&mut self, metric: usize, frequency: u32) {
        if let Some((_, fold)) = METRICS[metric].config {
            self.catalogue.add(METRICS[metric].name, hertz(frequency), of(fold));
            self.frequencies[metric] = Some(frequency);
        }
    }

    // ---- checkpoint ----

    fn raise_boundary(&mut self, key: Key, to: i64) -> Result<(), String> {
        let handle = self.handle(key)?;
        self.naive.raise_boundary(key, to);
        let raised = self.host.raise_boundary(handle, to);
        let (got, expected) = (self.host.boundary(handle), self.naive.boundary(key));
        if raised && got == Some(expected) {
            return Ok(());
        }
        Err(format!("boundary of {key:?} raised to {to} is {got:?}, expected {expected}"))
    }

    fn capture(&mut self) -> Result<(), String> {
        match (self.host.capture(), &self.capture) {
            (None, Some(_)) => Ok(()),
            (Some(captured), None) => {
                self.capture = Some((captured, self.naive.capture(), self.handles.clone()));
                Ok(())
            }
            (Some(_), Some(_)) => Err("two captures at once".to_owned()),
            (None, None) => Err("no capture, though none is under way".to_owned()),
        }
    }

    /// What was captured must be what it was then, however much has been written since.
    fn capture_ended(&mut self, how: CaptureEnd, state: Naively) -> Result<(), String> {
        let Some((captured, expected, handles)) = self.capture.take() else {
            self.host.capture_ended(how);
            return self.saved_state();
        };
        compare::captured(&self.catalogue, &handles, &captured, &expected)?;
        self.captured_runs += expected.len() as u64;
        self.host.capture_ended(how);
        self.naive.turn(Naively::InFlight, state);
        self.saved_state()
    }

    pub(super) fn saved_state(&self) -> Result<(), String> {
        let clean = self.naive.is_clean();
        if self.host.is_clean() != clean {
            return Err(format!("is_clean is not {clean}"));
        }
        let unsaved = self.naive.slots.iter().filter(|(_, slot)| slot.state != Naively::Clean);
        let first = unsaved.map(|((_, nominal), _)| *nominal).min();
        let first = first.and_then(|first| i64::try_from(first).ok()).unwrap_or(0);
        for time in [i64::MIN, first, first.saturating_add(1), i64::MAX] {
            let expected = self.naive.has_unsaved_before(time);
            if self.host.has_unsaved_before(time) != expected {
                return Err(format!("has_unsaved_before({time}) is not {expected}"));
            }
        }
        Ok(())
    }
}

pub(super) fn hertz(frequency: u32) -> NonZeroU32 {
    NonZeroU32::new(frequency).unwrap_or(NonZeroU32::MIN)
}

fn of(fold: Fold) -> Aggregation {
    match fold {
        Fold::Sum => Aggregation::Sum,
        Fold::Avg => Aggregation::Avg,
        Fold::Never => Aggregation::None,
    }
}

fn given(limits: GivenLimits) -> Limits {
    let GivenLimits { oldest, newest, takes_from } = limits;
    Limits { oldest, newest, takes_from }
}

fn is(refused: Refused, reason: Refusal) -> bool {
    refused
        == match reason {
            Refusal::NotFinite => Refused::NotFinite,
            Refusal::TooOld => Refused::TooOld,
            Refusal::TooFarAhead => Refused::TooFarAhead,
            Refusal::OutOfRange => Refused::OutOfRange,
        }
}

/// Where a slot may lie outside what `i64` holds: a host may refuse more there than it must.
fn near_a_limit(time: i64, frequency: u32) -> bool {
    time.unsigned_abs() > i64::MAX.unsigned_abs() - 2000 * u64::from(frequency)
}

pub(super) fn selector(index: usize) -> Selector {
    let elements = SELECTORS[index].iter().map(|pick| match pick {
        Pick::Name(name) => Element::Name(name.to_vec()),
        Pick::Group(names) => Element::Group(names.iter().map(|name| name.to_vec()).collect()),
        Pick::Any => Element::Any,
    });
    Selector::new(elements.collect())
}
