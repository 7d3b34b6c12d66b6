//! What was found wrong once, each named after what holds now.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use checkpointer::disk::sim::{Cause, Failure, Fault, Kind, SimDisk};
use checkpointer::log::{self, Budget, Inline, Pool, SyncMode};
use checkpointer::memstore::{Aggregation, Catalogue, Host};
use checkpointer::{Config, Engine, Logging, Now, Sample, Series, Start, StoredHost};

const T0: i64 = 1_700_000_000;
const LOGGED: Logging = Logging::Logged { patience: Duration::from_secs(1) };

fn at(unix: i64) -> Now {
    Now { unix, uptime: Duration::from_secs((unix - T0).clamp(0, 1 << 40).cast_unsigned()) }
}

fn catalogue() -> Catalogue {
    let catalogue = Catalogue::new();
    catalogue.add(b"load", NonZeroU32::new(60).unwrap(), Aggregation::Avg);
    catalogue.add(b"power", NonZeroU32::new(10).unwrap(), Aggregation::Sum);
    catalogue
}

fn always() -> Config {
    Config {
        log: log::Config { sync: SyncMode::Always, ..Default::default() },
        offline_retry: Duration::ZERO,
        ..Default::default()
    }
}

fn open(
    disk: &SimDisk,
    config: Config,
    now: Now,
) -> (Arc<Engine<SimDisk>>, checkpointer::Recovered) {
    Engine::open(disk.clone(), catalogue(), config, &Start::at(now)).unwrap()
}

fn put(engine: &Engine<SimDisk>, host: &str, time: i64, value: f32, now: Now) {
    let host = engine.host("alpha", host, now).unwrap();
    let series = Series::new(engine.catalogue(), b"load", ["socket0"]).unwrap();
    let sample = Sample { series: &series, timestamp: time, value };
    let written = host.write(&[sample], now, LOGGED, |_, why| panic!("{why}")).unwrap();
    written.pending.unwrap().wait(now, Duration::from_secs(1)).unwrap();
}

type Values = BTreeMap<(String, Vec<Vec<u8>>, Vec<u8>, i64), f32>;

fn values_of(engine: &Engine<SimDisk>, host: &StoredHost<SimDisk>) -> Values {
    let all = host.read(Host::view_all);
    let mut values = Values::new();
    for run in all.runs(engine.catalogue()) {
        for (slot, value) in run.to_vec().into_iter().enumerate() {
            if !value.is_nan() {
                let time =
                    run.start + i64::try_from(slot).unwrap() * i64::from(run.frequency.get());
                let path = run.path.iter().map(|name| name.to_vec()).collect();
                let key = (host.directory().to_owned(), path, run.name.to_vec(), time);
                assert!(values.insert(key.clone(), value).is_none(), "{key:?} twice");
            }
        }
    }
    values
}

fn values(engine: &Engine<SimDisk>) -> Values {
    engine.all().iter().flat_map(|host| values_of(engine, host)).collect()
}

fn checkpoint(engine: &Engine<SimDisk>, now: Now) -> checkpointer::Checkpointed {
    engine.checkpoint(&engine.all(), now, &Inline, None)
}

// ---- names at the limits ----

#[test]
fn a_snapshot_named_behind_the_highest_number_is_found_again() {
    let disk = SimDisk::new(1);
    // Something that was set aside by hand, with a strange name.
    disk.plant("alpha/a01/1152921504606846976.bin.bak", b"x".to_vec());
    let (engine, _) = open(&disk, always(), at(T0));
    put(&engine, "a01", T0, 1.0, at(T0));
    let before = values(&engine);
    engine.close(at(T0 + 10), &Inline, None);
    drop(engine);
    eprintln!("{:?}", disk.files());
    let (engine, found) = open(&disk, always(), at(T0 + 20));
    eprintln!("{:?}", found.problems);
    assert_eq!(values(&engine), before);
}

#[test]
fn a_snapshot_that_covers_a_high_number_is_believed() {
    let disk = SimDisk::new(1);
    disk.plant("alpha/a01/04000000000000000000.wal.bak", b"x".to_vec());
    let (engine, _) = open(&disk, always(), at(T0));
    put(&engine, "a01", T0, 1.0, at(T0));
    let before = values(&engine);
    engine.close(at(T0 + 10), &Inline, None);
    drop(engine);
    eprintln!("{:?}", disk.files());
    let (engine, found) = open(&disk, always(), at(T0 + 20));
    eprintln!("{:?}", found.problems);
    assert_eq!(values(&engine), before);
}

#[test]
fn a_name_of_the_lowest_number_is_no_panic() {
    let disk = SimDisk::new(1);
    disk.plant("alpha/a01/-9223372036854775808.bin", b"x".to_vec());
    open(&disk, always(), at(T0));
}

// ---- deleting reverts ----

#[test]
fn deleting_does_not_bring_back_an_older_value() {
    let disk = SimDisk::new(1);
    let (engine, _) = open(&disk, always(), at(T0));
    put(&engine, "a01", T0, 1.0, at(T0));
    put(&engine, "a01", T0 + 6000, 5.0, at(T0 + 6000));
    checkpoint(&engine, at(T0 + 6000));
    put(&engine, "a01", T0, 2.0, at(T0 + 6010)); // replaces the first
    checkpoint(&engine, at(T0 + 6020));
    let before = values(&engine);
    let deleted = engine.delete(T0 + 60, &|_, _| false, &Inline);
    drop(engine);
    let (engine, _) = open(&disk, always(), at(T0 + 7000));
    for (key, value) in values(&engine) {
        assert_eq!(before.get(&key), Some(&value), "{key:?} was reverted; deleted {deleted:?}");
    }
}

// ---- fairness ----

#[test]
fn a_host_that_cannot_be_saved_does_not_starve_the_others() {
    let disk = SimDisk::new(1);
    let config = || Config { checkpoint_interval: Some(Duration::from_secs(10)), ..always() };
    let (engine, _) = open(&disk, config(), at(T0));
    put(&engine, "a01", T0, 1.0, at(T0));
    put(&engine, "a02", T0, 1.0, at(T0));
    drop(engine); // as a crash: both have an uncovered log
    let (engine, _) = open(&disk, config(), at(T0 + 10));
    disk.inject(
        Fault::new(Failure::Error(Cause::Io))
            .on(Kind::Create)
            .path(|path| path.contains("a01/") && path.contains(".tmp"))
            .always(),
    );
    for second in 0..100 {
        engine.run_due(at(T0 + 10 + second), Budget { jobs_max: 1 }, &Inline);
    }
    assert!(
        engine.get("alpha", "a02").unwrap().is_idle(),
        "a02 was never saved: {:?}",
        disk.files()
    );
}

struct Threads;
impl Pool for Threads {
    fn run(&self, job: Box<dyn FnOnce() + Send>) {
        std::thread::spawn(job);
    }
}

/// Whether what is written to b01 is synced within a second and a half by the thread that drives.
fn is_synced_in_time(disk: &SimDisk, engine: &Arc<Engine<SimDisk>>) -> bool {
    let start = Instant::now();
    let now = move || Now { unix: T0 + 100, uptime: Duration::from_secs(100) + start.elapsed() };
    let stop = Arc::new(AtomicBool::new(false));
    let driver = {
        let (engine, stop) = (Arc::clone(engine), Arc::clone(&stop));
        std::thread::spawn(move || {
            while !stop.load(Ordering::SeqCst) {
                engine.run_due(now(), Budget { jobs_max: 64 }, &Threads);
                std::thread::sleep(Duration::from_millis(10));
            }
        })
    };
    std::thread::sleep(Duration::from_millis(300)); // the driver has come to the slow host
    put(engine, "b01", T0, 1.0, now());
    std::thread::sleep(Duration::from_millis(2500));
    let trace = disk.trace();
    let synced = trace.iter().any(|one| one.kind == Kind::Sync && one.path.contains("b01/"));
    stop.store(true, Ordering::SeqCst);
    std::mem::forget(driver);
    synced
}

#[test]
fn a_host_that_is_slow_to_checkpoint_keeps_no_other_from_being_synced() {
    let disk = SimDisk::new(1);
    let config = Config { checkpoint_interval: Some(Duration::from_secs(1)), ..Config::default() };
    let (engine, _) = open(&disk, config, at(T0));
    put(&engine, "slow", T0, 1.0, at(T0));
    let hold = disk.hold(Kind::Sync, |path| path.contains("slow/") && path.contains(".tmp"));
    disk.start_trace();
    let synced = is_synced_in_time(&disk, &engine);
    drop(hold);
    assert!(synced, "flush mode: all but the last second survive a power loss");
}

#[test]
fn a_host_that_is_slow_to_open_keeps_no_other_from_being_synced() {
    let disk = SimDisk::new(1);
    let (engine, _) = open(&disk, Config::default(), at(T0));
    disk.plant("alpha/slow/00000000000000000001.wal", Vec::new());
    let hold = disk.hold(Kind::Open, |path| path.contains("slow/"));
    let opening = Arc::clone(&engine);
    std::thread::spawn(move || drop(opening.host("alpha", "slow", at(T0))));
    hold.wait_for(1);
    disk.start_trace();
    let synced = is_synced_in_time(&disk, &engine);
    drop(hold);
    assert!(synced, "flush mode: all but the last second survive a power loss");
}

#[test]
fn control_without_a_slow_host_others_are_synced() {
    let disk = SimDisk::new(1);
    let config = Config { checkpoint_interval: Some(Duration::from_secs(1)), ..Config::default() };
    let (engine, _) = open(&disk, config, at(T0));
    put(&engine, "slow", T0, 1.0, at(T0));
    disk.start_trace();
    assert!(is_synced_in_time(&disk, &engine));
}

#[test]
fn control_a_host_that_fails_for_a_moment_does_not_starve_the_others() {
    let disk = SimDisk::new(1);
    let (engine, _) = open(&disk, always(), at(T0));
    put(&engine, "a01", T0, 1.0, at(T0));
    put(&engine, "a02", T0, 1.0, at(T0));
    drop(engine);
    let (engine, _) = open(&disk, always(), at(T0 + 10));
    disk.inject(
        Fault::new(Failure::Error(Cause::Io))
            .on(Kind::Create)
            .path(|path| path.contains("a01/") && path.contains(".tmp"))
            .times(3),
    );
    for second in 0..100 {
        engine.run_due(at(T0 + 10 + second), Budget { jobs_max: 1 }, &Inline);
    }
    assert!(engine.get("alpha", "a02").unwrap().is_idle());
}

// ---- what cannot be read ----

#[test]
fn hosts_of_a_cluster_that_cannot_be_listed_for_a_moment_come_back() {
    let disk = SimDisk::new(1);
    let (engine, _) = open(&disk, always(), at(T0));
    put(&engine, "a01", T0, 1.0, at(T0));
    let before = values(&engine);
    drop(engine);
    disk.inject(
        Fault::new(Failure::Error(Cause::TooManyFiles)).on(Kind::List).path(|path| path == "alpha"),
    );
    let (engine, found) = open(&disk, always(), at(T0 + 10));
    eprintln!("{found:?}");
    for second in 0..600 {
        engine.run_due(at(T0 + 20 + second), Budget { jobs_max: 64 }, &Inline);
    }
    assert_eq!(values(&engine), before);
}

#[test]
fn a_strict_start_stops_at_a_cluster_that_cannot_be_listed() {
    let disk = SimDisk::new(1);
    disk.plant("alpha/a01/00000000000000000001.wal", Vec::new());
    disk.inject(Fault::new(Failure::Error(Cause::Io)).on(Kind::List).path(|path| path == "alpha"));
    let start = Start { strict: true, ..Start::at(at(T0)) };
    assert!(Engine::open(disk, catalogue(), always(), &start).is_err());
}

#[test]
fn a_kept_host_that_comes_back_is_loaded_whole() {
    let disk = SimDisk::new(1);
    let config = || Config { retention: Some(3600), ..always() };
    let (engine, _) = open(&disk, config(), at(T0));
    put(&engine, "a01", T0, 1.0, at(T0));
    put(&engine, "a02", T0, 1.0, at(T0));
    checkpoint(&engine, at(T0));
    let before = values(&engine);
    drop(engine);
    disk.inject(
        Fault::new(Failure::Error(Cause::Io))
            .on(Kind::List)
            .path(|path| path == "alpha/a01")
            .times(2),
    );
    let start = Start { is_kept: &|_, _| true, ..Start::at(at(T0 + 10_000)) };
    let (engine, found) = Engine::open(disk.clone(), catalogue(), config(), &start).unwrap();
    assert_eq!(found.offline, 1);
    for second in 0..600 {
        engine.run_due(at(T0 + 10_020 + second), Budget { jobs_max: 64 }, &Inline);
    }
    assert_eq!(values(&engine), before);
}

// ---- clocks ----

/// A cluster with right clocks writes to a store whose clock is ten years ahead.
#[test]
fn a_clock_that_is_ahead_over_a_restart_destroys_nothing() {
    const HOUR: i64 = 3600;
    const AHEAD: i64 = 10 * 365 * 24 * HOUR;
    let disk = SimDisk::new(1);
    let config = || Config { retention: Some(48 * HOUR), max_future: Some(HOUR), ..always() };
    let (engine, _) = open(&disk, config(), at(T0));
    put(&engine, "a01", T0, 1.0, at(T0));
    checkpoint(&engine, at(T0));
    // The clock jumps; the engine goes on as it should.
    put(&engine, "a01", T0 + 60, 2.0, at(T0 + 60 + AHEAD));
    checkpoint(&engine, at(T0 + 60 + AHEAD));
    put(&engine, "a01", T0 + 120, 3.0, at(T0 + 120 + AHEAD));
    let now = at(T0 + 120 + AHEAD);
    let before = values(&engine);
    engine.free(engine.oldest(now), &[vec![]], &|_, _| false, now, &Inline);
    assert_eq!(engine.delete(engine.oldest(now), &|_, _| false, &Inline).snapshots, 0);
    assert_eq!(values(&engine), before);
    assert!(engine.close(now, &Inline, None).failed.is_empty());
    drop(engine);
    // A restart with the same clock, and the next cleanup.
    let (engine, found) = open(&disk, config(), now);
    let after = values(&engine);
    let deleted = engine.delete(engine.oldest(now), &|_, _| false, &Inline).snapshots;
    eprintln!(
        "{} of {} values are there; {deleted} snapshots deleted, {:?}",
        after.len(),
        before.len(),
        disk.files()
    );
    assert_eq!((after, deleted), (before, 0), "{found:?}");
}

/// No later `.bin` holds a series from an earlier time on than where it ended in one before.
#[test]
fn an_idle_host_is_healed_of_a_sync_that_failed_at_the_start() {
    let disk = SimDisk::new(1);
    let (engine, _) = open(&disk, always(), at(T0));
    put(&engine, "a01", T0, 1.0, at(T0));
    disk.inject(Fault::new(Failure::Error(Cause::Io)).on(Kind::Remove).always());
    engine.close(at(T0), &Inline, None);
    drop(engine);
    disk.clear_faults();
    let (engine, _) = open(&disk, always(), at(T0 + 10));
    disk.inject(Fault::new(Failure::Error(Cause::Io)).on(Kind::SyncDirectory));
    for second in 0..100 {
        engine.run_due(at(T0 + 10 + second), Budget { jobs_max: 64 }, &Inline);
    }
    let needs =
        engine.get("alpha", "a01").unwrap().log_stats(Duration::from_secs(200)).needs_checkpoint;
    let closed = engine.close(at(T0 + 200), &Inline, None);
    assert!(!needs && closed.failed.is_empty(), "needs a checkpoint: {needs}; {:?}", closed.failed);
}

// ---- hostile logs ----

fn hostile_log(records: i64, step: i64) -> Vec<u8> {
    let names = wal_format::NamesBuf::new("load", ["x"]).unwrap();
    let mut bytes = Vec::new();
    wal_format::encode_file_header(&mut bytes);
    for k in 0..records {
        let record = wal_format::Record {
            names: names.as_names(),
            timestamp: T0 + k * step,
            value: 1.0,
            frequency: NonZeroU32::new(1),
        };
        record.encode(&mut bytes);
    }
    bytes
}

#[test]
fn a_log_of_far_apart_values_is_replayed_in_linear_time() {
    let mut took = Vec::new();
    for records in [10_000, 20_000, 40_000, 80_000] {
        let disk = SimDisk::new(1);
        let log = hostile_log(records, -1000);
        let bytes = log.len();
        disk.plant("alpha/a01/00000000000000000001.wal", log);
        let start = Instant::now();
        let (_, found) = open(&disk, always(), at(T0));
        took.push((records, bytes, start.elapsed()));
        assert_eq!(found.records, records.cast_unsigned());
    }
    eprintln!("{took:?}");
    assert!(took[3].2 < took[1].2 * 8, "four times the records: {took:?}");
}

#[test]
fn a_checkpoint_of_far_apart_values_takes_as_many_files_as_a_series_has_runs_at_most() {
    let disk = SimDisk::new(1);
    disk.plant("alpha/a01/00000000000000000001.wal", hostile_log(5000, 1000));
    let (engine, _) = open(&disk, always(), at(T0));
    let start = Instant::now();
    let done = checkpoint(&engine, at(T0 + 10));
    assert!(done.files <= 4096, "{} files in {:?}", done.files, start.elapsed());
}

// ---- small buffers ----

#[test]
fn a_batch_larger_than_a_small_buffer_is_divided() {
    let disk = SimDisk::new(1);
    let log = log::Config { buffer_bytes_host: 64 << 10, ..Default::default() };
    let (engine, _) = open(&disk, Config { log, ..Default::default() }, at(T0));
    let series: Vec<_> = (0..2000)
        .map(|k| Series::new(engine.catalogue(), b"load", [format!("hwthread{k}")]).unwrap())
        .collect();
    let samples: Vec<_> =
        series.iter().map(|series| Sample { series, timestamp: T0, value: 1.0 }).collect();
    let host = engine.host("alpha", "a01", at(T0)).unwrap();
    let written = host.write(&samples, at(T0), LOGGED, |_, _| {});
    assert!(written.is_ok(), "{:?}", written.err());
}
