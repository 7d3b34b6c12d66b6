//! The same snapshots through the Go store's archiver and through ours.

use crate::{EVER, Row, Source, archive, open, options, rows};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/full").join(name)
}

fn load(host: &str, name: &str) -> Source {
    let bytes = fs::read(data(host).join(name)).unwrap();
    if Path::new(name).extension().is_some_and(|extension| extension == "json") {
        return Source::Tree(snapshot_format::read_json(&bytes[..]).unwrap());
    }
    Source::Bin(bytes)
}

/// The snapshots that the Go store archived: those of the first checkpoint.
fn ours(cluster: &str) -> Vec<Row> {
    let first = |host: &str, names: &[&str]| {
        names.iter().map(|name| load(&format!("{cluster}/{host}"), name)).collect::<Vec<_>>()
    };
    let hosts = match cluster {
        "alpha" => vec![
            ("a01", first("a01", &["1700000118.bin"])),
            ("a02", first("a02", &["1700000118.json", "1700000118.bin"])),
            ("a03", first("a03", &["1700000118.bin"])),
        ],
        _ => ["b01", "b02", "b03"].map(|host| (host, first(host, &["1700000118.bin"]))).to_vec(),
    };
    rows(&archive(cluster, &hosts, &EVER, options(700)).0)
}

fn theirs(cluster: &str) -> Vec<Row> {
    rows(&fs::read(data(&format!("{cluster}.parquet"))).unwrap())
}

/// As [`theirs`], but from what the Go store's own reader made of the file.
fn listed(cluster: &str) -> Vec<Row> {
    let text = fs::read_to_string(data(&format!("{cluster}.jsonl"))).unwrap();
    let row = |line| {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| row[key].as_str().unwrap().to_owned();
        #[expect(clippy::cast_possible_truncation, reason = "the decimal of an f32")]
        let value = row["value"].as_f64().unwrap() as f32;
        Row {
            cluster: text("cluster"),
            hostname: text("hostname"),
            metric: text("metric"),
            scope: text("scope"),
            scope_id: text("scope_id"),
            path: None,
            timestamp: row["timestamp"].as_i64().unwrap(),
            frequency: row["frequency"].as_i64().unwrap(),
            bits: value.to_bits(),
        }
    };
    text.lines().map(row).collect()
}

/// The Go store's columns alone, in an order that both can be brought into.
fn comparable(rows: impl IntoIterator<Item = Row>) -> Vec<Row> {
    let mut rows: Vec<_> = rows.into_iter().map(|row| Row { path: None, ..row }).collect();
    rows.sort();
    rows
}

#[test]
fn the_go_stores_files_are_read_as_it_reads_them() {
    for (cluster, count) in [("alpha", 3044), ("beta", 2607)] {
        assert_eq!(theirs(cluster).len(), count);
        assert_eq!(theirs(cluster), listed(cluster));
        let file = fs::read(data(&format!("{cluster}.parquet"))).unwrap();
        let summary = open(&file).summary().unwrap();
        let times = listed(cluster).into_iter().map(|row| row.timestamp);
        assert_eq!(summary.times, times.clone().min().zip(times.max()));
        assert_eq!((summary.rows, summary.columns.len()), (count as u64, 8));
        assert_eq!(summary.sources, [""; 0]);
    }
}

/// Values, times and the eight columns are the Go store's. It names a row after the innermost child
/// (defect 13), so its columns are the same for `socket0/memoryDomain1` as for a `memoryDomain1` of
/// another socket: the path, which it has not, is left out here and checked below.
#[test]
fn rows_equal_the_go_stores_for_the_same_snapshots() {
    assert_eq!(comparable(ours("beta")), comparable(theirs("beta")));
    let but_a02 = |rows: Vec<Row>| comparable(rows.into_iter().filter(|row| row.hostname != "a02"));
    assert_eq!(but_a02(ours("alpha")), but_a02(theirs("alpha")));
    assert_eq!(but_a02(ours("alpha")).len(), 880 + 438);
}

/// a02 has a JSON checkpoint beside the binary one of the same time: the Go store archived every
/// sample of it twice (defect 8), once with one decimal (defect 14).
#[test]
fn what_the_go_store_archived_twice_is_archived_once_with_the_exact_value() {
    let of_a02 = |rows: Vec<Row>| comparable(rows.into_iter().filter(|row| row.hostname == "a02"));
    let (ours, theirs) = (of_a02(ours("alpha")), of_a02(theirs("alpha")));
    assert_eq!((ours.len(), theirs.len()), (863, 2 * 863));
    let mut twice: BTreeMap<Row, Vec<f32>> = BTreeMap::new();
    for row in theirs {
        let value = f32::from_bits(row.bits);
        twice.entry(Row { bits: 0, ..row }).or_default().push(value);
    }
    for row in ours {
        let value = f32::from_bits(row.bits);
        let theirs = &twice[&Row { bits: 0, ..row.clone() }];
        assert_eq!(theirs.len(), 2, "{row:?}");
        assert!(theirs.contains(&value), "{row:?}: {theirs:?}");
        let rounded = (value * 10.0).round() / 10.0;
        assert!(theirs.iter().any(|other| (other - rounded).abs() <= rounded.abs() * 1e-6 + 0.051));
    }
}

#[test]
fn sub_devices_are_told_apart_by_their_path() {
    let of_memory = |row: &Row| row.scope == "memoryDomain";
    let paths: std::collections::BTreeSet<_> =
        ours("beta").into_iter().filter(of_memory).map(|row| row.path.unwrap()).collect();
    assert_eq!(paths.into_iter().collect::<Vec<_>>(), ["socket0/memoryDomain1"]);
}

/// Both checkpoints of all hosts, the second of b01 being JSON: sorted, and no time twice.
#[test]
fn all_snapshots_of_a_cluster_come_out_sorted_and_without_doubles() {
    let hosts: Vec<_> = [("b01", "json"), ("b02", "bin"), ("b03", "bin")]
        .map(|(host, kind)| {
            let folder = format!("beta/{host}");
            let second = format!("1700002530.{kind}");
            (host, vec![load(&folder, "1700000118.bin"), load(&folder, &second)])
        })
        .to_vec();
    let (file, receipt) = archive("beta", &hosts, &EVER, options(1000));
    let rows = rows(&file);
    let key = |row: &Row| Row { frequency: 0, bits: 0, ..row.clone() };
    assert!(rows.is_sorted_by(|a, b| key(a) < key(b)));
    assert_eq!(receipt.rows(), rows.len() as u64);
    assert!(receipt.rows() > 2607 && receipt.row_groups() > 3);
    assert_eq!(receipt.hosts()[1].sources, ["b02/0", "b02/1"]);
}
