//! Log records of a host's minute, 50 bytes each.

use std::hint::black_box;
use std::num::NonZeroU32;

use wal_format::{Found, NamesBuf, Record, Scan, encode_file_header};

use crate::kernel::SERIES;

fn names() -> Vec<NamesBuf> {
    let name = |k| NamesBuf::new("flops_any", [format!("thread{k:03}")]).unwrap();
    (0..SERIES).map(name).collect()
}

fn batch(names: &[NamesBuf], log: &mut Vec<u8>) {
    let (frequency, timestamp) = (NonZeroU32::new(60), 1_700_000_000);
    for (value, names) in (0_u16..).zip(names) {
        let names = names.as_names();
        Record { names, timestamp, value: f32::from(value), frequency }.encode(log);
    }
}

pub(crate) fn encode() -> Box<dyn FnMut()> {
    let (names, mut log) = (names(), Vec::with_capacity(1 << 20));
    Box::new(move || {
        log.clear();
        batch(black_box(&names), &mut log);
        black_box(&log);
    })
}

pub(crate) fn scan() -> Box<dyn FnMut()> {
    let mut log = Vec::new();
    encode_file_header(&mut log);
    batch(&names(), &mut log);
    Box::new(move || {
        let mut sum = 0.0;
        for found in Scan::new(black_box(&log)) {
            if let Found::Record(located) = found {
                sum += located.record.value;
            }
        }
        black_box(sum);
    })
}
