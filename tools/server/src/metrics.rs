//! `/metrics`: the server's own state, for Prometheus.

use crate::counters::{ArchiveCounters, ArchiveOutcome, Counters, Source};
use crate::exposition::{CONTENT_TYPE, Kind, Page};
use crate::reply::{self, Answered};
use crate::state::Server;
use crate::store::Store;
use axum::extract::State;
use axum::http::StatusCode;
use checkpointer::{CheckpointMode, EngineStats, Now, Progress, Recovered, SetAside};
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
        archive(&mut page, &this.counters);
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

fn archive(page: &mut Page, counters: &Counters) {
    let ArchiveCounters { files, rows, bytes, runs, last } = counters.archive();
    for (name, help, count) in [
        ("levelstore_archive_files_total", "Archive files written.", files),
        ("levelstore_archive_rows_total", "Rows archived.", rows),
        ("levelstore_archive_bytes_total", "Bytes of archive files written.", bytes),
    ] {
        page.single(name, Kind::Counter, help, count);
    }
    let help = "Archive runs, by how they have ended.";
    let mut family = page.family("levelstore_archive_runs_total", Kind::Counter, help);
    for ((_, name), count) in ArchiveOutcome::ALL.iter().zip(runs) {
        family.sample(&[("outcome", name)], count);
    }
    let Some((outcome, unix)) = last else { return };
    let help = "Whether the last archive run has archived everything.";
    let is_done = u64::from(outcome == ArchiveOutcome::Done);
    page.single("levelstore_archive_last_run_is_done", Kind::Gauge, help, is_done);
    let help = "When the last archive run has ended.";
    let mut family =
        page.family("levelstore_archive_last_run_timestamp_seconds", Kind::Gauge, help);
    #[expect(clippy::cast_precision_loss, reason = "seconds of this age are exact")]
    family.real(&[], unix as f64);
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
    checkpoints(page, &stats);
    left_over(page, &stats);
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
    let keys = u64::try_from(store.ingest.stats().key_bytes).unwrap_or(u64::MAX);
    for (name, help, value) in [
        ("levelstore_hosts", "Hosts in memory.", stats.hosts),
        ("levelstore_hosts_offline", "Hosts whose files cannot be read.", stats.offline),
        ("levelstore_series", "Series in memory.", series),
        ("levelstore_points", "Values in memory.", points),
        ("levelstore_blocks", "Blocks of values in memory.", blocks),
        ("levelstore_series_bytes", "Bytes of memory that series take.", bytes),
        ("levelstore_key_bytes", "Bytes of memory that remembered keys of lines take.", keys),
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

fn checkpoints(page: &mut Page, stats: &EngineStats) {
    let help = "Checkpoints of a host, by why there was one.";
    let mut family = page.family("levelstore_checkpoints_total", Kind::Counter, help);
    for (mode, count) in CheckpointMode::ALL.into_iter().zip(stats.checkpoints_by_mode) {
        family.sample(&[("mode", mode.name())], count);
    }
    let cover = &stats.cover;
    let help = "How long checkpoints of a host have taken.";
    page.durations("levelstore_checkpoint_seconds", help, &cover.durations);
    for (name, help, count) in [
        (
            "levelstore_checkpoint_log_bytes_total",
            "Bytes of log without a snapshot when checkpoints began.",
            cover.log_bytes_before,
        ),
        (
            "levelstore_checkpoint_log_records_total",
            "Records in the log when checkpoints ended.",
            cover.log_records,
        ),
        (
            "levelstore_checkpoint_records_covered_total",
            "Of these, records that the checkpoints covered.",
            cover.records_covered,
        ),
        (
            "levelstore_checkpoint_busy_total",
            "Checkpoints that found somebody else at work on the files of their host.",
            cover.busy,
        ),
    ] {
        page.single(name, Kind::Counter, help, count);
    }
    if let Some(efficiency) = cover.efficiency_per_ms() {
        let name = "levelstore_checkpoint_efficiency_records_per_millisecond";
        let help = "Records covered in a millisecond of checkpoint, of all of them.";
        page.family(name, Kind::Gauge, help).real(&[], efficiency);
    }
    let help = "Bytes of log that no snapshot covers.";
    page.single("levelstore_log_uncovered_bytes", Kind::Gauge, help, stats.uncovered);
}

fn left_over(page: &mut Page, stats: &EngineStats) {
    let help = "Files that were set aside, by kind: never read again by themselves.";
    let mut family = page.family("levelstore_files_set_aside", Kind::Gauge, help);
    let SetAside { corrupt, damaged, unknown } = stats.set_aside;
    for (kind, count) in [("corrupt", corrupt), ("damaged", damaged), ("unknown", unknown)] {
        family.sample(&[("kind", kind)], count);
    }
    let (name, help) = ("levelstore_temporary_files_removed_total", "Temporary files removed.");
    page.single(name, Kind::Counter, help, stats.temporaries_removed);
}

fn log(page: &mut Page, log: &checkpointer::log::Stats) {
    let help = "How long a sync of a file of the log has taken.";
    page.durations("levelstore_log_sync_seconds", help, &log.sync_durations);

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
