//! What remembering the keys of a host takes, by the allocator's account.
//!
//! A program of its own, with one thread: nothing else may take memory meanwhile.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

use checkpointer::disk::sim::SimDisk;
use checkpointer::memstore::{Aggregation, Catalogue};
use checkpointer::{Config, Engine, Now, Start};
use ingest::{How, Ingest};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::num::NonZeroU32;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const HOSTS: usize = 50;
const BYTES_PER_SERIES_MAX: usize = 150;

/// What a host of a cluster has: type, its ids, its metrics.
const DEVICES: [(&str, usize, &[&str]); 4] = [
    (
        "node",
        1,
        &[
            "cpu_load",
            "cpu_iowait",
            "mem_total",
            "mem_used",
            "mem_cached",
            "swap_used",
            "node_power",
            "node_temp",
            "net_bytes_in",
            "net_bytes_out",
            "net_pkts_in",
            "net_pkts_out",
            "ib_recv",
            "ib_xmit",
            "ib_recv_pkts",
            "ib_xmit_pkts",
            "lustre_open",
            "lustre_close",
            "lustre_read_bw",
            "lustre_write_bw",
        ],
    ),
    ("socket", 2, &["mem_bw", "cpu_power", "mem_power", "cpu_temp", "uncore_clock", "cpu_energy"]),
    (
        "hwthread",
        72,
        &[
            "cpu_user",
            "cpu_system",
            "clock",
            "ipc",
            "flops_any",
            "flops_dp",
            "flops_sp",
            "ctx_switches",
        ],
    ),
    (
        "accelerator",
        4,
        &[
            "acc_utilization",
            "acc_mem_used",
            "acc_power",
            "acc_temp",
            "acc_clock",
            "acc_pcie_bytes",
        ],
    ),
];

fn body(host: usize, minute: i64) -> String {
    let mut body = String::new();
    for (kind, count, metrics) in DEVICES {
        for id in 0..count {
            let id = match kind {
                "node" => String::new(),
                "accelerator" => format!(",type-id=00000000:{id:02x}:00.0"),
                _ => format!(",type-id={id}"),
            };
            for metric in metrics {
                let time = 1_700_000_000 + 60 * minute;
                let line = format!(
                    "{metric},cluster=sim,hostname=n{host:05},type={kind}{id} value=1 {time}\n"
                );
                body.push_str(&line);
            }
        }
    }
    body
}

fn main() {
    let catalogue = Catalogue::new();
    let minute = NonZeroU32::new(60).expect("is not 0");
    for metric in DEVICES.iter().flat_map(|(.., metrics)| *metrics) {
        catalogue.add(metric.as_bytes(), minute, Aggregation::Sum);
    }
    let now = Now { unix: 1_700_000_000, uptime: Duration::ZERO };
    let disk = SimDisk::new(1);
    let opened = Engine::open(disk, catalogue, Config::default(), &Start::at(now));
    let engine = opened.expect("an empty disk").0;
    let bodies: Vec<[String; 2]> =
        (0..HOSTS).map(|host| [0, 1].map(|minute| body(host, minute))).collect();
    // What the engine takes for the samples, it has taken before.
    let take = |ingest: &Ingest<SimDisk>| {
        for minute in 0..2 {
            for body in &bodies {
                let outcome = ingest.batch(body[minute].as_bytes(), None, now, How::unlogged());
                assert_eq!((outcome.stored, outcome.lines), (632, 632), "{outcome:?}");
            }
        }
    };
    take(&Ingest::new(engine.clone(), ingest::Config::default()));

    let region = Region::new(ALLOCATOR);
    let ingest = Ingest::new(engine, ingest::Config::default());
    take(&ingest);
    let change = region.change();
    let held = change.bytes_allocated - change.bytes_deallocated;
    let series = 632 * HOSTS;
    let stats = ingest.stats();
    assert_eq!((stats.hosts, stats.keys), (HOSTS, series));
    let off = stats.key_bytes.abs_diff(held);
    assert!(off < held / 50, "says {}, holds {held}", stats.key_bytes);
    let per_series = held / series;
    assert!(per_series <= BYTES_PER_SERIES_MAX, "{per_series} bytes a series");
    // Not by forgetting, and not for nothing.
    assert!(per_series > 100, "{per_series} bytes a series");
}
