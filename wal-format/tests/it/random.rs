//! Random logs with random damage, against a scan so slow and simple that it can be believed.

use crate::bytes::{HEADER, crc32, frame, payload};
use crate::damage::outcome;
use crate::reader::assert_agree;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use wal_format::{NamesBuf, Record};

/// The length of the record at the front of `bytes`, if a valid one is there; by the book.
fn valid(bytes: &[u8]) -> Option<usize> {
    let u32_at = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let len = u32_at(4).filter(|len| (15..=1 << 20).contains(len))? as usize;
    let payload = bytes.get(8..8 + len)?;
    if u32_at(0)? != 0xCC1D_A7A1 || u32_at(8 + len)? != crc32(payload) {
        return None;
    }
    let mut at = 10 + usize::from(u16::from_le_bytes(payload[8..10].try_into().unwrap()));
    let elements = *payload.get(at)?;
    at += 1;
    for _ in 0..elements {
        at += 1 + usize::from(*payload.get(at)?);
    }
    (at + 4 <= len).then_some(len + 12)
}

/// Whether the lengths in the broken bytes at `at` say that they end `len` bytes on: then what lies
/// between is theirs, even where it looks like a record.
fn claims(log: &[u8], at: u64, len: u64) -> bool {
    let broken = &log[usize::try_from(at).unwrap()..];
    let number = |at: usize, bytes: usize| {
        let all = broken.get(at..at + bytes)?;
        Some(all.iter().rev().fold(0, |number, &byte| number << 8 | usize::from(byte)))
    };
    let fields = || {
        let mut end = 19 + number(16, 2)?;
        for _ in 0..number(end - 1, 1)? {
            end += 1 + number(end, 1)?;
        }
        Some(end)
    };
    let ends =
        [number(4, 4).map(|len| len + 12), fields().map(|n| n + 8), fields().map(|n| n + 12)];
    ends.into_iter().flatten().any(|end| end as u64 == len)
}

/// Where records are, if each broken stretch ends at the first valid record behind it.
fn expected(log: &[u8]) -> Vec<u64> {
    let mut at = if log.starts_with(&HEADER) { 4 } else { 0 };
    let mut found = Vec::new();
    while at < log.len() {
        match valid(&log[at..]) {
            Some(len) => {
                found.push(at as u64);
                at += len;
            }
            None => at += 1,
        }
    }
    found
}

fn a_record() -> impl Strategy<Value = Vec<u8>> {
    let path = vec(vec(any::<u8>(), 0..6), 0..4);
    (any::<i64>(), vec(any::<u8>(), 0..12), path, any::<u32>(), any::<u32>()).prop_map(
        |(time, metric, path, bits, frequency)| {
            let path: Vec<&[u8]> = path.iter().map(Vec::as_slice).collect();
            frame(&payload(time, &metric, &path, bits, frequency))
        },
    )
}

#[derive(Clone, Debug)]
pub(crate) enum Damage {
    Flip(usize, u8),
    Remove(usize, usize),
    Insert(usize, Vec<u8>),
    Truncate(usize),
}

pub(crate) fn a_damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        (any::<usize>(), 1..=255_u8).prop_map(|(at, bits)| Damage::Flip(at, bits)),
        (any::<usize>(), 1..60_usize).prop_map(|(at, len)| Damage::Remove(at, len)),
        (any::<usize>(), vec(any::<u8>(), 1..60)).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        any::<usize>().prop_map(Damage::Truncate),
    ]
}

pub(crate) fn damage(log: &mut Vec<u8>, damage: Damage) {
    let len = log.len().max(1);
    match damage {
        _ if log.is_empty() => {}
        Damage::Flip(at, bits) => log[at % len] ^= bits,
        Damage::Remove(at, count) => drop(log.drain(at % len..(at % len + count).min(len))),
        Damage::Insert(at, bytes) => drop(log.splice(at % len..at % len, bytes)),
        Damage::Truncate(at) => log.truncate(at % len),
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn every_valid_record_outside_of_others_is_found(
        records in vec(a_record(), 0..20),
        damages in vec(a_damage(), 0..5),
        at_once in 1..200_usize,
    ) {
        let mut log = [&HEADER[..], &records.concat()].concat();
        for one in damages {
            damage(&mut log, one);
        }
        let (found, gaps, end, _) = outcome(&log);
        let expected = expected(&log);
        for at in &expected {
            let claimed = |gap: &(u64, u64)| {
                gap.0 < *at && *at < gap.0 + gap.1 && claims(&log, gap.0, gap.1)
            };
            prop_assert!(found.contains(at) || gaps.iter().any(claimed), "lost the one at {}", at);
        }
        prop_assert!(found.iter().all(|at| expected.contains(at)), "invented {:?}", found);
        // Every byte is in one record, one gap or the end.
        let lens = found.iter().map(|&at| valid(&log[usize::try_from(at).unwrap()..]).unwrap() as u64);
        let header = if log.starts_with(&HEADER) { 4 } else { 0 };
        let told: u64 = header + lens.sum::<u64>() + gaps.iter().map(|(_, len)| len).sum::<u64>();
        let tail = match end {
            wal_format::End::Clean => 0,
            wal_format::End::Torn(gap) | wal_format::End::GaveUp(gap)
            | wal_format::End::NotALog(gap) => gap.bytes,
        };
        prop_assert_eq!(told + tail, log.len() as u64);
        assert_agree(&log, at_once);
    }

    #[test]
    fn any_bytes_at_all_are_scanned(mut log in vec(any::<u8>(), 0..3000), header in any::<bool>()) {
        if header {
            log.splice(0..0, HEADER);
        }
        prop_assert_eq!(outcome(&log).0, expected(&log));
    }

    #[test]
    fn what_is_encoded_is_laid_out_by_the_book(
        time in any::<i64>(),
        metric in vec(any::<u8>(), 0..40),
        path in vec(vec(any::<u8>(), 0..40), 0..6),
        bits in any::<u32>(),
        frequency in any::<u32>(),
    ) {
        let names = NamesBuf::new(&metric, &path).unwrap();
        let mut log = Vec::new();
        let record = Record {
            names: names.as_names(),
            timestamp: time,
            value: f32::from_bits(bits),
            frequency: std::num::NonZeroU32::new(frequency),
        };
        record.encode(&mut log);
        let path: Vec<&[u8]> = path.iter().map(Vec::as_slice).collect();
        prop_assert_eq!(&log, &frame(&payload(time, &metric, &path, bits, frequency)));
        prop_assert_eq!(Record::decode(&log).unwrap().0, record);
    }
}
