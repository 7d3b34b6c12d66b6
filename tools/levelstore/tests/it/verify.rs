//! `verify` finds every fault, and names its path and offset.

use crate::filled::{fill, generated};
use crate::{full, golden, json, show};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

fn problems(document: &Value) -> Vec<(String, Option<u64>)> {
    let problem = |one: &Value| {
        let path = Path::new(one["path"].as_str().unwrap());
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, one["offset"].as_u64())
    };
    document["problems"].as_array().unwrap().iter().map(problem).collect()
}

#[test]
fn a_directory_of_the_go_store_has_one_torn_log() {
    let directory = tempfile::tempdir().unwrap();
    let hosts = directory.path().join("alpha");
    for host in ["a01", "a02", "a03"] {
        fs::create_dir_all(hosts.join(host)).unwrap();
        fs::copy(golden(&format!("full/{host}.wal")), hosts.join(host).join("current.wal"))
            .unwrap();
        fs::copy(golden("snapshot/long_700.bin"), hosts.join(host).join("1700000118.bin")).unwrap();
        fs::write(hosts.join(host).join("notes.txt"), "no data").unwrap();
        fs::write(hosts.join(host).join("1700004334.bin.tmp"), "half").unwrap();
    }
    let (document, code) = json(&["verify", "--json", show(directory.path())]);
    assert_eq!((document["checked"].as_u64(), code), (Some(6), 1));
    assert_eq!(problems(&document), [("current.wal".into(), Some(29_479))]);
    fs::remove_file(hosts.join("a03/current.wal")).unwrap();
    let (document, code) = json(&["verify", "--json", show(directory.path())]);
    assert_eq!((document["checked"].as_u64(), code), (Some(5), 0));
}

#[test]
fn every_kind_of_file_has_its_faults_told() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let bin = fs::read(golden("snapshot/metrics_only.bin")).unwrap();
    fs::write(at("1.bin"), &bin[..bin.len() - 4]).unwrap();
    fs::write(at("2.bin"), "").unwrap();
    fs::write(at("3.bin"), [&bin[..], b"behind"].concat()).unwrap();
    let json_text = fs::read(golden("snapshot/metrics_only.json")).unwrap();
    fs::write(at("4.json"), &json_text[..50]).unwrap();
    fs::write(at("5.json"), "").unwrap();
    fs::write(at("6.wal"), "no log").unwrap();
    fs::write(at("7.wal"), [0; 3]).unwrap();
    fs::copy(golden("crc_flip_middle.wal"), at("8.wal")).unwrap();
    let (document, code) = json(&["verify", "--json", show(directory.path())]);
    assert_eq!((document["checked"].as_u64(), code), (Some(8), 1));
    let found = problems(&document);
    let names: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["1.bin", "2.bin", "3.bin", "4.json", "5.json", "6.wal", "7.wal", "8.wal"]);
    assert_eq!(found[2].1, Some(bin.len() as u64));
    assert_eq!(found[3].1, Some(50));
    assert_eq!(found[7].1, Some(60));
}

#[test]
fn links_are_told_and_not_followed() {
    let directory = tempfile::tempdir().unwrap();
    symlink(directory.path(), directory.path().join("round")).unwrap();
    symlink("/etc/passwd", directory.path().join("1.bin")).unwrap();
    symlink("/etc/passwd", directory.path().join("README")).unwrap();
    let (document, code) = json(&["verify", "--json", show(directory.path())]);
    assert_eq!((document["checked"].as_u64(), code), (Some(0), 1));
    assert_eq!(problems(&document).len(), 2);
}

#[test]
fn a_missing_file_is_a_problem_and_hides_none() {
    let good = golden("three.wal");
    let (document, code) = json(&["verify", "--json", "no-such.wal", show(&good)]);
    assert_eq!((document["checked"].as_u64(), code), (Some(2), 1));
    assert_eq!(problems(&document), [("no-such.wal".into(), None)]);
}

/// Two series and two levels of the same name, by hand.
pub(crate) fn twins() -> Vec<u8> {
    let mut bytes = 0xCC5B_0001_u32.to_le_bytes().to_vec();
    bytes.extend([0; 16]);
    bytes.extend(2_u32.to_le_bytes());
    for start in [0_i64, 600] {
        bytes.extend(b"\x01\0a");
        bytes.extend(60_i64.to_le_bytes());
        bytes.extend(start.to_le_bytes());
        bytes.extend(1_u32.to_le_bytes());
        bytes.extend(1_f32.to_le_bytes());
    }
    bytes.extend(2_u32.to_le_bytes());
    for _ in 0..2 {
        bytes.extend(b"\x01\0c");
        bytes.extend([0; 8]);
    }
    bytes
}

#[test]
fn names_that_stand_twice_are_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("1.bin");
    fs::write(&path, twins()).unwrap();
    let (document, code) = json(&["verify", "--json", show(&path)]);
    assert_eq!(code, 1);
    let problem = document["problems"][0]["problem"].as_str().unwrap();
    assert!(problem.contains("1 levels, 1 series, 1 values"), "{problem}");
}

/// Every file of that ending is ours, and has one.
#[test]
fn a_late_snapshot_without_its_trailer_is_cut() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("1.late");
    fs::copy(golden("snapshot/metrics_only.bin"), &path).unwrap();
    let (document, code) = json(&["verify", "--json", show(&path)]);
    assert_eq!((code, problems(&document)), (1, vec![("1.late".into(), Some(116))]));
}

#[test]
fn json_that_is_no_checkpoint_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("1.json");
    fs::write(&path, r#"{"files":{}}"#).unwrap();
    assert_eq!(json(&["verify", "--json", show(&path)]).1, 1);
}

#[test]
fn names_of_files_cannot_steer_a_terminal() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("\x1b[2J\n1.bin");
    fs::write(&path, "").unwrap();
    for arguments in [&["verify", show(&path)][..], &["inspect", show(&path)]] {
        let text = crate::text(&crate::run(arguments));
        assert!(!text.contains('\x1b'), "{text:?}");
    }
}

fn notes(document: &Value) -> Vec<String> {
    let name = |one: &Value| {
        let path = Path::new(one["path"].as_str().unwrap());
        path.file_name().unwrap().to_string_lossy().into_owned()
    };
    document["notes"].as_array().unwrap().iter().map(name).collect()
}

#[test]
fn the_files_of_the_go_store_are_in_order_but_for_the_torn_log() {
    let (document, code) = json(&["verify", "--json", show(&full("checkpoints"))]);
    assert_eq!((document["checked"].as_u64(), code), (Some(18), 1));
    assert_eq!(problems(&document), [("current.wal".into(), Some(29_479))]);
    assert_eq!(notes(&document), ["1690000000_60", "1700004334.bin.tmp", "notes.txt"]);
}

/// A data directory with one host, and in it the files of these names.
fn host_with(names: &[&str]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let host = directory.path().join("alpha/a01");
    fs::create_dir_all(&host).unwrap();
    for name in names {
        let content = match name.rsplit_once('.').unwrap().1 {
            "wal" => golden("three.wal"),
            "json" => golden("snapshot/metrics_only.json"),
            _ => golden("snapshot/metrics_only.bin"),
        };
        fs::copy(content, host.join(name)).unwrap();
    }
    directory
}

#[test]
fn every_name_that_a_start_would_not_read_is_a_problem() {
    let good = ["1.bin", "-5.json", "1700000000.bin", "current.wal", "00000000000000000007.wal"];
    let directory = host_with(&good);
    let (document, code) = json(&["verify", "--json", show(directory.path())]);
    assert_eq!((code, notes(&document).len()), (0, 0), "{document}");
    for bad in [
        "x.bin",
        "1e3.bin",
        ".bin",
        "99999999999999999999.bin",
        "x.json",
        "7.wal",
        "old.wal",
        "0000000000000000007.wal",
        "99999999999999999999.wal",
    ] {
        let directory = host_with(&[bad, "1.bin"]);
        let (document, code) = json(&["verify", "--json", show(directory.path())]);
        assert_eq!((code, problems(&document)), (1, vec![(bad.into(), None)]), "{document}");
    }
    for noted in ["2.bin.tmp", "1.bin.corrupt.1", "00000000000000000007.wal.damaged", "notes.txt"] {
        let directory = host_with(&[noted, "1.bin"]);
        let (document, code) = json(&["verify", "--json", show(directory.path())]);
        assert_eq!((code, notes(&document)), (0, vec![noted.to_owned()]), "{document}");
    }
}

#[test]
fn above_the_hosts_there_are_only_directories_and_below_them_no_data() {
    for stray in ["plan", "alpha/plan", "alpha/a01/deep/1.bin", "2.bin"] {
        let directory = host_with(&["1.bin"]);
        let path = directory.path().join(stray);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy(golden("snapshot/metrics_only.bin"), &path).unwrap();
        let (document, code) = json(&["verify", "--json", show(directory.path())]);
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert_eq!((code, problems(&document)), (1, vec![(name, None)]), "{stray}: {document}");
    }
    // A cluster alone, and a host alone, are recognised.
    let directory = host_with(&["1.bin"]);
    fs::write(directory.path().join("alpha/plan"), "").unwrap();
    let alpha = directory.path().join("alpha");
    let (document, _) = json(&["verify", "--json", show(&alpha)]);
    assert_eq!(problems(&document), [("plan".into(), None)]);
    assert_eq!(json(&["verify", "--json", show(&alpha.join("a01"))]).1, 0);
}

/// A snapshot of one series, by hand: the Go store's, so without a trailer.
fn snapshot(start: i64) -> Vec<u8> {
    let mut bytes = 0xCC5B_0001_u32.to_le_bytes().to_vec();
    bytes.extend(start.to_le_bytes());
    bytes.extend((start + 1).to_le_bytes());
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend(b"\x04\0load");
    bytes.extend(60_i64.to_le_bytes());
    bytes.extend(start.to_le_bytes());
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend(1_f32.to_le_bytes());
    bytes.extend(0_u32.to_le_bytes());
    bytes
}

#[test]
fn a_series_that_begins_earlier_in_a_later_file_keeps_the_go_store_from_starting() {
    for (first, second, code) in [(600, 660, 0), (600, 600, 0), (600, 540, 1)] {
        let directory = host_with(&[]);
        // By number, not by letter.
        fs::write(directory.path().join("alpha/a01/900.bin"), snapshot(first)).unwrap();
        fs::write(directory.path().join("alpha/a01/1000.bin"), snapshot(second)).unwrap();
        let (document, found) = json(&["verify", "--json", show(directory.path())]);
        assert_eq!(found, code, "{document}");
        if code == 1 {
            assert_eq!(problems(&document), [("1000.bin".into(), None)]);
        }
    }
}

#[test]
fn a_covered_segment_that_was_left_is_noted_and_what_the_engine_writes_is_in_order() {
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path(), &generated(1, 3, &[]));
    let clean = json(&["verify", "--json", show(directory.path())]);
    assert_eq!((clean.1, notes(&clean.0).len()), (0, 0), "{}", clean.0);
    let host = directory.path().join("sim/n00001");
    fs::copy(golden("three.wal"), host.join("00000000000000000001.wal")).unwrap();
    let (document, code) = json(&["verify", "--json", show(directory.path())]);
    assert_eq!((code, notes(&document)), (0, vec!["00000000000000000001.wal".to_owned()]));
}

/// An archive file by the Go store.
const ARCHIVE: &str = "../../archiver/tests/data/full/alpha.parquet";

#[test]
fn an_archive_is_read_to_its_last_page_and_repaired_only_as_a_whole() {
    let directory = tempfile::tempdir().unwrap();
    let (path, out) = (directory.path().join("1.parquet"), directory.path().join("out"));
    let bytes = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(ARCHIVE)).unwrap();
    fs::write(&path, &bytes).unwrap();
    let (document, code) = json(&["verify", "--json", show(directory.path())]);
    assert_eq!((document["checked"].as_u64(), code), (Some(1), 0), "{document}");
    let (_, code) = json(&["repair", "--json", show(&path), "--out", show(&out)]);
    assert_eq!((code, fs::read(&out).unwrap() == bytes), (0, true));
    fs::remove_file(&out).unwrap();

    for damage in [&bytes[..bytes.len() - 1], &bytes[..100], b"", b"PAR1"] {
        fs::write(&path, damage).unwrap();
        let (document, code) = json(&["verify", "--json", show(directory.path())]);
        assert_eq!((code, problems(&document)), (1, vec![("1.parquet".into(), None)]));
        let (repaired, code) = json(&["repair", "--json", show(&path), "--out", show(&out)]);
        assert_eq!((code, repaired["files"][0]["out"].is_null(), out.exists()), (1, true, false));
    }
}

#[test]
fn inspect_of_a_directory_shows_all_files_with_data_in_it() {
    let output = crate::run(&["inspect", "--json", show(&full("checkpoints/alpha"))]);
    let text = crate::text(&output);
    assert_eq!(text.lines().count(), 10);
    for line in text.lines() {
        let document: Value = serde_json::from_str(line).unwrap();
        assert!(matches!(document["kind"].as_str(), Some("wal" | "snapshot")), "{line}");
    }
}
