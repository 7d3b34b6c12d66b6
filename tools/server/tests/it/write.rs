//! `/api/write`, and what is there afterwards.

use crate::world::World;
use serde_json::json;

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
