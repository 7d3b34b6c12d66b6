//! A store of a few hosts, for tests with a history of their own.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use checkpointer::disk::Disk;
use checkpointer::disk::sim::{Crash, SimDisk};
use checkpointer::log::{Inline, SyncMode};
use checkpointer::memstore::{Aggregation, Catalogue, Host};
use checkpointer::{
    Checkpointed, Config, Engine, Logging, Now, Recovered, Refused, Sample, Series, Start, View,
    view,
};

/// Cluster and host.
pub(crate) type Name = (&'static str, &'static str);

pub(crate) const A01: Name = ("alpha", "a01");

/// Values by their times, as bits.
pub(crate) type Slots = BTreeMap<i64, u32>;

/// Those of a host, by metric and path.
pub(crate) type AllSlots = BTreeMap<(String, Vec<String>), Slots>;

/// How a store is opened.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) config: Config,
    pub(crate) metrics: Vec<(&'static str, u32)>,
    pub(crate) now: i64,
}

impl Setup {
    /// Everything acknowledged is synced, no limits.
    pub(crate) fn new() -> Self {
        let mut config = Config { offline_retry: Duration::ZERO, ..Config::default() };
        config.log.sync = SyncMode::Always;
        Self { config, metrics: vec![("m", 10), ("k", 60)], now: 10_000 }
    }

    pub(crate) fn at(&self, now: i64) -> Self {
        Self { now, ..self.clone() }
    }

    pub(crate) fn catalogue(&self) -> Catalogue {
        let catalogue = Catalogue::new();
        for (metric, frequency) in &self.metrics {
            let frequency = NonZeroU32::new(*frequency).unwrap();
            catalogue.add(metric.as_bytes(), frequency, Aggregation::Sum);
        }
        catalogue
    }

    pub(crate) fn open<D: Disk + Clone>(&self, disk: &D) -> Store<D> {
        let now = Now { unix: self.now, uptime: Duration::ZERO };
        let config = self.config.clone();
        let (engine, found) =
            Engine::open(disk.clone(), self.catalogue(), config, &Start::at(now)).unwrap();
        Store { engine, found, now }
    }

    /// All values of a series, of files of any age, without a change on the disk.
    pub(crate) fn view<D: Disk>(&self, disk: D, name: Name, metric: &str, path: &[&str]) -> Slots {
        self.view_all(disk, name).remove(&key(metric, path)).unwrap_or_default()
    }

    /// The same of all series of a host, by metric and path.
    pub(crate) fn view_all<D: Disk>(&self, disk: D, name: Name) -> AllSlots {
        let catalogue = self.catalogue();
        let mut all = AllSlots::new();
        let each = |View { cluster, host, tree, .. }: View| {
            if (&*cluster, &*host) == name {
                all = all_slots(&tree.unwrap(), &catalogue);
            }
        };
        view(disk, &catalogue, i64::MIN, |_, _| true, each).unwrap();
        all
    }
}

pub(crate) struct Store<D: Disk + 'static> {
    pub(crate) engine: Arc<Engine<D>>,
    pub(crate) found: Recovered,
    pub(crate) now: Now,
}

impl<D: Disk> Store<D> {
    /// Writes at the host itself, and waits for the acknowledgement; returns what is refused.
    pub(crate) fn write(&self, metric: &str, samples: &[(i64, f32)]) -> Vec<Refused> {
        self.write_to(A01, metric, &[], samples)
    }

    pub(crate) fn write_to(
        &self,
        name: Name,
        metric: &str,
        path: &[&str],
        samples: &[(i64, f32)],
    ) -> Vec<Refused> {
        let host = self.engine.host(name.0, name.1, self.now).unwrap();
        let series = Series::new(self.engine.catalogue(), metric.as_bytes(), path).unwrap();
        let samples: Vec<_> = samples
            .iter()
            .map(|&(timestamp, value)| Sample { series: &series, timestamp, value })
            .collect();
        let mut refused = Vec::new();
        let logging = Logging::Logged { patience: Duration::ZERO };
        let written = host.write(&samples, self.now, logging, |_, why| refused.push(why)).unwrap();
        if let Some(mut pending) = written.pending {
            pending.wait(self.now, Duration::ZERO).unwrap();
        }
        refused
    }

    /// Writes at the host itself, and waits for nothing: it is in memory, and waits to be logged.
    pub(crate) fn send(&self, metric: &str, timestamp: i64, value: f32) {
        let host = self.engine.host(A01.0, A01.1, self.now).unwrap();
        let series = Series::new(self.engine.catalogue(), metric.as_bytes(), [""; 0]).unwrap();
        let sample = Sample { series: &series, timestamp, value };
        let logging = Logging::Logged { patience: Duration::ZERO };
        let written = host.write(&[sample], self.now, logging, |_, why| panic!("{why}")).unwrap();
        assert!(!written.pending.unwrap().is_acknowledged());
    }

    /// Checkpoints everything.
    pub(crate) fn checkpoint(&self) -> Checkpointed {
        self.engine.checkpoint(&self.engine.all(), self.now, &Inline, None)
    }

    pub(crate) fn close(&self) {
        let done = self.engine.close(self.now, &Inline, None);
        assert!(done.failed.is_empty(), "{done:?}");
    }

    pub(crate) fn slots(&self, metric: &str) -> Slots {
        self.slots_of(A01, metric, &[])
    }

    pub(crate) fn slots_of(&self, name: Name, metric: &str, path: &[&str]) -> Slots {
        self.all_slots(name).remove(&key(metric, path)).unwrap_or_default()
    }

    pub(crate) fn all_slots(&self, name: Name) -> AllSlots {
        let Some(host) = self.engine.get(name.0, name.1) else { return AllSlots::new() };
        host.read(|tree| all_slots(tree, self.engine.catalogue()))
    }
}

pub(crate) fn key(metric: &str, path: &[&str]) -> (String, Vec<String>) {
    (metric.into(), path.iter().map(|name| (*name).into()).collect())
}

fn all_slots(tree: &Host, catalogue: &Catalogue) -> AllSlots {
    let all = tree.view_all();
    let mut slots = AllSlots::new();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    for run in all.runs(catalogue) {
        let path = run.path.iter().map(|name| text(name)).collect();
        let times = (run.start..).step_by(run.frequency.get() as usize);
        let values = times.zip(run.to_vec()).filter(|(_, value)| !value.is_nan());
        let slots = slots.entry((text(&run.name), path)).or_default();
        slots.extend(values.map(|(time, value)| (time, value.to_bits())));
    }
    slots
}

pub(crate) fn bits(slots: &[(i64, f32)]) -> Slots {
    slots.iter().map(|(time, value)| (*time, value.to_bits())).collect()
}

/// The disk after kill -9.
pub(crate) fn killed(disk: &SimDisk) -> SimDisk {
    disk.crash(Crash::Kill, 1)
}

/// The files with this ending.
pub(crate) fn files(disk: &SimDisk, ending: &str) -> Vec<String> {
    disk.files().into_iter().filter(|path| path.ends_with(ending)).collect()
}
