//! The faults of one file: its bytes, and what they can mean.

use super::host::{Begin, Snapshot as OfHost};
use crate::files::{self, Kind, What};
use crate::json::{Problem, legible};
use crate::twins::Twins;
use anyhow::{Context, Result};
use archiver::Archive;
use snapshot_format::{Cause, Integrity, Level, OwnedSeries, ParseError, Snapshot, Tree};
use std::path::Path;
use wal_format::{End, Found, Gap, Reader};

/// Checks it; of a snapshot whose bytes are sound also what has to fit those beside it.
pub(super) fn check(path: &Path, problems: &mut Vec<Problem>) -> Result<Option<OfHost>> {
    match What::of_file(path)? {
        What::Archive => archive(path, problems).map(|_rows| None),
        What::Data(Kind::Wal) => wal(path, problems).map(|()| None),
        What::Data(Kind::Bin) => bin(path, problems),
        What::Data(Kind::Json) => json_checkpoint(path, problems),
    }
}

/// Reads every page; says how many rows there are.
pub(crate) fn archive(path: &Path, problems: &mut Vec<Problem>) -> Result<u64> {
    let file = files::open(path)?;
    let read = || -> Result<u64> {
        let archive = Archive::open(file)?;
        let summary = archive.summary()?;
        let (mut rows, mut times) = (0_u64, None::<(i64, i64)>);
        for piece in archive.pieces() {
            let piece = piece?;
            rows += piece.values.len() as u64;
            for &time in &piece.timestamps {
                let (first, last) = times.unwrap_or((time, time));
                times = Some((first.min(time), last.max(time)));
            }
            if piece.frequency < 1 {
                let series = format!("{} of {}", piece.metric, piece.hostname);
                let what =
                    format!("series {}: its values are no time apart", legible(series.as_bytes()));
                problems.push(Problem::of(path, what));
            }
        }
        if (rows, times) != (summary.rows, summary.times) {
            let what = format!("the footer speaks of {} rows, {rows} are there", summary.rows);
            problems.push(Problem::of(path, what));
        }
        Ok(rows)
    };
    let rows = read();
    rows.or_else(|error| {
        problems.push(Problem::of(path, format!("{error:#}")));
        Ok(0)
    })
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

fn bin(path: &Path, problems: &mut Vec<Problem>) -> Result<Option<OfHost>> {
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
            return Ok(None);
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
    let covered = match snapshot.integrity() {
        Integrity::Verified(trailer) => trailer.covered,
        Integrity::Unchecked | Integrity::Foreign { .. } => 0,
    };
    let begins = sense(path, &tree, problems);
    Ok(Some(OfHost { path: path.into(), covered, begins }))
}

fn json_checkpoint(path: &Path, problems: &mut Vec<Problem>) -> Result<Option<OfHost>> {
    match snapshot_format::read_json(&files::read(path)?[..]) {
        Ok(tree) if tree == Tree::default() => {
            problems.push(Problem::of(path, "no checkpoint: neither series nor times"));
        }
        Ok(tree) => {
            let begins = sense(path, &tree, problems);
            return Ok(Some(OfHost { path: path.into(), covered: 0, begins }));
        }
        Err(error) => problems.push(Problem::at(path, error.offset, error.cause.to_string())),
    }
    Ok(None)
}

/// Tells what the bytes allow and no store can have meant; returns where each series begins.
fn sense(path: &Path, tree: &Tree, problems: &mut Vec<Problem>) -> Vec<Begin> {
    let mut begins = Vec::new();
    let mut open = vec![(Vec::new(), &tree.root)];
    while let Some((names, Level { metrics, children })) = open.pop() {
        let below = |name: &[u8]| [&names[..], &[name.to_vec()]].concat();
        open.extend(children.iter().map(|(name, level)| (below(name), level)));
        for (name, series) in metrics {
            if let Some(fault) = fault_of(series) {
                problems.push(Problem::of(path, format!("series {}: {fault}", legible(name))));
            }
            begins.push(Begin { series: below(name), start: series.start });
        }
    }
    begins
}

fn fault_of(series: &OwnedSeries) -> Option<&'static str> {
    let slots = i64::try_from(series.values.len()).ok()?;
    if series.frequency < 1 && slots > 1 {
        return Some("its values are no time apart");
    }
    let end = slots.checked_mul(series.frequency).and_then(|span| series.start.checked_add(span));
    end.is_none().then_some("its times are beyond all clocks")
}
