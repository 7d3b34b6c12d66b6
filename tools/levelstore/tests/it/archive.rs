//! `archive` and `archive verify`.

use crate::{LOG_MAGIC, json, record, run, show, text};
use serde_json::{Value, json as document};
use snapshot_format::{Counts, Encoder, TrailerFields};
use std::fs;
use std::path::{Path, PathBuf};

const START: i64 = 1_700_000_000;

/// A data directory whose two hosts have nothing but a log each, of five minutes.
fn data() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for host in ["h1", "h2"] {
        let host = directory.path().join("checkpoints/c").join(host);
        fs::create_dir_all(&host).unwrap();
        let mut log = LOG_MAGIC.to_vec();
        for minute in 0..5_u8 {
            let time = START + 60 * i64::from(minute);
            log.extend(record(time, b"load", &[b"socket0"], f32::from(minute), 60));
        }
        fs::write(host.join("00000000000000000001.wal"), log).unwrap();
    }
    directory
}

fn archive(directory: &Path, before: i64) -> (Value, i32) {
    let (checkpoints, archive) = (directory.join("checkpoints"), directory.join("archive"));
    let before = before.to_string();
    let from_to = ["--checkpoints", show(&checkpoints), "--archive", show(&archive)];
    json(&[&["archive", "--json", "--before", &before][..], &from_to].concat())
}

fn verify(directory: &Path) -> (Value, i32) {
    let (checkpoints, archive) = (directory.join("checkpoints"), directory.join("archive"));
    json(&["archive", "verify", show(&archive), "--checkpoints", show(&checkpoints), "--json"])
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn what_is_before_the_time_becomes_rows_and_the_rest_comes_with_the_next_run() {
    let directory = data();
    let (done, code) = archive(directory.path(), START + 120);
    assert_eq!((code, done["rows"].as_u64(), done["hosts"].as_u64()), (0, Some(4), Some(2)));
    assert_eq!(done["problems"], serde_json::json!([]));
    let first = directory.path().join(format!("archive/c/{}.parquet", START + 120));
    assert_eq!(done["files"], serde_json::json!([show(&first)]));
    assert_eq!(done["bytes"].as_u64(), Some(fs::metadata(&first).unwrap().len()));
    let rows = text(&run(&["inspect", "--rows", show(&first)]));
    let rows: Vec<Value> = rows.lines().map(|row| serde_json::from_str(row).unwrap()).collect();
    let row = |row: &Value| (row["hostname"].clone(), row["timestamp"].as_i64().unwrap());
    let times: Vec<_> = rows.iter().map(row).collect();
    let [h1, h2] = ["h1", "h2"].map(Value::from);
    let expected = [(&h1, 0), (&h1, 60), (&h2, 0), (&h2, 60)];
    assert_eq!(times, expected.map(|(host, offset)| (host.clone(), START + offset)));

    // Nothing is there twice, and what is archived whole is gone.
    let (done, code) = archive(directory.path(), START + 1000);
    assert_eq!((code, done["rows"].as_u64()), (0, Some(6)));
    assert_eq!(done["snapshots_retired"], 2);
    let (done, _) = archive(directory.path(), START + 1000);
    assert_eq!((done["rows"].as_u64(), &done["files"]), (Some(0), &serde_json::json!([])));
    let left = files(&directory.path().join("checkpoints/c/h1"));
    assert!(left.iter().all(|path| path.extension().is_none_or(|kind| kind != "bin")), "{left:?}");
    let (verified, code) = verify(directory.path());
    assert_eq!(
        (code, verified["checked"].as_u64(), verified["rows"].as_u64()),
        (0, Some(2), Some(10))
    );

    let bytes = fs::read(&first).unwrap();
    fs::write(&first, &bytes[..bytes.len() - 9]).unwrap();
    let (verified, code) = verify(directory.path());
    assert_eq!((code, verified["problems"].as_array().unwrap().len()), (1, 1));
    assert_eq!(verified["problems"][0]["path"], show(&first));
}

#[test]
fn an_empty_cluster_and_a_host_without_a_sample_make_no_file_and_no_trouble() {
    let directory = data();
    let checkpoints = directory.path().join("checkpoints");
    fs::create_dir_all(checkpoints.join("empty")).unwrap();
    for host in ["c/nothing", "of_nothing/nothing"] {
        fs::create_dir_all(checkpoints.join(host)).unwrap();
        let counts = Counts { metrics: 1, children: 0 };
        let mut snapshot = Encoder::new(Vec::new(), START, START + 180, counts).unwrap();
        snapshot.series(b"load", 60, START, &[f32::NAN; 3]).unwrap();
        let (bytes, _) = snapshot.finish(TrailerFields::default()).unwrap();
        fs::write(checkpoints.join(host).join(format!("{START}.bin")), bytes).unwrap();
    }
    let (done, code) = archive(directory.path(), START + 1000);
    assert_eq!((code, done["rows"].as_u64(), &done["problems"]), (0, Some(10), &document!([])));
    assert_eq!(done["files"].as_array().unwrap().len(), 1, "that of the cluster with samples");
    assert!(!checkpoints.join("of_nothing/nothing").join(format!("{START}.bin")).exists());
    let (verified, code) = verify(directory.path());
    assert_eq!((code, verified["rows"].as_u64()), (0, Some(10)), "{verified}");
}

#[test]
fn a_log_of_the_go_store_needs_the_metrics() {
    let directory = data();
    let log = directory.path().join("checkpoints/c/h1/current.wal");
    let bytes = [&LOG_MAGIC[..], &record(START, b"load", &[], 1.0, 0)].concat();
    fs::write(log, bytes).unwrap();
    let (checkpoints, to) =
        (directory.path().join("checkpoints"), directory.path().join("archive"));
    let options = ["archive", "--checkpoints", show(&checkpoints), "--archive", show(&to)];
    let refused = run(&[&options[..], &["--before", "1700000000"]].concat());
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--metrics"));
    assert!(!to.exists(), "nothing was begun");
}

#[test]
fn what_is_missing_is_wrong_usage() {
    for arguments in [&["archive"][..], &["archive", "--archive", "a", "--before", "1"]] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    }
}

#[test]
fn the_server_archives_what_is_older_than_the_retention_and_nobody_takes_it_again() {
    let directory = data();
    let [checkpoints, into, configuration, lines] =
        ["checkpoints", "archive", "config.json", "again.lp"]
            .map(|name| directory.path().join(name));
    let metrics = serde_json::json!({"load": {"frequency": 60, "aggregation": null}});
    let config = serde_json::json!({
        "main": {"addr": "127.0.0.1:0"},
        "metric-store": {
            "checkpoints": {"directory": checkpoints},
            "memory-cap": 0,
            "retention-in-memory": "1h",
            "cleanup": {"mode": "archive", "directory": into},
        },
        "metrics": metrics,
    });
    fs::write(&configuration, config.to_string()).unwrap();
    let output = run(&["serve", "-config", show(&configuration), "-cleanup-checkpoints"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let (verified, code) = verify(directory.path());
    assert_eq!((code, verified["rows"].as_u64()), (0, Some(10)), "{verified}");
    for host in ["c/h1", "c/h2"] {
        assert_eq!(files(&checkpoints.join(host)), Vec::<PathBuf>::new(), "deleted");
    }

    let line = format!("load,cluster=c,hostname=h1,type=socket,type-id=0 value=9 {START}\n");
    fs::write(&lines, line).unwrap();
    let of = ["--data", show(&checkpoints), "--metrics", show(&configuration), show(&lines)];
    let (imported, code) = json(&[&["import", "--json"][..], &of].concat());
    assert_eq!((code, imported["stored"].as_u64()), (1, Some(0)), "{imported}");
    assert_eq!(imported["refused"], serde_json::json!({"too_old": 1}));
}
