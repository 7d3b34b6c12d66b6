//! What a data directory may look like, from the pages on its formats: names, numbers, trailers, and
//! that the Go store can load it. Nothing here asks the engine.

use std::collections::{BTreeMap, BTreeSet};

use checkpointer::disk::sim::SimDisk;
use snapshot_format::{Event, Integrity, Snapshot, Trailer};

/// The files of a directory, by host: `cluster/host`, then name and length.
pub(crate) type Listing = BTreeMap<String, BTreeMap<String, u64>>;

const DAY: i64 = 86_400;

/// What a name in a host's directory is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Bin(i64),
    Late(i64),
    Segment(u64),
    /// Kept under another ending, with its number: `.damaged`, `.unknown`.
    KeptSegment(u64),
    Temporary,
    /// Of the Go store, or set aside.
    Other,
}

/// By the grammar; None if there is no such name.
pub(crate) fn kind(name: &str) -> Option<Kind> {
    if name == "current.wal" {
        return Some(Kind::Other);
    }
    if let Some(final_name) = name.strip_suffix(".tmp") {
        return match kind(final_name) {
            None | Some(Kind::Temporary) => None,
            Some(_) => Some(Kind::Temporary),
        };
    }
    let (number, ending) = name.split_once('.')?;
    match ending.split('.').collect::<Vec<_>>()[..] {
        ["wal"] => segment_number(number).map(Kind::Segment),
        ["wal", "damaged" | "unknown"] => segment_number(number).map(Kind::KeptSegment),
        ["bin"] => seconds(number).map(Kind::Bin),
        ["late"] => seconds(number).map(Kind::Late),
        ["json"] => seconds(number).map(|_| Kind::Other),
        ["bin" | "late" | "json", "corrupt", count] => {
            (seconds(number).is_some() && seconds(count).is_some()).then_some(Kind::Other)
        }
        _ => None,
    }
}

/// Twenty digits, and above 0.
fn segment_number(digits: &str) -> Option<u64> {
    let is_twenty = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|number| is_twenty && *number > 0)
}

/// As a number is printed: no sign, no blanks, no zeros in front.
fn seconds(digits: &str) -> Option<i64> {
    digits.parse::<i64>().ok().filter(|number| *number >= 0 && number.to_string() == digits)
}

/// The files of a directory of a disk, `""` for the disk itself.
pub(crate) fn list(disk: &SimDisk, directory: &str) -> Result<Listing, String> {
    let mut listing = Listing::new();
    for path in disk.files() {
        let below = match directory {
            "" => Some(&*path),
            _ => path.strip_prefix(directory).and_then(|rest| rest.strip_prefix('/')),
        };
        let Some(below) = below else { continue };
        let [cluster, host, name] = below.split('/').collect::<Vec<_>>()[..] else {
            return Err(format!("{path}: only directories belong above the hosts"));
        };
        let length = disk.peek(&path).map_or(0, |bytes| bytes.len() as u64);
        listing.entry(format!("{cluster}/{host}")).or_default().insert(name.into(), length);
    }
    Ok(listing)
}

/// Whatever has happened, and at any moment: names are in the grammar, no segment is there twice,
/// snapshots are whole, and the Go store can load them.
pub(crate) fn check(disk: &SimDisk, directory: &str) -> Result<Listing, String> {
    let listing = list(disk, directory)?;
    for (host, files) in &listing {
        check_host(disk, directory, host, files).map_err(|why| format!("{host}/{why}"))?;
    }
    Ok(listing)
}

pub(crate) fn assert_shape(disk: &SimDisk) -> Listing {
    check(disk, "").unwrap_or_else(|why| panic!("{why}"))
}

fn check_host(
    disk: &SimDisk,
    directory: &str,
    host: &str,
    files: &BTreeMap<String, u64>,
) -> Result<(), String> {
    let (mut segments, mut snapshots) = (BTreeSet::new(), Vec::new());
    for name in files.keys() {
        match kind(name).ok_or_else(|| format!("{name}: no name that there can be"))? {
            Kind::Segment(number) | Kind::KeptSegment(number) => {
                if !segments.insert(number) {
                    return Err(format!("{name}: its number is there twice"));
                }
            }
            Kind::Bin(number) => snapshots.push((number, 0, name)),
            Kind::Late(number) => snapshots.push((number, 1, name)),
            Kind::Temporary | Kind::Other => {}
        }
    }
    snapshots.sort();
    let mut starts = BTreeMap::new();
    for (_, late, name) in snapshots {
        let separator = if directory.is_empty() { "" } else { "/" };
        let path = format!("{directory}{separator}{host}/{name}");
        let bytes = disk.peek(&path).ok_or_else(|| format!("{name}: gone"))?;
        check_snapshot(&bytes, (late == 0).then_some(&mut starts))
            .map_err(|why| format!("{name}: {why}"))?;
    }
    Ok(())
}

/// Path and metric of a series.
type SeriesName = Vec<Vec<u8>>;

/// It has our trailer, its header says what it holds, and no series begins earlier in a later `.bin`.
fn check_snapshot(
    bytes: &[u8],
    mut starts: Option<&mut BTreeMap<SeriesName, i64>>,
) -> Result<(), String> {
    let snapshot = Snapshot::parse(bytes).map_err(|error| error.to_string())?;
    let Integrity::Verified(_) = snapshot.integrity() else {
        return Err(format!("{:?}", snapshot.integrity()));
    };
    let (mut first, mut end) = (i64::MAX, i64::MIN);
    let mut path: SeriesName = Vec::new();
    for event in snapshot.events() {
        match event {
            Event::Enter(name) => path.push(name.into()),
            Event::Leave => drop(path.pop()),
            Event::Series(series) => {
                let slots =
                    i64::try_from(series.values.len()).map_err(|error| error.to_string())?;
                first = first.min(series.start);
                end = end.max(series.start + series.frequency * (slots - 1) + 1);
                let name = [&path[..], &[series.name.to_vec()]].concat();
                let Some(starts) = &mut starts else { continue };
                if starts.insert(name, series.start).is_some_and(|before| series.start < before) {
                    return Err("a series begins earlier than in an earlier file".into());
                }
            }
        }
    }
    if first != i64::MAX && (snapshot.from(), snapshot.to()) != (first, end) {
        return Err(format!("holds {first} to {end}, says {:?}", (snapshot.from(), snapshot.to())));
    }
    Ok(())
}

/// The trailer of a snapshot.
fn trailer(disk: &SimDisk, path: &str) -> Option<Trailer> {
    match Snapshot::parse(&disk.peek(path)?).ok()?.integrity() {
        Integrity::Verified(trailer) => Some(trailer),
        Integrity::Unchecked | Integrity::Foreign { .. } => None,
    }
}

/// The segments of a host that no snapshot of it covers.
pub(crate) fn uncovered(
    disk: &SimDisk,
    directory: &str,
    files: &BTreeMap<String, u64>,
) -> Vec<u64> {
    let trailers = files.keys().filter_map(|name| trailer(disk, &format!("{directory}/{name}")));
    let covered = trailers.map(|trailer| trailer.covered).max().unwrap_or(0);
    let segments = files.keys().filter_map(|name| match kind(name) {
        Some(Kind::Segment(number)) => Some(number),
        _ => None,
    });
    segments.filter(|number| *number > covered).collect()
}

/// The end of a snapshot, as its header has it.
pub(crate) fn end(disk: &SimDisk, path: &str) -> Option<i64> {
    Some(Snapshot::parse(&disk.peek(path)?).ok()?.to())
}

/// How many there are of the segments that a host has, temporary files, and bytes of a kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) segments: u64,
    pub(crate) segment_bytes: u64,
    pub(crate) snapshots: u64,
    pub(crate) snapshot_bytes: u64,
    pub(crate) temporaries: u64,
}

pub(crate) fn totals(files: &BTreeMap<String, u64>) -> Totals {
    let mut totals = Totals::default();
    for (name, bytes) in files {
        match kind(name) {
            Some(Kind::Segment(_)) => {
                totals.segments += 1;
                totals.segment_bytes += bytes;
            }
            Some(Kind::Bin(_) | Kind::Late(_)) => {
                totals.snapshots += 1;
                totals.snapshot_bytes += bytes;
            }
            Some(Kind::Temporary) => totals.temporaries += 1,
            Some(Kind::KeptSegment(_) | Kind::Other) | None => {}
        }
    }
    totals
}

/// How many `.bin` and `.late` there are, by the day of their names.
pub(crate) fn files_of_days<'a>(
    names: impl IntoIterator<Item = &'a String>,
) -> BTreeMap<i64, usize> {
    let mut days = BTreeMap::new();
    for name in names {
        if let Some(Kind::Bin(number) | Kind::Late(number)) = kind(name) {
            *days.entry(number.div_euclid(DAY)).or_default() += 1;
        }
    }
    days
}

#[test]
fn only_names_of_the_grammar_are_names() {
    let known = [
        "1700000000.bin",
        "0.late",
        "1700000000.json",
        "current.wal",
        "current.wal.tmp",
        "00000000000000000001.wal",
        "00000000000000000001.wal.tmp",
        "00000000000000000001.wal.damaged",
        "00000000000000000001.wal.unknown",
        "1700000000.bin.tmp",
        "1700000000.late.corrupt.1",
    ];
    for name in known {
        assert!(kind(name).is_some(), "{name}");
    }
    let unknown = [
        "x.bin",
        "01.bin",
        "-1.bin",
        "1700000000",
        "1700000000.bin.tmp.tmp",
        "1.wal",
        "00000000000000000000.wal",
        "000000000000000000001.wal",
        "00000000000000000001.wal.corrupt",
        "1700000000.bin.corrupt.x",
        "tmp",
        ".tmp",
        "",
    ];
    for name in unknown {
        assert_eq!(kind(name), None, "{name}");
    }
}
