//! Why a run, or the start of an archive, has failed as a whole.

use thiserror::Error;

use crate::log::DiskFailure;

/// Why there is no archive, or no run of it. Nothing is lost then; what is half done is resolved by
/// the next run, or the next start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The disk refuses.
    #[error(transparent)]
    Disk(#[from] DiskFailure),
    /// A plan or manifest is not as it was written. It is not passed over: nobody knows which rows
    /// are in the archive.
    #[error("{path:?}: {problem}")]
    Document {
        /// In `<checkpoints>.levelstore/`.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A run into another directory was left half done, and can only be undone there.
    #[error("{plan:?} was not finished in the archive {expected:?}; this is {found:?}")]
    OtherArchive {
        /// The plan.
        plan: String,
        /// The directory it is about.
        expected: String,
        /// The directory of this archive.
        found: String,
    },
    /// Another run is under way.
    #[error("another run is under way")]
    Running,
    /// The engine is closed.
    #[error("the engine is closed")]
    Closed,
    /// A file of that name has appeared since the run was planned. It is left alone.
    #[error("{path:?} exists: not overwritten")]
    Exists {
        /// In the archive.
        path: String,
    },
    /// An archive file could not be written.
    #[error("write {path:?}")]
    Write {
        /// In the archive.
        path: String,
        /// Why.
        #[source]
        source: archiver::ArchiveError,
    },
    /// An archive file is not what was written.
    #[error("read back {path:?}: {problem}")]
    ReadBack {
        /// In the archive.
        path: String,
        /// How it differs.
        problem: String,
    },
}
