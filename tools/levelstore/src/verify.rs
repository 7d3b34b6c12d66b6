//! `levelstore verify`: every fault of files, with its path and offset. It only reads.

use crate::Verdict;
use crate::files::{self, Kind};
use crate::json::{Problem, legible};
use anyhow::{Context, Result};
use serde_json::json;
use snapshot_format::{Integrity, Level, OwnedSeries, ParseError, Snapshot, Tree};
use std::io::Write;
use std::path::{Path, PathBuf};
use wal_format::{End, Found, Gap, Reader};

pub(crate) fn run(paths: &[PathBuf], json: bool, out: &mut impl Write) -> Result<Verdict> {
    let (mut checked, mut problems) = (0_u64, Vec::new());
    for path in paths {
        let (files, unvisited) =
            if path.is_dir() { files::find(path) } else { (vec![path.clone()], Vec::new()) };
        problems.extend(unvisited.into_iter().map(|one| Problem::of(&one.path, one.reason)));
        for file in files {
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
        writeln!(out, "{checked} files checked, {} problems", problems.len())?;
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
    let Ok(snapshot) = Snapshot::parse(&bytes) else {
        let faults = snapshot_format::salvage(&bytes).faults;
        let problem = |fault: &ParseError| Problem::at(path, fault.offset, fault.cause.to_string());
        problems.extend(faults.iter().map(problem));
        return Ok(());
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
        Integrity::Verified(_) | Integrity::Unchecked => {}
    }
    let twice = snapshot.totals().series.saturating_sub(snapshot.sorted().len() as u64);
    if twice > 0 {
        let problem = format!("{twice} series stand under a name that comes again in their level");
        problems.push(Problem::of(path, problem));
    }
    sense(path, &snapshot.to_tree(), problems);
    Ok(())
}

fn json_checkpoint(path: &Path, problems: &mut Vec<Problem>) -> Result<()> {
    let file = files::open(path)?;
    match snapshot_format::read_json(file) {
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
