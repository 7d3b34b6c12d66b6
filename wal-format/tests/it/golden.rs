//! Files written by the Go store, and what its own code found in them.

use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use wal_format::{Cause, DecodeError, End, Found, Located, NamesBuf, Record, Scan, Verdict};
use wal_format::{Gap, SegmentWriter};

fn data(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn manifest() -> Value {
    serde_json::from_slice(&data("manifest.json")).unwrap()
}

fn files(manifest: &Value) -> impl Iterator<Item = (&String, &Value)> {
    manifest["files"].as_object().unwrap().iter()
}

fn located<'a>(scan: &mut Scan<'a>) -> Vec<Located<'a>> {
    let record = |found| match found {
        Found::Record(located) => Some(located),
        Found::Damaged(_) => None,
    };
    scan.by_ref().filter_map(record).collect()
}

fn bits(value: &Value) -> u32 {
    u32::from_str_radix(value["f32_bits"].as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
}

fn path(value: &Value) -> impl Iterator<Item = &str> {
    value["selector"].as_array().unwrap().iter().map(|element| element.as_str().unwrap())
}

fn assert_same(located: &Located<'_>, expected: &Value, file: &str) {
    let record = located.record;
    assert_eq!(located.offset, expected["offset"].as_u64().unwrap(), "{file}");
    assert_eq!(located.bytes.len() as u64, expected["length"].as_u64().unwrap(), "{file}");
    assert_eq!(record.timestamp, expected["timestamp"].as_i64().unwrap(), "{file}");
    assert_eq!(record.names.metric(), expected["metric"].as_str().unwrap().as_bytes(), "{file}");
    assert!(record.names.path().eq(path(expected).map(str::as_bytes)), "{file}");
    assert_eq!(record.value.to_bits(), bits(expected), "{file}");
}

#[test]
fn what_the_go_store_read_is_read_and_more_behind_damage() {
    for (name, expected) in files(&manifest()) {
        let log = data(name);
        let mut scan = Scan::new(&log);
        let found = located(&mut scan);
        let known = expected["records"].as_array().unwrap();
        assert!(found.len() >= known.len(), "{name}");
        for (located, expected) in found.iter().zip(known) {
            assert_same(located, expected, name);
        }
        let whole = expected["stop_error"] == "" && expected["header_error"] == "";
        if whole {
            assert_eq!(found.len(), known.len(), "{name}");
        }
        assert_eq!(scan.end() == Some(End::Clean) && scan.tally().gaps == 0, whole, "{name}");
    }
}

#[test]
fn damaged_files_get_their_verdict() {
    let gap = |offset, bytes, cause| Gap { offset, bytes, cause };
    let expected = [
        ("bad_file_magic.wal", Verdict::Damaged(gap(0, 4, Cause::FileHeader)), 6),
        (
            "bad_record_magic_middle.wal",
            Verdict::Damaged(gap(88, 28, Cause::Record(DecodeError::Magic(0xCC1D_A7A0)))),
            5,
        ),
        (
            "crc_flip_middle.wal",
            Verdict::Damaged(gap(60, 28, Cause::Record(DecodeError::Checksum))),
            5,
        ),
        (
            "payload_len_1MiB.wal",
            Verdict::Torn(gap(4, 72, Cause::Record(DecodeError::Truncated))),
            0,
        ),
        (
            "payload_len_over_1MiB.wal",
            Verdict::Torn(gap(4, 76, Cause::Record(DecodeError::PayloadLen(1_048_577)))),
            0,
        ),
        (
            "payload_short.wal",
            Verdict::Damaged(gap(4, 26, Cause::Record(DecodeError::PayloadLen(14)))),
            1,
        ),
    ];
    for (name, verdict, records) in expected {
        let log = data(name);
        let mut scan = Scan::new(&log);
        assert_eq!(located(&mut scan).len(), records, "{name}");
        assert_eq!(scan.verdict(), Some(verdict), "{name}");
    }
}

#[test]
fn what_is_encoded_from_the_manifest_is_the_go_stores_bytes() {
    // Not reproducible: what the Go store never writes, or writes only by a cut-off length.
    let not_ours = ["metric_overflow.wal", "payload_trailing_bytes.wal", "selector_overflow.wal"];
    let mut checked = 0;
    for (name, expected) in files(&manifest()) {
        let whole = expected["stop_error"] == "" && expected["header_error"] == "";
        if !whole || name == "empty.wal" || not_ours.contains(&name.as_str()) {
            continue;
        }
        let mut writer = SegmentWriter::new(Vec::new()).unwrap();
        for record in expected["records"].as_array().unwrap() {
            let names = NamesBuf::new(record["metric"].as_str().unwrap(), path(record)).unwrap();
            let timestamp = record["timestamp"].as_i64().unwrap();
            let value = f32::from_bits(bits(record));
            let names = names.as_names();
            writer.write(&Record { names, timestamp, value, frequency: None }).unwrap();
        }
        assert_eq!(writer.into_inner(), data(name), "{name}");
        checked += 1;
    }
    assert_eq!(checked, 6);
}

/// Of `three.wal`, where its records begin, and where it ends.
const THREE: [usize; 4] = [4, 39, 82, 132];

#[test]
fn every_truncation_keeps_the_records_before_it() {
    let log = data("three.wal");
    for case in manifest()["three_truncated_to"].as_array().unwrap() {
        let len = usize::try_from(case["length"].as_u64().unwrap()).unwrap();
        let mut scan = Scan::new(&log[..len]);
        assert_eq!(located(&mut scan).len() as u64, case["records"].as_u64().unwrap(), "{len}");
        let whole = len == 0 || THREE.contains(&len);
        let from = THREE.iter().rev().find(|&&start| start <= len).copied().unwrap_or(0);
        match scan.verdict().unwrap() {
            Verdict::Clean => assert!(whole, "{len}"),
            Verdict::Torn(gap) => {
                assert!(!whole, "{len}");
                assert_eq!((gap.offset, gap.bytes), (from as u64, (len - from) as u64));
            }
            verdict => panic!("{len}: {verdict:?}"),
        }
    }
}

#[test]
fn every_changed_byte_costs_its_record_alone() {
    let log = data("three.wal");
    for case in manifest()["three_byte_xor_01"].as_array().unwrap() {
        let offset = usize::try_from(case["offset"].as_u64().unwrap()).unwrap();
        let mut damaged = log.clone();
        damaged[offset] ^= 1;
        let mut scan = Scan::new(&damaged);
        let found = located(&mut scan);

        // The Go store stops at the damage; up to there both must agree.
        let before = case["records"].as_u64().unwrap();
        let broken = THREE.iter().rposition(|&start| start <= offset);
        let verdict = scan.verdict().unwrap();
        match broken {
            None => {
                assert_eq!((found.len(), before), (3, 0));
                assert!(
                    matches!(verdict, Verdict::Damaged(gap) if (gap.offset, gap.bytes) == (0, 4))
                );
            }
            Some(k) => {
                assert_eq!((found.len(), before), (2, k as u64), "{offset}");
                assert!(found.iter().all(|located| located.offset != THREE[k] as u64));
                let (Verdict::Damaged(gap) | Verdict::Torn(gap)) = verdict else {
                    panic!("{offset}")
                };
                assert_eq!(matches!(verdict, Verdict::Torn(_)), k == 2, "{offset}");
                let expected = (THREE[k] as u64, (THREE[k + 1] - THREE[k]) as u64);
                assert_eq!((gap.offset, gap.bytes), expected, "{offset}");
            }
        }
    }
}

/// The name below the host that the Go store makes of a line's tags.
fn element(tags: &[(&str, &str)], kind: &str, id: &str) -> Option<String> {
    let tag = |name| tags.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
    let kind = tag(kind).filter(|kind| *kind != "node")?;
    Some(format!("{kind}{}", tag(id).unwrap_or_default()))
}

#[test]
fn logs_of_a_running_go_store_hold_the_lines_that_it_got() {
    for host in ["a01", "a02", "a03", "b01", "b02"] {
        let log = data(&format!("full/{host}.wal"));
        let lines = String::from_utf8(data(&format!("full/{host}.lp"))).unwrap();
        let mut scan = Scan::new(&log);
        let found = located(&mut scan);
        assert_eq!(found.len(), lines.lines().count(), "{host}");
        for (line, located) in lines.lines().zip(found) {
            let [key, field, time] = line.split(' ').collect::<Vec<_>>()[..] else {
                panic!("{line}")
            };
            let (metric, tags) = key.split_once(',').unwrap();
            let tags: Vec<_> = tags.split(',').map(|tag| tag.split_once('=').unwrap()).collect();
            let path = [element(&tags, "type", "type-id"), element(&tags, "stype", "stype-id")];
            let names = NamesBuf::new(metric, path.into_iter().flatten()).unwrap();
            let value = field.strip_prefix("value=").unwrap().parse::<f64>().unwrap();
            #[expect(clippy::cast_possible_truncation, reason = "what the Go store does")]
            let value = value as f32;
            let timestamp = time.parse().unwrap();
            let expected = Record { names: names.as_names(), timestamp, value, frequency: None };
            assert_eq!(located.record, expected, "{host}: {line}");
        }
        let torn = matches!(scan.verdict(), Some(Verdict::Torn(gap)) if gap.bytes == 28);
        assert_eq!(torn, host == "a03");
    }
}
