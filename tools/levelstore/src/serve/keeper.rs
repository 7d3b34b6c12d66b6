//! What a server does by itself from time to time: it frees and deletes what is older than the
//! retention, and sees to it that the process holds no more memory than it may.
//!
//! Nothing is freed that is not durable: the engine saves a host before it frees anything of it.

use super::cap::Cap;
use super::nodes::Nodes;
use crate::driver::Clock;
use crate::measure;
use anyhow::{Context, Result};
use checkpointer::archive::{Archive, Run};
use checkpointer::disk::RealDisk;
use checkpointer::log::Pool;
use checkpointer::{Branch, Engine, Freed, MergeLimits, Now};
use server::{ArchiveOutcome, ArchiveRun, Server};
use std::num::NonZeroUsize;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A server that is often started again frees and deletes all the same: the first time so soon.
const FIRST: Duration = Duration::from_mins(5);
/// When a backend is asked again that did not answer.
const ASK_AGAIN: Duration = Duration::from_secs(30);
/// How long the system may take to get memory back that was freed.
const GIVE_BACK: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(500);
/// A host keeps so many snapshots of a day; and so much is merged at a time.
const MERGE: MergeLimits =
    MergeLimits { files_per_day_max: 8, bytes_max: 8 << 30, files_max: 100_000 };

/// What has to be done, and with what.
pub(super) struct Duties {
    pub(super) engine: Arc<Engine>,
    pub(super) pool: Arc<dyn Pool + Send + Sync>,
    pub(super) server: Arc<Server>,
    pub(super) nodes: Arc<Nodes>,
    pub(super) clock: Clock,
    pub(super) retention: Duration,
    /// None: no limit.
    pub(super) cap: Option<Cap>,
    /// Where what is older than the retention goes; None: it is deleted.
    pub(super) archive: Option<Arc<Archive<RealDisk>>>,
}

/// The thread that does it.
pub(super) struct Keeper {
    stop: Arc<Stop>,
    thread: JoinHandle<()>,
}

impl Keeper {
    pub(super) fn start(duties: Duties) -> Result<Self> {
        let stop = Arc::new(Stop::default());
        let told = Arc::clone(&stop);
        let thread = thread::Builder::new().name("keeper".into());
        let thread = thread.spawn(move || duties.keep(&told)).context("start threads")?;
        Ok(Self { stop, thread })
    }

    pub(super) fn stop(self) {
        self.stop.tell();
        drop(self.thread.join());
    }
}

impl Duties {
    fn keep(&self, stop: &Stop) {
        let uptime = || self.clock.now().uptime;
        let first = if self.nodes.is_known() { self.period().min(FIRST) } else { ASK_AGAIN };
        let mut retain_at = uptime().saturating_add(first);
        let mut look_at = uptime();
        loop {
            if uptime() >= retain_at {
                let next = if self.retain() { self.period() } else { ASK_AGAIN.min(self.period()) };
                retain_at = uptime().saturating_add(next);
            }
            let mut next = retain_at;
            if let Some(cap) = self.cap {
                if uptime() >= look_at {
                    look_at = uptime().saturating_add(self.look(cap, stop));
                }
                next = next.min(look_at);
            }
            if stop.wait(next.saturating_sub(uptime())) {
                return;
            }
        }
    }

    fn period(&self) -> Duration {
        (self.retention / 2).max(Duration::from_secs(1))
    }

    /// Frees and deletes what is older than the retention. False if nobody knows of which hosts.
    fn retain(&self) -> bool {
        let now = self.clock.now();
        let oldest = self.engine.oldest(now);
        if !self.nodes.ask(oldest) {
            return false;
        }
        let is_kept = |cluster: &str, host: &str| self.nodes.is_kept(cluster, host);
        let freed = self.engine.free(oldest, &everything(), &is_kept, now, &*self.pool);
        tell("older than the retention", &freed);
        let run = clean_up(&self.engine, self.archive.as_deref(), &*self.pool, &self.nodes, now);
        if let Some(run) = run {
            self.server.archived(run);
        }
        merge(&self.engine, &*self.pool, now);
        true
    }

    /// Compares the memory that the process holds with what it may. Says when to do it again.
    fn look(&self, cap: Cap, stop: &Stop) -> Duration {
        let Some(held) = measure::rss_bytes() else {
            tracing::error!("the system does not tell how much memory is held: no memory cap");
            return cap.pause(0);
        };
        let is_full = cap.relieve(held, |percent| {
            tracing::warn!("memory cap exceeded: freeing all but {percent} % of the retention");
            self.free_all_but(percent);
            settled(cap, stop)
        });
        if is_full {
            tracing::error!("memory cap exceeded, and nothing more can be freed: writes refused");
        }
        self.server.set_full(is_full);
        cap.pause(measure::rss_bytes().unwrap_or(held))
    }

    /// Hosts in use are no exception here.
    fn free_all_but(&self, percent: i64) {
        let now = self.clock.now();
        let retention = i64::try_from(self.retention.as_secs()).unwrap_or(i64::MAX);
        let gone = retention / 100 * (100 - percent);
        let before = self.engine.oldest(now).saturating_add(gone);
        let freed = self.engine.free(before, &everything(), &|_, _| false, now, &*self.pool);
        tell("because of the memory cap", &freed);
    }
}

/// Archives what is older than the retention, and deletes snapshots with nothing else in them. What an
/// archive run was is returned.
pub(super) fn clean_up(
    engine: &Engine,
    archive: Option<&Archive<RealDisk>>,
    pool: &dyn Pool,
    nodes: &Nodes,
    now: Now,
) -> Option<ArchiveRun> {
    let Some(archive) = archive else {
        delete(engine, pool, nodes, engine.oldest(now));
        return None;
    };
    Some(self::archive(engine, archive, pool, nodes, now))
}

fn archive(
    engine: &Engine,
    archive: &Archive<RealDisk>,
    pool: &dyn Pool,
    nodes: &Nodes,
    now: Now,
) -> ArchiveRun {
    let workers = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let is_kept = |cluster: &str, host: &str| nodes.is_kept(cluster, host);
    let run = Run { now, pool, workers, is_kept: &is_kept, progress: None };
    match archive.run(engine, engine.oldest(now), &run) {
        Ok(done) => {
            if done.rows > 0 || done.snapshots_retired > 0 {
                let (rows, files, retired) = (done.rows, done.files.len(), done.snapshots_retired);
                tracing::info!(
                    "{rows} rows archived in {files} files, {retired} snapshots deleted"
                );
            }
            for (host, why) in &done.problems {
                tracing::error!("{host}: not archived: {why}");
            }
            let is_whole = done.problems.is_empty();
            let outcome = if is_whole { ArchiveOutcome::Done } else { ArchiveOutcome::Problems };
            let files = u64::try_from(done.files.len()).unwrap_or(u64::MAX);
            ArchiveRun { outcome, files, rows: done.rows, bytes: done.bytes }
        }
        Err(error) => {
            tracing::error!("archive: {:#}", anyhow::Error::from(error));
            ArchiveRun { outcome: ArchiveOutcome::Failed, files: 0, rows: 0, bytes: 0 }
        }
    }
}

/// Few snapshots of many, so that neither a start nor a run has to open thousands.
fn merge(engine: &Engine, pool: &dyn Pool, now: Now) {
    let merged = engine.merge(&engine.all(), MERGE, now, pool);
    if merged.merges > 0 {
        tracing::info!("{} snapshots merged into {}", merged.sources, merged.files);
    }
    for (host, why) in &merged.failed {
        tracing::error!("{host}: snapshots cannot be merged: {why}");
    }
}

/// Deletes snapshots with nothing in them that is inside the retention.
fn delete(engine: &Engine, pool: &dyn Pool, nodes: &Nodes, oldest: i64) {
    let deleted = engine.delete(oldest, &|cluster, host| nodes.is_kept(cluster, host), pool);
    if deleted.snapshots > 0 {
        tracing::info!("{} snapshots deleted", deleted.snapshots);
    }
    for (host, why) in &deleted.failed {
        tracing::error!("{host}: snapshots cannot be deleted: {why}");
    }
}

fn everything() -> [Branch; 1] {
    [Branch::new()]
}

fn tell(why: &str, freed: &Freed) {
    if freed.blocks > 0 {
        let (blocks, files) = (freed.blocks, freed.checkpoint.files);
        tracing::info!("{blocks} blocks freed {why}, {files} snapshots written before");
    }
    for (host, failed) in &freed.checkpoint.failed {
        tracing::error!("{host}: not saved, so not freed: {failed}");
    }
}

/// What is held as soon as it is no more than it may be; freed memory is given back in the
/// background.
fn settled(cap: Cap, stop: &Stop) -> u64 {
    let began = Instant::now();
    loop {
        let held = measure::rss_bytes().unwrap_or(0);
        if held <= cap.bytes || began.elapsed() >= GIVE_BACK || stop.wait(LOOK) {
            return held;
        }
    }
}

/// Whether the thread is to end.
#[derive(Default)]
struct Stop {
    is_told: Mutex<bool>,
    told: Condvar,
}

impl Stop {
    fn tell(&self) {
        *self.is_told.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.told.notify_all();
    }

    /// Waits so long, or until it is told.
    fn wait(&self, patience: Duration) -> bool {
        let is_told = self.is_told.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.told.wait_timeout_while(is_told, patience, |is_told| !*is_told);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}
