//! A store with its archive, what was written to it, and what must hold whenever it is opened.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use checkpointer::archive::{Archive, ArchiveError, Archived, Run};
use checkpointer::disk::Disk;
use checkpointer::disk::sim::SimDisk;
use checkpointer::log::{Inline, SyncMode};
use checkpointer::memstore::{Aggregation, Catalogue, Host};
use checkpointer::{
    Config, Engine, Logging, Marks, Now, OnProgress, OpenError, Refused, Sample, Series, Start,
};

use super::below::Below;

pub(super) const START: i64 = 1_700_000_000;
pub(super) const NOW: Now = Now { unix: START + 1_000_000, uptime: Duration::ZERO };
pub(super) const HOSTS: [(&str, &str); 3] = [("alpha", "a01"), ("alpha", "a02"), ("beta", "b01")];
const SERIES: [(&str, &[&str]); 2] = [("load", &[]), ("power", &["socket0", "core1"])];
const PATIENCE: Duration = Duration::from_secs(1);

/// Cluster, host, metric, path, time.
pub(crate) type Key = (String, String, String, String, i64);

/// What was written: the values that each slot may have, and the slots whose sample was acknowledged.
#[derive(Clone, Debug, Default)]
pub(super) struct Written {
    pub(super) allowed: BTreeMap<Key, Vec<u32>>,
    pub(super) acknowledged: BTreeSet<Key>,
    next: u16,
}

/// An open store.
pub(super) struct Store {
    pub(super) engine: Arc<Engine<Below>>,
    pub(super) archive: Archive<Below>,
}

pub(super) fn disk(seed: u64) -> SimDisk {
    let disk = SimDisk::new(seed);
    for directory in ["data", "own", "archive"] {
        disk.make_directory(directory).unwrap();
    }
    disk.sync_directory("").unwrap();
    disk
}

fn below(disk: &SimDisk, directory: &'static str) -> Below {
    Below { disk: disk.clone(), directory }
}

pub(super) fn archive(disk: &SimDisk) -> Archive<Below> {
    Archive::new(below(disk, "own"), below(disk, "archive"), "/archive")
}

pub(super) fn marks_alone(disk: &SimDisk) -> Marks {
    checkpointer::archive::marks(below(disk, "own")).unwrap()
}

fn catalogue() -> Catalogue {
    let catalogue = Catalogue::new();
    for (metric, _) in SERIES {
        catalogue.add(metric.as_bytes(), NonZeroU32::new(60).unwrap(), Aggregation::Avg);
    }
    catalogue
}

pub(super) fn open(disk: &SimDisk) -> Result<Store, OpenError> {
    let archive = archive(disk);
    let mut config = Config::default();
    config.log.sync = SyncMode::Always;
    let marks = || archive.marks();
    let data = below(disk, "data");
    let (engine, _) = Engine::open_with(data, catalogue(), config, &Start::at(NOW), marks)?;
    Ok(Store { engine, archive })
}

pub(super) fn run(before: i64, store: &Store) -> Result<Archived, ArchiveError> {
    run_with(before, store, None, &|_, _| false)
}

pub(super) fn run_with(
    before: i64,
    store: &Store,
    progress: Option<OnProgress>,
    is_kept: &dyn Fn(&str, &str) -> bool,
) -> Result<Archived, ArchiveError> {
    let run = Run { now: NOW, pool: &Inline, workers: 2, is_kept, progress };
    store.archive.run(&store.engine, before, &run)
}

pub(super) fn slot(number: i64) -> i64 {
    START + 60 * number
}

impl Written {
    /// Writes one sample to each of these slots, of both series of a host; how many were too old.
    pub(super) fn write(
        &mut self,
        engine: &Arc<Engine<Below>>,
        (cluster, host): (&str, &str),
        slots: impl IntoIterator<Item = i64>,
    ) -> usize {
        let Ok(stored) = engine.host(cluster, host, NOW) else { return 0 };
        let mut too_old = 0;
        for number in slots {
            for (metric, path) in SERIES {
                let series = Series::new(engine.catalogue(), metric.as_bytes(), path).unwrap();
                self.next += 1;
                let value = f32::from(self.next) / 4.0;
                let sample = Sample { series: &series, timestamp: slot(number), value };
                let key: Key =
                    (cluster.into(), host.into(), metric.into(), path.join("/"), slot(number));
                let logging = Logging::Logged { patience: PATIENCE };
                let mut refused = None;
                let written = stored.write(&[sample], NOW, logging, |_, why| refused = Some(why));
                if refused.is_some() {
                    assert_eq!(refused, Some(Refused::TooOld));
                    too_old += 1;
                    continue;
                }
                let allowed = self.allowed.entry(key.clone()).or_default();
                allowed.push(value.to_bits());
                let pending = written.ok().and_then(|written| written.pending);
                if pending.is_some_and(|mut pending| pending.wait(NOW, PATIENCE).is_ok()) {
                    *allowed = vec![value.to_bits()];
                    self.acknowledged.insert(key);
                }
            }
        }
        too_old
    }

    /// What must hold of a store that was opened, or why it does not.
    pub(super) fn check(&self, disk: &SimDisk, store: &Store) -> Result<(), String> {
        let marks = store.archive.marks().map_err(|error| error.to_string())?;
        let rows = archived(disk)?;
        let of = |key: &Key| marks.of(&key.0, &key.1);
        for (key, value) in &rows {
            if !self.allowed.get(key).is_some_and(|allowed| allowed.contains(value)) {
                return Err(format!("archived, but never written so: {key:?}"));
            }
            if key.4 >= of(key) {
                return Err(format!("archived behind the mark: {key:?}"));
            }
        }
        let memory = in_memory(store);
        for key in &self.acknowledged {
            if key.4 < of(key) {
                if !rows.contains_key(key) {
                    return Err(format!("lost from the archive: {key:?}"));
                }
            } else if !memory.get(key).is_some_and(|value| self.allowed[key].contains(value)) {
                return Err(format!("lost from memory: {key:?}"));
            }
        }
        Ok(())
    }

    /// Archives everything that is left, and looks at what is there then.
    pub(super) fn drain(&self, disk: &SimDisk, store: &Store) -> Result<(), String> {
        let done = run(NOW.unix, store).map_err(|error| format!("{error:?}"))?;
        if !done.problems.is_empty() {
            return Err(format!("{:?}", done.problems));
        }
        self.check(disk, store)?;
        let rows = archived(disk)?;
        if let Some(lost) = self.acknowledged.iter().find(|key| !rows.contains_key(*key)) {
            return Err(format!("not archived: {lost:?}"));
        }
        let left = disk.files().into_iter().find(|path| {
            let ending = path.rsplit('.').next().unwrap_or_default();
            // What a checkpoint has left half written is no archive's business.
            let is_tmp = ending == "tmp" && !path.starts_with("data/");
            is_tmp || ["plan", "bin", "late"].contains(&ending)
        });
        left.map_or(Ok(()), |left| Err(format!("left over: {left}")))
    }
}

/// All rows of all files; an error if one is there twice or a file cannot be read.
pub(crate) fn archived(disk: &SimDisk) -> Result<BTreeMap<Key, u32>, String> {
    let mut rows = BTreeMap::new();
    for path in disk.files() {
        if !path.starts_with("archive/") || !path.ends_with(".parquet") {
            continue;
        }
        let bytes = disk.peek(&path).unwrap();
        if bytes == OF_OTHERS {
            continue;
        }
        let archive = archiver::Archive::open(Cursor::new(bytes));
        let archive = archive.map_err(|error| format!("{path}: {error}"))?;
        for piece in archive.pieces() {
            let piece = piece.map_err(|error| format!("{path}: {error}"))?;
            for (time, value) in piece.timestamps.iter().zip(&piece.values) {
                let names = (piece.cluster.clone(), piece.hostname.clone(), piece.metric.clone());
                let device = piece.path.clone().unwrap();
                let key = (names.0, names.1, names.2, device, *time);
                if rows.insert(key.clone(), value.to_bits()).is_some() {
                    return Err(format!("archived twice: {key:?}"));
                }
            }
        }
    }
    Ok(rows)
}

/// A file that somebody else has put into the archive.
pub(super) const OF_OTHERS: &[u8] = b"not ours";

fn in_memory(store: &Store) -> BTreeMap<Key, u32> {
    let mut found = BTreeMap::new();
    for host in store.engine.all() {
        let all = host.read(Host::view_all);
        for run in all.runs(store.engine.catalogue()) {
            let path: Vec<_> = run.path.iter().map(|name| String::from_utf8_lossy(name)).collect();
            let metric = String::from_utf8_lossy(&run.name).into_owned();
            let names = (host.cluster().to_owned(), host.name().to_owned());
            for (number, value) in run.to_vec().into_iter().enumerate() {
                let offset = i64::try_from(number).unwrap() * i64::from(run.frequency.get());
                let key = (
                    names.0.clone(),
                    names.1.clone(),
                    metric.clone(),
                    path.join("/"),
                    run.start + offset,
                );
                if !value.is_nan() {
                    found.insert(key, value.to_bits());
                }
            }
        }
    }
    found
}
