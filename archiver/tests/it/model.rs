//! A map of a few lines beside the walk: random snapshots that overlap, in several phases, with
//! doubles and gaps.

use crate::{Row, Source, archive, bin, insert, options, rows, series};
use proptest::prelude::*;
use snapshot_format::Tree;
use std::collections::BTreeMap;

/// Paths with what the columns say of them, written by hand.
const PATHS: [(&[&[u8]], &str, &str, &str); 9] = [
    (&[], "node", "", ""),
    (&[b"socket0"], "socket", "0", "socket0"),
    (&[b"socket1"], "socket", "1", "socket1"),
    (&[b"socket0", b"dimm"], "dimm", "", "socket0/dimm"),
    (&[b"socket1", b"dimm"], "dimm", "", "socket1/dimm"),
    (&[b"cpu12"], "hwthread", "12", "cpu12"),
    (&[b"node"], "node", "", "node"),
    (&[b"a/b", b""], "", "", "a\\/b/\\e"),
    (&[b"x\xFF"], "x\u{F7FF}", "", "x\u{F7FF}"),
];

const METRICS: [&str; 3] = ["a", "a b", "temp_°C"];

/// One series of one snapshot.
#[derive(Clone, Debug)]
struct Part {
    path: usize,
    metric: usize,
    frequency: i64,
    start: i64,
    values: Vec<f32>,
}

fn part() -> impl Strategy<Value = Part> {
    let value = prop_oneof![
        3 => Just(f32::NAN),
        6 => (0_u8..5).prop_map(f32::from),
        1 => Just(f32::NEG_INFINITY),
        1 => Just(-0.0_f32),
        2 => any::<u32>().prop_map(f32::from_bits),
    ];
    let frequency =
        prop_oneof![6 => Just(10_i64), 3 => Just(5), 1 => Just(7), 1 => Just(0), 1 => Just(-10)];
    let values = prop::collection::vec(value, 0..12);
    let start = prop_oneof![8 => 0_i64..80, 1 => Just(i64::MAX - 15), 1 => Just(i64::MIN)];
    (0..PATHS.len(), 0..METRICS.len(), frequency, start, values).prop_map(
        |(path, metric, frequency, start, values)| Part { path, metric, frequency, start, values },
    )
}

fn source(parts: &[Part], kind: u8) -> Source {
    let mut tree = Tree::default();
    for part in parts {
        let series = series(part.frequency, part.start, &part.values);
        insert(&mut tree, PATHS[part.path].0, METRICS[part.metric].as_bytes(), series);
    }
    if kind == 0 { Source::Tree(tree) } else { bin(&tree) }
}

/// Metric, scope, scope id, path, time: sorted as the file is.
type Key = (&'static str, &'static str, &'static str, &'static str, i128);

/// Of one name in a snapshot the last counts; then each sample in the order of loading.
fn model(snapshots: &[(Vec<Part>, u8)], wanted: &std::ops::Range<i64>) -> Vec<Row> {
    let mut all: BTreeMap<Key, (i64, u32)> = BTreeMap::new();
    for (parts, _) in snapshots {
        let mut of_snapshot = BTreeMap::new();
        for part in parts {
            of_snapshot.insert((part.path, part.metric), part);
        }
        for part in of_snapshot.into_values() {
            let (_, scope, scope_id, path) = PATHS[part.path];
            for (slot, value) in (0_i128..).zip(&part.values) {
                let time = i128::from(part.start) + slot * i128::from(part.frequency);
                let is_wanted = i128::from(wanted.start) <= time && time < i128::from(wanted.end);
                if is_wanted && !value.is_nan() {
                    let key = (METRICS[part.metric], scope, scope_id, path, time);
                    all.insert(key, (part.frequency, value.to_bits()));
                }
            }
        }
    }
    let row = |((metric, scope, scope_id, path, time), (frequency, bits)): (Key, (i64, u32))| Row {
        cluster: "c".to_owned(),
        hostname: "h".to_owned(),
        metric: metric.to_owned(),
        scope: scope.to_owned(),
        scope_id: scope_id.to_owned(),
        path: Some(path.to_owned()),
        timestamp: i64::try_from(time).unwrap(),
        frequency,
        bits,
    };
    all.into_iter().map(row).collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn rows_are_those_of_a_map_filled_in_loading_order(
        snapshots in prop::collection::vec((prop::collection::vec(part(), 0..8), 0_u8..2), 0..5),
        from in prop_oneof![3 => Just(i64::MIN), 1 => 0_i64..100],
        until in prop_oneof![3 => Just(i64::MAX), 1 => 0_i64..150],
        row_group_rows in 1_usize..60,
    ) {
        let sources = snapshots.iter().map(|(parts, kind)| source(parts, *kind)).collect();
        let wanted = from..until;
        let (file, receipt) = archive("c", &[("h", sources)], &wanted, options(row_group_rows));
        let expected = model(&snapshots, &wanted);
        prop_assert_eq!(receipt.rows(), expected.len() as u64);
        let times = expected.iter().map(|row| row.timestamp);
        prop_assert_eq!(receipt.times(), times.clone().min().zip(times.max()));
        prop_assert_eq!(rows(&file), expected);
    }
}

/// Many slots, so that pages, batches and row groups end inside of series, and parts interleave.
#[test]
fn long_series_of_several_phases_are_joined_as_the_map_joins_them() {
    let part = |start: i64, frequency: i64, len: u16, of: f32| Part {
        path: 0,
        metric: 0,
        frequency,
        start,
        values: (0..len).map(|i| if i % 97 == 5 { f32::NAN } else { f32::from(i) * of }).collect(),
    };
    let mut snapshots = vec![
        (vec![part(0, 10, 30_000, 0.01)], 1),
        (vec![part(100_000, 10, 30_000, 1.37)], 1),
        (vec![part(299_990, -10, 9_000, 3.0)], 0),
        (vec![part(150_003, 10, 20_000, 7.0)], 1),
        (vec![part(200_000, 30, 500, 0.5)], 0),
    ];
    for row_group_rows in [10_000, 1 << 18] {
        let sources: Vec<_> = snapshots.iter().map(|(parts, kind)| source(parts, *kind)).collect();
        let wanted = 50_007..400_000;
        let (file, _) = archive("c", &[("h", sources)], &wanted, options(row_group_rows));
        assert!(rows(&file) == model(&snapshots, &wanted));
        snapshots.reverse();
    }
}
