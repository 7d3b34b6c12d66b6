//! Lines of a cluster into an engine, in the orders in which they come; in memory alone, and with the
//! log on the real disk.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]

use checkpointer::disk::RealDisk;
use checkpointer::memstore::{Aggregation, Catalogue};
use checkpointer::{Config, Engine, Now, Start};
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use ingest::{How, Ingest};
use std::num::NonZeroU32;
use std::time::Duration;

const HOSTS: usize = 50;
const METRICS: usize = 8;
const THREADS: usize = 79;
/// So many series has a host.
const SERIES: usize = METRICS * THREADS;
const START: i64 = 1_700_000_000;
const LONG: Duration = Duration::from_mins(1);

fn main() {
    divan::main();
}

/// In which order the lines of a minute come.
#[derive(Clone, Copy, Debug)]
enum Order {
    /// A host after the other, the same keys.
    HostByHost,
    /// The first key of all hosts, then the second.
    LineByLine,
    /// Another order every minute, of hosts and keys.
    Shuffled,
    /// A host after the other, in the order of every minute another one of its tags.
    NewKeys,
}

const ORDERS: [Order; 4] = [Order::HostByHost, Order::LineByLine, Order::Shuffled, Order::NewKeys];

/// Numbers that are the same every time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

fn line(host: usize, series: usize, minute: i64, order: Order) -> String {
    let (metric, thread) = (series % METRICS, series / METRICS);
    let (time, value) = (START + 60 * minute, 100 + (series * 7919) % 900);
    let job =
        if matches!(order, Order::NewKeys) { format!(",job={minute}") } else { String::new() };
    format!(
        "flops_dp{metric},cluster=sim,hostname=n{host:05},type=hwthread,type-id={thread}{job} \
         value={value}.25 {time}\n"
    )
}

fn body(minute: i64, order: Order) -> Vec<u8> {
    let mut places: Vec<(usize, usize)> =
        (0..HOSTS).flat_map(|host| (0..SERIES).map(move |series| (host, series))).collect();
    match order {
        Order::HostByHost | Order::NewKeys => {}
        Order::LineByLine => places.sort_by_key(|(host, series)| (*series, *host)),
        Order::Shuffled => {
            let mut random = Random(minute.unsigned_abs());
            for at in (1..places.len()).rev() {
                places.swap(at, random.below(at + 1));
            }
        }
    }
    places
        .into_iter()
        .flat_map(|(host, series)| line(host, series, minute, order).into_bytes())
        .collect()
}

/// A minute of all hosts, after some others of them.
fn bench(bencher: Bencher<'_, '_>, order: Order, how: How) {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let catalogue = Catalogue::new();
    for metric in 0..METRICS {
        let name = format!("flops_dp{metric}");
        catalogue.add(name.as_bytes(), NonZeroU32::new(60).unwrap(), Aggregation::Sum);
    }
    let now = |minute: i64| Now {
        unix: START + 60 * minute,
        uptime: Duration::from_secs(60 * minute.unsigned_abs()),
    };
    let disk = RealDisk::new(directory.path()).unwrap();
    let engine = Engine::open(disk, catalogue, Config::default(), &Start::at(now(0))).unwrap().0;
    let ingest = Ingest::new(engine, ingest::Config::default());
    let mut minute = 0;
    let mut next = || {
        minute += 1;
        (minute, body(minute, order))
    };
    let take = |(minute, body): (i64, Vec<u8>)| {
        let outcome = ingest.batch(&body, None, now(minute), how);
        assert!(outcome.stored == (HOSTS * SERIES) as u64, "{outcome:?}");
    };
    (0..3).for_each(|_| take(next()));
    let bytes = body(0, order).len();
    let counted = bencher.counter(ItemsCount::new(HOSTS * SERIES)).counter(BytesCount::new(bytes));
    counted.with_inputs(next).bench_local_values(take);
}

#[divan::bench(args = ORDERS)]
fn in_memory(bencher: Bencher<'_, '_>, order: Order) {
    bench(bencher, order, How::unlogged());
}

#[divan::bench(args = ORDERS)]
fn with_log(bencher: Bencher<'_, '_>, order: Order) {
    bench(bencher, order, How::acknowledged(LONG));
}
