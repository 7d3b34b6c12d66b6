//! The Go store's own checkpoints, archived by a run.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::world::{NOW, archived, disk, open, run};

/// Plants the Go store's checkpoints of its example clusters.
fn plant(disk: &checkpointer::disk::sim::SimDisk) -> usize {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../archiver/tests/data/full");
    let mut planted = 0;
    for cluster in ["alpha", "beta"] {
        for host in fs::read_dir(root.join(cluster)).unwrap() {
            let host = host.unwrap().path();
            let name = host.file_name().unwrap().to_str().unwrap().to_owned();
            for file in fs::read_dir(&host).unwrap() {
                let file = file.unwrap().path();
                let file_name = file.file_name().unwrap().to_str().unwrap();
                // The Go store has archived the first checkpoint of each host.
                if file_name.starts_with("1700000118.") {
                    let path = format!("data/{cluster}/{name}/{file_name}");
                    disk.plant(&path, fs::read(&file).unwrap());
                    planted += 1;
                }
            }
        }
    }
    planted
}

/// The rows of the Go store's archive by its own reader: host, metric, scope, scope id, time.
type GoKey = (String, String, String, String, i64);

fn of_the_go_store(cluster: &str) -> BTreeMap<GoKey, Vec<f32>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../archiver/tests/data/full");
    let text = fs::read_to_string(root.join(format!("{cluster}.jsonl"))).unwrap();
    let mut rows: BTreeMap<_, Vec<f32>> = BTreeMap::new();
    for line in text.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| row[key].as_str().unwrap().to_owned();
        let time = row["timestamp"].as_i64().unwrap();
        let key = (text("hostname"), text("metric"), text("scope"), text("scope_id"), time);
        #[expect(clippy::cast_possible_truncation, reason = "the decimal of an f32")]
        let value = row["value"].as_f64().unwrap() as f32;
        rows.entry(key).or_default().push(value);
    }
    rows
}

/// Every row that the Go store archives of these snapshots is archived with its value and time, once;
/// what it archives twice (defect 8) is a JSON checkpoint beside a binary one.
#[test]
fn a_run_archives_the_go_stores_checkpoints_as_it_does_itself_but_each_row_once() {
    let disk = disk(1);
    assert!(plant(&disk) >= 6);
    let store = open(&disk).unwrap();
    let done = run(NOW.unix, &store).unwrap();
    assert_eq!(done.problems, []);
    let ours = archived(&disk).unwrap();
    for cluster in ["alpha", "beta"] {
        let theirs = of_the_go_store(cluster);
        let rows = ours.iter().filter(|(key, _)| key.0 == cluster);
        let mut seen = BTreeMap::new();
        for ((_, host, metric, path, time), bits) in rows {
            let innermost = path.rsplit('/').next().unwrap_or_default();
            let (scope, id) = scope(innermost);
            let key = (host.clone(), metric.clone(), scope, id, *time);
            let values = theirs.get(&key).unwrap_or_else(|| panic!("not theirs: {key:?}"));
            assert!(values.contains(&f32::from_bits(*bits)), "{key:?}: {values:?}");
            *seen.entry(key).or_insert(0) += 1;
        }
        assert_eq!(seen.len(), theirs.len(), "{cluster}: all of theirs");
    }
    let left: Vec<_> = disk.files().into_iter().filter(|path| path.starts_with("data/")).collect();
    assert_eq!(left, [""; 0], "all is archived, so nothing of it stays");
}

fn scope(name: &str) -> (String, String) {
    if name.is_empty() {
        return ("node".into(), String::new());
    }
    let kinds = ["socket", "memoryDomain", "core", "hwthread", "cpu", "accelerator"];
    for kind in kinds {
        if let Some(id) = name.strip_prefix(kind)
            && id.starts_with(|first: char| first.is_ascii_digit())
        {
            let kind = if kind == "cpu" { "hwthread" } else { kind };
            return (kind.into(), id.into());
        }
    }
    (name.into(), String::new())
}
