//! A host as a whole: writing with sealing, reading, capture, and what it holds.
//!
//! First a table of bytes; then the times, beside those of a copy of as many values.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    reason = "made-up values are as good when they are rounded"
)]
#![expect(clippy::expect_used, reason = "a benchmark that cannot go on has failed")]

use common::{KINDS, Kind};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use memstore::{
    Aggregation, CaptureEnd, Catalogue, Handle, Host, Limits, MetricId, Query, Selector,
};
use std::fmt::Write as _;
use std::num::NonZeroU32;

#[path = "common/mod.rs"]
mod common;

const DAY: usize = 1440;
const START: i64 = 1_700_000_000;
const MINUTE: NonZeroU32 = NonZeroU32::new(60).expect("is not 0");
const THREADS: usize = 72;

fn main() {
    let mut table = String::from("bytes, all included\n");
    for points in [1, 3] {
        let mut nearly_empty = Machine::new();
        for at in 0..points {
            nearly_empty.write_batch(at);
        }
        let total = nearly_empty.host.memory().total();
        let _ = writeln!(
            table,
            "series of {points} points: {:.0}",
            total as f64 / nearly_empty.series.len() as f64
        );
    }
    for kind in KINDS {
        let all = (0..100).map(|seed| common::series(kind, seed, 2 * DAY)).collect();
        table += &point_lines(&format!("{kind:?}"), all);
    }
    table += &point_lines("host", common::host(1, 2 * DAY));
    // A bench may print, a library may not.
    #[expect(clippy::print_stdout, reason = "the table is what this program is for")]
    {
        println!("{table}");
    }
    divan::main();
}

/// After one and two days: sealed blocks by the points in them, and everything by all points.
fn point_lines(name: &str, values: Vec<Vec<f32>>) -> String {
    let mut machine = Machine::of(values);
    let mut lines = String::new();
    for days in 1..=2 {
        for at in (days - 1) * DAY..days * DAY {
            machine.write_batch(at);
        }
        let memory = machine.host.memory();
        let points = (machine.series.len() * days * DAY) as f64;
        let _ = writeln!(
            lines,
            "{name:>10}, {days} d: {:.2} a point; {:.2} sealed, {:.2} open, {:.2} tree",
            memory.total() as f64 / points,
            memory.blocks as f64 / points,
            memory.open as f64 / points,
            (memory.tree + memory.names) as f64 / points,
        );
    }
    lines
}

/// A host with 632 series, or as many as there are values for.
struct Machine {
    catalogue: Catalogue,
    host: Host,
    series: Vec<Handle>,
    values: Vec<Vec<f32>>,
}

impl Machine {
    fn new() -> Self {
        Self::of(common::host(1, DAY))
    }

    fn of(values: Vec<Vec<f32>>) -> Self {
        let catalogue = Catalogue::new();
        let mut host = Host::new();
        let mut series = Vec::new();
        let devices =
            [("node", 1, 20), ("socket", 2, 6), ("hwthread", THREADS, 8), ("accelerator", 4, 6)];
        for (kind, count, metrics) in devices {
            for device in 0..count {
                let name = format!("{kind}{device}");
                let path: &[&[u8]] = if kind == "node" { &[] } else { &[name.as_bytes()] };
                for metric in 0..metrics {
                    if series.len() == values.len() {
                        break;
                    }
                    let metric = metric_of(&catalogue, kind, metric);
                    series.push(host.series(path, metric).expect("names are short"));
                }
            }
        }
        Self { catalogue, host, series, values }
    }

    /// A batch as a collector sends one: all series, a few seconds off.
    fn write_batch(&mut self, at: usize) {
        let time = START + 60 * at as i64 + (at as i64 * 7) % 5;
        for (&series, values) in self.series.iter().zip(&self.values) {
            let value = values[at % values.len()];
            if !value.is_nan() {
                let placed = self.host.write(series, MINUTE, time, value, &Limits::NONE);
                placed.expect("is taken");
            }
        }
    }

    fn with_a_day() -> Self {
        let mut machine = Self::new();
        (0..DAY).for_each(|at| machine.write_batch(at));
        machine
    }
}

fn metric_of(catalogue: &Catalogue, kind: &str, number: usize) -> MetricId {
    catalogue.add(format!("{kind}_{number}").as_bytes(), MINUTE, Aggregation::Sum)
}

/// A day of the host, batch by batch: sealing is in it.
#[divan::bench(sample_count = 20)]
fn write_a_day_of_batches(bencher: Bencher<'_, '_>) {
    let machine = Machine::new();
    let points: usize = machine.values.iter().flatten().filter(|value| !value.is_nan()).count();
    bencher.counter(ItemsCount::new(points)).with_inputs(Machine::new).bench_local_values(
        |mut machine| {
            (0..DAY).for_each(|at| machine.write_batch(at));
            machine
        },
    );
}

/// As it comes: with one host's memory in the caches.
#[divan::bench]
fn write_a_batch(bencher: Bencher<'_, '_>) {
    let mut machine = Machine::with_a_day();
    let mut at = DAY;
    bencher.counter(ItemsCount::new(machine.series.len())).bench_local(|| {
        machine.write_batch(at);
        at += 1;
    });
}

fn read(bencher: Bencher<'_, '_>, selector: &Selector, metric: &str) {
    let machine = Machine::with_a_day();
    let (from, to) = (START, START + 60 * DAY as i64);
    let query = Query::new(selector, metric.as_bytes(), from, to);
    bencher.bench_local(|| {
        let selected =
            machine.host.select(&machine.catalogue, black_box(&query)).expect("is there");
        selected.read().expect("is there")
    });
}

#[divan::bench(sample_size = 16)]
fn read_one_series_of_a_day(bencher: Bencher<'_, '_>) {
    read(bencher, &Selector::path(&[b"hwthread7"]), "hwthread_0");
}

#[divan::bench]
fn read_the_sum_of_72_series_of_a_day(bencher: Bencher<'_, '_>) {
    read(bencher, &Selector::host(), "hwthread_0");
}

#[divan::bench]
fn summary_of_one_series_of_a_day(bencher: Bencher<'_, '_>) {
    let machine = Machine::with_a_day();
    let selector = Selector::path(&[b"hwthread7"]);
    let query = Query::new(&selector, b"hwthread_0", START, START + 60 * DAY as i64);
    bencher.bench_local(|| {
        let selected =
            machine.host.select(&machine.catalogue, black_box(&query)).expect("is there");
        selected.summary().expect("is there")
    });
}

/// What the host's lock is held for.
#[divan::bench]
fn capture_a_day_of_a_host(bencher: Bencher<'_, '_>) {
    let mut machine = Machine::with_a_day();
    bencher.bench_local(|| {
        let capture = machine.host.capture().expect("none is under way");
        machine.host.capture_ended(CaptureEnd::Failed);
        capture
    });
}

/// What is done without it.
#[divan::bench]
fn walk_a_captured_day(bencher: Bencher<'_, '_>) {
    let mut machine = Machine::with_a_day();
    let capture = machine.host.capture().expect("none is under way");
    bencher.counter(ItemsCount::new(machine.series.len() * DAY)).bench_local(|| {
        for run in capture.runs(&machine.catalogue) {
            run.for_each(|values| {
                black_box(values);
            });
        }
    });
}

#[divan::bench]
fn memory_of_a_host(bencher: Bencher<'_, '_>) {
    let machine = Machine::with_a_day();
    bencher.bench_local(|| machine.host.memory());
}

#[divan::bench(sample_size = 64)]
fn copy_one_series_of_a_day(bencher: Bencher<'_, '_>) {
    let values = common::series(Kind::Decimal, 1, DAY);
    bencher.bench_local(|| black_box(&values).clone());
}

#[divan::bench]
fn copy_72_series_of_a_day(bencher: Bencher<'_, '_>) {
    let values = common::series(Kind::Decimal, 1, THREADS * DAY);
    bencher.bench_local(|| black_box(&values).clone());
}

#[divan::bench]
fn copy_a_batch(bencher: Bencher<'_, '_>) {
    let values = common::series(Kind::Decimal, 1, 632);
    let mut out = values.clone();
    bencher.counter(ItemsCount::new(values.len())).bench_local(|| {
        out.copy_from_slice(black_box(&values));
        black_box(&mut out);
    });
}
