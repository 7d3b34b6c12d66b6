//! `/api/healthcheck`.

use crate::world::World;
use serde_json::{Value, json};

const NOW: i64 = 1_900_000_000;

async fn check(nodes: &[&str], metrics: &[&str]) -> Value {
    let world = World::new();
    world.write(&format!(
        "cpu_load,cluster=c,hostname=new value=1 {NOW}\n\
         mem_used,cluster=c,hostname=new value=1 {}\n\
         cpu_load,cluster=c,hostname=old value=1 {}\n",
        NOW - 3600,
        NOW - 3600
    ));
    let body = json!({"cluster": "c", "nodes": nodes, "metric-names": metrics}).to_string();
    let answer = world.ask("GET", "/api/healthcheck", body).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    answer.json()
}

fn node(state: &str, lists: &str) -> Value {
    json!({"State": state, "HealthMetrics": lists})
}

#[tokio::test]
async fn a_node_is_full_partial_or_failed() {
    assert_eq!(
        check(&["new", "old", "nobody", "new"], &["cpu_load", "mem_used"]).await,
        json!({
            "new": node("partial", r#"{"degraded":["mem_used"],"missing":[]}"#),
            "old": node("failed", r#"{"degraded":["cpu_load"],"missing":["mem_used"]}"#),
            "nobody": node("failed", ""),
        })
    );
    let full = node("full", r#"{"degraded":[],"missing":[]}"#);
    assert_eq!(check(&["new"], &["cpu_load"]).await, json!({"new": full}));
    assert_eq!(check(&["old"], &[]).await, json!({"old": full}));
    let quoted = node("failed", r#"{"degraded":[],"missing":["a\"\u003c"]}"#);
    assert_eq!(check(&["new"], &["a\"<"]).await, json!({"new": quoted}));
    assert_eq!(check(&[], &["cpu_load"]).await, json!({}));
}

#[tokio::test]
async fn more_than_may_be_asked_is_refused() {
    let world = World::new();
    let many = vec!["x"; 2000];
    let body = json!({"cluster": "c", "nodes": many, "metric-names": many}).to_string();
    assert_eq!(world.ask("GET", "/api/healthcheck", body).await.status, 400);
}

#[tokio::test]
async fn a_question_that_is_misspelt_is_refused() {
    let world = World::new();
    for body in ["", "[]", "{", r#"{"cluster":"c","node":["h"]}"#, r#"{"nodes":"h"}"#, "null"] {
        let answer = world.ask("GET", "/api/healthcheck", body).await;
        assert_eq!(answer.status, 400, "{body}");
        let error = answer.json()["error"].as_str().unwrap().to_owned();
        assert!(error.starts_with("parsing request body failed: "), "{body}: {error}");
    }
}
