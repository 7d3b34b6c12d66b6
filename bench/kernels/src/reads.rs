//! What a read of a day takes in a full store: of random series, so that none lies in the caches.
//!
//! Processor time, as everywhere: a p99 of the clock on the wall is that of whoever else runs.

use memstore::Selector;
use std::hint::black_box;

use crate::data::{self, Random};
use crate::store::{DAY, Machine};
use crate::{clock, figure, percentile};

const SINGLES: usize = 20_000;
const SUMS: usize = 2_000;
/// So many different hosts: making values must not take longer than storing them.
const DIFFERENT: usize = 8;

pub(crate) fn run(hosts: usize) {
    let values: Vec<_> = (0..DIFFERENT as u64).map(|seed| data::host(seed, DAY)).collect();
    let machines: Vec<Machine> = (0..hosts)
        .map(|number| {
            let mut machine = Machine::new(values[number % DIFFERENT].clone(), None);
            (0..1440).for_each(|minute| machine.write(minute));
            machine.without_source()
        })
        .collect();
    drop(values);
    let mut random = Random::new(1);
    let mut below =
        |limit: usize| usize::try_from(random.bits() % u64::try_from(limit).unwrap()).unwrap();
    let devices: Vec<Selector> =
        (0..72).map(|thread| Selector::path(&[format!("hwthread{thread}").as_bytes()])).collect();
    let metrics: Vec<String> = (0..8).map(|metric| format!("hwthread_{metric}")).collect();

    let mut pick = || (below(hosts), below(devices.len()), below(metrics.len()));
    let all = Selector::host();
    let single = times(SINGLES, &mut pick, |(host, device, metric)| {
        machines[host].read(&devices[device], metrics[metric].as_bytes());
    });
    let sums = times(SUMS, &mut pick, |(host, _, metric)| {
        machines[host].read(&all, metrics[metric].as_bytes());
    });
    let statistics = times(SINGLES, &mut pick, |(host, device, metric)| {
        machines[host].summary(&devices[device], metrics[metric].as_bytes());
    });
    for (name, mut times) in [("one", single), ("sum72", sums), ("statistics", statistics)] {
        for percent in [50, 99] {
            figure(&format!("read.{name}_p{percent}"), percentile(&mut times, percent), "µs");
        }
    }
}

/// Microseconds of each of so many reads.
fn times<P>(count: usize, mut pick: impl FnMut() -> P, mut read: impl FnMut(P)) -> Vec<f64> {
    let one = |_| {
        let picked = pick();
        let began = clock::cpu_seconds();
        read(black_box(picked));
        (clock::cpu_seconds() - began) * 1e6
    };
    (0..count).map(one).collect()
}
