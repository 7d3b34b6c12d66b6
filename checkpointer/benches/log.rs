//! The log on the real disk, beside what the disk does bare, in turn in one run.
//!
//! `cargo bench -p checkpointer --bench log [append|always|hosts|scan]…`, all of them without a name.
//! It writes below the target folder, which should lie on the disk in question.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]
#![expect(clippy::disallowed_methods, reason = "a benchmark has files, a clock and threads")]
#![expect(clippy::print_stdout, reason = "that is what it is for")]

use std::fs::{self, File};
use std::hint::black_box;
use std::io::Write as _;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use checkpointer::disk::RealDisk;
use checkpointer::log::{self, Budget, Buffer, Config, HostLog, Inline, Log, Owner, SyncMode};
use wal_format::{Located, NamesBuf, Record};

/// What a host of a cluster sends each minute.
const SERIES: usize = 632;
/// So many batches of each host in one run of `append`.
const MINUTES: i64 = 300;
const LONG: Duration = Duration::from_mins(10);

struct Store(Mutex<Buffer>);

impl Owner for Store {
    fn with_buffer<R>(&self, change: impl FnOnce(&mut Buffer) -> R) -> Option<R> {
        Some(change(&mut self.0.lock().unwrap()))
    }
}

type Host = Arc<HostLog<RealDisk, Store>>;

fn open(directory: &Path, sync: SyncMode, hosts: usize) -> (Arc<Log<RealDisk, Store>>, Vec<Host>) {
    let config = Config { sync, ..Config::default() };
    let logs = Log::open(RealDisk::new(directory).unwrap(), config).unwrap();
    let open = |k: usize| {
        let name = format!("alpha/a{k:04}");
        let found = log::find(logs.disk(), &name).unwrap();
        let owner = Store(Mutex::new(Buffer::new(&found, logs.config())));
        logs.open_host(&name, &found, owner, Duration::ZERO)
    };
    let hosts = (0..hosts).map(open).collect();
    (logs, hosts)
}

/// Names with which a record takes 50 bytes.
fn names() -> Vec<NamesBuf> {
    let name = |k| NamesBuf::new("flops_any", [format!("thread{k:03}")]).unwrap();
    (0..SERIES).map(name).collect()
}

fn write(host: &Host, names: &[NamesBuf], minute: i64, now: Duration) {
    let timestamp = 1_700_000_000 + 60 * minute;
    let frequency = NonZeroU32::new(60);
    let records = names.iter().zip(0_u16..).map(|(names, value)| {
        let names = names.as_names();
        Record { names, timestamp, value: f32::from(value), frequency }
    });
    let mut room = host.room(50 * SERIES, now, Some(LONG)).unwrap();
    let append = |buffer: &mut Buffer| buffer.append_batch(&mut room, records);
    let sequence = host.owner().with_buffer(append).flatten().unwrap();
    drop(room);
    host.ticket(sequence, now).wait(LONG).unwrap();
}

/// Somebody drives the log while `work` is done.
fn driven<R>(logs: &Arc<Log<RealDisk, Store>>, clock: Instant, work: impl FnOnce() -> R) -> R {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Relaxed) {
                logs.run_due(clock.elapsed(), Budget { jobs_max: 64 }, &Inline);
                let next = logs.next_due().unwrap_or(Duration::MAX);
                let rest = next.saturating_sub(clock.elapsed()).min(Duration::from_millis(50));
                logs.wait_due(Some(next), rest);
            }
        });
        let result = work();
        done.store(true, Relaxed);
        result
    })
}

/// User and system time of this process so far.
fn cpu() -> (Duration, Duration) {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks = |field: usize| Duration::from_millis(10 * fields[field].parse::<u64>().unwrap());
    (ticks(11), ticks(12))
}

/// What a piece of work has taken.
struct Taken {
    wall: Duration,
    user: Duration,
    system: Duration,
}

fn measure(work: impl FnOnce()) -> Taken {
    let (started, (user, system)) = (Instant::now(), cpu());
    work();
    let (wall, after) = (started.elapsed(), cpu());
    Taken { wall, user: after.0.saturating_sub(user), system: after.1.saturating_sub(system) }
}

impl Taken {
    fn cpu(&self) -> Duration {
        self.user + self.system
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn nanoseconds(duration: Duration, count: usize) -> f64 {
    duration.as_nanos() as f64 / count as f64
}

/// Batches of 50 hosts, `flush`, one writer: CPU with everything, encoding, writing, syncing.
fn append(directory: &Path) {
    let (logs, hosts) = open(directory, SyncMode::Flush, 50);
    let names = names();
    let clock = Instant::now();
    for run in 0..3 {
        let minutes = run * MINUTES..(run + 1) * MINUTES;
        let records = minutes.clone().count() * hosts.len() * SERIES;
        let taken = measure(|| {
            driven(&logs, clock, || {
                for minute in minutes {
                    for host in &hosts {
                        write(host, &names, minute, clock.elapsed());
                    }
                }
            });
        });
        println!(
            "append, flush: {:.1} ns CPU per record ({:.1} user, {:.1} system), {:.2} M records/s",
            nanoseconds(taken.cpu(), records),
            nanoseconds(taken.user, records),
            nanoseconds(taken.system, records),
            1e3 / nanoseconds(taken.wall, records),
        );
        // For `cargo xtask bench`.
        println!("figure log.append {:.1} ns", nanoseconds(taken.cpu(), records));
    }
    println!("{:?}", logs.stats());
}

fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times[(times.len() * percent / 100).min(times.len() - 1)]
}

/// 16 threads, each doing `write` so often; how long each took.
fn sixteen(count: u32, write: impl Fn(usize, u32) + Sync) -> Vec<Duration> {
    let one = |thread, count| {
        let started = Instant::now();
        write(thread, count);
        started.elapsed()
    };
    let one = &one;
    thread::scope(|scope| {
        let all = |thread| move || (0..count).map(|k| one(thread, k)).collect::<Vec<_>>();
        let threads: Vec<_> = (0..16).map(|thread| scope.spawn(all(thread))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

/// `always`, 16 writers on 16 hosts, beside 16 threads that append and fdatasync the same bytes.
fn always(directory: &Path) {
    let (logs, hosts) = open(directory, SyncMode::Always, 16);
    let names = names();
    let bytes = vec![7_u8; 50 * SERIES];
    let files: Vec<File> =
        (0..16).map(|k| File::create(directory.join(format!("bare{k}"))).unwrap()).collect();
    let clock = Instant::now();
    let (mut bare, mut logged) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        bare.extend(sixteen(40, |thread, _| {
            (&files[thread]).write_all(&bytes).unwrap();
            files[thread].sync_data().unwrap();
        }));
        logged.extend(driven(&logs, clock, || {
            sixteen(40, |thread, count| {
                write(&hosts[thread], &names, count.into(), clock.elapsed());
            })
        }));
    }
    let both = [("bare", "bare fdatasync", &mut bare), ("synced", "the log, always", &mut logged)];
    for (name, what, times) in both {
        let (p50, p99) = (percentile(times, 50), percentile(times, 99));
        // For `cargo xtask bench`.
        println!("figure log.{name}_p99 {:.4} ms", p99.as_secs_f64() * 1e3);
        println!("{what}, 16 threads, {} bytes each: p50 {p50:.1?}, p99 {p99:.1?}", bytes.len());
    }
    println!("{:?}", logs.stats());
}

/// One batch of each host, by eight threads.
fn one_round(logs: &Arc<Log<RealDisk, Store>>, hosts: &[Host], names: &[NamesBuf], round: i64) {
    let clock = Instant::now();
    let now = |clock: Instant| Duration::from_mins(round.unsigned_abs()) + clock.elapsed();
    driven(logs, clock, || {
        thread::scope(|scope| {
            for part in hosts.chunks(hosts.len().div_ceil(8)) {
                scope.spawn(move || {
                    for host in part {
                        write(host, names, round, now(clock));
                    }
                });
            }
        });
    });
}

/// Rounds of one batch of each host: linear in hosts, with bounded open files.
fn many_hosts(directory: &Path) {
    let names = names();
    for count in [625, 1250, 2500, 5000] {
        let own = directory.join(count.to_string());
        fs::create_dir(&own).unwrap();
        let (logs, hosts) = open(&own, SyncMode::Flush, count);
        for round in 0..3 {
            let taken = measure(|| one_round(&logs, &hosts, &names, round));
            println!(
                "{count} hosts, round {round}: {:.0} µs CPU, {:.0} µs wall per host, {} open files at most",
                nanoseconds(taken.cpu(), count) / 1e3,
                nanoseconds(taken.wall, count) / 1e3,
                logs.stats().open_files_peak,
            );
        }
        drop((logs, hosts));
        fs::remove_dir_all(&own).unwrap();
    }
}

/// Reading segments back, as a start does.
fn scan(directory: &Path) {
    let (logs, hosts) = open(directory, SyncMode::None, 10);
    let names = names();
    for minute in 0..400 {
        for host in &hosts {
            write(host, &names, minute, Duration::ZERO);
        }
    }
    for host in &hosts {
        host.close(Duration::ZERO, LONG).unwrap();
    }
    for _ in 0..3 {
        let mut records = 0;
        let taken = measure(|| hosts.iter().for_each(|host| records += read_back(&logs, host)));
        println!(
            "scan: {:.1} M records/s, {:.1} by its CPU time",
            1e3 / nanoseconds(taken.wall, records),
            1e3 / nanoseconds(taken.cpu(), records),
        );
    }
}

fn read_back(logs: &Arc<Log<RealDisk, Store>>, host: &Host) -> usize {
    let mut records = 0;
    for segment in log::find(logs.disk(), host.directory()).unwrap().segments {
        let path = log::segment_path(host.directory(), segment.number);
        let each = |located: Located<'_>| {
            black_box(located.record);
            records += 1;
        };
        log::read_log(logs.disk(), &path, each).unwrap();
    }
    records
}

type Benchmark = (&'static str, fn(&Path));

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let benchmarks: [Benchmark; 4] =
        [("append", append), ("always", always), ("hosts", many_hosts), ("scan", scan)];
    for (name, benchmark) in benchmarks {
        if asked.is_empty() || asked.iter().any(|one| one == name) {
            let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
            benchmark(directory.path());
        }
    }
}
