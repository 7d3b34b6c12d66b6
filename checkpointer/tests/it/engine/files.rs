//! What must hold of the files at every moment: whatever happens, the Go store can load them, and a
//! snapshot that has its name is whole. Rules on names and bytes, of nobody's code but the reader's.

use std::collections::BTreeMap;

use checkpointer::disk::sim::SimDisk;
use snapshot_format::{Event, Integrity, Snapshot, read_json};

/// A series in a file.
struct Part {
    series: String,
    start: i64,
    /// The last slot's time + 1.
    end: i64,
}

pub(crate) fn check_files(disk: &SimDisk) -> Result<(), String> {
    let mut hosts: BTreeMap<String, Vec<(i64, String)>> = BTreeMap::new();
    for path in disk.files() {
        let [cluster, host, name] = path.split('/').collect::<Vec<_>>()[..] else {
            return Err(format!("{path}: only directories belong above the hosts"));
        };
        check_name(name).map_err(|why| format!("{path}: {why}"))?;
        let snapshots = hosts.entry(format!("{cluster}/{host}")).or_default();
        if let Some((number, "bin" | "late" | "json")) = name.split_once('.') {
            snapshots.push((number.parse().unwrap(), path));
        }
    }
    for snapshots in hosts.values_mut() {
        snapshots.sort();
        check_host(disk, snapshots)?;
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), &'static str> {
    if matches!(name, "current.wal" | "current.wal.tmp") {
        return Ok(());
    }
    let (number, ending) = name.split_once('.').ok_or("a name without an ending")?;
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("no number in front");
    }
    let (kind, rest) = ending.split_once('.').unwrap_or((ending, ""));
    let is_rest_known = match kind {
        "wal" if number.len() != 20 => return Err("a segment without twenty digits"),
        "wal" => matches!(rest, "" | "tmp" | "damaged" | "damaged.tmp" | "unknown"),
        "bin" | "late" => matches!(rest, "" | "tmp"),
        "json" => rest.is_empty(),
        _ => false,
    };
    if is_rest_known { Ok(()) } else { Err("no name that there can be") }
}

/// Each series starts in a later `.bin` where its part in earlier ones ends, or behind it.
fn check_host(disk: &SimDisk, snapshots: &[(i64, String)]) -> Result<(), String> {
    let mut ends: BTreeMap<String, i64> = BTreeMap::new();
    for (_, path) in snapshots {
        let kind = path.rsplit_once('.').map_or("", |(_, kind)| kind);
        let bytes = disk.peek(path).unwrap();
        let (is_ours, parts) = if kind == "json" {
            (false, json_parts(path, &bytes)?)
        } else {
            check_whole(path, &bytes)?
        };
        if kind == "late" {
            continue;
        }
        for part in parts {
            let end = ends.get(&part.series).copied().unwrap_or(i64::MIN);
            if is_ours && part.start < end {
                let (series, start) = (part.series, part.start);
                return Err(format!("{path}: {series} begins at {start}, but ended at {end}"));
            }
            ends.insert(part.series, part.end.max(end));
        }
    }
    Ok(())
}

fn json_parts(path: &str, bytes: &[u8]) -> Result<Vec<Part>, String> {
    let tree = read_json(bytes).map_err(|error| format!("{path}: {error}"))?;
    let (mut parts, mut levels) = (Vec::new(), vec![(String::new(), &tree.root)]);
    while let Some((names, level)) = levels.pop() {
        for (name, series) in &level.metrics {
            let count = i64::try_from(series.values.len()).unwrap();
            let end = series.start + (count - 1) * series.frequency + 1;
            let series_name = format!("{names}/{}", String::from_utf8_lossy(name));
            parts.push(Part { series: series_name, start: series.start, end });
        }
        for (name, child) in &level.children {
            let separator = if names.is_empty() { "" } else { "/" };
            let name = String::from_utf8_lossy(name);
            levels.push((format!("{names}{separator}{name}"), child));
        }
    }
    Ok(parts)
}

fn check_whole(path: &str, bytes: &[u8]) -> Result<(bool, Vec<Part>), String> {
    let snapshot =
        Snapshot::parse(bytes).map_err(|error| format!("{path} is no whole: {error}"))?;
    let is_ours = match snapshot.integrity() {
        Integrity::Verified(_) => true,
        Integrity::Unchecked if path.rsplit_once('.').is_some_and(|(_, kind)| kind == "bin") => {
            false
        }
        other => return Err(format!("{path} is not whole: {other:?}")),
    };
    let (from, to) = (snapshot.from(), snapshot.to());
    let (mut parts, mut names) = (Vec::new(), Vec::new());
    for event in snapshot.events() {
        match event {
            Event::Enter(name) => names.push(String::from_utf8_lossy(name).into_owned()),
            Event::Leave => drop(names.pop()),
            Event::Series(series) => {
                let name = String::from_utf8_lossy(series.name);
                let count = i64::try_from(series.values.len()).unwrap();
                let end = series.start + (count - 1) * series.frequency + 1;
                let is_within = series.start >= from && end <= to;
                let most = (to - from) / series.frequency + 1;
                if is_ours && (!is_within || count < 1 || count > most) {
                    return Err(format!(
                        "{path}: {name} from {} with {count} values, the file from {from} to {to}",
                        series.start
                    ));
                }
                let series_name = format!("{}/{name}", names.join("/"));
                parts.push(Part { series: series_name, start: series.start, end });
            }
        }
    }
    check_header(path, is_ours, (from, to), &parts)?;
    Ok((is_ours, parts))
}

/// Ours say the lowest nominal time and the highest + 1.
fn check_header(path: &str, is_ours: bool, says: (i64, i64), parts: &[Part]) -> Result<(), String> {
    let first = parts.iter().map(|part| part.start).min();
    let end = parts.iter().map(|part| part.end).max();
    match first.zip(end) {
        Some(holds) if is_ours && holds != says => {
            Err(format!("{path} says {says:?}, but holds {holds:?}"))
        }
        _ => Ok(()),
    }
}
