//! `levelstore repair`: what can be saved of damaged files, written to another place.

use crate::Verdict;
use crate::files::{self, Keep, Kind, Listing, What};
use crate::json::{Problem, legible, show};
use crate::{convert, verify};
use anyhow::{Context, Result, ensure};
use serde::Serialize;
use snapshot_format::{Snapshot, Tree};
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use wal_format::{End, Found, Gap, Reader};

/// What became of one file.
#[derive(Debug, Default, Serialize)]
struct Repaired {
    path: String,
    /// Where what was saved was written; none if there was nothing.
    out: Option<String>,
    /// Records of a log, values of a snapshot, rows of an archive.
    saved: u64,
    /// Values of a binary snapshot that are known to be lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    lost_values: Option<u64>,
    /// Bytes of a log that are no record.
    #[serde(skip_serializing_if = "Option::is_none")]
    lost_bytes: Option<u64>,
}

pub(crate) fn run(path: &Path, target: &Path, json: bool, out: &mut impl Write) -> Result<Verdict> {
    let mut report = Report::default();
    if path.is_dir() {
        directory(path, target, &mut report)?;
    } else {
        report.file(path, target)?;
    }
    if json {
        writeln!(out, "{}", serde_json::to_string(&report)?)?;
    } else {
        report.print(out)?;
    }
    Ok(if report.problems.is_empty() { Verdict::Fine } else { Verdict::Problems })
}

/// Repairs every data file below `path` into the same place below `target`.
fn directory(path: &Path, target: &Path, report: &mut Report) -> Result<()> {
    let context = || format!("create {}", target.display());
    let source = path.canonicalize().with_context(|| format!("read {}", path.display()))?;
    fs::create_dir_all(target).with_context(context)?;
    ensure!(
        !target.canonicalize().with_context(context)?.starts_with(&source),
        "{} is inside of {}",
        target.display(),
        path.display()
    );
    ensure!(
        fs::read_dir(target).with_context(context)?.next().is_none(),
        "{}: is not empty",
        target.display()
    );
    let Listing { files, archives, set_aside, unvisited } = Listing::of(path);
    report.problems.extend(unvisited.into_iter().map(|one| Problem::of(&one.path, one.reason)));
    report.left_out.extend(set_aside.iter().map(|path| show(path)));
    for file in files.into_iter().chain(archives) {
        let out = target.join(file.strip_prefix(path)?);
        if let Some(parent) = out.parent() {
            fs::create_dir_all(parent).with_context(|| format!("create {}", parent.display()))?;
        }
        // Of one file that cannot be read the others are not to suffer.
        if let Err(error) = report.file(&file, &out) {
            report.problems.push(Problem::of(&file, format!("{error:#}")));
        }
    }
    Ok(())
}

#[derive(Debug, Default, Serialize)]
struct Report {
    files: Vec<Repaired>,
    problems: Vec<Problem>,
    /// What was set aside or left over in a directory, and not repaired.
    left_out: Vec<String>,
}

impl Report {
    fn file(&mut self, path: &Path, out: &Path) -> Result<()> {
        match What::of_file(path)? {
            What::Archive => self.archive(path, out),
            What::Data(Kind::Wal) => self.wal(path, out),
            What::Data(Kind::Bin) => self.bin(path, out),
            What::Data(Kind::Json) => self.json(path, out),
        }
    }

    /// All of it, or nothing: an archive file is durable and checked before what it was made of
    /// is deleted, and its pages cannot be told from each other without its footer.
    fn archive(&mut self, path: &Path, target: &Path) -> Result<()> {
        let before = self.problems.len();
        let rows = verify::archive(path, &mut self.problems)?;
        let keep = if self.problems.len() == before { Keep::Yes } else { Keep::No };
        if keep == Keep::Yes {
            files::create(target, |out| {
                io::copy(&mut files::open(path)?, out)?;
                Ok(keep)
            })?;
        }
        self.files.push(Repaired {
            path: show(path),
            out: (keep == Keep::Yes).then(|| show(target)),
            saved: if keep == Keep::Yes { rows } else { 0 },
            ..Repaired::default()
        });
        Ok(())
    }

    /// Every record whose checksum holds, byte for byte.
    fn wal(&mut self, path: &Path, target: &Path) -> Result<()> {
        let mut reader = Reader::new(files::open(path)?);
        let mut gaps: Vec<(&str, Gap)> = Vec::new();
        let mut keep = Keep::Yes;
        files::create(target, |out| {
            let mut header = Vec::new();
            wal_format::encode_file_header(&mut header);
            out.write_all(&header)?;
            let read = || format!("read {}", path.display());
            while let Some(found) = reader.next().with_context(read)? {
                match found {
                    Found::Record(located) => out.write_all(located.bytes)?,
                    Found::Damaged(gap) => gaps.push(("damaged", gap)),
                }
            }
            match reader.end() {
                Some(End::NotALog(gap)) => {
                    keep = Keep::No;
                    gaps.push(("no log", gap));
                }
                Some(End::Torn(gap)) => gaps.push(("torn end", gap)),
                Some(End::GaveUp(gap)) => gaps.push(("damaged, and the search given up", gap)),
                Some(End::Clean) | None => {}
            }
            Ok(keep)
        })?;
        let lost_bytes = gaps.iter().map(|(_, gap)| gap.bytes).sum();
        self.problems.extend(gaps.into_iter().map(|(what, gap)| {
            Problem::at(path, gap.offset, format!("{what}: {} bytes: {}", gap.bytes, gap.cause))
        }));
        self.files.push(Repaired {
            path: show(path),
            out: (keep == Keep::Yes).then(|| show(target)),
            saved: reader.tally().records,
            lost_bytes: Some(lost_bytes),
            ..Repaired::default()
        });
        Ok(())
    }

    /// Every value that is vouched for. The trailer says the same as before: what it covers of the
    /// log was in this snapshot and is no longer in the log.
    fn bin(&mut self, path: &Path, target: &Path) -> Result<()> {
        let bytes = files::read(path)?;
        let mut saved = snapshot_format::salvage(&bytes);
        let twins = saved.values_saved.saturating_sub(count_values(&saved.tree));
        if twins > 0 {
            let problem = format!("{twins} values are of names that stand twice in a level");
            self.problems.push(Problem::of(path, problem));
            saved.values_saved -= twins;
            saved.values_lost += twins;
        }
        let faults = saved.faults.iter();
        self.problems
            .extend(faults.map(|one| Problem::at(path, one.offset, one.cause.to_string())));
        let surplus = surplus(&bytes);
        if let Some((offset, behind)) = surplus {
            let problem = format!("{behind} bytes behind the snapshot are left out");
            self.problems.push(Problem::at(path, offset, problem));
        }
        let whole = saved.faults.is_empty() && twins == 0 && surplus.is_none();
        let keep = if saved.values_saved == 0 && !whole { Keep::No } else { Keep::Yes };
        if keep == Keep::Yes {
            files::create(target, |out| {
                if whole {
                    out.write_all(&bytes)?;
                } else {
                    convert::write(&saved.tree, saved.trailer, Kind::Bin, out)?;
                }
                Ok(keep)
            })?;
        }
        self.files.push(Repaired {
            path: show(path),
            out: (keep == Keep::Yes).then(|| show(target)),
            saved: saved.values_saved,
            lost_values: Some(saved.values_lost),
            ..Repaired::default()
        });
        Ok(())
    }

    /// Every value before the fault.
    fn json(&mut self, path: &Path, target: &Path) -> Result<()> {
        let bytes = files::read(path)?;
        let saved = snapshot_format::salvage_json(&bytes[..]);
        let values = count_values(&saved.tree);
        let keep = if values == 0 && saved.fault.is_some() { Keep::No } else { Keep::Yes };
        if keep == Keep::Yes {
            files::create(target, |out| {
                match saved.fault {
                    None => out.write_all(&bytes)?,
                    Some(_) => convert::write(&saved.tree, None, Kind::Json, out)?,
                }
                Ok(keep)
            })?;
        }
        if let Some(fault) = saved.fault {
            self.problems.push(Problem::at(path, fault.offset, fault.cause.to_string()));
        }
        self.files.push(Repaired {
            path: show(path),
            out: (keep == Keep::Yes).then(|| show(target)),
            saved: values,
            ..Repaired::default()
        });
        Ok(())
    }

    fn print(&self, out: &mut impl Write) -> Result<()> {
        for problem in &self.problems {
            writeln!(out, "{problem}")?;
        }
        for path in &self.left_out {
            writeln!(out, "{}: left out: set aside or left over", legible(path.as_bytes()))?;
        }
        for Repaired { path, out: target, saved, lost_values, lost_bytes } in &self.files {
            let target = target.as_deref().unwrap_or("nothing written");
            let [path, target] = [path, target].map(|path| legible(path.as_bytes()));
            write!(out, "{path} -> {target}: {saved} saved")?;
            if let Some(values) = lost_values {
                write!(out, ", {values} values lost")?;
            }
            if let Some(bytes) = lost_bytes {
                write!(out, ", {bytes} bytes lost")?;
            }
            writeln!(out)?;
        }
        Ok(())
    }
}

/// Where bytes that nobody knows begin behind a snapshot, and how many they are.
fn surplus(bytes: &[u8]) -> Option<(u64, u64)> {
    let behind = Snapshot::parse(bytes).ok()?.surplus();
    (behind > 0).then(|| (bytes.len() as u64 - behind, behind))
}

fn count_values(tree: &Tree) -> u64 {
    let (mut values, mut open) = (0, vec![&tree.root]);
    while let Some(level) = open.pop() {
        open.extend(level.children.values());
        values += level.metrics.values().map(|series| series.values.len() as u64).sum::<u64>();
    }
    values
}
