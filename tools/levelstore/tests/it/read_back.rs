//! What was archived is read back: `dump` and `query` say the same as before, and read the Go store's
//! own archive.

use crate::filled::{fill, generated};
use crate::{full, json, run, show, text};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

/// A data directory, and its archive once there is one.
struct Archived {
    directory: tempfile::TempDir,
    metrics: PathBuf,
}

impl Archived {
    /// The files of a Go store that was killed.
    fn of_go() -> Self {
        let directory = tempfile::tempdir().unwrap();
        for host in ["alpha/a01", "alpha/a02", "alpha/a03", "beta/b01", "beta/b02", "beta/b03"] {
            let to = directory.path().join("checkpoints").join(host);
            fs::create_dir_all(&to).unwrap();
            for file in fs::read_dir(full("checkpoints").join(host)).unwrap() {
                let file = file.unwrap().path();
                if file.is_file() {
                    fs::copy(&file, to.join(file.file_name().unwrap())).unwrap();
                }
            }
        }
        Self { directory, metrics: full("metrics.json") }
    }

    /// A store of ours, with all that can be odd about times.
    fn of_ours() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let checkpoints = directory.path().join("checkpoints");
        fs::create_dir(&checkpoints).unwrap();
        let more = ["--full-precision", "--jitter", "20", "--late", "5", "--phase-shift"];
        fill(&checkpoints, &generated(2, 700, &more));
        let lines = directory.path().join("lines");
        let options =
            ["gen", "--hosts", "1", "--minutes", "1", "--seed", "1", "--out", show(&lines)];
        assert!(run(&options).status.success());
        let metrics = directory.path().join("lines.metrics.json");
        Self { directory, metrics }
    }

    fn checkpoints(&self) -> PathBuf {
        self.directory.path().join("checkpoints")
    }

    fn archive(&self) -> PathBuf {
        self.directory.path().join("archive")
    }

    /// Archives what is before a time; all, in the end.
    fn archive_before(&self, before: &str) -> u64 {
        let (checkpoints, archive) = (self.checkpoints(), self.archive());
        let options = ["archive", "--json", "--before", before, "--metrics", show(&self.metrics)];
        let from_to = ["--checkpoints", show(&checkpoints), "--archive", show(&archive)];
        let (done, _) = json(&[&options[..], &from_to].concat());
        done["rows"].as_u64().unwrap()
    }

    fn dump(&self, more: &[&str]) -> Output {
        let checkpoints = self.checkpoints();
        let options = ["dump", "--data", show(&checkpoints), "--metrics", show(&self.metrics)];
        run(&[&options, more].concat())
    }

    fn dump_archive(&self, more: &[&str]) -> Output {
        let archive = self.archive();
        run(&[&["dump", "--archive", show(&archive), "--metrics", show(&self.metrics)], more]
            .concat())
    }
}

const ALL: &str = "1800000000";

#[test]
fn a_dump_of_the_archive_is_line_by_line_that_of_the_snapshots_before() {
    for (store, formats) in [
        (Archived::of_go(), &["jsonl", "csv", "line-protocol"][..]),
        (Archived::of_ours(), &["jsonl", "csv"]),
    ] {
        let before: Vec<_> =
            formats.iter().map(|format| text(&store.dump(&["--format", format]))).collect();
        // In two runs: series go on from one file to the next.
        let rows = store.archive_before("1700001500") + store.archive_before(ALL);
        assert_eq!(rows, before[0].lines().count() as u64);
        for (format, before) in formats.iter().zip(before) {
            let after = store.dump_archive(&["--format", format]);
            assert!(text(&after) == before, "{format}");
            let moves = format == &"line-protocol";
            assert_eq!(after.status.code(), Some(i32::from(moves)), "{after:?}");
        }
    }
}

type Wanted = fn(&Value) -> bool;

#[test]
fn a_dump_can_be_of_some_of_it() {
    let store = Archived::of_go();
    let all = text(&store.dump(&["--format", "jsonl"]));
    store.archive_before(ALL);
    let all: Vec<Value> = all.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let time = |row: &Value| row["timestamp"].as_i64().unwrap();
    for (options, wanted) in [
        (&["--cluster", "beta"][..], (|row| row["path"][0] == "beta") as Wanted),
        (&["--host", "a02"], |row| row["path"][1] == "a02"),
        (&["--metric", "mem_bw"], |row| row["metric"] == "mem_bw"),
        (&["--metric", "nothing"], |_| false),
    ] {
        let range = ["--format", "jsonl", "--from", "1700000600", "--to", "2023-11-14T22:36:40Z"];
        let rows = text(&store.dump_archive(&[options, &range].concat()));
        let found: Vec<Value> =
            rows.lines().map(|row| serde_json::from_str(row).unwrap()).collect();
        let in_time = |row: &&Value| (1_700_000_600..1_700_001_400).contains(&time(row));
        let expected = all.iter().filter(|row| wanted(row)).filter(in_time);
        assert_eq!(found, expected.cloned().collect::<Vec<_>>(), "{options:?}");
    }
}

/// Cluster, host, metric, devices, and the rest.
type Question = (&'static str, &'static str, &'static str, Vec<&'static str>);

fn ask(from: &[&str], metrics: &Path, question: &Question) -> (Option<Value>, Option<i32>) {
    let (cluster, host, metric, more) = question;
    let names = ["--cluster", cluster, "--host", host, "--metric", metric];
    let options = [&["query", "--json", "--metrics", show(metrics)], from, &names, more].concat();
    let output = run(&options);
    (serde_json::from_str(&text(&output)).ok(), output.status.code())
}

fn check_answers(store: &Archived, questions: &[Question]) {
    let (checkpoints, archive) = (store.checkpoints(), store.archive());
    let ask_one = |from: [&str; 2], one| ask(&from, &store.metrics, one).0;
    let data = ["--data", show(&checkpoints)];
    let before: Vec<_> = questions.iter().map(|one| ask_one(data, one)).collect();
    store.archive_before("1700001500");
    store.archive_before(ALL);
    for (question, before) in questions.iter().zip(before) {
        let after = ask_one(["--archive", show(&archive)], question);
        assert_eq!(after, before, "{question:?}");
        let values = before.map_or(0, |answer| answer["data"].as_array().unwrap().len());
        assert!(values > 0 || question.3.contains(&"none"), "{question:?}");
    }
}

#[test]
fn a_query_of_the_archive_answers_as_memory_did() {
    let store = Archived::of_go();
    let range = ["--from", "1700000500", "--to", "1700002000"];
    let mut questions = Vec::new();
    for (cluster, host) in [("alpha", "a01"), ("alpha", "a03"), ("beta", "b02"), ("beta", "b03")] {
        for range in [&[][..], &range] {
            for metric in ["cpu_load", "mem_bw", "cpu_user"] {
                questions.push((cluster, host, metric, range.to_vec()));
            }
            let of_socket = [&["--device", "socket0,socket1"], range].concat();
            questions.push((cluster, host, "mem_bw", of_socket));
        }
    }
    questions.push(("alpha", "a01", "cpu_load", vec!["--device", "none"]));
    check_answers(&store, &questions);

    let store = Archived::of_ours();
    let mut questions = Vec::new();
    for host in ["n00001", "n00002"] {
        for metric in ["cpu_load", "flops_any", "mem_bw", "acc_temp"] {
            for more in [&[][..], &["--from", "1700009000", "--to", "1700020000"]] {
                questions.push(("sim", host, metric, more.to_vec()));
            }
        }
    }
    check_answers(&store, &questions);
}

/// A file that the Go store's own archiver has written, and its rows as its own reader has them.
fn of_go(name: &str) -> (PathBuf, Vec<Value>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../archiver/tests/data/full");
    let rows = fs::read_to_string(root.join(format!("{name}.jsonl"))).unwrap();
    let rows = rows.lines().map(|row| serde_json::from_str(row).unwrap()).collect();
    (root.join(format!("{name}.parquet")), rows)
}

#[test]
fn the_go_stores_archive_is_dumped_row_by_row() {
    for name in ["alpha", "beta"] {
        let (file, rows) = of_go(name);
        let text = |row: &Value, key: &str| row[key].as_str().unwrap().to_owned();
        #[expect(clippy::cast_possible_truncation, reason = "the decimal of an f32")]
        let of_go = |row: &Value| {
            let device = format!("{}{}", text(row, "scope"), text(row, "scope_id"));
            let mut path = vec![text(row, "cluster"), text(row, "hostname")];
            path.extend(Some(device).filter(|device| device != "node"));
            let bits = (row["value"].as_f64().unwrap() as f32).to_bits();
            (path, text(row, "metric"), row["timestamp"].as_i64(), row["frequency"].as_i64(), bits)
        };
        let mut expected: Vec<_> = rows.iter().map(of_go).collect();
        expected.sort();
        let dumped = crate::text(&run(&["dump", "--archive", show(&file), "--format", "jsonl"]));
        let dumped = dumped.lines().map(|row| serde_json::from_str::<Value>(row).unwrap());
        let dumped: Vec<_> = dumped
            .map(|row| {
                let path: Vec<String> = serde_json::from_value(row["path"].clone()).unwrap();
                let bits = u32::try_from(row["bits"].as_u64().unwrap()).unwrap();
                let (time, frequency) = (row["timestamp"].as_i64(), row["frequency"].as_i64());
                (path, text(&row, "metric"), time, frequency, bits)
            })
            .collect();
        let place =
            |row: &(Vec<String>, String, Option<i64>, _, _)| (row.0.clone(), row.1.clone(), row.2);
        assert!(dumped.is_sorted_by_key(place), "{name}");
        let mut dumped = dumped;
        dumped.sort();
        assert!(dumped == expected, "{name}");
    }
}

#[test]
fn the_go_stores_archive_answers_without_metrics_but_aggregates_only_with_them() {
    let (file, rows) = of_go("beta");
    let names = ["--archive", show(&file), "--cluster", "beta", "--host", "b03", "--json"];
    let query = |more: &[&str]| run(&[&["query"], &names[..], more].concat());
    let answer = query(&["--metric", "mem_bw", "--device", "socket1"]);
    let answer: Value = serde_json::from_slice(&answer.stdout).unwrap();
    let is_asked = |row: &&Value| {
        row["hostname"] == "b03"
            && row["metric"] == "mem_bw"
            && row["scope"] == "socket"
            && row["scope_id"] == "1"
    };
    let expected: Vec<_> = rows.iter().filter(is_asked).collect();
    assert!(expected.len() > 20);
    let data = answer["data"].as_array().unwrap();
    assert_eq!(data.iter().filter(|value| !value.is_null()).count(), expected.len());
    let from = answer["from"].as_i64().unwrap();
    for row in expected {
        let slot = (row["timestamp"].as_i64().unwrap() - from) / 60;
        let found = data[usize::try_from(slot).unwrap()].as_f64().unwrap();
        assert!((found - row["value"].as_f64().unwrap()).abs() < 1e-4, "{row}");
    }

    let of_sockets = ["--metric", "mem_bw", "--device", "socket0,socket1"];
    let refused = query(&of_sockets);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("no aggregation"), "{refused:?}");
    let metrics = full("metrics.json");
    let answer = query(&[&of_sockets[..], &["--metrics", show(&metrics)]].concat());
    let answer: Value = serde_json::from_slice(&answer.stdout).unwrap();
    assert_eq!(answer["series"], 2);
}

#[test]
fn a_file_that_is_damaged_is_told_of_once_and_costs_itself() {
    let directory = tempfile::tempdir().unwrap();
    for (cluster, file) in [("alpha", of_go("alpha").0), ("beta", of_go("beta").0)] {
        fs::create_dir(directory.path().join(cluster)).unwrap();
        fs::copy(file, directory.path().join(cluster).join("1.parquet")).unwrap();
    }
    let bad = directory.path().join("alpha/0.parquet");
    fs::write(&bad, "PAR1 no archive PAR1").unwrap();
    let archive = show(directory.path());
    let dumped = run(&["dump", "--archive", archive, "--format", "jsonl"]);
    assert_eq!((dumped.status.code(), text(&dumped).lines().count()), (Some(1), 3044 + 2607));
    let told = String::from_utf8_lossy(&dumped.stderr).into_owned();
    assert_eq!(told.matches(show(&bad)).count(), 1, "{told}");

    // In the pages of its first host.
    let mut bytes = fs::read(of_go("beta").0).unwrap();
    bytes[1000..3000].fill(0xA5);
    fs::write(directory.path().join("beta/1.parquet"), bytes).unwrap();
    let dumped = run(&["dump", "--archive", archive, "--format", "jsonl"]);
    let rows = text(&dumped).lines().count();
    assert!(dumped.status.code() == Some(1) && (3044..3044 + 2607).contains(&rows), "{rows}");

    let ask = |cluster, host| {
        let names = ["--cluster", cluster, "--host", host, "--metric", "cpu_load"];
        run(&[&["query", "--json", "--archive", archive], &names[..]].concat())
    };
    // That of another cluster is not even opened.
    assert_eq!(ask("beta", "b01").status.code(), Some(0));
    let answer = ask("alpha", "a01");
    assert_eq!(answer.status.code(), Some(1));
    assert!(text(&answer).contains("\"data\":[") || answer.stdout.is_empty());
}

#[test]
fn what_cannot_be_read_back_says_why() {
    let directory = tempfile::tempdir().unwrap();
    let (empty, no_file) = (show(directory.path()), directory.path().join("none.parquet"));
    let (file, _) = of_go("alpha");
    let of_host = ["--cluster", "alpha", "--host", "a02", "--metric"];
    for (arguments, code, why) in [
        (vec!["dump", "--archive", empty], 1, "no archive file"),
        (vec!["dump", "--archive", show(&no_file)], 1, "none.parquet"),
        (vec!["dump", "--archive", show(&full("metrics.json"))], 1, "no valid Parquet"),
        (vec!["dump", "--archive", show(&file), "--from", "9", "--to", "9"], 1, "--to"),
        (
            [&["query", "--archive", show(&file)], &of_host[..], &["nothing"]].concat(),
            1,
            "no sample",
        ),
        (vec!["dump", "--data", empty, "--archive", empty], 2, "cannot be used with"),
        (vec!["dump", "--data", empty, "--host", "h"], 2, "cannot be used with"),
        (vec!["dump"], 2, "--data"),
    ] {
        let output = run(&arguments);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), told.contains(why)), (Some(code), true), "{told}");
        assert_eq!(text(&output), "", "{arguments:?}");
    }
}
