//! `load` finds what the Go store's own loader finds, and changes nothing.

use crate::filled::{fill, generated};
use crate::{full, json, run, show, text};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

fn load(data: &Path, more: &[&str]) -> (Value, i32) {
    let metrics = full("metrics.json");
    let arguments = ["load", "--json", "--data", show(data), "--metrics", show(&metrics)];
    json(&[&arguments, more].concat())
}

/// Every file below, with its content and when it was last written.
fn state(directory: &Path) -> Vec<(String, Vec<u8>, std::time::SystemTime)> {
    let (mut files, mut open) = (Vec::new(), vec![directory.to_path_buf()]);
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let modified = fs::metadata(&path).unwrap().modified().unwrap();
                files.push((show(&path).into(), fs::read(&path).unwrap(), modified));
            }
        }
    }
    files.sort();
    files
}

#[test]
fn it_finds_what_the_go_store_finds_and_changes_nothing() {
    let before = state(&full("checkpoints"));
    let manifest: Value =
        serde_json::from_slice(&fs::read(full("manifest.json")).unwrap()).unwrap();
    // Of the times at which the Go store has tried it those are taken that are no snapshot's end:
    // there it loads what ends at that second, which holds nothing of the time asked for.
    for (from, series) in [(0, true), (1_700_002_430, true), (1_700_006_123, false)] {
        let loads = manifest["loads"].as_array().unwrap();
        let expected = loads.iter().find(|load| load["from"] == from).unwrap();
        let (found, code) = load(&full("checkpoints"), &["--from", &from.to_string()]);
        assert_eq!(code, 1, "a log is torn: {found}");
        // Asked for less than all, it takes only one of the two snapshots of a02 that have one name.
        if from != 1_700_002_430 {
            assert_eq!(found["files"], expected["files_loaded"], "{from}");
        }
        // The Go store leaves out of the log what is too old; a start replays all of it.
        if series {
            assert_eq!(found["series"], expected["series"], "{from}");
        }
        assert_eq!((&found["hosts"], &found["offline"]), (&json!(6), &json!(0)));
        let problems = found["problems"].as_array().unwrap();
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0]["offset"], 29_479);
        assert!(problems[0]["path"].as_str().unwrap().ends_with("alpha/a03/current.wal"));
    }
    assert_eq!(state(&full("checkpoints")), before);
}

#[test]
fn every_field_is_there_and_makes_sense() {
    let (found, _) = load(&full("checkpoints"), &[]);
    for field in [
        "seconds",
        "cpu_seconds",
        "settled_seconds",
        "settled_cpu_seconds",
        "points",
        "peak_rss_bytes",
        "memory_bytes",
        "store_bytes",
    ] {
        assert!(found[field].as_f64().unwrap() > 0.0, "{field}: {found}");
    }
    assert!(found["peak_rss_bytes"].as_u64() >= found["memory_bytes"].as_u64());
    assert!(found["memory_bytes"].as_u64() > found["store_bytes"].as_u64());
    assert!(found["settled_seconds"].as_f64() >= found["seconds"].as_f64());
    assert_eq!(found["newest"], 1_700_006_116);
}

#[test]
fn an_old_snapshot_is_left_out_and_a_sample_ahead_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    fill(data, &generated(1, 3, &["--start", "4102444800"]));
    let (found, code) = load(data, &["--max-future", "1h"]);
    assert_eq!((code, found["points"].as_u64() > Some(1800)), (1, true));
    assert!(found["problems"][0]["problem"].as_str().unwrap().contains("2100-01-01T00:02:00Z"));
    let (found, code) = load(data, &["--retention", "48h"]);
    assert_eq!((code, found["points"].as_u64() > Some(1800)), (0, true));
    // Of those of 2023 only the logs are read, which are replayed whole.
    let (found, _) = load(&full("checkpoints"), &["--retention", "48h"]);
    assert_eq!((found["snapshots"].as_u64(), found["segments"].as_u64()), (Some(0), Some(5)));
    let (found, code) = load(data, &["--from", "2100-01-02T00:00:00Z"]);
    assert_eq!((code, found["points"].as_u64()), (0, Some(0)));
}

#[test]
fn what_is_no_data_directory_fails_and_wrong_usage_is_told_apart() {
    let metrics = full("metrics.json");
    let missing = run(&["load", "--data", "no-such", "--metrics", show(&metrics)]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("no-such"));
    assert_eq!(run(&["load", "--data", "no-such"]).status.code(), Some(2));
    let output = run(&["load", "--data", show(&full("checkpoints")), "--metrics", show(&metrics)]);
    assert!(text(&output).contains("6 hosts, 0 of them offline; 102 series"));
}
