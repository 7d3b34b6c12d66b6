//! A configuration file, whatever its bytes are: what is wrong with it is told, as text and as JSON,
//! and both say whether it can be used.
#![no_main]
#![expect(clippy::expect_used, reason = "a fuzz target reports by panicking")]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use levelstore::check_config;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tempfile::TempDir;

static DIRECTORY: LazyLock<TempDir> =
    LazyLock::new(|| tempfile::tempdir().expect("a directory for the file"));
static FILE: LazyLock<PathBuf> = LazyLock::new(|| DIRECTORY.path().join("config.json"));

struct RemovedAtTheEnd;

impl Drop for RemovedAtTheEnd {
    fn drop(&mut self) {
        fs::remove_file(&*FILE).expect("it was written");
    }
}

fuzz_target!(|bytes: &[u8]| {
    fs::write(&*FILE, bytes).expect("room for the file");
    // What is written over is flushed at once by some file systems; what is removed, never.
    let _removed = RemovedAtTheEnd;
    let told = |json| {
        let mut told = Vec::new();
        let is_fine = check_config(&FILE, json, &mut told).expect("memory takes everything");
        (is_fine, told)
    };
    let (is_fine, text) = told(false);
    let text = String::from_utf8(text).expect("messages are text");
    let steers = |letter: char| letter.is_control() && letter != '\n';
    assert!(!text.contains(steers), "{text:?}");

    let (is_fine_too, report) = told(true);
    let report: Value = serde_json::from_slice(&report).expect("a report is JSON");
    let problems = report["problems"].as_array().expect("problems are listed");
    assert_eq!((is_fine, is_fine_too), (problems.is_empty(), problems.is_empty()));
    assert!(!is_fine || report["settings"].is_object(), "{report}");
});
