//! kill -9 of a real process that writes through the log at full speed with eight threads.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use checkpointer::disk::RealDisk;
use checkpointer::log::{Budget, Inline, Log, SyncMode};

use super::crash::long_form;
use super::plain::{LONG, PlainHost, append, mode, names, open_host, read_back};
use super::world::Random;

const HOSTS: usize = 4;
const WRITERS: u32 = 8;
const RECORDS: usize = 40;

/// The other process: writes a batch, waits for its acknowledgement, and notes that outside of the
/// log. Notes are written to files, which survive the death of the process.
#[test]
#[ignore = "the other process of the test below"]
fn writes_until_killed() {
    let directory = std::env::var("LOG_KILL_DIRECTORY").unwrap();
    let sync =
        if std::env::var("LOG_KILL_ALWAYS").is_ok() { SyncMode::Always } else { SyncMode::Flush };
    let round: u32 = std::env::var("LOG_KILL_ROUND").unwrap().parse().unwrap();
    let disk = RealDisk::new(Path::new(&directory).join("data")).unwrap();
    let logs = Log::open(disk, mode(sync)).unwrap();
    let hosts: Vec<_> = (0..HOSTS).map(|k| open_host(&logs, &format!("alpha/a{k}"))).collect();
    let started = Instant::now();
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let host = &hosts[writer as usize % HOSTS];
            let notes = format!("{directory}/notes.{round}.{writer}");
            scope.spawn(move || write_forever(host, round, writer, &notes));
        }
        loop {
            logs.run_due(started.elapsed(), Budget { jobs_max: 100 }, &Inline);
            logs.wait_due(logs.next_due(), Duration::from_millis(10));
        }
    });
}

fn write_forever(host: &PlainHost<RealDisk>, round: u32, writer: u32, notes: &str) {
    let names = names(RECORDS);
    let mut notes = File::create(notes).unwrap();
    for count in 0.. {
        let batch = (round << 26) | (writer << 22) | count;
        append(host, &names, batch, Some(LONG)).unwrap().wait(LONG).unwrap();
        notes.write_all(&batch.to_le_bytes()).unwrap();
    }
}

/// Killed and waited for whatever becomes of the test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn kill_a_writer(directory: &Path, round: u32, sync: SyncMode, after: Duration) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--ignored", "--exact", "log::kill::writes_until_killed"])
        .env("LOG_KILL_DIRECTORY", directory)
        .env("LOG_KILL_ROUND", round.to_string())
        .stdout(Stdio::null());
    if sync == SyncMode::Always {
        command.env("LOG_KILL_ALWAYS", "");
    }
    let mut child = Killed(command.spawn().unwrap());
    let noted = || {
        let notes = directory.join(format!("notes.{round}.0"));
        fs::metadata(notes).is_ok_and(|notes| notes.len() > 0)
    };
    while !noted() {
        assert!(child.0.try_wait().unwrap().is_none(), "the writer died by itself");
        thread::sleep(Duration::from_millis(1));
    }
    thread::sleep(after);
    drop(child);
}

/// Every batch that was noted is there as a whole, in order, and nothing else but whole batches and
/// one that was cut.
fn check(directory: &Path) -> usize {
    let disk = RealDisk::new(directory.join("data")).unwrap();
    let mut records: BTreeMap<u32, usize> = BTreeMap::new();
    for host in 0..HOSTS {
        let (batches, damaged) = read_back(&disk, &format!("alpha/a{host}"));
        assert!(!damaged, "host {host}");
        for writer in (0..WRITERS).filter(|writer| *writer as usize % HOSTS == host) {
            let own = batches.iter().filter(|batch| (**batch >> 22) & 0xF == writer);
            assert!(own.is_sorted(), "host {host}, writer {writer}");
        }
        for batch in batches {
            *records.entry(batch).or_default() += 1;
        }
    }
    let mut acknowledged = 0;
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        if !entry.file_name().to_string_lossy().starts_with("notes.") {
            continue;
        }
        for note in fs::read(entry.path()).unwrap().chunks_exact(4) {
            let batch = u32::from_le_bytes(note.try_into().unwrap());
            assert_eq!(records.get(&batch), Some(&RECORDS), "batch {batch:#x}");
            acknowledged += 1;
        }
    }
    acknowledged
}

#[test]
fn what_a_killed_process_had_acknowledged_is_on_the_disk() {
    let rounds = long_form("LOG_KILL_ROUNDS", 50);
    let random = Random::new(rounds);
    let mut acknowledged = 0;
    for first in (0..rounds).step_by(5) {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("data")).unwrap();
        for round in 0..5.min(rounds - first) {
            let sync = if random.one_in(2) { SyncMode::Always } else { SyncMode::Flush };
            let after = Duration::from_micros(random.below(30_000));
            kill_a_writer(directory.path(), u32::try_from(round).unwrap(), sync, after);
        }
        acknowledged += check(directory.path());
    }
    println!("{acknowledged} acknowledged batches in {rounds} rounds, none lost");
    assert!(acknowledged as u64 >= rounds);
}

#[test]
fn a_second_process_is_told_that_the_data_directory_is_locked() {
    let directory = tempfile::tempdir().unwrap();
    let open = || {
        Log::<_, super::plain::Plain>::open(
            RealDisk::new(directory.path()).unwrap(),
            mode(SyncMode::Flush),
        )
    };
    let logs = open().unwrap();
    let refused = open().unwrap_err();
    assert_eq!(refused.source.kind(), std::io::ErrorKind::WouldBlock);
    assert_eq!(refused.to_string(), "cannot lock \"\"");
    drop(logs);
    drop::<Arc<_>>(open().unwrap());
}
