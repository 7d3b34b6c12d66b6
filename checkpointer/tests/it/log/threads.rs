//! Eight real threads on four hosts, on a disk that fails now and then, with few files: nobody gets
//! stuck, and at the end the power fails.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use checkpointer::disk::sim::Cause::{Interrupted, Io, NoSpace};
use checkpointer::disk::sim::{Crash, Failure, Fault, Kind, Sector, SimDisk, Survival};
use checkpointer::log::{Budget, Buffer, Config, Inline, Log, Owner, SyncMode, Unacknowledged};

use super::crash::long_form;
use super::plain::{LONG, PlainHost, append, names, open_host, read_back};

const HOSTS: usize = 4;
const WRITERS: u32 = 8;

/// A host, and what stands for its snapshot: the batches that a durable one would hold.
struct Host {
    log: PlainHost<SimDisk>,
    covered: Mutex<BTreeSet<u32>>,
    appended: Mutex<BTreeSet<u32>>,
}

impl Host {
    /// One at a time: who comes later finds that the one before has helped.
    fn checkpoint(&self) {
        let mut covered = self.covered.lock().unwrap();
        let captured = self.appended.lock().unwrap().clone();
        let mark = self.log.owner().with_buffer(Buffer::set_checkpoint_mark).unwrap();
        covered.extend(captured);
        // Segments that cannot be deleted now are deleted the next time.
        let _ = self.log.checkpoint_succeeded(mark);
    }

    fn write(&self, batch: u32) {
        // Known before it is in the buffer: a mark never has a batch in front that nobody captures.
        self.appended.lock().unwrap().insert(batch);
        let mut ticket = append(&self.log, &names(3), batch, Some(LONG)).unwrap();
        loop {
            match ticket.wait(LONG) {
                Ok(()) => return,
                Err(Unacknowledged::WriteFailed(_)) => {}
                Err(Unacknowledged::NeedsCheckpoint) => self.checkpoint(),
                Err(error) => panic!("{error}"),
            }
        }
    }
}

fn faults(disk: &SimDisk) {
    for (failure, kind, one_in) in [
        (Failure::Error(Io), Kind::Append, 60),
        (Failure::Partial(70, NoSpace), Kind::Append, 60),
        (Failure::Short(99), Kind::Append, 10),
        (Failure::Error(Interrupted), Kind::Sync, 10),
        (Failure::Error(Io), Kind::Sync, 80),
        (Failure::Error(Io), Kind::SyncDirectory, 40),
        (Failure::Error(Io), Kind::Create, 10),
        (Failure::Error(Io), Kind::Remove, 10),
    ] {
        disk.inject(Fault::new(failure).on(kind).one_in(one_in).always());
    }
}

fn run(seed: u64) {
    let disk = SimDisk::new(seed);
    let config = Config {
        sync: SyncMode::Always,
        segment_bytes: 3000,
        buffer_bytes_host: 400,
        buffer_bytes_total: 1200,
        open_files_max: 3,
        ..Config::default()
    };
    let logs = Log::open(disk.clone(), config).unwrap();
    let hosts: Vec<Host> = (0..HOSTS)
        .map(|k| Host {
            log: open_host(&logs, &format!("c/h{k}")),
            covered: Mutex::default(),
            appended: Mutex::default(),
        })
        .collect();
    faults(&disk);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for seconds in (0..).take_while(|_| !done.load(SeqCst)) {
                logs.run_due(Duration::from_secs(seconds), Budget { jobs_max: 3 }, &Inline);
                logs.wait_due(logs.next_due(), Duration::from_millis(1));
            }
        });
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let host = &hosts[writer as usize % HOSTS];
                scope.spawn(move || (0..100).for_each(|count| host.write((writer << 16) | count)))
            })
            .collect();
        for writer in writers {
            writer.join().unwrap();
        }
        done.store(true, SeqCst);
    });
    let left = disk.crash(Crash::PowerLoss(Survival::Nothing, Sector::Bytes512), seed);
    for host in &hosts {
        let mut durable = host.covered.lock().unwrap().clone();
        durable.extend(read_back(&left, host.log.directory()).0);
        assert_eq!(durable, *host.appended.lock().unwrap(), "seed {seed}");
    }
    let stats = logs.stats();
    assert!(stats.write_failures > 0 && stats.sync_failures > 0 && stats.open_files_peak == 3);
}

#[test]
fn eight_threads_on_a_failing_disk_lose_nothing_that_was_acknowledged() {
    (1..=long_form("LOG_THREAD_SEEDS", 20)).for_each(run);
}
