//! Sizes, ages, intervals and numbers that the caller decides, and the statistics of them.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use checkpointer::disk::RealDisk;
use checkpointer::disk::sim::SimDisk;
use checkpointer::log::{Budget, Buffer, Config, Inline, Log, Owner, SyncMode};

use super::plain::{LONG, NOW, Plain, append, mode, names, open_host, read_back};

const ALL: Budget = Budget { jobs_max: 1000 };

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn open(config: Config) -> (SimDisk, Arc<Log<SimDisk, Plain>>) {
    let disk = SimDisk::new(1);
    (disk.clone(), Log::open(disk, config).unwrap())
}

#[test]
fn a_segment_of_its_size_is_followed_by_a_new_one() {
    let (disk, logs) = open(Config { segment_bytes: 500, ..mode(SyncMode::Flush) });
    let host = open_host(&logs, "c/h");
    for batch in 0..10 {
        append(&host, &names(3), batch, None).unwrap().wait(LONG).unwrap();
    }
    let lengths: Vec<_> = disk.files().iter().map(|path| disk.peek(path).unwrap().len()).collect();
    assert_eq!(lengths, [4 + 600, 4 + 600, 4 + 300], "a batch is never divided");
    assert_eq!((logs.stats().segments, logs.stats().rotations), (3, 2));
    let segment = host.stats(seconds(7)).segment.unwrap();
    assert_eq!((segment.number, segment.bytes, segment.age), (3, 304, seconds(7)));
}

#[test]
fn an_old_segment_is_ended_and_a_host_without_records_gets_none() {
    let (disk, logs) = open(Config { segment_age: seconds(100), ..mode(SyncMode::Flush) });
    let (host, idle) = (open_host(&logs, "c/h"), open_host(&logs, "c/idle"));
    append(&host, &names(1), 1, None).unwrap().wait(LONG).unwrap();
    logs.run_due(seconds(99), ALL, &Inline);
    assert!(host.stats(NOW).segment.is_some());
    logs.run_due(seconds(100), ALL, &Inline);
    assert!(host.stats(NOW).segment.is_none());
    for later in [200, 300, 1000] {
        logs.run_due(seconds(later), ALL, &Inline);
    }
    assert_eq!(disk.files(), ["c/h/00000000000000000001.wal"], "no empty ones");
    assert_eq!(logs.stats().open_files, 0, "synced and closed");
    assert_eq!(idle.stats(NOW).written.get(), 0);
    append(&host, &names(1), 2, None).unwrap().wait(LONG).unwrap();
    assert_eq!(disk.files().len(), 2);
}

#[test]
fn what_nobody_waits_for_is_written_and_synced_in_time() {
    let (disk, logs) = open(mode(SyncMode::None));
    let host = open_host(&logs, "c/h");
    let mut ticket = append(&host, &names(2), 1, None).unwrap();
    ticket.wait(Duration::ZERO).unwrap();
    assert_eq!(disk.files(), [""; 0], "acknowledged in memory");
    assert_eq!(logs.next_due(), Some(seconds(1)));
    logs.run_due(seconds(1), ALL, &Inline);
    assert_eq!(read_back(&disk, "c/h").0, [1, 1]);
    assert_eq!(logs.stats().syncs, 0, "of no importance to this mode");

    let (_, logs) = open(mode(SyncMode::Flush));
    let host = open_host(&logs, "c/h");
    append(&host, &names(2), 1, None).unwrap();
    logs.run_due(seconds(1), ALL, &Inline);
    assert_eq!((host.stats(NOW).written.get(), host.stats(NOW).unsynced), (1, 104));
    assert_eq!(logs.next_due(), Some(seconds(2)));
    logs.run_due(seconds(2), ALL, &Inline);
    assert_eq!((host.stats(NOW).synced.get(), host.stats(NOW).unsynced), (1, 0));
}

#[test]
fn many_unsynced_bytes_are_synced_before_their_interval_is_over() {
    let (_, logs) = open(Config { sync_bytes: 1000, ..mode(SyncMode::Flush) });
    let host = open_host(&logs, "c/h");
    append(&host, &names(19), 1, None).unwrap().wait(LONG).unwrap();
    assert_eq!(logs.next_due(), Some(seconds(1)));
    append(&host, &names(1), 2, None).unwrap().wait(LONG).unwrap();
    assert_eq!(logs.next_due(), Some(NOW));
    logs.run_due(NOW, ALL, &Inline);
    assert_eq!(host.stats(NOW).synced.get(), 2);
}

#[test]
fn the_budget_bounds_a_run_and_nothing_is_forgotten() {
    let (_, logs) = open(mode(SyncMode::Flush));
    let hosts: Vec<_> = (0..50).map(|k| open_host(&logs, &format!("c/h{k}"))).collect();
    for host in &hosts {
        append(host, &names(1), 1, None).unwrap();
    }
    let mut runs = 0;
    while logs.next_due().is_some_and(|due| due <= seconds(5)) {
        let ran = logs.run_due(seconds(5), Budget { jobs_max: 7 }, &Inline);
        assert!(ran.jobs <= 7);
        runs += 1;
    }
    assert!(runs >= 50 / 7, "{runs}");
    logs.run_due(seconds(6), ALL, &Inline);
    assert!(hosts.iter().all(|host| host.stats(NOW).synced.get() == 1));
}

#[test]
fn statistics_count_what_was_done() {
    let (_, logs) = open(mode(SyncMode::Always));
    let host = open_host(&logs, "c/h");
    for batch in 0..3 {
        append(&host, &names(4), batch, None).unwrap().wait(LONG).unwrap();
    }
    let stats = logs.stats();
    assert_eq!(stats.mode, SyncMode::Always);
    assert_eq!((stats.records, stats.batches, stats.bytes, stats.writes), (12, 3, 600, 3));
    assert_eq!((stats.syncs, stats.segments, stats.open_files), (3, 1, 1));
    assert_eq!(stats.directory_syncs, 3, "the host's, the cluster's and the root, once");
    assert_eq!((stats.refused, stats.write_failures, stats.sync_failures), (0, 0, 0));
    assert_eq!(stats.buffered, 0);
    assert_eq!(host.stats(NOW).uncovered, 600);
    let mark = host.owner().with_buffer(Buffer::set_checkpoint_mark).unwrap();
    host.checkpoint_succeeded(mark).dropped.unwrap();
    assert_eq!(host.stats(NOW).uncovered, 0);
}

#[test]
fn what_a_mark_covers_is_forgotten_before_it_is_written() {
    let (disk, logs) = open(mode(SyncMode::None));
    let host = open_host(&logs, "c/h");
    append(&host, &names(2), 1, None).unwrap();
    let mark = host.owner().with_buffer(Buffer::set_checkpoint_mark).unwrap();
    append(&host, &names(1), 2, None).unwrap();
    assert_eq!(host.checkpoint_succeeded(mark).dropped.unwrap().segments, 0);
    assert_eq!(logs.stats().buffered, 50);
    host.close(NOW, LONG).unwrap();
    assert_eq!(disk.files(), ["c/h/00000000000000000002.wal"]);
    assert_eq!(read_back(&disk, "c/h").0, [2]);
}

#[test]
fn a_thousand_hosts_write_through_twenty_files() {
    let directory = tempfile::tempdir().unwrap();
    let config = Config { open_files_max: 20, ..mode(SyncMode::Flush) };
    let logs = Log::open(RealDisk::new(directory.path()).unwrap(), config).unwrap();
    let hosts: Vec<_> = (0..1000).map(|k| open_host(&logs, &format!("c/h{k:04}"))).collect();
    let names = names(5);
    std::thread::scope(|scope| {
        for part in hosts.chunks(250) {
            let names = &names;
            scope.spawn(move || {
                for round in 0..3 {
                    for host in part {
                        append(host, names, round, Some(LONG)).unwrap().wait(LONG).unwrap();
                    }
                }
            });
        }
    });
    let stats = logs.stats();
    assert_eq!(stats.open_files_peak, 20);
    assert_eq!(stats.segments, 1000, "a closed segment is opened again, and goes on");
    assert!(stats.syncs >= 2980, "none was closed unsynced: {}", stats.syncs);
    for host in &hosts {
        let (batches, damaged) = read_back(logs.disk(), host.directory());
        assert!(!damaged);
        assert_eq!(batches, [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2]);
    }
    let open = fs::read_dir("/proc/self/fd").unwrap().count();
    assert!(open < 500, "{open}");
}

#[test]
fn eight_writers_on_eight_hosts_get_on_with_a_single_file() {
    let config = Config { open_files_max: 1, ..mode(SyncMode::Always) };
    let (disk, logs) = open(config);
    let hosts: Vec<_> = (0..8).map(|k| open_host(&logs, &format!("c/h{k}"))).collect();
    let patience = seconds(5);
    std::thread::scope(|scope| {
        for host in &hosts {
            scope.spawn(move || {
                for batch in 0..200 {
                    append(host, &names(1), batch, Some(patience)).unwrap().wait(patience).unwrap();
                }
            });
        }
    });
    assert_eq!(logs.stats().open_files_peak, 1);
    for host in &hosts {
        assert_eq!(read_back(&disk, host.directory()).0, (0..200).collect::<Vec<_>>());
    }
}
