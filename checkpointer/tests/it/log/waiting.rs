//! Writers that wait: they share writes and syncs, and give up in time.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use checkpointer::disk::sim::{Cause, Failure, Fault, Kind, SimDisk};
use checkpointer::log::{
    Budget, Buffer, Config, Log, Owner, Pool, Refused, SyncMode, Unacknowledged,
};

use super::plain::{LONG, NO_PATIENCE, NOW, PlainHost, append, mode, names, open_host, read_back};

const SHORT: Duration = Duration::from_millis(20);

/// A thread for every job.
struct Threads;

impl Pool for Threads {
    fn run(&self, job: Box<dyn FnOnce() + Send>) {
        thread::spawn(job);
    }
}

/// A log with one host that has written and synced a first batch.
fn started(
    sync: SyncMode,
) -> (SimDisk, std::sync::Arc<Log<SimDisk, super::plain::Plain>>, PlainHost<SimDisk>) {
    let disk = SimDisk::new(1);
    let logs = Log::open(disk.clone(), mode(sync)).unwrap();
    let host = open_host(&logs, "c/h");
    append(&host, &names(1), 1, None).unwrap().wait(LONG).unwrap();
    (disk, logs, host)
}

/// Eight writers while operations of this kind are held; returns how many of them there were.
fn eight_writers(sync: SyncMode, kind: Kind) -> usize {
    let (disk, _logs, host) = started(sync);
    disk.start_trace();
    let hold = disk.hold(kind, |_| true);
    thread::scope(|scope| {
        scope.spawn(|| append(&host, &names(1), 2, None).unwrap().wait(LONG).unwrap());
        hold.wait_for(1);
        let (appended, all_appended) = mpsc::channel();
        for batch in 3..10 {
            let (host, appended) = (&host, appended.clone());
            scope.spawn(move || {
                let mut ticket = append(host, &names(1), batch, None).unwrap();
                appended.send(()).unwrap();
                ticket.wait(LONG).unwrap();
            });
        }
        all_appended.iter().take(7).for_each(drop);
        drop(hold);
    });
    let (mut batches, _) = read_back(&disk, "c/h");
    batches.sort_unstable();
    assert_eq!(batches, (1..10).collect::<Vec<_>>());
    disk.trace().iter().filter(|operation| operation.kind == kind).count()
}

#[test]
fn writers_that_wait_at_the_same_time_share_a_write() {
    assert_eq!(eight_writers(SyncMode::Flush, Kind::Append), 2);
}

#[test]
fn writers_that_wait_at_the_same_time_share_a_sync() {
    let syncs = eight_writers(SyncMode::Always, Kind::Sync);
    // Who was written while the first sync ran shares the second; who came later, the third.
    assert!((2..=3).contains(&syncs), "{syncs} syncs for eight writers");
}

#[test]
fn who_waits_for_a_slow_disk_gives_up_in_time_and_can_wait_again() {
    let (disk, _logs, host) = started(SyncMode::Always);
    let hold = disk.hold(Kind::Append, |_| true);
    thread::scope(|scope| {
        let slow = scope.spawn(|| append(&host, &names(1), 2, None).unwrap().wait(LONG));
        hold.wait_for(1);
        let mut other = append(&host, &names(1), 3, None).unwrap();
        assert!(matches!(other.wait(NO_PATIENCE), Err(Unacknowledged::TimedOut)));
        assert!(matches!(other.wait(SHORT), Err(Unacknowledged::TimedOut)));
        assert!(!other.is_acknowledged());
        drop(hold);
        other.wait(LONG).unwrap();
        slow.join().unwrap().unwrap();
    });
    assert_eq!(read_back(&disk, "c/h"), (vec![1, 2, 3], false));
}

#[test]
fn a_slow_disk_keeps_nobody_from_the_host_lock() {
    let (disk, _logs, host) = started(SyncMode::Flush);
    let hold = disk.hold(Kind::Append, |_| true);
    thread::scope(|scope| {
        scope.spawn(|| append(&host, &names(1), 2, None).unwrap().wait(LONG).unwrap());
        hold.wait_for(1);
        // A writer appends and a query reads, while the other is in the middle of its write.
        append(&host, &names(1), 3, None).unwrap();
        assert_eq!(host.stats(NOW).written.get(), 1);
        drop(hold);
    });
}

#[test]
fn a_file_that_is_slow_leaves_the_round_and_the_others_are_synced() {
    let disk = SimDisk::new(1);
    let config = Config { slow_file: SHORT, ..mode(SyncMode::Flush) };
    let logs = Log::open(disk.clone(), config).unwrap();
    let hosts: Vec<_> = (0..5).map(|k| open_host(&logs, &format!("c/h{k}"))).collect();
    for host in &hosts {
        append(host, &names(3), 1, None).unwrap().wait(LONG).unwrap();
    }
    let hold = disk.hold(Kind::Sync, |path| path.starts_with("c/h2/"));
    let ran = logs.run_due(Duration::from_secs(1), Budget { jobs_max: 100 }, &Threads);
    assert_eq!((ran.jobs, ran.left_running), (10, 1), "each is to be flushed and synced");
    let synced = || hosts.iter().map(|host| host.stats(NOW).synced.get()).collect::<Vec<_>>();
    assert_eq!(synced(), [1, 1, 0, 1, 1]);

    // The next round does not wait for it again, and its own sync goes on.
    append(&hosts[0], &names(3), 2, None).unwrap().wait(LONG).unwrap();
    let ran = logs.run_due(Duration::from_secs(9), Budget { jobs_max: 100 }, &Threads);
    assert_eq!(ran.left_running, 0);
    assert_eq!(synced(), [2, 1, 0, 1, 1]);
    drop(hold);
    hosts[2].close(NOW, LONG).unwrap();
    assert_eq!(synced(), [2, 1, 1, 1, 1]);
}

fn tight(host: usize, total: usize) -> Config {
    let bounds = Config { buffer_bytes_host: host, buffer_bytes_total: total, ..Config::default() };
    Config { sync: SyncMode::Flush, ..bounds }
}

#[test]
fn a_full_buffer_pushes_back_on_its_host_until_there_is_room() {
    let disk = SimDisk::new(1);
    let logs = Log::open(disk.clone(), tight(250, 100_000)).unwrap();
    let (slow, fast) = (open_host(&logs, "c/slow"), open_host(&logs, "c/fast"));
    let hold = disk.hold(Kind::Append, |path| path.starts_with("c/slow"));
    thread::scope(|scope| {
        scope.spawn(|| append(&slow, &names(2), 1, None).unwrap().wait(LONG).unwrap());
        hold.wait_for(1);
        append(&slow, &names(3), 2, None).unwrap();
        assert_eq!(slow.stats(NOW).buffered, 250);
        assert_eq!(append(&slow, &names(1), 3, None).unwrap_err(), Refused::HostFull);
        assert_eq!(append(&slow, &names(1), 3, Some(SHORT)).unwrap_err(), Refused::HostFull);
        assert_eq!(logs.stats().refused, 2);
        append(&fast, &names(5), 1, Some(NO_PATIENCE)).unwrap().wait(LONG).unwrap();

        let waits = scope.spawn(|| append(&slow, &names(5), 4, Some(LONG)).unwrap().wait(LONG));
        drop(hold);
        waits.join().unwrap().unwrap();
    });
    assert_eq!(logs.stats().buffered, 0);
    assert_eq!(read_back(&disk, "c/slow").0, [1, 1, 2, 2, 2, 4, 4, 4, 4, 4]);
}

#[test]
fn a_batch_larger_than_the_buffer_is_refused_for_good() {
    let logs = Log::open(SimDisk::new(1), tight(250, 100_000)).unwrap();
    let host = open_host(&logs, "c/h");
    let refused = append(&host, &names(6), 1, Some(LONG)).unwrap_err();
    assert_eq!(refused, Refused::TooLarge { bytes: 300, bytes_max: 250 });
}

#[test]
fn a_host_above_its_fair_share_is_pushed_back_and_one_below_is_not() {
    // Nothing is written, so all that is appended stays: 1000 bytes, 500 of them to be shared.
    let logs = Log::open(SimDisk::new(1), tight(1000, 1000)).unwrap();
    let hosts: Vec<_> = (0..4).map(|k| open_host(&logs, &format!("c/h{k}"))).collect();
    let greedy = (0..20).take_while(|_| append(&hosts[0], &names(1), 1, None).is_ok()).count();
    assert_eq!(greedy, 10, "alone it may have half");
    for host in &hosts[1..] {
        for batch in 0..2 {
            append(host, &names(1), batch, None).unwrap();
        }
        assert_eq!(append(&hosts[0], &names(1), 1, None).unwrap_err(), Refused::TotalFull);
    }
    let shares: Vec<_> = hosts.iter().map(|host| host.stats(NOW).buffered).collect();
    assert_eq!(shares, [500, 100, 100, 100]);
    assert!(append(&hosts[1], &names(1), 2, None).is_err(), "500 / 4 hosts is its share");

    // Room comes back to all when the greedy one has been written.
    hosts[0].drain(NOW, LONG).unwrap();
    append(&hosts[1], &names(1), 2, None).unwrap();
    assert_eq!(logs.stats().buffered, 350);
}

#[test]
fn a_write_that_fails_tells_all_who_waited_for_it_and_keeps_their_batches() {
    let (disk, logs, host) = started(SyncMode::Flush);
    disk.limit_space(0);
    let mut tickets: Vec<_> =
        (2..5).map(|batch| append(&host, &names(1), batch, None).unwrap()).collect();
    for ticket in &mut tickets {
        let failed = ticket.wait(LONG).unwrap_err();
        assert!(matches!(failed, Unacknowledged::WriteFailed(_)), "{failed:?}");
    }
    let stats = logs.stats();
    assert_eq!((stats.write_failures, stats.buffered), (1, 150), "one write for all three");
    let failure = host.stats(NOW).last_failure.unwrap();
    assert_eq!(failure.to_string(), "cannot append to \"c/h/00000000000000000001.wal\"");

    disk.lift_space_limit();
    tickets[2].wait(LONG).unwrap();
    assert_eq!(read_back(&disk, "c/h"), (vec![1, 2, 3, 4], false));
}

#[test]
fn a_sync_that_failed_is_never_believed_until_a_checkpoint() {
    let (disk, logs, host) = started(SyncMode::Always);
    disk.inject(Fault::new(Failure::Error(Cause::Io)).on(Kind::Sync));
    let mut failed = append(&host, &names(1), 2, None).unwrap();
    assert!(matches!(failed.wait(LONG), Err(Unacknowledged::NeedsCheckpoint)));
    let mut later = append(&host, &names(1), 3, None).unwrap();
    assert!(matches!(later.wait(LONG), Err(Unacknowledged::NeedsCheckpoint)), "contiguous");
    assert!(host.stats(NOW).needs_checkpoint);
    assert_eq!(logs.stats().sync_failures, 1);

    // The test stands for the snapshot: it is durable from here on.
    let mark = host.owner().with_buffer(Buffer::set_checkpoint_mark).unwrap();
    let dropped = host.checkpoint_succeeded(mark).dropped.unwrap();
    assert_eq!(dropped.segments, 2, "the one that failed, and the one behind it");
    failed.wait(LONG).unwrap();
    later.wait(LONG).unwrap();
    append(&host, &names(1), 4, None).unwrap().wait(LONG).unwrap();
    assert_eq!(read_back(&disk, "c/h"), (vec![4], false));
}

#[test]
fn who_waits_for_a_file_gets_it_as_soon_as_the_one_that_has_it_is_synced() {
    let disk = SimDisk::new(1);
    let config = Config { open_files_max: 1, ..mode(SyncMode::Always) };
    let logs = Log::open(disk.clone(), config).unwrap();
    let (first, second) = (open_host(&logs, "c/first"), open_host(&logs, "c/second"));
    let hold = disk.hold(Kind::Sync, |path| path.starts_with("c/first"));
    thread::scope(|scope| {
        scope.spawn(|| append(&first, &names(1), 1, None).unwrap().wait(LONG).unwrap());
        hold.wait_for(1);
        let waits = scope.spawn(|| append(&second, &names(1), 1, None).unwrap().wait(LONG / 10));
        thread::sleep(SHORT); // long enough to find the only file busy
        drop(hold);
        waits.join().unwrap().unwrap();
    });
    assert_eq!(disk.open_files_max(), 1);
}
