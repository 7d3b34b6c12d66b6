//! Random trees come back as they were; random bytes never panic.

use crate::plain;
use crate::sorted::{listed, walked};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use snapshot_format::{
    Level, OwnedSeries, Snapshot, SnapshotBuf, TrailerFields, Tree, read_json, salvage,
    salvage_json, write_json,
};

fn series() -> impl Strategy<Value = OwnedSeries> {
    (any::<i64>(), any::<i64>(), vec(any::<u32>().prop_map(f32::from_bits), 0..20))
        .prop_map(|(frequency, start, values)| OwnedSeries { frequency, start, values })
}

fn level() -> impl Strategy<Value = Level> {
    let name = || vec(prop_oneof![any::<u8>(), b'a'..=b'c'], 0..6);
    let leaf = btree_map(name(), series(), 0..5)
        .prop_map(|metrics| Level { metrics: metrics.into_iter().collect(), ..Level::default() });
    leaf.prop_recursive(5, 40, 4, move |inner| {
        (btree_map(name(), series(), 0..4), btree_map(name(), inner, 0..4)).prop_map(
            |(metrics, children)| Level {
                metrics: metrics.into_iter().collect(),
                children: children.into_iter().collect(),
            },
        )
    })
}

fn tree() -> impl Strategy<Value = Tree> {
    (any::<i64>(), any::<i64>(), level()).prop_map(|(from, to, root)| Tree { from, to, root })
}

fn fields() -> impl Strategy<Value = TrailerFields> {
    (any::<u64>(), any::<i64>(), any::<i64>())
        .prop_map(|(covered, written_at, replaces)| TrailerFields { covered, written_at, replaces })
}

/// JSON has one NaN.
fn with_one_nan(mut tree: Tree) -> Tree {
    let mut levels = vec![&mut tree.root];
    while let Some(level) = levels.pop() {
        for value in level.metrics.values_mut().flat_map(|series| &mut series.values) {
            *value = if value.is_nan() { f32::NAN } else { *value };
        }
        levels.extend(level.children.values_mut());
    }
    tree
}

proptest! {
    #[test]
    fn a_tree_is_the_same_after_binary(tree in tree(), fields in fields()) {
        let (bytes, _) = tree.encode(Vec::new(), fields).unwrap();
        let (from, to, root, _) = plain::decode(&bytes);
        prop_assert_eq!(&Tree { from, to, root: root.to_level() }, &tree);
        let snapshot = Snapshot::parse(&bytes).unwrap();
        prop_assert_eq!(&snapshot.to_tree(), &tree);
        prop_assert_eq!(walked(&snapshot), listed(&tree));
        prop_assert_eq!(salvage(&bytes).tree, tree);
        let expected = format!("{snapshot:?}");
        let kept = SnapshotBuf::parse(bytes).unwrap();
        prop_assert_eq!(format!("{:?}", kept.as_snapshot()), expected);
    }

    #[test]
    fn a_tree_is_the_same_after_json(tree in tree()) {
        let mut json = Vec::new();
        write_json(&tree, &mut json).unwrap();
        prop_assert_eq!(read_json(&json[..]).unwrap(), with_one_nan(tree));
        let others: serde_json::Value = serde_json::from_slice(
            String::from_utf8(json).unwrap().replace("\\ud", "\\\\ud").as_bytes(),
        ).unwrap();
        prop_assert!(others["metrics"].is_object());
    }

    #[test]
    fn every_decimal_of_an_f32_reads_back_to_its_bits(bits in any::<u32>()) {
        let value = f32::from_bits(bits);
        prop_assume!(!value.is_nan());
        let series = OwnedSeries { frequency: 1, start: 0, values: vec![value] };
        let mut tree = Tree::default();
        tree.root.metrics.insert(b"m", series);
        let mut json = Vec::new();
        write_json(&tree, &mut json).unwrap();
        prop_assert_eq!(read_json(&json[..]).unwrap(), tree);
    }

    #[test]
    fn damage_anywhere_never_panics(
        tree in tree(),
        hits in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let (mut bytes, _) = tree.encode(Vec::new(), TrailerFields::default()).unwrap();
        let mut json = Vec::new();
        write_json(&tree, &mut json).unwrap();
        for (at, byte) in hits {
            let index = at.index(bytes.len());
            bytes[index] = byte;
            let index = at.index(json.len());
            json[index] = byte;
        }
        bytes.truncate(cut.index(bytes.len() * 2).min(bytes.len()));
        read_all(&bytes);
        let _ = salvage_json(&json[..]);
    }

    #[test]
    fn byte_soup_never_panics(soup in vec(prop_oneof![Just(0), Just(1), any::<u8>()], 0..400)) {
        read_all(&soup);
        read_all(&[&plain::BY_HAND[..20], &soup].concat());
        let _ = salvage_json(&soup[..]);
    }

    #[test]
    fn json_soup_never_panics(
        soup in vec(prop::sample::select(b"{}[]:,\"\\u0dc1e.-nultrasfekmico {\"{\"".to_vec()), 0..300),
    ) {
        let _ = salvage_json(&soup[..]);
        let _ = salvage_json(&[b"{\"metrics\":{\"m\":{\"data\":[", &soup[..]].concat()[..]);
        let _ = salvage_json(&[b"{\"children\":{", &soup[..]].concat()[..]);
    }
}

fn read_all(bytes: &[u8]) {
    let _ = salvage(bytes);
    if let Ok(snapshot) = Snapshot::parse(bytes) {
        let _ = walked(&snapshot);
        let _ = snapshot.to_tree();
    }
    let (kept, parsed) = (SnapshotBuf::parse(bytes.to_vec()), Snapshot::parse(bytes));
    assert_eq!(
        format!("{:?}", kept.as_ref().map(SnapshotBuf::as_snapshot)),
        format!("{:?}", parsed.as_ref())
    );
    let _ = Snapshot::parse_structure(bytes);
}
