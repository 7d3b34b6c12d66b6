//! Records laid out by hand, from the specification and with a checksum of their own, so that the
//! encoder and the decoder under test cannot agree on a mistake.

use std::num::NonZeroU32;
use wal_format::{DecodeError, Names, NamesBuf, Record, SegmentWriter, TooLong};

pub(crate) const HEADER: [u8; 4] = [0x01, 0xA7, 0x1D, 0xCC];
pub(crate) const MAGIC: [u8; 4] = [0xA1, 0xA7, 0x1D, 0xCC];

/// CRC-32 (IEEE), bit by bit.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

/// A record around a payload.
pub(crate) fn frame(payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).unwrap().to_le_bytes();
    [&MAGIC, &len, payload, &crc32(payload).to_le_bytes()].concat()
}

pub(crate) fn payload(
    time: i64,
    metric: &[u8],
    path: &[&[u8]],
    bits: u32,
    frequency: u32,
) -> Vec<u8> {
    let mut payload = time.to_le_bytes().to_vec();
    payload.extend(u16::try_from(metric.len()).unwrap().to_le_bytes());
    payload.extend(metric);
    payload.push(u8::try_from(path.len()).unwrap());
    for element in path {
        payload.push(u8::try_from(element.len()).unwrap());
        payload.extend(*element);
    }
    payload.extend(bits.to_le_bytes());
    if frequency != 0 {
        payload.extend(frequency.to_le_bytes());
    }
    payload
}

/// `count` records of `len` bytes each (at least 39, of one series), the k-th with the value k.
pub(crate) fn records(count: u16, len: usize) -> Vec<Vec<u8>> {
    let metric = vec![b'm'; len - 32];
    let bits = |k| f32::from(k).to_bits();
    (0..count).map(|k| frame(&payload(60 * i64::from(k), &metric, &[b""], bits(k), 60))).collect()
}

#[test]
fn the_checksum_here_is_the_one_of_the_format() {
    assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
}

#[test]
fn bytes_on_disk_are_pinned() {
    // Written out by hand: load [cpu0, é] = 0.5 at 1,700,000,000, every 60 s; then the Go store's.
    let ours =
        b"\xa1\xa7\x1d\xcc\x1f\0\0\0\x00\xf1\x53\x65\0\0\0\0\x04\0load\x02\x04cpu0\x02\xc3\xa9\
        \0\0\0\x3f\x3c\0\0\0\xbd\x8c\x98\xa3";
    let theirs =
        b"\xa1\xa7\x1d\xcc\x1b\0\0\0\x00\xf1\x53\x65\0\0\0\0\x04\0load\x02\x04cpu0\x02\xc3\xa9\
        \0\0\0\x3f\x18\x80\xe5\xd6";
    let names = NamesBuf::new("load", ["cpu0", "é"]).unwrap();
    for (bytes, seconds) in [(&ours[..], 60), (&theirs[..], 0)] {
        let frequency = NonZeroU32::new(seconds);
        let record =
            Record { names: names.as_names(), timestamp: 1_700_000_000, value: 0.5, frequency };
        let mut log = Vec::new();
        record.encode(&mut log);
        assert_eq!(log, bytes);
        assert_eq!(Record::decode(bytes), Ok((record, &b""[..])));
    }
}

#[test]
fn a_segment_is_its_header_and_its_records() {
    let records = records(3, 50);
    let mut writer = SegmentWriter::new(Vec::new()).unwrap();
    let mut expected = HEADER.to_vec();
    for bytes in &records {
        writer.write(&Record::decode(bytes).unwrap().0).unwrap();
        expected.extend(bytes);
        assert_eq!(writer.offset(), expected.len() as u64);
    }
    assert_eq!(writer.into_inner(), expected);
}

#[test]
fn every_proper_prefix_of_a_record_is_truncated() {
    let [record] = &records(1, 50)[..] else { unreachable!() };
    for len in 0..record.len() {
        assert_eq!(Record::decode(&record[..len]), Err(DecodeError::Truncated), "{len}");
    }
}

#[test]
fn every_flipped_bit_of_a_record_is_noticed() {
    let [record] = &records(1, 50)[..] else { unreachable!() };
    for bit in 0..record.len() * 8 {
        let mut damaged = record.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(Record::decode(&damaged).is_err(), "bit {bit}");
    }
}

#[test]
fn every_value_keeps_its_bits() {
    let patterns =
        [0, 1, 0x8000_0000, 0x7F80_0000, 0xFF80_0000, 0x7FC0_0000, 0x7F80_0001, u32::MAX];
    for bits in patterns {
        let bytes = frame(&payload(0, b"m", &[], bits, 0));
        let (record, _) = Record::decode(&bytes).unwrap();
        assert_eq!(record.value.to_bits(), bits);
        let mut again = Vec::new();
        record.encode(&mut again);
        assert_eq!(again, bytes);
    }
}

#[test]
fn a_frequency_needs_four_bytes_and_what_follows_it_is_ignored() {
    let base = payload(0, b"m", &[], 0, 0);
    let seconds = |extra: &[u8]| {
        let bytes = frame(&[&base, extra].concat());
        Record::decode(&bytes).unwrap().0.frequency.map_or(0, NonZeroU32::get)
    };
    assert_eq!(seconds(b""), 0);
    assert_eq!(seconds(b"\x3c\0\0"), 0);
    assert_eq!(seconds(b"\x3c\0\0\0"), 60);
    assert_eq!(seconds(b"\0\0\0\0"), 0, "no frequency at all");
    assert_eq!(seconds(b"\x3c\0\0\0later fields"), 60);
}

#[test]
fn the_longest_names_fit_and_longer_ones_are_refused() {
    let metric = "m".repeat(65_535);
    let element = "e".repeat(255);
    let longest = NamesBuf::new(&metric, vec![&element; 255]).unwrap();
    let mut log = Vec::new();
    let record = Record { names: longest.as_names(), timestamp: 0, value: 0.0, frequency: None };
    record.encode(&mut log);
    let (read, _) = Record::decode(&log).unwrap();
    assert_eq!(read.names.metric(), metric.as_bytes());
    assert!(read.names.path().eq(vec![element.as_bytes(); 255]));

    let refused = |metric: &str, path: Vec<&str>| NamesBuf::new(metric, path).unwrap_err();
    let metric = "m".repeat(65_536);
    let element = "e".repeat(256);
    assert_eq!(
        refused(&metric, vec![]),
        TooLong { field: "metric name", len: 65_536, len_max: 65_535 }
    );
    assert_eq!(
        refused("m", vec![&element]),
        TooLong { field: "path element", len: 256, len_max: 255 }
    );
    assert_eq!(refused("m", vec!["e"; 256]), TooLong { field: "path", len: 256, len_max: 255 });
}

#[test]
fn names_cannot_steer_a_terminal() {
    let names = NamesBuf::new(b"m\x1b[2J", [&b"\xff\n"[..], b"ok"]).unwrap();
    assert_eq!(names.as_names().to_string(), "m\\u{1b}[2J [\u{FFFD}\\n, ok]");
}

#[test]
fn names_are_told_apart_by_where_they_end() {
    let bytes = |metric, path: &[&str]| NamesBuf::new(metric, path).unwrap();
    let all =
        [bytes("ab", &[]), bytes("a", &["b"]), bytes("a", &["", "b"]), bytes("a", &["b", ""])];
    for (i, one) in all.iter().enumerate() {
        for (j, other) in all.iter().enumerate() {
            assert_eq!(one == other, i == j);
            assert_eq!(one.as_names() == other.as_names(), i == j);
        }
        assert_eq!(Names::from_bytes(one.as_names().as_bytes()), Some(one.as_names()));
    }
    assert_eq!(Names::from_bytes(b"\x01\0m\0rest"), None);
    assert_eq!(Names::from_bytes(b"\x01\0m"), None);
}
