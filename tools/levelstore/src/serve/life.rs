//! The life of a server: listening, recovering, ready, draining, saved.

use super::cap::Cap;
use super::demo;
use super::keeper::{self, Duties, Keeper};
use super::nodes::Nodes;
use super::notify::Notify;
use super::privileges;
use super::setup::Opened;
use crate::Verdict;
use crate::archive;
use crate::config::{Cleanup, Config, MetricStore, Sync};
use crate::driver::{Clock, Driver};
use crate::pool::Threads;
use anyhow::{Context, Result, bail};
use checkpointer::archive::Archive;
use checkpointer::disk::{Disk, RealDisk};
use checkpointer::log::{self, Pool, SyncMode};
use checkpointer::{Engine, OnProgress, Progress, Recovered, Start, Stopwatch, Thresholds};
use ingest::Ingest;
use server::{
    ArchiveOutcome, Clock as ServerClock, Drained, Limits, Nats, NatsError, Server, Store,
};
use std::fs;
use std::future::Future;
use std::io;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

/// The service manager is told no more often how far something has come.
const STATUS_EVERY: Duration = Duration::from_secs(1);
/// A host with so much log without a snapshot is saved in the background; earlier, where its writers have
/// to wait at less than four times that.
const PASSIVE_LOG: u64 = 32 << 20;
/// All hosts together may have so much, even where the disk was full at the start: it will not stay so.
const TOTAL_LOG_LEAST: u64 = 1 << 30;

/// A store that has recovered, and who works for it.
struct Recovery {
    engine: Arc<Engine>,
    pool: Arc<dyn Pool + Send + std::marker::Sync>,
    found: Recovered,
    /// Where what ages out goes; None: it is deleted.
    archive: Option<Arc<Archive<RealDisk>>>,
}

/// Serves until a signal comes.
pub(super) fn run(opened: Opened) -> Result<Verdict> {
    let runtime = Runtime::new().context("start threads")?;
    let done = runtime.block_on(live(opened));
    // What could still run by now reads only: a recovery that nobody waits for.
    runtime.shutdown_background();
    done
}

async fn live(opened: Opened) -> Result<Verdict> {
    let Opened { config, listener, address, tls, tokens, nats, is_demo, strict } = opened;
    let mut signals = Signals::new()?;
    let (clock, notify) = (Clock::start(), Arc::new(Notify::from_environment()));
    let server_clock = ServerClock::new(move || clock.now());
    let server = Arc::new(Server::new(server_clock, tokens, Limits::default()));
    let listener = TcpListener::from_std(listener).context("listen")?;
    let (stop, stopping) = watch::channel(());
    let serving = tokio::spawn({
        let (server, stopping) = (Arc::clone(&server), stopping.clone());
        async move { server.serve(listener, tls, told(stopping)).await }
    });

    let store = &config.metric_store;
    let retention = store.retention_in_memory;
    let nodes = Arc::new(Nodes::new(config.main.backend_url.as_deref(), retention, clock)?);
    let progress = progress(&server, &notify, clock);
    let recovered = recover_aside(config.clone(), strict, Arc::clone(&nodes), clock, progress)?;
    let Recovery { engine, pool, found, archive } = tokio::select! {
        recovered = recovered => recovered.context("recovery has failed")??,
        // It changes nothing, so that it can end anywhere.
        () = signals.next() => return Ok(Verdict::Fine),
    };
    tell(&found);

    let driver = Driver::start(Arc::clone(&engine), Arc::clone(&pool), clock)?;
    let is_kept = Arc::clone(&nodes);
    server.ready(Store {
        engine: Arc::clone(&engine),
        ingest: Arc::new(Ingest::new(Arc::clone(&engine), ingest::Config::default())),
        pool: Arc::clone(&pool),
        is_kept: Arc::new(move |cluster, host| is_kept.is_kept(cluster, host)),
        recovered: found,
    });
    let keeper = Keeper::start(Duties {
        engine: Arc::clone(&engine),
        pool: Arc::clone(&pool),
        server: Arc::clone(&server),
        nodes,
        clock,
        retention,
        cap: store.memory_cap.map(|gigabytes| Cap { bytes: gigabytes.get() << 30 }),
        archive,
    })?;
    let mut subscribed = tokio::spawn(subscribe(Arc::clone(&server), nats, stopping));
    notify.status(&format!("serving on {address}"));
    notify.ready();
    tracing::info!("ready");
    if is_demo {
        demo::start(address)?;
    }

    let failed = tokio::select! {
        () = signals.next() => None,
        ended = &mut subscribed => Some(ended),
    };
    tracing::info!("stopping: requests that have begun are answered, then everything is saved");
    notify.stopping();
    drop(stop);
    drain(serving).await;
    let failed = match failed {
        Some(ended) => ended,
        None => subscribed.await,
    };
    let closing = move || {
        keeper.stop();
        driver.stop();
        close(&engine, &*pool, clock, &notify)
    };
    let verdict = tokio::task::spawn_blocking(closing).await.context("everything is saved")?;
    failed.context("nats")?.context("nats")?;
    Ok(verdict)
}

/// Receives from NATS, if that is wanted, until the end.
async fn subscribe(
    server: Arc<Server>,
    nats: Option<Nats>,
    stopping: watch::Receiver<()>,
) -> Result<(), NatsError> {
    if let Some(nats) = nats {
        return server.subscribe(nats, told(stopping)).await;
    }
    told(stopping).await;
    Ok(())
}

/// Until the sender has gone.
async fn told(mut stopping: watch::Receiver<()>) {
    while stopping.changed().await.is_ok() {}
}

async fn drain(serving: JoinHandle<Drained>) {
    match serving.await {
        Ok(Drained::All) => {}
        Ok(Drained::CutOff { connections }) => {
            tracing::warn!("{connections} connections took too long, and were cut off");
        }
        Err(error) => tracing::error!("serving has failed: {error}"),
    }
}

/// Saves everything.
fn close(engine: &Engine, pool: &dyn Pool, clock: Clock, notify: &Arc<Notify>) -> Verdict {
    notify.status("saving everything");
    let done = engine.close(clock.now(), pool, None);
    for (host, why) in &done.failed {
        tracing::error!("{host}: not saved, its log stays: {why}");
    }
    tracing::info!("saved: {} hosts, {} files, {} bytes", done.hosts, done.files, done.bytes);
    if done.failed.is_empty() { Verdict::Fine } else { Verdict::Problems }
}

/// Recovers on a thread of its own: that is no work for the threads that answer.
fn recover_aside(
    config: Arc<Config>,
    strict: bool,
    nodes: Arc<Nodes>,
    clock: Clock,
    progress: OnProgress,
) -> Result<impl Future<Output = Result<Result<Recovery>, oneshot::error::RecvError>>> {
    let (done, recovered) = oneshot::channel();
    let thread = thread::Builder::new().name("recovery".into());
    let recover = move || {
        // Nobody waits for it when a signal came first.
        let _ = done.send(recover(&config, strict, &nodes, clock, Some(progress)));
    };
    thread.spawn(recover).context("start threads")?;
    Ok(recovered)
}

fn recover(
    config: &Config,
    strict: bool,
    nodes: &Nodes,
    clock: Clock,
    progress: Option<OnProgress>,
) -> Result<Recovery> {
    let store = &config.metric_store;
    let directory = &store.checkpoints.directory;
    let context = || format!("open data directory {}", directory.display());
    fs::create_dir_all(directory).with_context(context)?;
    let disk = RealDisk::new(directory).with_context(context)?;
    let workers = store.num_workers.and_then(|workers| usize::try_from(workers.get()).ok());
    let pool = match workers.and_then(NonZeroUsize::new) {
        Some(workers) => Threads::of(workers)?,
        None => Threads::start()?,
    };
    let pool = Arc::new(pool);
    let now = clock.now();
    nodes.ask(now.unix.saturating_sub(seconds(store.retention_in_memory)));
    let is_kept = |cluster: &str, host: &str| nodes.is_kept(cluster, host);
    let start = Start { now, strict, is_kept: &is_kept, pool: &*pool, progress };
    let catalogue = config.metrics.to_memory();
    let archive = match &store.cleanup {
        Cleanup::Archive { directory: into } => Some(Arc::new(archive::open(directory, into)?)),
        Cleanup::Delete => None,
    };
    let marks = || match &archive {
        Some(archive) => archive.marks().map_err(io::Error::other),
        None => archive::marks_beside(directory),
    };
    let free = disk.free_bytes().with_context(context)?;
    let config = engine_config(store, free, clock);
    let opened = Engine::open_with(disk, catalogue, config, &start, marks);
    let (engine, found) = opened.with_context(context)?;
    Ok(Recovery { engine, pool, found, archive })
}

/// How much log without a snapshot there may be, with so much disk free.
fn thresholds(max_wal_size: u64, free: u64) -> Thresholds {
    Thresholds {
        passive: Some(PASSIVE_LOG.min(max_wal_size / 4).max(1)),
        restart: Some(max_wal_size),
        total: Some((free / 4).max(TOTAL_LOG_LEAST)),
    }
}

fn engine_config(store: &MetricStore, free: u64, clock: Clock) -> checkpointer::Config {
    let sync = match store.wal.sync {
        Sync::None => SyncMode::None,
        Sync::Flush => SyncMode::Flush,
        Sync::Always => SyncMode::Always,
    };
    let (flush_interval, sync_interval) = (store.wal.flush_interval, store.wal.sync_interval);
    checkpointer::Config {
        log: log::Config {
            sync,
            flush_interval,
            sync_interval,
            stopwatch: Stopwatch::new(move || clock.now().uptime),
            ..log::Config::default()
        },
        retention: Some(seconds(store.retention_in_memory)),
        max_future: Some(seconds(store.max_future)),
        checkpoint_interval: Some(store.checkpoint_interval),
        thresholds: thresholds(store.checkpoints.max_wal_size, free),
        ..checkpointer::Config::default()
    }
}

/// At least one.
fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX).max(1)
}

/// Tells clients and the service manager how far recovery has come.
fn progress(server: &Arc<Server>, notify: &Arc<Notify>, clock: Clock) -> OnProgress {
    let (server, notify) = (Arc::clone(server), Arc::clone(notify));
    let told_at = Mutex::new(None);
    Arc::new(move |progress: Progress| {
        server.recovering(progress);
        let now = clock.now().uptime;
        let mut told_at = told_at.lock().unwrap_or_else(PoisonError::into_inner);
        if told_at.is_none_or(|at: Duration| now >= at.saturating_add(STATUS_EVERY)) {
            *told_at = Some(now);
            let Progress { hosts, hosts_total, .. } = progress;
            notify.status(&format!("recovering: {hosts} of {hosts_total} hosts"));
        }
    })
}

/// What the start has found.
fn tell(found: &Recovered) {
    for problem in found.problems.listed() {
        tracing::warn!("{problem}");
    }
    if found.problems.others() > 0 {
        tracing::warn!("{} more problems", found.problems.others());
    }
    tracing::info!(
        "recovered: {} hosts, {} offline; {} values of {} snapshots, {} records of {} log segments{}",
        found.hosts,
        found.offline,
        found.points,
        found.snapshots,
        found.records,
        found.segments,
        if found.unclean { "; the server had not been stopped well" } else { "" }
    );
}

/// Deletes what is older than the retention, and that is all.
pub(super) fn clean_up(config: &Config, strict: bool) -> Result<Verdict> {
    privileges::drop_to(config.main.user.as_deref(), config.main.group.as_deref())?;
    let (clock, retention) = (Clock::start(), config.metric_store.retention_in_memory);
    let nodes = Nodes::new(config.main.backend_url.as_deref(), retention, clock)?;
    let Recovery { engine, pool, found, archive } = recover(config, strict, &nodes, clock, None)?;
    tell(&found);
    if !nodes.is_known() {
        bail!("main.backend-url: nothing is deleted while it is not known which hosts are in use");
    }
    let run = keeper::clean_up(&engine, archive.as_deref(), &*pool, &nodes, clock.now());
    let saved = close(&engine, &*pool, clock, &Arc::new(Notify::from_environment()));
    let is_archived = run.is_none_or(|run| run.outcome == ArchiveOutcome::Done);
    Ok(if is_archived { saved } else { Verdict::Problems })
}

/// What ends a server.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self> {
        let of = |kind| signal(kind).context("wait for signals");
        Ok(Self {
            terminate: of(SignalKind::terminate())?,
            interrupt: of(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_saved_long_before_their_writers_have_to_wait() {
        let of = |max_wal_size| {
            let Thresholds { passive, restart, total } = thresholds(max_wal_size, 8 << 30);
            (passive.unwrap(), restart.unwrap(), total.unwrap())
        };
        assert_eq!(of(128 << 20), (32 << 20, 128 << 20, 2 << 30));
        assert_eq!(of(1 << 30), (32 << 20, 1 << 30, 2 << 30));
        assert_eq!(of(4096), (1024, 4096, 2 << 30));
        assert_eq!(of(1), (1, 1, 2 << 30));
        assert_eq!(thresholds(1, 0).total, Some(1 << 30), "a disk that is full now");
    }
}
