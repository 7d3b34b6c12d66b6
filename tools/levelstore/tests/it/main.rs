//! The program as its users run it: arguments in, documents, exit codes and files out.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod archive;
mod config;
mod convert;
mod dump;
mod engines;
mod estimate;
mod filled;
#[path = "gen.rs"]
mod generate;
mod import;
mod inspect;
mod load;
#[path = "../../../../archiver/tests/it/python.rs"]
mod python;
mod query;
mod read_back;
mod repair;
mod serve;
mod settle;
mod verify;

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A file written by the Go store.
fn golden(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let crates = if name.contains(".wal") { "wal-format" } else { "snapshot-format" };
    root.join(crates).join("tests/data").join(name)
}

/// A data directory of the Go store, and what its own code says of it.
fn full(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/full").join(name)
}

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_levelstore")).args(arguments).output().unwrap()
}

fn text(output: &Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!error.contains("panicked"), "{error}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The one JSON document that is printed, and the exit code.
fn json(arguments: &[&str]) -> (Value, i32) {
    let output = run(arguments);
    let text = text(&output);
    let document = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    (document, output.status.code().unwrap())
}

fn show(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A record of the log, laid out by hand.
fn record(time: i64, metric: &[u8], path: &[&[u8]], value: f32, frequency: u32) -> Vec<u8> {
    let mut payload = time.to_le_bytes().to_vec();
    payload.extend(u16::try_from(metric.len()).unwrap().to_le_bytes());
    payload.extend(metric);
    payload.push(u8::try_from(path.len()).unwrap());
    for element in path {
        payload.push(u8::try_from(element.len()).unwrap());
        payload.extend(*element);
    }
    payload.extend(value.to_bits().to_le_bytes());
    if frequency > 0 {
        payload.extend(frequency.to_le_bytes());
    }
    let len = u32::try_from(payload.len()).unwrap().to_le_bytes();
    let checksum = crc32(&payload).to_le_bytes();
    [&[0xA1, 0xA7, 0x1D, 0xCC], &len[..], &payload, &checksum].concat()
}

/// CRC-32 (IEEE), bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

const LOG_MAGIC: [u8; 4] = [0x01, 0xA7, 0x1D, 0xCC];
