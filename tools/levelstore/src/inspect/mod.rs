//! `levelstore inspect`: what a file holds.

mod snapshot;
mod wal;

use crate::Verdict;
use crate::files::{self, Kind};
use crate::json::show;
use anyhow::Result;
use std::io::Write;
use std::path::{Path, PathBuf};

pub(crate) fn run(files: &[PathBuf], json: bool, out: &mut impl Write) -> Result<Verdict> {
    let mut verdict = Verdict::Fine;
    for (index, path) in files.iter().enumerate() {
        if index > 0 && !json {
            writeln!(out)?;
        }
        let one = match open(path) {
            Ok(kind) => inspect(path, kind, json, out)?,
            // Of one file that cannot be read the others are not to suffer.
            Err(error) => {
                let error = format!("{error:#}");
                if json {
                    writeln!(out, "{}", serde_json::json!({"path": show(path), "error": error}))?;
                } else {
                    writeln!(out, "{error}")?;
                }
                Verdict::Problems
            }
        };
        if one == Verdict::Problems {
            verdict = one;
        }
    }
    Ok(verdict)
}

fn open(path: &Path) -> Result<Kind> {
    files::open(path)?;
    Kind::of_file(path)
}

fn inspect(path: &Path, kind: Kind, json: bool, out: &mut impl Write) -> Result<Verdict> {
    match kind {
        Kind::Wal if json => wal::json(path, out),
        Kind::Wal => wal::table(path, out),
        Kind::Bin | Kind::Json if json => snapshot::json(path, kind, out),
        Kind::Bin | Kind::Json => snapshot::table(path, kind, out),
    }
}
