//! `levelstore verify`: every fault of files, with its path and offset. It only reads.

use crate::Verdict;
use crate::files::{self, Kind, Listing};
use crate::json::{Problem, count, legible};
use crate::twins::Twins;
use anyhow::{Context, Result};
use serde_json::json;
use snapshot_format::{Cause, Integrity, Level, OwnedSeries, ParseError, Snapshot, Tree};
use std::io::Write;
use std::path::{Path, PathBuf};
use wal_format::{End, Found, Gap, Reader};

pub(crate) fn run(paths: &[PathBuf], json: bool, out: &mut impl Write) -> Result<Verdict> {
    let (mut checked, mut problems) = (0, Vec::new());
    for path in paths {
        let listing = if path.is_dir() {
            Listing::of(path)
        } else {
            Listing { files: vec![path.clone()], ..Listing::default() }
        };
        let unvisited = listing.unvisited.into_iter();
        problems.extend(unvisited.map(|one| Problem::of(&one.path, one.reason)));
        for file in listing.files {
            checked += 1;
            // Of one file that cannot be read the others are not to suffer.
            if let Err(error) = check(&file, &mut problems) {
                problems.push(Problem::of(&file, format!("{error:#}")));
            }
        }
    }
    if json {
        writeln!(out, "{}", json!({"checked": checked, "problems": problems}))?;
    } else {
        for problem in &problems {
            writeln!(out, "{problem}")?;
        }
        let checked = count(checked, "file");
        writeln!(out, "{checked} checked, {}", count(problems.len(), "problem"))?;
    }
    Ok(if problems.is_empty() { Verdict::Fine } else { Verdict::Problems })
}

fn check(path: &Path, problems: &mut Vec<Problem>) -> Result<()> {
    match Kind::of_file(path)? {
        Kind::Wal => wal(path, problems),
        Kind::Bin => bin(path, problems),
        Kind::Json => json_checkpoint(path, problems),
    }
}

fn wal(path: &Path, problems: &mut Vec<Problem>) -> Result<()> {
    let mut reader = Reader::new(files::open(path)?);
    let tell = |what: &str, gap: Gap| {
        Problem::at(path, gap.offset, format!("{what}: {} bytes: {}", gap.bytes, gap.cause))
    };
    while let Some(found) = reader.next().with_context(|| format!("read {}", path.display()))? {
        if let Found::Damaged(gap) = found {
            problems.push(tell("damaged", gap));
        }
    }
    match reader.end().context("the log has no end")? {
        End::Clean => {}
        End::Torn(gap) => problems.push(tell("torn end", gap)),
        End::GaveUp(gap) => {
            problems.push(tell("damaged, and the search for records given up", gap));
        }
        End::NotALog(gap) => problems.push(tell("no log", gap)),
    }
    Ok(())
}

fn bin(path: &Path, problems: &mut Vec<Problem>) -> Result<()> {
    let bytes = files::read(path)?;
    let snapshot = match Snapshot::parse(&bytes) {
        Ok(snapshot) => snapshot,
        Err(error) => {
            let mut faults = snapshot_format::salvage(&bytes).faults;
            // Of what is something else altogether the first fault says it.
            if matches!(error.cause, Cause::Magic { .. }) {
                faults.truncate(1);
            }
            let problem = |one: &ParseError| Problem::at(path, one.offset, one.cause.to_string());
            problems.extend(faults.iter().map(problem));
            return Ok(());
        }
    };
    let behind = snapshot.surplus();
    let offset = bytes.len() as u64 - behind;
    match snapshot.integrity() {
        Integrity::Foreign { offset, bytes } => {
            let problem = format!("{bytes} bytes behind the root level are no trailer");
            problems.push(Problem::at(path, offset, problem));
        }
        Integrity::Verified(_) if behind > 0 => {
            problems.push(Problem::at(path, offset, format!("{behind} bytes behind the trailer")));
        }
        Integrity::Unchecked if path.extension().is_some_and(|ending| ending == "late") => {
            let problem = "the file ends where its trailer should begin";
            problems.push(Problem::at(path, bytes.len() as u64, problem));
        }
        Integrity::Verified(_) | Integrity::Unchecked => {}
    }
    let tree = snapshot.to_tree();
    if let Some(twins) = Twins::of(snapshot.totals(), &tree) {
        problems.push(Problem::of(path, twins.to_string()));
    }
    sense(path, &tree, problems);
    Ok(())
}

fn json_checkpoint(path: &Path, problems: &mut Vec<Problem>) -> Result<()> {
    match snapshot_format::read_json(&files::read(path)?[..]) {
        Ok(tree) if tree == Tree::default() => {
            problems.push(Problem::of(path, "no checkpoint: neither series nor times"));
        }
        Ok(tree) => sense(path, &tree, problems),
        Err(error) => problems.push(Problem::at(path, error.offset, error.cause.to_string())),
    }
    Ok(())
}

/// What the bytes allow and no store can have meant.
fn sense(path: &Path, tree: &Tree, problems: &mut Vec<Problem>) {
    let mut open = vec![&tree.root];
    while let Some(Level { metrics, children }) = open.pop() {
        open.extend(children.values());
        for (name, series) in metrics {
            if let Some(fault) = fault_of(series) {
                problems.push(Problem::of(path, format!("series {}: {fault}", legible(name))));
            }
        }
    }
}

fn fault_of(series: &OwnedSeries) -> Option<&'static str> {
    let slots = i64::try_from(series.values.len()).ok()?;
    if series.frequency < 1 && slots > 1 {
        return Some("its values are no time apart");
    }
    let end = slots.checked_mul(series.frequency).and_then(|span| series.start.checked_add(span));
    end.is_none().then_some("its times are beyond all clocks")
}
