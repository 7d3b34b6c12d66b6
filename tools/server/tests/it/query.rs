//! What the recorded requests do not show of `/api/query`.

use crate::world::World;
use serde_json::{Value, json};

fn world() -> World {
    let world = World::new();
    for host in ["h2", "h1"] {
        for minute in 0..10_i64 {
            let time = 1_700_000_040 + minute * 60;
            world.write(&format!("cpu_load,cluster=c,hostname={host} value={minute} {time}"));
            world.write(&format!(
                "acc_power,cluster=c,hostname={host},type=accelerator,type-id=0 value={minute} {time}"
            ));
        }
    }
    world
}

async fn ask(world: &World, request: Value) -> Value {
    let answer = world.query(&request.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

#[tokio::test]
async fn all_nodes_are_asked_in_order_behind_the_explicit_queries() {
    let request = json!({"cluster": "c", "from": 1_700_000_040, "to": 1_700_000_160,
        "queries": [{"metric": "cpu_load", "host": "h2"}],
        "for-all-nodes": ["acc_power", "nope"]});
    let answer = ask(&world(), request).await;
    let query =
        |host, metric| json!({"metric": metric, "host": host, "resolution": 0, "aggreg": false});
    assert_eq!(
        answer["queries"],
        json!([
            query("h1", "acc_power"),
            query("h1", "nope"),
            query("h2", "acc_power"),
            query("h2", "nope")
        ])
    );
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results.len(), 5);
    for known in [0, 1, 3] {
        assert_eq!(results[known][0]["data"], json!([0.0, 1.0]), "{known}");
    }
    for unknown in [2, 4] {
        assert_eq!(results[unknown][0]["error"], "[METRICSTORE]> unknown metric: nope");
    }
}

#[tokio::test]
async fn data_and_statistics_can_be_left_out() {
    let request = json!({"cluster": "c", "from": 1_699_999_440, "to": 1_700_000_160, "with-data": false,
        "queries": [{"metric": "cpu_load", "host": "h1"}]});
    let entry = &ask(&world(), request).await["results"][0][0];
    assert_eq!(
        *entry,
        json!({"from": 1_700_000_040, "to": 1_700_000_160, "resolution": 60, "avg": 0.5, "min": 0.0, "max": 1.0})
    );
}

#[tokio::test]
async fn a_resolution_is_not_wrong_where_there_is_nothing() {
    for (host, metric, entries) in
        [("h1", "cpu_load", 1), ("h1", "mem_used", 0), ("h3", "cpu_load", 0)]
    {
        let request = json!({"cluster": "c", "from": 0, "to": 1,
            "queries": [{"metric": metric, "host": host, "resolution": 90}]});
        let answer = ask(&world(), request).await;
        assert_eq!(answer["results"][0].as_array().unwrap().len(), entries, "{host} {metric}");
    }
}

#[tokio::test]
async fn a_question_without_sense_is_an_error_for_hosts_that_are_not_there_too() {
    let request = json!({"cluster": "c", "from": 2, "to": 1, "queries": [{"metric": "cpu_load", "host": "h3"}]});
    let answer = ask(&world(), request).await;
    assert_eq!(answer["results"][0][0]["error"], "[METRICSTORE]> invalid time range");
}

#[tokio::test]
async fn more_padding_than_an_answer_may_have_is_an_error_not_a_flood() {
    for (from, refused) in [(i64::MIN, true), (-1 << 40, true), (1_600_000_000, false)] {
        let request = json!({"cluster": "c", "from": from, "to": 1_700_000_160,
            "queries": [{"metric": "cpu_load", "host": "h1"}]});
        let entry = &ask(&world(), request).await["results"][0][0];
        assert_eq!(entry["error"].is_string(), refused, "{from}");
    }
}

#[tokio::test]
async fn a_long_answer_comes_in_chunks_and_is_whole() {
    let queries = vec![json!({"metric": "cpu_load", "host": "h1"}); 500];
    let request =
        json!({"cluster": "c", "from": 1_699_990_000, "to": 1_700_000_160, "queries": queries});
    let answer = ask(&world(), request).await;
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results.len(), 500);
    let padding = 1_700_000_040 / 60 - 1_699_990_000 / 60;
    let mut expected = vec![Value::Null; padding];
    expected.extend([json!(0.0), json!(1.0)]);
    assert!(results.iter().all(|result| result[0]["data"] == json!(expected)));
}

#[tokio::test]
async fn too_many_series_are_refused() {
    let ids = vec!["0"; 2000];
    let query = json!({"metric": "cpu_load", "host": "h1", "type": "a", "type-ids": ids,
        "subtype": "b", "subtype-ids": ids});
    let answer = world().query(&json!({"cluster": "c", "queries": [query]}).to_string()).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["error"], "request asks for more than 1048576 series");
    let metrics = vec!["m"; 600_000];
    let answer =
        world().query(&json!({"cluster": "c", "for-all-nodes": metrics}).to_string()).await;
    assert_eq!(answer.status, 400);
}
