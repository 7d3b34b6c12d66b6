//! `query` answers what the Go store held before it was stopped.

use crate::{full, json, run, show, text};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::process::Output;

fn arguments(cluster: &str, host: &str, metric: &str, more: &[&str]) -> Vec<String> {
    let (data, metrics) = (full("checkpoints"), full("metrics.json"));
    let own = [
        "query",
        "--data",
        show(&data),
        "--metrics",
        show(&metrics),
        "--cluster",
        cluster,
        "--host",
        host,
        "--metric",
        metric,
    ];
    own.iter().chain(more).map(|&one| one.into()).collect()
}

fn query(cluster: &str, host: &str, metric: &str, more: &[&str]) -> Output {
    let arguments = arguments(cluster, host, metric, more);
    run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

fn document(cluster: &str, host: &str, metric: &str, more: &[&str]) -> Value {
    let arguments = arguments(cluster, host, metric, &[&["--json"], more].concat());
    json(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).0
}

/// The first snapshot ends here: what is behind it in the files of the Go store is shifted.
const END: i64 = 1_700_002_500;

/// The time of the first value, and the values up to [`END`].
type Held = (i64, Vec<Option<f64>>);

/// What it held by path and metric.
fn live() -> BTreeMap<(Vec<String>, String), Held> {
    let lines = fs::read_to_string(full("memory_live.jsonl")).unwrap();
    let series = lines.lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        let path = serde_json::from_value(line["path"].clone()).unwrap();
        let from = line["read"]["actual_from"].as_i64().unwrap();
        let slots = (END - from) / line["frequency"].as_i64().unwrap();
        let values = line["read"]["values"].as_array().unwrap().iter().map(Value::as_f64);
        let values = values.take(usize::try_from(slots.max(0)).unwrap()).collect();
        ((path, line["metric"].as_str().unwrap().into()), (from, values))
    });
    series.collect()
}

#[expect(clippy::cast_possible_truncation, reason = "a value is stored as f32")]
fn bits(value: Option<f64>) -> Option<u32> {
    value.map(|value| (value as f32).to_bits())
}

#[test]
fn a_series_is_what_the_go_store_held() {
    let mut compared = 0;
    for ((path, metric), (from, values)) in live() {
        // A .json of the Go store has one decimal, jitter moves the slots of another host.
        if values.len() < 3 || matches!(&*path[1], "a02" | "b02") {
            continue;
        }
        let mut devices = Vec::new();
        for device in &path[2..] {
            devices.extend(["--device", device]);
        }
        let answer = document(&path[0], &path[1], &metric, &devices);
        assert_eq!(answer["from"], from, "{path:?} {metric}");
        let data = answer["data"].as_array().unwrap();
        assert!(data.len() >= values.len());
        for (found, expected) in data.iter().zip(&values) {
            assert_eq!(bits(found.as_f64()), bits(*expected), "{path:?} {metric}");
        }
        compared += values.len();
    }
    assert!(compared > 1000, "{compared}");
}

#[test]
fn devices_are_aggregated_as_the_metrics_say_and_a_gap_of_one_is_one_of_all() {
    let live = live();
    let group = "hwthread0,hwthread1,hwthread2,hwthread3";
    for (metric, kind, count, selections, divisor) in [
        ("mem_bw", "socket", 2, [&["--device", "*"][..], &["--device", "socket0,socket1"]], 1.0),
        ("cpu_user", "hwthread", 4, [&[], &["--device", group]], 4.0),
    ] {
        let of = |device: usize| {
            let path = ["beta", "b03", &format!("{kind}{device}")].map(String::from).to_vec();
            live.get(&(path, metric.to_owned())).unwrap().1.clone()
        };
        let series: Vec<_> = (0..count).map(of).collect();
        let entry = |at: usize| series.iter().map(|values| values[at]).sum::<Option<f64>>();
        let expected: Vec<_> = (0..series[0].len()).map(entry).collect();
        assert!(expected.len() > 30 && expected.iter().any(Option::is_none));
        for devices in selections {
            let answer = document("beta", "b03", metric, devices);
            assert_eq!(answer["series"], count);
            let data = answer["data"].as_array().unwrap();
            assert!(data.len() >= expected.len());
            for (found, expected) in data.iter().zip(&expected) {
                let off = |found: f64| (found - expected.unwrap() / divisor).abs();
                assert_eq!(found.is_null(), expected.is_none());
                assert!(found.as_f64().is_none_or(|found| off(found) < 1e-4), "{found}");
            }
        }
    }
}

#[test]
fn a_range_is_from_here_to_before_there_with_its_statistics() {
    let (from, to) = ("1700000123", "2023-11-14T22:18:23Z");
    let answer = document("alpha", "a01", "cpu_load", &["--from", from, "--to", to]);
    // The first three of memory_live.jsonl.
    let expected = json!({
        "from": 1_700_000_123, "to": 1_700_000_303, "resolution": 60, "data": [9.61, 8.86, 9.15],
        "min": 8.86, "max": 9.61, "samples": 3, "series": 1, "frequency": 60,
    });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&answer[key], value, "{key}");
    }
    assert!((answer["avg"].as_f64().unwrap() - 9.206_666).abs() < 1e-5);
    let none = document("alpha", "a01", "cpu_load", &["--from", "1800000000"]);
    assert_eq!(
        (&none["data"], &none["avg"], &none["min"]),
        (&json!([]), &Value::Null, &Value::Null)
    );
}

#[test]
fn a_table_and_a_plot_show_the_same_values() {
    let more = ["--from", "1700000123", "--to", "1700000303"];
    let table = text(&query("alpha", "a01", "cpu_load", &more));
    assert!(table.contains("2023-11-14T22:16:23Z   1700000183              8.86\n"), "{table}");
    let plot = text(&query("alpha", "a01", "cpu_load", &["--plot"]));
    assert!(plot.contains("12.82 ┤") && plot.contains("5.320 ┤"), "{plot}");
    assert!(plot.lines().all(|line| line.chars().count() <= 80));
}

#[test]
fn what_has_no_answer_says_why() {
    for (host, metric, more, why) in [
        ("a99", "cpu_load", &[][..], "there is no host a99"),
        ("a01", "nonsense", &[], "not in the catalogue"),
        ("a01", "cpu_load", &["--device", "socket7"], "no such series"),
        ("a01", "cpu_load", &["--resolution", "90"], "multiple"),
        ("a01", "cpu_load", &["--from", "2", "--to", "1"], "before it begins"),
    ] {
        let output = query("alpha", host, metric, more);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(message.contains(why), "{message}");
        assert_eq!(output.status.code(), Some(1));
    }
    for more in [["--device", "a\\"], ["--from", "tomorrow"], ["--resolution", "-1"]] {
        assert_eq!(query("alpha", "a01", "cpu_load", &more).status.code(), Some(2), "{more:?}");
    }
}

/// That of another is not even opened.
#[test]
fn only_the_host_that_is_asked_for_is_read() {
    let directory = tempfile::tempdir().unwrap();
    for host in ["good", "bad"] {
        let to = directory.path().join("alpha").join(host);
        fs::create_dir_all(&to).unwrap();
        fs::copy(full("checkpoints/alpha/a01/1700000118.bin"), to.join("1700000118.bin")).unwrap();
    }
    fs::write(directory.path().join("alpha/bad/1700000118.bin"), "no snapshot").unwrap();
    let metrics = full("metrics.json");
    for (host, code) in [("good", 0), ("bad", 1)] {
        let output = run(&[
            "query",
            "--data",
            show(directory.path()),
            "--metrics",
            show(&metrics),
            "--cluster",
            "alpha",
            "--host",
            host,
            "--metric",
            "cpu_load",
        ]);
        assert_eq!(output.status.code(), Some(code), "{host}");
        assert_eq!(output.stderr.is_empty(), host == "good", "{output:?}");
    }
}
