//! How many files there are at most, in scenarios that each try to make them many.

use checkpointer::disk::sim::{Cause, Crash, Failure, Fault, Kind as Call};
use checkpointer::log::SyncMode;

use super::rules::{assert_shape, files_of_days, totals};
use super::store::{LOG_BYTES, MIDNIGHT, Store, config};

/// One that is written, one that a running or failed checkpoint has ended, one that a crash has left.
/// A sync that fails is final for its segment, so there is one more for each such failure.
const SEGMENTS_MAX: u64 = 3;

fn segments(store: &Store) -> u64 {
    assert_shape(&store.disk).values().map(|files| totals(files).segments).max().unwrap_or(0)
}

fn temporaries(store: &Store) -> u64 {
    assert_shape(&store.disk).values().map(|files| totals(files).temporaries).sum()
}

#[test]
fn a_host_that_lives_has_few_segments_and_none_at_the_end() {
    for sync in [SyncMode::None, SyncMode::Flush, SyncMode::Always] {
        let mut store =
            Store::open(checkpointer::disk::sim::SimDisk::new(1), config(sync), MIDNIGHT);
        for _ in 0..20 {
            store.live("a01", 15);
            assert!(segments(&store) <= SEGMENTS_MAX, "{sync:?}: {}", segments(&store));
        }
        store.close();
        assert_eq!(segments(&store), 0, "{sync:?}");
    }
}

/// Whatever the interval, a log that is too long is covered, and goes.
#[test]
fn a_burst_leaves_few_segments_and_a_short_log() {
    let mut store = Store::new();
    for minute in 0..120 {
        assert!(store.write("a01", (0..60).map(|slot| MIDNIGHT + 60 * (slot + minute))));
        store.pass_minute();
        let listing = assert_shape(&store.disk);
        let found = totals(&listing["alpha/a01"]);
        assert!(found.segments <= SEGMENTS_MAX, "{found:?}");
        assert!(found.segment_bytes <= LOG_BYTES, "{found:?} after a minute of being due");
    }
}

/// Killed again and again before anything is due: each process has left one. The first that lives
/// covers them all.
#[test]
fn kills_leave_one_segment_each_until_a_process_lives() {
    let mut store = Store::new();
    for kills in 0..10 {
        assert!(store.write("a01", [MIDNIGHT + 60 * kills]));
        assert!(segments(&store) <= u64::try_from(kills).unwrap() + 1);
        store = store.killed();
    }
    store.pass_minute();
    store.pass_minute();
    assert!(segments(&store) <= SEGMENTS_MAX, "{}", segments(&store));
    store.close();
    assert_eq!(segments(&store), 0);
}

/// A host that falls silent with something uncovered is covered too.
#[test]
fn a_silent_host_has_no_segment_after_its_turn() {
    let mut store = Store::new();
    store.live("a01", 5);
    assert!(segments(&store) > 0);
    (0..61).for_each(|_| store.pass_minute());
    assert_eq!(segments(&store), 0);
}

#[test]
fn a_disk_full_for_an_hour_makes_no_heap_of_segments() {
    for sync in [SyncMode::None, SyncMode::Flush, SyncMode::Always] {
        for room in [0, 100, 5000] {
            let disk = checkpointer::disk::sim::SimDisk::new(1);
            let mut store = Store::open(disk.clone(), config(sync), MIDNIGHT);
            store.live("a01", 30);
            disk.limit_space(room);
            let mut most = 0;
            for _ in 0..60 {
                store.write("a01", [store.now().unix]);
                store.pass_minute();
                most = most.max(segments(&store));
            }
            disk.lift_space_limit();
            store.live("a01", 10);
            let after = segments(&store);
            let what = format!("{sync:?}, {room} bytes left: {most} segments, {after} afterwards");
            assert!(most <= SEGMENTS_MAX && after <= SEGMENTS_MAX, "{what}");
            store.close();
            assert_eq!(segments(&store), 0, "{what}");
            assert_eq!(temporaries(&store), 0, "{what}");
        }
    }
}

#[test]
fn a_disk_that_fails_every_call_for_an_hour_makes_no_heap_of_files() {
    for call in [Call::Append, Call::Sync, Call::SyncDirectory, Call::Create, Call::Rename] {
        let disk = checkpointer::disk::sim::SimDisk::new(1);
        let mut store = Store::open(disk.clone(), config(SyncMode::Flush), MIDNIGHT);
        store.live("a01", 30);
        disk.inject(Fault::new(Failure::Error(Cause::Io)).on(call).always());
        let mut most = (0, 0);
        for _ in 0..60 {
            store.write("a01", [store.now().unix]);
            store.pass_minute();
            most = (most.0.max(segments(&store)), most.1.max(temporaries(&store)));
        }
        disk.clear_faults();
        let failed_syncs = store.engine.stats(store.now()).log.sync_failures;
        store.live("a01", 70);
        let after = (segments(&store), temporaries(&store));
        let what = format!(
            "{call:?}: {most:?} segments and temporary files, {failed_syncs} syncs failed, {after:?} afterwards"
        );
        assert!(most.0 <= SEGMENTS_MAX + failed_syncs && most.1 <= 2, "{what}");
        assert!(after.0 <= SEGMENTS_MAX && after.1 == 0, "{what}");
        store.close();
        assert_eq!(segments(&store), 0, "{what}");
    }
}

/// Whatever a crash at any operation of an hour leaves, an hour later the shape is that of a store that
/// was never crashed.
#[test]
fn an_hour_after_a_crash_nothing_of_it_is_left() {
    let hour = |store: &mut Store| {
        for minute in 0..62 {
            store.write("a01", [store.now().unix]);
            if minute % 20 == 7 {
                store.write("a01", [MIDNIGHT - 600 * minute]);
            }
            store.pass_minute();
        }
        store.engine.merge(
            &store.engine.all(),
            checkpointer::MergeLimits { files_per_day_max: 2, ..Default::default() },
            store.now(),
            &checkpointer::log::Inline,
        );
    };
    let disk = checkpointer::disk::sim::SimDisk::new(1);
    let mut whole = Store::open(disk.clone(), config(SyncMode::Flush), MIDNIGHT);
    hour(&mut whole);
    let operations = disk.operations();
    drop(whole);
    for last in (0..=operations).step_by(3) {
        for crash in [Crash::Kill, Crash::ALL[1], Crash::ALL[4]] {
            let disk = checkpointer::disk::sim::SimDisk::new(1);
            disk.stop_after(last.max(1));
            let mut store = match last {
                0 => continue,
                _ => Store::open(disk.clone(), config(SyncMode::Flush), MIDNIGHT),
            };
            hour(&mut store);
            let found = disk.crash(crash, last);
            let mut store = Store::open(found, config(SyncMode::Flush), MIDNIGHT + 3720);
            for _ in 0..75 {
                assert!(store.write("a01", [store.now().unix]));
                store.pass_minute();
            }
            store.merge(2);
            let what = format!("{crash:?} after {last} operations");
            assert!(segments(&store) <= SEGMENTS_MAX, "{what}: {} segments", segments(&store));
            assert_eq!(temporaries(&store), 0, "{what}: {:?}", store.disk.files());
            for files in assert_shape(&store.disk).values() {
                let most = files_of_days(files.keys()).into_values().max().unwrap_or(0);
                assert!(most <= 2, "{what}: {files:?}");
            }
        }
    }
}
