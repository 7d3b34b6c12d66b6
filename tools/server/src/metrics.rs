//! `/metrics`: the server's own state, for Prometheus.

use crate::counters::{Counters, Source};
use crate::exposition::{CONTENT_TYPE, Kind, Page};
use crate::reply::{self, Answered};
use crate::state::Server;
use crate::store::Store;
use axum::extract::State;
use axum::http::StatusCode;
use checkpointer::{EngineStats, Now, Progress, Recovered};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) async fn answer(State(server): State<Arc<Server>>) -> Answered {
    let (this, store) = (Arc::clone(&server), server.store());
    let page = server.read(move || {
        let mut page = Page::default();
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        page.family("levelstore_build_info", Kind::Gauge, "Which version runs.")
            .sample(&version, 1);
        requests(&mut page, &this.counters);
        lines(&mut page, &this.counters);
        nats(&mut page, &this.counters);
        match &store {
            Some(store) => held(&mut page, store, this.clock.now()),
            None => recovery(&mut page, this.progress()),
        }
        page.into_bytes()
    });
    Ok(reply::of_type(CONTENT_TYPE, StatusCode::OK, page.await?))
}

fn requests(page: &mut Page, counters: &Counters) {
    let requests = counters.requests();
    let help = "Requests answered, by path and status.";
    let mut family = page.family("levelstore_http_requests_total", Kind::Counter, help);
    for ((path, status), requests) in &requests {
        family.sample(&[("path", path), ("status", &status.to_string())], requests.count);
    }
    let help = "Time from a request's head to the head of its answer, by path and status.";
    let mut family = page.family("levelstore_http_request_seconds_total", Kind::Counter, help);
    for ((path, status), requests) in &requests {
        let labels = [("path", *path), ("status", &status.to_string())];
        family.real(&labels, requests.time.as_secs_f64());
    }
}

fn lines(page: &mut Page, counters: &Counters) {
    let sources = [(Source::Http, "http"), (Source::Nats, "nats")];
    let sources = sources.map(|(source, name)| (counters.of(source), name));
    let help = "Samples stored, by how they came.";
    let mut family = page.family("levelstore_ingest_samples_total", Kind::Counter, help);
    for (lines, name) in sources {
        family.sample(&[("source", name)], read(&lines.stored));
    }
    let help = "Samples stored that the log did not take, by how they came.";
    let mut family = page.family("levelstore_ingest_unlogged_total", Kind::Counter, help);
    for (lines, name) in sources {
        family.sample(&[("source", name)], read(&lines.unlogged));
    }
    let help = "Lines refused, by how they came and why.";
    let mut family = page.family("levelstore_ingest_refused_total", Kind::Counter, help);
    for (lines, name) in sources {
        for (reason, count) in lines.refused() {
            family.sample(&[("source", name), ("reason", reason)], count);
        }
    }
    let help = "Batches of lines, by how they came.";
    let mut family = page.family("levelstore_ingest_batches_total", Kind::Counter, help);
    for (lines, name) in sources {
        family.sample(&[("source", name)], read(&lines.batches));
    }
    let help = "Batches that were not acknowledged, by how they came.";
    let mut family = page.family("levelstore_ingest_not_acknowledged_total", Kind::Counter, help);
    for (lines, name) in sources {
        family.sample(&[("source", name)], read(&lines.not_acknowledged));
    }
}

fn nats(page: &mut Page, counters: &Counters) {
    let nats = &counters.nats;
    for (name, help, count) in [
        ("levelstore_nats_connections_total", "Connections made to NATS.", &nats.connections),
        ("levelstore_nats_messages_total", "Messages received by NATS.", &nats.messages),
        ("levelstore_nats_dropped_total", "Messages for which there was no room.", &nats.dropped),
        ("levelstore_nats_slow_total", "Messages that came too fast to be received.", &nats.slow),
    ] {
        page.single(name, Kind::Counter, help, read(count));
    }
}

fn recovery(page: &mut Page, progress: Progress) {
    let help = "Hosts recovered, while recovery goes on.";
    page.single("levelstore_recovery_hosts", Kind::Gauge, help, progress.hosts);
    let help = "Hosts to be recovered, while recovery goes on.";
    page.single("levelstore_recovery_hosts_total", Kind::Gauge, help, progress.hosts_total);
}

/// What the store holds and has done.
fn held(page: &mut Page, store: &Store, now: Now) {
    let stats = store.engine.stats(now);
    counted(page, &stats);
    log(page, &stats.log);
    found(page, &store.recovered);
    let (mut points, mut series, mut blocks, mut bytes) = (0, 0, 0, 0);
    for host in store.engine.all() {
        let (counts, memory) = host.read(|host| (host.counts(), host.memory()));
        points += counts.points;
        series += counts.series;
        blocks += counts.blocks;
        bytes += u64::try_from(memory.total()).unwrap_or(u64::MAX);
    }
    for (name, help, value) in [
        ("levelstore_hosts", "Hosts in memory.", stats.hosts),
        ("levelstore_hosts_offline", "Hosts whose files cannot be read.", stats.offline),
        ("levelstore_series", "Series in memory.", series),
        ("levelstore_points", "Values in memory.", points),
        ("levelstore_blocks", "Blocks of values in memory.", blocks),
        ("levelstore_series_bytes", "Bytes of memory that series take.", bytes),
        (
            "levelstore_clock_is_behind",
            "Whether the clock is behind the newest sample.",
            u64::from(stats.clock_is_behind),
        ),
    ] {
        page.single(name, Kind::Gauge, help, value);
    }
    if let Some(newest) = stats.newest {
        let mut family =
            page.family("levelstore_newest_timestamp_seconds", Kind::Gauge, "The newest sample.");
        #[expect(clippy::cast_precision_loss, reason = "seconds of this age are exact")]
        family.real(&[], newest as f64);
    }
}

fn counted(page: &mut Page, stats: &EngineStats) {
    for (name, help, value) in [
        ("levelstore_samples_total", "Samples stored.", stats.samples),
        ("levelstore_samples_refused_total", "Samples refused by the store.", stats.refused),
        ("levelstore_samples_unlogged_total", "Samples stored but not logged.", stats.unlogged),
        ("levelstore_checkpoints_total", "Checkpoints of a host.", stats.checkpoints),
        (
            "levelstore_checkpoint_failures_total",
            "Checkpoints of a host that failed.",
            stats.checkpoint_failures,
        ),
        ("levelstore_snapshots_total", "Snapshots written.", stats.snapshots),
        ("levelstore_snapshot_bytes_total", "Bytes of snapshots written.", stats.snapshot_bytes),
        ("levelstore_snapshots_deleted_total", "Snapshots deleted.", stats.deleted),
        ("levelstore_blocks_freed_total", "Blocks freed from memory.", stats.freed_blocks),
    ] {
        page.single(name, Kind::Counter, help, value);
    }
}

fn log(page: &mut Page, log: &checkpointer::log::Stats) {
    for (name, help, value) in [
        ("levelstore_log_records_total", "Records written to the log.", log.records),
        ("levelstore_log_bytes_total", "Bytes written to the log.", log.bytes),
        ("levelstore_log_writes_total", "Writes to files of the log.", log.writes),
        ("levelstore_log_syncs_total", "Files of the log synced.", log.syncs),
        ("levelstore_log_segments_total", "Segments of the log created.", log.segments),
        ("levelstore_log_refused_total", "Batches for which there was no room.", log.refused),
        ("levelstore_log_write_failures_total", "Writes that failed.", log.write_failures),
        ("levelstore_log_sync_failures_total", "Syncs that failed.", log.sync_failures),
    ] {
        page.single(name, Kind::Counter, help, value);
    }
    let gauge = |value| u64::try_from(value).unwrap_or(u64::MAX);
    for (name, help, value) in [
        ("levelstore_log_buffered_bytes", "Bytes that wait to be written.", log.buffered),
        ("levelstore_log_open_files", "Segments of the log that are open.", log.open_files),
    ] {
        page.single(name, Kind::Gauge, help, gauge(value));
    }
}

fn found(page: &mut Page, found: &Recovered) {
    let problems = u64::try_from(found.problems.listed().len()).unwrap_or(u64::MAX);
    for (name, help, value) in [
        (
            "levelstore_start_unclean",
            "Whether the process before did not end well.",
            u64::from(found.unclean),
        ),
        ("levelstore_start_hosts", "Hosts found by the start.", found.hosts),
        ("levelstore_start_snapshots", "Snapshots loaded by the start.", found.snapshots),
        ("levelstore_start_segments", "Segments replayed by the start.", found.segments),
        ("levelstore_start_points", "Values loaded from snapshots by the start.", found.points),
        ("levelstore_start_records", "Records replayed by the start.", found.records),
        (
            "levelstore_start_problems",
            "What the start found not to be as it should.",
            problems.saturating_add(found.problems.others()),
        ),
    ] {
        page.single(name, Kind::Gauge, help, value);
    }
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
