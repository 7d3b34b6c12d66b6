//! The sorted walk, against maps.

use crate::golden::{checkpoints, snapshots};
use crate::plain::{self, BY_HAND};
use snapshot_format::{Level, OwnedSeries, Snapshot, Tree};
use std::collections::BTreeMap;

type Listed = Vec<(Vec<Vec<u8>>, Vec<u8>, OwnedSeries)>;

/// What a tree of maps lists in order of (path, name).
pub(crate) fn listed(tree: &Tree) -> Listed {
    let mut all = BTreeMap::new();
    let mut levels: Vec<(Vec<Vec<u8>>, &Level)> = vec![(vec![], &tree.root)];
    while let Some((path, level)) = levels.pop() {
        for (name, series) in &level.metrics {
            all.insert((path.clone(), name.to_vec()), series.clone());
        }
        for (name, child) in &level.children {
            levels.push(([&path[..], &[name.to_vec()]].concat(), child));
        }
    }
    all.into_iter().map(|((path, name), series)| (path, name, series)).collect()
}

pub(crate) fn walked(snapshot: &Snapshot<'_>) -> Listed {
    let sorted = snapshot.sorted();
    assert_eq!(sorted.len(), sorted.iter().len());
    let walk = sorted.iter().map(|entry| {
        let path: Vec<_> = entry.path().map(<[u8]>::to_vec).collect();
        (path, entry.series().name.to_vec(), OwnedSeries::from(entry.series()))
    });
    walk.collect()
}

#[test]
fn every_golden_snapshot_is_walked_in_order() {
    let files = snapshots().into_iter().chain(checkpoints().into_iter().map(|(p, b, _)| (p, b)));
    for (path, bytes) in files {
        let (from, to, root, _) = plain::decode(bytes);
        let expected = listed(&Tree { from, to, root: root.to_level() });
        assert_eq!(walked(&Snapshot::parse(bytes).unwrap()), expected, "{path}");
    }
}

fn series(name: &[u8], value: f32) -> Vec<u8> {
    let mut bytes = vec![u8::try_from(name.len()).unwrap(), 0];
    bytes.extend(name);
    bytes.extend([0; 16]);
    bytes.extend(b"\x01\0\0\0");
    bytes.extend(value.to_le_bytes());
    bytes
}

fn level(series: &[Vec<u8>], children: &[(&[u8], Vec<u8>)]) -> Vec<u8> {
    let mut bytes = u32::try_from(series.len()).unwrap().to_le_bytes().to_vec();
    bytes.extend(series.concat());
    bytes.extend(u32::try_from(children.len()).unwrap().to_le_bytes());
    for (name, child) in children {
        bytes.extend([u8::try_from(name.len()).unwrap(), 0]);
        bytes.extend(*name);
        bytes.extend(child);
    }
    bytes
}

#[test]
fn names_in_any_order_come_sorted_and_of_twins_the_last_counts() {
    let leaf = |value| level(&[series(b"x", value)], &[]);
    let with_grandchild = level(&[series(b"x", 8.0)], &[(b"g", leaf(9.0))]);
    let root = level(
        &[series(b"b", 1.0), series(b"a", 2.0), series(b"b", 3.0), series(b"ab", 4.0)],
        &[
            (b"twin", with_grandchild),
            (b"b", leaf(5.0)),
            (b"twin", leaf(6.0)),
            (b"a", level(&[series(b"z", 7.0)], &[(b"c", leaf(10.0)), (b"B", leaf(11.0))])),
        ],
    );
    let file = [&BY_HAND[..20], &root].concat();
    let snapshot = Snapshot::parse(&file).unwrap();
    let flat: Vec<_> = walked(&snapshot)
        .into_iter()
        .map(|(path, name, series)| {
            let path = path.iter().map(|name| String::from_utf8_lossy(name)).collect::<Vec<_>>();
            let name = String::from_utf8_lossy(&name).into_owned();
            format!("{}/{name}={}", path.join("/"), series.values[0])
        })
        .collect();
    let expected = ["/a=2", "/ab=4", "/b=3", "a/z=7", "a/B/x=11", "a/c/x=10", "b/x=5", "twin/x=6"];
    assert_eq!(flat, expected);
    assert_eq!(walked(&snapshot), listed(&snapshot.to_tree()));
}
