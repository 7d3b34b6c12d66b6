//! `/metrics`: what Prometheus is told.

use crate::world::World;
use checkpointer::log::{self, Budget, Inline};
use checkpointer::{Config, Now, Stopwatch, Thresholds};
use server::{ArchiveOutcome, ArchiveRun};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const LINE: &str = "cpu_load,hostname=h value=1 1900000000\n";

/// The lines of the page that are samples, without those of requests.
async fn samples(world: &World) -> Vec<String> {
    let page = world.ask("GET", "/metrics", "").await;
    assert_eq!(page.status, 200);
    page.text().lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

fn assert_has(samples: &[String], expected: &[&str]) {
    for line in expected {
        let name = line.split([' ', '{']).next().unwrap();
        let alike: Vec<_> = samples.iter().filter(|sample| sample.starts_with(name)).collect();
        assert!(samples.iter().any(|sample| sample == line), "{line} is not among {alike:#?}");
    }
}

fn at(second: u64) -> Now {
    Now { unix: 1_900_000_000, uptime: Duration::from_secs(second) }
}

#[tokio::test]
async fn checkpoints_are_told_by_mode_with_what_they_made_of_the_log() {
    // A clock that goes on by two milliseconds whenever it is asked.
    let ticks = AtomicU64::new(0);
    let tick = move || Duration::from_millis(2 * ticks.fetch_add(1, Ordering::Relaxed));
    let log = log::Config { stopwatch: Stopwatch::new(tick), ..log::Config::default() };
    let thresholds = Thresholds { passive: Some(1), ..Thresholds::default() };
    let world = World::of(Config { log, thresholds, ..Config::default() });
    assert_eq!(world.ask("POST", "/api/write?cluster=c", LINE).await.status, 200);
    let host = world.store.engine.get("c", "h").unwrap();
    let uncovered = host.log_stats(Duration::ZERO).uncovered;
    let gauge = format!("levelstore_log_uncovered_bytes {uncovered}");
    assert_has(&samples(&world).await, &[&gauge, "levelstore_checkpoint_busy_total 0"]);

    world.store.engine.run_due(at(0), Budget { jobs_max: 9 }, &Inline);
    let bytes = format!("levelstore_checkpoint_log_bytes_total {uncovered}");
    let found = samples(&world).await;
    assert_has(
        &found,
        &[
            "levelstore_checkpoints_total{mode=\"passive\"} 1",
            "levelstore_checkpoints_total{mode=\"restart\"} 0",
            "levelstore_checkpoints_total{mode=\"asked\"} 0",
            "levelstore_checkpoint_seconds_bucket{le=\"0.001\"} 0",
            "levelstore_checkpoint_seconds_bucket{le=\"0.0025\"} 1",
            "levelstore_checkpoint_seconds_sum 0.002",
            "levelstore_checkpoint_seconds_count 1",
            &bytes,
            "levelstore_checkpoint_log_records_total 1",
            "levelstore_checkpoint_records_covered_total 1",
            "levelstore_checkpoint_efficiency_records_per_millisecond 0.5",
            "levelstore_log_uncovered_bytes 0",
            "levelstore_log_sync_seconds_count 0",
            "levelstore_files_set_aside{kind=\"corrupt\"} 0",
            "levelstore_temporary_files_removed_total 0",
        ],
    );
}

#[tokio::test]
async fn archive_runs_are_told_with_the_outcome_of_the_last() {
    let world = World::new();
    assert!(!samples(&world).await.iter().any(|line| line.contains("archive_last_run")));
    let done = ArchiveRun { outcome: ArchiveOutcome::Done, files: 2, rows: 30, bytes: 400 };
    world.server.archived(done);
    world.server.archived(ArchiveRun { outcome: ArchiveOutcome::Problems, ..done });
    assert_has(
        &samples(&world).await,
        &[
            "levelstore_archive_files_total 4",
            "levelstore_archive_rows_total 60",
            "levelstore_archive_bytes_total 800",
            "levelstore_archive_runs_total{outcome=\"done\"} 1",
            "levelstore_archive_runs_total{outcome=\"problems\"} 1",
            "levelstore_archive_runs_total{outcome=\"failed\"} 0",
            "levelstore_archive_last_run_is_done 0",
            "levelstore_archive_last_run_timestamp_seconds 1900000000.0",
        ],
    );
}
