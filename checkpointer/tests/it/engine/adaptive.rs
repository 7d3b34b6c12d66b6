//! Checkpoints by how much log is not covered: when there is one, who does it, and what it is to writers.
//!
//! Asserted on counters and files, never on time. Thresholds are in records of one length, which is
//! taken from the bytes on the disk.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use checkpointer::disk::Disk;
use checkpointer::disk::sim::Cause::Io;
use checkpointer::disk::sim::{Failure, Fault, Kind, SimDisk};
use checkpointer::log::{Budget, Inline, Refused, SyncMode};
use checkpointer::{CheckpointMode, Logging, Now, Pending, Sample, Series, StoredHost, WriteError};

use super::store::{A01, Name, Setup, Store, bits, files, killed};
use crate::log::watched::{Moment, Watched, watch};

const LONG: Duration = Duration::from_mins(1);
const SHORT: Duration = Duration::from_millis(20);
const ALL_JOBS: Budget = Budget { jobs_max: 100 };
const B01: Name = ("beta", "b01");

/// How long the log is, of all hosts.
fn log_bytes(disk: &SimDisk) -> u64 {
    let length = |path: &String| disk.peek(path).unwrap().len() as u64;
    files(disk, ".wal").iter().map(length).sum()
}

/// How many bytes a record takes that the tests write.
pub(super) fn record() -> u64 {
    let disk = SimDisk::new(1);
    let store = Setup::new().open(&disk);
    store.write("m", &[(9000, 1.0)]);
    let one = log_bytes(&disk);
    store.write("m", &[(9010, 1.0)]);
    log_bytes(&disk) - one
}

pub(super) fn records(count: u64) -> u64 {
    count * record()
}

/// Whether it is a file that is being written.
pub(super) fn is_temporary(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, ending)| ending == "tmp")
}

/// Passive at 4 records, restart at 8.
fn adaptive() -> Setup {
    let mut setup = Setup::new();
    setup.config.thresholds.passive = Some(records(4));
    setup.config.thresholds.restart = Some(records(8));
    setup.config.offline_retry = LONG;
    setup
}

/// Writes so many records, one slot after the other, and waits for none but their acknowledgement.
fn fill<D: Disk>(store: &Store<D>, name: Name, slots: std::ops::Range<i64>) {
    for slot in slots {
        store.write_to(name, "m", &[], &[(9000 + 10 * slot, 1.0)]);
    }
}

/// Writes a record, waiting so long to be let in.
fn write<D: Disk>(
    host: &Arc<StoredHost<D>>,
    store: &Store<D>,
    slot: i64,
    patience: Duration,
) -> Result<(), WriteError> {
    begin(host, store, slot, patience)?.wait(store.now, LONG).unwrap();
    Ok(())
}

/// Writes a record that is still to be acknowledged.
fn begin<D: Disk>(
    host: &Arc<StoredHost<D>>,
    store: &Store<D>,
    slot: i64,
    patience: Duration,
) -> Result<Pending<D>, WriteError> {
    let series = Series::new(store.engine.catalogue(), b"m", [""; 0]).unwrap();
    let sample = Sample { series: &series, timestamp: 9000 + 10 * slot, value: 1.0 };
    let written = host.write(&[sample], store.now, Logging::Logged { patience }, |_, _| {})?;
    Ok(written.pending.unwrap())
}

pub(super) fn at(second: u64) -> Now {
    Now { unix: 10_000, uptime: Duration::from_secs(second) }
}

pub(super) fn look<D: Disk>(store: &Store<D>, second: u64) {
    store.engine.run_due(at(second), ALL_JOBS, &Inline);
}

/// Those that there were, by mode.
fn modes<D: Disk>(store: &Store<D>) -> Vec<(CheckpointMode, u64)> {
    let counts = store.engine.stats(store.now).checkpoints_by_mode;
    CheckpointMode::ALL.into_iter().zip(counts).filter(|(_, count)| *count > 0).collect()
}

pub(super) fn expected(slots: std::ops::Range<i64>) -> super::store::Slots {
    bits(&slots.map(|slot| (9000 + 10 * slot, 1.0)).collect::<Vec<_>>())
}

// ---- thresholds ----

#[test]
fn below_the_threshold_there_is_none() {
    let (setup, disk) = (adaptive(), SimDisk::new(1));
    let store = setup.open(&disk);
    fill(&store, A01, 0..3);
    (0..20).for_each(|second| look(&store, second));
    assert_eq!(modes(&store), []);
    assert_eq!((files(&disk, ".wal").len(), files(&disk, ".bin").len()), (1, 0));
    assert_eq!(store.engine.stats(store.now).uncovered, records(3));
}

#[test]
fn exactly_at_the_threshold_there_is_one() {
    let (setup, disk) = (adaptive(), SimDisk::new(1));
    let store = setup.open(&disk);
    fill(&store, A01, 0..4);
    (0..20).for_each(|second| look(&store, second));
    assert_eq!(modes(&store), [(CheckpointMode::Passive, 1)]);
    assert_eq!((files(&disk, ".wal").len(), files(&disk, ".bin").len()), (0, 1));
    assert_eq!(setup.view(killed(&disk), A01, "m", &[]), expected(0..4));
}

#[test]
fn passive_a_host_is_checkpointed_in_the_background_and_its_writers_do_not_wait() {
    let (setup, disk) = (adaptive(), SimDisk::new(1));
    let store = setup.open(&disk);
    // Without any patience: whoever were to wait would be refused.
    fill(&store, A01, 0..8);
    assert_eq!((modes(&store), files(&disk, ".bin").len()), (vec![], 0));
    look(&store, 0);
    assert_eq!(modes(&store), [(CheckpointMode::Restart, 1)], "by the time it is looked at");
    fill(&store, A01, 8..13);
    look(&store, 1);
    assert_eq!(modes(&store), [(CheckpointMode::Restart, 1), (CheckpointMode::Passive, 1)]);
    let stats = store.engine.stats(store.now);
    assert_eq!((stats.uncovered, stats.log.refused), (0, 0));
    assert_eq!(stats.cover.log_bytes_before, records(8 + 5));
    assert_eq!((stats.cover.log_records, stats.cover.records_covered), (13, 13));
}

#[test]
fn restart_a_writer_that_would_wait_does_the_checkpoint_itself() {
    let (setup, disk) = (adaptive(), SimDisk::new(1));
    let store = setup.open(&disk);
    fill(&store, A01, 0..8);
    let host = store.engine.get(A01.0, A01.1).unwrap();
    write(&host, &store, 8, LONG).unwrap();
    assert_eq!(modes(&store), [(CheckpointMode::Restart, 1)], "nobody has driven the engine");
    assert_eq!(log_bytes(&disk), log_bytes_of_one());
    assert_eq!(setup.view(killed(&disk), A01, "m", &[]), expected(0..9));
}

fn log_bytes_of_one() -> u64 {
    let disk = SimDisk::new(1);
    Setup::new().open(&disk).write("m", &[(9000, 1.0)]);
    log_bytes(&disk)
}

fn is_pushed_back(outcome: &Result<(), WriteError>, uncovered: u64) -> bool {
    let Err(WriteError::NoRoom(Refused::Uncovered { bytes, bytes_max })) = outcome else {
        return false;
    };
    (*bytes, *bytes_max) == (records(uncovered), records(8))
}

#[test]
fn restart_who_has_no_patience_is_refused_and_others_hosts_are_not() {
    let (setup, disk) = (adaptive(), SimDisk::new(1));
    let store = setup.open(&disk);
    fill(&store, A01, 0..8);
    let host = store.engine.get(A01.0, A01.1).unwrap();
    let outcome = write(&host, &store, 8, Duration::ZERO);
    assert!(is_pushed_back(&outcome, 8), "{outcome:?}");
    assert_eq!((modes(&store), store.engine.stats(store.now).log.refused), (vec![], 1));
    fill(&store, B01, 0..3);
    // It comes before all others, and there is room for one.
    fill(&store, B01, 3..5);
    store.engine.run_due(at(0), Budget { jobs_max: 1 }, &Inline);
    assert_eq!(modes(&store), [(CheckpointMode::Restart, 1)]);
    assert_eq!(setup.view(killed(&disk), A01, "m", &[]), expected(0..8), "refused is not taken");
}

#[test]
fn restart_nobody_waits_for_ever_and_it_is_not_sticky_afterwards() {
    let (setup, disk) = (adaptive(), SimDisk::new(1));
    let store = setup.open(&disk);
    fill(&store, A01, 0..8);
    let host = store.engine.get(A01.0, A01.1).unwrap();
    thread::scope(|scope| {
        let hold = disk.hold(Kind::Sync, is_temporary);
        let running = scope.spawn(|| host.checkpoint(store.now));
        hold.wait_for(1);
        let outcome = write(&host, &store, 8, SHORT);
        assert!(is_pushed_back(&outcome, 8), "{outcome:?}");
        drop(hold);
        running.join().unwrap().unwrap();
    });
    // Nothing of it remains: without patience as with.
    write(&host, &store, 8, Duration::ZERO).unwrap();
    fill(&store, A01, 9..12);
    look(&store, 0);
    fill(&store, A01, 12..15);
    let stats = store.engine.stats(store.now);
    assert_eq!((stats.log.refused, stats.cover.busy), (1, 1));
    assert_eq!(modes(&store), [(CheckpointMode::Passive, 1), (CheckpointMode::Asked, 1)]);
    assert_eq!(setup.view(killed(&disk), A01, "m", &[]), expected(0..15));
}

#[test]
fn what_a_failing_disk_has_not_taken_holds_nobody_back() {
    let (setup, disk) = (adaptive(), SimDisk::new(1));
    let store = setup.open(&disk);
    fill(&store, A01, 0..2);
    // Every second append fails: that of the records, not that of a new segment's header.
    let appends = AtomicU64::new(0);
    let is_of_records = move |_: &str| appends.fetch_add(1, Relaxed).is_multiple_of(2);
    let fault = Fault::new(Failure::Error(Io)).on(Kind::Append).path(is_of_records);
    disk.inject(fault.always());
    let host = store.engine.get(A01.0, A01.1).unwrap();
    for _ in 0..20 {
        // It stays in the buffer, and each of them tries to write that.
        let mut pending = begin(&host, &store, 2, SHORT).unwrap();
        assert!(pending.wait(store.now, SHORT).is_err());
    }
    // Of the first failure nobody knows how much went in.
    assert!(store.engine.stats(store.now).uncovered <= records(3));
    disk.clear_faults();
    write(&host, &store, 3, Duration::ZERO).unwrap();
    assert_eq!(setup.view(killed(&disk), A01, "m", &[]), expected(0..4));
}

#[test]
fn restart_with_a_disk_that_takes_no_snapshot_is_refused_and_nothing_uncovered_goes() {
    let (setup, disk) = (adaptive(), SimDisk::new(1));
    let mut store = setup.open(&disk);
    fill(&store, A01, 0..8);
    disk.inject(Fault::new(Failure::Error(Io)).on(Kind::Create).path(is_temporary).always());
    let host = store.engine.get(A01.0, A01.1).unwrap();
    for _ in 0..5 {
        let outcome = write(&host, &store, 8, LONG);
        assert!(is_pushed_back(&outcome, 8), "{outcome:?}");
        look(&store, 30);
    }
    let stats = store.engine.stats(store.now);
    assert_eq!((stats.checkpoint_failures, stats.log.refused), (1, 5), "tried once in a while");
    assert_eq!(setup.view(killed(&disk), A01, "m", &[]), expected(0..8));
    disk.clear_faults();
    look(&store, 61);
    assert_eq!(modes(&store), [(CheckpointMode::Retry, 1)]);
    store.now = at(61);
    write(&host, &store, 8, Duration::ZERO).unwrap();
    assert_eq!(setup.view(killed(&disk), A01, "m", &[]), expected(0..9));
}

#[test]
fn a_budget_for_all_is_kept_by_the_largest() {
    let (mut setup, disk) = (Setup::new(), SimDisk::new(1));
    setup.config.thresholds.total = Some(records(5));
    let store = setup.open(&disk);
    for (host, slots) in [("a", 2), ("b", 3)] {
        fill(&store, ("alpha", host), 0..slots);
    }
    look(&store, 0);
    assert_eq!(modes(&store), [], "no more than the budget");
    fill(&store, ("alpha", "c"), 0..1);
    look(&store, 1);
    assert_eq!(modes(&store), [(CheckpointMode::Budget, 1)]);
    let logs = files(&disk, ".wal");
    let hosts: Vec<_> = logs.iter().filter_map(|path| path.split('/').nth(1)).collect();
    assert_eq!(hosts, ["a", "c"]);
    assert_eq!(setup.view(killed(&disk), ("alpha", "b"), "m", &[]), expected(0..3));
}

#[test]
fn silent_host_covered() {
    // Its log is written, its writers have gone; or all of it lies in the buffer yet.
    for sync in [SyncMode::Always, SyncMode::None] {
        let (mut setup, disk) = (adaptive(), SimDisk::new(1));
        setup.config.log.sync = sync;
        let store = setup.open(&disk);
        for slot in 0..5 {
            store.write("m", &[(9000 + 10 * slot, 1.0)]);
        }
        fill(&store, B01, 0..1);
        look(&store, 1);
        fill(&store, B01, 1..3);
        (2..9).for_each(|second| look(&store, second));
        assert_eq!(modes(&store), [(CheckpointMode::Passive, 1)], "{sync:?}");
        assert!(store.engine.get(A01.0, A01.1).unwrap().is_idle());
        assert!(!files(&disk, ".wal").iter().any(|path| path.contains("a01")));
    }
}

// ---- one at a time ----

#[test]
fn single_flight() {
    let (setup, disk) = (adaptive(), SimDisk::new(1));
    let store = setup.open(&disk);
    fill(&store, A01, 0..8);
    let host = store.engine.get(A01.0, A01.1).unwrap();
    thread::scope(|scope| {
        let hold = disk.hold(Kind::Sync, is_temporary);
        let writers: Vec<_> = (8..12)
            .map(|slot| {
                let (host, store) = (&host, &store);
                scope.spawn(move || write(host, store, slot, LONG))
            })
            .collect();
        hold.wait_for(1);
        // Due, and done already: it is not begun again.
        (0..5).for_each(|second| look(&store, second));
        drop(hold);
        for writer in writers {
            writer.join().unwrap().unwrap();
        }
    });
    assert_eq!(modes(&store), [(CheckpointMode::Restart, 1)]);
    assert_eq!((files(&disk, ".bin").len(), files(&disk, ".tmp").len()), (1, 0));
    assert_eq!(setup.view(killed(&disk), A01, "m", &[]), expected(0..12));
    // What came during it is served after it.
    store.checkpoint();
    assert_eq!((files(&disk, ".bin").len(), files(&disk, ".wal").len()), (2, 0));
}

#[test]
fn closing_waits_for_the_running_checkpoint() {
    let (setup, disk) = (adaptive(), SimDisk::new(1));
    let store = setup.open(&disk);
    fill(&store, A01, 0..4);
    let host = store.engine.get(A01.0, A01.1).unwrap();
    disk.start_trace();
    thread::scope(|scope| {
        let hold = disk.hold(Kind::Sync, is_temporary);
        scope.spawn(|| host.checkpoint(store.now).unwrap());
        hold.wait_for(1);
        let closing = scope.spawn(|| store.engine.close(store.now, &Inline, None));
        // It is counted as soon as it has begun to wait.
        while store.engine.stats(store.now).cover.busy == 0 {
            thread::yield_now();
        }
        assert!(!closing.is_finished());
        drop(hold);
        let closed = closing.join().unwrap();
        assert_eq!((closed.idle, closed.hosts, closed.failed.len()), (1, 0, 0), "served by it");
    });
    let stats = store.engine.stats(store.now);
    assert_eq!((stats.checkpoints, stats.snapshots), (1, 1));
    assert_eq!((files(&disk, ".wal").len(), files(&disk, ".tmp").len()), (0, 0));
    assert_eq!(setup.view(killed(&disk), A01, "m", &[]), expected(0..4));
}

#[test]
fn a_checkpoint_that_panics_is_over_and_is_tried_again() {
    let (mut setup, disk) = (adaptive(), SimDisk::new(1));
    setup.config.offline_retry = Duration::from_secs(1);
    let store = setup.open(&Watched(disk.clone()));
    fill(&store, A01, 0..4);
    watch(Some(Rc::new(|_| panic!("in the middle of it"))));
    let looked = catch_unwind(AssertUnwindSafe(|| look(&store, 0)));
    watch(None);
    assert!(looked.is_err() && modes(&store).is_empty());
    let host = store.engine.get(A01.0, A01.1).unwrap();
    assert!(!host.log_stats(Duration::ZERO).checkpointing);
    look(&store, 2);
    assert_eq!(modes(&store), [(CheckpointMode::Retry, 1)]);
    look(&store, 4);
    assert_eq!((files(&disk, ".wal").len(), files(&disk, ".tmp").len()), (0, 0));
    assert_eq!(setup.view(killed(&disk), A01, "m", &[]), expected(0..4));
}

// ---- what it is to the log ----

/// Writes records, from this slot on, as long as there is room in the buffer; how many.
fn fill_buffer<D: Disk>(host: &StoredHost<D>, store: &Store<D>, from: i64) -> i64 {
    let series = Series::new(store.engine.catalogue(), b"m", [""; 0]).unwrap();
    let logging = Logging::Logged { patience: Duration::ZERO };
    let is_taken = |slot: &i64| {
        let sample = Sample { series: &series, timestamp: 9000 + 10 * slot, value: 1.0 };
        host.write(&[sample], store.now, logging, |_, _| {}).is_ok()
    };
    i64::try_from((from..from + 100).take_while(is_taken).count()).unwrap()
}

#[test]
fn batch_doubled_then_restored() {
    for fails in [false, true] {
        let (mut setup, disk) = (Setup::new(), SimDisk::new(1));
        setup.config.log.sync = SyncMode::Flush;
        setup.config.log.buffer_bytes_host = usize::try_from(4 * record()).unwrap();
        let store = Rc::new(setup.open(&Watched(disk.clone())));
        fill(&store, A01, 0..1);
        let host = store.engine.get(A01.0, A01.1).unwrap();
        let taken = Rc::new(Cell::new(None));
        let during = {
            let (store, host, taken) = (Rc::clone(&store), Arc::clone(&host), Rc::clone(&taken));
            move |moment| {
                if moment == Moment::Before && taken.get().is_none() {
                    taken.set(Some(fill_buffer(&host, &store, 1)));
                }
            }
        };
        if fails {
            disk.inject(Fault::new(Failure::Error(Io)).on(Kind::Rename));
        }
        watch(Some(Rc::new(during)));
        assert_eq!(host.checkpoint(store.now).is_err(), fails);
        watch(None);
        assert_eq!(taken.get(), Some(8), "twice as much while it runs");
        assert_eq!(fill_buffer(&host, &store, 9), 0, "no more than there is already");
        let before = store.engine.stats(store.now).log;
        look(&store, 1);
        let after = store.engine.stats(store.now).log;
        let group = (after.records - before.records, after.writes - before.writes);
        assert_eq!((group, after.buffered), ((8, 1), 0), "one write for all of them");
        assert_eq!(fill_buffer(&host, &store, 9), 4, "as much as ever");
    }
}

#[test]
fn deferred_flush_bounded() {
    let (setup, disk) = (Setup::new(), SimDisk::new(1));
    let store = setup.open(&disk);
    store.write("m", &[(9000, 1.0)]);
    let host = store.engine.get(A01.0, A01.1).unwrap();
    let written = || store.engine.stats(store.now).log.records;
    assert_eq!(written(), 1);
    thread::scope(|scope| {
        let hold = disk.hold(Kind::Sync, is_temporary);
        scope.spawn(|| host.checkpoint(store.now).unwrap());
        hold.wait_for(1);
        for (slot, from) in [(9010, 0), (9020, 10)] {
            // The flush interval is a second.
            let written_before = written();
            let sent = Store {
                engine: Arc::clone(&store.engine),
                now: at(from),
                found: store.found.clone(),
            };
            sent.send("m", slot, 1.0);
            look(&store, from + 1);
            assert_eq!(written(), written_before, "put off, for the checkpoint");
            look(&store, from + 2);
            assert_eq!(written(), written_before + 1, "once");
        }
        drop(hold);
    });
    store.send("m", 9030, 1.0);
    look(&store, 20);
    assert_eq!(written(), 4, "as soon as it is due");
}
