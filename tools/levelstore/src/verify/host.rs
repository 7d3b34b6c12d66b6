//! How the files of one host fit each other.

use super::Report;
use crate::json::{Problem, legible, show};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The highest number of a segment that a snapshot can be believed to cover, or that is read.
pub(super) const SEGMENT_MAX: u64 = u64::MAX / 4;
/// Numbers beyond this are no times.
const FROM_MAX: i64 = 1 << 60;

/// What of a sound snapshot has to fit the files beside it.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) path: PathBuf,
    /// The highest segment of the log that it covers.
    pub(super) covered: u64,
    pub(super) begins: Vec<Begin>,
}

/// Where a series begins.
#[derive(Debug)]
pub(super) struct Begin {
    /// Its path, and its metric behind that.
    pub(super) series: Vec<Vec<u8>>,
    pub(super) start: i64,
}

/// `<from>.<ending>` of a snapshot.
pub(super) fn from_of(path: &Path) -> Option<i64> {
    let number = path.file_stem()?.to_str()?;
    let digits = number.strip_prefix('-').unwrap_or(number);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    number.parse().ok().filter(|from: &i64| is_number && from.abs() <= FROM_MAX)
}

/// The number of a segment, by its twenty digits.
pub(super) fn segment_of(path: &Path) -> Option<u64> {
    let digits = path.file_name()?.to_str()?.strip_suffix(".wal")?;
    let is_number = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|number| is_number && *number <= SEGMENT_MAX)
}

pub(super) fn check(snapshots: Vec<Snapshot>, files: &[&Path], report: &mut Report) {
    let covered = snapshots.iter().map(|one| one.covered).filter(|one| *one <= SEGMENT_MAX).max();
    for one in snapshots.iter().filter(|one| one.covered > SEGMENT_MAX) {
        let what = format!("its trailer covers {} segments: no log has so many", one.covered);
        report.problems.push(Problem::of(&one.path, what));
    }
    for file in files {
        if segment_of(file).is_some_and(|number| Some(number) <= covered) {
            report.note(file, "covered by a snapshot, so it is not read any more");
        }
    }
    order(snapshots, report);
}

/// The Go store does not start if a series begins earlier in a later file. It does not read `.late`.
fn order(mut snapshots: Vec<Snapshot>, report: &mut Report) {
    snapshots.retain(|one| {
        from_of(&one.path).is_some() && one.path.extension().is_some_and(|ending| ending != "late")
    });
    // Of one number, the JSON is read first.
    snapshots.sort_by_key(|one| {
        (from_of(&one.path), one.path.extension().is_none_or(|ending| ending != "json"))
    });
    let mut begun: HashMap<&[Vec<u8>], (i64, &Path)> = HashMap::new();
    for snapshot in &snapshots {
        // One series says it for all of the file.
        let mut earlier = None;
        for Begin { series, start } in &snapshot.begins {
            let before = begun.entry(series).or_insert((*start, &snapshot.path));
            if *start < before.0 {
                earlier.get_or_insert((series, before.1));
            }
            *before = (*start, &snapshot.path);
        }
        if let Some((series, before)) = earlier {
            let series: Vec<_> = series.iter().map(|name| legible(name)).collect();
            let (series, before) = (series.join("/"), show(before));
            let what = format!(
                "series {series} begins before it does in {before}: the Go store would not start"
            );
            report.problems.push(Problem::of(&snapshot.path, what));
        }
    }
}
