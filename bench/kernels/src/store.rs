//! Writing to a host and reading from it: in memory, and through ingest and engine.

use std::hint::black_box;
use std::num::NonZeroU32;
use std::time::Duration;

use checkpointer::disk::RealDisk;
use checkpointer::{Config, Engine, Now, Start};
use ingest::{How, Ingest};
use memstore::{Aggregation, Catalogue, Handle, Host, Limits, Query, Selector};

use crate::data::{self, START};

pub(crate) const DAY: usize = 1440;
pub(crate) const MINUTE: NonZeroU32 = NonZeroU32::new(60).unwrap();
const LONG: Duration = Duration::from_mins(1);

/// A host in memory with values for as long as anybody writes.
pub(crate) struct Machine {
    pub(crate) catalogue: Catalogue,
    pub(crate) host: Host,
    series: Vec<Handle>,
    values: Vec<Vec<f32>>,
}

impl Machine {
    /// Of all its series, or only those of one kind of device.
    pub(crate) fn new(values: Vec<Vec<f32>>, only: Option<&str>) -> Self {
        let (catalogue, mut host) = (Catalogue::new(), Host::new());
        let mut series = Vec::new();
        for (kind, device, metric) in data::places() {
            if only.is_none_or(|only| only == kind) {
                let name = format!("{kind}{device}");
                let path: &[&[u8]] = if kind == "node" { &[] } else { &[name.as_bytes()] };
                let metric = format!("{kind}_{metric}");
                let metric = catalogue.add(metric.as_bytes(), MINUTE, Aggregation::Sum);
                series.push(host.series(path, metric).unwrap());
            }
        }
        Self { catalogue, host, series, values }
    }

    /// A batch as a collector sends one: all series, a few seconds off.
    pub(crate) fn write(&mut self, minute: i64) {
        let time = START + 60 * minute + minute * 7 % 5;
        let at = usize::try_from(minute).unwrap();
        for (&series, values) in self.series.iter().zip(&self.values) {
            let value = values[at % values.len()];
            if !value.is_nan() {
                self.host.write(series, MINUTE, time, value, &Limits::NONE).unwrap();
            }
        }
    }

    /// Without the values that it was filled from.
    pub(crate) fn without_source(self) -> Self {
        Self { values: Vec::new(), ..self }
    }

    /// A day of a metric, of a device or of all of them together.
    pub(crate) fn read(&self, selector: &Selector, metric: &[u8]) -> usize {
        let query = Query::new(selector, metric, START, START + 86_400);
        let selected = self.host.select(&self.catalogue, black_box(&query)).unwrap();
        black_box(selected.read().unwrap()).values.len()
    }

    /// Statistics of the same, without its values.
    pub(crate) fn summary(&self, selector: &Selector, metric: &[u8]) {
        let query = Query::new(selector, metric, START, START + 86_400);
        let selected = self.host.select(&self.catalogue, black_box(&query)).unwrap();
        black_box(selected.summary().unwrap());
    }
}

/// Sealing is in it: a 256th of the series seal with each batch.
pub(crate) fn host_write() -> Box<dyn FnMut()> {
    let mut machine = Machine::new(data::host(1, 300), None);
    let mut minute = 0;
    while minute < 270 {
        machine.write(minute);
        minute += 1;
    }
    Box::new(move || {
        machine.write(minute);
        minute += 1;
    })
}

/// A day of the 72 hardware threads.
fn threads() -> Machine {
    let values = (0..576).map(|seed| data::series(data::Kind::Decimal, seed, DAY)).collect();
    let mut machine = Machine::new(values, Some("hwthread"));
    // One metric of each thread is all that is read.
    machine.series = machine.series.into_iter().step_by(8).collect();
    (0..1440).for_each(|minute| machine.write(minute));
    machine
}

pub(crate) fn read_series() -> Box<dyn FnMut()> {
    let (machine, selector) = (threads(), Selector::path(&[b"hwthread7"]));
    Box::new(move || {
        machine.read(&selector, b"hwthread_0");
    })
}

pub(crate) fn read_sum_72() -> Box<dyn FnMut()> {
    let (machine, selector) = (threads(), Selector::host());
    Box::new(move || {
        machine.read(&selector, b"hwthread_0");
    })
}

pub(crate) fn ingest_batch() -> Box<dyn FnMut()> {
    ingest(How::unlogged())
}

pub(crate) fn ingest_logged() -> Box<dyn FnMut()> {
    ingest(How::acknowledged(LONG))
}

/// A host's minute after the other, with the keys of the one before.
fn ingest(how: How) -> Box<dyn FnMut()> {
    let directory = tempfile::tempdir().unwrap();
    let catalogue = Catalogue::new();
    for (kind, _, metrics) in data::DEVICES {
        for metric in 0..metrics {
            catalogue.add(format!("{kind}_{metric}").as_bytes(), MINUTE, Aggregation::Sum);
        }
    }
    let now = |minute: i64| Now {
        unix: START + 60 * minute,
        uptime: Duration::from_secs(60 * minute.unsigned_abs()),
    };
    let disk = RealDisk::new(directory.path()).unwrap();
    let engine = Engine::open(disk, catalogue, Config::default(), &Start::at(now(0))).unwrap().0;
    let ingest = Ingest::new(engine, ingest::Config::default());
    // The time is all that differs, and always has as many digits.
    let bodies: Vec<Vec<u8>> = (0..64).map(data::lines).collect();
    let mut minute = 0;
    Box::new(move || {
        let _ = &directory;
        let body = &bodies[usize::try_from(minute).unwrap() % bodies.len()];
        let outcome = ingest.batch(black_box(body), None, now(minute), how);
        assert_eq!(outcome.stored, 632, "{outcome:?}");
        minute += 1;
    })
}
