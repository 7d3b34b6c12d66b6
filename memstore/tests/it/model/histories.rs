//! Histories that once went wrong, or nearly: each says which rule it is about.

use super::operation::{Kind, Operation, Operation::*, Query, Values};
use super::pair::run;

const MEM: usize = 0; // every 60 s, sum
const AT_HOST: (usize, usize) = (0, MEM);
const AT_SOCKET0: (usize, usize) = (1, MEM);
const AT_SOCKET1: (usize, usize) = (2, MEM);
const EVERYWHERE: Query =
    Query { selector: 0, metric: MEM, from: i64::MIN, to: i64::MAX, resolution: 0 };

fn check(history: &[Operation]) {
    assert_eq!(run(history), Ok(()));
}

fn write(key: (usize, usize), timestamp: i64) -> Operation {
    Write { key, frequency: 60, timestamp, bits: 2.5f32.to_bits() }
}

fn stretch(key: (usize, usize), from: i64, count: usize) -> Operation {
    let values = Values { kind: Kind::TwoDecimals, count, missing_percent: 0, seed: 1 };
    Stretch { key, frequency: 60, from, step: 60, jitter: 0, values }
}

fn load(key: (usize, usize), start: i64, count: usize, missing_percent: u64) -> Operation {
    let values = Values { kind: Kind::Constant, count, missing_percent, seed: 3 };
    Load { key, frequency: 60, start, values, foreign: false, clean: true }
}

#[test]
fn a_missing_value_of_a_file_overwrites_none() {
    check(&[stretch(AT_HOST, 6000, 700), load(AT_HOST, 6000, 700, 50), Read(EVERYWHERE)]);
}

#[test]
fn a_failed_capture_gives_its_slots_back() {
    let written = [stretch(AT_HOST, 6000, 700), Capture, write(AT_HOST, 6060), CaptureFails];
    check(&[&written[..], &[Capture, CaptureIsDurable]].concat());
}

#[test]
fn what_is_overwritten_while_in_flight_is_captured_again() {
    let written = [stretch(AT_HOST, 6000, 700), Capture, write(AT_HOST, 6060), CaptureIsDurable];
    check(&[&written[..], &[Capture, CaptureIsDurable]].concat());
}

#[test]
fn a_late_sample_of_another_second_keeps_the_phase_of_its_run() {
    check(&[
        stretch(AT_HOST, 60_000, 600),
        write(AT_HOST, 60_000 - 512 * 60 + 7),
        write(AT_HOST, 60_000 - 1025 * 60),
        Read(EVERYWHERE),
    ]);
}

#[test]
fn a_collector_that_restarts_with_another_second_opens_a_run_behind_a_long_one() {
    let long = [stretch(AT_HOST, 6000, 512), write(AT_HOST, 6000 + 512 * 60 + 16), CompareAll];
    check(&long);
    check(&[stretch(AT_HOST, 6000, 511), write(AT_HOST, 6000 + 511 * 60 + 16), CompareAll]);
}

#[test]
fn a_sum_is_missing_where_one_of_its_series_is() {
    check(&[
        stretch(AT_SOCKET0, 6000, 50),
        stretch(AT_SOCKET1, 6600, 20),
        stretch(AT_SOCKET1, 6600 + 21 * 60, 5),
        Read(EVERYWHERE),
    ]);
}

#[test]
fn what_is_freed_is_neither_there_nor_counted() {
    let clean = load(AT_HOST, 6000, 5000, 1);
    check(&[clean, Free { selector: 0, before: 6000 + 2500 * 60 }, Read(EVERYWHERE), FreeAll]);
}

#[test]
fn a_nominal_time_is_in_a_series_once_whatever_the_frequency() {
    let minutes = load(AT_HOST, 9000 - 5 * 60, 30, 0);
    let every_300 = |timestamp| Write { key: AT_HOST, frequency: 300, timestamp, bits: 0 };
    check(&[every_300(6000), every_300(9000), minutes, Read(EVERYWHERE), Capture]);
}

#[test]
fn where_runs_are_many_values_between_them_are_moved_and_counted() {
    let at = |start: i64| move |count: usize| load(AT_HOST, start, count, 0);
    let interleaved = [at(6000)(2000), at(6020)(700), CompareAll, at(6033)(1500), CompareAll];
    check(&interleaved);
    // Behind all of them, in gaps between them, and before them.
    let far = 6000 + 60 * 4000;
    let around = [at(far + 7)(3), at(far - 60 * 600 + 1)(2), at(-90_000)(4), at(5000)(9)];
    check(&[&interleaved[..], &around, &[Capture, CompareAll]].concat());
    // In the phase of a run that is not of its kind: it need not be moved.
    let values = Values { kind: Kind::Few, count: 40, missing_percent: 0, seed: 4 };
    let foreign =
        Load { key: AT_HOST, frequency: 60, start: 5400, values, foreign: true, clean: true };
    check(&[&interleaved[..], &[foreign, CompareAll]].concat());
    let hours = Values { kind: Kind::Few, count: 30, missing_percent: 10, seed: 5 };
    let hours = Load {
        key: AT_HOST,
        frequency: 3600,
        start: 6011,
        values: hours,
        foreign: true,
        clean: false,
    };
    check(&[&interleaved[..], &[hours, Capture, CaptureIsDurable]].concat());
}

#[test]
fn a_gap_is_not_left_to_be_saved_by_what_a_file_makes_clean() {
    let far = 6000 + 400 * 60;
    let written = [write(AT_HOST, 6000), write(AT_HOST, far)];
    check(&[&written[..], &[load(AT_HOST, far, 1, 0), Capture, CaptureFails]].concat());
    check(&[&written[..], &[load(AT_HOST, 6000, 1, 0), load(AT_HOST, far, 1, 0)]].concat());
}
