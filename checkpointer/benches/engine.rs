//! The engine on the real disk: what a day of a cluster costs to write, save, recover and replay.
//!
//! `cargo bench -p checkpointer --bench engine [day|pause|adaptive|hosts]…`, all of them without a name. It
//! writes below the target folder. Every figure is of a process of its own: CPU seconds
//! are user and system time, memory is what the system says.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]
#![expect(clippy::disallowed_methods, reason = "a benchmark has files, a clock and threads")]
#![expect(clippy::print_stdout, reason = "that is what it is for")]
#![expect(clippy::cast_precision_loss, reason = "figures for people")]
#![expect(clippy::cast_possible_truncation, reason = "values are stored as f32")]

#[path = "../../memstore/benches/common/mod.rs"]
#[expect(dead_code, reason = "not all kinds are named here")]
mod common;

use std::fs;
use std::num::NonZeroU32;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use checkpointer::disk::{Disk, RealDisk};
use checkpointer::log::{Budget, Inline, Pool};
use checkpointer::memstore::{Aggregation, Catalogue};
use checkpointer::{
    CheckpointMode, Config, Engine, Logging, Now, Pending, Sample, Series, Start, Stopwatch,
    StoredHost, Thresholds,
};

const START: i64 = 1_700_000_000;
const SERIES: usize = 632;
const LONG: Duration = Duration::from_mins(10);
const LOGGED: Logging = Logging::Logged { patience: LONG };

/// How much is done: under `cargo test` a benchmark only shows that it works.
#[derive(Clone, Copy)]
struct Size {
    hosts: usize,
    minutes: usize,
    many: usize,
    batches: usize,
}

const FULL: Size = Size { hosts: 50, minutes: 1440, many: 5000, batches: 200_000 };
const SMALL: Size = Size { hosts: 2, minutes: 20, many: 20, batches: 40 };

fn now(clock: Instant, minute: usize) -> Now {
    Now { unix: START + 60 * i64::try_from(minute).unwrap(), uptime: clock.elapsed() }
}

fn catalogue() -> Catalogue {
    let catalogue = Catalogue::new();
    for metric in 0..20 {
        let name = format!("metric_{metric:02}");
        catalogue.add(name.as_bytes(), NonZeroU32::new(60).unwrap(), Aggregation::Sum);
    }
    catalogue
}

fn open(directory: &Path, clock: Instant) -> (Arc<Engine>, checkpointer::Recovered) {
    let disk = RealDisk::new(directory).unwrap();
    Engine::open(disk, catalogue(), Config::default(), &Start::at(now(clock, 0))).unwrap()
}

/// 20 metrics of the node, and 612 of devices.
fn series(catalogue: &Catalogue) -> Vec<Series> {
    let one = |k: usize| {
        let (metric, path) = if k < 20 {
            (k, vec![])
        } else {
            ((k - 20) % 8, vec![format!("hwthread{}", (k - 20) / 8)])
        };
        Series::new(catalogue, format!("metric_{metric:02}").as_bytes(), path).unwrap()
    };
    (0..SERIES).map(one).collect()
}

struct Load {
    host: Arc<StoredHost<RealDisk>>,
    series: Vec<Series>,
    values: Arc<Vec<Vec<f32>>>,
}

fn loads(engine: &Engine, hosts: usize, minutes: usize, clock: Instant) -> Vec<Load> {
    // A few different hosts, so that making values does not take longer than storing them.
    let values: Vec<_> =
        (0..8).map(|seed| Arc::new(common::host(seed, minutes.min(1440)))).collect();
    let load = |k: usize| Load {
        host: engine.host("alpha", &format!("a{k:04}"), now(clock, 0)).unwrap(),
        series: series(engine.catalogue()),
        values: Arc::clone(&values[k % values.len()]),
    };
    (0..hosts).map(load).collect()
}

impl Load {
    fn write(&self, minute: usize, clock: Instant) -> Pending<RealDisk> {
        self.write_as(minute, clock, LOGGED).unwrap()
    }

    fn write_as(
        &self,
        minute: usize,
        clock: Instant,
        logging: Logging,
    ) -> Option<Pending<RealDisk>> {
        let timestamp = START + 60 * i64::try_from(minute).unwrap();
        let values = self.series.iter().zip(&*self.values);
        let samples: Vec<_> = values
            .map(|(series, values)| Sample {
                series,
                timestamp,
                value: values[minute % values.len()],
            })
            .filter(|sample| sample.value.is_finite())
            .collect();
        self.host.write(&samples, now(clock, minute), logging, |_, _| {}).unwrap().pending
    }
}

// ---- what one process has taken ----

/// User and system time so far.
fn cpu() -> (Duration, Duration) {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks = |field: usize| Duration::from_millis(10 * fields[field].parse::<u64>().unwrap());
    (ticks(11), ticks(12))
}

fn status(field: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

fn measured<R>(what: &str, points: u64, work: impl FnOnce() -> R) -> R {
    let (started, before) = (Instant::now(), cpu());
    let result = work();
    let (wall, after) = (started.elapsed(), cpu());
    let (user, system) = (after.0.saturating_sub(before.0), after.1.saturating_sub(before.1));
    let rate = points as f64 / (user + system).as_secs_f64().max(0.001) / 1e6;
    println!(
        "{what:34} CPU {:6.2} s user {:5.2} s system, {:6.2} s wall {rate:8.1} M/s   RSS {:6.1} MiB, peak {:6.1}",
        user.as_secs_f64(),
        system.as_secs_f64(),
        wall.as_secs_f64(),
        status("VmRSS:"),
        status("VmHWM:"),
    );
    result
}

fn points(found: &checkpointer::Recovered) -> u64 {
    found.points + found.records
}

// ---- a day ----

/// Writes the day and ends as a killed process does: the log is all there is.
fn fill(directory: &Path, size: Size) {
    let clock = Instant::now();
    let (engine, _) = open(directory, clock);
    let loads = loads(&engine, size.hosts, size.minutes, clock);
    let count = (size.hosts * SERIES * size.minutes) as u64;
    measured("write a day, with log", count, || {
        for minute in 0..size.minutes {
            for load in &loads {
                load.write(minute, clock).wait(now(clock, minute), LONG).unwrap();
            }
            engine.run_due(now(clock, minute), Budget { jobs_max: 64 }, &Inline);
        }
    });
}

fn replay(directory: &Path, size: Size) {
    let clock = Instant::now();
    let count = (size.hosts * SERIES * size.minutes) as u64;
    let (engine, found) = measured("replay the log of a day", count, || open(directory, clock));
    println!("{:34} {} records of {} hosts", "", found.records, found.hosts);
    let done = measured("checkpoint of the day, with sync", points(&found), || {
        engine.close(now(clock, size.minutes), &Inline, None)
    });
    println!(
        "{:34} {} files, {} MB, failed {:?}",
        "",
        done.files,
        done.bytes / 1_000_000,
        done.failed
    );
}

/// The checkpoint alone, without a log to be deleted behind it.
fn save(directory: &Path, size: Size) {
    let clock = Instant::now();
    let (engine, _) = open(directory, clock);
    let count = (size.hosts * SERIES * size.minutes) as u64;
    let loads = loads(&engine, size.hosts, size.minutes, clock);
    for minute in 0..size.minutes {
        for load in &loads {
            load.write_as(minute, clock, Logging::Unlogged);
        }
    }
    let all = engine.all();
    measured("checkpoint of a day, without log", count, || {
        engine.checkpoint(&all, now(clock, size.minutes), &Inline, None)
    });
}

fn recover(directory: &Path, size: Size) {
    let clock = Instant::now();
    let count = (size.hosts * SERIES * size.minutes) as u64;
    let (_engine, found) = measured("recover the day from .bin", count, || open(directory, clock));
    let rss = status("VmRSS:");
    println!(
        "{:34} {} points, {:.2} bytes each, peak / end {:.2}",
        "",
        found.points,
        rss * 1_048_576.0 / found.points as f64,
        status("VmHWM:") / rss
    );
}

// ---- what a checkpoint is to writers ----

fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times[(times.len() - 1) * percent / 100]
}

fn pause(directory: &Path, size: Size) {
    let clock = Instant::now();
    let (engine, _) = open(directory, clock);
    let loads = loads(&engine, size.hosts, size.minutes, clock);
    let (mut quiet, mut busy) = (Vec::new(), Vec::new());
    let checkpointing = AtomicBool::new(false);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Relaxed) {
                if checkpointing.load(Relaxed) {
                    engine.checkpoint(&engine.all(), now(clock, size.minutes), &Inline, None);
                }
                engine.run_due(now(clock, size.minutes), Budget { jobs_max: 64 }, &Inline);
                engine.wait_due(Duration::from_millis(20));
            }
        });
        for minute in 0..size.minutes {
            // In turn, within one run.
            let with = minute / 10 % 2 == 1;
            checkpointing.store(with, Relaxed);
            for load in &loads {
                let started = Instant::now();
                load.write(minute, clock).wait(now(clock, minute), LONG).unwrap();
                if with { &mut busy } else { &mut quiet }.push(started.elapsed());
            }
        }
        done.store(true, Relaxed);
    });
    for percent in [50, 99] {
        let (quiet, busy) = (percentile(&mut quiet, percent), percentile(&mut busy, percent));
        println!(
            "host batch of {SERIES}, p{percent}: {quiet:?} without checkpoints, {busy:?} with them"
        );
        // For `cargo xtask bench`.
        for (name, time) in [("quiet", quiet), ("busy", busy)] {
            println!("figure pause.{name}_p{percent} {:.4} ms", time.as_secs_f64() * 1e3);
        }
    }
    let stats = engine.stats(now(clock, size.minutes));
    println!("{} checkpoints meanwhile, {} failed", stats.checkpoints, stats.checkpoint_failures);
}

// ---- checkpoints by themselves ----

/// Two threads that take one job after the other, as a server has, and how many are at work.
struct Threads(mpsc::Sender<Job>);

type Job = Box<dyn FnOnce() + Send>;

impl Threads {
    fn start(at_work: &Arc<AtomicUsize>) -> Self {
        let (jobs, taken) = mpsc::channel::<Job>();
        let taken = Arc::new(Mutex::new(taken));
        for _ in 0..2 {
            let (taken, at_work) = (Arc::clone(&taken), Arc::clone(at_work));
            thread::spawn(move || {
                loop {
                    let Ok(job) = taken.lock().unwrap().recv() else { return };
                    at_work.fetch_add(1, Relaxed);
                    job();
                    at_work.fetch_sub(1, Relaxed);
                }
            });
        }
        Self(jobs)
    }
}

impl Pool for Threads {
    fn run(&self, job: Job) {
        self.0.send(job).unwrap();
    }
}

/// What an acknowledgement takes under full load, while hosts are checkpointed at the thresholds of a
/// server.
fn adaptive(directory: &Path, size: Size) {
    let clock = Instant::now();
    let disk = RealDisk::new(directory).unwrap();
    let thresholds = Thresholds {
        passive: Some(32 << 20),
        restart: Some(128 << 20),
        total: Some(disk.free_bytes().unwrap() / 4),
    };
    let mut config = Config { thresholds, ..Config::default() };
    config.log.stopwatch = Stopwatch::new(move || clock.elapsed());
    let start = Start::at(now(clock, 0));
    let (engine, _) = Engine::open(disk, catalogue(), config, &start).unwrap();
    let loads = loads(&engine, size.hosts, size.minutes, clock);
    let done = AtomicBool::new(false);
    let (mut quiet, mut busy) = (Vec::new(), Vec::new());
    let at_work = Arc::new(AtomicUsize::new(0));
    let count = (size.hosts * SERIES * size.minutes) as u64;
    thread::scope(|scope| {
        scope.spawn(|| {
            let pool = Threads::start(&at_work);
            while !done.load(Relaxed) {
                engine.run_due(now(clock, 0), Budget { jobs_max: 256 }, &pool);
                engine.wait_due(Duration::from_millis(100));
            }
        });
        measured("adaptive checkpoints", count, || {
            for minute in 0..size.minutes {
                for load in &loads {
                    let (started, is_busy) = (Instant::now(), at_work.load(Relaxed) > 0);
                    load.write(minute, clock).wait(now(clock, minute), LONG).unwrap();
                    let times = if is_busy { &mut busy } else { &mut quiet };
                    times.push(started.elapsed());
                }
            }
        });
        done.store(true, Relaxed);
    });
    let mut all = [&quiet[..], &busy].concat();
    for (what, times) in [
        ("all", &mut all),
        ("nothing at work beside", &mut quiet),
        ("checkpoints, syncs", &mut busy),
    ] {
        if let Some(batches) = Some(times.len()).filter(|batches| *batches > 0) {
            let [p50, p99, most] = [50, 99, 100].map(|percent| percentile(times, percent));
            println!("{what:22} {batches:6} batches, p50 {p50:?}, p99 {p99:?}, at most {most:?}");
        }
    }
    let stats = engine.stats(now(clock, size.minutes));
    for (mode, count) in CheckpointMode::ALL.into_iter().zip(stats.checkpoints_by_mode) {
        if count > 0 {
            println!("  {count} checkpoints, {}", mode.name());
        }
    }
    println!(
        "  {:.0} records covered in a millisecond of checkpoint, {:?} failed",
        stats.cover.efficiency_per_ms().unwrap_or(0.0),
        stats.checkpoint_failures
    );
}

// ---- many hosts ----

fn many(directory: &Path, hosts: usize) {
    let clock = Instant::now();
    let (engine, _) = open(directory, clock);
    let loads = loads(&engine, hosts, 3, clock);
    let count = (hosts * SERIES) as u64;
    measured(&format!("{hosts} hosts, 3 minutes"), 3 * count, || {
        for minute in 0..3 {
            for load in &loads {
                load.write(minute, clock).wait(now(clock, minute), LONG).unwrap();
            }
        }
    });
    measured("  closed", 3 * count, || engine.close(now(clock, 3), &Inline, None));
    println!("  open files at most {}", engine.stats(now(clock, 3)).log.open_files_peak);
    drop((engine, loads));
    measured("  opened again", 3 * count, || open(directory, clock));
}

fn child(part: &str, directory: &Path, size: Size) {
    let program = std::env::current_exe().unwrap();
    let size = [size.hosts, size.minutes].map(|count| count.to_string());
    let status = Command::new(program).arg(part).arg(directory).args(size).status().unwrap();
    assert!(status.success(), "{part}");
}

fn run(area: &str, size: Size) {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    match area {
        "day" => {
            for part in ["fill", "replay", "recover"] {
                child(part, directory.path(), size);
            }
            child("save", tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap().path(), size);
        }
        "pause" => {
            child("pause", directory.path(), Size { minutes: size.minutes.min(200), ..size });
        }
        "adaptive" => {
            // 200,000 batches: more than a day of fifty hosts.
            let minutes = size.batches / size.hosts;
            child("adaptive", directory.path(), Size { minutes, ..size });
        }
        "hosts" => {
            for hosts in [size.many / 4, size.many] {
                let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
                child("many", directory.path(), Size { hosts, ..size });
            }
        }
        other => println!("there is no {other}: day, pause, adaptive, hosts"),
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [part, directory, hosts, minutes] = &arguments[..] {
        let directory = Path::new(directory);
        let size = Size {
            hosts: hosts.parse().unwrap(),
            minutes: minutes.parse().unwrap(),
            many: 0,
            batches: 0,
        };
        return match &**part {
            "fill" => fill(directory, size),
            "replay" => replay(directory, size),
            "save" => save(directory, size),
            "recover" => recover(directory, size),
            "pause" => pause(directory, size),
            "adaptive" => adaptive(directory, size),
            _ => many(directory, size.hosts),
        };
    }
    let size = if arguments.iter().any(|argument| argument == "--bench") { FULL } else { SMALL };
    let named: Vec<&String> =
        arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    for area in ["day", "pause", "adaptive", "hosts"] {
        if named.is_empty() || named.iter().any(|name| *name == area) {
            run(area, size);
        }
    }
}
