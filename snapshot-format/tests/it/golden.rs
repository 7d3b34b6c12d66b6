//! Files that the Go store wrote, against what its own code says they hold.

use crate::plain::{self, BY_HAND, BY_HAND_FIELDS, by_hand_tree};
use serde_json::Value;
use snapshot_format::{
    Integrity, Level, OwnedSeries, Snapshot, TrailerFields, Tree, read_json, salvage, salvage_json,
};

macro_rules! files {
    ($($path:literal),* $(,)?) => {
        [$(($path, &include_bytes!(concat!("../data/", $path))[..])),*]
    };
}

pub(crate) fn snapshots() -> Vec<(&'static str, &'static [u8])> {
    files![
        "snapshot/children_only.bin",
        "snapshot/empty_children.bin",
        "snapshot/empty_level.bin",
        "snapshot/frequencies.bin",
        "snapshot/infinities.bin",
        "snapshot/long_700.bin",
        "snapshot/long_name.bin",
        "snapshot/metrics_only.bin",
        "snapshot/specials.bin",
        "snapshot/unknown_name.bin",
    ]
    .into()
}

pub(crate) fn json_files() -> Vec<(&'static str, &'static [u8])> {
    files![
        "snapshot/children_only.json",
        "snapshot/empty_children.json",
        "snapshot/empty_level.json",
        "snapshot/frequencies.json",
        "snapshot/long_700.json",
        "snapshot/long_name.json",
        "snapshot/metrics_only.json",
        "snapshot/specials.json",
        "snapshot/unknown_name.json",
    ]
    .into()
}

/// Those of a whole installation, each with its samples as the Go store's archiver counted them
/// where it archived the file.
pub(crate) fn checkpoints() -> Vec<(&'static str, &'static [u8], Option<usize>)> {
    let archived = [
        ("alpha-a01-1700000118", 880),
        ("alpha-a02-1700000118", 863),
        ("alpha-a03-1700000118", 438),
        ("beta-b01-1700000118", 874),
        ("beta-b02-1700000118", 863),
        ("beta-b03-1700000118", 870),
    ];
    let rows = |path: &str| archived.iter().find(|(name, _)| path.contains(name)).map(|(_, n)| *n);
    files![
        "checkpoints/alpha-a01-1700000118.bin",
        "checkpoints/alpha-a01-1700002530.bin",
        "checkpoints/alpha-a02-1700000118.bin",
        "checkpoints/alpha-a02-1700002530.bin",
        "checkpoints/alpha-a03-1700000118.bin",
        "checkpoints/alpha-a03-1700002530.bin",
        "checkpoints/beta-b01-1700000118.bin",
        "checkpoints/beta-b02-1700000118.bin",
        "checkpoints/beta-b02-1700002530.bin",
        "checkpoints/beta-b03-1700000118.bin",
        "checkpoints/beta-b03-1700002530.bin",
    ]
    .map(|(path, bytes)| (path, bytes, rows(path)))
    .into()
}

fn manifest() -> Value {
    serde_json::from_slice(include_bytes!("../data/snapshot/manifest.json")).unwrap()
}

/// The tree that the manifest gives for a golden file.
fn expected(path: &str) -> Tree {
    let (name, kind) = path.strip_prefix("snapshot/").unwrap().split_once('.').unwrap();
    let of_file = manifest()["files"][name][format!("{kind}_decoded")].take();
    Tree {
        from: of_file["from"].as_i64().unwrap(),
        to: of_file["to"].as_i64().unwrap(),
        root: expected_level(&of_file),
    }
}

fn expected_level(json: &Value) -> Level {
    let mut level = Level::default();
    for (name, series) in json["metrics"].as_object().unwrap() {
        let series = OwnedSeries {
            frequency: series["frequency"].as_i64().unwrap(),
            start: series["start"].as_i64().unwrap(),
            values: expected_values(series),
        };
        level.metrics.insert(name.as_bytes(), series);
    }
    for (name, child) in json["children"].as_object().unwrap() {
        level.children.insert(name.as_bytes(), expected_level(child));
    }
    level
}

fn expected_values(series: &Value) -> Vec<f32> {
    let bits =
        |bits: &Value| u32::from_str_radix(bits.as_str().unwrap().trim_start_matches("0x"), 16);
    match series["f32_bits"].as_array() {
        Some(all) => all.iter().map(|one| f32::from_bits(bits(one).unwrap())).collect(),
        None => series["data"].as_array().unwrap().iter().map(rounded).collect(),
    }
}

/// The manifest gives what the Go store reads from JSON as f64.
#[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is what is expected")]
fn rounded(value: &Value) -> f32 {
    value.as_f64().map_or(f32::NAN, |value| value as f32)
}

/// Equal but for the sign of zeros, which the manifest does not tell.
fn without_zero_signs(mut tree: Tree) -> Tree {
    let mut levels = vec![&mut tree.root];
    while let Some(level) = levels.pop() {
        for value in level.metrics.values_mut().flat_map(|series| &mut series.values) {
            *value = if *value == 0.0 { 0.0 } else { *value };
        }
        levels.extend(level.children.values_mut());
    }
    tree
}

#[test]
fn every_golden_snapshot_holds_what_its_manifest_says_to_the_bit() {
    for (path, bytes) in snapshots() {
        let snapshot = Snapshot::parse(bytes).expect(path);
        assert_eq!(snapshot.to_tree(), expected(path), "{path}");
        assert_eq!(snapshot.integrity(), Integrity::Unchecked, "{path}");
        assert_eq!(snapshot.surplus(), 0, "{path}");
        let saved = salvage(bytes);
        assert_eq!((saved.tree, saved.faults), (expected(path), vec![]), "{path}");
    }
}

#[test]
fn every_golden_json_holds_what_its_manifest_says() {
    for (path, bytes) in json_files() {
        let tree = read_json(bytes).expect(path);
        let told = without_zero_signs(expected(path));
        assert_eq!(without_zero_signs(tree.clone()), told, "{path}");
        assert_eq!(salvage_json(bytes).tree, tree, "{path}");
    }
}

#[test]
fn the_negative_zero_of_the_golden_json_is_kept() {
    let bytes = &include_bytes!("../data/snapshot/specials.json")[..];
    let tree = read_json(bytes).unwrap();
    assert_eq!(tree.root.metrics[b"m"].values[0].to_bits(), 0x8000_0000);
}

#[test]
fn what_is_encoded_from_the_manifest_is_the_same_content_in_sorted_order() {
    for (path, _) in snapshots() {
        let tree = expected(path);
        let (bytes, len) = tree.encode(Vec::new(), TrailerFields::default()).expect(path);
        assert_eq!(len, bytes.len() as u64);
        let (from, to, root, behind) = plain::decode(&bytes);
        assert_eq!(Tree { from, to, root: root.to_level() }, tree, "{path}");
        assert!(root.ascends(), "{path}");
        let levels = &bytes[..bytes.len() - behind.len()];
        let trailer = plain::trailer(levels, TrailerFields::default(), 65_536, b"");
        assert_eq!(behind, trailer, "{path}");
    }
}

#[test]
fn the_snapshots_of_an_installation_hold_what_is_read_by_hand_and_was_archived() {
    for (path, bytes, rows) in checkpoints() {
        let snapshot = Snapshot::parse(bytes).expect(path);
        let (from, to, root, behind) = plain::decode(bytes);
        assert_eq!(snapshot.to_tree(), Tree { from, to, root: root.to_level() }, "{path}");
        assert_eq!(behind, b"", "{path}");
        let samples = |level: &Level| -> usize {
            level.metrics.values().flat_map(|s| &s.values).filter(|v| !v.is_nan()).count()
        };
        let mut levels = vec![snapshot.to_tree().root];
        let mut found = 0;
        while let Some(level) = levels.pop() {
            found += samples(&level);
            levels.extend(level.children.into_values());
        }
        assert!(rows.is_none_or(|rows| rows == found), "{path}: {found} samples");
    }
}

#[test]
fn a_checkpoint_in_json_is_the_one_in_binary_rounded_to_one_decimal() {
    let binary = &include_bytes!("../data/checkpoints/alpha-a02-1700000118.bin")[..];
    let json = &include_bytes!("../data/checkpoints/alpha-a02-1700000118.json")[..];
    let exact = Snapshot::parse(binary).unwrap().to_tree();
    let rounded = read_json(json).unwrap();
    assert_eq!((exact.from, exact.to), (rounded.from, rounded.to));
    let mut pairs = vec![(&exact.root, &rounded.root)];
    while let Some((exact, rounded)) = pairs.pop() {
        assert!(exact.metrics.keys().eq(rounded.metrics.keys()));
        assert!(exact.children.keys().eq(rounded.children.keys()));
        pairs.extend(exact.children.values().zip(rounded.children.values()));
        for (exact, rounded) in exact.metrics.values().zip(rounded.metrics.values()) {
            assert_eq!((exact.start, exact.frequency), (rounded.start, rounded.frequency));
            assert_eq!(exact.values.len(), rounded.values.len());
            for (exact, rounded) in exact.values.iter().zip(&rounded.values) {
                assert_eq!(exact.is_nan(), rounded.is_nan());
                assert!(exact.is_nan() || (exact - rounded).abs() <= 0.051 + exact.abs() * 1e-6);
            }
        }
    }
    let other = &include_bytes!("../data/checkpoints/beta-b01-1700002530.json")[..];
    assert_eq!(read_json(other).unwrap().from, 1_700_002_530);
}

#[test]
fn a_snapshot_left_half_written_is_cut_and_not_damaged() {
    let bytes = &include_bytes!("../data/checkpoints/alpha-a01-1700004334.bin.tmp")[..];
    match Snapshot::parse(bytes) {
        Ok(snapshot) => assert_eq!(snapshot.integrity(), Integrity::Unchecked),
        Err(error) => assert!(matches!(error.cause, snapshot_format::Cause::Truncated { .. })),
    }
}

#[test]
fn the_bytes_with_a_trailer_are_pinned() {
    let (bytes, _) = by_hand_tree().encode(Vec::new(), BY_HAND_FIELDS).unwrap();
    assert_eq!(bytes, BY_HAND);
    let snapshot = Snapshot::parse(&BY_HAND).unwrap();
    let Integrity::Verified(trailer) = snapshot.integrity() else { panic!("not verified") };
    assert_eq!((trailer.fields(), trailer.chunk_len), (BY_HAND_FIELDS, 65_536));
    assert_eq!(snapshot.to_tree(), by_hand_tree());
}
