//! What a run has written, and what the Go store has, is the same to `DuckDB`, Polars and pyarrow.

use crate::python::{python, run as run_command};
use crate::{json, run, show};
use line_protocol::{Field, Lines};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Of some rows: how many, the sums of timestamps, of frequencies, and of the whole hundredths of
/// values, and how many series they are of by the Go store's columns.
type Sums = (i64, i64, i64, i64, i64);

#[expect(clippy::cast_possible_truncation, reason = "hundredths of values far below 2^63")]
fn hundredths(value: f32) -> i64 {
    (f64::from(value) * 100.0).floor() as i64
}

/// What is expected of an archive of these lines.
fn of_lines(lines: &[u8]) -> Sums {
    let (mut sums, mut keys) = ((0, 0, 0, 0, 0), BTreeSet::new());
    for line in Lines::new(lines) {
        let line = line.unwrap();
        let Field::Value(value) = line.field else { panic!("no sample") };
        keys.insert(line.key.as_bytes());
        sums.0 += 1;
        sums.1 += line.timestamp.unwrap();
        sums.2 += 60;
        sums.3 += hundredths(value);
    }
    sums.4 = i64::try_from(keys.len()).unwrap();
    sums
}

/// What the Go store's own reader made of its file.
fn of_go(name: &str) -> Sums {
    let (mut sums, mut keys) = ((0, 0, 0, 0, 0), BTreeSet::new());
    for line in fs::read_to_string(of_archiver(&format!("{name}.jsonl"))).unwrap().lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let names = ["cluster", "hostname", "metric", "scope", "scope_id"];
        keys.insert(names.map(|name| row[name].as_str().unwrap().to_owned()));
        sums.0 += 1;
        sums.1 += row["timestamp"].as_i64().unwrap();
        sums.2 += row["frequency"].as_i64().unwrap();
        #[expect(clippy::cast_possible_truncation, reason = "the decimal of an f32")]
        let value = row["value"].as_f64().unwrap() as f32;
        sums.3 += hundredths(value);
    }
    sums.4 = i64::try_from(keys.len()).unwrap();
    sums
}

fn of_archiver(name: &str) -> std::path::PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../archiver");
    root.join("tests/data/full").join(name)
}

#[test]
fn duckdb_polars_and_pyarrow_sum_the_files_of_a_run_and_those_of_the_go_store_equally() {
    let directory = tempfile::tempdir().unwrap();
    let [checkpoints, archive, lines] =
        ["checkpoints", "archive", "day"].map(|name| directory.path().join(name));
    let metrics = directory.path().join("day.metrics.json");
    let size = ["--hosts", "3", "--minutes", "430", "--seed", "5", "--out", show(&lines)];
    assert!(run(&[&["gen"], &size[..]].concat()).status.success());
    fs::create_dir(&checkpoints).unwrap();
    let from = ["--data", show(&checkpoints), "--metrics", show(&metrics), show(&lines)];
    assert!(run(&[&["import", "--no-wal"], &from[..]].concat()).status.success());
    let to = ["--checkpoints", show(&checkpoints), "--archive", show(&archive)];
    let (done, code) = json(&[&["archive", "--json", "--before", "1800000000"], &to[..]].concat());
    assert_eq!((code, done["hosts"].as_u64()), (0, Some(3)), "{done}");
    let file = Path::new(done["files"][0].as_str().unwrap());
    let (inspected, _) = json(&["inspect", "--json", show(file)]);
    assert!(inspected["row_groups"].as_u64() >= Some(3), "{inspected}");

    let [alpha, beta] = ["alpha.parquet", "beta.parquet"].map(of_archiver);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/engines.py");
    let command = &mut Command::new(python());
    let output = run_command(command.arg(script).args([file, &alpha, &beta]), "sum archives");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();

    let each = [of_lines(&fs::read(&lines).unwrap()), of_go("alpha"), of_go("beta")];
    let all = each
        .iter()
        .fold((0, 0, 0, 0, 0), |a, b| (a.0 + b.0, a.1 + b.1, a.2 + b.2, a.3 + b.3, a.4 + b.4));
    assert!(each[0].0 > 800_000);
    for (told, expected) in told.as_array().unwrap().iter().zip(each.into_iter().chain([all])) {
        for engine in ["duckdb", "polars", "pyarrow"] {
            let found: Sums = serde_json::from_value(told[engine].clone()).unwrap();
            assert_eq!(found, expected, "{engine}");
        }
    }
    assert_eq!(told.as_array().unwrap().len(), 4);
}
