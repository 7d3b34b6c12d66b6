//! Histories that break one rule each, for the planted bugs that random work meets too seldom.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use checkpointer::Now;
use checkpointer::disk::Disk;
use checkpointer::disk::sim::Cause::Io;
use checkpointer::disk::sim::{Crash, Failure, Fault, Kind, Sector, SimDisk, Survival};
use checkpointer::log::{Budget, Inline};

use super::files::check_files;
use super::go::{GoLevel, go_bin, go_wal};
use super::store::{A01, Setup, Slots, Store, bits, files, killed};
use crate::log::watched::{Watched, watch};

/// A name, and what must hold.
type Scenario = (&'static str, fn() -> Result<(), String>);

pub(crate) const ALL: [Scenario; 11] = [
    ("a series that was freed comes back late", a_series_that_was_freed_comes_back_late),
    ("a covered segment survives its deletion", a_covered_segment_survives_its_deletion),
    ("a snapshot goes, what it covers is left", a_snapshot_goes_but_what_it_covers_is_left),
    ("only records that no snapshot can hold", only_records_that_no_snapshot_can_hold),
    ("one name, two formats", one_name_in_two_formats),
    ("killed in a checkpoint, then a checkpoint", killed_in_a_checkpoint_then_a_checkpoint),
    ("killed in a checkpoint, then a deletion", killed_in_a_checkpoint_then_a_deletion),
    ("killed in a checkpoint, then a sweep", killed_in_a_checkpoint_then_a_sweep),
    ("a sweep beside what is not covered", a_sweep_beside_what_is_not_covered),
    ("a checkpoint fails, then none does", a_checkpoint_fails_then_none_does),
    ("a checkpoint panics, then none does", a_checkpoint_panics_then_none_does),
];

fn expect(found: &Slots, expected: &[(i64, f32)]) -> Result<(), String> {
    let expected = bits(expected);
    if *found == expected { Ok(()) } else { Err(format!("{found:?}, not {expected:?}")) }
}

/// No `.bin` may begin before the end of what another says of a series, though the series is gone.
fn a_series_that_was_freed_comes_back_late() -> Result<(), String> {
    let (setup, disk) = (Setup::new(), SimDisk::new(1));
    let store = setup.open(&disk);
    store.write("m", &[(9000, 1.0), (9010, 2.0)]);
    store.checkpoint();
    let all = store.engine.free(i64::MAX, &[Vec::new()], &|_, _| false, store.now, &Inline);
    if all.blocks == 0 {
        return Err(format!("nothing is freed: {all:?}"));
    }
    store.write("m", &[(5000, 3.0)]);
    store.checkpoint();
    check_files(&disk)?;
    let found = setup.view(disk, A01, "m", &[]);
    expect(&found, &[(5000, 3.0), (9000, 1.0), (9010, 2.0)])
}

/// What a covered segment holds is older than the snapshots: here the newer value was in no log.
fn a_covered_segment_survives_its_deletion() -> Result<(), String> {
    let (setup, disk) = (Setup::new(), SimDisk::new(1));
    let store = setup.open(&disk);
    store.write("m", &[(9000, 1.0)]);
    disk.inject(Fault::new(Failure::Error(Io)).on(Kind::Remove).always());
    store.checkpoint();
    store.send("m", 9000, 2.0);
    store.checkpoint();
    if files(&disk, ".wal").len() != 1 {
        return Err("the first segment alone was to survive".into());
    }
    for crash in Crash::ALL {
        expect(&setup.view(disk.crash(crash, 1), A01, "m", &[]), &[(9000, 2.0)])?;
    }
    Ok(())
}

/// The segment that a deleted snapshot covered is never replayed.
fn a_snapshot_goes_but_what_it_covers_is_left() -> Result<(), String> {
    let (setup, disk) = (Setup::new(), SimDisk::new(1));
    let store = setup.open(&disk);
    store.write("m", &[(9000, 1.0)]);
    disk.inject(Fault::new(Failure::Error(Io)).on(Kind::Remove));
    store.checkpoint();
    if files(&disk, ".wal").is_empty() {
        return Err("the segment was to survive".into());
    }
    store.engine.delete(9500, &|_, _| false, &Inline);
    expect(&setup.view(disk, A01, "m", &[]), &[])
}

/// Nothing is dirty, and yet the log of the Go store is dealt with: kept, and not read again.
fn only_records_that_no_snapshot_can_hold() -> Result<(), String> {
    let (setup, disk) = (Setup::new(), SimDisk::new(1));
    disk.plant("alpha/a01/current.wal", go_wal(&[(5, 9000, 1), (5, 9012, 2)]));
    let store = setup.open(&disk);
    store.checkpoint();
    let (segments, kept) = (files(&disk, ".wal"), files(&disk, ".unknown"));
    if !segments.is_empty() || kept.len() != 1 {
        return Err(format!("{segments:?} and {kept:?} are left"));
    }
    let covering = files(&disk, ".late");
    if covering.len() == 1 { Ok(()) } else { Err(format!("{covering:?} cover it")) }
}

/// The Go store rounds in JSON: where both are there, the binary one counts.
fn one_name_in_two_formats() -> Result<(), String> {
    let (setup, disk) = (Setup::new(), SimDisk::new(1));
    let values = [1.25, 2.75];
    let root = GoLevel { series: vec![("m", 10, 9000, &values)], children: vec![] };
    disk.plant("alpha/a01/9000.bin", go_bin(9000, 9020, &root));
    let json =
        r#"{"metrics":{"m":{"frequency":10,"start":9000,"data":[1.3,2.8]}},"from":9000,"to":9020}"#;
    disk.plant("alpha/a01/9000.json", json);
    expect(&setup.open(&disk).slots("m"), &[(9000, 1.25), (9010, 2.75)])
}

/// The checkpoint of the second process finds what the first left when it was killed at any operation
/// of its own, and the power fails at any operation. What was found may be in the cache only: no later
/// file may cover what only that one holds.
fn killed_in_a_checkpoint_then_a_checkpoint() -> Result<(), String> {
    every_two_stops(|store, _| {
        store.send("m", 9500, 3.0);
        store.checkpoint();
    })
}

/// The same with a deletion: nothing goes because of a file that is not durable.
fn killed_in_a_checkpoint_then_a_deletion() -> Result<(), String> {
    every_two_stops(|store, _| {
        store.engine.delete(5500, &|_, _| false, &Inline);
    })
}

/// The same with the removal of what is left over, where neither the log nor a checkpoint has made the
/// directory durable before.
fn killed_in_a_checkpoint_then_a_sweep() -> Result<(), String> {
    every_two_stops(|store, disk| {
        disk.inject(Fault::new(Failure::Error(Io)).on(Kind::SyncDirectory));
        let temporary = |path: &str| path.rsplit_once('.').is_some_and(|(_, kind)| kind == "tmp");
        disk.inject(Fault::new(Failure::Error(Io)).on(Kind::Create).path(temporary).always());
        look(store, 1);
    })
}

/// A segment that has survived its deletion goes, and the one behind it stays.
fn a_sweep_beside_what_is_not_covered() -> Result<(), String> {
    let (setup, disk) = (Setup::new(), SimDisk::new(1));
    let store = setup.open(&disk);
    store.write("m", &[(9000, 1.0)]);
    disk.inject(Fault::new(Failure::Error(Io)).on(Kind::Remove));
    store.checkpoint();
    store.write("m", &[(9010, 2.0)]);
    look(&store, 1);
    if files(&disk, ".wal").len() != 1 {
        return Err(format!("one segment was to go, and one to stay: {:?}", disk.files()));
    }
    expect(&setup.view(killed(&disk), A01, "m", &[]), &[(9000, 1.0), (9010, 2.0)])
}

/// A failure ends the checkpoint: nothing of it is left in the way of the next, or of writers.
fn a_checkpoint_fails_then_none_does() -> Result<(), String> {
    let (mut setup, disk) = (Setup::new(), SimDisk::new(1));
    setup.config.thresholds.passive = Some(1);
    let store = setup.open(&disk);
    store.write("m", &[(9000, 1.0)]);
    disk.inject(Fault::new(Failure::Error(Io)).on(Kind::Rename));
    look(&store, 0);
    if store.engine.stats(store.now).checkpoint_failures != 1 {
        return Err("one was to fail".into());
    }
    is_tried_again(&store)
}

/// The same for a panic.
fn a_checkpoint_panics_then_none_does() -> Result<(), String> {
    let (mut setup, disk) = (Setup::new(), SimDisk::new(1));
    setup.config.thresholds.passive = Some(1);
    let store = setup.open(&Watched(disk));
    store.write("m", &[(9000, 1.0)]);
    watch(Some(Rc::new(|_| panic!("planned"))));
    let looked = catch_unwind(AssertUnwindSafe(|| look(&store, 0)));
    watch(None);
    if looked.is_ok() {
        return Err("it was to panic".into());
    }
    is_tried_again(&store)
}

fn is_tried_again<D: Disk>(store: &Store<D>) -> Result<(), String> {
    let host = store.engine.get(A01.0, A01.1).ok_or("the host is gone")?;
    if host.log_stats(store.now.uptime).checkpointing {
        return Err("it is still running".into());
    }
    look(store, 5);
    let checkpoints = store.engine.stats(store.now).checkpoints;
    if checkpoints == 1 { Ok(()) } else { Err(format!("{checkpoints} checkpoints")) }
}

fn look<D: Disk>(store: &Store<D>, second: u64) {
    let now = Now { uptime: Duration::from_secs(second), ..store.now };
    store.engine.run_due(now, Budget { jobs_max: 10 }, &Inline);
}

fn every_two_stops(work: fn(&Store<SimDisk>, &SimDisk)) -> Result<(), String> {
    let setup = Setup::new();
    for first in 0..20 {
        for second in 0..20 {
            let disk = killed_in_a_checkpoint(&setup, first);
            let store = setup.open(&disk);
            disk.stop_after(disk.operations() + second);
            work(&store, &disk);
            let crash = Crash::PowerLoss(Survival::Subset, Sector::Bytes512);
            for seed in 0..12 {
                let found = setup.view(disk.crash(crash, seed), A01, "m", &[]);
                if found.get(&9000) != Some(&2.0_f32.to_bits()) {
                    return Err(format!("lost at stops {first}, {second}, seed {seed}: {found:?}"));
                }
            }
        }
    }
    Ok(())
}

/// A process that was killed after so many operations of its second checkpoint.
fn killed_in_a_checkpoint(setup: &Setup, stop: u64) -> SimDisk {
    let disk = SimDisk::new(1);
    let store = setup.open(&disk);
    store.write("m", &[(5000, 1.0)]);
    store.checkpoint();
    store.write("m", &[(9000, 2.0)]);
    disk.stop_after(disk.operations() + stop);
    store.checkpoint();
    killed(&disk)
}

#[test]
fn every_directed_history_ends_as_it_should() {
    for (name, history) in ALL {
        history().unwrap_or_else(|violation| panic!("{name}: {violation}"));
    }
}
