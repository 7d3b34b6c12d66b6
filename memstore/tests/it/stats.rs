//! Statistics, against sums taken one by one.

use crate::common::{KINDS, series};
use memstore::Stats;

fn check(values: &[f32]) {
    let finite: Vec<f32> = values.iter().copied().filter(|value| value.is_finite()).collect();
    let stats = Stats::of(values);
    assert_eq!(stats.count, finite.len() as u64);
    let sum: f64 = finite.iter().map(|&value| f64::from(value)).sum();
    assert!((stats.sum - sum).abs() <= sum.abs() * 1e-12 + 1e-9, "{} {sum}", stats.sum);
    if finite.is_empty() {
        assert!(stats.min.is_nan() && stats.max.is_nan() && stats.avg().is_none());
    } else {
        let low = finite.iter().copied().fold(f32::INFINITY, f32::min);
        let high = finite.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        assert_eq!((stats.min, stats.max), (low, high));
    }
}

#[test]
fn every_length_gives_what_a_simple_loop_gives() {
    for kind in KINDS {
        let values = series(kind, 7, 300);
        for len in 0..=values.len() {
            check(&values[..len]);
        }
    }
}

#[test]
fn missing_samples_and_infinities_are_left_out() {
    check(&[f32::NAN, f32::INFINITY, f32::NEG_INFINITY]);
    check(&[f32::NAN, 1.0, f32::INFINITY, -2.0, f32::NEG_INFINITY]);
    check(&[f32::MAX, f32::MAX, f32::MIN, f32::MAX]);
}

#[test]
fn sums_are_taken_in_double_precision() {
    let stats = Stats::of(&vec![16_777_216.0; 100_000]);
    assert_eq!((stats.count, stats.sum), (100_000, 1_677_721_600_000.0));
}

#[test]
fn merged_parts_are_the_whole_and_nothing_adds_nothing() {
    let values = [3.0, f32::NAN, -1.0, 8.5, 2.0];
    for split in 0..=values.len() {
        let (left, right) = values.split_at(split);
        let merged = Stats::of(left).merge(Stats::of(right));
        assert_eq!((merged.count, merged.sum, merged.min, merged.max), (4, 12.5, -1.0, 8.5));
    }
    let stats = Stats::default().merge(Stats::default());
    assert!(stats.count == 0 && stats.min.is_nan() && stats.max.is_nan());
}
