//! Every prefix, every bit, every byte.

use crate::golden::{checkpoints, json_files, snapshots};
use crate::plain::{self, BY_HAND, BY_HAND_FIELDS, BY_HAND_TRAILER, by_hand_tree, host, trailer};
use snapshot_format::{
    Cause, Integrity, JsonCause, Snapshot, TrailerFields, Tree, read_json, salvage_json,
};

#[test]
fn every_truncation_of_a_golden_snapshot_is_a_truncation() {
    let files = snapshots().into_iter().chain(checkpoints().into_iter().map(|(p, b, _)| (p, b)));
    for (path, bytes) in files {
        for len in 0..bytes.len() {
            let error = Snapshot::parse(&bytes[..len]).expect_err(path);
            let Cause::Truncated { missing } = error.cause else {
                panic!("{path} cut to {len}: {error}");
            };
            assert!(error.offset <= len as u64, "{path} cut to {len}: {error}");
            assert!(missing <= (bytes.len() - len) as u64, "{path} cut to {len}: {error}");
        }
    }
}

#[test]
fn every_truncation_of_a_snapshot_with_a_trailer_is_one_but_at_the_end_of_its_levels() {
    for len in 0..BY_HAND.len() {
        match (Snapshot::parse(&BY_HAND[..len]), len) {
            (Ok(snapshot), BY_HAND_TRAILER) => {
                assert_eq!(snapshot.integrity(), Integrity::Unchecked);
                assert_eq!(snapshot.to_tree(), by_hand_tree());
            }
            (Err(error), 0..BY_HAND_TRAILER) => {
                assert!(matches!(error.cause, Cause::Truncated { .. }), "{len}: {error}");
            }
            (Err(error), _) => {
                assert!(matches!(error.cause, Cause::TrailerTruncated { .. }), "{len}: {error}");
                assert_eq!(error.offset, BY_HAND_TRAILER as u64);
            }
            (Ok(_), _) => panic!("cut to {len} and taken for whole"),
        }
    }
}

/// What may come of a flipped bit: an error, or, for the trailer's magic alone, the same levels
/// with something foreign behind them.
fn assert_noticed(damaged: &[u8], at: usize, whole: &Tree, trailer_at: usize) {
    match Snapshot::parse(damaged) {
        Err(error) if at < 4 => {
            assert!(matches!(error.cause, Cause::Magic { .. }), "{at}: {error}");
        }
        Err(error) if at < trailer_at => {
            assert_eq!(error.cause, Cause::ChunkChecksum, "byte {at}: {error}");
            assert_eq!(error.offset, (at - at % 65_536) as u64, "byte {at}");
        }
        Err(error) => {
            let is_length = (trailer_at + 4..trailer_at + 8).contains(&at);
            let may_be = matches!(error.cause, Cause::TrailerTruncated { .. }) && is_length;
            assert!(may_be || error.cause == Cause::TrailerChecksum, "byte {at}: {error}");
            assert_eq!(error.offset, trailer_at as u64);
        }
        Ok(snapshot) => {
            assert!((trailer_at..trailer_at + 4).contains(&at), "byte {at} is not noticed");
            let bytes = (damaged.len() - trailer_at) as u64;
            let foreign = Integrity::Foreign { offset: trailer_at as u64, bytes };
            assert_eq!(snapshot.integrity(), foreign);
            assert_eq!(snapshot.to_tree(), *whole);
        }
    }
}

#[test]
fn every_flipped_bit_of_a_snapshot_with_a_trailer_is_noticed() {
    for bit in 0..BY_HAND.len() * 8 {
        let mut damaged = BY_HAND;
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert_noticed(&damaged, bit / 8, &by_hand_tree(), BY_HAND_TRAILER);
    }
}

#[test]
fn every_changed_byte_of_a_snapshot_with_a_trailer_is_noticed() {
    for (at, original) in BY_HAND.iter().enumerate() {
        for byte in (0..=u8::MAX).filter(|byte| byte != original) {
            let mut damaged = BY_HAND;
            damaged[at] = byte;
            assert_noticed(&damaged, at, &by_hand_tree(), BY_HAND_TRAILER);
        }
    }
}

#[test]
fn a_flipped_bit_in_any_chunk_is_reported_where_its_chunk_begins() {
    let tree = host(22, 512);
    let (mut bytes, _) = tree.encode(Vec::new(), BY_HAND_FIELDS).unwrap();
    let trailer_at = bytes.len() - plain::decode(&bytes).3.len();
    assert!(trailer_at > 2 * 65_536, "a first chunk, one between, and a last one");
    for at in 0..bytes.len() {
        let bit = 1 << (at % 8);
        bytes[at] ^= bit;
        assert_noticed(&bytes, at, &tree, trailer_at);
        bytes[at] ^= bit;
    }
}

/// A series that swallows what follows it up to zeros inside the trailer would read as a whole
/// file with something foreign behind it.
#[test]
fn a_damaged_count_that_leads_into_the_trailer_is_not_taken_for_the_end() {
    let mut tree = by_hand_tree();
    tree.root.children.clear();
    tree.root.metrics.values_mut().for_each(|series| series.values.clear());
    let (mut bytes, _) = tree.encode(Vec::new(), TrailerFields::default()).unwrap();
    let count_at = 20 + 4 + 3 + 16;
    assert_eq!(bytes[count_at..count_at + 4], [0; 4]);
    bytes[count_at] = 4;
    let (_, _, misread, behind) = plain::decode(&bytes);
    assert_eq!(misread.metrics[0].3.len(), 4, "the structure alone holds");
    assert!(!behind.is_empty());
    let error = Snapshot::parse(&bytes).unwrap_err();
    assert_eq!((error.offset, error.cause), (0, Cause::ChunkChecksum));
    assert!(Snapshot::parse_structure(&bytes).is_err());
}

#[test]
fn every_changed_byte_of_a_golden_snapshot_is_an_error_or_reads_as_what_it_says_now() {
    for (path, bytes) in snapshots() {
        let mut damaged = bytes.to_vec();
        for at in 0..bytes.len() {
            // One change each is enough for the 65,535 bytes of a single name.
            let changes = if bytes.len() > 10_000 { &[0xff][..] } else { &[0x01, 0x80, 0xff] };
            for change in changes {
                damaged[at] = bytes[at] ^ change;
                let Ok(snapshot) = Snapshot::parse(&damaged) else { continue };
                let (from, to, root, behind) = plain::decode(&damaged);
                let told = Tree { from, to, root: root.to_level() };
                assert_eq!(snapshot.to_tree(), told, "{path} at {at}");
                assert_eq!(snapshot.surplus(), behind.len() as u64, "{path} at {at}");
            }
            damaged[at] = bytes[at];
        }
    }
}

#[test]
fn chunks_of_any_length_and_later_fields_are_read() {
    let levels = &BY_HAND[..BY_HAND_TRAILER];
    for chunk_len in [1, 2, 7, 70, 71, 72, u32::MAX] {
        let file = [levels, &trailer(levels, BY_HAND_FIELDS, chunk_len, b"later")].concat();
        let snapshot = Snapshot::parse(&file).expect("a later version's trailer");
        let Integrity::Verified(read) = snapshot.integrity() else { panic!("not verified") };
        assert_eq!((read.fields(), read.chunk_len), (BY_HAND_FIELDS, chunk_len));
        for at in 4..BY_HAND_TRAILER {
            let mut damaged = file.clone();
            damaged[at] ^= 0x10;
            let error = Snapshot::parse(&damaged).unwrap_err();
            let chunk = at - at % chunk_len as usize;
            assert_eq!((error.offset, error.cause), (chunk as u64, Cause::ChunkChecksum));
        }
    }
}

#[test]
fn a_trailer_that_was_written_wrong_is_told_from_a_damaged_one() {
    let levels = &BY_HAND[..BY_HAND_TRAILER];
    let without_length = trailer(levels, BY_HAND_FIELDS, 0, b"");
    let error = Snapshot::parse(&[levels, &without_length].concat()).unwrap_err();
    assert_eq!((error.offset, error.cause), (BY_HAND_TRAILER as u64, Cause::Trailer));
    // Checksums for the first half alone.
    let too_few = trailer(&levels[..30], BY_HAND_FIELDS, 10, b"");
    let error = Snapshot::parse(&[levels, &too_few].concat()).unwrap_err();
    assert_eq!((error.offset, error.cause), (BY_HAND_TRAILER as u64, Cause::Trailer));
    let gap = [levels, b"gap"].concat();
    let misplaced = trailer(&gap, BY_HAND_FIELDS, 10, b"");
    let error = Snapshot::parse(&[&gap[..], &misplaced].concat()).unwrap_err();
    assert_eq!((error.offset, error.cause), (BY_HAND_TRAILER as u64 + 3, Cause::TrailerMisplaced));
}

#[test]
fn bytes_behind_the_snapshot_are_ignored_and_reported() {
    let bare = &BY_HAND[..BY_HAND_TRAILER];
    let foreign = [bare, b"TSL\x01 and more"].concat();
    let snapshot = Snapshot::parse(&foreign).unwrap();
    assert_eq!(snapshot.integrity(), Integrity::Foreign { offset: 71, bytes: 13 });
    assert_eq!((snapshot.to_tree(), snapshot.surplus()), (by_hand_tree(), 13));
    let behind_trailer = [&BY_HAND[..], b"more"].concat();
    let snapshot = Snapshot::parse(&behind_trailer).unwrap();
    assert!(matches!(snapshot.integrity(), Integrity::Verified(_)));
    assert_eq!((snapshot.to_tree(), snapshot.surplus()), (by_hand_tree(), 4));
}

#[test]
fn a_structure_is_readable_where_only_checksums_fail() {
    let mut damaged = BY_HAND;
    damaged[50] ^= 1; // In a value.
    let structure = Snapshot::parse_structure(&damaged).unwrap();
    assert_eq!(structure.damaged.first(), Some(&(0..BY_HAND_TRAILER as u64)));
    assert_eq!(structure.fault.map(|fault| fault.cause), Some(Cause::ChunkChecksum));
    assert_eq!(structure.snapshot.integrity(), Integrity::Unchecked);
    assert_eq!(structure.snapshot.totals().values, 2);
    let structure = Snapshot::parse_structure(&BY_HAND).unwrap();
    assert_eq!((structure.fault, structure.damaged), (None, vec![]));
}

#[test]
fn every_truncation_of_a_golden_json_is_a_truncation() {
    for (path, bytes) in json_files() {
        let end = bytes.trim_ascii_end().len();
        // Every length of the one of 65 kB, almost all of it a name, would take a quarter of a minute:
        // reading is in proportion to the length, and each of them is read from its beginning.
        let step = if end > 10_000 { 7 } else { 1 };
        for len in (0..end).step_by(step) {
            let error = read_json(&bytes[..len]).expect_err(path);
            let told = (error.offset, error.cause);
            assert_eq!(told, (len as u64, JsonCause::Truncated), "{path} cut to {len}");
        }
    }
}

#[test]
fn no_changed_byte_of_a_golden_json_makes_more_of_it() {
    for (path, bytes) in json_files().into_iter().filter(|(_, bytes)| bytes.len() < 1_000) {
        for at in 0..bytes.len() {
            for byte in [0, b' ', b'"', b',', b'-', b'7', b'e', b'\\', b']', b'}', b'u', 0xff] {
                let mut damaged = bytes.to_vec();
                damaged[at] = byte;
                let saved = salvage_json(&damaged[..]);
                if let Some(fault) = saved.fault {
                    assert!(fault.offset <= bytes.len() as u64, "{path} at {at}: {fault}");
                } else {
                    let told: Result<serde_json::Value, _> = serde_json::from_slice(
                        &String::from_utf8_lossy(&damaged).into_owned().into_bytes(),
                    );
                    assert!(told.is_ok(), "{path} at {at}, {byte:#x}: read what is no JSON");
                }
            }
        }
    }
}
