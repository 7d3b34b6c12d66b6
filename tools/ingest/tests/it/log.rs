//! Acknowledged is what survives; what the log has no room for is refused, or stays in memory.

use crate::world::{NOW, PATIENCE, at, contents, open, take};
use checkpointer::disk::sim::{Crash, Sector, SimDisk, Survival};
use checkpointer::log::{self, Inline, SyncMode};
use checkpointer::{Config, Engine};
use ingest::{Answer, How, Ingest, Log, NotAcknowledged};
use std::time::Duration;

fn body(hosts: usize, minutes: i64) -> String {
    let line = |host, minute| {
        let time = NOW + 60 * minute;
        format!("load,cluster=c,hostname=h{host} value={minute} {time}\n")
    };
    (0..minutes).flat_map(|minute| (0..hosts).map(move |host| line(host, minute))).collect()
}

fn small() -> Config {
    let log = log::Config { buffer_bytes_host: 4096, ..log::Config::default() };
    Config { log, ..Config::default() }
}

#[test]
fn what_was_acknowledged_is_there_after_a_crash() {
    for (mode, crash) in [
        (SyncMode::Flush, Crash::Kill),
        (SyncMode::Always, Crash::PowerLoss(Survival::Nothing, Sector::Bytes512)),
    ] {
        let disk = SimDisk::new(1);
        let log = log::Config { sync: mode, ..log::Config::default() };
        let config = Config { log, ..Config::default() };
        let ingest = Ingest::new(open(&disk, config.clone()), ingest::Config::default());
        take(&ingest, &body(20, 30));
        let before = contents(ingest.engine());
        assert_eq!(before.len(), 600);
        let disk = disk.crash(crash, 7);
        drop(ingest);
        assert_eq!(contents(&open(&disk, config)), before);
    }
}

#[test]
fn a_full_log_refuses_the_batch_or_leaves_its_samples_in_memory_for_the_next_checkpoint() {
    let disk = SimDisk::new(1);
    let ingest = Ingest::new(open(&disk, small()), ingest::Config::default());
    take(&ingest, &body(2, 3));
    disk.limit_space(0);
    let patience = Duration::from_millis(1);
    let required = How { patience, ..PATIENCE };
    let outcome = ingest.batch(body(1, 50).as_bytes(), None, at(1), required);
    assert!(matches!(outcome.not_acknowledged, Some(NotAcknowledged::NotLogged(_))), "{outcome:?}");
    let mut outcome = ingest.batch(body(1, 50).as_bytes(), None, at(1), required);
    for _ in 0..10 {
        outcome = ingest.batch(body(1, 50).as_bytes(), None, at(1), required);
    }
    assert!(matches!(outcome.not_acknowledged, Some(NotAcknowledged::Full(_))), "{outcome:?}");

    let preferred = How { patience, ..How::best_effort() };
    let outcome = ingest.batch(body(1, 100).as_bytes(), None, at(1), preferred);
    assert!(outcome.is_acknowledged());
    assert_eq!((outcome.stored, outcome.unlogged), (100, 100));
    assert_eq!(ingest.stats().unlogged, 100);

    disk.lift_space_limit();
    let before = contents(ingest.engine());
    let done = ingest.engine().close(at(2), &Inline, None);
    assert!(done.failed.is_empty(), "{done:?}");
    drop(ingest);
    assert_eq!(contents(&open(&disk, small())), before);
}

#[test]
fn what_is_not_for_the_log_is_saved_by_the_checkpoint_alone() {
    let disk = SimDisk::new(1);
    let ingest = Ingest::new(open(&disk, small()), ingest::Config::default());
    let how = How { log: Log::Unused, ..How::unlogged() };
    let outcome = ingest.batch(body(3, 300).as_bytes(), None, at(0), how);
    assert_eq!((outcome.stored, outcome.unlogged), (900, 900));
    assert!(disk.files().iter().all(|path| !path.contains(".wal")));
    ingest.engine().close(at(1), &Inline, None);
    let before = contents(ingest.engine());
    drop(ingest);
    assert_eq!((contents(&open(&disk, small())) == before, before.len()), (true, 900));
}

#[test]
fn what_is_answered_at_once_is_written_by_who_drives_the_engine() {
    let disk = SimDisk::new(1);
    let engine = open(&disk, Config::default());
    let ingest = Ingest::new(engine, ingest::Config::default());
    let how = How { answer: Answer::AtOnce, ..PATIENCE };
    assert_eq!(ingest.batch(body(3, 5).as_bytes(), None, at(0), how).stored, 15);
    let logged = |engine: &Engine<SimDisk>| engine.stats(at(0)).log.records;
    assert_eq!(logged(ingest.engine()), 0);
    ingest.engine().run_due(at(2), log::Budget { jobs_max: 10 }, &Inline);
    assert_eq!(logged(ingest.engine()), 15);
}

#[test]
fn a_host_that_left_the_store_is_written_to_again() {
    let ingest = Ingest::new(open(&SimDisk::new(1), Config::default()), ingest::Config::default());
    let engine = ingest.engine();
    take(&ingest, &body(2, 3));
    // Somebody still holds the one that is about to go, nobody the other.
    let held = engine.get("c", "h1").unwrap();
    let freed = engine.free(i64::MAX, &[vec![]], &|_, _| false, at(1), &Inline);
    let deleted = engine.delete(i64::MAX, &|_, _| false, &Inline);
    assert!(freed.blocks == 2 && deleted.snapshots == 2, "{freed:?} {deleted:?}");
    assert!(engine.get("c", "h0").is_none() && engine.get("c", "h1").is_none());
    take(&ingest, &body(2, 3));
    assert_eq!(contents(engine).len(), 6);
    drop(held);
}
