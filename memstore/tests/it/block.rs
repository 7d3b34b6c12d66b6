//! Sealed blocks: what goes in comes out, to the bit, by every way of reading.

use crate::common::{KINDS, Random, host, series};
use memstore::{BLOCK_LEN, Block, MISSING};
use proptest::prelude::*;

/// What a block gives back: NaN is NaN.
fn canonical(values: &[f32]) -> Vec<u32> {
    let bits = |value: &f32| if value.is_nan() { MISSING.to_bits() } else { value.to_bits() };
    values.iter().map(bits).collect()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn decoded(block: &Block, from: usize, len: usize) -> Vec<f32> {
    // Neither a value of any test nor missing.
    let mut out = vec![f32::from_bits(0x7fab_cdef); len];
    block.decode_range(from, &mut out);
    out
}

/// Seals, reads back as a whole and one by one; returns the block.
fn check(values: &[f32]) -> Block {
    let (block, rest) = Block::encode(values);
    let (sealed, left) = values.split_at(values.len().min(BLOCK_LEN));
    assert_eq!(bits(rest), bits(left));
    assert_eq!((block.len(), block.is_empty()), (sealed.len(), sealed.is_empty()));
    let expected = canonical(sealed);
    assert_eq!(bits(&decoded(&block, 0, sealed.len())), expected, "{block:?}");
    let one_by_one: Vec<f32> = (0..sealed.len()).map(|at| block.get(at)).collect();
    assert_eq!(bits(&one_by_one), expected, "{block:?}");
    assert!(block.get(sealed.len()).is_nan() && block.get(usize::MAX).is_nan());
    // Never larger than the values, rounded to rows, and what surrounds them.
    let most = 16 + 8 + sealed.len().next_multiple_of(4) * 4;
    assert!(block.heap_bytes() <= most, "{} of {most}: {block:?}", block.heap_bytes());
    block
}

const EDGES: [f32; 24] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.1,
    -0.01,
    f32::MIN_POSITIVE,
    -f32::MIN_POSITIVE,
    f32::EPSILON,
    f32::MAX,
    f32::MIN,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::NAN,
    1e-45,
    -1e-45,
    16_777_215.0,
    16_777_216.0,
    -16_777_216.0,
    2_147_483_648.0,
    -2_147_483_648.0,
    4_294_967_296.0,
    1e10,
    core::f32::consts::PI,
];

#[test]
fn edge_values_alone_in_pairs_and_among_others_come_back() {
    for a in EDGES {
        for b in EDGES {
            for len in [1, 2, 3, 5, 127, 128, 129, 512] {
                check(&vec![a; len]);
                let mut values = vec![a; len];
                values[len / 2] = b;
                check(&values);
                let alternating: Vec<_> = [a, b].into_iter().cycle().take(len).collect();
                check(&alternating);
            }
        }
    }
    check(&EDGES);
    check(&EDGES.repeat(20));
}

#[test]
fn every_nan_is_the_same_missing_sample() {
    let nans = [0x7fc0_0000, 0xffc0_0000, 0x7f80_0001, 0xffff_ffff, 0x7fff_ffff, 0xff80_0001];
    let mut values: Vec<f32> = nans.map(f32::from_bits).to_vec();
    check(&values);
    values.extend([1.0, 2.5, f32::INFINITY]);
    check(&values.repeat(30));
    for nan in nans {
        // Alone, it is an exception.
        let mut values = [7.25; BLOCK_LEN];
        values[300] = f32::from_bits(nan);
        check(&values);
    }
}

#[test]
fn every_length_of_every_kind_of_series_comes_back() {
    for kind in KINDS {
        let values = series(kind, 3, BLOCK_LEN);
        for len in 0..=BLOCK_LEN {
            check(&values[..len]);
        }
    }
}

#[test]
fn every_series_of_a_host_comes_back() {
    for values in host(5, 3 * BLOCK_LEN / 2) {
        values.chunks(BLOCK_LEN).for_each(|values| drop(check(values)));
    }
}

#[test]
fn what_is_longer_than_a_block_is_left_over() {
    let values = series(KINDS[1], 1, BLOCK_LEN + 77);
    assert_eq!(check(&values).len(), BLOCK_LEN);
}

#[test]
fn values_of_every_exponent_come_back() {
    let mut random = Random::new(11);
    for exponent in 0..=255_u32 {
        let mantissa = |random: &mut Random| (random.bits() & 0x807f_ffff) as u32;
        let values: Vec<_> = (0..BLOCK_LEN)
            .map(|_| f32::from_bits(mantissa(&mut random) | (exponent << 23)))
            .collect();
        check(&values);
        check(&values[..100]);
    }
    let any: Vec<_> = (0..20 * BLOCK_LEN).map(|_| f32::from_bits(random.bits() as u32)).collect();
    any.chunks(BLOCK_LEN).for_each(|values| drop(check(values)));
}

#[test]
fn decimals_as_parsed_come_back_and_are_small() {
    let mut random = Random::new(13);
    for decimals in 0..=7_u32 {
        for digits in 1..=7_u32 {
            let bound = 10_u64.pow(digits);
            // As a collector prints them, and as a parser reads them.
            let values: Vec<f32> = (0..BLOCK_LEN)
                .map(|_| (random.bits() % (2 * bound)) as i64 - bound as i64)
                .map(|integer| format!("{integer}e-{decimals}").parse().expect("a number"))
                .filter(|value: &f32| value.to_bits() != (-0.0_f32).to_bits())
                .collect();
            let bytes = check(&values).heap_bytes() - 16 - 8;
            // One bit for the sign.
            let width = (2 * bound).ilog2() as usize + 1;
            assert!(
                bytes <= values.len().div_ceil(128) * 16 * width,
                "{decimals} {digits} {bytes}"
            );
        }
    }
}

#[test]
fn two_decimals_of_every_hundredth_up_to_ten_thousand_come_back() {
    let all: Vec<f32> = (0..1_000_000_u32)
        .map(|hundredths| f64::from(hundredths) / 100.0)
        .map(|v| v as f32)
        .collect();
    for values in all.chunks(BLOCK_LEN) {
        let block = check(values);
        assert!(block.heap_bytes() <= 16 + 8 + 4 * 16 * 9 + 8, "{block:?}");
    }
}

#[test]
fn a_part_is_the_part_of_the_whole() {
    let mut random = Random::new(17);
    for kind in KINDS {
        for len in [1, 5, 128, 131, 300, BLOCK_LEN] {
            let mut values = series(kind, 17, len);
            for _ in 0..len / 20 {
                let at = random.bits() as usize % len;
                values[at] = f32::from_bits(random.bits() as u32);
            }
            let block = check(&values);
            let mut expected = canonical(&values);
            // And behind the end.
            expected.resize(len + 5, MISSING.to_bits());
            for from in 0..=expected.len() {
                for to in from..=expected.len() {
                    let part = decoded(&block, from, to - from);
                    assert!(bits(&part) == expected[from..to], "{from}..{to} of {block:?}");
                }
            }
        }
    }
}

#[test]
fn a_part_far_behind_the_end_is_missing() {
    let block = check(&[1.0, 2.0]);
    for from in [2, 3, 511, 512, usize::MAX] {
        assert_eq!(bits(&decoded(&block, from, 300)), [MISSING.to_bits(); 300]);
    }
}

#[test]
fn statistics_of_a_part_are_those_of_its_values() {
    let values = series(KINDS[1], 23, 400);
    let block = check(&values);
    let ends = [0, 1, 127, 128, 129, 200, 399, 400, 401, 1000, usize::MAX];
    for from in ends {
        for count in ends {
            let start = from.min(values.len());
            let end = from.saturating_add(count).min(values.len());
            let part: Vec<f64> = values[start..end.max(start)].iter().map(|&v| v.into()).collect();
            let present: Vec<f64> = part.into_iter().filter(|value| !value.is_nan()).collect();
            let stats = block.stats(from, count);
            assert_eq!(stats.count, present.len() as u64, "{count} from {from}");
            assert!((stats.sum - present.iter().sum::<f64>()).abs() < 1e-6);
        }
    }
}

#[test]
fn nothing_and_one_constant_take_a_header() {
    for value in [MISSING, 0.0, -0.0, 12.34, f32::MAX, f32::INFINITY] {
        for len in 1..=BLOCK_LEN {
            assert_eq!(check(&vec![value; len]).heap_bytes(), 16 + 8, "{len} of {value}");
        }
    }
}

#[test]
fn few_gaps_in_a_constant_cost_six_bytes_each_and_many_a_bit_per_value() {
    let mut values = [7.25; BLOCK_LEN];
    values[100] = MISSING;
    assert_eq!(check(&values).heap_bytes(), 16 + 8 + 8);
    values[200..400].fill(MISSING);
    assert_eq!(check(&values).heap_bytes(), 16 + 8 + BLOCK_LEN / 8);
}

#[test]
fn outliers_do_not_make_a_block_wide() {
    let mut values: Vec<f32> = (0..512_u16).map(|i| f32::from(i % 100) / 100.0).collect();
    let narrow = check(&values).heap_bytes();
    for (at, outlier) in
        [(3, 1e30), (77, -1e9), (100, -0.0), (300, 0.123_456_79), (511, f32::INFINITY)]
    {
        values[at] = outlier;
    }
    assert!(check(&values).heap_bytes() <= narrow + 5 * 6 + 2);
}

/// Two clusters of decimals, each too small for a frame of its own: found by `proptest`.
#[test]
fn a_block_that_no_frame_suits_is_no_larger_than_its_values() {
    let mut values = [0.0, 0.15, -0.01, MISSING].repeat(8);
    values.extend([f32::INFINITY, -16_777_216.0, 16_777_215.0, 123_456.7]);
    for len in 1..=values.len() {
        check(&values[..len]);
        check(&values[values.len() - len..]);
    }
    let found = [[0.0; 6], [-0.01; 6], [0.15, 0.15, 0.15, -0.01, MISSING, MISSING]].concat();
    let outliers = [f32::INFINITY, -16_777_216.0, 16_777_215.0, MISSING, 0.15, -0.01, 0.0];
    check(&[&found[..], &outliers, &found[6..12], &[MISSING]].concat());
}

#[test]
fn reciprocals_of_decimals_are_as_small_as_decimals() {
    let cycles = |i: u16| f64::from(i % 128 + 60) / 100.0;
    let values: Vec<f32> = (0..512).map(|i| (1.0 / cycles(i)) as f32).collect();
    let block = check(&values);
    assert!(block.heap_bytes() < 16 + 8 + 512 + 64, "{block:?}");
}

/// The bits of values such as series have, and of others.
fn any_value() -> impl Strategy<Value = f32> {
    prop_oneof![
        4 => (-100_000..100_000_i32).prop_map(|hundredths| (f64::from(hundredths) / 100.0) as f32),
        2 => (0..50_u16).prop_map(f32::from),
        1 => any::<u32>().prop_map(f32::from_bits),
        1 => proptest::sample::select(&EDGES[..]),
        1 => Just(MISSING),
        1 => (0..5_000_u16).prop_map(|divisor| 100.0 / f32::from(divisor)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_mixture_comes_back(values in prop::collection::vec(any_value(), 0..=BLOCK_LEN)) {
        check(&values);
    }

    #[test]
    fn stretches_of_one_kind_with_outliers_come_back(
        stretches in prop::collection::vec((any_value(), 0.0..100_f32, 1..200_usize), 1..6),
        outliers in prop::collection::vec((0..BLOCK_LEN, any::<u32>()), 0..20),
        decimals in 0..4_i32,
    ) {
        let mut values = Vec::new();
        let ten = 10_f32.powi(decimals);
        for (start, step, len) in stretches {
            values.extend((0..len).map(|i| ((start + step * i as f32) * ten).round() / ten));
        }
        for (at, bits) in outliers {
            if let Some(value) = values.get_mut(at) {
                *value = f32::from_bits(bits);
            }
        }
        check(&values);
    }
}
