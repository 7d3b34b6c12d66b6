//! What a run has done, and what is wrong with an archive.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What a run has done.
#[derive(Clone, Debug, Default)]
pub struct Archived {
    /// Rows before this were archived.
    pub cut: i64,
    /// The files written; hosts without rows make none.
    pub files: Vec<ArchivedFile>,
    /// Hosts whose mark is the cut now.
    pub hosts: u64,
    /// Rows.
    pub rows: u64,
    /// Bytes of the files.
    pub bytes: u64,
    /// Snapshots deleted.
    pub snapshots_retired: u64,
    /// Hosts that were left out, or whose snapshots could not be deleted, by directory, and why.
    pub problems: Vec<(String, String)>,
}

/// An archive file, as its manifest has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchivedFile {
    /// `<cluster>/<t>.parquet`.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Its rows.
    pub rows: u64,
    /// Hosts that it was written for.
    pub hosts: u64,
    /// The first timestamp.
    pub min_timestamp: i64,
    /// The last timestamp.
    pub max_timestamp: i64,
    /// CRC-32 of all its bytes.
    pub crc32: u32,
}

/// What was found in an archive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Archive files.
    pub files: u64,
    /// Manifests.
    pub manifests: u64,
    /// Rows that could be read.
    pub rows: u64,
    /// What is wrong.
    pub faults: Vec<Fault>,
}

/// Something that is wrong with a file of an archive.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{path}: {problem}")]
pub struct Fault {
    /// In the archive, or a document beside the checkpoints.
    pub path: String,
    /// What it is.
    pub problem: String,
}
