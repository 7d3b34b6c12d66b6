//! Before recovery is done, and when the disk does not do its work.

use crate::world::World;
use checkpointer::{Now, Progress};
use serde_json::json;
use server::Limits;
use std::time::Duration;

#[tokio::test]
async fn while_recovery_goes_on_only_its_progress_is_answered() {
    let world = World::recovering(None, Limits::default());
    world.server.recovering(Progress {
        hosts: 3,
        hosts_total: 7,
        points: 11,
        bytes: 13,
        bytes_total: 17,
    });
    let ready = world.ask("GET", "/-/ready", "").await;
    assert_eq!(ready.status, 503);
    assert_eq!(
        ready.json(),
        json!({"state": "recovering", "hosts": 3, "hosts_total": 7, "points": 11, "bytes": 13,
            "bytes_total": 17})
    );
    assert_eq!(world.ask("GET", "/-/healthy", "").await.status, 200);
    let metrics = world.ask("GET", "/metrics", "").await;
    assert!(metrics.text().contains("\nlevelstore_recovery_hosts 3\n"), "{}", metrics.text());
    for (method, path) in [
        ("POST", "/api/write"),
        ("GET", "/api/query"),
        ("POST", "/api/free?to=1"),
        ("GET", "/api/debug"),
        ("GET", "/api/healthcheck"),
        ("GET", "/api/v1/series?cluster=c&host=h&metric=m"),
    ] {
        let answer = world.ask(method, path, "{}").await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")), "{path}");
        assert_eq!(answer.json()["status"], "Service Unavailable");
    }

    world.server.ready(world.store.clone());
    assert_eq!(world.ask("GET", "/-/ready", "").await.status, 200);
    assert_eq!(world.ask("GET", "/api/debug", "").await.status, 200);
    let metrics = world.ask("GET", "/metrics", "").await;
    assert!(!metrics.text().contains("levelstore_recovery_hosts"));
}

#[tokio::test]
async fn without_memory_lines_are_sent_away_until_there_is_some() {
    let world = World::new();
    let line = "cpu_load,cluster=c,hostname=h value=1 1700000040\n";
    world.server.set_full(true);
    let answer = world.ask("POST", "/api/write", line).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")));
    let ready = world.ask("GET", "/-/ready", "").await;
    assert_eq!((ready.status, &ready.json()["memory_full"]), (503, &json!(1)));
    let metrics = world.ask("GET", "/metrics", "").await;
    assert!(metrics.text().contains("\nlevelstore_points 0\n"), "{}", metrics.text());

    world.server.set_full(false);
    assert_eq!(world.ask("POST", "/api/write", line).await.status, 200);
    assert_eq!(world.ask("GET", "/-/ready", "").await.status, 200);
}

#[tokio::test]
async fn what_the_store_holds_is_in_the_metrics() {
    let world = World::new();
    let lines = "cpu_load,cluster=c,hostname=h value=1 1700000040\n\
        cpu_load,cluster=c,hostname=h value=1 1700000100\n\
        cpu_load,cluster=c,hostname=i value=1 1700000160\n";
    assert_eq!(world.ask("POST", "/api/write", lines).await.status, 200);
    let metrics = world.ask("GET", "/metrics", "").await;
    for line in [
        "levelstore_hosts 2",
        "levelstore_series 2",
        "levelstore_points 3",
        "levelstore_samples_total 3",
        "levelstore_log_records_total 3",
        "levelstore_start_unclean 0",
        "levelstore_newest_timestamp_seconds 1700000160.0",
    ] {
        assert!(metrics.text().lines().any(|had| had == line), "{line}: {}", metrics.text());
    }
    let remembered = metrics
        .text()
        .lines()
        .find_map(|line| line.strip_prefix("levelstore_key_bytes ")?.parse::<usize>().ok());
    let least = 2 * "cpu_load,cluster=c,hostname=h".len();
    assert!(remembered.is_some_and(|bytes| (least..10_000).contains(&bytes)), "{remembered:?}");
    // Every line is a comment, or a name, labels and a number.
    for line in metrics.text().lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(name.starts_with("levelstore_"), "{line}");
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
}

#[tokio::test]
async fn lines_that_cannot_be_logged_are_to_be_sent_again_and_that_is_degraded() {
    let world = World::new();
    let line = "cpu_load,cluster=c,hostname=h value=1 1700000040\n";
    // A host that is open, and has no file yet: where its directory belongs, something is in the way.
    let now = Now { unix: 1_700_000_040, uptime: Duration::ZERO };
    let _host = world.store.engine.host("c", "h", now).unwrap();
    let cluster = world.directory.path().join("c");
    std::fs::write(&cluster, "").unwrap();
    let answer = world.ask("POST", "/api/write", line).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")), "{answer:?}");
    let ready = world.ask("GET", "/-/ready", "").await;
    assert_eq!(ready.status, 503);
    assert_eq!(ready.json()["state"], "degraded");

    std::fs::remove_file(&cluster).unwrap();
    assert_eq!(world.ask("POST", "/api/write", line).await.status, 200);
    assert_eq!(world.ask("GET", "/-/ready", "").await.status, 200);
}
