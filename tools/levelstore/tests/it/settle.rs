//! `levelstore settle`: what is left is what the Go store reads.

use crate::{LOG_MAGIC, json, record, run, show, text};
use std::fs;
use std::path::{Path, PathBuf};

const START: i64 = 1_700_000_000;

/// A data directory as the Go store leaves it: a JSON checkpoint, and a log with two records behind
/// it, one of a metric that nobody knows.
fn data(root: &Path) -> (PathBuf, PathBuf) {
    let host = root.join("data/alpha/a01");
    fs::create_dir_all(&host).unwrap();
    let checkpoint = format!(
        r#"{{"metrics":{{"load":{{"frequency":60,"start":{START},"data":[1.5,null,2.5]}}}},"children":{{}},"from":{START},"to":{}}}"#,
        START + 180
    );
    fs::write(host.join(format!("{START}.json")), checkpoint).unwrap();
    let known = record(START + 180, b"load", &[b"socket0"], 4.0, 0);
    let unknown = record(START + 180, b"nobody_knows", &[], 5.0, 0);
    fs::write(host.join("current.wal"), [&LOG_MAGIC[..], &known, &unknown].concat()).unwrap();
    let metrics = root.join("metrics.json");
    fs::write(&metrics, r#"{"load":{"frequency":60,"aggregation":"sum"}}"#).unwrap();
    (host, metrics)
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn no_log_and_no_late_is_left_and_what_is_unknown_is_kept() {
    let root = tempfile::tempdir().unwrap();
    let (host, metrics) = data(root.path());
    let directory = root.path().join("data");
    let arguments = ["settle", "--data", show(&directory), "--metrics", show(&metrics), "--json"];
    let (report, code) = json(&arguments);
    assert_eq!(code, 1, "a record is of an unknown metric: {report}");
    let expected = (&1.into(), &1.into(), &0.into());
    assert_eq!((&report["hosts"], &report["files"], &report["removed"]), expected);
    assert_eq!(report["problems"].as_array().unwrap().len(), 1);
    let left = names(&host);
    assert!(left.contains(&"00000000000000000001.wal.unknown".into()), "{left:?}");
    let of_go =
        |ending: &str| left.iter().filter(|name| name.ends_with(ending)).collect::<Vec<_>>();
    assert_eq!(of_go(".bin").len() + of_go(".json").len() + 1, left.len(), "{left:?}");
    let bin = of_go(".bin")[0];
    let (shown, code) = json(&["inspect", "--json", show(&host.join(bin))]);
    assert_eq!(
        (code, &shown["root"]["children"]["socket0"]["metrics"]["load"]["data"][0]),
        (0, &4.0.into())
    );

    let (again, code) = json(&arguments);
    assert_eq!((code, &again["hosts"], &again["untouched"]), (0, &0.into(), &1.into()));
    assert_eq!(names(&host), left, "settling twice is settling once");
}

#[test]
fn a_directory_in_use_or_not_there_is_an_error() {
    let root = tempfile::tempdir().unwrap();
    let (_, metrics) = data(root.path());
    let missing = root.path().join("missing");
    let output = run(&["settle", "--data", show(&missing), "--metrics", show(&metrics)]);
    assert_eq!((output.status.code(), &*text(&output)), (Some(1), ""));
    assert!(!missing.exists(), "nothing is made");
    let directory = root.path().join("data");
    let _held = {
        let held = fs::File::open(&directory).unwrap();
        held.lock().unwrap();
        held
    };
    let output = run(&["settle", "--data", show(&directory), "--metrics", show(&metrics)]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(run(&["settle", "--data", show(&directory)]).status.code(), Some(2));
}
