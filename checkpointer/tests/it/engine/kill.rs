//! kill -9 of a real process that writes with several threads and checkpoints all the time.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use checkpointer::disk::RealDisk;
use checkpointer::log::{Budget, Inline, SyncMode};
use checkpointer::{Engine, Logging, Now, Sample, Series};

use super::seen::as_value;
use super::store::{Name, Setup, Slots};
use crate::log::crash::long_form;
use crate::log::world::Random;

const HOSTS: [Name; 3] = [("alpha", "a01"), ("alpha", "a02"), ("beta", "b01")];
const WRITERS: usize = 4;
const DEVICES: u32 = 20;
const BASE: i64 = 1_700_000_000;
const LONG: Duration = Duration::from_mins(1);

fn setup(sync: SyncMode) -> Setup {
    let mut setup = Setup::new().at(BASE);
    setup.config.log.sync = sync;
    setup.metrics = vec![("m0", 10), ("m1", 10), ("m2", 10), ("m3", 10)];
    setup
}

fn device(device: u32) -> String {
    format!("hwthread{device}")
}

/// The nominal time of a batch: one that is not written yet is far from those of other rounds.
fn nominal(batch: u32) -> i64 {
    BASE + 10 * i64::from(batch)
}

/// What a batch writes to a device.
fn value(batch: u32, device: u32) -> f32 {
    as_value(batch * 32 + device)
}

/// What it writes over the batch four before it, at the first device.
fn overwriting(batch: u32) -> Option<(u32, f32)> {
    (batch % 8 == 7).then(|| (batch - 4, as_value(batch) + 0.5))
}

/// The other process: writes a batch, waits for its acknowledgement, and notes that elsewhere.
#[test]
#[ignore = "the other process of the test below"]
fn writes_and_checkpoints_until_killed() {
    let directory = std::env::var("ENGINE_KILL_DIRECTORY").unwrap();
    let is_always = std::env::var("ENGINE_KILL_ALWAYS").is_ok();
    let sync = if is_always { SyncMode::Always } else { SyncMode::Flush };
    let round: u32 = std::env::var("ENGINE_KILL_ROUND").unwrap().parse().unwrap();
    let disk = RealDisk::new(Path::new(&directory).join("data")).unwrap();
    let engine = setup(sync).open(&disk).engine;
    let started = Instant::now();
    let now = || Now { unix: BASE + 7 * i64::from(round), uptime: started.elapsed() };
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let engine = &engine;
            let notes = format!("{directory}/notes.{round}.{writer}");
            scope.spawn(move || write_forever(engine, round, writer, &now, &notes));
        }
        scope.spawn(|| {
            loop {
                let all = engine.all();
                assert!(engine.checkpoint(&all, now(), &Inline, None).failed.is_empty());
                thread::sleep(Duration::from_millis(50));
            }
        });
        loop {
            engine.run_due(now(), Budget { jobs_max: 100 }, &Inline);
            engine.wait_due(Duration::from_millis(10));
        }
    });
}

fn write_forever<D: checkpointer::disk::Disk>(
    engine: &Engine<D>,
    round: u32,
    writer: usize,
    now: &impl Fn() -> Now,
    notes: &str,
) {
    let (cluster, name) = HOSTS[writer % HOSTS.len()];
    let host = engine.host(cluster, name, now()).unwrap();
    let metric = format!("m{writer}");
    let series: Vec<_> = (0..DEVICES)
        .map(|index| Series::new(engine.catalogue(), metric.as_bytes(), [device(index)]).unwrap())
        .collect();
    let mut notes = File::create(notes).unwrap();
    for count in 0..1 << 14 {
        let batch = (round << 14) | count;
        // A collector is never quite on time; the first sample says where the slots are.
        let jitter = i64::from(count % 3) - i64::from(count > 0);
        let on_time = |(index, series)| {
            let timestamp = nominal(batch) + jitter * i64::from(count > 0);
            Sample { series, timestamp, value: value(batch, index) }
        };
        let mut samples: Vec<_> = (0..).zip(&series).map(on_time).collect();
        if let Some((earlier, value)) = overwriting(count) {
            let timestamp = nominal((round << 14) | earlier);
            samples.push(Sample { series: &series[0], timestamp, value });
        }
        let logging = Logging::Logged { patience: LONG };
        let written = host.write(&samples, now(), logging, |_, why| panic!("{why}")).unwrap();
        written.pending.unwrap().wait(now(), LONG).unwrap();
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

fn kill_a_store(directory: &Path, round: u32, sync: SyncMode, after: Duration) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--ignored", "--exact", "engine::kill::writes_and_checkpoints_until_killed"])
        .env("ENGINE_KILL_DIRECTORY", directory)
        .env("ENGINE_KILL_ROUND", round.to_string())
        .stdout(Stdio::null());
    if sync == SyncMode::Always {
        command.env("ENGINE_KILL_ALWAYS", "");
    }
    let mut child = Killed(command.spawn().unwrap());
    let noted = || {
        let notes = directory.join(format!("notes.{round}.0"));
        fs::metadata(notes).is_ok_and(|notes| notes.len() > 0)
    };
    while !noted() {
        assert!(child.0.try_wait().unwrap().is_none(), "the store died by itself");
        thread::sleep(Duration::from_millis(1));
    }
    thread::sleep(after);
    drop(child);
}

/// What a store has of a writer, by device.
fn read_back(setup: &Setup, disk: &RealDisk, writer: usize) -> Vec<Slots> {
    let metric = format!("m{writer}");
    let host = HOSTS[writer % HOSTS.len()];
    let all = setup.view_all(disk.clone(), host);
    (0..DEVICES)
        .map(|index| all.get(&(metric.clone(), vec![device(index)])).cloned().unwrap_or_default())
        .collect()
}

/// Every sample that was acknowledged is there, bit for bit, at its time; and no other is anywhere.
fn check(directory: &Path, rounds: u32) -> usize {
    let setup = setup(SyncMode::Flush);
    let disk = RealDisk::new(directory.join("data")).unwrap();
    let mut acknowledged = 0;
    for writer in 0..WRITERS {
        let found = read_back(&setup, &disk, writer);
        let mut overwritten: BTreeMap<u32, f32> = BTreeMap::new();
        for round in 0..rounds {
            let Ok(notes) = fs::read(directory.join(format!("notes.{round}.{writer}"))) else {
                continue;
            };
            let batches: Vec<_> = notes
                .chunks_exact(4)
                .map(|note| u32::from_le_bytes(note.try_into().unwrap()))
                .collect();
            // Behind the last that was noted another may be there.
            for batch in batches.iter().copied().chain(batches.last().map(|last| last + 1)) {
                if let Some((earlier, value)) = overwriting(batch & 0x3FFF) {
                    overwritten.insert((batch & !0x3FFF) | earlier, value);
                }
            }
            for batch in batches {
                for (index, slots) in (0..).zip(&found) {
                    let have = slots.get(&nominal(batch)).copied();
                    let later = overwritten.get(&batch).filter(|_| index == 0);
                    let is_there = have == Some(value(batch, index).to_bits())
                        || later.is_some_and(|later| have == Some(later.to_bits()));
                    assert!(is_there, "writer {writer}, batch {batch}, device {index}: {have:?}");
                }
                acknowledged += 1;
            }
        }
        let times = found.iter().flat_map(BTreeMap::keys);
        for time in times {
            assert_eq!((time - BASE) % 10, 0, "writer {writer}: a value has moved to {time}");
        }
    }
    acknowledged
}

#[test]
fn what_a_killed_store_had_acknowledged_is_there_at_its_time() {
    let rounds = long_form("ENGINE_KILL_ROUNDS", 100);
    let random = Random::new(rounds);
    let mut acknowledged = 0;
    for first in (0..rounds).step_by(10) {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("data")).unwrap();
        let count = u32::try_from(10.min(rounds - first)).unwrap();
        for round in 0..count {
            let sync = if random.one_in(2) { SyncMode::Always } else { SyncMode::Flush };
            let after = Duration::from_micros(random.below(100_000));
            kill_a_store(directory.path(), round, sync, after);
        }
        acknowledged += check(directory.path(), count);
    }
    println!("{acknowledged} acknowledged batches in {rounds} rounds, none lost");
    assert!(acknowledged as u64 >= rounds);
}
