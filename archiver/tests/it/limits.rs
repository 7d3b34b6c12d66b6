//! The ends of the scale: nothing, a lot, and the largest of each kind.

use crate::{EVER, archive, bin, insert, open, options, rows, series};
use snapshot_format::Tree;

#[test]
fn an_empty_cluster_is_an_empty_file_that_can_be_read() {
    let (file, receipt) = archive("emmy", &[], &EVER, options(100));
    assert_eq!((receipt.rows(), receipt.times(), receipt.row_groups()), (0, None, 0));
    assert_eq!(receipt.hosts(), []);
    assert_eq!(rows(&file), []);
    assert_eq!(open(&file).summary().unwrap().columns.len(), 10);
}

#[test]
fn a_snapshot_with_nan_only_gives_no_row_but_is_accounted_for() {
    let mut tree = Tree::default();
    insert(&mut tree, &[], b"m", series(60, 0, &[f32::NAN; 5]));
    insert(&mut tree, &[b"socket0"], b"n", series(60, 0, &[]));
    let (file, receipt) = archive("c", &[("h", vec![bin(&tree)])], &(0..999), options(100));
    assert_eq!(rows(&file), []);
    let [host] = receipt.hosts() else { panic!("{receipt:?}") };
    assert_eq!((host.rows, host.times, &host.wanted), (0, None, &(0..999)));
    assert_eq!(host.sources, ["h/0"]);
    assert_eq!(open(&file).summary().unwrap().sources, ["h/0"]);
}

#[test]
fn a_host_without_rows_between_others_does_not_disturb_them() {
    let mut tree = Tree::default();
    insert(&mut tree, &[], b"m", series(60, 0, &[1.0; 5]));
    let full = || vec![bin(&tree)];
    let hosts = [("a", full()), ("b", vec![]), ("c", full())];
    let (file, receipt) = archive("x", &hosts, &EVER, options(1));
    let counts: Vec<_> = receipt.hosts().iter().map(|host| host.rows).collect();
    assert_eq!((counts, rows(&file).len()), (vec![5, 0, 5], 10));
}

#[test]
fn a_host_may_have_a_hundred_thousand_series() {
    let mut tree = Tree::default();
    for device in 0..10_000 {
        let device = format!("hwthread{device}");
        let level = tree.root.children.get_or_default(device.as_bytes());
        for metric in 0..10_u8 {
            let series = series(60, 0, &[f32::from(metric), f32::NAN, 2.0]);
            level.metrics.insert(format!("metric{metric}").as_bytes(), series);
        }
    }
    let (file, receipt) = archive("c", &[("h", vec![bin(&tree)])], &EVER, options(1 << 16));
    assert_eq!(receipt.rows(), 200_000);
    let rows = rows(&file);
    assert!(rows.is_sorted_by(|a, b| a < b));
    assert_eq!(rows.len(), 200_000);
    assert_eq!(rows.iter().filter(|row| row.metric == "metric7").count(), 20_000);
}

/// The longest names, the deepest path, the earliest and the latest time, the largest frequency and
/// the largest values.
#[test]
fn the_largest_of_everything_comes_back() {
    let long = vec![b'm'; 65_535];
    let element = vec![b'e'; 255];
    let path = vec![&element[..]; 255];
    let mut tree = Tree::default();
    insert(&mut tree, &path, &long, series(i64::MAX, i64::MIN, &[f32::MAX, f32::MIN]));
    let last = i64::MAX - 1;
    insert(&mut tree, &[], b"last", series(i64::MIN, last, &[f32::from_bits(1)]));
    let greatest = "\u{10FFFF}".repeat(100);
    insert(&mut tree, &[], greatest.as_bytes(), series(1, 0, &[1.0]));
    let host = "h".repeat(200);
    let (file, receipt) = archive("c", &[(&host, vec![bin(&tree)])], &EVER, options(100));
    assert_eq!(receipt.times(), Some((i64::MIN, last)));
    let rows = rows(&file);
    let found: Vec<_> =
        rows.iter().map(|row| (row.metric.len(), row.timestamp, row.frequency, row.bits)).collect();
    let expected = [
        (4, last, i64::MIN, 1),
        (65_535, i64::MIN, i64::MAX, f32::MAX.to_bits()),
        (65_535, -1, i64::MAX, f32::MIN.to_bits()),
        (400, 0, 1, 1.0_f32.to_bits()),
    ];
    assert_eq!(found, expected);
    assert_eq!(rows[1].path.as_ref().unwrap().len(), 255 * 256 - 1);
    assert_eq!(rows[1].hostname, host);
}
