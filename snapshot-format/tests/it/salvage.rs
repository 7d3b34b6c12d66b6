//! What can be saved is saved, and nothing else.

use crate::golden::{checkpoints, snapshots};
use crate::plain::{self, BY_HAND_FIELDS, host, trailer};
use snapshot_format::{Cause, Event, Level, OwnedSeries, Snapshot, Tree, salvage};

/// Checks that every value in `part` is the one at its place in `whole`, and counts them; values
/// that are NaN where the whole has another are the lost ones.
fn assert_part(part: &Level, whole: &Level, context: &str) -> (u64, u64) {
    let (mut same, mut lost) = (0, 0);
    for (name, series) in &part.metrics {
        let original = &whole.metrics[name];
        assert_eq!((series.frequency, series.start), (original.frequency, original.start));
        assert!(series.values.len() <= original.values.len(), "{context}");
        for (value, original) in series.values.iter().zip(&original.values) {
            if value.to_bits() == original.to_bits() {
                same += 1;
            } else {
                assert!(value.is_nan(), "{context}: invented {value}");
                lost += 1;
            }
        }
    }
    for (name, child) in &part.children {
        let below = assert_part(child, &whole.children[name], context);
        (same, lost) = (same + below.0, lost + below.1);
    }
    (same, lost)
}

#[test]
fn every_truncation_keeps_what_stands_before_it() {
    let files = snapshots().into_iter().chain(checkpoints().into_iter().map(|(p, b, _)| (p, b)));
    // Without the one of 65 kB: there is nothing in it but a name, and others are cut in theirs.
    for (path, bytes) in files.filter(|(_, bytes)| bytes.len() < 5_000) {
        let whole = Snapshot::parse(bytes).unwrap().to_tree();
        let mut before = 0;
        for len in 0..=bytes.len() {
            let saved = salvage(&bytes[..len]);
            let (same, lost) = assert_part(&saved.tree.root, &whole.root, path);
            assert_eq!((same, lost), (saved.values_saved, 0), "{path} cut to {len}");
            assert!(same >= before, "{path} cut to {len} has less than with a byte less");
            assert_eq!(saved.faults.is_empty(), len == bytes.len(), "{path} cut to {len}");
            before = same;
        }
        assert_eq!(salvage(bytes).tree, whole, "{path}");
    }
}

/// Where every value of a snapshot ends in its bytes.
fn value_ends(bytes: &[u8]) -> Vec<usize> {
    let mut ends = Vec::new();
    for event in Snapshot::parse(bytes).unwrap().events() {
        let Event::Series(series) = event else { continue };
        let begin = series.values.as_bytes().as_ptr().addr() - bytes.as_ptr().addr();
        ends.extend((1..=series.values.len()).map(|count| begin + 4 * count));
    }
    ends
}

#[test]
fn a_cut_file_keeps_every_whole_value() {
    let (host, _) = host(30, 5).encode(Vec::new(), BY_HAND_FIELDS).unwrap();
    let mut files: Vec<_> = checkpoints().into_iter().map(|(_, bytes, _)| bytes).collect();
    files.push(&host);
    for bytes in files {
        let ends = value_ends(bytes);
        for len in 0..bytes.len() {
            let whole = ends.partition_point(|end| *end <= len);
            assert_eq!(salvage(&bytes[..len]).values_saved, whole as u64, "cut to {len}");
        }
    }
}

#[test]
fn a_value_in_two_damaged_chunks_is_lost_once() {
    let (_, mut file, _) = sealed(1);
    let first_value = 20 + 4 + 2 + 9 + 20;
    file[first_value] ^= 1;
    file[first_value + 2] ^= 1;
    let saved = salvage(&file);
    assert_eq!((saved.values_lost, saved.values_saved), (1, 12 * 40 - 1));
}

#[test]
fn adjoining_damaged_chunks_are_one_fault_and_all_lost() {
    let (_, mut file, _) = sealed(32);
    let first_value = 20 + 4 + 2 + 9 + 20;
    file[first_value + 20] ^= 1; // In the chunk from 64.
    file[first_value + 60] ^= 1; // In the chunk from 96.
    let structure = Snapshot::parse_structure(&file).unwrap();
    assert_eq!(structure.damaged.first(), Some(&(64..128)));
    let saved = salvage(&file);
    let offsets: Vec<_> = saved.faults.iter().map(|fault| fault.offset).collect();
    assert_eq!(offsets, [64]);
    let values = &saved.tree.root.metrics[b"metric000"].values;
    assert!((2..=18).all(|i| values[i].is_nan()) && saved.values_lost == 17);
}

#[test]
fn values_are_not_taken_for_series_behind_a_damaged_count() {
    // Behind the fifth value of `a`, the others look like a series `x`.
    let forged = [&b"\x01\0x\x3c"[..], &[0; 15], b"\x01\0\0\0\0\0\x80\x3f"].concat();
    let mut values = vec![0.0_f32; 5];
    let forged = forged.chunks(4).map(|bytes| {
        let mut value = [0; 4];
        value[..bytes.len()].copy_from_slice(bytes);
        f32::from_le_bytes(value)
    });
    values.extend(forged);
    values.resize(20, 0.0);
    let mut tree = Tree { from: 0, to: 1200, ..Tree::default() };
    let series = OwnedSeries { frequency: 60, start: 0, values };
    tree.root.metrics.insert(b"a", series.clone());
    tree.root.metrics.insert(b"b", series);
    let (bytes, _) = tree.encode(Vec::new(), BY_HAND_FIELDS).unwrap();
    let levels = bytes.len() - plain::decode(&bytes).3.len();
    let mut file = bytes[..levels].to_vec();
    file.extend(trailer(&bytes[..levels], BY_HAND_FIELDS, 32, b""));
    assert_eq!(file[43], 20);
    file[43] = 5;
    let forged = Snapshot::parse_structure(&file[..levels]);
    assert!(forged.is_err() || forged.unwrap().snapshot.totals().series == 2);
    let saved = salvage(&file);
    assert_eq!(saved.tree.root, Level::default());
    assert_eq!(saved.ended_at, Some(24));
}

/// A host with checksums of small chunks.
fn sealed(chunk_len: u32) -> (Tree, Vec<u8>, usize) {
    let tree = host(4, 40);
    let (bytes, _) = tree.encode(Vec::new(), BY_HAND_FIELDS).unwrap();
    let levels = bytes.len() - plain::decode(&bytes).3.len();
    let mut file = bytes[..levels].to_vec();
    file.extend(trailer(&bytes[..levels], BY_HAND_FIELDS, chunk_len, b""));
    (tree, file, levels)
}

#[test]
fn no_changed_byte_brings_a_value_that_was_not_there() {
    let (tree, file, levels) = sealed(32);
    let all = 12 * 40;
    let mut saved_at_least_half = 0;
    for at in 0..levels {
        for change in [0x01, 0x40, 0xff] {
            let mut damaged = file.clone();
            damaged[at] ^= change;
            let saved = salvage(&damaged);
            let (same, lost) = assert_part(&saved.tree.root, &tree.root, &format!("byte {at}"));
            assert_eq!(same, saved.values_saved, "byte {at}");
            let chunk = (at - at % 32) as u64;
            let told = |fault: &&_| {
                matches!(fault, snapshot_format::ParseError {
                offset, cause: Cause::ChunkChecksum } if *offset == chunk)
            };
            assert!(saved.faults.iter().find(told).is_some(), "byte {at}");
            assert_eq!(saved.trailer, Some(BY_HAND_FIELDS));
            if saved.ended_at.is_none() {
                assert_eq!(same + saved.values_lost, all, "byte {at}");
                assert!(lost <= 9, "byte {at}: a chunk holds no more");
            }
            saved_at_least_half += usize::from(same >= all / 2);
        }
    }
    assert!(saved_at_least_half > levels * 2, "{saved_at_least_half} of {}", levels * 3);
}

#[test]
fn values_in_a_damaged_chunk_become_nan_and_the_rest_stays() {
    let (tree, mut file, _) = sealed(32);
    let first_value = 20 + 4 + 2 + 9 + 20;
    file[first_value + 40] ^= 0x04; // The 11th value, in the chunk from 64 to 96.
    let saved = salvage(&file);
    let values = &saved.tree.root.metrics[b"metric000"].values;
    let lost: Vec<usize> = (0..40).filter(|i| values[*i].is_nan()).collect();
    // Values 2 to 10 have a byte in the chunk.
    assert_eq!(lost, (2..=10).collect::<Vec<_>>());
    assert_eq!((saved.values_lost, saved.values_saved), (9, 12 * 40 - 9));
    assert_eq!((saved.tree.from, saved.tree.to), (tree.from, tree.to));
    assert_eq!((saved.series_lost, saved.ended_at), (0, None));
}

#[test]
fn a_damaged_name_loses_its_series_or_what_is_below_it_and_nothing_else() {
    let (tree, file, _) = sealed(32);
    let find = |name: &[u8]| file.windows(name.len()).position(|w| w == name).unwrap();
    let mut damaged = file.clone();
    damaged[find(b"metric102")] ^= 1;
    let saved = salvage(&damaged);
    assert!(!saved.tree.root.children[b"socket0"].metrics.contains_key(b"metric102"));
    assert_eq!(saved.ended_at, None);
    assert!(saved.series_lost >= 1);

    let mut damaged = file.clone();
    damaged[find(b"core3")] ^= 1;
    let saved = salvage(&damaged);
    assert!(saved.tree.root.children[b"socket0"].children.is_empty());
    assert!(saved.series_lost >= 4);
    assert_eq!(saved.tree.root.metrics, tree.root.metrics);
}

#[test]
fn damaged_times_of_the_snapshot_are_told_from_its_series() {
    let (tree, mut file, _) = sealed(20);
    file[5] ^= 0xff;
    let saved = salvage(&file);
    assert_eq!(saved.tree.root, tree.root);
    assert_eq!((saved.tree.from, saved.tree.to), (600, 600 + 39 * 60 + 1));
}

#[test]
fn a_damaged_count_without_checksum_does_not_make_values_of_names() {
    let tree = host(4, 40);
    let (bytes, _) = tree.encode(Vec::new(), BY_HAND_FIELDS).unwrap();
    let levels = bytes.len() - plain::decode(&bytes).3.len();
    let mut bare = bytes[..levels].to_vec();
    bare[20 + 4 + 2 + 9 + 16 + 1] ^= 0x80; // The first series claims 32,768 values more.
    let saved = salvage(&bare);
    assert_eq!((saved.tree.root, saved.values_saved, saved.series_lost), (Level::default(), 0, 1));
    assert_eq!(saved.ended_at, Some(24));
}

#[test]
fn what_is_no_snapshot_gives_nothing() {
    for bytes in [&b""[..], b"short", b"{\"metrics\":{},\"children\":{},\"from\":0,\"to\":1}"] {
        let saved = salvage(bytes);
        assert_eq!(saved.tree, Tree::default());
        assert!(!saved.faults.is_empty());
    }
}

#[test]
fn a_wrong_magic_alone_costs_nothing() {
    for (path, bytes) in snapshots() {
        let mut damaged = bytes.to_vec();
        damaged[3] ^= 0x10;
        let saved = salvage(&damaged);
        assert_eq!(saved.tree, Snapshot::parse(bytes).unwrap().to_tree(), "{path}");
        assert!(matches!(saved.faults[0].cause, Cause::Magic { .. }));
    }
}

/// Found by fuzzing: the slots between times as far apart as can be are one more than fit an i64.
#[test]
fn times_as_far_apart_as_can_be_do_not_overflow() {
    let mut bytes = 0xCC5B_0001_u32.to_le_bytes().to_vec();
    bytes.extend(0_i64.to_le_bytes());
    bytes.extend(i64::MAX.to_le_bytes());
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend([0, 0]);
    bytes.extend(1_i64.to_le_bytes());
    bytes.extend(0_i64.to_le_bytes());
    bytes.extend(5_u32.to_le_bytes());
    assert_eq!(salvage(&bytes).values_saved, 0);
}
