//! The files of an archive, ours and the Go store's, read back one at a time.
//!
//! What is held is a footer and a page of each column, however many files there are. A file that
//! cannot be read costs itself: it is told of once, and left out from then on.

use crate::files::{self, Listing};
use crate::json::title;
use anyhow::{Context, Result, ensure};
use archiver::{Archive, Filter, Piece, ReadError};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Files of an archive.
#[derive(Debug)]
pub(crate) struct Files {
    paths: Vec<PathBuf>,
    /// Files that could not be read, or not all of them.
    pub(crate) lost: u64,
}

impl Files {
    /// Files as they are, and of directories all archive files below; where a directory has one of the
    /// cluster's name, only those in that.
    pub(crate) fn find(paths: &[PathBuf], cluster: Option<&str>) -> Result<Self> {
        let mut found = Self { paths: Vec::new(), lost: 0 };
        for path in paths {
            if !path.is_dir() {
                // Now, as who names a file wants that one.
                open(path)?;
                found.paths.push(path.clone());
                continue;
            }
            let of_cluster = cluster.map(|cluster| path.join(cluster)).filter(|path| path.is_dir());
            let listing = Listing::of(of_cluster.as_ref().unwrap_or(path));
            for unvisited in &listing.unvisited {
                found.leave_out(&format!("{}: {}", title(&unvisited.path), unvisited.reason));
            }
            ensure!(!listing.archives.is_empty(), "{}: no archive file in it", title(path));
            found.paths.extend(listing.archives);
        }
        Ok(found)
    }

    /// The hosts that may have rows that are wanted, each with its cluster, in their order.
    pub(crate) fn hosts(&mut self, filter: &Filter) -> BTreeSet<(String, String)> {
        let mut hosts = BTreeSet::new();
        self.each(|archive| {
            hosts.append(&mut archive.hosts(filter)?);
            Ok(())
        });
        hosts
    }

    /// How many rows are wanted at most.
    pub(crate) fn rows_at_most(&mut self, filter: &Filter) -> u64 {
        let mut rows = 0_u64;
        self.each(|archive| {
            rows = rows.saturating_add(archive.rows_at_most(filter));
            Ok(())
        });
        rows
    }

    /// Hands on the rows that are wanted, file by file. What `each` fails with ends it.
    pub(crate) fn pieces(
        &mut self,
        filter: &Filter,
        mut each: impl FnMut(Piece) -> Result<()>,
    ) -> Result<()> {
        let mut outcome = Ok(());
        self.each(|archive| {
            for piece in archive.select(filter) {
                let piece = piece?;
                if outcome.is_ok() {
                    outcome = each(piece);
                }
                if outcome.is_err() {
                    break;
                }
            }
            Ok(())
        });
        outcome
    }

    fn each(&mut self, mut each: impl FnMut(&Archive<File>) -> Result<(), ReadError>) {
        for path in std::mem::take(&mut self.paths) {
            let read = |archive| each(&archive).with_context(|| title(&path));
            match open(&path).and_then(read) {
                Ok(()) => self.paths.push(path),
                Err(error) => self.leave_out(&format!("{error:#}")),
            }
        }
    }

    fn leave_out(&mut self, why: &str) {
        self.lost += 1;
        // Where stderr is closed there is nobody to tell.
        drop(writeln!(io::stderr(), "levelstore: {why}"));
    }
}

fn open(path: &Path) -> Result<Archive<File>> {
    let file = files::open(path)?;
    Archive::open(file).with_context(|| title(path))
}
