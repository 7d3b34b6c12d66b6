//! Archive runs: what ages out of memory becomes Parquet, once.
//!
//! An [`Archive`] is two directories beside the data directory: that of the archive files,
//! `<archive>/<cluster>/<t>.parquet`, and `<checkpoints>.levelstore/`, where plans and manifests lie.
//! [`Archive::run`] archives the rows of all hosts from their archive marks up to a cut:
//!
//! 1. Each host takes no slot before the cut any more, and what it has there unsaved is checkpointed.
//!    A host that cannot be made durable, or read, is left out: its mark stays, and it is reported.
//! 2. The *plan* becomes durable: the cut, the hosts, and the names of the files, none of which exists.
//! 3. The files are written to `.tmp`, synced, read back and compared with what was written, renamed;
//!    their directory is synced.
//! 4. The *manifest* becomes durable: what the files hold, and the new marks. That is the commit.
//! 5. The marks move, and snapshots that end before them are deleted.
//!
//! [`Archive::marks`] tells a start what was committed ([`Engine::open_with`](crate::Engine::open_with)).
//! Before that it undoes a plan without manifest. So no row is lost or doubled, whenever the process
//! or the machine dies, and no file that somebody else has made is touched.
//!
//! Hosts are read and encoded side by side on the pool; what is held is a few of them at a time, by
//! the number of workers, and the footer of one file.

mod documents;
mod error;
mod file;
mod load;
mod own;
mod report;
mod resolve;
mod run;
mod verify;
mod window;

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub use error::ArchiveError;
pub use report::{Archived, ArchivedFile, Fault, Verified};
pub use run::Run;
pub use verify::verify;

use self::own::Own;
use crate::disk::{Disk, RealDisk, Uninterrupted};
use crate::engine::Marks;

/// The archive of a data directory. See the [module](self).
pub struct Archive<D: Disk + 'static = RealDisk> {
    own: Own<D>,
    files: Uninterrupted<D>,
    /// How the directory of the files is called in plans.
    name: String,
    /// Who has this runs, or resolves what a run has left.
    committed: Mutex<Committed>,
}

/// What of the hosts lies in archive files whose manifest is durable. Only a durable manifest makes
/// one, which only [`Receipt`](archiver::Receipt)s of files that were read back make; and only against
/// this are snapshots deleted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Committed {
    marks: Marks,
    /// Nothing is half done, and the marks are those of all manifests.
    is_resolved: bool,
}

impl Committed {
    pub(crate) fn mark(&self, cluster: &str, host: &str) -> i64 {
        self.marks.of(cluster, host)
    }
}

impl<D: Disk> Archive<D> {
    /// `own` is `<checkpoints>.levelstore/`, `files` the directory of the archive files, both of them
    /// durable by name. `name` tells this directory from others, as its path does: what a run has left
    /// there can only be undone there.
    pub fn new(own: D, files: D, name: impl Into<String>) -> Self {
        Self {
            own: Own::new(own),
            files: Uninterrupted(files),
            name: name.into(),
            committed: Mutex::default(),
        }
    }

    /// Up to where hosts are archived. What an earlier process has left half done is undone, or
    /// finished, before: to be asked while the data directory is locked, as
    /// [`Engine::open_with`](crate::Engine::open_with) does.
    ///
    /// # Errors
    ///
    /// [`ArchiveError`]
    pub fn marks(&self) -> Result<Marks, ArchiveError> {
        let mut committed = self.lock();
        self.resolve(&mut committed)?;
        Ok(committed.marks.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Committed> {
        self.committed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<D: Disk> fmt::Debug for Archive<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Archive").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Up to where hosts are archived, for who opens a store without archiving: what an archive run has
/// left half done stays as it is. `own` is `<checkpoints>.levelstore/`.
///
/// # Errors
///
/// [`ArchiveError`]
pub fn marks<D: Disk>(own: D) -> Result<Marks, ArchiveError> {
    let mut committed = Committed::default();
    Own::new(own).believe(&mut committed)?;
    Ok(committed.marks)
}
