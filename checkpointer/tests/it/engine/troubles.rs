//! Disks that refuse for a while, hosts that come and go, metrics that are taken away.

use std::time::Duration;

use checkpointer::disk::sim::Cause::{Denied, Io, NoSpace, TooManyFiles};
use checkpointer::disk::sim::{Cause, Failure, Fault, Kind, SimDisk};
use checkpointer::log::{Budget, Inline};
use checkpointer::{Engine, Logging, Now, OpenError, Sample, Series, Start, Unavailable};

use super::files::check_files;
use super::store::{A01, Setup, bits, files, killed};

#[test]
fn a_host_that_dies_and_returns_goes_on_where_it_was() {
    let (mut setup, disk) = (Setup::new(), SimDisk::new(1));
    setup.config.retention = Some(1000);
    let mut store = setup.open(&disk);
    store.write("m", &[(9500, 1.0)]);
    // It dies. After the retention nothing of it is left, in memory or on the disk.
    store.now = Now { unix: 20_000, ..store.now };
    let before = store.engine.oldest(store.now);
    let freed = store.engine.free(before, &[Vec::new()], &|_, _| false, store.now, &Inline);
    assert!(freed.blocks > 0);
    assert_eq!(store.engine.delete(before, &|_, _| false, &Inline).snapshots, 1);
    assert_eq!(disk.files(), [""; 0]);
    assert!(store.engine.get(A01.0, A01.1).is_none());
    // It returns, and is written to as before.
    store.write("m", &[(20_000, 2.0)]);
    store.checkpoint();
    store.write("m", &[(20_010, 3.0)]);
    check_files(&disk).unwrap();
    let expected = bits(&[(20_000, 2.0), (20_010, 3.0)]);
    assert_eq!(setup.at(20_010).open(&killed(&disk)).slots("m"), expected);
}

#[test]
fn a_host_that_returns_within_the_retention_has_what_it_had() {
    let (setup, disk) = (Setup::new(), SimDisk::new(1));
    let store = setup.open(&disk);
    store.write("m", &[(5000, 1.0)]);
    store.checkpoint();
    let freed = store.engine.free(6000, &[Vec::new()], &|_, _| false, store.now, &Inline);
    assert_eq!((freed.blocks, store.slots("m").len()), (1, 0));
    store.write("m", &[(9000, 2.0)]);
    store.checkpoint();
    check_files(&disk).unwrap();
    let expected = bits(&[(5000, 1.0), (9000, 2.0)]);
    assert_eq!(setup.open(&killed(&disk)).slots("m"), expected);
}

#[test]
fn a_metric_that_is_taken_from_the_catalogue_is_kept_until_it_returns() {
    let (setup, mut disk) = (Setup::new(), SimDisk::new(1));
    let mut without = Setup::new();
    without.metrics.retain(|(metric, _)| *metric != "k");
    let store = setup.open(&disk);
    store.write("k", &[(9000, 1.0)]);
    store.checkpoint();
    store.write("k", &[(9060, 2.0)]); // In the log only.
    let expected = bits(&[(9000, 1.0), (9060, 2.0)]);
    for clean in [false, true, true] {
        disk = killed(&disk);
        let store = without.open(&disk);
        assert!(Series::new(store.engine.catalogue(), b"k", [""; 0]).is_err());
        assert_eq!(store.slots("k"), expected, "kept");
        if clean {
            store.close();
        }
    }
    assert_eq!(files(&disk, ".wal"), [""; 0]);
    let store = setup.open(&killed(&disk));
    store.write("k", &[(9120, 3.0)]);
    assert_eq!(store.slots("k"), bits(&[(9000, 1.0), (9060, 2.0), (9120, 3.0)]));
}

/// What a host does whose directory cannot be written for a while.
fn refused_for_a_while(cause: Cause) {
    let (setup, disk) = (Setup::new(), SimDisk::new(1));
    let store = setup.open(&disk);
    store.write("m", &[(9000, 1.0)]);
    for kind in [Kind::Create, Kind::Append, Kind::Rename, Kind::Remove, Kind::MakeDirectory] {
        let in_host = |path: &str| path.starts_with("alpha/a01");
        disk.inject(Fault::new(Failure::Error(cause)).on(kind).path(in_host).always());
    }
    let host = store.engine.get(A01.0, A01.1).unwrap();
    let series = Series::new(store.engine.catalogue(), b"m", [""; 0]).unwrap();
    let sample = Sample { series: &series, timestamp: 9010, value: 2.0 };
    let logging = Logging::Logged { patience: Duration::ZERO };
    let written = host.write(&[sample], store.now, logging, |_, _| {}).unwrap();
    let mut pending = written.pending.unwrap();
    pending.wait(store.now, Duration::ZERO).unwrap_err();
    assert_eq!(store.checkpoint().failed.len(), 1);
    // Others are served as ever.
    store.write_to(("beta", "b01"), "m", &[], &[(9000, 4.0)]);
    assert_eq!(store.slots("m"), bits(&[(9000, 1.0), (9010, 2.0)]), "queries are answered");
    let found = setup.view(killed(&disk), A01, "m", &[]);
    assert_eq!(found.get(&9000), Some(&1.0_f32.to_bits()), "nothing acknowledged is lost");
    disk.clear_faults();
    let later = Now { uptime: Duration::from_secs(5), ..store.now };
    store.engine.run_due(later, Budget { jobs_max: 10 }, &Inline);
    pending.wait(later, Duration::ZERO).unwrap();
    assert_eq!(setup.view(killed(&disk), A01, "m", &[]), bits(&[(9000, 1.0), (9010, 2.0)]));
    assert_eq!(store.checkpoint().failed.len(), 0);
    assert_eq!((files(&disk, ".wal"), files(&disk, ".tmp")), (vec![], vec![]));
    check_files(&disk).unwrap();
    assert_eq!(setup.open(&killed(&disk)).slots("m"), bits(&[(9000, 1.0), (9010, 2.0)]));
}

#[test]
fn a_directory_that_is_read_only_for_a_while_costs_nothing_acknowledged() {
    refused_for_a_while(Denied);
}

#[test]
fn a_disk_that_fails_for_a_while_costs_nothing_acknowledged() {
    refused_for_a_while(Io);
}

#[test]
fn a_disk_that_is_full_for_a_while_costs_nothing_acknowledged() {
    refused_for_a_while(NoSpace);
    let (setup, disk) = (Setup::new(), SimDisk::new(1));
    let store = setup.open(&disk);
    let host = store.engine.host(A01.0, A01.1, store.now).unwrap();
    let series = Series::new(store.engine.catalogue(), b"m", [""; 0]).unwrap();
    let mut expected = bits(&[]);
    for (room, time) in (0..400).step_by(7).zip((9000_i16..).step_by(10)) {
        disk.limit_space(room);
        let value = f32::from(time);
        let sample = Sample { series: &series, timestamp: time.into(), value };
        let logging = Logging::Logged { patience: Duration::ZERO };
        let written = host.write(&[sample], store.now, logging, |_, _| {}).unwrap();
        if written.pending.unwrap().wait(store.now, Duration::ZERO).is_ok() {
            let found = setup.view(killed(&disk), A01, "m", &[]);
            assert_eq!(found.get(&time.into()), Some(&value.to_bits()), "acknowledged");
        }
        store.checkpoint();
        disk.lift_space_limit();
        expected.insert(time.into(), value.to_bits());
        assert_eq!(store.slots("m"), expected);
        if time % 50 == 0 {
            assert_eq!(store.checkpoint().failed.len(), 0, "it heals");
            assert_eq!(setup.view(killed(&disk), A01, "m", &[]), expected);
            check_files(&disk).unwrap();
        }
    }
}

/// EACCES, EIO, EMFILE say nothing about the bytes: nothing is moved, and the host waits.
#[test]
fn a_host_whose_files_cannot_be_read_is_offline_until_they_can() {
    for cause in [Denied, Io, TooManyFiles] {
        for kind in [Kind::Open, Kind::Read, Kind::List, Kind::Length] {
            let (setup, disk) = (Setup::new(), SimDisk::new(1));
            let store = setup.open(&disk);
            store.write("m", &[(9000, 1.0)]);
            store.checkpoint();
            store.write("m", &[(9010, 2.0)]);
            store.write_to(("beta", "b01"), "m", &[], &[(9000, 4.0)]);
            let disk = killed(&disk);
            let before = disk.files();
            let in_host = |path: &str| path.starts_with("alpha/a01");
            disk.inject(Fault::new(Failure::Error(cause)).on(kind).path(in_host).always());
            let store = setup.open(&disk);
            assert_eq!((store.found.offline, disk.files()), (1, before), "{cause:?} on {kind:?}");
            assert!(store.engine.get(A01.0, A01.1).is_none());
            assert!(store.engine.offline(A01.0, A01.1).is_some());
            let refused = store.engine.host(A01.0, A01.1, store.now).unwrap_err();
            assert!(matches!(refused, Unavailable::Offline(_)), "{refused}");
            assert_eq!(store.slots_of(("beta", "b01"), "m", &[]), bits(&[(9000, 4.0)]));
            store.engine.delete(i64::MAX, &|_, _| false, &Inline);
            assert!(files(&disk, ".bin").iter().any(|path| in_host(path)), "not cleaned");
            disk.clear_faults();
            let later = Now { uptime: Duration::from_secs(5), ..store.now };
            store.engine.run_due(later, Budget { jobs_max: 10 }, &Inline);
            assert_eq!(store.slots("m"), bits(&[(9000, 1.0), (9010, 2.0)]));
        }
    }
}

#[test]
fn idle_hosts_are_not_touched_by_anything() {
    let (mut setup, disk) = (Setup::new(), SimDisk::new(1));
    setup.config.checkpoint_interval = Some(Duration::from_secs(3));
    let store = setup.open(&disk);
    store.write("m", &[(9000, 1.0)]);
    store.write_to(("beta", "b01"), "m", &[], &[(9000, 4.0)]);
    store.checkpoint();
    let operations = disk.operations();
    for second in 0..60 {
        let now = Now { unix: 10_000 + second, uptime: Duration::from_secs(second.unsigned_abs()) };
        store.engine.run_due(now, Budget { jobs_max: 10 }, &Inline);
        store.engine.checkpoint(&store.engine.all(), now, &Inline, None);
        store.engine.delete(100, &|_, _| false, &Inline);
    }
    assert_eq!(disk.operations(), operations);
}

#[test]
fn a_second_close_is_harmless_and_writes_after_the_first_are_refused() {
    let (setup, disk) = (Setup::new(), SimDisk::new(1));
    let store = setup.open(&disk);
    store.write("m", &[(9000, 1.0)]);
    store.close();
    let operations = disk.operations();
    store.close();
    assert_eq!(disk.operations(), operations);
    let host = store.engine.get(A01.0, A01.1).unwrap();
    let series = Series::new(store.engine.catalogue(), b"m", [""; 0]).unwrap();
    let sample = Sample { series: &series, timestamp: 9010, value: 2.0 };
    host.write(&[sample], store.now, Logging::Unlogged, |_, _| {}).unwrap_err();
    let refused = store.engine.host("alpha", "new", store.now).unwrap_err();
    assert!(matches!(refused, Unavailable::Closed));
    assert_eq!(store.slots("m"), bits(&[(9000, 1.0)]));
}

#[test]
fn a_host_in_use_stays_in_memory_and_on_the_disk_also_over_a_restart() {
    let (mut setup, disk) = (Setup::new(), SimDisk::new(1));
    setup.config.retention = Some(1000);
    let store = setup.open(&disk);
    store.write("m", &[(9500, 1.0)]);
    store.write_to(("beta", "b01"), "m", &[], &[(9500, 2.0)]);
    store.checkpoint();
    let is_kept = |cluster: &str, host: &str| (cluster, host) == A01;
    let later = Now { unix: 20_000, ..store.now };
    let before = store.engine.oldest(later);
    store.engine.free(before, &[Vec::new()], &is_kept, later, &Inline);
    assert_eq!(store.engine.delete(before, &is_kept, &Inline).snapshots, 1);
    assert_eq!(store.slots("m"), bits(&[(9500, 1.0)]));
    assert_eq!(disk.files().len(), 1, "{:?}", disk.files());
    drop(store);
    let start = Start { is_kept: &is_kept, ..Start::at(later) };
    let (engine, found) =
        Engine::open(disk.clone(), setup.catalogue(), setup.config.clone(), &start).unwrap();
    assert_eq!((found.points, engine.hosts("alpha").len()), (1, 1));
}

#[test]
fn a_strict_start_stops_at_a_bad_file_and_moves_nothing() {
    let (setup, disk) = (Setup::new(), SimDisk::new(1));
    setup.open(&disk).write("m", &[(9500, 1.0)]);
    disk.plant("alpha/a02/9000.bin", [1, 2, 3]);
    let disk = killed(&disk);
    let (before, changes) = (disk.files(), disk.operations());
    disk.start_trace();
    let now = Now { unix: setup.now, uptime: Duration::ZERO };
    let start = Start { strict: true, ..Start::at(now) };
    let opened = Engine::open(disk.clone(), setup.catalogue(), setup.config.clone(), &start);
    let refused = opened.unwrap_err();
    assert!(matches!(&refused, OpenError::Strict(problem) if problem.path == "alpha/a02/9000.bin"));
    assert_eq!(disk.files(), before);
    assert!(disk.operations() > changes && disk.trace().iter().all(|one| !one.kind.changes()));
    assert_eq!(setup.open(&disk).slots("m"), bits(&[(9500, 1.0)]), "a lenient one goes on");
}
