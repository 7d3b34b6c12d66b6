use super::*;
use crate::sample::{Loaded, Origin, State};
use crate::slots::BLOCK_SLOTS;
use proptest::prelude::*;

const MINUTE: NonZeroU32 = NonZeroU32::new(60).unwrap();
const HOUR: NonZeroU32 = NonZeroU32::new(3600).unwrap();

fn series() -> Series {
    Series::new()
}

fn write(series: &mut Series, time: i64) -> Result<i64, Refused> {
    series.write(MINUTE, time, 1.0, &Limits::NONE, 200).map(|placed| placed.nominal)
}

fn loaded(start: i64, values: &[f32]) -> Loaded<'_> {
    Loaded { start, frequency: MINUTE, values, origin: Origin::Ours, state: State::Clean }
}

fn load(series: &mut Series, start: i64, values: &[f32]) {
    series.load(&loaded(start, values), 200).unwrap();
}

/// Start, frequency and number of slots.
fn runs(series: &Series) -> Vec<(i64, u32, u32)> {
    series.runs().iter().map(|run| (run.start, run.frequency.get(), run.len())).collect()
}

#[test]
fn a_slot_takes_from_half_an_interval_before_to_half_an_interval_behind() {
    let mut series = series();
    for (time, nominal) in [(1000, 1000), (1029, 1000), (1030, 1060), (1089, 1060), (1090, 1120)] {
        assert_eq!(write(&mut series, time), Ok(nominal));
    }
    assert_eq!(runs(&series), [(1000, 60, 3)]);
}

#[test]
fn a_run_is_extended_by_512_slots_in_both_directions_and_no_further() {
    for (slots, start) in [(512, None), (513, Some(513)), (-512, None), (-513, Some(-513))] {
        let mut series = series();
        write(&mut series, 0).unwrap();
        assert_eq!(write(&mut series, 60 * slots + 1), Ok(60 * slots + i64::from(start.is_some())));
        assert_eq!(series.runs().len(), 1 + usize::from(start.is_some()), "{slots} slots");
    }
}

#[test]
fn in_front_of_a_run_values_keep_their_slots_and_their_states() {
    let mut series = series();
    (0..700).for_each(|minute| assert_eq!(write(&mut series, 60 * minute), Ok(60 * minute)));
    series.runs_mut()[0].set_in_flight();
    assert_eq!(write(&mut series, -60 * 300), Ok(-60 * 300));
    let run = &series.runs()[0];
    assert_eq!((run.start, run.len()), (-18_000, 1000));
    let has_value: Vec<_> = (0..1000).filter(|&at| !run.slots.get(at).is_nan()).collect();
    assert!(has_value.into_iter().eq([0].into_iter().chain(300..1000)));
    let slots = |spans: &crate::spans::Spans| {
        spans.iter().flatten().map(|position| run.slots.index(position)).collect::<Vec<_>>()
    };
    assert_eq!(slots(&run.dirty), [0]);
    assert_eq!(slots(&run.in_flight), (300..1000).collect::<Vec<_>>());
}

#[test]
fn a_long_run_is_left_for_a_sample_that_is_off_by_more_than_a_quarter() {
    for (len, off, opens) in [(511, 16, false), (512, 15, false), (512, 16, true), (512, -16, true)]
    {
        let mut series = series();
        (0..len).for_each(|minute| assert!(write(&mut series, 60 * minute).is_ok()));
        write(&mut series, 60 * len + off).unwrap();
        assert_eq!(series.runs().len() == 2, opens, "{len} slots, {off} off");
    }
}

#[test]
fn what_arrives_never_continues_a_foreign_run_but_fills_it() {
    let mut series = series();
    let foreign = Loaded { origin: Origin::Foreign, ..loaded(1000, &[1.0, f32::NAN, 1.0]) };
    series.load(&foreign, 0).unwrap();
    assert_eq!(write(&mut series, 1070), Ok(1060));
    assert_eq!(write(&mut series, 1170), Ok(1170));
    assert_eq!(runs(&series), [(1000, 60, 3), (1170, 60, 1)]);
    // In front, it is continued.
    assert_eq!(write(&mut series, 945), Ok(940));
}

#[test]
fn another_frequency_opens_a_run_and_the_earlier_one_keeps_its_slots() {
    let mut series = series();
    write(&mut series, 0).unwrap();
    series.write(HOUR, 100, 1.0, &Limits::NONE, 0).unwrap();
    assert_eq!(runs(&series), [(0, 60, 1), (100, 3600, 1)]);
    // Both have a slot that takes it: the earlier one has it.
    assert_eq!(write(&mut series, 29), Ok(0));
    assert_eq!(write(&mut series, 31), Ok(100));
}

#[test]
fn between_runs_it_is_forwards_before_backwards_and_never_into_the_next() {
    let mut series = series();
    write(&mut series, 0).unwrap();
    write(&mut series, 60 * 1000 + 20).unwrap();
    assert_eq!(write(&mut series, 60 * 400), Ok(60 * 400));
    // 600 slots to the first run, and 87 to the second.
    assert_eq!(write(&mut series, 60 * 913), Ok(60 * 913 + 20));
    assert_eq!(runs(&series), [(0, 60, 401), (60 * 913 + 20, 60, 88)]);
}

#[test]
fn a_loaded_value_of_another_phase_splits_the_run_around_it() {
    let mut series = series();
    (0..600).for_each(|minute| assert!(write(&mut series, 60 * minute).is_ok()));
    load(&mut series, 60 * 300 + 7, &[5.0]);
    assert_eq!(runs(&series), [(0, 60, 301), (18_007, 60, 1), (18_060, 60, 299)]);
    assert_eq!(series.runs()[1].slots.get(0).to_bits(), 5.0_f32.to_bits());
    let unsaved = series.runs().iter().map(|run| run.dirty.iter().map(|span| span.len()).sum());
    assert_eq!(unsaved.collect::<Vec<usize>>(), [301, 0, 299]);
}

#[test]
fn values_that_interleave_with_a_run_go_exactly_where_they_belong() {
    let mut series = series();
    load(&mut series, 0, &[1.0; 10]);
    load(&mut series, 30, &[2.0; 10]);
    assert_eq!(series.runs().len(), 20);
    for minute in 0..10 {
        for (off, value) in [(0, 1.0_f32), (30, 2.0)] {
            let run = series.runs().iter().find(|run| run.start == 60 * minute + off).unwrap();
            assert_eq!((run.len(), run.slots.get(0).to_bits()), (1, value.to_bits()));
        }
    }
}

#[test]
fn a_gap_of_more_than_512_slots_between_loaded_values_divides_runs() {
    let mut values = vec![f32::NAN; 2000];
    for at in [3, 515, 1028] {
        values[at] = 1.0;
    }
    let mut series = series();
    load(&mut series, 0, &values);
    assert_eq!(runs(&series), [(180, 60, 513), (60 * 1028, 60, 1)]);
}

#[test]
fn a_value_of_another_frequency_goes_into_the_slot_of_its_time() {
    let mut series = series();
    load(&mut series, 0, &[1.0; 100]);
    let hours = Loaded { frequency: HOUR, ..loaded(0, &[7.0, 8.0]) };
    series.load(&hours, 0).unwrap();
    assert_eq!(runs(&series), [(0, 60, 100)]);
    assert_eq!(
        [0, 1, 60].map(|at| series.runs()[0].slots.get(at).to_bits()),
        [7.0_f32, 1.0, 8.0].map(f32::to_bits)
    );
}

#[test]
fn missing_values_overwrite_nothing_and_equal_clean_ones_stay_clean() {
    let mut series = series();
    load(&mut series, 0, &[1.0; 600]);
    let mut again = [1.0; 600];
    (again[3], again[4], again[500]) = (f32::NAN, 2.0, -0.0);
    series.load(&Loaded { state: State::Dirty, ..loaded(0, &again) }, 0).unwrap();
    let run = &series.runs()[0];
    let dirty: Vec<_> =
        run.dirty.iter().flatten().map(|position| run.slots.index(position)).collect();
    assert_eq!(dirty, [4, 500]);
    assert_eq!([3, 4].map(|at| run.slots.get(at).to_bits()), [1.0_f32, 2.0].map(f32::to_bits));
}

#[test]
fn the_phase_of_a_series_that_was_freed_is_kept_for_512_slots() {
    for (slots, kept) in [(1, true), (512, true), (513, false)] {
        let mut series = series();
        load(&mut series, 1000, &[1.0; 3]);
        assert!(series.free(1121).slots == 3 && series.runs().is_empty());
        let time = 1120 + 60 * slots + 20;
        assert_eq!(write(&mut series, time), Ok(if kept { time - 20 } else { time }));
    }
    let mut series = series();
    load(&mut series, 1000, &[1.0; 3]);
    series.free(1121);
    assert!(!series.is_done_before(1120 - 30 + 513 * 60 - 1));
    assert!(series.is_done_before(1120 - 30 + 513 * 60));
}

#[test]
fn only_whole_blocks_that_are_clean_and_old_are_freed() {
    let mut series = series();
    load(&mut series, 0, &vec![1.0; 3 * BLOCK_SLOTS as usize]);
    let first = i64::from(BLOCK_SLOTS - 200); // The lead is 200.
    assert_eq!(series.free(60 * (first - 1)).slots, 0);
    assert_eq!(series.free(60 * (first - 1) + 1).slots, BLOCK_SLOTS - 200);
    assert_eq!(series.runs()[0].start, 60 * first);
    assert_eq!(write(&mut series, 60 * first + 60), Ok(60 * first + 60));
    assert_eq!(series.free(i64::MAX).slots, 0, "the first block is dirty");
}

#[test]
fn at_the_limits_of_time_a_slot_is_right_or_refused() {
    for time in [i64::MIN, i64::MIN + 1, -1, i64::MAX - 1, i64::MAX] {
        let mut series = series();
        assert_eq!(write(&mut series, time), Ok(time));
        for other in
            [i64::MIN, i64::MIN + 29, i64::MIN + 31, 0, i64::MAX - 31, i64::MAX - 29, i64::MAX]
        {
            match write(&mut series, other) {
                Ok(nominal) => assert!(nominal.abs_diff(other) <= 30),
                Err(refused) => assert_eq!(refused, Refused::OutOfRange),
            }
        }
    }
    let mut series = series();
    write(&mut series, i64::MAX - 50).unwrap();
    // The slot that takes it would be at `i64::MAX + 10`.
    assert_eq!(write(&mut series, i64::MAX), Err(Refused::OutOfRange));
    assert_eq!(series.load(&loaded(i64::MAX - 59, &[1.0, 1.0]), 0), Err(Refused::OutOfRange));
    assert_eq!(series.load(&loaded(i64::MAX - 59, &[1.0, f32::NAN]), 0), Ok(0));
    assert_eq!(runs(&series).len(), 2);
}

#[test]
fn a_refused_sample_changes_nothing() {
    let mut series = series();
    write(&mut series, 1000).unwrap();
    let limits = Limits { oldest: 900, newest: 2000, takes_from: 1060 };
    let mut refused = |time| series.write(MINUTE, time, 1.0, &limits, 0).unwrap_err();
    assert_eq!(refused(899), Refused::TooOld);
    assert_eq!(refused(2001), Refused::TooFarAhead);
    // Their slots are at 1000 and 940.
    assert_eq!((refused(1029), refused(969)), (Refused::TooOld, Refused::TooOld));
    assert_eq!(runs(&series), [(1000, 60, 1)]);
}

#[test]
fn a_single_value_continues_a_run_only_if_it_is_of_its_kind() {
    let (ours, foreign) = (Origin::Ours, Origin::Foreign);
    for (frequency, origin, value, expected) in [
        (MINUTE, ours, 1.0, &[(0, 60, 4)][..]),
        (MINUTE, ours, f32::NAN, &[(0, 60, 3)]),
        (MINUTE, foreign, 1.0, &[(0, 60, 3), (180, 60, 1)]),
        (HOUR, ours, 1.0, &[(0, 60, 3), (180, 3600, 1)]),
    ] {
        for state in [State::Clean, State::Dirty] {
            let mut series = series();
            load(&mut series, 0, &[1.0; 3]);
            let values = &[value][..];
            let one = Loaded { start: 180, frequency, values, origin, state };
            series.load(&one, 200).unwrap();
            assert_eq!(runs(&series), expected, "{frequency} {origin:?} {value}");
            let is_dirty = series.runs().iter().any(|run| !run.dirty.is_empty());
            assert_eq!(is_dirty, state == State::Dirty && !value.is_nan());
        }
    }
}

fn load_foreign(series: &mut Series, start: i64, values: &[f32]) -> u64 {
    let loaded = Loaded { origin: Origin::Foreign, ..loaded(start, values) };
    series.load(&loaded, 0).unwrap()
}

#[test]
fn files_of_shifted_phases_that_overlap_by_two_slots_are_loaded_exactly() {
    let mut series = series();
    // 60 slots each, of which two are in the time of the next file, 7 s off.
    let start = |file: i16| i64::from(file) * (58 * 60 + 7);
    for file in 0..100 {
        assert_eq!(load_foreign(&mut series, start(file), &[f32::from(file); 60]), 0);
    }
    for file in 0..100 {
        for slot in 0..60 {
            let time = start(file) + 60 * slot;
            let is_there = |run: &&Run| run.start <= time && time <= run.last();
            let run = series.runs().iter().find(is_there).unwrap();
            assert!(run.same_phase(time));
            let value = run.slots.get(u32::try_from(run.index_of(time)).unwrap());
            assert_eq!(value.to_bits(), f32::from(file).to_bits());
        }
    }
    assert!(series.runs().len() <= 100 * 4);
}

#[test]
fn phases_that_interleave_for_long_take_no_more_memory_than_a_thousand_runs() {
    let mut series = series();
    let values = vec![1.0; 20_000];
    assert_eq!(load_foreign(&mut series, 0, &values), 0);
    let mut moved = 0;
    for phase in [20, 40, 7, 31, 53] {
        moved += load_foreign(&mut series, phase, &values);
    }
    assert!(moved > 95_000, "{moved}");
    assert!(series.runs().len() <= load::MANY_RUNS + 2, "{}", series.runs().len());
    let (sealed, open, other) = series.heap_bytes();
    assert!(sealed + open + other < 400_000, "{sealed} {open} {other}");
}

#[test]
fn a_series_in_as_many_pieces_as_it_can_have_refuses_another_and_keeps_them() {
    let metric = crate::catalogue::Catalogue::new().intern(b"metric");
    let mut host = crate::Host::new();
    let series = host.series(&[], metric).unwrap();
    let minute = NonZeroU32::new(60).unwrap();
    let far = |piece: usize| 60 * 1000 * i64::try_from(piece).unwrap();
    for piece in 0..RUNS_MAX {
        host.write(series, minute, far(piece), 0.5, &Limits::NONE).unwrap();
    }
    let another = host.write(series, minute, far(RUNS_MAX), 0.5, &Limits::NONE);
    assert_eq!(another, Err(Refused::TooManyRuns));
    let loaded = Loaded {
        start: far(RUNS_MAX),
        frequency: minute,
        values: &[0.5],
        origin: Origin::Ours,
        state: State::Dirty,
    };
    assert_eq!(host.load(series, loaded), Err(Refused::TooManyRuns));
    assert!(
        host.write(series, minute, far(7) + 60, 0.5, &Limits::NONE).is_ok(),
        "it has room inside"
    );
    assert_eq!(host.counts().points, RUNS_MAX as u64 + 1);
}

// ---- values behind the newest slot, together or one by one ----

/// A stretch of values, counted in slots of its frequency behind the newest one.
#[derive(Clone, Debug)]
struct Stretch {
    ahead: i64,
    off: i64,
    frequency: NonZeroU32,
    origin: Origin,
    state: State,
    values: Vec<f32>,
    saved_before: bool,
}

fn stretch() -> impl Strategy<Value = Stretch> {
    let value = prop_oneof![9 => (0..100_u8).prop_map(f32::from), 1 => Just(f32::NAN)];
    let len = prop_oneof![4 => 1..40_usize, 1 => 200..300_usize, 1 => 500..530_usize];
    let values = len.prop_flat_map(move |len| prop::collection::vec(value.clone(), len));
    let ahead = prop_oneof![8 => Just(1_i64), 1 => 2..5_i64, 1 => -9..1_i64, 1 => 510..515_i64];
    let off = prop_oneof![9 => Just(0_i64), 1 => -30..30_i64];
    let frequency = prop_oneof![8 => Just(MINUTE), 1 => Just(HOUR)];
    let origin = prop_oneof![8 => Just(Origin::Ours), 1 => Just(Origin::Foreign)];
    let state = prop_oneof![3 => Just(State::Dirty), 1 => Just(State::Clean)];
    (ahead, off, frequency, origin, state, values, any::<bool>()).prop_map(
        |(ahead, off, frequency, origin, state, values, saved_before)| Stretch {
            ahead,
            off,
            frequency,
            origin,
            state,
            values,
            saved_before,
        },
    )
}

fn one_by_one(series: &mut Series, loaded: &Loaded<'_>) {
    for (at, value) in (0..).zip(loaded.values) {
        let start = loaded.start + at * i64::from(loaded.frequency.get());
        let _ = series.load(&Loaded { start, values: &[*value], ..*loaded }, 77);
    }
}

/// All of it, but for which of the newest values wait to go to the open block.
fn settled(series: &Series) -> String {
    let mut runs = series.runs().to_vec();
    for run in &mut runs {
        run.slots.extend_front(0);
    }
    let shadow = match &series.runs {
        Runs::Many(many) => Some(many.shadow),
        Runs::Empty(_) | Runs::One(_) => None,
    };
    format!("{} {shadow:?} {runs:?}", series.boundary)
}

fn bits(series: &Series) -> Vec<Vec<u32>> {
    let slots = |run: &Run| (0..run.len()).map(|at| run.slots.get(at).to_bits()).collect();
    series.runs().iter().map(slots).collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 500,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn what_lies_behind_the_newest_slot_is_loaded_together_as_one_by_one(
        stretches in prop::collection::vec(stretch(), 1..12),
    ) {
        let (mut together, mut single) = (series(), series());
        for Stretch { ahead, off, frequency, origin, state, values, saved_before } in stretches {
            if saved_before {
                for series in [&mut together, &mut single] {
                    series.runs_mut().iter_mut().for_each(Run::set_in_flight);
                }
            }
            let last = single.runs().last().map_or(0, Run::last);
            let start = last + ahead * i64::from(frequency.get()) + off;
            let loaded = Loaded { start, frequency, values: &values, origin, state };
            one_by_one(&mut single, &loaded);
            if !together.load_behind_newest(&loaded) {
                one_by_one(&mut together, &loaded);
            }
            prop_assert_eq!(settled(&together), settled(&single));
            prop_assert_eq!(bits(&together), bits(&single));
        }
    }
}

#[test]
fn only_what_lies_right_behind_the_newest_slot_is_loaded_together() {
    let mut values = vec![1.0; 512];
    values[1..511].fill(f32::NAN);
    let mut series = series();
    let behind = loaded(60, &values);
    assert!(!series.load_behind_newest(&behind), "there is no slot");
    load(&mut series, 0, &[1.0]);
    let longer = [&values[..], &[1.0]].concat();
    for other in [
        Loaded { start: 0, ..behind },
        Loaded { start: 61, ..behind },
        Loaded { start: 120, ..behind },
        Loaded { frequency: HOUR, ..behind },
        Loaded { frequency: HOUR, start: 3600, ..behind },
        Loaded { origin: Origin::Foreign, ..behind },
        Loaded { values: &[], ..behind },
        Loaded { values: &[f32::NAN, 1.0], ..behind },
        Loaded { values: &[1.0, f32::NAN], ..behind },
        Loaded { values: &longer, ..behind },
    ] {
        assert!(!series.load_behind_newest(&other), "{other:?}");
        assert_eq!(runs(&series), [(0, 60, 1)]);
    }
    assert!(series.load_behind_newest(&behind));
    assert_eq!(runs(&series), [(0, 60, 513)]);

    let mut at_the_end = Series::new();
    load(&mut at_the_end, i64::MAX - 60, &[1.0]);
    let out_of_range = loaded(i64::MAX, &[1.0, 1.0]);
    assert!(!at_the_end.load_behind_newest(&out_of_range));
    assert!(at_the_end.load_behind_newest(&loaded(i64::MAX, &[1.0])));
}
