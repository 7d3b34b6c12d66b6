//! `verify` finds every fault, and names its path and offset.

use crate::{golden, json, show};
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
