//! A log is replayed as if its records were loaded into the tree one by one, however it was written.

use std::num::NonZeroU32;

use checkpointer::disk::sim::SimDisk;
use checkpointer::memstore::{CapturedRun, Catalogue, Handle, Host, Loaded, Origin, Placed, State};
use checkpointer::{Trouble, View, view};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use wal_format::{Found, NamesBuf, Record, Scan, SegmentWriter};

use super::store::Setup;

/// Metric, path, and the frequency that its records have at first.
const SERIES: [(&str, &[&str], u32); 9] = [
    ("m", &[], 10),
    ("m", &["socket0"], 10),
    ("k", &[], 60),
    ("k", &["hwthread0"], 60),
    ("k", &["hwthread1"], 60),
    ("k", &["hwthread1", "x"], 20),
    ("u", &["is", "in", "no", "catalogue"], 30),
    (
        "k",
        &["a name so long that its records are read as they come; 0123456789 \
        0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 \
        0123456789 0123456789 0123456789 0123456789 01234567"],
        60,
    ),
    ("m", &["last"], 10),
];

/// What a collector does at a series' turn.
#[derive(Clone, Copy, Debug)]
enum Turn {
    Writes,
    Misses,
    /// So many steps away from the next time.
    Jumps(i64),
    /// So many seconds off the grid.
    IsOff(i64),
    RepeatsTheLast,
    WritesNan,
    AtFrequency(u32),
    /// As the Go store writes it: an arrival time, no frequency.
    AsTheGoStore(i64),
    AtTheEndOfTime,
}

fn a_turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        400 => Just(Turn::Writes),
        20 => Just(Turn::Misses),
        4 => (-40..40_i64).prop_map(Turn::Jumps),
        1 => (500..520_i64).prop_map(Turn::Jumps),
        2 => (-30..30_i64).prop_map(Turn::IsOff),
        4 => Just(Turn::RepeatsTheLast),
        2 => Just(Turn::WritesNan),
        1 => prop_oneof![Just(10), Just(20), Just(60)].prop_map(Turn::AtFrequency),
        1 => (-5..5_i64).prop_map(Turn::AsTheGoStore),
        1 => Just(Turn::AtTheEndOfTime),
    ]
}

/// Rounds of all series, whose next times and frequencies are `clocks`.
fn segment(turns: &[Turn], clocks: &mut [(i64, u32)]) -> Vec<u8> {
    let mut writer = SegmentWriter::new(Vec::new()).unwrap();
    for (number, turn) in (0_u16..).zip(turns) {
        let at = usize::from(number) % SERIES.len();
        let (metric, path, _) = SERIES[at];
        let (next, seconds) = &mut clocks[at];
        let names = NamesBuf::new(metric, path).unwrap();
        let mut value = f32::from(number);
        let step = i64::from(*seconds);
        match *turn {
            Turn::Writes | Turn::AsTheGoStore(_) | Turn::AtTheEndOfTime => {}
            Turn::Misses => {
                *next += step;
                continue;
            }
            Turn::Jumps(steps) => *next += steps * step,
            Turn::IsOff(by) => *next += by,
            Turn::RepeatsTheLast => *next -= step,
            Turn::WritesNan => value = f32::NAN,
            Turn::AtFrequency(new) => *seconds = new,
        }
        let (timestamp, frequency) = match *turn {
            Turn::AsTheGoStore(off) => (*next + off, None),
            Turn::AtTheEndOfTime => (i64::MAX - i64::from(number % 3), NonZeroU32::new(*seconds)),
            _ => (*next, NonZeroU32::new(*seconds)),
        };
        *next += i64::from(*seconds);
        writer.write(&Record { names: names.as_names(), timestamp, value, frequency }).unwrap();
    }
    writer.into_inner()
}

/// The records of a log, one by one; how many have no place.
fn load(host: &mut Host, catalogue: &Catalogue, log: &[u8]) -> u64 {
    let mut without = 0;
    for found in Scan::new(log) {
        let Found::Record(located) = found else { continue };
        let Record { names, timestamp, value, frequency } = located.record;
        let metric = catalogue.intern(names.metric());
        let config = catalogue.get(metric).and_then(|metric| metric.config);
        let Some(of_metric) = frequency.or(config.map(|config| config.frequency)) else { continue };
        let path: Vec<&[u8]> = names.path().collect();
        let handle: Handle = host.series(&path, metric).unwrap();
        let placed = match frequency {
            Some(frequency) => Ok(Placed { nominal: timestamp, frequency }),
            None => host.place(handle, of_metric, timestamp),
        };
        let loaded = placed.and_then(|Placed { nominal: start, frequency }| {
            let (origin, state) = (Origin::Ours, State::Dirty);
            host.load(handle, Loaded { start, frequency, values: &[value], origin, state })
        });
        without += u64::from(loaded.is_err());
    }
    without
}

/// Everything that is known of every run.
fn shown(host: &Host, catalogue: &Catalogue) -> Vec<String> {
    let all = host.view_all();
    let show = |run: &CapturedRun<'_>| {
        let slots = run.to_vec().into_iter().enumerate();
        let slots: Vec<_> =
            slots.map(|(at, value)| (value.to_bits(), run.is_unsaved(at))).collect();
        let foreign = run.foreign;
        format!(
            "{:?} {:?} {} {} {foreign} {slots:x?}",
            run.path, run.name, run.start, run.frequency
        )
    };
    all.runs(catalogue).iter().map(show).collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 100,
        rng_seed: RngSeed::Fixed(5),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_log_is_replayed_as_record_by_record(
        segments in vec(vec(a_turn(), 0..2500), 1..3),
        flips in vec((any::<usize>(), 1..=255_u8), 0..3),
        cut in 0..60_usize,
    ) {
        let setup = Setup::new();
        let (disk, mut expected) = (SimDisk::new(1), Host::new());
        let (mut records, mut without) = (0, 0);
        let (catalogue, mut clocks) = (setup.catalogue(), SERIES.map(|series| (9000, series.2)));
        for (number, turns) in (1..).zip(&segments) {
            let mut log = segment(turns, &mut clocks);
            for (at, bits) in &flips {
                let at = at % log.len();
                log[at] ^= bits;
            }
            log.truncate(log.len() - cut.min(log.len()));
            let scan = Scan::new(&log);
            records += scan.filter(|found| matches!(found, Found::Record(_))).count() as u64;
            without += load(&mut expected, &catalogue, &log);
            disk.plant(&format!("alpha/a01/{number:020}.wal"), log);
        }
        let catalogue = setup.catalogue();
        let mut replayed = None;
        let each = |view: View| replayed = Some(view.tree.unwrap());
        let found = view(disk, &catalogue, i64::MIN, |_, _| true, each).unwrap();
        let replayed = replayed.unwrap();
        let no_place = found.problems.listed().iter().map(|problem| match problem.trouble {
            Trouble::NoPlace { values, .. } => values,
            _ => 0,
        });
        prop_assert_eq!(shown(&replayed, &catalogue), shown(&expected, &catalogue));
        prop_assert_eq!(replayed.moved(), expected.moved());
        prop_assert_eq!((found.records, no_place.sum::<u64>()), (records, without));
    }
}
