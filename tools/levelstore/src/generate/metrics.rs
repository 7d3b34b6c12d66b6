//! What the simulated hosts measure: 632 series each, all every 60 seconds.

use super::series::Kind;
use serde_json::{Map, Value, json};

pub(crate) const INTERVAL_SECONDS: u32 = 60;

/// How series of sub-devices become one of the device above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aggregation {
    Sum,
    Average,
    None,
}

/// How exact a collector holds what it has measured, with `--full-precision`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    /// As `f32`: what a device's own library hands out.
    Single,
    /// As `f64`: what was computed.
    Double,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) aggregation: Aggregation,
    pub(super) width: Width,
    pub(super) kind: Kind,
}

/// The metrics of one type of device, and how many of those a host has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Devices {
    /// The `type` tag.
    pub(super) kind: &'static str,
    /// The `type-id` tags; none for the host itself.
    pub(super) ids: Ids,
    pub(super) metrics: &'static [Metric],
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Ids {
    None,
    Numbers(usize),
    Addresses(&'static [&'static str]),
}

impl Ids {
    pub(super) const fn count(self) -> usize {
        match self {
            Self::None => 1,
            Self::Numbers(count) => count,
            Self::Addresses(addresses) => addresses.len(),
        }
    }
}

pub(super) const HOST: [Devices; 4] = [
    Devices { kind: "node", ids: Ids::None, metrics: NODE },
    Devices { kind: "socket", ids: Ids::Numbers(2), metrics: SOCKET },
    Devices { kind: "hwthread", ids: Ids::Numbers(72), metrics: HWTHREAD },
    Devices { kind: "accelerator", ids: Ids::Addresses(PCI_ADDRESSES), metrics: ACCELERATOR },
];

pub(super) const SERIES_PER_HOST: usize = {
    let mut series = 0;
    let mut at = 0;
    while at < HOST.len() {
        series += HOST[at].ids.count() * HOST[at].metrics.len();
        at += 1;
    }
    series
};

const _: () = assert!(SERIES_PER_HOST == 632);

const PCI_ADDRESSES: &[&str] =
    &["00000000:0b:00.0", "00000000:49:00.0", "00000000:89:00.0", "00000000:c9:00.0"];

const fn metric(name: &'static str, aggregation: Aggregation, kind: Kind) -> Metric {
    Metric { name, aggregation, width: Width::Double, kind }
}

const fn single(name: &'static str, aggregation: Aggregation, kind: Kind) -> Metric {
    Metric { name, aggregation, width: Width::Single, kind }
}

use Aggregation::{Average, None, Sum};
use Kind::{Burst, Constant, Counter, SignedCounter, Walk};

// Ranges and steps are in hundredths.
const NODE: &[Metric] = &[
    metric("cpu_load", None, Walk { low: 0, high: 14_400, step: 300 }),
    metric("cpu_iowait", None, Burst { low: 50, high: 4_000 }),
    metric("mem_total", None, Constant { low: 25_766, high: 25_766 }),
    metric("mem_used", None, Walk { low: 400, high: 25_000, step: 120 }),
    metric("mem_cached", None, Walk { low: 100, high: 9_000, step: 40 }),
    metric("swap_used", None, Constant { low: 0, high: 0 }),
    metric("node_power", Sum, Walk { low: 21_000, high: 98_000, step: 2_500 }),
    metric("node_temp", Average, Walk { low: 2_100, high: 4_500, step: 20 }),
    metric("net_bytes_in", Sum, Counter { step: 9_000_000 }),
    metric("net_bytes_out", Sum, Counter { step: 7_000_000 }),
    metric("net_pkts_in", Sum, SignedCounter { step: 60_000 }),
    metric("net_pkts_out", Sum, SignedCounter { step: 50_000 }),
    metric("ib_recv", Sum, Counter { step: 900_000_000 }),
    metric("ib_xmit", Sum, Counter { step: 900_000_000 }),
    metric("ib_recv_pkts", Sum, SignedCounter { step: 400_000 }),
    metric("ib_xmit_pkts", Sum, SignedCounter { step: 400_000 }),
    metric("lustre_open", None, Burst { low: 100, high: 50_000 }),
    metric("lustre_close", None, Burst { low: 100, high: 50_000 }),
    metric("lustre_read_bw", None, Burst { low: 10, high: 250_000 }),
    metric("lustre_write_bw", None, Burst { low: 10, high: 180_000 }),
];

const SOCKET: &[Metric] = &[
    metric("mem_bw", Sum, Walk { low: 30, high: 20_000, step: 900 }),
    single("cpu_power", Sum, Walk { low: 4_500, high: 25_000, step: 700 }),
    single("mem_power", Sum, Walk { low: 600, high: 3_800, step: 120 }),
    single("cpu_temp", Average, Walk { low: 3_000, high: 8_800, step: 60 }),
    metric("uncore_clock", Average, Constant { low: 180_000, high: 240_000 }),
    metric("cpu_energy", Sum, Counter { step: 15_000 }),
];

const HWTHREAD: &[Metric] = &[
    metric("cpu_user", Average, Walk { low: 0, high: 10_000, step: 250 }),
    metric("cpu_system", Average, Burst { low: 1, high: 1_500 }),
    metric("clock", Average, Walk { low: 120_000, high: 360_000, step: 3_000 }),
    metric("ipc", Average, Walk { low: 5, high: 390, step: 12 }),
    metric("flops_any", Sum, Walk { low: 0, high: 450_000, step: 6_000 }),
    metric("flops_dp", Sum, Constant { low: 0, high: 4_000 }),
    metric("flops_sp", Sum, Burst { low: 100, high: 300_000 }),
    metric("ctx_switches", Sum, Counter { step: 1_200 }),
];

const ACCELERATOR: &[Metric] = &[
    single("acc_utilization", Average, Walk { low: 0, high: 10_000, step: 800 }),
    single("acc_mem_used", Sum, Walk { low: 45, high: 8_100, step: 90 }),
    single("acc_power", Sum, Walk { low: 5_500, high: 40_000, step: 1_500 }),
    single("acc_temp", Average, Walk { low: 2_600, high: 8_200, step: 70 }),
    single("acc_clock", Average, Constant { low: 141_000, high: 141_000 }),
    metric("acc_pcie_bytes", Sum, SignedCounter { step: 20_000_000 }),
];

/// The `metrics` object of a configuration that takes all that is generated.
pub(crate) fn configuration() -> Value {
    let metrics = HOST.iter().flat_map(|devices| devices.metrics);
    let entries = metrics.map(|metric| {
        let aggregation = match metric.aggregation {
            Sum => Some("sum"),
            Average => Some("avg"),
            None => Option::None,
        };
        let entry = json!({"frequency": INTERVAL_SECONDS, "aggregation": aggregation});
        (metric.name.to_owned(), entry)
    });
    Value::Object(entries.collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_taken_twice() {
        let named = HOST.iter().map(|devices| devices.metrics.len()).sum::<usize>();
        assert_eq!(configuration().as_object().unwrap().len(), named);
    }
}
