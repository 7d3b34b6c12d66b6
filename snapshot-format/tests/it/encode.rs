//! The encoder refuses what it should, and goes on as if it had not been asked.

use crate::plain::{BY_HAND, BY_HAND_FIELDS, host};
use snapshot_format::{Counts, EncodeError, Encoder, Snapshot, TrailerFields};
use std::io::{self, Write};

fn begin(metrics: u32, children: u32) -> Encoder<Vec<u8>> {
    let root = Counts { metrics, children };
    Encoder::new(Vec::new(), 1_700_000_000, 1_700_000_120, root).unwrap()
}

fn is_count(result: &Result<(), EncodeError>, expected: &str) -> bool {
    matches!(result, Err(EncodeError::Count { what, .. }) if *what == expected)
}

#[test]
fn every_misuse_is_refused_and_leaves_the_snapshot_as_it_was() {
    let mut encoder = begin(1, 1);
    assert!(is_count(&encoder.enter(b"early", Counts::default()), "metrics"));
    assert!(is_count(&encoder.leave(), "metrics"));
    assert!(is_count(&encoder.values(&[1.0]), "values"));
    encoder.begin_series(b"m", 60, 1_700_000_000, 2).unwrap();
    assert!(is_count(&encoder.values(&[1.0, 2.0, 3.0]), "values"));
    encoder.values(&[1.5]).unwrap();
    assert!(is_count(&encoder.begin_series(b"n", 60, 0, 0), "values"));
    assert!(is_count(&encoder.enter(b"early", Counts::default()), "values"));
    assert!(is_count(&encoder.leave(), "values"));
    encoder.values(&[f32::from_bits(0x7fc0_0001)]).unwrap();
    assert!(is_count(&encoder.series(b"n", 60, 0, &[]), "metrics"));
    assert!(is_count(&encoder.leave(), "children"));
    encoder.enter("é".as_bytes(), Counts::default()).unwrap();
    assert!(is_count(&encoder.series(b"n", 60, 0, &[]), "metrics"));
    assert!(is_count(&encoder.enter(b"n", Counts::default()), "children"));
    encoder.leave().unwrap();
    assert!(is_count(&encoder.leave(), "levels"));
    assert!(is_count(&encoder.enter(b"z", Counts::default()), "children"));
    assert_eq!(encoder.finish(BY_HAND_FIELDS).unwrap().0, BY_HAND);
}

#[test]
fn nothing_unfinished_is_sealed() {
    let seal = |encoder: Encoder<Vec<u8>>| encoder.finish(TrailerFields::default()).map(|_| ());
    assert!(is_count(&seal(begin(1, 0)), "metrics"));
    assert!(is_count(&seal(begin(0, 1)), "children"));
    let mut encoder = begin(0, 1);
    encoder.enter(b"open", Counts::default()).unwrap();
    assert!(is_count(&seal(encoder), "levels"));
    let mut encoder = begin(1, 0);
    encoder.begin_series(b"m", 60, 0, 1).unwrap();
    assert!(is_count(&seal(encoder), "values"));
}

#[test]
fn names_ascend_strictly_within_their_list_alone() {
    let mut encoder = begin(2, 2);
    encoder.series(b"b", 60, 0, &[]).unwrap();
    for name in [&b"a"[..], b"b", b""] {
        let error = encoder.series(name, 60, 0, &[]).unwrap_err();
        assert!(matches!(error, EncodeError::NotAscending { offset: 47 }), "{error}");
    }
    encoder.series(b"b\0", 60, 0, &[]).unwrap();
    encoder.enter(b"", Counts { metrics: 1, children: 0 }).unwrap();
    encoder.series(b"", 60, 0, &[]).unwrap();
    encoder.leave().unwrap();
    let again = encoder.enter(b"", Counts::default());
    assert!(matches!(again, Err(EncodeError::NotAscending { .. })));
    encoder.enter(b"a", Counts::default()).unwrap();
    encoder.leave().unwrap();
    let (bytes, _) = encoder.finish(TrailerFields::default()).unwrap();
    assert_eq!(Snapshot::parse(&bytes).unwrap().totals().levels, 3);
}

/// Takes whole writes up to a size, then fails.
struct Full {
    room: usize,
    lengths: Vec<usize>,
}

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.room = self.room.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
        self.lengths.push(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_writer_gets_whole_chunks() {
    let full = Full { room: usize::MAX, lengths: Vec::new() };
    let (full, len) = host(30, 600).encode(full, TrailerFields::default()).unwrap();
    let (last, chunks) = full.lengths.split_last().unwrap();
    let (rest, chunks) = chunks.split_last().unwrap();
    assert!(chunks.iter().all(|len| *len == 65_536) && chunks.len() == 3);
    assert_eq!((3 * 65_536 + rest + last) as u64, len);
}

/// Fails once, then takes everything.
struct FailsOnce(bool);

impl Write for FailsOnce {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if core::mem::replace(&mut self.0, true) {
            return Ok(bytes.len());
        }
        Err(io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_snapshot_with_a_hole_is_never_sealed() {
    let root = Counts { metrics: 1, children: 0 };
    let mut encoder = Encoder::new(FailsOnce(false), 0, 60, root).unwrap();
    assert!(encoder.series(b"a", 60, 0, &vec![1.0; 16_384]).is_err());
    assert!(matches!(encoder.finish(TrailerFields::default()), Err(EncodeError::Io(_))));
}

#[test]
fn a_failed_write_is_final() {
    let full = Full { room: 70_000, lengths: Vec::new() };
    let mut encoder = Encoder::new(full, 0, 60, Counts { metrics: 3, children: 0 }).unwrap();
    let values = vec![1.0; 16_384];
    encoder.series(b"a", 60, 0, &values).unwrap();
    let error = encoder.series(b"b", 60, 0, &values).unwrap_err();
    let EncodeError::Io(source) = error else { panic!("{error}") };
    assert_eq!(source.kind(), io::ErrorKind::StorageFull);
    assert!(encoder.values(&values).is_err());
    assert!(encoder.finish(TrailerFields::default()).is_err());
}
