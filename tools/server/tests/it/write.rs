//! `/api/write`, and what is there afterwards.

use crate::world::World;
use checkpointer::{Config, Now, Thresholds};
use serde_json::json;
use std::time::Duration;

const NOW: Now = Now { unix: 1_900_000_000, uptime: Duration::ZERO };
const GOOD: &str = "cpu_load,hostname=h value=12.5 1700000040\n";

async fn stored(world: &World) -> serde_json::Value {
    let request = json!({"cluster": "c", "from": 1_700_000_040, "to": 1_700_000_100,
        "queries": [{"metric": "cpu_load", "host": "h"}]});
    world.query(&request.to_string()).await.json()["results"][0][0]["data"].clone()
}

#[tokio::test]
async fn good_lines_are_stored_and_bad_ones_listed() {
    let world = World::new();
    let body = format!(
        "bad line\n{GOOD}cpu_load,hostname=h value=x 1700000100\nnope,hostname=h value=1 1\n"
    );
    let answer = world.ask("POST", "/api/write?cluster=c", body).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.header("x-levelstore-refused"), Some("1"));
    let json = answer.json();
    assert_eq!(json["status"], "Bad Request");
    assert!(
        json["error"].as_str().unwrap().starts_with("malformed lines: 2; line 1, column "),
        "{json}"
    );
    assert_eq!(
        (&json["stored"], &json["malformed"], &json["refused"]),
        (&json!(1), &json!(2), &json!(1))
    );
    let lines: Vec<_> =
        json["lines"].as_array().unwrap().iter().map(|line| line["line"].clone()).collect();
    assert_eq!(lines, [1, 3, 4], "those that are malformed, and those that are not taken");
    assert_eq!(stored(&world).await, json!([12.5]));
}

#[tokio::test]
async fn policy_alone_is_no_error() {
    let world = World::new();
    let answer = world
        .ask("POST", "/api/write?cluster=c", format!("{GOOD}nope,hostname=h value=1 1\n"))
        .await;
    assert_eq!((answer.status, answer.text()), (200, ""));
    assert_eq!(answer.header("x-levelstore-refused"), Some("1"));
    let answer = world.ask("POST", "/api/write?cluster=c", GOOD).await;
    assert_eq!((answer.status, answer.header("x-levelstore-refused")), (200, None));
}

#[tokio::test]
async fn a_host_that_cannot_be_saved_any_more_is_answered_503_until_it_can() {
    let restart = Thresholds { restart: Some(1), ..Thresholds::default() };
    let offline_retry = Duration::ZERO;
    let world = World::of(Config { thresholds: restart, offline_retry, ..Config::default() });
    let write = |minute: i64| {
        let line = format!("cpu_load,hostname=h value=1 {}\n", 1_700_000_040 + 60 * minute);
        world.ask("POST", "/api/write?cluster=c", line)
    };
    assert_eq!(write(0).await.status, 200);
    // Above the threshold, and whoever writes saves it.
    assert_eq!(write(1).await.status, 200);
    assert_eq!(world.store.engine.stats(NOW).checkpoints, 1);
    // The next snapshot's place is taken by something else.
    let in_its_way = world.directory.path().join("c/h/1900000001.bin.tmp");
    std::fs::create_dir(&in_its_way).unwrap();
    let answer = write(2).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")));
    let error = answer.json()["error"].as_str().unwrap().to_owned();
    assert!(error.contains("no snapshot holds yet"), "{error}");
    std::fs::remove_dir(&in_its_way).unwrap();
    assert_eq!(write(2).await.status, 200);
}
