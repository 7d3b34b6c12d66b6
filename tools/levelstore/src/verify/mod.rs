//! `levelstore verify`: every fault of files and directories, with path and offset. It only reads.

mod file;
mod host;
mod shape;

pub(crate) use file::archive;

use crate::Verdict;
use crate::files::Listing;
use crate::json::{Problem, count, legible, show};
use anyhow::Result;
use host::Snapshot;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

/// What was found.
#[derive(Debug, Default, Serialize)]
struct Report {
    /// How many files.
    checked: usize,
    problems: Vec<Problem>,
    /// What does no harm, and has to be known all the same.
    notes: Vec<Note>,
}

#[derive(Debug, Serialize)]
struct Note {
    path: String,
    note: &'static str,
}

pub(crate) fn run(paths: &[PathBuf], json: bool, out: &mut impl Write) -> Result<Verdict> {
    let mut report = Report::default();
    for path in paths {
        if path.is_dir() {
            report.directory(path);
        } else {
            report.file(path);
        }
    }
    let Report { checked, problems, notes } = &report;
    if json {
        writeln!(out, "{}", serde_json::to_string(&report)?)?;
    } else {
        for Note { path, note } in notes {
            writeln!(out, "{}: note: {note}", legible(path.as_bytes()))?;
        }
        for problem in problems {
            writeln!(out, "{problem}")?;
        }
        let (checked, faults) = (count(*checked, "file"), count(problems.len(), "problem"));
        writeln!(out, "{checked} checked, {faults}")?;
    }
    Ok(if problems.is_empty() { Verdict::Fine } else { Verdict::Problems })
}

impl Report {
    /// All files in it, how those of a host fit each other, and whether everything has its place.
    fn directory(&mut self, path: &Path) {
        let listing = Listing::of(path);
        let unvisited = listing.unvisited.iter();
        self.problems.extend(unvisited.map(|one| Problem::of(&one.path, &*one.reason)));
        shape::check(path, &listing, self);
        for archive in &listing.archives {
            self.file(archive);
        }
        let mut hosts: BTreeMap<&Path, Vec<&Path>> = BTreeMap::new();
        for file in &listing.files {
            hosts.entry(file.parent().unwrap_or(path)).or_default().push(file);
        }
        for files in hosts.into_values() {
            let snapshots = files.iter().filter_map(|file| self.file(file)).collect();
            host::check(snapshots, &files, self);
        }
    }

    fn file(&mut self, path: &Path) -> Option<Snapshot> {
        self.checked += 1;
        // Of one file that cannot be read the others are not to suffer.
        file::check(path, &mut self.problems).unwrap_or_else(|error| {
            self.problems.push(Problem::of(path, format!("{error:#}")));
            None
        })
    }

    fn note(&mut self, path: &Path, note: &'static str) {
        self.notes.push(Note { path: show(path), note });
    }
}
