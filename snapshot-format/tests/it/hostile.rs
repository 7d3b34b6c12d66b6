//! Claims that no file can hold.

use crate::plain::BY_HAND;
use snapshot_format::{
    Cause, Counts, EncodeError, Encoder, Event, JsonCause, MAX_DEPTH, MAX_NAME_LEN, OwnedSeries,
    Snapshot, TrailerFields, Tree, read_json, salvage, write_json,
};

fn header() -> Vec<u8> {
    BY_HAND[..20].to_vec()
}

#[test]
fn counts_of_all_ones_are_refused_with_what_is_missing() {
    let all = u64::from(u32::MAX);
    let root = [&header()[..], &[0xff; 4]].concat();
    let children = [&header()[..], &[0; 4], &[0xff; 4]].concat();
    let head = [&b"\x01\0m"[..], &[0; 16], &[0xff; 4]].concat();
    let values = [&header()[..], b"\x01\0\0\0", &head].concat();
    for (file, offset, each) in [(root, 20, 22), (children, 24, 10), (values, 43, 4)] {
        let error = Snapshot::parse(&file).unwrap_err();
        assert_eq!((error.offset, error.cause), (offset, Cause::Truncated { missing: all * each }));
        let saved = salvage(&file);
        assert!(saved.tree.root.metrics.is_empty() && saved.values_saved == 0);
    }
}

#[test]
fn the_known_file_of_47_bytes_that_killed_a_start_is_refused() {
    let file = [&header()[..], b"\x01\0\0\0\x01\0m", &[0; 16], &[0xff; 4]].concat();
    assert_eq!(file.len(), 47);
    assert!(Snapshot::parse(&file).is_err());
}

/// A root with a chain of `depth` levels in all.
fn nested(depth: usize) -> Vec<u8> {
    let mut file = header();
    for _ in 1..depth {
        file.extend(b"\0\0\0\0\x01\0\0\0\x01\0c");
    }
    file.extend([0; 8]);
    file
}

#[test]
fn a_path_of_255_levels_below_the_root_is_read_and_one_of_256_is_not() {
    let deepest = nested(MAX_DEPTH);
    let snapshot = Snapshot::parse(&deepest).unwrap();
    assert_eq!(snapshot.totals().levels, 256);
    let tree = snapshot.to_tree();
    let (bytes, _) = tree.encode(Vec::new(), TrailerFields::default()).unwrap();
    assert_eq!(Snapshot::parse(&bytes).unwrap().to_tree(), tree);
    let mut json = Vec::new();
    write_json(&tree, &mut json).unwrap();
    assert_eq!(read_json(&json[..]).unwrap(), tree);

    let error = Snapshot::parse(&nested(MAX_DEPTH + 1)).unwrap_err();
    assert_eq!(error.cause, Cause::TooDeep);
    assert_eq!(error.offset, 20 + 256 * 11);
    let mut deeper = Tree::default();
    deeper.root.children.insert(b"c", tree.root);
    let encoded = deeper.encode(Vec::new(), TrailerFields::default());
    assert!(matches!(encoded, Err(EncodeError::TooDeep)));
    assert!(matches!(write_json(&deeper, Vec::new()), Err(EncodeError::TooDeep)));
}

#[test]
fn a_hundred_thousand_levels_are_refused_without_recursion() {
    let file = nested(100_000);
    assert_eq!(Snapshot::parse(&file).unwrap_err().cause, Cause::TooDeep);
    assert_eq!(salvage(&file).faults[0].cause, Cause::TooDeep);

    let levels = r#"{"children":{"c":"#.repeat(100_000);
    let error = read_json(levels.as_bytes()).unwrap_err();
    assert_eq!((error.cause, error.offset), (JsonCause::TooDeep, 256 * 17));
    for bracket in ["[", "{\"a\":"] {
        let unknown = format!("{{\"x\":{}", bracket.repeat(100_000));
        assert_eq!(read_json(unknown.as_bytes()).unwrap_err().cause, JsonCause::TooDeep);
    }
}

#[test]
fn names_are_read_up_to_the_longest_whatever_their_bytes() {
    let name: Vec<u8> = (0..MAX_NAME_LEN).map(|i| b"\xff\x00\xc3a"[i % 4]).collect();
    let mut tree = Tree { from: 0, to: 60, ..Tree::default() };
    let series = OwnedSeries { frequency: 60, start: 0, values: vec![1.0] };
    tree.root.metrics.insert(&name, series.clone());
    tree.root.children.get_or_default(&name).metrics.insert(b"", series);
    let (bytes, _) = tree.encode(Vec::new(), TrailerFields::default()).unwrap();
    let snapshot = Snapshot::parse(&bytes).unwrap();
    assert_eq!(snapshot.to_tree(), tree);
    assert!(snapshot.events().any(|event| event == Event::Enter(&name)));
    let mut json = Vec::new();
    write_json(&tree, &mut json).unwrap();
    assert_eq!(read_json(&json[..]).unwrap(), tree);

    let too_long = [&name[..], b"m"].concat();
    let mut encoder = Encoder::new(Vec::new(), 0, 60, Counts { metrics: 1, children: 0 }).unwrap();
    let error = encoder.series(&too_long, 60, 0, &[]).unwrap_err();
    assert!(matches!(error, EncodeError::TooLong { field: "name", len: 65_536 }));
    let json = [b"{\"metrics\":{\"", "m".repeat(65_536).as_bytes(), b"\":{}}}"].concat();
    assert_eq!(read_json(&json[..]).unwrap_err().cause, JsonCause::TooLong);
}

#[test]
fn a_number_without_end_is_refused_and_a_long_one_read() {
    let with = |digits: usize| {
        let number = format!("0.{}", "1".repeat(digits));
        format!("{{\"metrics\":{{\"m\":{{\"data\":[{number}]}}}}}}").into_bytes()
    };
    let tree = read_json(&with(1_077)[..]).unwrap();
    assert_eq!(tree.root.metrics[b"m"].values, [0.111_111_11]);
    assert_eq!(read_json(&with(100_000)[..]).unwrap_err().cause, JsonCause::TooLong);
}

#[test]
fn many_trailers_that_are_none_cost_no_checksum_each() {
    // Each magic is followed by a length that leads to the end of the file.
    let mut file = nested(1);
    let count = 200_000_u32;
    for index in 0..count {
        file.extend(0x4C53_5401_u32.to_le_bytes());
        file.extend(((count - index) * 8).saturating_sub(12).to_le_bytes());
    }
    file[20] = 0xff; // No level any more.
    assert!(matches!(Snapshot::parse(&file).unwrap_err().cause, Cause::Truncated { .. }));
}
