//! `DuckDB`, Polars and pyarrow read the files, and the queries of FORMAT.md work.

use crate::python::{python, run};
use crate::{EVER, Row, archive, bin, insert, options, rows, series};
use serde_json::Value;
use snapshot_format::Tree;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Some hosts with devices, two of a name; quarters, so that sums are exact in any order; and one
/// host of 80,000 values with all their digits.
fn cluster() -> Vec<(&'static str, Vec<crate::Source>)> {
    const START: i64 = 1_700_000_000;
    let quarters = |seed: u16| -> Vec<f32> {
        let value = |slot: u16| f32::from(slot.wrapping_mul(seed) % 400) / 4.0;
        (0..1440).map(|slot| if slot % 101 == 7 { f32::NAN } else { value(slot) }).collect()
    };
    let mut hosts = Vec::new();
    for (seed, host) in [(3, "m0001"), (7, "m0002"), (11, "m0003")] {
        let mut tree = Tree::default();
        let day = |seed| series(60, START, &quarters(seed));
        insert(&mut tree, &[], b"cpu_load", day(seed));
        insert(&mut tree, &[], "temp_°C".as_bytes(), day(seed + 2));
        for (number, socket) in [&b"socket0"[..], b"socket1"].into_iter().enumerate() {
            let seed = seed + 20 * u16::try_from(number).unwrap();
            insert(&mut tree, &[socket], b"mem_bw", day(seed + 4));
            insert(&mut tree, &[socket, b"dimm0"], b"temp", day(seed + 6));
        }
        hosts.push((host, vec![bin(&tree)]));
    }
    let digits = |slot: u32| f32::from_bits(0x4000_0000 | slot.wrapping_mul(0x9E37_79B9) >> 10);
    let mut tree = Tree::default();
    let digits: Vec<f32> = (0..80_000).map(digits).collect();
    insert(&mut tree, &[b"accelerator0"], b"power", series(10, START + 3, &digits));
    hosts.push(("m0004", vec![bin(&tree)]));
    hosts
}

/// CRC-32 (IEEE), bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

/// All fields of all rows, as `engines.py` writes them.
fn checksum(rows: &[Row]) -> u32 {
    let mut text = String::new();
    for row in rows {
        let names = [&row.cluster, &row.hostname, &row.metric, &row.scope, &row.scope_id];
        let names = names.map(String::as_str).join("|");
        let (path, time) = (row.path.as_ref().unwrap(), row.timestamp);
        let millis = time * 1000;
        writeln!(text, "{names}|{path}|{time}|{}|{}|{millis}", row.frequency, row.bits).unwrap();
    }
    crc32(text.as_bytes())
}

#[test]
fn duckdb_polars_and_pyarrow_read_every_row_and_the_queries_of_the_format_run() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("archive-read");
    fs::create_dir_all(folder.join("archive/emmy")).unwrap();
    let path = folder.join("archive/emmy/1700000000.parquet");
    let (file, receipt) = archive("emmy", &cluster(), &EVER, options(100_000));
    fs::write(&path, &file).unwrap();
    let rows = rows(&file);
    assert!(receipt.row_groups() > 1 && rows.len() > 100_000);

    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = &mut Command::new(python());
    script.current_dir(&folder).arg(root.join("tests/it/engines.py"));
    let output = run(script.arg(&path).arg(root.join("FORMAT.md")), "read the archive");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();

    let sum: f64 = rows.iter().map(|row| f64::from(f32::from_bits(row.bits))).sum();
    for (engine, told) in told["engines"].as_object().unwrap() {
        assert_eq!(told["rows"], rows.len(), "{engine}");
        assert_eq!(told["engine_rows"], rows.len(), "{engine}");
        let timestamps: i64 = rows.iter().map(|row| row.timestamp).sum();
        assert_eq!(told["timestamps"], timestamps, "{engine}");
        assert_eq!(told["crc32"], checksum(&rows), "{engine}");
        for key in ["sum", "engine_sum"] {
            assert!((told[key].as_f64().unwrap() - sum).abs() <= sum * 1e-12, "{engine}: {key}");
        }
    }
    let pyarrow = &told["engines"]["pyarrow"];
    assert_eq!(pyarrow["time_type"], "timestamp[ms, tz=UTC]");
    let sorted = ["cluster", "hostname", "metric", "scope", "scope_id", "path", "timestamp"];
    assert_eq!(pyarrow["sorting_columns"], serde_json::json!(sorted));
    queries_give_what_the_rows_say(&told, &rows);
}

fn queries_give_what_the_rows_say(told: &Value, rows: &[Row]) {
    let of = |host: &str, metric: &str| {
        let chosen = rows.iter().filter(|row| row.hostname == host && row.metric == metric);
        chosen.cloned().collect::<Vec<_>>()
    };
    let day = of("m0001", "cpu_load").len();
    let [one_day, hourly, dimms] = &told["queries"].as_array().unwrap()[..] else { panic!() };
    assert_eq!(one_day.as_array().unwrap().len(), day);
    // The day begins at 22:13:20: it has parts of 25 hours of the clock.
    assert_eq!(hourly.as_array().unwrap().len(), 3 * 25);
    assert_eq!(told["frames"], serde_json::json!({"day": day, "hourly": 3 * 25}));
    let mut expected = Vec::new();
    for host in ["m0001", "m0002", "m0003"] {
        for path in ["socket0/dimm0", "socket1/dimm0"] {
            let of_path =
                of(host, "temp").into_iter().filter(|row| row.path.as_deref() == Some(path));
            let hottest = of_path.map(|row| f32::from_bits(row.bits)).fold(0.0, f32::max);
            expected.push(serde_json::json!([host, path, format!("{hottest:?}")]));
        }
    }
    assert_eq!(*dimms, Value::Array(expected));
}
