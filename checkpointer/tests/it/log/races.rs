//! What threads and failures do to each other: each of these was found by reading, and broke a
//! promise before it was mended. The search through crashes has one thread, and cannot see them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use checkpointer::disk::sim::{
    Cause, Crash, Failure, Fault, Kind, Sector, SimDisk, SimFile, SimLock, Survival,
};
use checkpointer::disk::{Disk, Entry, File};
use checkpointer::log::{Budget, Buffer, Config, Inline, Log, Owner, StartError, SyncMode, find};

use super::plain::{LONG, NOW, append, mode, names, open_host, read_back};

const ALL: Budget = Budget { jobs_max: 1000 };

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Every append takes a millisecond: a disk that throttles its writers.
fn throttled<R>(disk: &SimDisk, during: impl FnOnce() -> R) -> R {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(SeqCst) {
                let hold = disk.hold(Kind::Append, |_| true);
                thread::sleep(Duration::from_millis(1));
                drop(hold);
                thread::yield_now();
            }
        });
        let result = during();
        stop.store(true, SeqCst);
        result
    })
}

#[test]
fn a_busy_host_is_synced_in_its_interval_all_the_same() {
    let disk = SimDisk::new(1);
    let logs = Log::open(disk.clone(), mode(SyncMode::Flush)).unwrap();
    let host = open_host(&logs, "c/h");
    append(&host, &names(1), 1, None).unwrap().wait(LONG).unwrap();
    let stop = AtomicBool::new(false);
    let mut late = 0;
    throttled(&disk, || {
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while !stop.load(SeqCst) {
                        let _ = append(&host, &names(1), 2, Some(LONG)).unwrap().wait(LONG);
                    }
                });
            }
            thread::sleep(Duration::from_millis(20));
            // Every round of the driver is one sync interval later.
            for round in 1..=100 {
                let before = host.stats(NOW).written;
                logs.run_due(seconds(round), ALL, &Inline);
                if host.stats(NOW).synced < before {
                    late += 1;
                }
                thread::sleep(Duration::from_millis(3));
            }
            stop.store(true, SeqCst);
        });
    });
    // Unmended it was more than eighty; a loaded machine may be late a few times.
    assert!(late <= 30, "{late} of 100 rounds left what was written before them unsynced");
}

#[test]
fn what_a_checkpoint_held_back_is_written_when_it_has_ended() {
    for succeeds in [false, true] {
        let disk = SimDisk::new(1);
        let logs = Log::open(disk.clone(), mode(SyncMode::None)).unwrap();
        let host = open_host(&logs, "c/h");
        append(&host, &names(1), 1, None).unwrap();
        logs.run_due(seconds(1), ALL, &Inline);
        append(&host, &names(1), 2, None).unwrap();
        let mark = host.owner().with_buffer(Buffer::set_checkpoint_mark).unwrap();
        append(&host, &names(1), 3, None).unwrap();
        disk.inject(Fault::new(Failure::Error(Cause::NoSpace)).on(Kind::Append));
        for second in 2..10 {
            logs.run_due(seconds(second), ALL, &Inline);
        }
        assert!(host.stats(NOW).holding);
        if succeeds {
            host.checkpoint_succeeded(mark).dropped.unwrap();
        } else {
            host.checkpoint_failed();
        }
        for second in 10..100 {
            logs.run_due(seconds(second), ALL, &Inline);
        }
        let expected = if succeeds { vec![3] } else { vec![1, 2, 3] };
        assert_eq!(
            read_back(&disk, "c/h").0,
            expected,
            "succeeds: {succeeds}, next due {:?}",
            logs.next_due()
        );
    }
}

#[test]
fn a_room_that_outlives_its_host_is_given_back_once() {
    let logs = Log::open(SimDisk::new(1), mode(SyncMode::Flush)).unwrap();
    let (gone, stays) = (open_host(&logs, "c/gone"), open_host(&logs, "c/stays"));
    let kept = stays.room(1000, NOW, None).unwrap();
    let room = gone.room(500, NOW, None).unwrap();
    drop(gone);
    drop(room);
    assert_eq!(logs.stats().buffered, 1000);
    drop(kept);
}

#[test]
fn a_close_on_a_full_disk_syncs_what_was_written() {
    let disk = SimDisk::new(1);
    let logs = Log::open(disk.clone(), mode(SyncMode::Flush)).unwrap();
    let host = open_host(&logs, "c/h");
    append(&host, &names(1), 1, None).unwrap().wait(LONG).unwrap();
    disk.limit_space(0);
    append(&host, &names(1), 2, None).unwrap();
    host.close(NOW, LONG).unwrap_err();
    drop(host);
    assert_eq!(disk.closed_unsynced(), [""; 0]);
}

#[test]
fn a_number_from_which_none_is_left_is_refused_at_the_start() {
    let disk = SimDisk::new(1);
    disk.plant("c/h/18446744073709551614.wal", *b"");
    assert!(matches!(find(&disk, "c/h"), Err(StartError::NoNumberLeft { .. })));
}

/// Tells when two threads sync one file at the same time.
#[derive(Clone, Debug)]
struct Counting(SimDisk, Arc<AtomicUsize>);
#[derive(Debug)]
struct CountingFile(SimFile, AtomicUsize, Arc<AtomicUsize>);

impl Disk for Counting {
    type File = CountingFile;
    type Lock = SimLock;
    fn create(&self, path: &str) -> io::Result<CountingFile> {
        Ok(CountingFile(self.0.create(path)?, AtomicUsize::new(0), Arc::clone(&self.1)))
    }
    fn open(&self, path: &str) -> io::Result<CountingFile> {
        Ok(CountingFile(self.0.open(path)?, AtomicUsize::new(0), Arc::clone(&self.1)))
    }
    fn open_to_append(&self, path: &str) -> io::Result<CountingFile> {
        Ok(CountingFile(self.0.open_to_append(path)?, AtomicUsize::new(0), Arc::clone(&self.1)))
    }
    fn make_directory(&self, path: &str) -> io::Result<()> {
        self.0.make_directory(path)
    }
    fn list(&self, path: &str) -> io::Result<Vec<Entry>> {
        self.0.list(path)
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.0.rename(from, to)
    }
    fn remove(&self, path: &str) -> io::Result<()> {
        self.0.remove(path)
    }
    fn sync_directory(&self, path: &str) -> io::Result<()> {
        self.0.sync_directory(path)
    }
    fn lock(&self, path: &str) -> io::Result<SimLock> {
        self.0.lock(path)
    }
    fn free_bytes(&self) -> io::Result<u64> {
        self.0.free_bytes()
    }
}

impl File for CountingFile {
    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        self.0.append(bytes)
    }
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<usize> {
        self.0.read_at(offset, out)
    }
    fn sync(&self) -> io::Result<()> {
        if self.1.fetch_add(1, SeqCst) > 0 {
            self.2.fetch_add(1, SeqCst);
        }
        thread::sleep(Duration::from_micros(20));
        let result = self.0.sync();
        if result.is_err() {
            thread::sleep(Duration::from_millis(1)); // the bad news comes late
        }
        self.1.fetch_sub(1, SeqCst);
        result
    }
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
}

fn concurrent_syncs(open_files_max: usize, closes: bool) -> usize {
    let disk = Counting(SimDisk::new(1), Arc::default());
    let config = Config { open_files_max, ..mode(SyncMode::Always) };
    let logs = Log::open(disk.clone(), config).unwrap();
    let hosts: Vec<_> = (0..3).map(|k| open_host(&logs, &format!("c/h{k}"))).collect();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for k in 0..6 {
            let (host, stop) = (&hosts[k % 3], &stop);
            scope.spawn(move || {
                while !stop.load(SeqCst) {
                    let _ = append(host, &names(1), 2, Some(LONG)).unwrap().wait(LONG);
                }
            });
        }
        if closes {
            for host in &hosts {
                let stop = &stop;
                scope.spawn(move || {
                    while !stop.load(SeqCst) {
                        let _ = host.close(NOW, LONG);
                    }
                });
            }
        }
        thread::sleep(Duration::from_secs(3));
        stop.store(true, SeqCst);
    });
    disk.1.load(SeqCst)
}

#[test]
fn no_two_threads_sync_one_file_at_a_time_for_want_of_files() {
    assert_eq!(concurrent_syncs(2, false), 0);
}

#[test]
fn no_two_threads_sync_one_file_at_a_time_when_it_is_closed() {
    assert_eq!(concurrent_syncs(100, true), 0);
}

/// One host, four writers and one who closes; a sync fails, then the power. How many batches that
/// were acknowledged are lost.
fn lost_after_a_failed_sync(seed: u64) -> usize {
    let disk = Counting(SimDisk::new(seed), Arc::default());
    let logs = Log::open(disk.clone(), mode(SyncMode::Always)).unwrap();
    let host = open_host(&logs, "c/h");
    append(&host, &names(1), 0, None).unwrap().wait(LONG).unwrap();
    disk.0.inject(Fault::new(Failure::Error(Cause::Io)).on(Kind::Sync).one_in(10));
    let (next, stop) = (AtomicUsize::new(1), AtomicBool::new(false));
    let acknowledged = std::sync::Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !stop.load(SeqCst) {
                    let batch = u32::try_from(next.fetch_add(1, SeqCst)).unwrap();
                    match append(&host, &names(1), batch, Some(LONG)).unwrap().wait(LONG) {
                        Ok(()) => acknowledged.lock().unwrap().push(batch),
                        Err(_) => stop.store(true, SeqCst),
                    }
                }
            });
        }
        scope.spawn(|| {
            while !stop.load(SeqCst) {
                let _ = host.close(NOW, LONG);
            }
        });
    });
    let found = disk.0.crash(Crash::PowerLoss(Survival::Nothing, Sector::Bytes512), seed);
    let (there, _) = read_back(&found, "c/h");
    acknowledged.lock().unwrap().iter().filter(|batch| !there.contains(batch)).count()
}

#[test]
fn what_was_acknowledged_while_a_sync_failed_is_there() {
    let lost: Vec<_> = (0..1000).map(lost_after_a_failed_sync).filter(|lost| *lost > 0).collect();
    assert_eq!(lost.len(), 0, "runs that have lost something, of 1000: {lost:?}");
}
