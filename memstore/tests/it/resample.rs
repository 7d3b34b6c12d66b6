//! Resampling, against what the Go store answered.

use memstore::resample::{MIN_LEN, Method, NotAMultiple, resample};
use serde_json::Value;
use std::collections::BTreeMap;

const METHODS: [Method; 3] = [Method::Lttb, Method::Average, Method::Simple];

fn numbers(value: &Value) -> Vec<f64> {
    let numbers = value.as_array().expect("an array");
    numbers.iter().map(|number| number.as_f64().unwrap_or(f64::NAN)).collect()
}

fn assert_same(answer: &[f64], golden: &[f64], tolerance: f64, case: &str) {
    assert_eq!(answer.len(), golden.len(), "{case}");
    for (at, (ours, theirs)) in answer.iter().zip(golden).enumerate() {
        let same = (ours - theirs).abs() <= tolerance || (ours.is_nan() && theirs.is_nan());
        assert!(same, "{case}: {ours} instead of {theirs} at {at}");
    }
}

#[test]
fn every_golden_answer_is_ours() {
    let golden = include_str!("../data/lttb.json");
    let cases: Vec<Value> = serde_json::from_str(golden).expect("JSON");
    assert_eq!(cases.len(), 45);
    // The first case of every length has the input of all of them.
    let mut inputs = BTreeMap::new();
    for case in &cases {
        let integer = |name: &str| case[name].as_i64().expect("an integer");
        if case.get("input").is_some() {
            inputs.insert(integer("n"), numbers(&case["input"]));
        }
        let mut input = inputs[&integer("n")].clone();
        let gaps = usize::try_from(integer("nan_every_97_at")).expect("an index");
        if gaps > 0 {
            input.iter_mut().skip(gaps).step_by(97).for_each(|value| *value = f64::NAN);
        }
        check_golden(case, &input, integer("old_frequency"), integer("new_frequency"));
    }
}

#[expect(clippy::cast_possible_truncation, reason = "that is how series hold them")]
fn check_golden(case: &Value, input: &[f64], frequency_s: i64, resolution_s: i64) {
    let name = format!("{} points, {frequency_s} s to {resolution_s} s", input.len());
    let singles: Vec<f32> = input.iter().map(|&value| value as f32).collect();
    let answer = resample(input, frequency_s, resolution_s, Method::Lttb);
    let single = resample(&singles, frequency_s, resolution_s, Method::Lttb);
    if case.get("error").is_some() {
        assert_eq!(answer, Err(NotAMultiple { frequency_s, resolution_s }), "{name}");
        assert_eq!(single, Err(NotAMultiple { frequency_s, resolution_s }), "{name}");
    } else if case.get("unchanged").is_some() {
        assert_eq!((answer, single), (Ok(None), Ok(None)), "{name}");
    } else {
        assert_eq!(case["got_frequency"], resolution_s, "{name}");
        let golden = numbers(&case["values"]);
        assert_same(&answer.expect("fits").expect("cut down"), &golden, 0.0, &name);
        let single = single.expect("fits").expect("cut down");
        let single: Vec<f64> = single.into_iter().map(f64::from).collect();
        assert_same(&single, &golden, 1e-5, &name);
    }
}

#[test]
fn averages_leave_out_missing_points_and_an_incomplete_end() {
    let mut values: Vec<f64> = (0..1003_u16).map(f64::from).collect();
    values[1] = f64::NAN;
    values[4..8].fill(f64::NAN);
    let answer = resample(&values, 15, 60, Method::Average).expect("fits").expect("cut down");
    assert_eq!(answer.len(), 250);
    assert_same(&answer[..3], &[5.0 / 3.0, f64::NAN, 9.5], 1e-15, "average");
    assert_same(&answer[249..], &[997.5], 0.0, "average");
}

#[test]
fn simple_takes_the_first_of_each_bucket() {
    let mut values: Vec<f32> = (0..1003_u16).map(f32::from).collect();
    values[8] = f32::NAN;
    let answer = resample(&values, 15, 60, Method::Simple).expect("fits").expect("cut down");
    assert_eq!((answer.len(), answer[0], answer[1], answer[249]), (250, 0.0, 4.0, 996.0));
    assert!(answer[2].is_nan());
}

#[test]
fn odd_resolutions_are_an_answer_or_an_error_and_never_a_panic() {
    let values: Vec<f64> = (0..1500_u16).map(f64::from).collect();
    let odd = [i64::MIN, -60, -1, 0, 1, 2, 3, 7, 59, 60, 61, 120, 750, 1499, 1500, 1501, i64::MAX];
    for method in METHODS {
        for frequency_s in odd {
            for resolution_s in odd {
                for len in [0, 1, 2, MIN_LEN - 1, MIN_LEN, 1001, 1500] {
                    let answer = resample(&values[..len], frequency_s, resolution_s, method);
                    if frequency_s <= 0 || resolution_s <= frequency_s {
                        assert_eq!(answer, Ok(None));
                    } else if resolution_s % frequency_s != 0 {
                        assert_eq!(answer, Err(NotAMultiple { frequency_s, resolution_s }));
                    } else if let Ok(Some(points)) = answer {
                        assert!(!points.is_empty() && points.len() <= len / 2 && len >= MIN_LEN);
                    }
                }
            }
        }
    }
}

#[test]
fn a_series_of_gaps_alone_stays_one() {
    for method in METHODS {
        let answer = resample(&[f32::NAN; 1200], 60, 600, method).expect("fits").expect("cut down");
        assert!(answer.len() == 120 && answer.iter().all(|value| value.is_nan()));
    }
}
