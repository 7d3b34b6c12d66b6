//! What is wanted of a file comes, nothing else, and little more is read.

use crate::{EVER, Row, Source, archive, bin, insert, open, options, rows, rows_of, series};
use archiver::{Archive, Filter};
use snapshot_format::Tree;
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const START: i64 = 1_700_000_000;
const METRICS: [&str; 4] = ["cpu_load", "flops_any", "mem_bw", "temp_°C"];

/// Values that do not compress.
fn digits(seed: u32) -> Vec<f32> {
    let value =
        |slot: u32| f32::from_bits(0x4000_0000 | (slot + seed).wrapping_mul(0x9E37_79B9) >> 10);
    (0..1440).map(value).collect()
}

/// Four hosts of 60 series, each over several pages, each metric over parts of some.
fn cluster() -> Vec<(&'static str, Vec<Source>)> {
    let hosts = ["m0001", "m0002", "m0003", "m0004"];
    let host = |(number, host): (u32, &'static str)| {
        let mut tree = Tree::default();
        for device in 0..15_u32 {
            for (of_metric, metric) in METRICS.iter().enumerate() {
                let seed = number * 1_000_000 + device * 10_000 + u32::try_from(of_metric).unwrap();
                let device = format!("hwthread{device}");
                let start = START + i64::from(number);
                let day = series(60, start, &digits(seed));
                insert(&mut tree, &[device.as_bytes()], metric.as_bytes(), day);
            }
        }
        (host, vec![bin(&tree)])
    };
    (0..).zip(hosts).map(host).collect()
}

/// Every combination of names that are there and are not, and of times.
fn filters(hosts: &[&str], metrics: &[&str], times: &[(i64, i64)]) -> Vec<Filter> {
    let some = |names: &[&str]| {
        let names = names.iter().chain(&["nowhere"]).map(|&name| Some(name.to_owned()));
        names.chain([None]).collect::<Vec<_>>()
    };
    let mut filters = Vec::new();
    for hostname in some(hosts) {
        for metric in some(metrics) {
            for &(from, to) in times {
                let (hostname, metric) = (hostname.clone(), metric.clone());
                filters.push(Filter { cluster: None, hostname, metric, times: from..=to });
            }
        }
    }
    filters
}

fn is_wanted(filter: &Filter, row: &Row) -> bool {
    let is =
        |wanted: &Option<String>, found: &String| wanted.as_ref().is_none_or(|name| name == found);
    is(&filter.cluster, &row.cluster)
        && is(&filter.hostname, &row.hostname)
        && is(&filter.metric, &row.metric)
        && filter.times.contains(&row.timestamp)
}

fn check(file: &[u8], filters: &[Filter]) {
    let (all, archive) = (rows(file), open(file));
    for filter in filters {
        let found = rows_of(archive.select(filter));
        let expected: Vec<_> = all.iter().filter(|row| is_wanted(filter, row)).cloned().collect();
        assert!(found == expected, "{filter:?}: {} of {}", found.len(), expected.len());
        assert!(archive.rows_at_most(filter) >= expected.len() as u64);
        let of_hosts: BTreeSet<_> =
            expected.iter().map(|row| (row.cluster.clone(), row.hostname.clone())).collect();
        assert!(archive.hosts(filter).unwrap().is_superset(&of_hosts), "{filter:?}");
    }
}

#[test]
fn a_filter_gives_the_rows_that_fit_it_in_their_order() {
    let (file, receipt) = archive("emmy", &cluster(), &EVER, options(100_000));
    assert_eq!((receipt.rows(), receipt.row_groups()), (4 * 60 * 1440, 4));
    let day = START + 86_400;
    let times = [(i64::MIN, i64::MAX), (START + 600, START + 660), (day - 60, day + 9)];
    let mut filters = filters(&["m0003"], &["cpu_load", "temp_°C"], &times);
    filters.push(Filter { cluster: Some("emmy".into()), ..Filter::default() });
    filters.push(Filter { cluster: Some("fritz".into()), ..Filter::default() });
    check(&file, &filters);

    // Hosts that share a row group.
    let (file, receipt) = archive("emmy", &cluster(), &EVER, options(1 << 20));
    assert_eq!(receipt.row_groups(), 1);
    check(&file, &filters);
}

#[test]
fn so_it_is_with_the_go_stores_files() {
    for name in ["alpha", "beta"] {
        let path = format!("tests/data/full/{name}.parquet");
        let file = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
        let times = [(i64::MIN, i64::MAX), (1_700_000_600, 1_700_001_200), (0, 9)];
        check(&file, &filters(&["a02", "b02"], &["cpu_load", "mem_bw"], &times));
        let hosts = open(&file).hosts(&Filter::default()).unwrap();
        let initial = &name[..1];
        let expected = ["01", "02", "03"].map(|host| (name.to_owned(), format!("{initial}{host}")));
        assert_eq!(hosts.into_iter().collect::<Vec<_>>(), expected);
    }
}

#[test]
fn names_that_are_no_utf8_are_found_by_what_stands_for_them_and_told_back() {
    let mut tree = Tree::default();
    let names: [&[u8]; 3] = [b"so/cket\\0", b"", b"dimm\xFF"];
    insert(&mut tree, &names, b"m\x80", series(60, 0, &[1.0]));
    let (file, _) = archive("c", &[("h", vec![bin(&tree)])], &EVER, options(100));
    let archive = open(&file);
    let piece = archive.pieces().next().unwrap().unwrap();
    assert_eq!((&*piece.metric_name(), &*piece.host_name()), (&b"m\x80"[..], &b"h"[..]));
    assert_eq!(piece.devices(), names);

    // In the Go store's files the innermost device is all there is.
    let of_go = |scope: &str, scope_id: &str| {
        let (scope, scope_id) = (scope.to_owned(), scope_id.to_owned());
        archiver::Piece { path: None, scope, scope_id, ..piece.clone() }.devices()
    };
    assert_eq!(of_go("node", ""), Vec::<Vec<u8>>::new());
    assert_eq!(of_go("socket", "1"), [b"socket1"]);
    assert_eq!(of_go("dimm0", ""), [b"dimm0"]);
}

/// Counts the bytes that are read.
struct Counted {
    file: Cursor<Vec<u8>>,
    bytes: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(out)?;
        self.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl Seek for Counted {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

#[test]
fn one_metric_of_one_host_takes_a_few_pages_of_one_row_group() {
    let (file, _) = archive("emmy", &cluster(), &EVER, options(100_000));
    let size = file.len() as u64;
    let bytes = Arc::new(AtomicU64::new(0));
    let counted = Counted { file: Cursor::new(file), bytes: Arc::clone(&bytes) };
    let archive = Archive::open(counted).unwrap();
    let read = |filter: &Filter| {
        bytes.store(0, Ordering::Relaxed);
        let rows = rows_of(archive.select(filter)).len();
        (rows, bytes.load(Ordering::Relaxed))
    };
    let (rows, all) = read(&Filter::default());
    assert!(rows == 4 * 60 * 1440 && all > size * 9 / 10, "{all} of {size}");
    let of_host = Filter { hostname: Some("m0004".into()), ..Filter::default() };
    let (rows, bytes) = read(&of_host);
    assert!(rows == 60 * 1440 && bytes < size / 3, "{bytes} of {size}");
    // A quarter of the host's rows, in one of its three pages.
    let point = Filter { metric: Some("temp_°C".into()), ..of_host.clone() };
    let (rows, bytes) = read(&point);
    assert!(rows == 15 * 1440 && bytes < size / 6, "{bytes} of {size}");
    let (rows, bytes) = read(&Filter { times: 0..=START - 1, ..of_host });
    assert_eq!((rows, bytes), (0, 0));
}
