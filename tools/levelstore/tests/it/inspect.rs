//! What `inspect --json` prints is what the Go store's own code found in its files.

use crate::{LOG_MAGIC, golden, json, record, run, show, text};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

fn manifest(of: &str) -> Value {
    let path = match of {
        "wal" => golden("three.wal").with_file_name("manifest.json"),
        _ => golden("snapshot/manifest.json"),
    };
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn bits(hex: &Value) -> u32 {
    u32::from_str_radix(hex.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
}

#[test]
fn logs_hold_what_the_go_store_found() {
    for (name, expected) in manifest("wal")["files"].as_object().unwrap() {
        let path = golden(name);
        let (document, code) = json(&["inspect", "--json", show(&path)]);
        assert_eq!(document["kind"], "wal");
        assert_eq!(document["bytes"], expected["bytes"]);
        let found = document["records"].as_array().unwrap();
        for (found, expected) in found.iter().zip(expected["records"].as_array().unwrap()) {
            for key in ["offset", "length", "timestamp", "metric", "selector"] {
                assert_eq!(found[key], expected[key], "{name}");
            }
            assert_eq!(found["bits"], bits(&expected["f32_bits"]));
            #[expect(clippy::cast_possible_truncation, reason = "the number is that of an f32")]
            let value = found["value"].as_f64().unwrap() as f32;
            assert_eq!(value.to_bits(), bits(&expected["f32_bits"]));
        }
        let whole = expected["stop_error"] == "" && expected["header_error"] == "";
        assert_eq!(code, i32::from(!whole), "{name}");
        assert_eq!(document["end"]["state"] == "clean", whole, "{name}");
        if whole {
            assert_eq!(found.len(), expected["records"].as_array().unwrap().len());
            assert_eq!(document["skipped"], json!([]));
            assert_eq!(document["end"]["offset"], expected["bytes"]);
        }
    }
}

#[test]
fn damage_is_told_with_its_place() {
    let (document, _) = json(&["inspect", "--json", show(&golden("crc_flip_middle.wal"))]);
    assert_eq!(document["end"]["state"], "damaged");
    assert_eq!(document["end"]["offset"], 60);
    assert_eq!(document["skipped"][0]["offset"], 60);
    assert_eq!(document["skipped"][0]["bytes"], 28);
    assert!(document["skipped"][0]["reason"].as_str().unwrap().contains("checksum"));
    assert_eq!(document["records"].as_array().unwrap().len(), 5);

    let (document, code) = json(&["inspect", "--json", show(&golden("full/a03.wal"))]);
    assert_eq!((document["end"]["state"].as_str(), code), (Some("torn"), 1));
    assert_eq!(document["end"]["bytes"], 28);
    assert_eq!(document["skipped"], json!([]));
}

#[test]
fn what_is_no_log_has_an_error_instead_of_records() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.wal");
    fs::write(&path, "something else").unwrap();
    let (document, code) = json(&["inspect", "--json", show(&path)]);
    assert_eq!((document["kind"].as_str(), code), (Some("wal"), 1));
    assert!(document["error"].is_string());
    assert!(document.get("records").is_none());
}

#[test]
fn names_that_are_no_utf8_and_values_that_are_no_numbers() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.wal");
    let values = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
    let records = values.map(|value| record(0, b"m\xFF", &[b"ok", b"\xFE"], value, 60)).concat();
    fs::write(&path, [&LOG_MAGIC, &records[..]].concat()).unwrap();
    let (document, code) = json(&["inspect", "--json", show(&path)]);
    assert_eq!(code, 0);
    let values: Vec<_> = (0..3).map(|k| document["records"][k]["value"].clone()).collect();
    assert_eq!(values, [json!(null), json!("inf"), json!("-inf")]);
    let first = &document["records"][0];
    assert_eq!((&first["metric"], &first["metric_hex"]), (&json!("m\u{FFFD}"), &json!("6dff")));
    assert_eq!(first["selector"], json!(["ok", "\u{FFFD}"]));
    assert_eq!(first["selector_hex"], json!([null, "fe"]));
    assert_eq!(first["frequency"], 60);
}

/// The values of a level by the bits that the manifest gives, and the rest as it is.
fn assert_level(found: &Value, expected: &Value, at: &str) {
    let metrics = expected["metrics"].as_object().unwrap();
    assert_eq!(found["metrics"].as_object().unwrap().len(), metrics.len(), "{at}");
    for (name, expected) in metrics {
        let found = &found["metrics"][name];
        assert_eq!(found["frequency"], expected["frequency"], "{at}/{name}");
        assert_eq!(found["start"], expected["start"], "{at}/{name}");
        let data = found["data"].as_array().unwrap();
        assert_eq!(data.len(), expected["data"].as_array().unwrap().len());
        for (value, hex) in data.iter().zip(expected["f32_bits"].as_array().into_iter().flatten()) {
            let expected = f32::from_bits(bits(hex));
            match value {
                Value::Null => assert!(expected.is_nan()),
                Value::String(infinity) => assert_eq!(*infinity, expected.to_string()),
                number => {
                    #[expect(clippy::cast_possible_truncation, reason = "an f32's number")]
                    let value = number.as_f64().unwrap() as f32;
                    assert_eq!(value.to_bits(), expected.to_bits(), "{at}/{name}");
                }
            }
        }
    }
    let children = expected["children"].as_object().unwrap();
    assert_eq!(found["children"].as_object().unwrap().len(), children.len(), "{at}");
    for (name, expected) in children {
        assert_level(&found["children"][name], expected, &format!("{at}/{name}"));
    }
}

#[test]
fn snapshots_hold_what_the_go_store_found() {
    for (name, expected) in manifest("snapshot")["files"].as_object().unwrap() {
        for (ending, key) in [("bin", "bin_decoded"), ("json", "json_decoded")] {
            let expected = &expected[key];
            if expected.is_null() {
                continue; // The Go store could not write it.
            }
            let path = golden(&format!("snapshot/{name}.{ending}"));
            let (document, code) = json(&["inspect", "--json", show(&path)]);
            assert_eq!((document["kind"].as_str(), code), (Some("snapshot"), 0), "{name}");
            assert_eq!(document["checked"], false);
            assert_eq!(document["from"], expected["from"]);
            assert_eq!(document["to"], expected["to"]);
            assert_level(&document["root"], expected, name);
        }
    }
}

#[test]
fn several_files_are_a_document_a_line_and_one_that_is_missing_hides_none() {
    let path = golden("three.wal");
    let output = run(&["inspect", "--json", show(&path), "no-such.bin", show(&path)]);
    assert_eq!(output.status.code(), Some(1));
    let lines: Vec<Value> =
        text(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[1]["error"].as_str().unwrap().contains("no-such.bin"));
    assert_eq!(lines[0], lines[2]);
}

#[test]
fn a_damaged_snapshot_is_told_with_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("1.bin");
    let bytes = fs::read(golden("snapshot/metrics_only.bin")).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 10]).unwrap();
    let (document, code) = json(&["inspect", "--json", show(&path)]);
    assert_eq!(code, 1);
    assert!(document["offset"].is_u64() && document["error"].is_string(), "{document}");
    assert!(run(&["inspect", show(&path)]).status.code() == Some(1));
}

#[test]
fn tables_name_series_and_times() {
    let text = text(&run(&["inspect", show(&golden("unicode.wal"))]));
    assert!(text.contains("temp_°C [Gerät-0]"), "{text}");
    assert!(text.contains("2023-11-14T22:13:20Z"), "{text}");
    assert!(text.contains("end: clean"), "{text}");
}

#[test]
fn wrong_usage_is_exit_code_2() {
    for arguments in
        [&[][..], &["inspect"], &["bogus"], &["repair", "x"], &["inspect", "--bogus", "x"]]
    {
        assert_eq!(run(arguments).status.code(), Some(2), "{arguments:?}");
    }
    assert_eq!(run(&["--version"]).status.code(), Some(0));
    for command in ["inspect", "verify", "repair", "convert"] {
        assert_eq!(run(&[command, "--help"]).status.code(), Some(0));
    }
}

/// A pipe that nobody writes to, and memory that cannot be read at all.
#[test]
fn what_cannot_be_read_is_told_and_hides_no_other_file() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe.wal");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let memory = directory.path().join("memory.wal");
    std::os::unix::fs::symlink("/proc/self/mem", &memory).unwrap();
    let (good, memory) = (golden("three.wal"), show(&memory));
    let output = run(&["inspect", "--json", show(&pipe), memory, "/proc/self/mem", show(&good)]);
    assert_eq!(output.status.code(), Some(1));
    let lines: Vec<Value> =
        text(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 4);
    assert!(lines[..3].iter().all(|line| line["error"].is_string()), "{lines:?}");
    assert_eq!(lines[3]["records"].as_array().unwrap().len(), 3);
}

#[test]
fn names_that_look_the_same_are_told_apart() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("1.json");
    let metrics = ["a\\udc80", "a\\udc81", "a\u{FFFD}"]
        .map(|name| format!(r#""{name}":{{"frequency":60,"start":0,"data":[1]}}"#))
        .join(",");
    fs::write(&path, format!(r#"{{"metrics":{{{metrics}}},"from":0,"to":1}}"#)).unwrap();
    let (document, _) = json(&["inspect", "--json", show(&path)]);
    let metrics = document["root"]["metrics"].as_object().unwrap();
    let hex: Vec<_> = metrics.values().map(|one| one["name_hex"].as_str().unwrap()).collect();
    assert_eq!((metrics.len(), hex), (3, vec!["6180", "6181", "61efbfbd"]));
}

#[test]
fn a_reader_that_has_seen_enough_gets_no_complaint() {
    use std::process::{Command, Stdio};
    let mut child = Command::new(env!("CARGO_BIN_EXE_levelstore"))
        .args(["inspect", "--json", show(&golden("snapshot/long_name.bin"))])
        .args([show(&golden("snapshot/long_name.bin")); 8])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(1), "not all was told");
}

/// The Go store's archive, as its own reader lists it.
#[test]
fn archives_are_told_with_rows_and_times() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../archiver/tests/data/full");
    let path = data.join("beta.parquet");
    let (document, code) = json(&["inspect", "--json", show(&path)]);
    assert_eq!((document["kind"].as_str(), code), (Some("parquet"), 0));
    assert_eq!((document["rows"].as_u64(), document["row_groups"].as_u64()), (Some(2607), Some(3)));
    assert_eq!(document["min_timestamp"], 1_700_000_123);
    assert_eq!(document["max_timestamp"], 1_700_002_526);
    assert_eq!(document["sources"], serde_json::json!([]));
    assert_eq!(document["columns"].as_array().unwrap().len(), 8);

    let rows = text(&run(&["inspect", "--rows", show(&path)]));
    let listed = fs::read_to_string(data.join("beta.jsonl")).unwrap();
    assert_eq!(rows.lines().count(), 2607);
    for (row, listed) in rows.lines().zip(listed.lines()) {
        let mut row: Value = serde_json::from_str(row).unwrap();
        let mut listed: Value = serde_json::from_str(listed).unwrap();
        let bits = row.as_object_mut().unwrap().shift_remove("bits").unwrap();
        #[expect(clippy::cast_possible_truncation, reason = "an f32's number")]
        let value = listed["value"].take().as_f64().unwrap() as f32;
        assert_eq!(bits, value.to_bits());
        row["value"].take();
        assert_eq!(row, listed);
    }
    let table = text(&run(&["inspect", show(&path)]));
    assert!(table.contains("2607 rows in 3 row groups"), "{table}");
    assert!(table.contains("2023-11-14T22:15:23Z to 2023-11-14T22:55:26Z"), "{table}");
}

#[test]
fn a_damaged_archive_and_rows_of_what_is_none_are_problems() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("1.parquet");
    fs::write(&path, b"PAR1 and no more").unwrap();
    for form in ["--json", "--rows"] {
        let (document, code) = json(&["inspect", form, show(&path)]);
        assert!(document["error"].as_str().unwrap().contains("no valid Parquet"), "{document}");
        assert_eq!(code, 1);
    }
    assert_eq!(run(&["inspect", show(&path)]).status.code(), Some(1));
    let (document, code) = json(&["inspect", "--rows", show(&golden("three.wal"))]);
    assert!(document["error"].as_str().unwrap().contains("--rows is for .parquet"), "{document}");
    assert_eq!(code, 1);
}
