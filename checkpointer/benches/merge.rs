//! What it costs to merge a day of hourly snapshots, on the real disk.
//!
//! `cargo bench -p checkpointer --bench merge`. It writes below the target folder. CPU
//! is user and system time.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]
#![expect(clippy::disallowed_methods, reason = "a benchmark has files and a clock")]
#![expect(clippy::print_stdout, reason = "that is what it is for")]
#![expect(clippy::cast_precision_loss, reason = "figures for people")]
#![expect(clippy::cast_possible_truncation, reason = "values are stored as f32")]

#[path = "../../memstore/benches/common/mod.rs"]
#[expect(dead_code, reason = "not all kinds are named here")]
mod common;

use std::fs;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use checkpointer::disk::RealDisk;
use checkpointer::log::Inline;
use checkpointer::memstore::{Aggregation, Catalogue};
use checkpointer::{Config, Engine, Logging, MergeLimits, Now, Sample, Series, Start};

const DAY: i64 = 19_675 * 86_400;
const SERIES: usize = 632;

fn now(minute: usize) -> Now {
    Now { unix: DAY + 60 * i64::try_from(minute).unwrap(), uptime: Duration::ZERO }
}

fn catalogue() -> Catalogue {
    let catalogue = Catalogue::new();
    for metric in 0..20 {
        let name = format!("metric_{metric:02}");
        catalogue.add(name.as_bytes(), NonZeroU32::new(60).unwrap(), Aggregation::Sum);
    }
    catalogue
}

/// 20 metrics of the node, and 612 of devices.
fn series(catalogue: &Catalogue) -> Vec<Series> {
    let one = |k: usize| {
        let of_node = (k, vec![]);
        let (metric, path) = match k.checked_sub(20) {
            None => of_node,
            Some(k) => (k % 8, vec![format!("hwthread{}", k / 8)]),
        };
        Series::new(catalogue, format!("metric_{metric:02}").as_bytes(), path).unwrap()
    };
    (0..SERIES).map(one).collect()
}

/// A day of one host, a snapshot every hour.
fn fill(engine: &Engine, host: usize, minutes: usize, late: bool) {
    let values = common::host(host as u64 % 8, minutes);
    let series = series(engine.catalogue());
    let host = engine.host("alpha", &format!("a{host:04}"), now(0)).unwrap();
    for minute in 0..minutes {
        let timestamp = now(minute).unix;
        let samples: Vec<_> = series
            .iter()
            .zip(&values)
            .map(|(series, values)| Sample { series, timestamp, value: values[minute] })
            .filter(|sample| sample.value.is_finite())
            .collect();
        drop(host.write(&samples, now(minute), Logging::Unlogged, |_, _| {}).unwrap());
        if minute % 60 == 59 {
            if late {
                let sample =
                    Sample { series: &series[0], timestamp: now(minute / 2).unix, value: 1.0 };
                drop(host.write(&[sample], now(minute), Logging::Unlogged, |_, _| {}).unwrap());
            }
            host.checkpoint(now(minute + 1)).unwrap();
        }
    }
}

/// User and system time so far.
fn cpu() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks = |field: usize| fields[field].parse::<u64>().unwrap();
    Duration::from_millis(10 * (ticks(11) + ticks(12)))
}

fn measured(what: &str, work: impl FnOnce() -> (u64, u64)) {
    let (started, before) = (Instant::now(), cpu());
    let (read, written) = work();
    let (wall, cpu) = (started.elapsed().as_secs_f64(), cpu().saturating_sub(before).as_secs_f64());
    let (read, written) = (read as f64 / 1e6, written as f64 / 1e6);
    println!(
        "{what:10} {read:7.1} MB read, {written:7.1} MB written, CPU {cpu:5.2} s, {wall:5.2} s wall: \
         {:6.0} MB/s of CPU, read",
        read / cpu.max(0.01)
    );
}

fn main() {
    let is_full = std::env::args().any(|argument| argument == "--bench");
    let (hosts, minutes) = if is_full { (50, 1440) } else { (2, 240) };
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let disk = RealDisk::new(directory.path()).unwrap();
    let (engine, _) =
        Engine::open(disk, catalogue(), Config::default(), &Start::at(now(0))).unwrap();
    (0..hosts).for_each(|host| fill(&engine, host, minutes, host % 2 == 1));
    let all = engine.all();
    let limits = MergeLimits { files_per_day_max: 2, bytes_max: u64::MAX, files_max: u64::MAX };
    measured("merge", || {
        let merged = engine.merge(&all, limits, now(minutes), &Inline);
        assert_eq!((merged.hosts, merged.failed.len()), (hosts as u64, 0));
        (merged.bytes_read, merged.bytes_written)
    });
}
