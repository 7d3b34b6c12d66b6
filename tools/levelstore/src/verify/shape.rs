//! Whether everything in a data directory has its place: clusters, in them hosts, in them files by
//! names that a start reads.

use super::Report;
use super::host::{from_of, segment_of};
use crate::files::Listing;
use crate::json::Problem;
use checkpointer::check_directory_name;
use std::fs::{self, DirEntry};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

const STRAY: &str = "only directories belong here: the Go store would not start";
const TOO_DEEP: &str = "below the directory of a host: nothing is read here";
const NO_SEGMENT: &str = "not the name of a log segment: it is not read";
const NO_SNAPSHOT: &str = "not the name of a snapshot: the Go store would not start";
const NO_LATE: &str = "not the name of a snapshot: it is not read";

const LEFT_OVER: &str = "left over by a write that did not end, never read";
const SET_ASIDE: &str = "set aside, never read";
const UNKNOWN: &str = "no file of a store, never read";
const DIRECTORY: &str = "a directory beside the files of a host, never read";

/// Looks at names only. What is a data directory, or a cluster of one, is told by where data lies; files
/// in a directory without that structure may have any names.
pub(super) fn check(root: &Path, listing: &Listing, report: &mut Report) {
    let depth =
        |path: &PathBuf| path.strip_prefix(root).map_or(0, |path| path.components().count());
    // cluster/host/file, or host/file
    let depths = || listing.files.iter().map(depth);
    let Some(levels) = depths().filter(|depth| (2..=3).contains(depth)).max() else { return };
    let deep = listing.files.iter().filter(|path| depth(path) > levels);
    report.problems.extend(deep.map(|path| Problem::of(path, TOO_DEEP)));

    let mut directories = vec![root.to_path_buf()];
    for _ in 1..levels {
        directories = directories.iter().flat_map(|path| below(path, report)).collect();
    }
    for host in directories {
        for entry in entries(&host) {
            in_host(&entry, report);
        }
    }
}

/// The directories in a directory where only those belong.
fn below(directory: &Path, report: &mut Report) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in entries(directory) {
        let path = entry.path();
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            report.problems.push(Problem::of(&path, STRAY));
            continue;
        }
        if let Err(why) = check_directory_name(entry.file_name().as_bytes()) {
            report.problems.push(Problem::of(&path, format!("cluster or host: {why}")));
        }
        found.push(path);
    }
    found
}

/// By name. What cannot be listed was told when the files were looked for.
fn entries(directory: &Path) -> Vec<DirEntry> {
    let mut entries: Vec<_> = fs::read_dir(directory).into_iter().flatten().flatten().collect();
    entries.sort_by_key(DirEntry::file_name);
    entries
}

fn in_host(entry: &DirEntry, report: &mut Report) {
    let path = entry.path();
    match entry.file_type() {
        Ok(kind) if kind.is_dir() => return report.note(&path, DIRECTORY),
        Ok(kind) if kind.is_file() => {}
        // Links were told of.
        _ => return,
    }
    let mut problem = |what: &str| report.problems.push(Problem::of(&path, what));
    let name = entry.file_name();
    let name = name.to_string_lossy();
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("wal") if segment_of(&path).is_none() && name != "current.wal" => {
            problem(NO_SEGMENT);
        }
        Some("bin" | "json") if from_of(&path).is_none() => problem(NO_SNAPSHOT),
        Some("late") if from_of(&path).is_none() => problem(NO_LATE),
        Some("wal" | "bin" | "json" | "late") => {}
        Some("tmp") => report.note(&path, LEFT_OVER),
        Some("damaged" | "unknown") => report.note(&path, SET_ASIDE),
        Some(_) if name.contains(".corrupt.") => {
            report.note(&path, SET_ASIDE);
        }
        _ => report.note(&path, UNKNOWN),
    }
}
