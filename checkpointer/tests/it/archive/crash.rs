//! A crash at every operation of a store's life with two archive runs, of every kind, and again while
//! what the first has left is put right; and an error at every operation.

use std::sync::{Arc, Mutex};

use checkpointer::Progress;
use checkpointer::disk::sim::{Cause, Crash, Failure, Fault, Kind, Sector, SimDisk, Survival};
use checkpointer::log::Inline;

use super::world::{HOSTS, NOW, Written, disk, open, run, run_with, slot};

/// What happens in the world that is crashed. It goes on after failures, as a server does.
pub(super) fn live(disk: &SimDisk, written: &Arc<Mutex<Written>>) {
    let Ok(store) = open(disk) else { return };
    let write = |hosts: &[(&str, &str)], slots: std::ops::Range<i64>| {
        for host in hosts {
            written.lock().unwrap().write(&store.engine, *host, slots.clone());
        }
    };
    // Samples also come while a run reads: before its cut they are refused, or archived.
    let archive = |before: i64, meanwhile: [i64; 2]| {
        let (engine, written) = (Arc::clone(&store.engine), Arc::clone(written));
        let progress = Arc::new(move |_: Progress| {
            written.lock().unwrap().write(&engine, HOSTS[1], meanwhile);
        });
        drop(run_with(before, &store, Some(progress), &|_, _| false));
    };
    write(&HOSTS, 0..4);
    store.engine.checkpoint(&store.engine.all(), NOW, &Inline, None);
    write(&HOSTS, 4..6);
    write(&HOSTS[..1], 2..3); // late: not behind what the .bin holds
    // A snapshot reaches over this cut.
    archive(slot(3), [1, 7]);
    write(&HOSTS[..2], 6..8);
    archive(slot(6) + 30, [3, 9]);
    write(&HOSTS[2..], 8..9);
}

fn written() -> Arc<Mutex<Written>> {
    Arc::default()
}

fn take(written: &Arc<Mutex<Written>>) -> Written {
    written.lock().unwrap().clone()
}

/// How many operations the life takes.
fn operations() -> u64 {
    let disk = disk(1);
    let before = disk.operations();
    live(&disk, &written());
    assert!(before > 0);
    disk.operations()
}

/// Opens what was found, checks, and archives the rest.
fn put_right(found: &SimDisk, written: &Written) -> Result<(), String> {
    let store = open(found).map_err(|error| format!("{error:?}"))?;
    written.check(found, &store)?;
    written.drain(found, &store)?;
    drop(store);
    let store = open(found).map_err(|error| format!("{error:?}"))?;
    written.check(found, &store)
}

/// One life that ends at an operation, and what is found.
fn crashed(at: u64, crash: Crash) -> (SimDisk, Written) {
    let disk = disk(1);
    disk.stop_after(at);
    let written = written();
    live(&disk, &written);
    (disk.crash(crash, at), take(&written))
}

/// Crashes once at every operation; the first that finds something wrong.
pub(super) fn search_once() -> Result<u64, String> {
    let mut tried = 0;
    for at in (4..=operations()).rev() {
        for crash in Crash::ALL {
            let (found, written) = crashed(at, crash);
            put_right(&found, &written).map_err(|why| format!("{at} {crash:?}: {why}"))?;
            tried += 1;
        }
    }
    Ok(tried)
}

/// Crashes at an operation, and a second time while what is found is put right: one in `step` of the
/// pairs of operations, where the first crash has left a run half done more of them.
pub(super) fn search_twice(step: usize, step_half_done: usize) -> Result<u64, String> {
    const NOTHING: Crash = Crash::PowerLoss(Survival::Nothing, Sector::Bytes512);
    let mut tried = 0;
    for (turn, at) in (4..=operations()).rev().enumerate() {
        // What a killed process has left is believed, and then lost: at every operation.
        let mut pairs = vec![(Crash::Kill, NOTHING)];
        if turn % 3 == 0 {
            pairs.push((Crash::ALL[turn % 6], Crash::ALL[turn / 6 % 6]));
        }
        for (first, second) in pairs {
            let (found, written) = crashed(at, first);
            let is_half_done =
                found.files().iter().any(|path| path.strip_suffix(".plan").is_some());
            let step = if is_half_done { step_half_done } else { step };
            let crashed = Crashed { at, first, found, written };
            tried += crashed.search_again(second, turn % step, step)?;
        }
    }
    Ok(tried)
}

/// A kill at every operation; the next process runs to the same cut, which deletes what the manifest
/// that it found has committed; then the power fails.
pub(super) fn search_believed() -> Result<u64, String> {
    const NOTHING: Crash = Crash::PowerLoss(Survival::Nothing, Sector::Bytes512);
    let mut tried = 0;
    for at in 4..=operations() {
        for before in [slot(3), slot(6) + 30] {
            let (found, written) = crashed(at, Crash::Kill);
            let store = open(&found).map_err(|error| format!("{error:?}"))?;
            drop(run_with(before, &store, None, &|_, _| false));
            drop(store);
            put_right(&found.crash(NOTHING, at), &written)
                .map_err(|why| format!("{at}, run to {before}: {why}"))?;
            tried += 1;
        }
    }
    Ok(tried)
}

#[test]
fn no_row_is_lost_when_the_power_fails_after_a_run_that_believed_what_a_kill_had_left() {
    assert!(search_believed().unwrap() > 100);
}

/// What a first crash has left.
struct Crashed {
    at: u64,
    first: Crash,
    found: SimDisk,
    written: Written,
}

impl Crashed {
    /// Puts it right, and crashes one in `step` of the operations of that.
    fn search_again(&self, second: Crash, offset: usize, step: usize) -> Result<u64, String> {
        let Self { at, first, found, written } = self;
        let whole = found.crash(Crash::Kill, 1);
        put_right(&whole, written).map_err(|why| format!("{at} {first:?}: {why}"))?;
        let last = usize::try_from(whole.operations()).unwrap();
        let mut tried = 0;
        for again in (1 + offset..=last).step_by(step) {
            let again = u64::try_from(again).unwrap();
            let stopped = found.crash(Crash::Kill, 1);
            stopped.stop_after(again);
            drop(put_right(&stopped, written));
            put_right(&stopped.crash(second, again), written)
                .map_err(|why| format!("{at} {first:?}, then {again} {second:?}: {why}"))?;
            tried += 1;
        }
        Ok(tried)
    }
}

#[test]
fn no_row_is_lost_or_doubled_by_a_crash_at_any_operation() {
    let tried = search_once().unwrap();
    assert!(tried > 1000, "{tried}");
}

#[test]
fn no_row_is_lost_or_doubled_by_a_second_crash_while_the_first_is_put_right() {
    let tried = search_twice(61, 9).unwrap();
    assert!(tried > 1000, "{tried}");
}

/// An operation that fails, done or not: the life goes on, and so does the next process.
pub(super) fn search_failures() -> Result<u64, String> {
    let mut tried = 0;
    for at in 4..=operations() {
        for failure in [Failure::Error, Failure::ErrorAfter] {
            let disk = disk(1);
            disk.inject(Fault::new(failure(Cause::Io)).at(at));
            let written = written();
            live(&disk, &written);
            let written = take(&written);
            for crash in [Crash::Kill, Crash::PowerLoss(Survival::Nothing, Sector::Bytes512)] {
                put_right(&disk.crash(crash, at), &written)
                    .map_err(|why| format!("{at} {crash:?}: {why}"))?;
                tried += 1;
            }
        }
    }
    Ok(tried)
}

#[test]
fn no_row_is_lost_or_doubled_by_an_operation_that_fails() {
    let tried = search_failures().unwrap();
    assert!(tried > 500, "{tried}");
}

/// It was done or it was not: what a host has is what is there.
#[test]
fn a_rename_that_failed_keeps_no_host_out_of_the_archive() {
    for failure in [Failure::Error, Failure::ErrorAfter] {
        let disk = disk(1);
        let store = open(&disk).unwrap();
        let mut written = Written::default();
        written.write(&store.engine, HOSTS[0], 0..4);
        // This one has not even a directory.
        drop(store.engine.host(HOSTS[2].0, HOSTS[2].1, NOW).unwrap());
        disk.inject(Fault::new(failure(Cause::Io)).on(Kind::Rename));
        let done = store.engine.checkpoint(&store.engine.all(), NOW, &Inline, None);
        assert_eq!(done.failed.len(), 1, "{done:?}");
        let done = run(slot(3), &store).unwrap();
        assert_eq!((done.problems, done.rows), (vec![], 6));
        written.check(&disk, &store).unwrap();
        written.drain(&disk, &store).unwrap();
    }
}
