//! Clocks that jump by ten years: nothing is destroyed, refused or lost because of them.

use checkpointer::Now;
use checkpointer::disk::sim::SimDisk;
use checkpointer::log::Inline;

use super::files::check_files;
use super::store::{Setup, Slots, Store, bits, killed};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
const YEARS: i64 = 3650 * DAY;
const T: i64 = 1_700_000_000;

fn setup() -> Setup {
    let mut setup = Setup::new().at(T);
    setup.config.retention = Some(2 * DAY);
    setup.config.max_future = Some(HOUR);
    setup
}

/// What an engine does at a time: takes a sample, checkpoints, frees, deletes.
fn live(store: &mut Store<SimDisk>, clock: i64, sample: (i64, f32)) {
    store.now = Now { unix: clock, ..store.now };
    assert_eq!(store.write("m", &[sample]), [], "at {clock}");
    assert!(store.checkpoint().failed.is_empty());
    let before = store.engine.oldest(store.now);
    store.engine.free(before, &[Vec::new()], &|_, _| false, store.now, &Inline);
    let deleted = store.engine.delete(before, &|_, _| false, &Inline);
    assert_eq!(deleted.snapshots, 0, "at {clock}");
}

/// Samples that arrive at their time, whatever the clock says; it jumps in the middle. Restarts at
/// every moment find the same.
fn jumps(by: i64, restarts: bool) -> (SimDisk, Slots) {
    let mut disk = SimDisk::new(1);
    let mut store = setup().open(&disk);
    let mut expected = Vec::new();
    for hour in 0..9 {
        let time = T + hour * HOUR;
        let clock = if (3..6).contains(&hour) { time + by } else { time };
        if restarts {
            drop(store);
            disk = killed(&disk);
            store = setup().at(clock).open(&disk);
            assert_eq!(store.slots("m"), bits(&expected), "restarted in hour {hour}");
        }
        live(&mut store, clock, (time, 1.5));
        expected.push((time, 1.5));
    }
    assert_eq!(store.slots("m"), bits(&expected));
    check_files(&disk).unwrap();
    (disk, bits(&expected))
}

#[test]
fn a_clock_that_is_ten_years_ahead_for_a_while_costs_nothing() {
    let (disk, expected) = jumps(YEARS, false);
    assert_eq!(setup().at(T + 9 * HOUR).open(&killed(&disk)).slots("m"), expected);
}

#[test]
fn a_clock_that_is_ten_years_behind_for_a_while_costs_nothing() {
    let (disk, expected) = jumps(-YEARS, false);
    assert_eq!(setup().at(T + 9 * HOUR).open(&killed(&disk)).slots("m"), expected);
}

#[test]
fn restarts_while_the_clock_is_ten_years_ahead_find_everything() {
    let (disk, expected) = jumps(YEARS, true);
    assert_eq!(setup().at(T + 9 * HOUR).open(&killed(&disk)).slots("m"), expected);
}

#[test]
fn restarts_while_the_clock_is_ten_years_behind_find_everything() {
    let (disk, expected) = jumps(-YEARS, true);
    assert_eq!(setup().at(T + 9 * HOUR).open(&killed(&disk)).slots("m"), expected);
}

/// What is far ahead of the clock is late: the Go store's times are never bound by it.
#[test]
fn a_sample_far_ahead_goes_beside_the_others() {
    let disk = SimDisk::new(1);
    let mut store = setup().open(&disk);
    live(&mut store, T, (T, 1.0));
    // The clock falls back: what is stored already is now far ahead, and so is what follows it.
    store.now = Now { unix: T - DAY, ..store.now };
    assert_eq!(store.write("m", &[(T + 10, 2.0)]), []);
    store.checkpoint();
    assert_eq!(super::store::files(&disk, ".late").len(), 1);
    check_files(&disk).unwrap();
    let expected = bits(&[(T, 1.0), (T + 10, 2.0)]);
    assert_eq!(setup().open(&killed(&disk)).slots("m"), expected);
}
