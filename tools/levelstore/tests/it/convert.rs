//! `convert` keeps values, names and times to the bit.

use crate::{LOG_MAGIC, golden, json, record, run, show, text};
use serde_json::Value;
use std::fs;
use std::path::Path;

fn convert(from: &Path, to: &Path) {
    let output = run(&["convert", show(from), show(to)]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(text(&output), "");
}

/// The levels and times, without what is of the file.
fn content(path: &Path) -> Value {
    let (mut document, code) = json(&["inspect", "--json", show(path)]);
    assert_eq!(code, 0, "{document}");
    for key in ["path", "bytes", "checked", "trailer"] {
        document.as_object_mut().unwrap().remove(key);
    }
    document
}

#[test]
fn snapshots_of_the_go_store_stay_what_they_are() {
    let directory = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(golden("snapshot")).unwrap() {
        let from = entry.unwrap().path();
        let name = from.file_name().unwrap().to_str().unwrap();
        if name == "manifest.json" {
            continue;
        }
        let at = |ending: &str| directory.path().join(format!("{name}.{ending}"));
        convert(&from, &at("1.json"));
        convert(&at("1.json"), &at("2.bin"));
        convert(&at("2.bin"), &at("3.json"));
        let expected = content(&from);
        for file in ["1.json", "2.bin", "3.json"] {
            assert_eq!(content(&at(file)), expected, "{name} {file}");
        }
        assert_eq!(fs::read(at("1.json")).unwrap(), fs::read(at("3.json")).unwrap());
    }
}

/// A snapshot laid out by hand: at the host `m`, and `\xFF` below a level named `\xC3`.
fn snapshot() -> Vec<u8> {
    let series = |name: &[u8], values: &[u32]| {
        let mut bytes = u16::try_from(name.len()).unwrap().to_le_bytes().to_vec();
        bytes.extend(name);
        bytes.extend(60_i64.to_le_bytes());
        bytes.extend(1_700_000_000_i64.to_le_bytes());
        bytes.extend(u32::try_from(values.len()).unwrap().to_le_bytes());
        bytes.extend(values.iter().flat_map(|bits| bits.to_le_bytes()));
        bytes
    };
    let mut bytes = 0xCC5B_0001_u32.to_le_bytes().to_vec();
    bytes.extend(1_700_000_000_i64.to_le_bytes());
    bytes.extend(1_700_000_181_i64.to_le_bytes());
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend(series(b"m", &[0.1_f32.to_bits(), 0x7FC0_0000, 0x8000_0000, 1]));
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend([1, 0, 0xC3]);
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend(series(b"\xFF", &[f32::MAX.to_bits()]));
    bytes.extend(0_u32.to_le_bytes());
    bytes
}

#[test]
fn names_that_are_no_utf8_survive_every_format_byte_for_byte() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::write(at("0.bin"), snapshot()).unwrap();
    convert(&at("0.bin"), &at("1.json"));
    convert(&at("1.json"), &at("2.bin"));
    convert(&at("2.bin"), &at("3.wal"));
    convert(&at("3.wal"), &at("4.bin"));
    let original = snapshot();
    for file in ["2.bin", "4.bin"] {
        let bytes = fs::read(at(file)).unwrap();
        assert_eq!(bytes[..original.len()], original, "{file}: our trailer stands behind");
    }
    let (document, _) = json(&["inspect", "--json", show(&at("4.bin"))]);
    assert_eq!(document["checked"], true);
    let child = &document["root"]["children"]["\u{FFFD}"];
    assert_eq!(child["name_hex"], "c3");
    assert_eq!(child["metrics"]["\u{FFFD}"]["name_hex"], "ff");
}

#[test]
fn logs_of_the_go_store_need_the_frequencies() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let (from, to) = (golden("full/b02.wal"), at("x.bin"));
    let output = run(&["convert", show(&from), show(&to)]);
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.contains("offset 4") && error.contains("--metrics"), "{error}");
    assert!(!to.exists());

    let frequency = |seconds| format!("{{\"frequency\":{seconds}}}");
    let mut metrics: Vec<_> = ["cpu_load", "cpu_user", "flops_any", "ib_cnt", "mem_bw", "mem_used"]
        .map(|name| (name, 60))
        .into();
    metrics.extend([("net_bw", 30), ("node_power", 300), ("nv_temp", 10)]);
    let metrics: Vec<_> =
        metrics.iter().map(|(name, f)| format!("\"{name}\":{}", frequency(f))).collect();
    fs::write(at("m.json"), format!("{{{}}}", metrics.join(","))).unwrap();
    let output = run(&["convert", show(&from), show(&to), "--metrics", show(&at("m.json"))]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));

    // Every line that was sent is a value there, at the slot that takes its time: jitter of up to
    // three seconds is less than half of any interval.
    let (document, _) = json(&["inspect", "--json", show(&to)]);
    let lines = fs::read_to_string(golden("full/b02.wal").with_extension("lp")).unwrap();
    for line in lines.lines() {
        let [key, field, time] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let (metric, tags) = key.split_once(',').unwrap();
        let mut level = &document["root"];
        for (kind, id) in [("type=", "type-id="), ("stype=", "stype-id=")] {
            let tag = |name: &str| tags.split(',').find_map(|tag| tag.strip_prefix(name));
            if let Some(kind) = tag(kind).filter(|kind| *kind != "node") {
                level = &level["children"][format!("{kind}{}", tag(id).unwrap_or_default())];
            }
        }
        let series = &level["metrics"][metric];
        let (start, f) = (series["start"].as_i64().unwrap(), series["frequency"].as_i64().unwrap());
        let slot = (time.parse::<i64>().unwrap() - start + f / 2).div_euclid(f);
        let value = series["data"][usize::try_from(slot).unwrap()].as_f64().unwrap();
        let sent: f64 = field.strip_prefix("value=").unwrap().parse().unwrap();
        assert!((value - sent).abs() <= sent.abs() * 1e-7, "{line}: {value}");
    }
}

#[test]
fn what_takes_more_than_one_snapshot_is_refused_with_its_series() {
    let directory = tempfile::tempdir().unwrap();
    for (second, reason) in [
        (record(90, b"m", &[b"cpu0"], 1.0, 60), "phase"),
        (record(60, b"m", &[b"cpu0"], 1.0, 30), "frequency"),
        (record(60 * 514, b"m", &[b"cpu0"], 1.0, 60), "gap"),
        (record(i64::MAX, b"m", &[b"cpu0"], 1.0, 1), "frequency"),
    ] {
        let path = directory.path().join(format!("{reason}.wal"));
        let first = record(0, b"m", &[b"cpu0"], 1.0, 60);
        fs::write(&path, [&LOG_MAGIC, &first[..], &second].concat()).unwrap();
        let out = directory.path().join("out.bin");
        let output = run(&["convert", show(&path), show(&out)]);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1));
        assert!(error.contains(reason) && error.contains("m [cpu0]"), "{error}");
        assert!(!out.exists());
    }
}

#[test]
fn in_a_log_the_later_record_of_a_slot_wins_and_nan_says_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (log, out) = (directory.path().join("1.wal"), directory.path().join("1.bin"));
    let records = [(120, 3.0), (0, 1.0), (0, 2.0), (0, f32::NAN), (180, f32::NAN)];
    let records = records.map(|(time, value)| record(time, b"m", &[], value, 60)).concat();
    fs::write(&log, [&LOG_MAGIC, &records[..]].concat()).unwrap();
    convert(&log, &out);
    let series = &content(&out)["root"]["metrics"]["m"];
    assert_eq!(series["start"], 0);
    assert_eq!(series["data"], serde_json::json!([2.0, null, 3.0, null]));
}

#[test]
fn damaged_files_and_existing_targets_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("1.bin");
    let torn = golden("payload_len_1MiB.wal");
    let output = run(&["convert", show(&torn), show(&out)]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("repair"));
    fs::write(&out, "mine").unwrap();
    let source = golden("snapshot/long_700.bin");
    assert_eq!(run(&["convert", show(&source), show(&out)]).status.code(), Some(1));
    assert_eq!(fs::read(&out).unwrap(), b"mine");
    let unclear = directory.path().join("x.txt");
    assert_eq!(run(&["convert", show(&source), show(&unclear)]).status.code(), Some(2));
}

/// A name that a snapshot can hold and a log cannot.
#[test]
fn what_the_target_cannot_hold_is_refused_with_its_series() {
    let directory = tempfile::tempdir().unwrap();
    let (json_file, out) = (directory.path().join("1.json"), directory.path().join("1.wal"));
    let name = "x".repeat(256);
    let metrics = r#"{"m":{"frequency":60,"start":0,"data":[1]}}"#;
    let level = format!(r#"{{"metrics":{metrics},"children":null,"from":0,"to":1}}"#);
    let root = format!(r#"{{"metrics":null,"children":{{"{name}":{level}}},"from":0,"to":1}}"#);
    fs::write(&json_file, root).unwrap();
    let output = run(&["convert", show(&json_file), show(&out)]);
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.contains("path element of length 256"), "{error}");
    assert!(!out.exists());
}

/// Each record may be 512 slots behind the last: a hundred thousand of them would be 200 MB.
#[test]
fn a_small_log_does_not_become_a_large_snapshot() {
    let directory = tempfile::tempdir().unwrap();
    let (log, out) = (directory.path().join("1.wal"), directory.path().join("1.bin"));
    let records: Vec<u8> =
        (0..100_000).flat_map(|k| record(60 * 512 * k, b"m", &[], 1.0, 60)).collect();
    fs::write(&log, [&LOG_MAGIC, &records[..]].concat()).unwrap();
    let output = run(&["convert", show(&log), show(&out)]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("hardly a slot has a sample"));
}

#[test]
fn what_a_name_that_stands_twice_hides_is_not_dropped_silently() {
    let directory = tempfile::tempdir().unwrap();
    let (twice, out) = (directory.path().join("1.bin"), directory.path().join("2.json"));
    fs::write(&twice, crate::verify::twins()).unwrap();
    let output = run(&["convert", show(&twice), show(&out)]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("twice"));
    assert!(!out.exists());
}
