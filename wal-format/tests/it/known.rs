//! Reading with what is known of series finds what the scan finds, in its order, and knows for each
//! record its series.

use crate::random::{a_damage, damage};
use crate::reader::Trickle;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::io::Read;
use std::num::NonZeroU32;
use wal_format::{Found, Known, NamesBuf, Reader, Record, Scan, SegmentWriter};

/// Series of a collector: names of all lengths, with frequency and without.
fn series() -> Vec<(NamesBuf, Option<NonZeroU32>)> {
    let lens = [0, 3, 4, 5, 6, 7, 8, 12, 13, 14, 40, 220, 221, 222, 223, 224, 400];
    let one = |(index, len): (u32, usize)| {
        let names = NamesBuf::new("m".repeat(len), [[0xFF, index.to_le_bytes()[0]]]).unwrap();
        (names, NonZeroU32::new(index % 3 * 30))
    };
    (0..).zip(lens).map(one).collect()
}

/// What a collector does at a series' turn.
#[derive(Clone, Copy, Debug)]
enum Turn {
    Writes(u32),
    Skips,
    WritesAtFrequency(u32, u32),
    /// A series out of turn.
    WritesOther(usize, u32),
}

fn a_turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        40 => any::<u32>().prop_map(Turn::Writes),
        2 => Just(Turn::Skips),
        1 => (0..100_u32, any::<u32>()).prop_map(|(f, bits)| Turn::WritesAtFrequency(f, bits)),
        1 => (0..17_usize, any::<u32>()).prop_map(|(at, bits)| Turn::WritesOther(at, bits)),
    ]
}

/// The log of a collector: round by round, each as much later as `steps` say.
fn log_of(turns: &[Turn], steps: &[i64]) -> Vec<u8> {
    let series = series();
    let mut writer = SegmentWriter::new(Vec::new()).unwrap();
    let mut timestamp = 1_700_000_000_i64;
    for (round, turns) in turns.chunks(series.len()).enumerate() {
        timestamp = timestamp.wrapping_add(steps[round % steps.len()]);
        for (turn, own) in turns.iter().zip(&series) {
            let ((names, frequency), bits) = match *turn {
                Turn::Skips => continue,
                Turn::Writes(bits) => (own.clone(), bits),
                Turn::WritesAtFrequency(f, bits) => ((own.0.clone(), NonZeroU32::new(f)), bits),
                Turn::WritesOther(at, bits) => (series[at].clone(), bits),
            };
            let (names, value) = (names.as_names(), f32::from_bits(bits));
            writer.write(&Record { names, timestamp, value, frequency }).unwrap();
        }
    }
    writer.into_inner()
}

/// What is known of a series: its names, and how many records it has.
type Seen = (NamesBuf, u64);

fn read(source: impl Read) -> (Vec<String>, Vec<Seen>, String) {
    let (mut known, mut records) = (Known::<Seen>::default(), Vec::new());
    let mut reader = Reader::new(source);
    let read = reader.read_known(
        &mut known,
        |names| (names.to_buf(), 0),
        |(names, count), record| {
            assert_eq!(names.as_names(), record.names, "it is known of another series");
            *count += 1;
            records.push(format!("{record:?}, {:x}", record.value.to_bits()));
        },
    );
    read.unwrap();
    let seen = known.values_mut().map(|seen| seen.clone()).collect();
    (records, seen, format!("{:?} {:?} {:?}", reader.end(), reader.verdict(), reader.tally()))
}

fn scanned(log: &[u8]) -> (Vec<String>, Vec<Seen>, String) {
    let (mut seen, mut records) = (Vec::<Seen>::new(), Vec::new());
    let mut scan = Scan::new(log);
    for found in scan.by_ref() {
        let Found::Record(located) = found else { continue };
        let record = located.record;
        records.push(format!("{record:?}, {:x}", record.value.to_bits()));
        match seen.iter_mut().find(|(names, _)| names.as_names() == record.names) {
            Some((_, count)) => *count += 1,
            None => seen.push((record.names.to_buf(), 1)),
        }
    }
    (records, seen, format!("{:?} {:?} {:?}", scan.end(), scan.verdict(), scan.tally()))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        rng_seed: RngSeed::Fixed(2),
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn records_of_known_series_are_those_of_the_scan(
        turns in vec(a_turn(), 0..200),
        steps in vec(prop_oneof![4 => Just(60_i64), 1 => any::<i64>()], 1..6),
        damages in vec(a_damage(), 0..4),
        at_once in 1..300_usize,
    ) {
        let mut log = log_of(&turns, &steps);
        for one in damages {
            damage(&mut log, one);
        }
        let expected = scanned(&log);
        prop_assert_eq!(&read(&log[..]), &expected);
        let source = Trickle { bytes: &log, at_once, interrupted: false };
        prop_assert_eq!(&read(source), &expected);
    }
}

/// Any bit of a byte, and nearly every byte: one in eleven bits.
#[test]
fn a_flipped_bit_costs_its_record_alone() {
    let turns = [Turn::Writes(0x3F80_0000); 3 * 17];
    let log = log_of(&turns, &[60]);
    let whole = scanned(&log);
    assert_eq!(whole.0.len(), turns.len());
    for bit in (0..8 * log.len()).step_by(11) {
        let mut damaged = log.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let found = read(&damaged[..]);
        assert_eq!(found, scanned(&damaged), "bit {bit}");
        assert_eq!(found.0.len(), turns.len() - usize::from(bit >= 32), "bit {bit}");
    }
}
