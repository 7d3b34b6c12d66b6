//! Files and bytes of a store that runs, against the same store put in order.

use checkpointer::MergeLimits;
use checkpointer::disk::sim::{Crash, SimDisk};
use checkpointer::log::{Inline, SyncMode};

use super::rules::{Kind, assert_shape, files_of_days, kind, totals, uncovered};
use super::store::{MIDNIGHT, Store, config};

/// How many `.bin` and `.late` a host keeps of a day unless told otherwise.
fn files_per_day_max() -> usize {
    MergeLimits::default().files_per_day_max
}

/// Two hosts for so many hours; one has a late collector, which sends what it has kept for two hours.
fn lived(hours: u32, per_hour: impl Fn(&Store)) -> Store {
    let mut store = Store::new();
    for hour in 0..hours {
        for _ in 0..60 {
            assert!(store.write("a01", [store.now().unix]));
            if hour % 12 < 10 {
                assert!(store.write("a02", [store.now().unix]));
            }
            store.pass_minute();
        }
        if hour % 12 == 11 {
            let kept = (1..=120).map(|minute| store.now().unix - 60 * minute);
            assert!(store.write("a02", kept));
        }
        per_hour(&store);
    }
    store
}

fn snapshots(disk: &SimDisk) -> (u64, u64) {
    let all = assert_shape(disk);
    let all: Vec<_> = all.values().map(totals).collect();
    let sum = |of: fn(&super::rules::Totals) -> u64| all.iter().map(of).sum();
    (sum(|totals| totals.snapshots), sum(|totals| totals.snapshot_bytes))
}

#[test]
fn a_host_has_no_more_snapshots_of_a_day_than_it_may_have_after_merging() {
    lived(50, |store| {
        store.merge(files_per_day_max());
        for (host, files) in assert_shape(&store.disk) {
            for (day, count) in files_of_days(files.keys()) {
                assert!(count <= files_per_day_max(), "{host}, day {day}: {count} files");
            }
        }
    });
}

/// Snapshots, for the log is bounded by its own threshold. Put in order means: everything in `.bin`,
/// and as few of a day as can be.
#[test]
fn what_lies_there_at_run_time_is_at_most_a_quarter_more_than_put_in_order() {
    let store = lived(48, |store| store.merge(files_per_day_max()));
    let disk = store.disk.crash(Crash::Kill, 1);
    store.checkpoint();
    let running = snapshots(&store.disk);
    let in_order = Store::open(disk, config(SyncMode::Flush), MIDNIGHT + 48 * 3600);
    let settled = in_order.engine.settle(in_order.now(), &Inline, None);
    assert!(settled.failed.is_empty(), "{:?}", settled.failed);
    in_order.merge(2);
    let ordered = snapshots(&in_order.disk);
    for files in assert_shape(&in_order.disk).values() {
        assert!(files.keys().all(|name| matches!(kind(name), Some(Kind::Bin(_)))), "{files:?}");
    }
    println!("running: {running:?} files and bytes, in order: {ordered:?}");
    assert!(4 * running.1 <= 5 * ordered.1, "{running:?} files and bytes, in order {ordered:?}");
}

/// What a running process has covered is not there any more.
#[test]
fn segments_above_what_is_covered_are_the_only_ones() {
    let store = lived(30, |store| store.merge(4));
    for (host, files) in assert_shape(&store.disk) {
        let segments = usize::try_from(totals(&files).segments).unwrap();
        assert_eq!(uncovered(&store.disk, &host, &files).len(), segments, "{host}: {files:?}");
    }
}
