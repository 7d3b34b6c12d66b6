//! `repair` saves what can be saved, elsewhere, and says what is lost.

use crate::{golden, json, run, show};
use std::fs;
use std::path::Path;

fn inspect(path: &Path) -> serde_json::Value {
    let (document, code) = json(&["inspect", "--json", show(path)]);
    assert_eq!(code, 0, "what was repaired is whole: {document}");
    document
}

#[test]
fn a_log_keeps_its_valid_records_byte_for_byte() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("new.wal");
    let damaged = golden("crc_flip_middle.wal");
    let before = fs::read(&damaged).unwrap();
    let (document, code) = json(&["repair", show(&damaged), "--out", show(&out), "--json"]);
    assert_eq!(code, 1, "something was lost");
    assert_eq!(document["files"][0]["saved"], 5);
    assert_eq!(document["problems"][0]["offset"], 60);
    assert_eq!(fs::read(&out).unwrap(), [&before[..60], &before[88..]].concat());
    assert_eq!(fs::read(&damaged).unwrap(), before, "never in place");
    assert_eq!(inspect(&out)["records"].as_array().unwrap().len(), 5);
}

#[test]
fn a_whole_file_is_repaired_without_loss() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["three.wal", "snapshot/long_700.bin", "snapshot/long_700.json"] {
        let out = directory.path().join(Path::new(name).file_name().unwrap());
        let (document, code) =
            json(&["repair", show(&golden(name)), "--out", show(&out), "--json"]);
        assert_eq!(code, 0, "{document}");
        assert_eq!(fs::read(&out).unwrap(), fs::read(golden(name)).unwrap(), "byte for byte");
    }
}

#[test]
fn a_cut_snapshot_keeps_the_values_before_the_cut() {
    let directory = tempfile::tempdir().unwrap();
    for (name, len) in [("long_700.bin", 1000), ("long_700.json", 1000)] {
        let cut = directory.path().join(format!("cut.{name}"));
        let bytes = fs::read(golden(&format!("snapshot/{name}"))).unwrap();
        fs::write(&cut, &bytes[..len]).unwrap();
        let out = directory.path().join(format!("new.{name}"));
        let (document, code) = json(&["repair", show(&cut), "--out", show(&out), "--json"]);
        assert_eq!(code, 1);
        let saved = usize::try_from(document["files"][0]["saved"].as_u64().unwrap()).unwrap();
        assert!(saved > 100, "{document}");
        let whole = inspect(&golden(&format!("snapshot/{name}")));
        let metrics = whole["root"]["metrics"].as_object().unwrap();
        let (metric, series) = metrics.iter().next().unwrap();
        let kept = &inspect(&out)["root"]["metrics"][metric];
        assert_eq!(kept["start"], series["start"]);
        let (kept, all) = (kept["data"].as_array().unwrap(), series["data"].as_array().unwrap());
        assert_eq!(kept.len(), saved);
        assert_eq!(kept[..], all[..saved]);
    }
}

#[test]
fn nothing_is_overwritten_and_nothing_is_written_into_the_source() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("there.wal");
    fs::write(&out, "mine").unwrap();
    assert_eq!(
        run(&["repair", show(&golden("three.wal")), "--out", show(&out)]).status.code(),
        Some(1)
    );
    assert_eq!(fs::read(&out).unwrap(), b"mine");

    let source = directory.path().join("source");
    fs::create_dir(&source).unwrap();
    fs::copy(golden("three.wal"), source.join("1.wal")).unwrap();
    let inside = source.join("inside");
    assert_eq!(run(&["repair", show(&source), "--out", show(&inside)]).status.code(), Some(1));
    let full = directory.path();
    assert_eq!(run(&["repair", show(&source), "--out", show(full)]).status.code(), Some(1));
}

#[test]
fn a_directory_is_repaired_file_by_file() {
    let directory = tempfile::tempdir().unwrap();
    let host = directory.path().join("in/alpha/a01");
    fs::create_dir_all(&host).unwrap();
    fs::copy(golden("crc_flip_middle.wal"), host.join("current.wal")).unwrap();
    fs::copy(golden("snapshot/long_700.bin"), host.join("1.bin")).unwrap();
    fs::write(host.join("2.bin"), "").unwrap();
    fs::write(host.join("3.wal"), "no log").unwrap();
    let (source, out) = (directory.path().join("in"), directory.path().join("out"));
    let (document, code) = json(&["repair", show(&source), "--out", show(&out), "--json"]);
    assert_eq!(code, 1);
    assert_eq!(document["problems"].as_array().unwrap().len(), 3, "{document}");
    assert!(out.join("alpha/a01/current.wal").exists());
    assert!(out.join("alpha/a01/1.bin").exists());
    assert!(!out.join("alpha/a01/2.bin").exists());
    assert!(!out.join("alpha/a01/3.wal").exists());
    let (document, code) = json(&["verify", "--json", show(&out)]);
    assert_eq!((document["checked"].as_u64(), code), (Some(2), 0));
}

#[test]
fn what_was_set_aside_is_listed_and_can_be_repaired_by_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let source = directory.path().join("in");
    fs::create_dir(&source).unwrap();
    for name in ["1.wal.damaged", "2.bin.corrupt.1", "3.bin.tmp", "notes.txt"] {
        fs::copy(golden("crc_flip_middle.wal"), source.join(name)).unwrap();
    }
    let out = directory.path().join("out");
    let (document, code) = json(&["repair", show(&source), "--out", show(&out), "--json"]);
    assert_eq!((document["left_out"].as_array().unwrap().len(), code), (3, 0));
    let one = directory.path().join("1.wal");
    let damaged = source.join("1.wal.damaged");
    let (document, code) = json(&["repair", show(&damaged), "--out", show(&one), "--json"]);
    assert_eq!((document["files"][0]["saved"].as_u64(), code), (Some(5), 1));
}

#[test]
fn of_twins_the_first_is_counted_as_lost() {
    let directory = tempfile::tempdir().unwrap();
    let (source, out) = (directory.path().join("1.bin"), directory.path().join("2.bin"));
    fs::write(&source, crate::verify::twins()).unwrap();
    let (document, code) = json(&["repair", show(&source), "--out", show(&out), "--json"]);
    let file = &document["files"][0];
    assert_eq!((file["saved"].as_u64(), file["lost_values"].as_u64()), (Some(1), Some(1)));
    assert_eq!(code, 1);
}
