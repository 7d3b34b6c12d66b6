//! A store with one host on a simulated disk, a model of what is in it, and the rules of its files.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use checkpointer::disk::sim::{Crash, SimDisk, Survival};
use checkpointer::log::{self, Inline, SyncMode};
use checkpointer::memstore::{self, Aggregation, Catalogue};
use checkpointer::{
    Config, Engine, Logging, MergeLimits, Now, Sample, Series, Start, StoredHost, Trouble,
};
use snapshot_format::{Event, Snapshot};

/// Midnight, UTC: names are times, and merges stay within a day.
pub(crate) const DAY: i64 = 19_675 * 86_400;

pub(crate) const DIRECTORY: &str = "alpha/a01";

/// Bits of the value by device and nominal time; the host itself is the device "".
pub(crate) type Model = BTreeMap<(String, i64), u32>;

pub(crate) type Outcome = Result<(), String>;

pub(crate) fn at(unix: i64) -> Now {
    Now { unix, uptime: Duration::from_secs(1) }
}

pub(crate) fn limits(files_per_day_max: usize) -> MergeLimits {
    MergeLimits { files_per_day_max, ..MergeLimits::default() }
}

pub(crate) fn catalogue() -> Catalogue {
    let catalogue = Catalogue::new();
    catalogue.add(b"load", NonZeroU32::new(60).unwrap(), Aggregation::Sum);
    catalogue
}

pub(crate) fn config() -> Config {
    let log = log::Config { sync: SyncMode::Always, ..log::Config::default() };
    Config { log, ..Config::default() }
}

pub(crate) struct World {
    pub(crate) disk: SimDisk,
    pub(crate) engine: Arc<Engine<SimDisk>>,
    pub(crate) model: Model,
    pub(crate) now: i64,
}

impl World {
    /// What is on this disk, which is to be this.
    pub(crate) fn open(disk: &SimDisk, model: Model, now: i64) -> Result<Self, String> {
        Self::open_with(disk, model, now, config())
    }

    pub(crate) fn open_with(
        disk: &SimDisk,
        model: Model,
        now: i64,
        config: Config,
    ) -> Result<Self, String> {
        let opened = Engine::open(disk.clone(), catalogue(), config, &Start::at(at(now)));
        let (engine, found) = opened.map_err(|error| format!("start: {error}"))?;
        let is_bad = |trouble: &Trouble| !matches!(trouble, Trouble::UnknownMetrics { .. });
        if let Some(bad) = found.problems.listed().iter().find(|one| is_bad(&one.trouble)) {
            return Err(format!("start: {bad}"));
        }
        Ok(Self { disk: disk.clone(), engine, model, now })
    }

    pub(crate) fn empty() -> Self {
        Self::open(&SimDisk::new(1), Model::new(), DAY).unwrap()
    }

    pub(crate) fn host(&self) -> Arc<StoredHost<SimDisk>> {
        self.engine.host("alpha", "a01", at(self.now)).unwrap()
    }

    /// Values of the metric at these devices and times, which are their nominal ones.
    pub(crate) fn write(&mut self, values: &[(&str, i64, f32)]) {
        let host = self.host();
        for &(device, time, value) in values {
            let path: &[&str] = if device.is_empty() { &[] } else { &[device] };
            let series = Series::new(self.engine.catalogue(), b"load", path).unwrap();
            let sample = Sample { series: &series, timestamp: time, value };
            let logged = Logging::Logged { patience: Duration::from_secs(1) };
            let written = host.write(&[sample], at(self.now), logged, |_, why| panic!("{why}"));
            written.unwrap().pending.unwrap().wait(at(self.now), Duration::from_secs(1)).unwrap();
            self.model.insert((device.into(), time), value.to_bits());
        }
    }

    /// One value for each minute.
    pub(crate) fn write_minutes(&mut self, device: &str, from: i64, minutes: i64, value: f32) {
        let values = (0..minutes).map(|minute| (device, from + 60 * minute, value));
        self.write(&values.collect::<Vec<_>>());
    }

    pub(crate) fn checkpoint(&mut self) {
        self.host().checkpoint(at(self.now)).unwrap();
        self.now += 600;
    }

    pub(crate) fn merge(&self, files_per_day_max: usize) -> checkpointer::Merged {
        let hosts = self.engine.all();
        self.engine.merge(&hosts, limits(files_per_day_max), at(self.now), &Inline)
    }

    pub(crate) fn settle(&self) -> checkpointer::Settled {
        self.engine.settle(at(self.now), &Inline, None)
    }

    /// The process dies and the disk is as it was; what is there now.
    pub(crate) fn killed(self) -> SimDisk {
        self.disk.crash(Crash::Kill, 1)
    }

    pub(crate) fn check(&self) -> Outcome {
        compare(&held(&self.engine), &self.model)
    }
}

/// What the only host has in memory.
pub(crate) fn held(engine: &Engine<SimDisk>) -> Model {
    let mut held = Model::new();
    for host in engine.all() {
        let view = host.read(memstore::Host::view_all);
        for run in view.runs(engine.catalogue()) {
            let names: Vec<_> = run.path.iter().map(|name| String::from_utf8_lossy(name)).collect();
            let frequency = i64::from(run.frequency.get());
            for (time, value) in (0..).map(|slot| run.start + slot * frequency).zip(run.to_vec()) {
                if !value.is_nan() {
                    held.insert((names.concat(), time), value.to_bits());
                }
            }
        }
    }
    held
}

pub(crate) fn compare(found: &Model, expected: &Model) -> Outcome {
    for (key, bits) in expected {
        match found.get(key) {
            None => return Err(format!("lost: {key:?}")),
            Some(other) if other != bits => {
                let [other, bits] = [other, bits].map(|bits| f32::from_bits(*bits));
                return Err(format!("reverted: {key:?} is {other}, not {bits}"));
            }
            Some(_) => {}
        }
    }
    match found.keys().find(|key| !expected.contains_key(*key)) {
        Some(key) => Err(format!("invented or moved: {key:?}")),
        None => Ok(()),
    }
}

/// Names in the host's directory.
pub(crate) fn files(disk: &SimDisk) -> Vec<String> {
    let paths = disk.files().into_iter();
    paths
        .filter_map(|path| path.strip_prefix(DIRECTORY)?.strip_prefix('/').map(Into::into))
        .collect()
}

pub(crate) fn files_ending(disk: &SimDisk, ending: &str) -> Vec<String> {
    files(disk).into_iter().filter(|name| name.ends_with(ending)).collect()
}

/// What must hold of the `.bin` files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// The Go store loads them: no series begins earlier in a later one.
    Starts,
    /// No series begins in one before its part in an earlier one has ended.
    Ends,
}

/// Only known names lie here, and the Go store can load them.
pub(crate) fn check_files(disk: &SimDisk, order: Order) -> Outcome {
    let mut bins = Vec::new();
    for name in files(disk) {
        let (number, ending) = name.split_once('.').ok_or(format!("unknown name {name}"))?;
        let endings =
            ["bin", "late", "json", "wal", "bin.tmp", "late.tmp", "wal.tmp", "wal.unknown"];
        let number = number.parse::<i64>().map_err(|_| format!("unknown name {name}"))?;
        if !endings.contains(&ending) {
            return Err(format!("unknown name {name}"));
        }
        if ending == "bin" {
            bins.push((number, name));
        }
    }
    bins.sort();
    let mut earliest = BTreeMap::new();
    for (_, name) in bins {
        let bytes = disk.peek(&format!("{DIRECTORY}/{name}")).unwrap();
        let snapshot = Snapshot::parse(&bytes).map_err(|error| format!("{name}: {error}"))?;
        let mut path: Vec<Vec<u8>> = Vec::new();
        for event in snapshot.events() {
            match event {
                Event::Enter(name) => path.push(name.into()),
                Event::Leave => drop(path.pop()),
                Event::Series(series) => {
                    let slots = i64::try_from(series.values.len()).unwrap();
                    let key = (path.clone(), series.name.to_vec());
                    let before = earliest.entry(key).or_insert(i64::MIN);
                    if series.start < *before {
                        return Err(format!("the Go store cannot load {name}: starts too early"));
                    }
                    *before = match order {
                        Order::Starts => series.start,
                        Order::Ends => series.start + series.frequency * (slots - 1) + 1,
                    };
                }
            }
        }
    }
    Ok(())
}

/// Does something to a copy of a disk, killed at each of its operations, and checks every state that a
/// crash can leave; returns how many there were.
pub(crate) fn every_crash(
    base: &SimDisk,
    model: &Model,
    now: i64,
    work: impl Fn(&World),
    check: impl Fn(&SimDisk, End) -> Outcome,
) -> Result<u64, String> {
    let mut states = 0;
    let whole = World::open(&base.crash(Crash::Kill, 1), model.clone(), now)?;
    let before = whole.disk.operations();
    work(&whole);
    let operations = whole.disk.operations() - before;
    for last in 0..=operations {
        let disk = base.crash(Crash::Kill, 1);
        let world = World::open(&disk, model.clone(), now)?;
        disk.stop_after(disk.operations() + last);
        work(&world);
        let end = if last == operations { End::Finished } else { End::Cut };
        drop(world);
        for crash in Crash::ALL {
            let by_luck = !matches!(crash, Crash::Kill | Crash::PowerLoss(Survival::Nothing, _));
            for seed in 0..if by_luck { 3 } else { 1 } {
                let found = disk.crash(crash, seed);
                states += 1;
                check(&found, end).map_err(|what| {
                    format!("{what} (killed after {last} operations, {crash:?}, seed {seed})")
                })?;
            }
        }
    }
    Ok(states)
}

/// How far the work has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Cut,
    Finished,
}
