//! `import`: lines go into a data directory, and are there after a kill.

use crate::{json, run, show, text};
use checkpointer::disk::RealDisk;
use checkpointer::memstore::{Aggregation, Catalogue, Host};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// So many minutes of ten hosts are sent in the long form: ten million lines take 1600.
const MINUTES: &str = "LEVELSTORE_ROUND_TRIP_MINUTES";

/// Cluster, host, device, metric; times and the bits of values.
type Contents = BTreeMap<[String; 4], BTreeMap<i64, u32>>;

/// What lines say that are as plain as those of `gen`.
fn said(lines: &str) -> Contents {
    let mut all = Contents::new();
    for line in lines.lines() {
        let [key, value, time] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let mut parts = key.split(',');
        let metric = parts.next().unwrap();
        let tags: BTreeMap<&str, &str> = parts.map(|tag| tag.split_once('=').unwrap()).collect();
        let device = match tags["type"] {
            "node" => String::new(),
            kind => format!("{kind}{}", tags["type-id"]),
        };
        let series = [tags["cluster"], tags["hostname"], &device, metric].map(str::to_owned);
        let number = value.strip_prefix("value=").unwrap().trim_end_matches(['i', 'u']);
        let value: f32 = number.parse().unwrap();
        all.entry(series).or_default().insert(time.parse().unwrap(), value.to_bits());
    }
    all
}

/// What a start finds in a data directory.
fn stored(directory: &Path, metrics: &Path) -> Contents {
    let catalogue = Catalogue::new();
    let named: Value = serde_json::from_slice(&fs::read(metrics).unwrap()).unwrap();
    for (name, metric) in named.as_object().unwrap() {
        let seconds = u32::try_from(metric["frequency"].as_u64().unwrap()).unwrap();
        catalogue.add(name.as_bytes(), NonZeroU32::new(seconds).unwrap(), Aggregation::None);
    }
    let mut all = Contents::new();
    let disk = RealDisk::new(directory).unwrap();
    let found = checkpointer::view(
        disk,
        &catalogue,
        i64::MIN,
        |_, _| true,
        |view| {
            for run in Host::view_all(&view.tree.unwrap()).runs(&catalogue) {
                let text = |name: &[u8]| String::from_utf8(name.to_vec()).unwrap();
                let device = run.path.first().map_or_else(String::new, |name| text(name));
                let series = [view.cluster.clone(), view.host.clone(), device, text(&run.name)];
                let values = all.entry(series).or_default();
                for (slot, value) in (0..).zip(run.to_vec()).filter(|(_, value)| !value.is_nan()) {
                    let time = run.start + slot * i64::from(run.frequency.get());
                    assert_eq!(values.insert(time, value.to_bits()), None);
                }
            }
        },
    );
    assert!(found.unwrap().problems.is_empty());
    all
}

/// A file of lines and one of metrics.
fn generated(directory: &Path, hosts: u32, minutes: u32) -> (PathBuf, PathBuf) {
    let lines = directory.join("lines");
    let (hosts, minutes) = (hosts.to_string(), minutes.to_string());
    let options = ["gen", "--hosts", &hosts, "--minutes", &minutes, "--seed", "1", "--out"];
    let output = run(&[&options[..], &[show(&lines)]].concat());
    assert_eq!(output.status.code(), Some(0));
    (lines, directory.join("lines.metrics.json"))
}

/// The endings of all files in a data directory, each once.
fn endings(directory: &Path) -> Vec<String> {
    let mut open = vec![directory.to_path_buf()];
    let mut endings = Vec::new();
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            match path.extension().and_then(OsStr::to_str) {
                _ if path.is_dir() => open.push(path),
                ending => endings.push(ending.unwrap_or_default().to_owned()),
            }
        }
    }
    endings.sort();
    endings.dedup();
    endings
}

/// Records in all logs.
fn records(directory: &Path) -> usize {
    let mut open = vec![directory.to_path_buf()];
    let mut count = 0;
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|ending| ending == "wal") {
            let bytes = fs::read(path).unwrap();
            let found = wal_format::Scan::new(&bytes);
            count += found.filter(|found| matches!(found, wal_format::Found::Record(_))).count();
        }
    }
    count
}

#[test]
fn lines_come_back_by_value_and_time_after_a_kill_and_after_a_checkpoint() {
    let long = std::env::var(MINUTES).ok().map(|minutes| minutes.parse().unwrap());
    let (hosts, minutes) = long.map_or((2, 160), |minutes| (10, minutes));
    let directory = tempfile::tempdir().unwrap();
    let (lines, metrics) = generated(directory.path(), hosts, minutes);
    let lines = fs::read_to_string(lines).unwrap();
    let data = directory.path().join("data");
    let arguments = ["import", "--data", show(&data), "--metrics", show(&metrics), "--json", "-"];
    let mut importing = Command::new(env!("CARGO_BIN_EXE_levelstore"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = importing.stdin.take().unwrap();
    stdin.write_all(lines.as_bytes()).unwrap();
    let count = lines.lines().count();
    let began = Instant::now();
    while records(&data) < count {
        assert!(began.elapsed() < Duration::from_mins(2), "{} of {count}", records(&data));
        thread::sleep(Duration::from_millis(100));
    }
    importing.kill().unwrap();
    assert!(!importing.wait().unwrap().success());
    drop(stdin);

    let expected = said(&lines);
    assert_eq!(expected.values().map(BTreeMap::len).sum::<usize>(), count);
    assert_eq!(endings(&data), ["wal"]);
    assert!(stored(&data, &metrics) == expected, "after the kill");
    let nothing = directory.path().join("nothing");
    fs::write(&nothing, "").unwrap();
    let of_all =
        ["import", "--data", show(&data), "--metrics", show(&metrics), "--json", show(&nothing)];
    let (report, code) = json(&of_all);
    assert_eq!((code, &report["points"]), (0, &json!(count)));
    assert_eq!(endings(&data), ["bin"]);
    assert!(stored(&data, &metrics) == expected, "after the checkpoint");
}

#[test]
fn a_log_or_a_snapshot_alone_is_left_if_that_is_what_was_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let (lines, metrics) = generated(directory.path(), 2, 10);
    let expected = said(&fs::read_to_string(&lines).unwrap());
    let count = expected.values().map(BTreeMap::len).sum::<usize>();
    for (option, ending) in [("--no-wal", "bin"), ("--no-checkpoint", "wal")] {
        let data = directory.path().join(option);
        let arguments = ["--data", show(&data), "--metrics", show(&metrics), "--json", option];
        let (report, code) = json(&[&["import"], &arguments[..], &[show(&lines)]].concat());
        assert_eq!((code, &report["lines"], &report["stored"]), (0, &json!(count), &json!(count)));
        assert_eq!((&report["points"], &report["refused"]), (&json!(count), &json!({})));
        let checkpoint = &report["checkpoint"];
        if option == "--no-wal" {
            assert_eq!((&report["wal_bytes"], &checkpoint["files"]), (&json!(0), &json!(2)));
            assert!(checkpoint["bytes"].as_u64() > Some(1000) && checkpoint["seconds"].is_f64());
            assert!(checkpoint["cpu_seconds"].as_f64() > Some(0.0));
        } else {
            assert!(report["wal_bytes"].as_u64() > Some(40 * count as u64) && checkpoint.is_null());
        }
        let numbers = ["seconds", "cpu_seconds", "lines_per_second", "peak_rss_bytes"];
        assert!(numbers.iter().all(|name| report[*name].as_f64() > Some(0.0)), "{report}");
        assert_eq!(endings(&data), [ending]);
        assert!(stored(&data, &metrics) == expected, "{option}");
    }
}

#[test]
fn what_is_compressed_is_recognised_and_several_files_are_one_import() {
    let directory = tempfile::tempdir().unwrap();
    let (lines, metrics) = generated(directory.path(), 2, 10);
    let bytes = fs::read(&lines).unwrap();
    let (first, rest) = bytes.split_at(bytes.len() / 2 - 7);
    let compressed = |part: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(part).unwrap();
        encoder.finish().unwrap()
    };
    let middle = newline(rest) + 1;
    // Two members in one file, as `cat a.gz b.gz` makes them; the other file is plain.
    let zipped = [compressed(first), compressed(&rest[..middle])].concat();
    let (one, other) = (directory.path().join("one"), directory.path().join("other"));
    fs::write(&one, zipped).unwrap();
    fs::write(&other, &rest[middle..]).unwrap();
    let data = directory.path().join("data");
    let arguments = ["import", "--data", show(&data), "--metrics", show(&metrics)];
    let output = run(&[&arguments[..], &[show(&one), show(&other)]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(text(&output).starts_with(&format!("{} lines in ", lines_of(&bytes))));
    assert!(stored(&data, &metrics) == said(&String::from_utf8(bytes).unwrap()));
}

fn newline(bytes: &[u8]) -> usize {
    bytes.iter().position(|&byte| byte == b'\n').unwrap()
}

fn lines_of(bytes: &[u8]) -> usize {
    bytes.split(|&byte| byte == b'\n').count() - 1
}

#[test]
fn what_is_refused_is_told_with_its_file_and_line_and_the_rest_is_taken() {
    let directory = tempfile::tempdir().unwrap();
    let metrics = directory.path().join("metrics.json");
    fs::write(&metrics, r#"{"load":{"frequency":60,"aggregation":"avg"}}"#).unwrap();
    let lines = directory.path().join("lines");
    let body = "load,hostname=h value=1 1700000000\n\
                load,hostname=h value=one 1700000060\n\
                lord,hostname=h value=1 1700000060\n\
                load,hostname=h value=1 99999999999\n\
                note,hostname=h event=\"x\"\n\
                load,hostname=h value=2 1700000060\n";
    fs::write(&lines, body).unwrap();
    let data = directory.path().join("data");
    let base = ["import", "--data", show(&data), "--metrics", show(&metrics), "--json"];
    let limits = ["--cluster", "c", "--max-future", "1h", show(&lines)];
    let output = run(&[&base[..], &limits].concat());
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_str(&text(&output)).unwrap();
    assert_eq!(
        (&report["lines"], &report["stored"], &report["messages"]),
        (&json!(6), &json!(2), &json!(1))
    );
    let refused = json!({"field_value": 1, "too_far_ahead": 1, "unknown_metric": 1});
    assert_eq!(report["refused"], refused);
    let path = show(&lines);
    let told = format!(
        "{path}: line 2, column 23: field value is not valid\n\
         {path}: line 3, column 1: metric is not in the catalogue\n\
         {path}: line 4, column 1: sample is too far in the future\n"
    );
    assert_eq!(String::from_utf8(output.stderr).unwrap(), told);
    let (report, code) = json(&[&base[..], &["--retention", "48h", show(&lines)]].concat());
    // What is stored is old, and so is what comes; what names no cluster is refused before that.
    assert_eq!((code, &report["refused"]["no_cluster"]), (1, &json!(4)));
}

#[test]
fn what_cannot_be_done_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let (lines, metrics) = generated(directory.path(), 1, 1);
    let data = directory.path().join("data");
    let base = ["import", "--data", show(&data), "--metrics", show(&metrics)];
    let code = |more: &[&str]| run(&[&base[..], more].concat()).status.code();
    assert_eq!(code(&[]), Some(2), "no file");
    assert_eq!(code(&["--no-wal", "--no-checkpoint", show(&lines)]), Some(2));
    assert_eq!(code(&["--retention", "0s", show(&lines)]), Some(2));
    assert_eq!(code(&[show(&directory.path().join("not-there"))]), Some(1));
    fs::write(directory.path().join("file"), "").unwrap();
    let onto = directory.path().join("file");
    let output = run(&["import", "--data", show(&onto), "--metrics", show(&metrics), show(&lines)]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("open data directory"));
}
