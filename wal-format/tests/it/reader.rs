//! The streaming reader finds what the scan finds, however the bytes arrive.

use crate::bytes::{HEADER, records};
use std::io::{self, ErrorKind, Read};
use wal_format::{End, Found, Reader, Scan, Tally, Verdict};

/// Hands out a few bytes at a time, and is interrupted before each.
pub(crate) struct Trickle<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) at_once: usize,
    pub(crate) interrupted: bool,
}

impl Read for Trickle<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.interrupted = !self.interrupted;
        if self.interrupted {
            return Err(ErrorKind::Interrupted.into());
        }
        let len = self.at_once.min(out.len()).min(self.bytes.len());
        let (now, later) = self.bytes.split_at(len);
        out[..len].copy_from_slice(now);
        self.bytes = later;
        Ok(len)
    }
}

type Outcome = (Vec<String>, Option<End>, Option<Verdict>, Tally);

fn by_reader(source: impl Read) -> Outcome {
    let mut reader = Reader::new(source);
    let mut all = Vec::new();
    while let Some(found) = reader.next().unwrap() {
        all.push(format!("{found:?}"));
    }
    (all, reader.end(), reader.verdict(), reader.tally())
}

fn by_scan(log: &[u8]) -> Outcome {
    let mut scan = Scan::new(log);
    let all = scan.by_ref().map(|found| format!("{found:?}")).collect();
    (all, scan.end(), scan.verdict(), scan.tally())
}

pub(crate) fn assert_agree(log: &[u8], at_once: usize) {
    let expected = by_scan(log);
    assert_eq!(by_reader(log), expected);
    assert_eq!(by_reader(Trickle { bytes: log, at_once, interrupted: false }), expected);
}

#[test]
fn however_the_bytes_arrive() {
    let records = records(40, 64);
    let mut log = [&HEADER, &records.concat()[..]].concat();
    for at_once in [1, 2, 3, 7, 64, 1000] {
        assert_agree(&log, at_once);
    }
    for damaged in [2, 100, 1000, 2000, 2550] {
        log[damaged] ^= 4;
        assert_agree(&log, 5);
    }
    for len in 0..log.len() {
        assert_agree(&log[..len], 61);
    }
}

#[test]
fn damage_larger_than_the_window_is_passed_over() {
    let records = records(2, 64);
    for len in [1 << 20, 5 << 20] {
        for fill in [0x00, 0xA1, 0x55] {
            let log = [&HEADER, &records[0][..], &vec![fill; len], &records[1]].concat();
            assert_agree(&log, 100_000);
            assert_eq!(by_reader(&log[..]).3.gap_bytes, len as u64);
        }
    }
}

#[test]
fn an_error_of_the_source_is_passed_on_and_reading_can_go_on() {
    struct Failing<'a>(&'a [u8], u32);
    impl Read for Failing<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            self.1 += 1;
            if self.1.is_multiple_of(2) {
                Err(ErrorKind::Other.into())
            } else {
                self.0.read(&mut out[..50])
            }
        }
    }
    let log = [&HEADER, &records(9, 64).concat()[..]].concat();
    let mut reader = Reader::new(Failing(&log, 0));
    let (mut records, mut errors) = (0, 0);
    loop {
        match reader.next() {
            Ok(Some(Found::Record(_))) => records += 1,
            Ok(Some(Found::Damaged(gap))) => panic!("{gap:?}"),
            Ok(None) => break,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Other);
                errors += 1;
            }
        }
    }
    assert_eq!(records, 9);
    assert!(errors > 5);
    assert_eq!(reader.end(), Some(End::Clean));
}

/// Behind more damage than the window holds, the magic of the next record comes in two reads.
#[test]
fn a_magic_on_the_edge_of_the_window_is_found() {
    let records = records(2, 64);
    for more in 0..8 {
        let damage = vec![0x55; (2 << 20) + 100 + more];
        let log = [&HEADER, &records[0][..], &damage, &records[1]].concat();
        let source = Trickle { bytes: &log, at_once: 8, interrupted: false };
        assert_eq!(by_reader(source).3.records, 2, "{more}");
    }
}
