//! Everything of a host, compared: structure, values, what is saved, what freeing has left.

use super::compare;
use super::operation::{Operation, Query};
use super::pair::{Pair, selector};
use super::series::Run;
use super::universe::{Key, METRICS, PATHS, SELECTORS};
use serde_json::Value;
use std::collections::BTreeMap;

type Stretches = BTreeMap<Key, Vec<Stretch>>;

/// What the least of sealed blocks takes: its header, and that of its `Arc`. A case has too few samples
/// for a bundle.
const SEALED_BYTES_MIN: usize = 24;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stored {
    Sealed,
    Open,
    /// No slot has a value.
    Gap,
}

/// A stretch of slots, as the dump tells it.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    start: i128,
    len: i128,
    stored: Stored,
}

impl Pair {
    // ---- freeing ----

    /// What is gone must be leading parts of runs, before the limit and clean; how much of that, is
    /// up to the host, which frees whole blocks. The naive host then forgets the same.
    pub(super) fn free(&mut self, picks: usize, before: i64) -> Result<(), String> {
        let (memory, stretches) = (self.host.memory(), self.stretches()?);
        let freed = self.host.free(before, &selector(picks));
        let after = self.stretches()?;
        let concerned = self.naive.at_or_below(SELECTORS[picks]);
        let keys: Vec<Key> = self.naive.series.keys().copied().collect();
        for key in keys {
            let freeable = self.naive.freeable(key, before);
            let left = after.get(&key).map_or(&[][..], Vec::as_slice);
            let gone: Vec<i128> =
                self.naive.series[&key].runs.iter().map(|run| gone_of(run, left)).collect();
            let concerned = concerned.contains(&PATHS[key.0]);
            let runs = &self.naive.series[&key].runs;
            for ((run, &gone), &may) in runs.iter().zip(&gone).zip(&freeable) {
                let may = if concerned { may } else { 0 };
                let first_left = left.iter().find(|block| block.start == run.nominal(gone));
                let is_enough = first_left.is_none_or(|block| gone + block.len > may);
                if gone > may || !is_enough || gone < run.count && first_left.is_none() {
                    return Err(format!("free({before}): {gone} of {key:?} {run:?}, may: {may}"));
                }
            }
            self.naive.forget(key, &gone);
        }
        let pruned = self.naive.prune(SELECTORS[picks], before);
        if (freed.series, freed.levels, freed.highest_boundary) != pruned {
            return Err(format!("{freed:?}, expected series, levels and boundary {pruned:?}"));
        }
        let [sealed, open] = [Stored::Sealed, Stored::Open]
            .map(|stored| number_of(&stretches, stored) - number_of(&after, stored));
        let blocks = sealed + open;
        if freed.blocks != blocks as u64 {
            return Err(format!("{freed:?}, but {blocks} blocks less than before"));
        }
        self.freed_blocks += freed.blocks;
        let (was, now) = (memory.blocks + memory.open, self.host.memory());
        // Of an open block the newest values lie in the series.
        if now.blocks + now.open + sealed * SEALED_BYTES_MIN > was {
            return Err(format!("{freed:?} made {memory:?} into {now:?}"));
        }
        self.structure()
    }

    /// At the end of a case: what is durable can go, and then nothing is left, nor counted.
    pub(super) fn free_all(&mut self) -> Result<(), String> {
        self.apply(&Operation::CaptureFails)?;
        self.apply(&Operation::Capture)?;
        self.apply(&Operation::CaptureIsDurable)?;
        self.free(0, i64::MAX)?;
        // Slots at the last second there is are not before any limit.
        let rest = self.naive.series.values().any(|series| !series.runs.is_empty());
        let memory = self.host.memory();
        if !rest && (memory.blocks, memory.open) != (0, 0) {
            return Err(format!("everything is freed, and this is left: {memory:?}"));
        }
        Ok(())
    }

    // ---- structure ----

    /// Levels, and slots by run, whether they hold a value or not.
    pub(super) fn structure(&self) -> Result<(), String> {
        if self.host.is_empty() != self.naive.series.is_empty() {
            return Err(format!("is_empty is {}", self.host.is_empty()));
        }
        for (number, path) in PATHS.iter().enumerate() {
            let got = self.host.children(path).map(Iterator::collect::<Vec<_>>);
            let expected = self.naive.levels.contains(path).then(|| self.naive.children(path));
            if got != expected {
                return Err(format!("children of path {number}: {got:?}, expected {expected:?}"));
            }
        }
        for key in (0..PATHS.len()).flat_map(|path| (0..METRICS.len()).map(move |one| (path, one)))
        {
            let found = self.host.find(PATHS[key.0], self.ids[key.1]);
            let expected = self.naive.series.get(&key).map(|_| self.handles[&key]);
            if found != expected {
                return Err(format!("handle of {key:?}: {found:?}, expected {expected:?}"));
            }
        }
        let stretches = self.stretches()?;
        for (&key, series) in &self.naive.series {
            let found = stretches.get(&key).map_or(&[][..], Vec::as_slice);
            same_slots(found, &series.runs).map_err(|why| format!("{key:?}: {why}"))?;
        }
        let known = |key: &Key| self.naive.series.contains_key(key);
        match stretches.keys().find(|key| !known(key)) {
            Some(key) => Err(format!("{key:?} is dumped, but not there")),
            None => Ok(()),
        }
    }

    fn stretches(&self) -> Result<Stretches, String> {
        let mut text = Vec::new();
        let dumped = self.host.dump_json(&self.catalogue, &[], &mut text);
        dumped.map_err(|why| why.to_string())?;
        let dump: Value = serde_json::from_slice(&text)
            .map_err(|why| format!("{why}: {}", String::from_utf8_lossy(&text)))?;
        let mut all = Stretches::new();
        for (number, path) in PATHS.iter().enumerate() {
            let level = path.iter().try_fold(&dump, |level, name| {
                level.get("children")?.get(&*String::from_utf8_lossy(name))
            });
            let Some(metrics) = level.and_then(|level| level.get("metrics")) else { continue };
            for (metric, one) in METRICS.iter().enumerate() {
                let list = metrics.get(&*String::from_utf8_lossy(one.name));
                let Some(list) = list.and_then(Value::as_array) else { continue };
                let stretches: Option<Vec<_>> = list.iter().map(stretch).collect();
                let stretches = stretches.ok_or_else(|| format!("dump without number: {dump}"))?;
                all.insert((number, metric), stretches);
            }
        }
        Ok(all)
    }

    // ---- everything ----

    pub(super) fn compare_all(&mut self) -> Result<(), String> {
        self.structure()?;
        self.saved_state()?;
        self.counts()?;
        let all = self.naive.shown(|_| true);
        compare::captured(&self.catalogue, &self.handles, &self.host.view_all(), &all)?;
        let all: Vec<(Key, Run)> = self
            .naive
            .series
            .iter()
            .flat_map(|(&key, series)| series.runs.iter().map(move |run| (key, run.clone())))
            .collect();
        for (key, run) in all {
            let Some(frequency) = self.frequencies[key.1] else { continue };
            for (from, to) in windows(&run, frequency) {
                let (Ok(from), Ok(to)) = (i64::try_from(from), i64::try_from(to)) else { continue };
                let (selector, metric) = key;
                self.select(Query { selector, metric, from, to, resolution: 0 }).check()?;
            }
        }
        self.apply(&Operation::Release)
    }

    fn counts(&self) -> Result<(), String> {
        let runs = || self.naive.series.values().flat_map(|series| &series.runs);
        let newest = runs().map(Run::last).max();
        if self.host.newest().map(i128::from) != newest {
            return Err(format!("newest is {:?}, expected {newest:?}", self.host.newest()));
        }
        if self.host.moved() != self.naive.moved {
            return Err(format!("moved {}, expected {}", self.host.moved(), self.naive.moved));
        }
        let got = self.host.counts();
        let series = self.naive.series.values().filter(|series| !series.runs.is_empty()).count();
        let stretches = self.stretches()?;
        // An open block may be without a value.
        let sealed = number_of(&stretches, Stored::Sealed) as u64;
        let blocks = sealed..=sealed + number_of(&stretches, Stored::Open) as u64;
        if (got.series, got.points) != (series as u64, self.naive.slots.len() as u64)
            || !blocks.contains(&got.blocks)
        {
            let points = self.naive.slots.len();
            return Err(format!("{got:?}, expected {series}, {points}, {blocks:?}"));
        }
        Ok(())
    }

    pub(super) fn health(&self, now: i64) -> Result<(), String> {
        let names: Vec<&[u8]> =
            METRICS.iter().map(|metric| metric.name).chain([&b"no"[..]]).collect();
        let got = self.host.health(&self.catalogue, now, &names);
        let (mut degraded, mut missing) = (Vec::new(), Vec::new());
        for (metric, name) in names.iter().enumerate() {
            let all = self.naive.series.iter().filter(|(key, _)| key.1 == metric);
            let mut newest = all.filter_map(|(_, series)| series.runs.last()).peekable();
            let is_known = METRICS.get(metric).is_some_and(|metric| metric.config.is_some());
            if !is_known || newest.peek().is_none() {
                missing.push(name.to_vec());
            } else if newest.any(|run| i128::from(now) - run.end() > 5 * run.frequency) {
                degraded.push(name.to_vec());
            }
        }
        if (&got.degraded, &got.missing) == (&degraded, &missing) {
            return Ok(());
        }
        Err(format!("health at {now}: {got:?}, expected {degraded:?}, {missing:?}"))
    }
}

/// All of a run; of one of another frequency than the metric's some slots, each by itself.
fn windows(run: &Run, frequency: u32) -> Vec<(i128, i128)> {
    if run.frequency == i128::from(frequency) {
        return vec![(run.start, run.end())];
    }
    let step = usize::try_from(run.count / 5).unwrap_or(0).max(1);
    let some = (0..run.count).step_by(step).map(|index| run.nominal(index));
    some.map(|time| (time, time + 1)).collect()
}

fn stretch(block: &Value) -> Option<Stretch> {
    let [start, len] = ["start", "len"].map(|name| block.get(name).and_then(Value::as_i64));
    let stored = match block.get("stored")?.as_str()? {
        "sealed" => Stored::Sealed,
        "open" => Stored::Open,
        "gap" => Stored::Gap,
        _ => return None,
    };
    Some(Stretch { start: start?.into(), len: len?.into(), stored })
}

fn number_of(all: &Stretches, stored: Stored) -> usize {
    all.values().flatten().filter(|block| block.stored == stored).count()
}

/// How many of the first slots of a run are no more in what is left.
fn gone_of(run: &Run, left: &[Stretch]) -> i128 {
    let mut within =
        left.iter().map(|one| one.start).filter(|&s| run.start <= s && s <= run.last());
    within.next().map_or(run.count, |start| (start - run.start) / run.frequency)
}

/// Blocks that follow each other are a run.
fn same_slots(blocks: &[Stretch], runs: &[Run]) -> Result<(), String> {
    let mut rest = blocks.iter();
    for run in runs {
        let mut next = run.start;
        while next <= run.last() {
            match rest.next() {
                Some(block) if block.start == next && block.len > 0 => {
                    next += block.len * run.frequency;
                }
                other => return Err(format!("at {next} {other:?}, expected {runs:?}: {blocks:?}")),
            }
        }
        if next != run.nominal(run.count) {
            return Err(format!("ends at {next}, expected {runs:?}: {blocks:?}"));
        }
    }
    match rest.next() {
        Some(block) => Err(format!("{block:?} too many, expected {runs:?}")),
        None => Ok(()),
    }
}
