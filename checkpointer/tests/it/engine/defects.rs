//! What the Go store gets wrong and this one must not: one test for each, named after the outcome.

use std::rc::Rc;
use std::time::Duration;

use checkpointer::disk::Disk;
use checkpointer::disk::sim::{Crash, SimDisk};
use checkpointer::log::{Budget, Inline};
use checkpointer::{BadName, Logging, Now, Refused, Sample, Series, Trouble, Unavailable};
use snapshot_format::{Event, Snapshot};

use super::files::check_files;
use super::go::{GoLevel, go_bin};
use super::store::{A01, Setup, bits, files, killed};
use crate::log::watched::{Watched, watch};

/// Defect 1: the Go store loses what was only in the log.
#[test]
fn what_was_only_in_the_log_survives_a_crash_and_a_clean_restart() {
    let (setup, disk) = (Setup::new(), SimDisk::new(1));
    let written = [(9000, 1.5), (9010, 2.5), (9020, 3.5)];
    setup.open(&disk).write("m", &written);
    let disk = killed(&disk);
    let store = setup.open(&disk);
    assert_eq!((store.found.records, store.found.unclean), (3, true));
    store.close();
    assert_eq!(files(&disk, ".wal"), [""; 0]);
    drop(store);
    let store = setup.open(&disk);
    assert!(!store.found.unclean);
    assert_eq!(store.slots("m"), bits(&written));
}

/// Defect 2: the Go store appends behind a torn tail, and cannot read what is there.
#[test]
fn whatever_ends_torn_costs_only_the_record_that_is_cut() {
    let setup = Setup::new();
    let whole = SimDisk::new(1);
    setup.open(&whole).write("m", &[(9000, 1.0), (9010, 2.0), (9020, 3.0)]);
    let path = files(&whole, ".wal").remove(0);
    let bytes = whole.peek(&path).unwrap();
    let record = (bytes.len() - 4) / 3;
    for length in 0..bytes.len() {
        let disk = SimDisk::new(1);
        disk.plant(&path, &bytes[..length]);
        setup.open(&disk).write("m", &[(9500, 9.0)]);
        assert_eq!(disk.peek(&path).unwrap(), &bytes[..length], "it is never touched again");
        let mut expected = vec![(9500, 9.0)];
        let whole = length.saturating_sub(4) / record;
        expected.extend([(9000, 1.0), (9010, 2.0), (9020, 3.0)].into_iter().take(whole));
        assert_eq!(setup.open(&killed(&disk)).slots("m"), bits(&expected), "{length} bytes");
    }
}

/// Defect 3: the Go store has what arrives during a checkpoint in neither of its files.
#[test]
fn what_arrives_during_a_checkpoint_is_kept() {
    let (setup, disk) = (Setup::new(), SimDisk::new(1));
    let store = Rc::new(setup.open(&Watched(disk.clone())));
    store.write("m", &[(9000, 1.0)]);
    let host = store.engine.get(A01.0, A01.1).unwrap();
    let time = Rc::new(std::cell::Cell::new(9000_i16));
    let (writing, times) = (Rc::clone(&store), Rc::clone(&time));
    watch(Some(Rc::new(move |_| {
        times.set(times.get() + 10);
        writing.send("m", times.get().into(), times.get().into());
    })));
    host.checkpoint(store.now).unwrap();
    watch(None);
    assert!(time.get() > 9050, "nothing came between");
    // Who waits for a batch has all before it acknowledged.
    store.write("m", &[(8990, 2.0)]);
    let mut expected = bits(&[(8990, 2.0), (9000, 1.0)]);
    let between = (9010..=time.get()).step_by(10);
    expected.extend(between.map(|time| (i64::from(time), f32::from(time).to_bits())));
    assert_eq!(setup.view(killed(&disk), A01, "m", &[]), expected);
    host.checkpoint(store.now).unwrap();
    assert_eq!(files(&disk, ".wal"), [""; 0]);
    for crash in Crash::ALL {
        assert_eq!(setup.view(disk.crash(crash, 7), A01, "m", &[]), expected, "{crash:?}");
    }
}

/// Defect 4: the Go store can lose the newest sample when it changes files.
#[test]
fn the_newest_sample_is_in_the_snapshot() {
    let (setup, disk) = (Setup::new(), SimDisk::new(1));
    let store = setup.open(&disk);
    for time in (9000..9100).step_by(10) {
        store.write("m", &[(time, 4.0)]);
        store.checkpoint();
        assert_eq!(files(&disk, ".wal"), [""; 0]);
        assert!(setup.view(disk.clone(), A01, "m", &[]).contains_key(&time), "{time}");
        let newest = files(&disk, ".bin").pop().unwrap();
        let bytes = disk.peek(&newest).unwrap();
        assert_eq!(Snapshot::parse(&bytes).unwrap().to(), time + 1);
    }
}

/// Defect 5: in the Go store late samples never reach a snapshot.
#[test]
fn late_samples_reach_a_snapshot() {
    let (setup, disk) = (Setup::new(), SimDisk::new(1));
    let store = setup.open(&disk);
    let mut expected = Vec::new();
    for (index, time) in [9000, 5000, 9010, 7000, 100, 6000].into_iter().enumerate() {
        let sample = (time, f32::from(u8::try_from(index).unwrap()));
        store.write("m", &[sample]);
        store.checkpoint();
        expected.push(sample);
    }
    assert_eq!(files(&disk, ".wal"), [""; 0]);
    assert_eq!(files(&disk, ".late").len(), 4);
    check_files(&disk).unwrap();
    assert_eq!(setup.open(&killed(&disk)).slots("m"), bits(&expected));
}

/// Defect 6: in the Go store times shift over a restart.
#[test]
fn times_are_the_same_after_any_number_of_restarts() {
    let mut disk = SimDisk::new(1);
    let mut expected = Vec::new();
    for life in 0..12_i64 {
        let setup = Setup::new().at(10_000 + 137 * life);
        let store = setup.open(&disk);
        assert_eq!(store.slots("m"), bits(&expected), "life {life}");
        // 600 slots between some of them: each run has a phase of its own.
        let time = 10_003 + 137 * life + if life > 6 { 7001 * life } else { 0 };
        let nominal = expected.first().map_or(time, |_| time);
        store.write("m", &[(nominal, 1.0)]);
        let stored: Vec<_> = store.slots("m").into_keys().collect();
        let known: Vec<_> = expected.iter().map(|(time, _): &(i64, f32)| *time).collect();
        let new = stored.iter().find(|time| !known.contains(time)).copied().unwrap();
        assert!((new - time).abs() <= 5, "{time} became {new}");
        expected.push((new, 1.0));
        match life % 3 {
            0 => store.close(),
            1 => drop(store.checkpoint()),
            _ => {}
        }
        drop(store);
        disk = killed(&disk);
    }
}

/// Defect 7: replaying the log over a shifted snapshot moves every value by a slot in the Go store.
#[test]
fn a_log_replayed_over_snapshots_of_another_phase_moves_nothing() {
    let (setup, disk) = (Setup::new(), SimDisk::new(1));
    // The Go store's snapshot has a phase of 3 seconds; ours one of 7 behind it.
    let root = GoLevel { series: vec![("m", 10, 9003, &[1.0, 2.0, 3.0])], children: vec![] };
    disk.plant("alpha/a01/9000.bin", go_bin(9000, 9030, &root));
    let store = setup.open(&disk);
    store.write("m", &[(9017, 4.0), (9037, 5.0), (9047, 6.0)]);
    let expected = store.slots("m");
    assert!(expected.contains_key(&9003) && expected.contains_key(&9037), "{expected:?}");
    for _ in 0..3 {
        let disk = killed(&disk);
        assert_eq!(setup.open(&disk).slots("m"), expected, "the log over a snapshot");
        let store = setup.open(&disk);
        store.checkpoint();
        store.write("m", &[(9047, 6.0)]);
        assert_eq!(setup.open(&killed(&disk)).slots("m"), expected, "and over two");
    }
}

/// Defect 8: in the Go store's archive times carry the checkpoint's phase, and samples are there twice.
/// What an archive is made from has each sample once, at its time.
#[test]
fn each_sample_is_in_one_snapshot_once_at_its_time() {
    let (setup, disk) = (Setup::new(), SimDisk::new(1));
    let mut now = 10_000;
    let store = setup.open(&disk);
    let mut expected = Vec::new();
    for time in (9000..12_000).step_by(10) {
        store.write("m", &[(time, 2.0)]);
        expected.push(time);
        now += 10;
        if time % 130 == 0 {
            let host = store.engine.get(A01.0, A01.1).unwrap();
            host.checkpoint(Now { unix: now, ..store.now }).unwrap();
        }
    }
    store.close();
    let mut found = Vec::new();
    for path in disk.files() {
        let bytes = disk.peek(&path).unwrap();
        for event in Snapshot::parse(&bytes).unwrap().events() {
            let Event::Series(series) = event else { continue };
            let times = (series.start..).step_by(usize::try_from(series.frequency).unwrap());
            let values = times.zip(series.values.iter()).filter(|(_, value)| !value.is_nan());
            found.extend(values.map(|(time, _)| time));
        }
    }
    found.sort_unstable();
    assert_eq!(found, expected);
}

/// Defect 11: the Go store selects files by the time in their name only.
#[test]
fn files_are_loaded_and_deleted_by_what_they_hold() {
    let disk = SimDisk::new(1);
    let mut setup = Setup::new();
    setup.config.retention = Some(1000);
    // Begun long ago, and holding what is inside the retention; the other way round.
    let new = GoLevel { series: vec![("m", 10, 9500, &[1.0, 2.0])], children: vec![] };
    let old = GoLevel { series: vec![("k", 60, 7000, &[3.0])], children: vec![] };
    disk.plant("alpha/a01/100.bin", go_bin(100, 9520, &new));
    disk.plant("alpha/a02/9900.bin", go_bin(9900, 7001, &old));
    let store = setup.open(&disk);
    assert_eq!(store.slots("m"), bits(&[(9500, 1.0), (9510, 2.0)]));
    let before = store.engine.oldest(store.now);
    let deleted = store.engine.delete(before, &|_, _| false, &Inline);
    assert_eq!((before, deleted.snapshots), (9000, 1));
    assert_eq!(disk.files(), ["alpha/a01/100.bin"]);
}

/// Defect 14: the Go store's JSON checkpoints keep one decimal.
#[test]
fn values_come_back_bit_for_bit() {
    let patterns = [1_u32, 0x0000_FFFF, 0x007F_FFFF, 0x0080_0000, 0x3DCC_CCCD, 0x3F80_0001]
        .into_iter()
        .chain([0x8000_0000, 0x7F7F_FFFF, 0xFF7F_FFFF, 0x8000_0001, 0x4B7F_FFFF]);
    let values: Vec<_> = (9000..).step_by(10).zip(patterns.map(f32::from_bits)).collect();
    let (setup, disk) = (Setup::new(), SimDisk::new(1));
    setup.open(&disk).write("m", &values);
    let disk = killed(&disk);
    let store = setup.open(&disk);
    assert_eq!(store.slots("m"), bits(&values), "from the log");
    store.close();
    drop(store);
    assert_eq!(setup.open(&disk).slots("m"), bits(&values), "from the snapshot");
    let json = r#"{"metrics":{"m":{"frequency":10,"start":9000,"data":[0.1234567,1e-45]}},"from":9000,"to":9020}"#;
    let disk = SimDisk::new(1);
    disk.plant("alpha/a01/9000.json", json);
    let exact = [(9000, 0.123_456_7), (9010, f32::from_bits(1))];
    assert_eq!(setup.open(&disk).slots("m"), bits(&exact), "from JSON");
}

/// Defect 15 has its place in the parsers; an infinite value is refused here all the same.
#[test]
fn a_value_that_is_no_finite_number_costs_that_sample() {
    let (setup, disk) = (Setup::new(), SimDisk::new(1));
    let store = setup.open(&disk);
    let refused = store.write("m", &[(9000, f32::INFINITY), (9010, 1.0), (9020, f32::NAN)]);
    assert_eq!(refused, [Refused::NotFinite; 2]);
    assert_eq!(store.slots("m"), bits(&[(9010, 1.0)]));
}

/// Defect 18: in the Go store `max-wal-size` deletes the log without a snapshot.
#[test]
fn a_log_that_is_too_long_starts_a_checkpoint_and_loses_nothing() {
    let (mut setup, disk) = (Setup::new(), SimDisk::new(1));
    setup.config.thresholds.passive = Some(2000);
    let store = setup.open(&disk);
    let mut expected = bits(&[]);
    for (second, time) in (1..).zip((9000_i16..11_000).step_by(10)) {
        store.write("m", &[(time.into(), time.into())]);
        expected.insert(time.into(), f32::from(time).to_bits());
        let now = Now { uptime: Duration::from_secs(second), ..store.now };
        store.engine.run_due(now, Budget { jobs_max: 10 }, &Inline);
        let log: usize =
            files(&disk, ".wal").iter().map(|path| disk.peek(path).unwrap().len()).sum();
        assert!(log < 2100, "{log} bytes");
        assert_eq!(setup.view(killed(&disk), A01, "m", &[]), expected);
    }
    let snapshots = files(&disk, ".bin").len();
    assert!((2..10).contains(&snapshots), "{snapshots}");
}

/// Defect 20: a line without a host makes a file in the Go store that stops its next start.
#[test]
fn a_host_or_cluster_without_a_name_is_refused_and_makes_nothing() {
    let (setup, disk) = (Setup::new(), SimDisk::new(1));
    let store = setup.open(&disk);
    for (cluster, host) in [("", "a01"), ("alpha", ""), ("alpha", ".."), ("alpha", "a/b")] {
        let refused = store.engine.host(cluster, host, store.now).unwrap_err();
        let is_named = matches!(
            refused,
            Unavailable::Cluster(BadName::Empty)
                | Unavailable::Host(BadName::Empty | BadName::Dots | BadName::Character)
        );
        assert!(is_named, "{cluster:?} {host:?}: {refused}");
    }
    store.checkpoint();
    assert!(disk.list("").unwrap().is_empty());
}

/// Defect 21: one truncated file of one host, and the Go store does not start.
#[test]
fn one_bad_snapshot_costs_that_file_whatever_its_length() {
    let setup = Setup::new();
    let bad = {
        let root = GoLevel { series: vec![("m", 10, 9000, &[1.0, 2.0])], children: vec![] };
        go_bin(9000, 9020, &root)
    };
    let good = GoLevel { series: vec![("m", 10, 9500, &[3.0])], children: vec![] };
    for length in 0..bad.len() {
        let disk = SimDisk::new(1);
        disk.plant("alpha/a01/9000.bin", &bad[..length]);
        disk.plant("alpha/a01/9500.bin", go_bin(9500, 9510, &good));
        disk.plant("alpha/a02/9500.bin", go_bin(9500, 9510, &good));
        let store = setup.open(&disk);
        assert_eq!(store.slots("m"), bits(&[(9500, 3.0)]), "{length} bytes");
        assert_eq!(store.slots_of(("alpha", "a02"), "m", &[]), bits(&[(9500, 3.0)]));
        let [problem] = store.found.problems.listed() else { panic!("{:?}", store.found) };
        assert_eq!(problem.path, "alpha/a01/9000.bin");
        assert!(matches!(problem.trouble, Trouble::Corrupt { .. }), "{problem}");
        assert_eq!(disk.peek("alpha/a01/9000.bin.corrupt.1").unwrap(), &bad[..length]);
        drop(store);
        assert!(setup.open(&disk).found.problems.is_empty(), "set aside once");
    }
}

/// The same for a file of ours, which says what it covers in its last bytes.
#[test]
fn one_bad_snapshot_of_ours_costs_no_value_that_it_does_not_hold() {
    let setup = Setup::new();
    let whole = SimDisk::new(1);
    let store = setup.open(&whole);
    store.write("m", &[(9000, 1.0), (9010, 2.0)]);
    store.checkpoint();
    let path = files(&whole, ".bin").remove(0);
    let bytes = whole.peek(&path).unwrap();
    store.write("m", &[(9500, 3.0)]);
    let log = files(&whole, ".wal").remove(0);
    for length in 0..bytes.len() {
        let disk = SimDisk::new(1);
        disk.plant(&path, &bytes[..length]);
        disk.plant(&log, whole.peek(&log).unwrap());
        let found = setup.open(&disk).slots("m");
        let all = bits(&[(9000, 1.0), (9010, 2.0), (9500, 3.0)]);
        let is_cut = files(&disk, ".corrupt.1").len() == 1;
        let expected = if is_cut { bits(&[(9500, 3.0)]) } else { all };
        assert_eq!(found, expected, "{length} of {} bytes", bytes.len());
    }
}

/// Defect 22: a file of 47 bytes claims 2³² − 1 values, and the Go store runs out of memory.
#[test]
fn a_claim_of_four_billion_values_is_refused_unread() {
    let mut bytes = 0xCC5B_0001_u32.to_le_bytes().to_vec();
    bytes.extend(9000_i64.to_le_bytes());
    bytes.extend(9020_i64.to_le_bytes());
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend(1_u16.to_le_bytes());
    bytes.push(b'm');
    bytes.extend(10_i64.to_le_bytes());
    bytes.extend(9000_i64.to_le_bytes());
    bytes.extend(u32::MAX.to_le_bytes());
    assert_eq!(bytes.len(), 47);
    let disk = SimDisk::new(1);
    disk.plant("alpha/a01/9000.bin", bytes);
    let store = Setup::new().open(&disk);
    assert_eq!(disk.files(), ["alpha/a01/9000.bin.corrupt.1"]);
    assert_eq!(store.found.problems.listed().len(), 1);
    store.write("m", &[(9000, 1.0)]);
}

/// Defect 23: another frequency than the snapshot's cuts connections or answers wrong times there.
#[test]
fn a_new_frequency_starts_a_new_run_and_both_keep_their_times() {
    let disk = SimDisk::new(1);
    let before = Setup::new();
    let mut after = Setup::new();
    after.metrics = vec![("m", 25)];
    let store = before.open(&disk);
    store.write("m", &[(9000, 1.0), (9010, 2.0)]);
    store.checkpoint();
    store.write("m", &[(9020, 3.0)]);
    let disk = killed(&disk);
    let store = after.open(&disk);
    store.write("m", &[(9031, 4.0), (9056, 5.0), (9080, 6.0)]);
    let expected =
        bits(&[(9000, 1.0), (9010, 2.0), (9020, 3.0), (9031, 4.0), (9056, 5.0), (9081, 6.0)]);
    assert_eq!(store.slots("m"), expected);
    for setup in [&before, &after] {
        assert_eq!(setup.open(&killed(&disk)).slots("m"), expected, "from the log");
    }
    store.close();
    check_files(&disk).unwrap();
    drop(store);
    for setup in [&before, &after] {
        assert_eq!(setup.open(&killed(&disk)).slots("m"), expected, "from snapshots");
    }
}

/// An unlogged batch is counted, and in the next snapshot.
#[test]
fn what_is_not_logged_is_in_the_next_snapshot() {
    let (setup, disk) = (Setup::new(), SimDisk::new(1));
    let store = setup.open(&disk);
    let host = store.engine.host(A01.0, A01.1, store.now).unwrap();
    let series = Series::new(store.engine.catalogue(), b"m", [""; 0]).unwrap();
    let sample = Sample { series: &series, timestamp: 9000, value: 1.0 };
    let written = host.write(&[sample], store.now, Logging::Unlogged, |_, _| {}).unwrap();
    assert!(written.pending.is_none() && disk.files().is_empty());
    let later = Now { uptime: Duration::from_secs(1), ..store.now };
    assert_eq!(store.engine.stats(later).unlogged, 1);
    host.checkpoint(later).unwrap();
    assert_eq!(setup.open(&killed(&disk)).slots("m"), bits(&[(9000, 1.0)]));
}
