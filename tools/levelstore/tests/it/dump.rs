//! `dump` writes every sample that the files hold, and what it writes as lines reads back.

use crate::filled::{fill, generated};
use crate::{LOG_MAGIC, full, record, run, show, text};
use line_protocol::{Field, Lines};
use serde_json::{Value, json};
use snapshot_format::{Snapshot, Tree};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Path, metric and time.
type Slot = (Vec<String>, String, i64);

fn dump(data: &Path, more: &[&str]) -> Output {
    run(&[&["dump", "--data", show(data)], more].concat())
}

fn documents(output: &Output) -> Vec<Value> {
    text(output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn slot(document: &Value) -> Slot {
    let path = serde_json::from_value(document["path"].clone()).unwrap();
    (path, document["metric"].as_str().unwrap().into(), document["timestamp"].as_i64().unwrap())
}

/// What the snapshots of a host hold: a later one counts, and NaN is nothing.
fn add_snapshots(host: &Path, names: &[String], found: &mut BTreeMap<Slot, (Value, u32)>) {
    let mut files: Vec<_> = fs::read_dir(host).unwrap().map(|file| file.unwrap().path()).collect();
    // For one time the .json comes before the .bin.
    files.sort_by_key(|file| file.to_str().unwrap().replace(".json", ".aaa"));
    for file in files {
        let bytes = || fs::read(&file).unwrap();
        let tree: Tree = match file.extension().and_then(|ending| ending.to_str()) {
            Some("bin") => Snapshot::parse(&bytes()).unwrap().to_tree(),
            Some("json") => snapshot_format::read_json(&bytes()[..]).unwrap(),
            _ => continue,
        };
        let mut open = vec![(names.to_vec(), &tree.root)];
        while let Some((path, level)) = open.pop() {
            for (name, child) in &level.children {
                open.push(([&path[..], &[String::from_utf8_lossy(name).into()]].concat(), child));
            }
            for (metric, series) in &level.metrics {
                for (index, value) in (0_i64..).zip(&series.values).filter(|(_, v)| !v.is_nan()) {
                    let time = series.start + index * series.frequency;
                    let metric = String::from_utf8_lossy(metric).into();
                    let sample = (json!(series.frequency), value.to_bits());
                    found.insert((path.clone(), metric, time), sample);
                }
            }
        }
    }
}

fn add_log(log: &Path, names: &[String], found: &mut BTreeMap<Slot, (Value, u32)>) {
    let bytes = fs::read(log).unwrap_or_default();
    let mut reader = wal_format::Reader::new(&bytes[..]);
    while let Some(one) = reader.next().unwrap() {
        let wal_format::Found::Record(located) = one else { panic!("damaged") };
        let record = located.record;
        let below = record.names.path().map(|name| String::from_utf8_lossy(name).into_owned());
        let path = names.iter().cloned().chain(below).collect();
        let metric = String::from_utf8_lossy(record.names.metric()).into_owned();
        let sample = (Value::Null, record.value.to_bits());
        found.insert((path, metric, record.timestamp), sample);
    }
}

#[test]
fn without_metrics_it_is_what_the_files_say_in_order() {
    let mut expected = BTreeMap::new();
    for name in ["alpha/a01", "alpha/a02", "alpha/a03", "beta/b01", "beta/b02", "beta/b03"] {
        let (host, names) = (full("checkpoints").join(name), name.split('/').map(String::from));
        let names: Vec<_> = names.collect();
        add_snapshots(&host, &names, &mut expected);
        add_log(&host.join("current.wal"), &names, &mut expected);
    }
    let output = dump(&full("checkpoints"), &["--format", "jsonl"]);
    assert_eq!(output.status.code(), Some(0), "a torn end loses nothing that was stored");
    let found = documents(&output);
    assert!(found.is_sorted_by_key(slot));
    assert_eq!(found.len(), expected.len());
    for (document, (slot_of, (frequency, bits))) in found.iter().zip(&expected) {
        assert_eq!(&slot(document), slot_of);
        assert_eq!((&document["frequency"], &document["bits"]), (frequency, &json!(bits)));
        #[expect(clippy::cast_possible_truncation, reason = "the number is that of an f32")]
        let value = document["value"].as_f64().unwrap() as f32;
        assert_eq!(value.to_bits(), *bits, "{document}");
    }
}

/// All that the Go store held is there, but the record that was torn; what its snapshots hold twice
/// at shifted times is there twice.
#[test]
fn with_metrics_every_value_has_a_frequency_and_none_is_missing() {
    let (data, metrics) = (full("checkpoints"), full("metrics.json"));
    let found = documents(&dump(&data, &["--metrics", show(&metrics), "--format", "jsonl"]));
    let mut series: BTreeMap<(Vec<String>, String), Vec<u64>> = BTreeMap::new();
    for document in &found {
        assert!(document["frequency"].as_u64() > Some(0));
        let (path, metric, _) = slot(document);
        series.entry((path, metric)).or_default().push(document["bits"].as_u64().unwrap());
    }
    let mut missing = 0;
    let held = fs::read_to_string(full("memory_live.jsonl")).unwrap();
    for line in held.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let path: Vec<String> = serde_json::from_value(line["path"].clone()).unwrap();
        let (host, metric) = (path[1].clone(), line["metric"].as_str().unwrap().to_owned());
        // Its snapshot has one decimal.
        if host == "b01" {
            continue;
        }
        let mut found = series.remove(&(path, metric)).unwrap().into_iter();
        for value in line["read"]["values"].as_array().unwrap().iter().filter_map(Value::as_f64) {
            #[expect(clippy::cast_possible_truncation, reason = "a value is stored as f32")]
            let bits = u64::from((value as f32).to_bits());
            missing += u32::from(!found.any(|found| found == bits));
        }
        assert!(found.len() <= 1);
    }
    assert!(missing <= 1, "{missing}");
}

/// A line as path, metric, time and bits.
fn slots_of_lines(lines: &[u8]) -> Vec<(Slot, u32)> {
    let mut scratch = Vec::new();
    let slots = Lines::new(lines).map(|line| {
        let line = line.unwrap();
        let names = line.names(&mut scratch).unwrap();
        let of_bytes = |name: &[u8]| String::from_utf8(name.to_vec()).unwrap();
        let mut path = vec![of_bytes(names.cluster.unwrap()), of_bytes(names.host)];
        path.extend(names.path().map(|element| element.to_string()));
        let Field::Value(value) = line.field else { panic!("no sample") };
        ((path, of_bytes(names.metric), line.timestamp.unwrap()), value.to_bits())
    });
    slots.collect()
}

#[test]
fn lines_say_the_same_as_documents_and_tell_what_an_import_would_move() {
    let (data, metrics) = (full("checkpoints"), full("metrics.json"));
    let with = |format| dump(&data, &["--metrics", show(&metrics), "--format", format]);
    let (lines, documents_) = (with("line-protocol"), documents(&with("jsonl")));
    let bits = |one: &Value| u32::try_from(one["bits"].as_u64().unwrap()).unwrap();
    let expected: Vec<_> = documents_.iter().map(|one| (slot(one), bits(one))).collect();
    assert_eq!(slots_of_lines(&lines.stdout), expected);
    // Every series of these files changes its phase where a snapshot ends.
    assert_eq!(lines.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&lines.stderr).contains("102 series"), "{lines:?}");

    let csv = text(&with("csv"));
    let mut rows = csv.lines();
    assert_eq!(rows.next(), Some("cluster,hostname,path,metric,timestamp,frequency,value,bits"));
    for (row, document) in rows.by_ref().zip(&documents_) {
        let (path, metric, time) = slot(document);
        let [cluster, host, devices @ ..] = &path[..] else { panic!("{path:?}") };
        let devices = devices.join("/");
        let start =
            format!("{cluster},{host},{devices},{metric},{time},{},", document["frequency"]);
        assert!(
            row.starts_with(&start) && row.ends_with(&format!(",{}", document["bits"])),
            "{row}"
        );
    }
    assert_eq!(csv.lines().count(), 1 + documents_.len());
}

#[test]
fn a_store_that_is_filled_from_the_lines_is_the_same_store() {
    for more in [&[][..], &["--full-precision", "--jitter", "20", "--late", "5", "--phase-shift"]] {
        let [one, two] = [(), ()].map(|()| tempfile::tempdir().unwrap());
        fill(one.path(), &generated(2, 700, more));
        let before = dump(one.path(), &["--format", "jsonl"]);
        let lines = dump(one.path(), &["--format", "line-protocol"]);
        assert!(before.stdout.len() > 1_000_000);
        fill(two.path(), &lines.stdout);
        let after = dump(two.path(), &["--format", "jsonl"]);
        // That it would not be the same is told.
        assert_eq!(before.stdout == after.stdout, lines.status.code() == Some(0), "{lines:?}");
        if more.is_empty() {
            assert_eq!(lines.status.code(), Some(0));
        }
    }
}

/// A host with one log of ours.
fn hostile(directory: &Path, records: &[Vec<u8>]) {
    let host = directory.join("alpha/a01");
    fs::create_dir_all(&host).unwrap();
    let log = [&LOG_MAGIC[..], &records.concat()].concat();
    fs::write(host.join("00000000000000000001.wal"), log).unwrap();
}

#[test]
fn what_lines_cannot_say_is_an_error_that_names_it_and_documents_say_it() {
    for (metric, path, value, time, in_lines, in_csv) in [
        (&b"m"[..], &[&b"a"[..], b"b"][..], 1.0, 60, true, true),
        (b"a,b c=d", &[b"x,y=z \\w"], -0.0, -60, true, true),
        (b"m", &[b"node", b"node0"], 1e-45, 60, true, true),
        (b"m", &[b"a", b"b", b"c"], 1.0, 60, false, true),
        (b"m", &[b""], 1.0, 60, false, true),
        (b"m", &[b"a\\"], 1.0, 60, false, true),
        (b"m\n", &[], 1.0, 60, false, true),
        (b"#m", &[], 1.0, 60, false, true),
        (b"m", &[], f32::INFINITY, 60, false, true),
        (b"m", &[], f32::MAX, 100_000_000_000, false, true),
        (b"m\xFF", &[], 1.0, 60, false, false),
        (b"m", &[b"\xFE"], f32::NEG_INFINITY, 60, false, false),
    ] {
        let directory = tempfile::tempdir().unwrap();
        hostile(directory.path(), &[record(time, metric, path, value, 60)]);
        let jsonl = dump(directory.path(), &["--format", "jsonl"]);
        assert_eq!(jsonl.status.code(), Some(0));
        let [document] = &documents(&jsonl)[..] else { panic!("{jsonl:?}") };
        assert_eq!(
            (&document["timestamp"], &document["bits"]),
            (&json!(time), &json!(value.to_bits()))
        );
        let no_utf8 =
            [metric].into_iter().chain(path.iter().copied()).any(|n| str::from_utf8(n).is_err());
        let has_hex = document.get("metric_hex").or(document.get("path_hex")).is_some();
        assert_eq!((no_utf8, no_utf8), (has_hex, !in_csv), "{document}");

        for (format, can) in [("line-protocol", in_lines), ("csv", in_csv)] {
            let output = dump(directory.path(), &["--format", format]);
            assert_eq!(output.status.code(), Some(i32::from(!can)), "{output:?}");
            if !can {
                let message = String::from_utf8_lossy(&output.stderr).into_owned();
                assert!(message.contains("alpha/a01") && message.contains("jsonl"), "{message}");
            } else if format == "line-protocol" {
                let expected = (slot(document), value.to_bits());
                assert_eq!(slots_of_lines(&output.stdout), [expected]);
            }
        }
    }
}

#[test]
fn infinities_are_words() {
    let directory = tempfile::tempdir().unwrap();
    let records = [f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 0.5];
    let records = [0, 60, 120, 180].into_iter().zip(records);
    let records: Vec<_> = records.map(|(time, value)| record(time, b"m", &[], value, 60)).collect();
    hostile(directory.path(), &records);
    let found = documents(&dump(directory.path(), &["--format", "jsonl"]));
    let values: Vec<_> = found.iter().map(|one| one["value"].clone()).collect();
    assert_eq!(values, [json!("inf"), json!("-inf"), json!(0.5)]);
    let csv = text(&dump(directory.path(), &["--format", "csv"]));
    assert!(csv.contains(",0,60,inf,") && csv.contains(",60,60,-inf,"), "{csv}");
}

#[test]
fn what_cannot_be_read_is_told_and_the_rest_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    hostile(data, &[record(60, b"m", &[], 1.0, 60)]);
    fs::write(data.join("alpha/a01/100.bin"), "no snapshot").unwrap();
    let output = dump(data, &["--format", "jsonl"]);
    assert_eq!((output.status.code(), documents(&output).len()), (Some(1), 1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("100.bin"));
}

#[test]
fn what_lies_where_hosts_belong_is_told_once() {
    for (name, code) in [(&b"stray"[..], 0), (b"no\xFFname", 1)] {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path();
        hostile(data, &[record(60, b"m", &[], 1.0, 60)]);
        let path = data.join("alpha").join(OsStr::from_bytes(name));
        if code == 0 {
            fs::write(path, "").unwrap();
        } else {
            fs::create_dir(path).unwrap();
        }
        let output = dump(data, &["--format", "jsonl"]);
        assert_eq!((output.status.code(), documents(&output).len()), (Some(code), 1));
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(told.lines().count(), 1, "{told}");
    }
}

#[test]
fn who_reads_only_the_first_line_gets_it_and_no_complaint() {
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path(), &generated(1, 100, &[]));
    let mut child = Command::new(env!("CARGO_BIN_EXE_levelstore"))
        .args(["dump", "--data", show(directory.path())])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(1), 0), "{output:?}");
}
