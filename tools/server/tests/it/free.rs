//! `/api/free`.

use crate::world::World;
use serde_json::json;
use server::Limits;
use std::sync::Arc;

fn fill(world: &World) {
    for (cluster, host) in [("c", "h1"), ("c", "h2"), ("d", "h1")] {
        world.write(&format!(
            "cpu_load,cluster={cluster},hostname={host} value=1 1700000040\n\
             flops_any,cluster={cluster},hostname={host},type=socket,type-id=0 value=1 1700000040\n"
        ));
    }
}

async fn blocks(world: &World) -> u64 {
    let metrics = world.ask("GET", "/metrics", "").await;
    let mut lines = metrics.text().lines();
    lines.find_map(|line| line.strip_prefix("levelstore_blocks ")).unwrap().parse().unwrap()
}

#[tokio::test]
async fn the_parts_that_are_named_are_freed_and_nothing_is_made() {
    for (selectors, freed) in [
        (json!([["c", "h1"]]), 2),
        (json!([["c", "h1", "socket0"]]), 1),
        (json!([["c"]]), 4),
        (json!([[]]), 6),
        (json!([["c", "h1"], ["c", "h1"], ["d"]]), 4),
        (json!([]), 0),
        (json!([["x"], ["c", "x"], ["c", "h1", "x"]]), 0),
    ] {
        let world = World::new();
        fill(&world);
        let clusters = world.store.engine.clusters();
        let answer = world.ask("POST", "/api/free?to=1800000000", selectors.to_string()).await;
        assert_eq!(answer.text(), format!("buffers freed: {freed}\n"), "{selectors}");
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
        assert_eq!(blocks(&world).await, 6 - freed, "{selectors}");
        assert!(world.store.engine.clusters().iter().all(|cluster| clusters.contains(cluster)));
    }
}

#[tokio::test]
async fn hosts_in_use_are_not_freed() {
    let world = World::recovering(None, Limits::default());
    let mut store = world.store.clone();
    store.is_kept = Arc::new(|cluster, host| (cluster, host) == ("c", "h1"));
    world.server.ready(store);
    fill(&world);
    let answer = world.ask("POST", "/api/free?to=1800000000", "[[]]").await;
    assert_eq!(answer.text(), "buffers freed: 4\n");
}

#[tokio::test]
async fn more_parts_than_may_be_named_are_refused() {
    let world = World::new();
    fill(&world);
    let parts: Vec<[String; 1]> = (0..70_000).map(|number| [number.to_string()]).collect();
    let answer = world.ask("POST", "/api/free?to=1", json!(parts).to_string()).await;
    assert_eq!(answer.status, 400);
    let same = vec![["c"]; 70_000];
    let answer = world.ask("POST", "/api/free?to=1800000000", json!(same).to_string()).await;
    assert_eq!(answer.text(), "buffers freed: 4\n");
}

#[tokio::test]
async fn a_time_has_to_be_given_and_to_be_a_number() {
    let world = World::new();
    for (path, error) in [
        ("/api/free", "'to' is a required query parameter"),
        ("/api/free?to=", "'to' is a required query parameter"),
        ("/api/free?to=1.5", "'to' is no integer: 1.5"),
        ("/api/free?to=99999999999999999999", "'to' is no integer: 99999999999999999999"),
    ] {
        let answer = world.ask("POST", path, "[[]]").await;
        assert_eq!(answer.status, 400, "{path}");
        assert_eq!(answer.json(), json!({"status": "Bad Request", "error": error}));
    }
}
