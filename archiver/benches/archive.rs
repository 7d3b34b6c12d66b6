//! What archiving a day costs: CPU per row, bytes per row, memory.
//!
//! `cargo bench -p archiver -- [--hosts N] [--minutes M] [--full-precision] [--level L]
//! [--row-group ROWS] [--out FILE]`; without arguments a small day, so that it can run as a test.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a program that measures"
)]

#[path = "../../memstore/benches/common/mod.rs"]
#[expect(dead_code, reason = "other benchmarks take the kinds one by one")]
mod common;

use archiver::{ArchiveWriter, GroupEncoder, Host, Options};
use common::Random;
use snapshot_format::{OwnedSeries, Snapshot, TrailerFields, Tree};
use std::fs;
use std::io::Write;

const START: i64 = 1_700_000_000;

fn main() {
    let arguments = Arguments::parse();
    let out: Box<dyn Write + Send> = match &arguments.out {
        Some(path) => Box::new(fs::File::create(path).unwrap()),
        None => Box::new(std::io::sink()),
    };
    let mut options = Options::default();
    options.zstd_level = arguments.level.unwrap_or(options.zstd_level);
    options.row_group_rows = arguments.row_group.unwrap_or(options.row_group_rows);
    let mut writer = ArchiveWriter::new(out, b"emmy").unwrap();
    let mut encoder = GroupEncoder::new(b"emmy", options).unwrap();
    let mut cpu = 0.0;
    let mut base = 0;
    for number in 0..arguments.hosts {
        let bytes = snapshot(number, &arguments);
        if number == 0 {
            base = memory("VmHWM:");
        }
        let began = cpu_seconds();
        let name = format!("m{number:04}");
        let mut host = Host::new(name.as_bytes(), i64::MIN..i64::MAX);
        host.add_snapshot(&format!("{name}/{START}.bin"), &Snapshot::parse(&bytes).unwrap());
        encoder.host(host, &mut |group| writer.append(group)).unwrap();
        cpu += cpu_seconds() - began;
    }
    let began = cpu_seconds();
    encoder.finish(&mut |group| writer.append(group)).unwrap();
    let (_, receipt) = writer.finish().unwrap();
    cpu += cpu_seconds() - began;
    let rows = receipt.rows() as f64;
    println!(
        "{} hosts, {} rows: {cpu:.2} s CPU, {:.1} ns/row, {:.3} bytes/row, {} row groups, \
         peak {} KiB over the base of {base} KiB",
        arguments.hosts,
        receipt.rows(),
        cpu * 1e9 / rows,
        receipt.bytes() as f64 / rows,
        receipt.row_groups(),
        memory("VmHWM:").saturating_sub(base),
    );
}

#[derive(Default)]
struct Arguments {
    hosts: u64,
    minutes: usize,
    full_precision: Option<()>,
    level: Option<i32>,
    row_group: Option<usize>,
    out: Option<String>,
}

impl Arguments {
    fn parse() -> Self {
        let mut parsed = Self { hosts: 2, minutes: 60, ..Self::default() };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().unwrap();
            match argument.as_str() {
                "--hosts" => parsed.hosts = value().parse().unwrap(),
                "--minutes" => parsed.minutes = value().parse().unwrap(),
                "--full-precision" => parsed.full_precision = Some(()),
                "--level" => parsed.level = Some(value().parse().unwrap()),
                "--row-group" => parsed.row_group = Some(value().parse().unwrap()),
                "--out" => parsed.out = Some(value()),
                _ => {} // Cargo's own.
            }
        }
        parsed
    }
}

/// A host's series in the tree that its devices make: 20 metrics of the node, 6 of each of 2
/// sockets and 4 accelerators, 8 of each of 72 hardware threads.
fn snapshot(host: u64, arguments: &Arguments) -> Vec<u8> {
    let minutes = arguments.minutes;
    let to = START + 60 * i64::try_from(minutes).unwrap();
    let mut tree = Tree { from: START, to, ..Tree::default() };
    let devices = std::iter::once((String::new(), 20))
        .chain((0..2).map(|id| (format!("socket{id}"), 6)))
        .chain((0..72).map(|id| (format!("hwthread{id}"), 8)))
        .chain((0..4).map(|id| (format!("accelerator{id}"), 6)));
    let mut all = common::host(host, minutes).into_iter();
    let mut random = Random::new(host);
    for (device, metrics) in devices {
        let kind = device.trim_end_matches(|last: char| last.is_ascii_digit()).to_owned();
        for (metric, mut values) in (0..metrics).zip(all.by_ref()) {
            if arguments.full_precision.is_some() {
                for value in &mut values {
                    *value += random.fraction() as f32;
                }
            }
            let series = OwnedSeries { frequency: 60, start: START, values };
            let level = match device.as_str() {
                "" => &mut tree.root,
                name => tree.root.children.get_or_default(name.as_bytes()),
            };
            level.metrics.insert(format!("{kind}_metric{metric}").as_bytes(), series);
        }
    }
    tree.encode(Vec::new(), TrailerFields::default()).unwrap().0
}

/// User and system time of this process.
fn cpu_seconds() -> f64 {
    let schedstat = fs::read_to_string("/proc/self/schedstat").unwrap();
    schedstat.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

/// A line of the process's status, in KiB.
fn memory(what: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(what)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
