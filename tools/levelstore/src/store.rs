//! A data directory, looked at without changing anything in it, and without locking it: what a start
//! would have in memory, host by host.

use crate::catalogue::Catalogue;
use crate::json::Problem;
use anyhow::{Context, Result};
use checkpointer::disk::RealDisk;
use checkpointer::{Recovered, Trouble, View, memstore};
use std::cell::RefCell;
use std::path::{Path, PathBuf};

/// A directory of checkpoints, and what is known of the metrics in it.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) directory: PathBuf,
    pub(crate) disk: RealDisk,
    pub(crate) catalogue: memstore::Catalogue,
}

impl Store {
    /// Without metrics the catalogue is empty.
    pub(crate) fn open(directory: &Path, metrics: Option<&Path>) -> Result<Self> {
        let metrics = metrics.map(Catalogue::read).transpose()?.unwrap_or_default();
        let disk = RealDisk::new(directory)
            .with_context(|| format!("open data directory {}", directory.display()))?;
        Ok(Self { directory: directory.into(), disk, catalogue: metrics.to_memory() })
    }

    /// Reads the hosts that are wanted, one after the other; snapshots that end at `keep_from` or
    /// before are left out. What `each` fails with ends it.
    pub(crate) fn view(
        &self,
        keep_from: i64,
        is_wanted: impl Fn(&str, &str) -> bool,
        mut each: impl FnMut(View) -> Result<()>,
    ) -> Result<Recovered> {
        let failed = RefCell::new(None);
        let found = checkpointer::view(
            self.disk.clone(),
            &self.catalogue,
            keep_from,
            |cluster, host| failed.borrow().is_none() && is_wanted(cluster, host),
            |view| {
                if let Err(error) = each(view) {
                    failed.replace(Some(error));
                }
            },
        )
        .with_context(|| format!("read data directory {}", self.directory.display()))?;
        failed.into_inner().map_or(Ok(found), Err)
    }

    /// The problems, with paths that can be opened.
    pub(crate) fn problems(&self, found: &Recovered) -> Vec<Problem> {
        let listed = found.problems.listed().iter();
        let mut problems: Vec<_> = listed
            .map(|one| {
                let path = self.directory.join(&one.path);
                Problem { offset: one.offset, ..Problem::of(&path, one.trouble.to_string()) }
            })
            .collect();
        if found.problems.others() > 0 {
            let more = format!("{} more problems", found.problems.others());
            problems.push(Problem::of(&self.directory, more));
        }
        problems
    }
}

/// Whether something that was stored cannot be read. An end that is torn was never acknowledged, and
/// a name that is wrong has no data in it.
pub(crate) fn is_loss(trouble: &Trouble) -> bool {
    !matches!(trouble, Trouble::Torn { .. } | Trouble::Misnamed | Trouble::Stray)
}
