//! The engine behind an import.

use super::Options;
use super::progress::Progress;
use super::read::{self, Lines};
use super::report::{Checkpoint, Report};
use crate::archive;
use crate::catalogue::Catalogue;
use crate::driver::{BUDGET, Clock, Driver};
use crate::json;
use crate::measure::Meter;
use crate::pool::Threads;
use anyhow::{Context, Result, ensure};
use checkpointer::disk::RealDisk;
use checkpointer::log::Pool;
use checkpointer::{Config, Engine, Now, Start, memstore};
use ingest::{How, Ingest, Outcome};
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A disk that moves nothing for so long has failed.
const PATIENCE: Duration = Duration::from_mins(1);
/// More than any interval of the log: what is due by then is all that there is to do.
const ALL: Duration = Duration::from_mins(1);

/// What is to be on the disk in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Save {
    Snapshots,
    Log,
}

pub(super) struct Store {
    engine: Arc<Engine>,
    ingest: Arc<Ingest>,
    pool: Arc<Threads>,
    cluster: Option<String>,
    how: How,
    clock: Clock,
    driver: Driver,
}

impl Store {
    pub(super) fn open(options: &Options, data: &Path, metrics: &Path) -> Result<Self> {
        let catalogue = Catalogue::read(metrics)?.to_memory();
        let context = || format!("open data directory {}", data.display());
        fs::create_dir_all(data).with_context(context)?;
        let disk = RealDisk::new(data).with_context(context)?;
        let clock = Clock::start();
        let pool = Arc::new(Threads::start()?);
        let (retention, max_future) = (options.retention, options.max_future);
        let config = Config { retention, max_future, ..Config::default() };
        let start = Start { pool: &*pool, ..Start::at(clock.now()) };
        let marks = || archive::marks_beside(data);
        let opened = Engine::open_with(disk, catalogue, config, &start, marks);
        let (engine, found) = opened.with_context(context)?;
        for problem in found.problems.listed() {
            let path = json::title(&data.join(&problem.path));
            writeln!(io::stderr(), "{path}: {}", problem.trouble)?;
        }
        ensure!(found.offline == 0, "{} hosts cannot be read", found.offline);
        let lent: Arc<dyn Pool + Send + Sync> = Arc::<Threads>::clone(&pool);
        let driver = Driver::start(Arc::clone(&engine), lent, clock)?;
        let ingest = Arc::new(Ingest::new(Arc::clone(&engine), ingest::Config::default()));
        let how = if options.no_wal { How::unlogged() } else { How::acknowledged(PATIENCE) };
        let cluster = options.cluster.clone();
        Ok(Self { engine, ingest, pool, cluster, how, clock, driver })
    }

    /// Takes all lines of a file.
    pub(super) fn take(&self, lines: &mut Lines, progress: &mut Progress) -> Result<Outcome> {
        let mut session = self.ingest.session(self.cluster.as_deref(), self.how);
        loop {
            let chunk = lines.next()?;
            if chunk.is_empty() || !session.outcome().is_acknowledged() {
                return Ok(session.finish(self.clock.now()));
            }
            let is_last_for_now = chunk.len() < read::CHUNK;
            session.feed(chunk, self.clock.now());
            // Of a pipe: the next line may be long in coming.
            if is_last_for_now {
                session.flush(self.clock.now());
            }
            progress.at(session.outcome().lines, lines.bytes_read())?;
        }
    }

    /// Distinct values in memory.
    pub(super) fn points(&self) -> u64 {
        self.engine.all().iter().map(|host| host.read(memstore::Host::counts).points).sum()
    }

    pub(super) fn wal_bytes(&self) -> u64 {
        self.engine.stats(self.clock.now()).log.bytes
    }

    /// Makes everything durable. Says of how many hosts that has failed.
    pub(super) fn close(self, save: Save, report: &mut Report) -> Result<usize> {
        self.driver.stop();
        let meter = Meter::start();
        match save {
            Save::Snapshots => {
                let done = self.engine.close(self.clock.now(), &*self.pool, None);
                for (host, why) in &done.failed {
                    writeln!(io::stderr(), "{host}: {why}")?;
                }
                let (bytes, files) = (done.bytes, done.files);
                let (seconds, cpu_seconds) = (meter.seconds(), meter.cpu_seconds());
                report.checkpoint = Some(Checkpoint { seconds, cpu_seconds, bytes, files });
                Ok(done.failed.len())
            }
            Save::Log => {
                let now = self.clock.now();
                let later = Now { uptime: now.uptime.saturating_add(ALL), ..now };
                while self.engine.run_due(later, BUDGET, &*self.pool).jobs > 0 {}
                let stats = self.engine.stats(now).log;
                let failures = stats.write_failures + stats.sync_failures;
                ensure!(failures == 0, "the log could not be written");
                Ok(0)
            }
        }
    }
}
