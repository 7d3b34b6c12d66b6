//! Encoding and scanning records of 50 bytes, beside `memcpy` and CRC-32 of the same bytes.

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use std::num::NonZeroU32;
use wal_format::{Found, Known, NamesBuf, Reader, Record, Scan, encode_file_header};

/// One host's batch: so many records, each of another series.
const SERIES: usize = 632;

/// A log of about 32 MB: larger than the caches.
const BATCHES: usize = 1000;

fn main() {
    divan::main();
}

/// Names with which a record of ours takes 50 bytes.
fn names() -> Vec<NamesBuf> {
    let name = |k| NamesBuf::new("flops_any", [format!("thread{k:03}")]);
    (0..SERIES).filter_map(|k| name(k).ok()).collect()
}

fn batch(names: &[NamesBuf], timestamp: i64, log: &mut Vec<u8>) {
    let frequency = NonZeroU32::new(60);
    for (value, names) in (0_u16..).zip(names) {
        let names = names.as_names();
        Record { names, timestamp, value: f32::from(value), frequency }.encode(log);
    }
}

fn log() -> Vec<u8> {
    let names = names();
    let mut log = Vec::new();
    encode_file_header(&mut log);
    for minute in (0..).take(BATCHES) {
        batch(&names, 1_700_000_000 + 60 * minute, &mut log);
    }
    assert_eq!(log.len(), 4 + 50 * SERIES * BATCHES, "records of 50 bytes");
    log
}

#[divan::bench]
fn encode_a_batch(bencher: Bencher<'_, '_>) {
    let names = names();
    let mut log = Vec::with_capacity(1 << 20);
    bencher.counter(ItemsCount::new(SERIES)).counter(BytesCount::new(50 * SERIES)).bench_local(
        || {
            log.clear();
            batch(&names, 1_700_000_000, &mut log);
            black_box(&log);
        },
    );
}

#[divan::bench]
fn scan(bencher: Bencher<'_, '_>) {
    let log = log();
    bencher
        .counter(ItemsCount::new(SERIES * BATCHES))
        .counter(BytesCount::of_slice(&log))
        .bench_local(|| {
            let mut sum = 0.0;
            for found in Scan::new(black_box(&log)) {
                if let Found::Record(located) = found {
                    sum += located.record.value;
                }
            }
            sum
        });
}

#[divan::bench]
fn read_as_a_stream(bencher: Bencher<'_, '_>) {
    let log = log();
    bencher
        .counter(ItemsCount::new(SERIES * BATCHES))
        .counter(BytesCount::of_slice(&log))
        .bench_local(|| {
            let mut reader = Reader::new(&log[..]);
            let mut sum = 0.0;
            while let Ok(Some(Found::Record(located))) = reader.next() {
                sum += located.record.value;
            }
            sum
        });
}

/// As a start does it.
#[divan::bench]
fn read_known(bencher: Bencher<'_, '_>) {
    let log = log();
    bencher
        .counter(ItemsCount::new(SERIES * BATCHES))
        .counter(BytesCount::of_slice(&log))
        .bench_local(|| {
            let mut known = Known::default();
            let mut reader = Reader::new(&log[..]);
            let read = reader.read_known(&mut known, |_| 0.0, |sum, record| *sum += record.value);
            (read.is_ok(), known)
        });
}

#[divan::bench]
fn memcpy(bencher: Bencher<'_, '_>) {
    let log = log();
    let mut copy = vec![0; log.len()];
    bencher
        .counter(BytesCount::of_slice(&log))
        .bench_local(|| black_box(&mut copy).copy_from_slice(black_box(&log)));
}

#[divan::bench]
fn crc32(bencher: Bencher<'_, '_>) {
    let log = log();
    bencher.counter(BytesCount::of_slice(&log)).bench_local(|| crc32fast::hash(black_box(&log)));
}

/// What the checksums of so small payloads cost, one by one.
#[divan::bench]
fn crc32_of_each_payload(bencher: Bencher<'_, '_>) {
    let log = log();
    bencher
        .counter(ItemsCount::new(SERIES * BATCHES))
        .counter(BytesCount::of_slice(&log))
        .bench_local(|| {
            black_box(&log)[4..]
                .chunks(50)
                .map(|record| crc32fast::hash(&record[8..46]))
                .fold(0, |a, b| a ^ b)
        });
}
