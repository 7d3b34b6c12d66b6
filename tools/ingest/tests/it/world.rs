//! A store to take lines into, and what is in it afterwards.

use checkpointer::disk::sim::SimDisk;
use checkpointer::memstore::{Aggregation, Catalogue};
use checkpointer::{Config, Engine, Now, Start};
use ingest::{How, Ingest};
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

pub(crate) const NOW: i64 = 1_700_000_000;
pub(crate) const HOUR: i64 = 3600;
pub(crate) const PATIENCE: How = How::acknowledged(Duration::from_secs(10));

/// Cluster, host, path, metric, nominal time; the bits of the value.
pub(crate) type Contents = BTreeMap<(String, String, Vec<String>, String, i64), u32>;

pub(crate) fn at(seconds: u64) -> Now {
    let unix = NOW + i64::try_from(seconds).unwrap();
    Now { unix, uptime: Duration::from_secs(seconds) }
}

pub(crate) fn catalogue() -> Catalogue {
    let catalogue = Catalogue::new();
    for (metric, seconds) in [("load", 60), ("mem", 60), ("net,in", 10), ("power", 30)] {
        catalogue.add(metric.as_bytes(), NonZeroU32::new(seconds).unwrap(), Aggregation::Sum);
    }
    catalogue
}

pub(crate) fn limited() -> Config {
    Config { retention: Some(48 * HOUR), max_future: Some(HOUR), ..Config::default() }
}

pub(crate) fn open(disk: &SimDisk, config: Config) -> Arc<Engine<SimDisk>> {
    Engine::open(disk.clone(), catalogue(), config, &Start::at(at(0))).unwrap().0
}

pub(crate) fn ingest(config: Config) -> Arc<Ingest<SimDisk>> {
    with_keys(config, ingest::Config::default())
}

pub(crate) fn with_keys(config: Config, keys: ingest::Config) -> Arc<Ingest<SimDisk>> {
    Arc::new(Ingest::new(open(&SimDisk::new(1), config), keys))
}

/// A body whose lines are all good.
pub(crate) fn take(ingest: &Ingest<SimDisk>, body: &str) {
    let outcome = ingest.batch(body.as_bytes(), None, at(0), PATIENCE);
    assert!(outcome.is_acknowledged() && outcome.faults.is_empty(), "{outcome:?}");
    assert_eq!((outcome.lines, outcome.stored), (body.lines().count() as u64, outcome.lines));
}

pub(crate) fn contents(engine: &Engine<SimDisk>) -> Contents {
    let mut all = Contents::new();
    let text = |name: &[u8]| String::from_utf8(name.to_vec()).unwrap();
    for host in engine.all() {
        let view = host.read(checkpointer::memstore::Host::view_all);
        for run in view.runs(engine.catalogue()) {
            let path: Vec<String> = run.path.iter().map(|name| text(name)).collect();
            for (value, slot) in run.to_vec().into_iter().zip(0..) {
                let time = run.start + slot * i64::from(run.frequency.get());
                let (cluster, name) = (host.cluster().to_owned(), host.name().to_owned());
                if !value.is_nan() {
                    let key = (cluster, name, path.clone(), text(&run.name), time);
                    assert_eq!(all.insert(key, value.to_bits()), None);
                }
            }
        }
    }
    all
}

/// Numbers that are the same every time.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    pub(crate) fn shuffle<T>(&mut self, list: &mut [T]) {
        for at in (1..list.len()).rev() {
            list.swap(at, self.below(at + 1));
        }
    }
}
