//! What a recovery does with a host: whole runs of a file, single records of a log.
//!
//! Beside them a copy of the same values: what the memory allows.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    reason = "made-up values are as good when they are rounded"
)]
#![expect(clippy::expect_used, reason = "a benchmark that cannot go on has failed")]

use common::{KINDS, Kind, host, series};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use memstore::{Catalogue, Handle, Host, Loaded, Origin, State};
use std::num::NonZeroU32;

#[path = "common/mod.rs"]
mod common;

const DAY: usize = 1440;
const SERIES: usize = 632;
const START: i64 = 1_700_000_000;
const MINUTE: NonZeroU32 = NonZeroU32::new(60).expect("is not 0");

fn main() {
    divan::main();
}

#[derive(Clone, Copy, Debug)]
enum Data {
    Of(Kind),
    Host,
}

fn data() -> impl Iterator<Item = Data> {
    KINDS.into_iter().map(Data::Of).chain([Data::Host])
}

impl Data {
    fn values(self) -> Vec<Vec<f32>> {
        match self {
            Self::Of(kind) => (0..SERIES as u64).map(|seed| series(kind, seed, DAY)).collect(),
            Self::Host => host(1, DAY),
        }
    }
}

/// A host with as many series as there are lists of values, and their handles.
fn host_for(values: &[Vec<f32>]) -> (Host, Vec<Handle>) {
    let catalogue = Catalogue::new();
    let mut host = Host::new();
    let metrics: Vec<_> = (0..8_u8).map(|metric| catalogue.intern(&[metric])).collect();
    let handles = (0..values.len()).map(|number| {
        let device = format!("hwthread{}", number / metrics.len());
        host.series(&[device.as_bytes()], metrics[number % metrics.len()]).expect("is short")
    });
    let handles = handles.collect();
    (host, handles)
}

fn load(host: &mut Host, to: Handle, at: usize, values: &[f32], state: State) {
    let start = START + 60 * at as i64;
    let loaded = Loaded { start, frequency: MINUTE, values, origin: Origin::Ours, state };
    host.load(to, loaded).expect("is taken");
}

#[divan::bench(args = data())]
fn copy_runs(bencher: Bencher<'_, '_>, data: Data) {
    let values = data.values();
    bencher.counter(ItemsCount::new(values.len() * DAY)).bench_local(|| black_box(&values).clone());
}

/// A snapshot: a day of every series at once.
#[divan::bench(args = data())]
fn load_runs(bencher: Bencher<'_, '_>, data: Data) {
    let values = data.values();
    let counter = ItemsCount::new(values.len() * DAY);
    bencher.counter(counter).with_inputs(|| host_for(&values)).bench_local_values(
        |(mut host, handles)| {
            for (&series, values) in handles.iter().zip(&values) {
                load(&mut host, series, 0, values, State::Clean);
            }
            (host, handles)
        },
    );
}

/// Six phases, one over the other, in one series: files that are made to do harm.
#[divan::bench(sample_count = 10)]
fn load_interleaved_phases(bencher: Bencher<'_, '_>) {
    let values = series(Kind::Decimal, 1, SERIES * DAY / 50);
    let counter = ItemsCount::new(6 * values.len());
    bencher.counter(counter).with_inputs(|| host_for(&[vec![]])).bench_local_values(
        |(mut host, handles)| {
            for phase in [0, 20, 40, 7, 31, 53] {
                let start = START + phase;
                let (values, frequency) = (&values[..], MINUTE);
                let (origin, state) = (Origin::Foreign, State::Clean);
                let loaded = Loaded { start, frequency, values, origin, state };
                host.load(handles[0], loaded).expect("is taken");
            }
            (host, handles)
        },
    );
}

/// A log: minute by minute a value of every series.
#[divan::bench(args = data())]
fn load_records(bencher: Bencher<'_, '_>, data: Data) {
    let values = data.values();
    let records: Vec<f32> =
        (0..DAY).flat_map(|at| values.iter().map(move |values| values[at])).collect();
    let counter = ItemsCount::new(records.len());
    bencher.counter(counter).with_inputs(|| host_for(&values)).bench_local_values(
        |(mut host, handles)| {
            for (at, batch) in records.chunks(handles.len()).enumerate() {
                for (&series, value) in handles.iter().zip(batch) {
                    load(&mut host, series, at, core::slice::from_ref(value), State::Dirty);
                }
            }
            (host, handles)
        },
    );
}
