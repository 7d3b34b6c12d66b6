//! Random histories that know where it hurts: edges of runs, the reach of 512 slots, old blocks.

use super::naive::Naive;
use super::operation::{Kind, Limits, NO_LIMITS, Operation, Query, Values};
use super::random::Random;
use super::series::Run;
use super::universe::{FREQUENCY_OF_UNKNOWN, Key, METRICS, PATHS, SELECTORS};
use memstore::MAX_ENTRIES;
use std::collections::BTreeMap;

/// Above so many slots no long stretches come any more: a case stays quick.
const SLOTS_MAX: usize = 6000;
/// Entries of an answer: mostly few, now and then enough to be resampled.
const ENTRIES_MAX: [i128; 5] = [100, 200, 300, 400, 2500];

/// A small part of the universe, with its clock.
pub(super) struct Scene {
    random: Random,
    keys: Vec<Key>,
    now: i64,
    frequencies: [u32; METRICS.len()],
    /// The newest load of each series, which may come again, as a log that is replayed twice.
    loads: BTreeMap<Key, Operation>,
}

impl Scene {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let metrics: Vec<_> = (0..=random.below(3)).map(|_| random.below(METRICS.len())).collect();
        let paths: Vec<_> = (0..=random.below(5)).map(|_| random.below(PATHS.len())).collect();
        let all = paths.iter().flat_map(|&path| metrics.iter().map(move |&metric| (path, metric)));
        let now = match random.below(40) {
            0 => i64::MAX - random.within(0, 500_000),
            1 => i64::MIN + random.within(0, 500_000),
            2 => random.within(-50_000, 50_000),
            _ => 1_700_000_000 + random.within(0, 100_000),
        };
        let frequencies = std::array::from_fn(|metric| {
            METRICS[metric].config.map_or(FREQUENCY_OF_UNKNOWN, |(frequency, _)| frequency)
        });
        Self { keys: all.collect(), now, frequencies, random, loads: BTreeMap::new() }
    }

    pub(super) fn next(&mut self, naive: &Naive) -> Operation {
        let key = self.random.one_of(&self.keys.clone());
        match self.random.below(100) {
            0..44 => self.write(key, naive),
            44..58 => self.stretch(key, naive),
            58..67 => self.load(key, naive),
            67..70 => Operation::Capture,
            70..72 => Operation::CaptureIsDurable,
            72 => Operation::CaptureFails,
            73..77 => self.free(key, naive),
            77..87 => Operation::Read(self.query(key, naive)),
            87..90 => Operation::Hold(self.query(key, naive)),
            90..92 => Operation::Release,
            92 => self.limit(),
            93 if self.random.percent(50) => self.set_frequency(key),
            93 => {
                let to = self.random.one_of(&[self.now, i64::MIN, i64::MAX, self.now - 9]);
                Operation::RaiseBoundary { key, to }
            }
            94 => Operation::Touch(key),
            95 => Operation::Health { now: self.time(key, naive) },
            96 => Operation::CompareAll,
            _ => self.tick(key),
        }
    }

    fn frequency(&self, key: Key) -> i64 {
        self.frequencies[key.1].into()
    }

    // ---- times ----

    fn advance(&mut self, seconds: i64) -> i64 {
        self.now = self.now.saturating_add(seconds);
        self.now
    }

    /// The clock goes on, and the sample is of now.
    fn tick(&mut self, key: Key) -> Operation {
        let f = self.frequency(key);
        let slots = self.random.one_of(&[0, 1, 1, 1, 2, 5, 511, 512, 513, 700]);
        let jitter = self.random.within(-f, f) / self.random.one_of(&[1, 2, 3, 5, 9]);
        let timestamp = self.advance(slots * f + jitter);
        let bits = self.value();
        Operation::Write { key, frequency: self.frequencies[key.1], timestamp, bits }
    }

    fn a_run(&mut self, key: Key, naive: &Naive) -> Option<Run> {
        let runs = &naive.series.get(&key)?.runs;
        // Mostly the newest.
        let index =
            if self.random.percent(50) { runs.len() } else { self.random.below(runs.len()) };
        runs.get(index.min(runs.len().checked_sub(1)?)).cloned()
    }

    /// Somewhere that matters: inside a run, about its edges and those of its reach, now, far away.
    fn time(&mut self, key: Key, naive: &Naive) -> i64 {
        let f = self.frequency(key);
        let run = self.a_run(key, naive);
        let Some(run) = run else {
            return self.advance(0).saturating_add(self.random.within(0, f));
        };
        let slots = self.random.one_of(&[0, 0, 1, 1, 2, 3, 511, 512, 513, 514, 900]);
        let off = self.random.within(-run_frequency(&run), run_frequency(&run));
        let off = i128::from(if self.random.percent(50) { off } else { 0 });
        let time = match self.random.below(10) {
            0..3 => run.last() + slots * run.frequency + off,
            3..5 => run.start - slots * run.frequency + off,
            5..9 => run.nominal(i128::from(self.random.within(0, run_length(&run) - 1))) + off,
            _ => i128::from(self.now) + i128::from(self.random.within(-2000 * f, 2000 * f)),
        };
        clamped(time)
    }

    // ---- operations ----

    fn value(&mut self) -> u32 {
        if self.random.percent(1) {
            return self.random.one_of(&[f32::NAN, f32::INFINITY, f32::NEG_INFINITY]).to_bits();
        }
        let kind = self.kind();
        let level = self.random.within(-100, 100_000) as f32;
        kind.value(level, level, &mut self.random).to_bits()
    }

    fn kind(&mut self) -> Kind {
        use Kind::{Constant, Counter, Extreme, Few, FullPrecision, TwoDecimals};
        self.random.one_of(&[
            Constant,
            TwoDecimals,
            TwoDecimals,
            Counter,
            FullPrecision,
            Extreme,
            Few,
        ])
    }

    fn values(&mut self, naive: &Naive) -> Values {
        let long = naive.slots.len() < SLOTS_MAX && self.random.percent(25);
        let count = if long { 100 + self.random.below(1200) } else { self.random.below(41) };
        let missing_percent = self.random.one_of(&[0, 0, 0, 1, 30, 97, 100]);
        let kind = self.kind();
        Values { kind, count, missing_percent, seed: self.random.bits() >> 40 }
    }

    fn write(&mut self, key: Key, naive: &Naive) -> Operation {
        if self.random.percent(40) {
            return self.tick(key);
        }
        let timestamp = self.time(key, naive);
        let timestamp = match self.random.below(1500) {
            0 => self.random.one_of(&[i64::MIN, i64::MAX, i64::MIN + 1, i64::MAX - 1, 0]),
            _ => timestamp,
        };
        Operation::Write { key, frequency: self.frequencies[key.1], timestamp, bits: self.value() }
    }

    fn stretch(&mut self, key: Key, naive: &Naive) -> Operation {
        let f = self.frequency(key);
        let from = if self.random.percent(60) { self.advance(f) } else { self.time(key, naive) };
        let step = self.random.one_of(&[f, f, f, f, f, 2 * f, f + 1, f - 1, -f, f / 2]);
        let jitter = self.random.one_of(&[0, 0, 1, f / 4, f / 2, f]);
        let values = self.values(naive);
        if from == self.now {
            self.advance(step * values.count as i64);
        }
        Operation::Stretch { key, frequency: self.frequencies[key.1], from, step, jitter, values }
    }

    fn load(&mut self, key: Key, naive: &Naive) -> Operation {
        let clean = self.random.percent(50);
        if let Some(&Operation::Load { key, frequency, start, values, foreign, .. }) =
            self.loads.get(&key)
            && self.random.percent(25)
        {
            return Operation::Load { key, frequency, start, values, foreign, clean };
        }
        let load = self.new_load(key, naive, clean);
        self.loads.insert(key, load);
        load
    }

    fn new_load(&mut self, key: Key, naive: &Naive, clean: bool) -> Operation {
        let run = self.a_run(key, naive);
        let start = self.time(key, naive);
        let mut frequency = self.frequencies[key.1];
        // Of the same phase and frequency as what is there, more often than not.
        let in_phase = self.random.percent(70);
        let start = match run {
            Some(run) if in_phase => {
                frequency = u32::try_from(run.frequency).unwrap_or(frequency);
                clamped(run.nominal(run.index_taking(start.into())))
            }
            _ => start,
        };
        let mut values = self.values(naive);
        // Between slots of another phase every value becomes a run: a few are as good as many.
        if values.count > 30 && self.random.percent(if in_phase { 10 } else { 95 }) {
            values.count = 30;
        }
        if self.random.percent(5) {
            values.kind = Kind::Infinite;
        }
        let foreign = self.random.percent(25);
        Operation::Load { key, frequency, start, values, foreign, clean }
    }

    fn free(&mut self, key: Key, naive: &Naive) -> Operation {
        let selector = if self.random.percent(50) { 0 } else { self.random.below(SELECTORS.len()) };
        let before = match self.random.below(6) {
            0 => i64::MAX,
            1 => self.now,
            _ => self.time(key, naive),
        };
        Operation::Free { selector, before }
    }

    fn query(&mut self, key: Key, naive: &Naive) -> Query {
        let exactly = self.random.percent(40);
        let selector = if exactly { key.0 } else { self.random.below(SELECTORS.len()) };
        let (from, to) = (self.time(key, naive), self.time(key, naive));
        let ordered = self.random.percent(95);
        let (from, to) = if ordered { (from.min(to), from.max(to)) } else { (from, to) };
        let from = if self.random.percent(10) { i64::MIN } else { from };
        let to = if self.random.percent(10) { i64::MAX } else { to };
        let f = self.frequency(key);
        let resolution = self.random.one_of(&[
            0,
            0,
            0,
            1,
            f,
            2 * f,
            3 * f,
            10 * f,
            2 * f + 1,
            1000 * f,
            i64::MAX,
        ]);
        let query = Query { selector, metric: key.1, from, to, resolution };
        self.cut(query, naive)
    }

    /// So that the answer is not too long to be compared.
    fn cut(&mut self, query: Query, naive: &Naive) -> Query {
        let keys = naive.selected(SELECTORS[query.selector], query.metric);
        let frequency = self.frequencies[query.metric];
        if keys.is_empty() || query.from > query.to {
            return query;
        }
        let entries_max = self.random.one_of(&ENTRIES_MAX);
        match naive.entries(&keys, frequency, (query.from, query.to)) {
            entries if entries <= entries_max => query,
            // A refusal is no long answer.
            entries if entries > MAX_ENTRIES as i128 && self.random.percent(50) => query,
            _ => {
                let end = naive.end(&keys).min(query.to.into());
                let kept = end - entries_max * i128::from(frequency);
                Query { from: clamped(kept), ..query }
            }
        }
    }

    fn limit(&mut self) -> Operation {
        let f = i64::from(self.random.one_of(&self.frequencies.clone()));
        let mut back = |slots: i64| self.now.saturating_sub(self.random.within(0, slots * f));
        let (oldest, takes_from) = (back(3000), back(3000));
        let newest = self.now.saturating_add(3600);
        Operation::Limit(match self.random.below(4) {
            0 => Limits { oldest, newest, ..NO_LIMITS },
            1 => Limits { takes_from, ..NO_LIMITS },
            _ => NO_LIMITS,
        })
    }

    fn set_frequency(&mut self, key: Key) -> Operation {
        let metric = key.1;
        let frequency = self.random.one_of(&[1, 7, 10, 12, 30, 60, 60, 300]);
        self.frequencies[metric] = frequency;
        Operation::SetFrequency { metric, frequency }
    }
}

fn run_frequency(run: &Run) -> i64 {
    i64::try_from(run.frequency).unwrap_or(i64::MAX)
}

fn run_length(run: &Run) -> i64 {
    i64::try_from(run.count).unwrap_or(i64::MAX)
}

fn clamped(time: i128) -> i64 {
    i64::try_from(time.clamp(i64::MIN.into(), i64::MAX.into())).unwrap_or(0)
}
