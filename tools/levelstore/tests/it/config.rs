//! `check-config` names the key of every fault; an existing configuration is accepted as it is.

use crate::{json, run, show, text};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// As installations of the Go server have it.
const EXISTING: &str = r#"{
  "main": {"addr": "0.0.0.0:8082", "https-cert-file": "", "https-key-file": "",
           "jwt-public-key": "kzfYrYy+TzpanWZHJ5qSdMj5uKUWgq74BWhQG6copP0=",
           "user": "", "group": "", "backend-url": "", "debug": {"dump-to-file": "", "gops": false}},
  "nats": {"address": "nats://127.0.0.1:4222", "username": "root", "password": "geheim",
           "creds-file-path": ""},
  "metric-store": {
    "checkpoints": {"file-format": "wal", "directory": "./var/checkpoints", "max-wal-size": 0},
    "checkpoint-interval": "12h", "memory-cap": 100, "retention-in-memory": "48h", "num-workers": 0,
    "cleanup": {"mode": "archive", "directory": "./var/archive"}, "debug": {},
    "nats-subscriptions": [{"subscribe-to": "hpc-nats", "cluster-tag": "fritz"}]},
  "metrics": {"cpu_load": {"frequency": 60, "aggregation": null},
              "flops_any": {"frequency": 60, "aggregation": "sum"}},
  "archive": {"kind": "of another program"}
}"#;

fn written(directory: &Path, name: &str, text: &str) -> PathBuf {
    let path = directory.join(name);
    fs::write(&path, text).unwrap();
    path
}

/// The keys of the problems, or of the warnings.
fn keys(report: &Value, of: &str) -> Vec<String> {
    let list = report[of].as_array().unwrap();
    list.iter().map(|one| one["key"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_existing_configuration_is_fine_and_its_settings_are_shown() {
    let directory = tempfile::tempdir().unwrap();
    let path = written(directory.path(), "config.json", EXISTING);
    let (report, code) = json(&["check-config", show(&path), "--json"]);
    assert_eq!(code, 0, "{report}");
    assert_eq!(report["path"], show(&path));
    assert_eq!((&report["problems"], &report["warnings"]), (&json!([]), &json!([])));
    assert_eq!(report["settings"]["metric-store"]["retention-in-memory"], "48h");

    let output = run(&["check-config", show(&path)]);
    let shown = text(&output);
    assert_eq!(output.status.code(), Some(0));
    for line in [
        "main.addr = 0.0.0.0:8082",
        "main.backend-url = not set",
        "metric-store.cleanup.mode = archive",
        "metric-store.cleanup.directory = ./var/archive",
        "metrics = 2 of them",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line} in {shown}");
    }
    assert!(shown.ends_with("config.json: 0 problems, 0 warnings\n"));
    assert!(!shown.contains("geheim") && !report.to_string().contains("geheim"));
}

#[test]
fn every_fault_is_listed_with_its_key_and_the_exit_code_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let faulty = EXISTING
        .replace("\"48h\"", "\"two days\"")
        .replace("\"aggregation\": \"sum\"", "\"aggregation\": \"max\"")
        .replace("\"num-workers\": 0", "\"num-wrokers\": 0")
        .replace("\"addr\"", "\"Addr\"");
    let path = written(directory.path(), "config.json", &faulty);
    let (report, code) = json(&["check-config", show(&path), "--json"]);
    assert_eq!(code, 1);
    let expected = [
        "metric-store.retention-in-memory",
        "metric-store.num-wrokers",
        "metrics.flops_any.aggregation",
    ];
    assert_eq!(keys(&report, "problems"), expected);
    assert_eq!(keys(&report, "warnings"), ["main.Addr"]);
    assert_eq!(report["settings"], Value::Null);

    let output = run(&["check-config", show(&path)]);
    assert_eq!(output.status.code(), Some(1));
    let shown = text(&output);
    assert_eq!(shown.lines().count(), 5, "{shown}");
    assert!(expected.iter().all(|key| shown.contains(&format!("config.json: {key}: "))));
    assert!(shown.contains("config.json: warning: main.Addr: "), "{shown}");
    assert!(shown.ends_with("3 problems, 1 warnings\n"), "{shown}");
}

#[test]
fn sections_may_stand_in_files_of_their_own() {
    let directory = tempfile::tempdir().unwrap();
    let mut document: Value = serde_json::from_str(EXISTING).unwrap();
    for section in ["main", "metrics", "nats"] {
        let content = document.as_object_mut().unwrap().remove(section).unwrap();
        let file = format!("{section}.json");
        written(directory.path(), &file, &content.to_string());
        document[format!("{section}-file")] = file.into();
    }
    written(directory.path(), "config.json", &document.to_string());
    let report = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_levelstore"))
            .args(arguments)
            .current_dir(directory.path())
            .output()
            .unwrap();
        serde_json::from_str::<Value>(&text(&output)).unwrap()
    };
    let of_files = report(&["check-config", "--json", "config.json"]);
    assert_eq!(of_files["problems"], json!([]));
    written(directory.path(), "whole.json", EXISTING);
    let of_one = report(&["check-config", "--json", "whole.json"]);
    assert_eq!(of_files["settings"], of_one["settings"]);

    // Each can be missing, no JSON, no object, or stand beside its section.
    for section in ["main", "metrics", "nats"] {
        for broken in [None, Some("{"), Some("[]")] {
            let mut document = document.clone();
            if let Some(text) = broken {
                written(directory.path(), "broken.json", text);
                document[format!("{section}-file")] = "broken.json".into();
            } else {
                document[format!("{section}-file")] = "nowhere.json".into();
            }
            written(directory.path(), "config.json", &document.to_string());
            let report = report(&["check-config", "--json", "config.json"]);
            assert_eq!(keys(&report, "problems"), [format!("{section}-file")]);
        }
        let mut document = serde_json::from_str::<Value>(EXISTING).unwrap();
        document[format!("{section}-file")] = format!("{section}.json").into();
        written(directory.path(), "config.json", &document.to_string());
        let of_both = report(&["check-config", "--json", "config.json"]);
        assert_eq!(keys(&of_both, "problems"), [format!("{section}-file")]);
        document[format!("{section}-file")] = 3.into();
        document.as_object_mut().unwrap().remove(section);
        written(directory.path(), "config.json", &document.to_string());
        let of_neither = report(&["check-config", "--json", "config.json"]);
        assert_eq!(keys(&of_neither, "problems"), [format!("{section}-file")]);
    }
}

#[test]
fn what_is_no_configuration_is_a_problem_and_no_panic() {
    let directory = tempfile::tempdir().unwrap();
    let deep = "[".repeat(100_000);
    for (content, part) in [
        ("", "EOF"),
        ("{\"main\": {},}", "line 1 column 13"),
        ("[1]", "not a JSON object"),
        ("\u{feff}{}", "line 1"),
        (deep.as_str(), "recursion limit"),
    ] {
        let path = written(directory.path(), "config.json", content);
        let (report, code) = json(&["check-config", show(&path), "--json"]);
        assert_eq!((code, keys(&report, "problems")), (1, vec![String::new()]));
        let problem = report["problems"][0]["problem"].as_str().unwrap();
        assert!(problem.contains(part), "{problem}");
    }
    let output = run(&["check-config", show(&directory.path().join("nowhere.json"))]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("nowhere.json: open "), "{}", text(&output));
    let whole = EXISTING.as_bytes();
    for end in 0..whole.len() {
        let cut = std::str::from_utf8(&whole[..end]).unwrap();
        if end % 16 == 0 {
            let path = written(directory.path(), "config.json", cut);
            assert_eq!(run(&["check-config", show(&path)]).status.code(), Some(1), "{end}");
        }
    }
}

#[test]
fn a_key_cannot_steer_the_terminal() {
    let directory = tempfile::tempdir().unwrap();
    let steering =
        EXISTING.replace("flops_any", "\\u001b[2J\\u009b").replace("\"sum\"", "\"\\u001b[2J\"");
    let path = written(directory.path(), "config.json", &steering);
    let shown = text(&run(&["check-config", show(&path)]));
    assert!(shown.contains("metrics[\"\\u{1b}[2J\\u{9b}\"].aggregation"), "{shown}");
    assert!(!shown.contains(|char: char| char.is_control() && char != '\n'), "{shown:?}");
}
