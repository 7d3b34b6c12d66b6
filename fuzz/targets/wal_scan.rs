//! A log, whatever its bytes are: every byte is accounted for, and a stream that comes in crumbs
//! says the same as the whole in memory.
//!
//! Every checksum holds in this build but for one value: that damage is noticed is for the crate's own
//! tests.
#![no_main]
#![expect(clippy::expect_used, reason = "a fuzz target reports by panicking")]

mod crumbs;

use crumbs::Crumbs;
use libfuzzer_sys::fuzz_target;
use wal_format::{
    Cause, End, FILE_HEADER_LEN, FILE_MAGIC, Found, Gap, Known, Names, Reader, Record, Scan, Tally,
    Verdict,
};

fuzz_target!(|log: &[u8]| {
    let mut scan = Scan::new(log);
    let found: Vec<Found<'_>> = scan.by_ref().collect();
    let end = scan.end().expect("a scan that is through has an end");
    let verdict = scan.verdict().expect("and a verdict");

    every_byte_is_accounted_for(log, &found, end, scan.tally());
    the_first_fault_decides(&found, end, verdict);
    for found in &found {
        if let Found::Record(located) = found {
            a_record_reads_back(&located.record, located.bytes);
        }
    }
    a_stream_says_the_same(log, &found, &scan);
    what_is_known_makes_no_difference(log, &found, &scan);
});

fn every_byte_is_accounted_for(log: &[u8], found: &[Found<'_>], end: End, tally: Tally) {
    let mut at =
        if log.starts_with(&FILE_MAGIC.to_le_bytes()) { FILE_HEADER_LEN as u64 } else { 0 };
    let mut counted = Tally::default();
    for found in found {
        let (offset, bytes) = match found {
            Found::Record(located) => {
                counted.records += 1;
                counted.record_bytes += located.bytes.len() as u64;
                let there = usize::try_from(located.offset).expect("an offset in memory");
                assert!(log[there..].starts_with(located.bytes), "these are other bytes");
                (located.offset, located.bytes.len() as u64)
            }
            Found::Damaged(gap) => {
                counted.gaps += 1;
                counted.gap_bytes += gap.bytes;
                // A file without its header, that begins with a record, lacks no byte of it.
                let headless = gap.offset == 0 && gap.cause == Cause::FileHeader;
                assert!(
                    gap.bytes > 0 || headless,
                    "a gap of nothing at {offset}",
                    offset = gap.offset
                );
                (gap.offset, gap.bytes)
            }
        };
        assert_eq!(offset, at, "a hole or an overlap");
        at += bytes;
    }
    assert_eq!(tally, counted);
    match end {
        End::Clean => {}
        End::Torn(Gap { offset, bytes, .. })
        | End::GaveUp(Gap { offset, bytes, .. })
        | End::NotALog(Gap { offset, bytes, .. }) => {
            assert_eq!(offset, at, "a hole or an overlap in front of the end");
            at += bytes;
        }
    }
    assert_eq!(at, log.len() as u64, "bytes that nobody mentions");
}

fn the_first_fault_decides(found: &[Found<'_>], end: End, verdict: Verdict) {
    let first = found.iter().find_map(|found| match found {
        Found::Damaged(gap) => Some(*gap),
        Found::Record(_) => None,
    });
    match (verdict, first) {
        (Verdict::Damaged(gap), Some(first)) => assert_eq!(gap, first),
        (Verdict::Damaged(gap), None) => assert_eq!(end, End::GaveUp(gap)),
        (Verdict::Torn(gap), None) => assert_eq!(end, End::Torn(gap)),
        (Verdict::NotALog(gap), None) => assert_eq!(end, End::NotALog(gap)),
        (Verdict::Clean, None) => assert_eq!(end, End::Clean),
        (other, Some(_)) => assert!(matches!(other, Verdict::Damaged(_)), "{other:?}"),
    }
}

fn a_record_reads_back(record: &Record<'_>, bytes: &[u8]) {
    let (decoded, rest) = Record::decode(bytes).expect("it was a record in the log");
    assert!(rest.is_empty());
    assert!(same(&decoded, record));

    let mut encoded = Vec::new();
    record.encode(&mut encoded);
    assert!(encoded.len() <= bytes.len() + 4, "more than was there, and not by a frequency");
    let (decoded, rest) = Record::decode(&encoded).expect("what is encoded is a record");
    assert!(rest.is_empty());
    assert!(same(&decoded, record));

    let names = Names::from_bytes(record.names.as_bytes()).expect("the names stand alone");
    assert_eq!(names, record.names);
    assert_eq!(names.to_buf().as_names(), record.names);
}

/// The same to the bit: a value may be any NaN.
fn same(one: &Record<'_>, other: &Record<'_>) -> bool {
    (one.names, one.timestamp, one.value.to_bits(), one.frequency)
        == (other.names, other.timestamp, other.value.to_bits(), other.frequency)
}

fn a_stream_says_the_same(log: &[u8], found: &[Found<'_>], scan: &Scan<'_>) {
    let mut reader = Reader::new(Crumbs::of(log));
    for expected in found {
        let read = reader.next().expect("the source never fails").expect("the scan found more");
        match (read, expected) {
            (Found::Damaged(gap), Found::Damaged(expected)) => assert_eq!(gap, *expected),
            (Found::Record(record), Found::Record(expected)) => {
                assert_eq!((record.offset, record.bytes), (expected.offset, expected.bytes));
                assert!(same(&record.record, &expected.record));
            }
            (read, expected) => assert_eq!(read, *expected),
        }
    }
    assert_eq!(reader.next().expect("the source never fails"), None);
    assert_eq!(reader.end(), scan.end());
    assert_eq!(reader.verdict(), scan.verdict());
    assert_eq!(reader.tally(), scan.tally());
}

fn what_is_known_makes_no_difference(log: &[u8], found: &[Found<'_>], scan: &Scan<'_>) {
    let mut records = found.iter().filter_map(|found| match found {
        Found::Record(located) => Some(located.record),
        Found::Damaged(_) => None,
    });
    let mut known = Known::default();
    let mut reader = Reader::new(Crumbs::of(log));
    let read = reader.read_known(
        &mut known,
        |names| names.to_buf(),
        |names, record| {
            assert_eq!(names.as_names(), record.names);
            assert!(records.next().is_some_and(|expected| same(&expected, record)));
        },
    );
    read.expect("the source never fails");
    assert_eq!(records.next(), None);
    assert_eq!(reader.verdict(), scan.verdict());
    assert_eq!(reader.tally(), scan.tally());
}
