//! `/api/debug`.

use crate::world::World;
use serde_json::{Value, json};

fn world() -> World {
    let world = World::new();
    for line in [
        "cpu_load,cluster=c,hostname=h1 value=1 1700000040",
        "flops_any,cluster=c,hostname=h1,type=socket,type-id=0 value=1 1700000040",
        "acc_power,cluster=c,hostname=h1,type=accelerator,type-id=00000000:49:00.0 value=1 1700000040",
        "cpu_load,cluster=c,hostname=h2 value=1 1700000040",
        "cpu_load,cluster=d,hostname=h1 value=1 1700000040",
    ] {
        world.write(line);
    }
    world
}

async fn dump(selector: &str) -> Value {
    let answer = world().ask("GET", &format!("/api/debug?selector={selector}"), "").await;
    assert_eq!(answer.status, 200, "{selector}: {}", answer.text());
    answer.json()
}

#[tokio::test]
async fn every_part_of_the_tree_is_json_of_the_same_shape() {
    let block = json!([{"start": 1_700_000_040, "len": 1, "end": 1_700_000_100, "frequency": 60,
        "stored": "open", "saved": false}]);
    let leaf = |metric: &str| json!({"metrics": {metric: block}, "children": {}});
    let host = json!({"metrics": {"cpu_load": block}, "children": {
        "accelerator00000000:49:00.0": leaf("acc_power"), "socket0": leaf("flops_any")}});
    let cluster = json!({"metrics": {}, "children": {"h1": host, "h2": leaf("cpu_load")}});
    assert_eq!(dump("c:h1:socket0").await, leaf("flops_any"));
    assert_eq!(dump("c:h1:accelerator00000000:49:00.0").await, leaf("acc_power"));
    assert_eq!(dump("c:h1").await, host);
    assert_eq!(dump("c").await, cluster);
    let other = json!({"metrics": {}, "children": {"h1": leaf("cpu_load")}});
    assert_eq!(dump("").await, json!({"metrics": {}, "children": {"c": cluster, "d": other}}));
}

#[tokio::test]
async fn a_level_that_is_not_there_is_not_found_and_not_made() {
    let world = world();
    let colons = ":".repeat(5000);
    for selector in ["x", "c:x", "c:h1:x", "c:h1:socket0:x", ":", &colons, &format!("c:h1{colons}")]
    {
        let answer = world.ask("GET", &format!("/api/debug?selector={selector}"), "").await;
        assert_eq!(answer.status, 404, "{selector}");
    }
    assert_eq!(world.store.engine.clusters(), ["c", "d"]);
    let empty = World::new().ask("GET", "/api/debug", "").await;
    assert_eq!(empty.json(), json!({"metrics": {}, "children": {}}));
}
