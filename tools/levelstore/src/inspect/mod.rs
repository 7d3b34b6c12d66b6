//! `levelstore inspect`: what a file holds.

mod parquet;
mod snapshot;
mod wal;

use crate::Verdict;
use crate::files::{self, Kind, Listing, What};
use crate::json::show;
use anyhow::{Result, bail};
use std::io::Write;
use std::path::{Path, PathBuf};

/// How it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Table,
    Json,
    /// The rows of an archive file, one JSON document a line.
    Rows,
}

pub(crate) fn run(files: &[PathBuf], form: Form, out: &mut impl Write) -> Result<Verdict> {
    let mut verdict = Verdict::Fine;
    let files: Vec<_> = files.iter().flat_map(|path| expanded(path)).collect();
    for (index, path) in files.iter().enumerate() {
        if index > 0 && form == Form::Table {
            writeln!(out)?;
        }
        let one = match open(path, form) {
            Ok(what) => inspect(path, what, form, out)?,
            // Of one file that cannot be read the others are not to suffer.
            Err(error) => {
                let error = format!("{error:#}");
                if form == Form::Table {
                    writeln!(out, "{error}")?;
                } else {
                    writeln!(out, "{}", serde_json::json!({"path": show(path), "error": error}))?;
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

/// A file as it is, of a directory all files with data in it.
fn expanded(path: &Path) -> Vec<PathBuf> {
    if !path.is_dir() {
        return vec![path.into()];
    }
    let Listing { files, archives, .. } = Listing::of(path);
    let mut all = [files, archives].concat();
    all.sort();
    all
}

fn open(path: &Path, form: Form) -> Result<What> {
    files::open(path)?;
    let what = What::of_file(path)?;
    if form == Form::Rows && what != What::Archive {
        bail!("{}: --rows is for .parquet files", path.display());
    }
    Ok(what)
}

fn inspect(path: &Path, what: What, form: Form, out: &mut impl Write) -> Result<Verdict> {
    match (what, form) {
        (What::Archive, Form::Table) => parquet::table(path, out),
        (What::Archive, Form::Json) => parquet::json(path, out),
        (What::Archive, Form::Rows) => parquet::rows(path, out),
        (What::Data(Kind::Wal), Form::Table) => wal::table(path, out),
        (What::Data(Kind::Wal), _) => wal::json(path, out),
        (What::Data(kind), Form::Table) => snapshot::table(path, kind, out),
        (What::Data(kind), _) => snapshot::json(path, kind, out),
    }
}
