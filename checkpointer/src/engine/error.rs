//! Why the engine cannot do what it is asked for.

use std::sync::Arc;

use memstore::NameError;
use thiserror::Error;

use super::names::BadName;
use super::report::Problem;
use crate::log::{self, DiskFailure, StartError, Unacknowledged};

/// The files of a host cannot be read: nothing of it is answered or taken until they can.
#[derive(Clone, Debug, Error)]
#[error("host {directory:?} is offline")]
pub struct Offline {
    /// Its directory, below the data directory.
    pub directory: String,
    /// What the system says.
    #[source]
    pub cause: Arc<StartError>,
}

/// Why an engine cannot be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The data directory cannot be locked or listed.
    #[error(transparent)]
    Disk(#[from] DiskFailure),
    /// In a strict start: what a lenient one would have set aside.
    #[error("strict start: {0}")]
    Strict(Problem),
    /// Nobody knows up to where hosts are archived.
    #[error("archive marks")]
    Marks(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// In a strict start: a host that a lenient one would have left offline.
    #[error("strict start")]
    Offline(#[source] Offline),
}

/// Why there is no such host.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum Unavailable {
    /// It is offline.
    #[error(transparent)]
    Offline(#[from] Offline),
    /// A bad file, where none is to be set aside.
    #[error("{0}")]
    Strict(Problem),
    /// A cluster cannot be called so.
    #[error("cluster: {0}")]
    Cluster(#[source] BadName),
    /// A host cannot be called so.
    #[error("host: {0}")]
    Host(#[source] BadName),
    /// The engine is closed.
    #[error("the engine is closed")]
    Closed,
}

/// Why a sample is refused. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refused {
    /// It is older than the retention, or archived already.
    #[error("sample is too old")]
    TooOld,
    /// It is further ahead than samples may be.
    #[error("sample is too far ahead")]
    TooFarAhead,
    /// The value is NaN or infinite.
    #[error("value is no finite number")]
    NotFinite,
    /// Its series is in too many pieces, and it would be another.
    #[error("series is in too many pieces")]
    TooManyRuns,
    /// The time of its slot is out of range.
    #[error("time of the slot is out of range")]
    OutOfRange,
    /// There cannot be such a level.
    #[error(transparent)]
    Name(#[from] NameError),
}

/// Why a batch was not taken, or not as a whole: sending it again is harmless.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The log has no room.
    #[error(transparent)]
    NoRoom(#[from] log::Refused),
    /// The host has left the store: it is to be looked up again.
    #[error("the host has left the store")]
    Gone,
    /// The engine is closed.
    #[error("the engine is closed")]
    Closed,
}

/// Why there cannot be a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NoSeries {
    /// The catalogue does not have the metric.
    #[error("metric is not in the catalogue")]
    UnknownMetric,
    /// A name is longer than the log can say.
    #[error(transparent)]
    TooLong(#[from] wal_format::TooLong),
}

/// Why a checkpoint has failed. What it would have saved is dirty again, and in the log as before.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The disk refuses.
    #[error(transparent)]
    Disk(#[from] DiskFailure),
    /// A snapshot cannot say what the host has.
    #[error("cannot encode {path:?}: {cause}")]
    Encode {
        /// The file.
        path: String,
        /// What it cannot say.
        cause: String,
    },
    /// A name in the directory is as high as names can be.
    #[error("no name is left for another snapshot in {directory:?}")]
    NoNameLeft {
        /// Where it lies.
        directory: String,
    },
    /// The log could not be closed afterwards.
    #[error(transparent)]
    Log(#[from] Unacknowledged),
}

/// Why snapshots could not be merged. Nothing is lost, and what is there is read as before.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MergeError {
    /// The disk refuses.
    #[error(transparent)]
    Disk(#[from] DiskFailure),
    /// What is in memory could not be saved before.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A segment that is covered could not be deleted before.
    #[error(transparent)]
    Log(#[from] StartError),
    /// The bytes of a snapshot are wrong.
    #[error("{file}: {cause}")]
    Corrupt {
        /// Its name.
        file: String,
        /// What is wrong with them.
        cause: String,
    },
    /// A snapshot has a series without a frequency or with times out of range.
    #[error("{file}: a series has no time")]
    NoTime {
        /// Its name.
        file: String,
    },
    /// A snapshot cannot say what the sources have.
    #[error("cannot encode {file}: {cause}")]
    Encode {
        /// Its name.
        file: String,
        /// What it cannot say.
        cause: String,
    },
    /// A series would need more files than are reasonable: one for each of its runs.
    #[error("a series has {runs} runs, each of which would need a file")]
    TooManyRuns {
        /// How many.
        runs: usize,
    },
    /// An archive run has the host.
    #[error("an archive run has the host")]
    Archiving,
}
