//! `/api/v1/series`.

use crate::world::World;
use serde_json::json;
use std::sync::atomic::Ordering;

fn world() -> World {
    let world = World::new();
    for (device, at, value) in
        [(0, 40, "0.1"), (1, 40, "0.2"), (0, 100, "12.26"), (1, 160, "1"), (0, 160, "1e10")]
    {
        world.write(&format!(
            "flops_any,cluster=alex,hostname=a01,type=socket,type-id={device} value={value} {}",
            1_700_000_000 + at
        ));
    }
    world
}

const BASE: &str =
    "/api/v1/series?cluster=alex&host=a01&metric=flops_any&from=1700000000&to=1700000400";

#[tokio::test]
async fn one_series_is_exact_and_gaps_are_null() {
    let answer = world().ask("GET", &format!("{BASE}&device=socket0"), "").await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(
        answer.json(),
        json!({"cluster": "alex", "host": "a01", "metric": "flops_any", "device": ["socket0"],
            "from": 1_700_000_040, "to": 1_700_000_220, "step": 60, "values": [0.1, 12.26, 1e10]})
    );
    let answer = world().ask("GET", &format!("{BASE}&device=socket1"), "").await;
    assert_eq!(answer.json()["values"], json!([0.2, null, 1.0]));
}

#[tokio::test]
async fn an_aggregate_is_a_table_of_times_and_values() {
    let answer = world().ask("GET", &format!("{BASE}&format=csv"), "").await;
    assert_eq!(answer.header("content-type"), Some("text/csv; charset=utf-8"));
    let mut lines = answer.text().lines();
    assert_eq!(lines.next(), Some("time,value"));
    let rows: Vec<(i64, Option<f64>)> = lines
        .map(|line| {
            let (time, value) = line.split_once(',').unwrap();
            (time.parse().unwrap(), (!value.is_empty()).then(|| value.parse().unwrap()))
        })
        .collect();
    let sum = f64::from(0.1_f32) + f64::from(0.2_f32);
    assert_eq!(
        rows,
        [
            (1_700_000_040, Some(sum)),
            (1_700_000_100, None),
            (1_700_000_160, Some(f64::from(1e10_f32) + 1.0))
        ]
    );
}

#[tokio::test]
async fn the_last_hour_is_answered_unless_told() {
    let world = world();
    world.now.store(1_700_003_700, Ordering::Relaxed);
    let path = "/api/v1/series?cluster=alex&host=a01&metric=flops_any&device=socket0";
    let answer = world.ask("GET", path, "").await;
    assert_eq!(answer.json()["from"], 1_700_000_100);
    assert_eq!(answer.json()["values"], json!([12.26, 1e10]));
}

#[tokio::test]
async fn what_cannot_be_answered_says_why() {
    for (path, status, error) in [
        ("host=a01&metric=flops_any", 400, "'cluster' is a required query parameter"),
        ("cluster=alex&host=&metric=flops_any", 400, "'host' is a required query parameter"),
        ("cluster=alex&host=a01&metric=flops_any&from=x", 400, "'from' is no integer: x"),
        (
            "cluster=alex&host=a01&metric=flops_any&format=xml",
            400,
            "'format' is neither json nor csv: xml",
        ),
        ("cluster=alex&host=a02&metric=flops_any", 404, "there is no such host"),
        ("cluster=alex&host=a01&metric=nope", 404, "metric is not in the catalogue"),
        ("cluster=alex&host=a01&metric=cpu_load", 404, "there is no such series"),
        (
            "cluster=alex&host=a01&metric=flops_any&from=2&to=1",
            400,
            "range ends at 1, before it begins at 2",
        ),
    ] {
        let answer = world().ask("GET", &format!("/api/v1/series?{path}"), "").await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.json()["error"], error, "{path}");
    }
}

#[tokio::test]
async fn a_long_series_comes_in_chunks_and_is_whole() {
    let world = World::new();
    for minute in 0..10_000_i64 {
        let time = 1_700_000_040 + minute * 60;
        world.write(&format!("cpu_load,cluster=c,hostname=h value={minute} {time}"));
    }
    let path = "/api/v1/series?cluster=c&host=h&metric=cpu_load&from=0&to=1800000000";
    let expected: Vec<f64> = (0..10_000).map(f64::from).collect();
    assert_eq!(world.ask("GET", path, "").await.json()["values"], json!(expected));
    let csv = world.ask("GET", &format!("{path}&format=csv"), "").await;
    assert_eq!(csv.text().lines().count(), 10_001);
    assert_eq!(csv.text().lines().last(), Some("1700599980,9999.0"));
}
