//! Every truncation, every changed byte, every flipped bit: what is lost is that record, no more.

use crate::bytes::{HEADER, MAGIC, frame, payload, records};
use wal_format::{Cause, End, Found, Gap, Scan, Verdict};

/// What a scan finds, by offset: records, and gaps with their length.
pub(crate) fn outcome(log: &[u8]) -> (Vec<u64>, Vec<(u64, u64)>, End, Verdict) {
    let (mut at, mut gaps) = (Vec::new(), Vec::new());
    let mut scan = Scan::new(log);
    for found in scan.by_ref() {
        match found {
            Found::Record(located) => {
                let from = usize::try_from(located.offset).unwrap();
                assert_eq!(located.bytes, &log[from..from + located.bytes.len()]);
                at.push(located.offset);
            }
            Found::Damaged(gap) => gaps.push((gap.offset, gap.bytes)),
        }
    }
    (at, gaps, scan.end().unwrap(), scan.verdict().unwrap())
}

fn log_of(records: &[Vec<u8>]) -> (Vec<u8>, Vec<u64>) {
    let mut log = HEADER.to_vec();
    let mut starts = Vec::new();
    for record in records {
        starts.push(log.len() as u64);
        log.extend(record);
    }
    (log, starts)
}

/// Of lengths at which a flipped bit of a length field can point behind the next record, too: with
/// records of 64 bytes it names the end of another one.
#[test]
fn every_flipped_bit_costs_its_record_alone() {
    for len in [40, 50, 64, 128] {
        let records = records(6, len);
        let (log, starts) = log_of(&records);
        for bit in 0..log.len() * 8 {
            let mut damaged = log.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let (found, gaps, end, verdict) = outcome(&damaged);
            let Some(broken) = (bit / 8).checked_sub(4).map(|behind| behind / len) else {
                assert_eq!((found, gaps, end), (starts.clone(), vec![(0, 4)], End::Clean));
                continue;
            };
            let mut expected = starts.clone();
            let at = expected.remove(broken);
            assert_eq!(found, expected, "records of {len} bytes, bit {bit}");
            if broken < 5 {
                assert_eq!(gaps, [(at, len as u64)], "bit {bit}");
                assert!(matches!(verdict, Verdict::Damaged(gap) if gap.offset == at), "bit {bit}");
            } else {
                assert!(gaps.is_empty());
                assert!(matches!(verdict, Verdict::Torn(gap) if gap.offset == at), "bit {bit}");
            }
        }
    }
}

#[test]
fn every_pair_of_broken_records_is_passed_over() {
    let (log, starts) = log_of(&records(7, 50));
    for first in 0..7 {
        for second in first + 1..7 {
            let mut damaged = log.clone();
            for k in [first, second] {
                damaged[4 + 50 * k + 30] ^= 0x40;
            }
            let mut expected = starts.clone();
            expected.remove(second);
            expected.remove(first);
            assert_eq!(outcome(&damaged).0, expected);
        }
    }
}

#[test]
fn overwritten_stretches_cost_the_records_that_they_touch() {
    let (log, starts) = log_of(&records(9, 50));
    for from in 4..log.len() {
        for len in [1, 3, 17, 50, 120] {
            let to = (from + len).min(log.len());
            for fill in [0x00, 0xFF, 0xA1] {
                let mut damaged = log.clone();
                damaged[from..to].fill(fill);
                let touched = |start: u64| {
                    let start = usize::try_from(start).unwrap();
                    damaged[start..start + 50] != log[start..start + 50]
                };
                let expected: Vec<_> = starts.iter().copied().filter(|&s| !touched(s)).collect();
                assert_eq!(outcome(&damaged).0, expected, "{from}..{to} = {fill:#x}");
            }
        }
    }
}

#[test]
fn zero_bytes_up_to_the_end_are_a_torn_end_with_their_count() {
    for zeros in [1, 3, 4, 7, 8, 50, 4096, 5_000_000] {
        for whole in [vec![], HEADER.to_vec(), log_of(&records(3, 50)).0] {
            let at = whole.len() as u64;
            let log = [whole, vec![0; zeros]].concat();
            let gap = Gap { offset: at, bytes: zeros as u64, cause: Cause::Zeros };
            assert_eq!(outcome(&log).3, Verdict::Torn(gap), "{zeros} behind {at}");
        }
    }
}

#[test]
fn a_hole_of_zeros_is_damage() {
    let records = records(2, 50);
    let log = [&HEADER, &records[0][..], &[0; 4096], &records[1]].concat();
    assert_eq!(outcome(&log).1, [(54, 4096)]);
}

#[test]
fn damage_and_a_torn_end_are_both_told() {
    let (mut log, starts) = log_of(&records(4, 50));
    log[30] ^= 1;
    log.truncate(log.len() - 1);
    let (found, gaps, end, verdict) = outcome(&log);
    assert_eq!(found, starts[1..3]);
    assert_eq!(gaps, [(4, 50)]);
    assert!(matches!(end, End::Torn(gap) if gap.offset == 154 && gap.bytes == 49));
    assert!(matches!(verdict, Verdict::Damaged(gap) if gap.offset == 4));
}

#[test]
fn a_file_without_its_header_is_damaged_at_its_beginning() {
    let records = records(2, 50);
    let (found, gaps, end, verdict) = outcome(&records.concat());
    assert_eq!((found, gaps, end), (vec![0, 50], vec![(0, 0)], End::Clean));
    assert!(matches!(verdict, Verdict::Damaged(_)));
}

#[test]
fn another_kind_of_file_is_no_log() {
    for bytes in [&b"{\"metrics\":null}"[..], &[0x01, 0x00, 0x5B, 0xCC], &[0xFF; 10_000]] {
        assert!(matches!(outcome(bytes).3, Verdict::NotALog(_)));
    }
}

/// The bytes of a record in the name of a metric: they are found only where nothing says that they
/// are inside another record.
#[test]
fn a_record_inside_a_damaged_record_is_not_taken_for_one() {
    let inner = frame(&payload(666, b"invented", &[], 0, 60));
    let outer = frame(&payload(0, &inner, &[b"cpu0"], 0, 60));
    let records = [&records(1, 50)[0], &outer, &records(1, 50)[0]].map(Clone::clone);
    let (log, starts) = log_of(&records);
    for bit in 0..outer.len() * 8 {
        let mut damaged = log.clone();
        damaged[54 + bit / 8] ^= 1 << (bit % 8);
        assert_eq!(outcome(&damaged).0, [starts[0], starts[2]], "bit {bit}");
    }
}

/// The checksum holds, but what it is of was written by an encoder that was wrong.
#[test]
fn a_payload_that_does_not_parse_is_damage() {
    let mut lying = payload(0, b"m", &[b"cpu0"], 0, 0);
    lying[8] = 200; // a metric name longer than the payload
    let records = [records(1, 50)[0].clone(), frame(&lying), records(1, 50)[0].clone()];
    let (log, starts) = log_of(&records);
    assert_eq!(outcome(&log).0, [starts[0], starts[2]]);
    assert_eq!(outcome(&log).1, [(starts[1], records[1].len() as u64)]);
}

#[test]
fn magics_in_a_torn_tail_are_no_records() {
    let (mut log, starts) = log_of(&records(2, 50));
    for _ in 0..1000 {
        log.extend(MAGIC);
    }
    let (found, gaps, end, _) = outcome(&log);
    assert_eq!((found, gaps), (starts, vec![]));
    assert!(matches!(end, End::Torn(gap) if gap.bytes == 4000));
}

/// A device's name that holds a record right where a flipped bit of the length lets its own end: the
/// checksum tells that it is the length that lies.
#[test]
fn a_flipped_length_that_ends_at_a_record_in_a_name_invents_nothing() {
    let inner = frame(&payload(666, b"evil", &[], 0, 60));
    for before in 100..200 {
        let name = [&vec![b'x'; before][..], &inner, &vec![b'y'; 52 - inner.len()]].concat();
        let outer = frame(&payload(0, b"load", &[&name], 0, 60));
        let (log, starts) = log_of(&[outer.clone(), outer.clone(), outer.clone()]);
        for bit in 32..64 {
            for (k, &start) in starts.iter().enumerate() {
                let mut damaged = log.clone();
                damaged[usize::try_from(start).unwrap() + bit / 8] ^= 1 << (bit % 8);
                let mut expected = starts.clone();
                expected.remove(k);
                assert_eq!(outcome(&damaged).0, expected, "{before}, record {k}, bit {bit}");
            }
        }
    }
}

/// Both its lengths name the end of the file: it is torn, whatever lies inside.
#[test]
fn a_record_inside_a_damaged_last_record_is_not_taken_for_one() {
    let inner = frame(&payload(666, b"invented", &[], 0, 60));
    let outer = frame(&payload(0, &inner, &[b"cpu0"], 0, 60));
    let (log, starts) = log_of(&[records(1, 50)[0].clone(), outer.clone()]);
    // Where neither a length nor a name's length is hit.
    let lengths = |byte: usize| {
        (4..8).contains(&byte) || (16..18).contains(&byte) || byte >= 18 + inner.len()
    };
    for bit in (0..outer.len() * 8).filter(|bit| !lengths(bit / 8)) {
        let mut damaged = log.clone();
        damaged[54 + bit / 8] ^= 1 << (bit % 8);
        let (found, gaps, end, _) = outcome(&damaged);
        assert_eq!((found, gaps), (vec![starts[0]], vec![]), "bit {bit}");
        assert!(matches!(end, End::Torn(gap) if gap.offset == starts[1]), "bit {bit}");
    }
}

#[test]
fn zeros_behind_other_bytes_are_not_the_cause() {
    let (log, starts) = log_of(&records(1, 50));
    for first in [&b"\x01"[..], b"\xA1\xA7\x1D\xCC\x0F"] {
        let log = [&log[..], first, &[0; 5000]].concat();
        let (found, _, end, _) = outcome(&log);
        assert_eq!(found, starts);
        assert!(matches!(end, End::Torn(gap) if gap.cause != Cause::Zeros), "{end:?}");
    }
}

#[test]
fn of_several_faults_the_first_decides() {
    let (mut log, _) = log_of(&records(6, 50));
    for at in [80, 180] {
        log[at] ^= 1;
    }
    let (_, gaps, end, verdict) = outcome(&log);
    assert_eq!((gaps, end), (vec![(54, 50), (154, 50)], End::Clean));
    assert!(matches!(verdict, Verdict::Damaged(gap) if gap.offset == 54));
}
