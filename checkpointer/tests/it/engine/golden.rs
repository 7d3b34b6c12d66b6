//! What the Go store itself has left, opened.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use checkpointer::Trouble;
use checkpointer::disk::Disk;
use checkpointer::disk::sim::SimDisk;
use snapshot_format::{Level, Snapshot, Tree, read_json};
use wal_format::{Found, Scan};

use super::files::check_files;
use super::store::{AllSlots, Name, Setup, files, killed};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/go-store");

const HOSTS: [Name; 6] = [
    ("alpha", "a01"),
    ("alpha", "a02"),
    ("alpha", "a03"),
    ("beta", "b01"),
    ("beta", "b02"),
    ("beta", "b03"),
];

const METRICS: [(&str, u32); 12] = [
    ("cpu_load", 60),
    ("cpu_user", 60),
    ("flops_any", 60),
    ("ib_cnt", 60),
    ("m", 60),
    ("mem_bw", 60),
    ("mem_used", 60),
    ("net_bw", 30),
    ("node_power", 300),
    ("nv_temp", 10),
    ("temp_°C", 60),
    ("指标", 60),
];

fn setup() -> Setup {
    let mut setup = Setup::new().at(1_700_006_000);
    setup.metrics = METRICS.to_vec();
    setup
}

fn load(disk: &SimDisk, directory: &Path) {
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            load(disk, &entry.path());
        } else {
            let path = entry.path();
            let name = path.strip_prefix(DATA).unwrap().to_str().unwrap();
            disk.plant(name, fs::read(&path).unwrap());
        }
    }
}

fn go_store() -> SimDisk {
    let disk = SimDisk::new(1);
    load(&disk, Path::new(DATA));
    disk
}

/// Samples of the log in their order, by series: when they arrived, and their bits.
type Arrived = BTreeMap<(String, Vec<String>), Vec<(i64, u32)>>;

/// What the snapshots of a host hold, the later file and the binary one last; and its log.
fn expected(disk: &SimDisk, host: Name) -> (AllSlots, Arrived) {
    let directory = format!("{}/{}/", host.0, host.1);
    let mut snapshots = Vec::new();
    for path in disk.files() {
        let Some(name) = path.strip_prefix(&directory) else { continue };
        match name.split_once('.') {
            Some((number, "json")) => snapshots.push((number.parse::<i64>().unwrap(), 0, path)),
            Some((number, "bin")) => snapshots.push((number.parse::<i64>().unwrap(), 1, path)),
            _ => {}
        }
    }
    snapshots.sort();
    let mut slots = AllSlots::new();
    for (_, is_binary, path) in snapshots {
        let bytes = disk.peek(&path).unwrap();
        let tree: Tree = if is_binary == 1 {
            Snapshot::parse(&bytes).unwrap().to_tree()
        } else {
            read_json(&bytes[..]).unwrap()
        };
        add_level(&mut slots, &mut Vec::new(), &tree.root);
    }
    let mut arrived: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let log = disk.peek(&format!("{directory}current.wal")).unwrap_or_default();
    for found in Scan::new(&log) {
        let Found::Record(located) = found else { panic!("{directory}: {found:?}") };
        let names = located.record.names;
        let path = names.path().map(|name| String::from_utf8(name.to_vec()).unwrap()).collect();
        let metric = String::from_utf8(names.metric().to_vec()).unwrap();
        let sample = (located.record.timestamp, located.record.value.to_bits());
        arrived.entry((metric, path)).or_default().push(sample);
    }
    (slots, arrived)
}

fn add_level(slots: &mut AllSlots, path: &mut Vec<String>, level: &Level) {
    for (name, series) in &level.metrics {
        let name = String::from_utf8(name.to_vec()).unwrap();
        let times = (series.start..).step_by(usize::try_from(series.frequency).unwrap());
        let values = times.zip(&series.values).filter(|(_, value)| !value.is_nan());
        let slots = slots.entry((name, path.clone())).or_default();
        slots.extend(values.map(|(time, value)| (time, value.to_bits())));
    }
    for (name, child) in &level.children {
        path.push(String::from_utf8(name.to_vec()).unwrap());
        add_level(slots, path, child);
        path.pop();
    }
}

/// Each value of a snapshot is at its time, unless one of the log has replaced it; each of the log
/// within half an interval of its own, unless a later one has. Nothing else is anywhere.
fn check_host(disk: &SimDisk, host: Name, found: &AllSlots) -> u64 {
    let (snapshots, arrived) = expected(disk, host);
    let interval = |series: &(String, Vec<String>)| {
        let metric = METRICS.iter().find(|metric| metric.0 == series.0);
        i64::from(metric.map_or(60, |metric| metric.1))
    };
    let mut checked = 0;
    for (series, slots) in &snapshots {
        let half = interval(series) / 2;
        for (time, bits) in slots {
            let have = found.get(series).and_then(|slots| slots.get(time)).copied();
            let mut samples = arrived.get(series).into_iter().flatten();
            let replaced =
                samples.any(|sample| (sample.0 - time).abs() <= half && have == Some(sample.1));
            assert!(have == Some(*bits) || replaced, "{host:?} {series:?} {time}: {have:?}");
            checked += 1;
        }
    }
    for (series, samples) in &arrived {
        let interval = interval(series);
        for (index, sample) in samples.iter().enumerate() {
            let near = found[series].range(sample.0 - interval / 2..=sample.0 + interval / 2);
            let mut near = near.map(|(_, bits)| *bits);
            let is_there = near.any(|bits| {
                let mut same_or_later = samples[index..].iter();
                same_or_later.any(|later| (later.0 - sample.0).abs() < interval && later.1 == bits)
            });
            assert!(is_there, "{host:?} {series:?}: {sample:?} is lost");
            checked += 1;
        }
    }
    for (series, slots) in found {
        let half = interval(series) / 2;
        for (time, bits) in slots {
            let of_snapshot = snapshots.get(series).and_then(|slots| slots.get(time));
            let mut samples = arrived.get(series).into_iter().flatten();
            let of_log = samples.any(|sample| (sample.0 - time).abs() <= half && sample.1 == *bits);
            assert!(of_snapshot == Some(bits) || of_log, "{host:?} {series:?} {time} is invented");
        }
    }
    checked
}

#[test]
fn a_store_of_the_go_store_opens_with_everything_at_its_time() {
    let (setup, disk) = (setup(), go_store());
    let before = go_store();
    let store = setup.open(&disk);
    let mut problems = store.found.problems.listed().to_vec();
    problems.retain(|problem| !matches!(problem.trouble, Trouble::Stray | Trouble::Misnamed));
    let [cut] = &problems[..] else { panic!("{problems:?}") };
    assert!(matches!(cut.trouble, Trouble::Torn { bytes: 28 }), "the Go store was stopped: {cut}");
    assert_eq!(store.found.offline, 0);
    let values: u64 =
        HOSTS.iter().map(|host| check_host(&before, *host, &store.all_slots(*host))).sum();
    assert!(values > 5000, "{values}");
}

#[test]
fn a_store_of_the_go_store_is_the_same_however_often_it_is_recovered() {
    let (setup, disk) = (setup(), go_store());
    let read_only: Vec<_> = HOSTS.iter().map(|host| setup.view_all(disk.clone(), *host)).collect();
    for recovery in 0..3 {
        let store = setup.open(&disk);
        for (host, expected) in HOSTS.iter().zip(&read_only) {
            assert_eq!(store.all_slots(*host), *expected, "recovery {recovery}, {host:?}");
        }
    }
}

#[test]
fn of_two_checkpoints_in_a_row_the_second_does_nothing_and_the_go_store_can_load_the_first() {
    let (setup, disk) = (setup(), go_store());
    let store = setup.open(&disk);
    let expected: Vec<_> = HOSTS.iter().map(|host| store.all_slots(*host)).collect();
    let first = store.checkpoint();
    assert_eq!((first.hosts, first.idle, first.failed.len()), (5, 1, 0), "b03 has no log");
    assert_eq!(files(&disk, ".wal"), [""; 0]);
    let operations = disk.operations();
    let second = store.checkpoint();
    assert_eq!((second.hosts, second.idle, second.files), (0, 6, 0));
    assert_eq!(disk.operations(), operations);
    let stray = |path: &String| path.contains("1690000000_60") || path.ends_with("notes.txt");
    for path in disk.files().iter().filter(|path| stray(path)) {
        Disk::remove(&disk, path).unwrap();
    }
    check_files(&disk).unwrap();
    let store = setup.open(&killed(&disk));
    for (host, expected) in HOSTS.iter().zip(&expected) {
        assert_eq!(store.all_slots(*host), *expected, "{host:?}");
    }
}
