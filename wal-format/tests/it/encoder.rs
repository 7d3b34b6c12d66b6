//! The encoder of many records, against bytes laid out by hand with a checksum bit by bit.

use crate::bytes::{frame, payload};
use proptest::collection::vec;
use proptest::prelude::*;
use std::num::NonZeroU32;
use wal_format::{Encoder, Names, NamesBuf, Record};

/// Whose names a record has.
#[derive(Clone, Copy, Debug)]
enum From {
    /// A series', which knows what they contribute.
    Series,
    /// A log's.
    Log,
}

#[derive(Clone, Debug)]
struct Sample {
    metric: Vec<u8>,
    path: Vec<Vec<u8>>,
    from: From,
    timestamp: i64,
    bits: u32,
    frequency: u32,
}

fn a_sample() -> impl Strategy<Value = Sample> {
    // Few lengths, so that they come again; some of them around the longest that is remembered.
    let metric = prop_oneof![vec(any::<u8>(), 0..4), vec(any::<u8>(), 110..130)];
    let path = vec(vec(any::<u8>(), 0..4), 0..3);
    let timestamp = prop_oneof![0..3_i64, any::<i64>()];
    let frequency = prop_oneof![0..4_u32, any::<u32>()];
    let from = prop_oneof![9 => Just(From::Series), 1 => Just(From::Log)];
    (metric, path, from, timestamp, any::<u32>(), frequency).prop_map(
        |(metric, path, from, timestamp, bits, frequency)| Sample {
            metric,
            path,
            from,
            timestamp,
            bits,
            frequency,
        },
    )
}

proptest! {
    #[test]
    fn what_the_encoder_appends_is_what_the_format_says(samples in vec(a_sample(), 1..40)) {
        let (mut encoder, mut log, mut expected) = (Encoder::new(), Vec::new(), Vec::new());
        for Sample { metric, path, from, timestamp, bits, frequency } in samples {
            let names = NamesBuf::new(&metric, &path).unwrap();
            let names = match from {
                From::Series => names.as_names(),
                From::Log => Names::from_bytes(names.as_names().as_bytes()).unwrap(),
            };
            let (value, seconds) = (f32::from_bits(bits), NonZeroU32::new(frequency));
            encoder.encode(&Record { names, timestamp, value, frequency: seconds }, &mut log);
            let path: Vec<&[u8]> = path.iter().map(Vec::as_slice).collect();
            expected.extend(frame(&payload(timestamp, &metric, &path, bits, frequency)));
        }
        prop_assert_eq!(log, expected);
    }
}
