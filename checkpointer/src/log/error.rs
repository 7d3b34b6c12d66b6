//! What can go wrong between the log and the disk, and why a write is not acknowledged.

use std::fmt;
use std::io;
use std::sync::Arc;

use thiserror::Error;

/// What was asked of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the call of `Disk` or `File` of its name")]
pub enum Operation {
    Create,
    Open,
    Append,
    Read,
    Sync,
    SyncDirectory,
    MakeDirectory,
    List,
    Rename,
    Remove,
    Lock,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::Open => "open",
            Self::Append => "append to",
            Self::Read => "read",
            Self::Sync => "sync",
            Self::SyncDirectory => "sync directory",
            Self::MakeDirectory => "make directory",
            Self::List => "list",
            Self::Rename => "rename",
            Self::Remove => "remove",
            Self::Lock => "lock",
        })
    }
}

/// The disk refused something. Clones share the cause: all who waited for one write are told.
#[derive(Clone, Debug, Error)]
#[error("cannot {operation} {path:?}")]
pub struct DiskFailure {
    /// What was asked of it.
    pub operation: Operation,
    /// Of what, relative to the data directory.
    pub path: Arc<str>,
    /// What the system says.
    pub source: Arc<io::Error>,
}

impl DiskFailure {
    pub(crate) fn new(operation: Operation, path: &str, source: io::Error) -> Self {
        Self { operation, path: path.into(), source: source.into() }
    }

    /// Whether the cause is that nothing has that name.
    pub(crate) fn is_not_found(&self) -> bool {
        self.source.kind() == io::ErrorKind::NotFound
    }

    /// For `map_err`.
    pub(crate) fn of(operation: Operation, path: &str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::new(operation, path, source)
    }
}

/// Why a write is not acknowledged. It is in memory all the same, and sending it again is harmless.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum Unacknowledged {
    /// Nothing has moved for as long as the caller would wait.
    #[error("the log has not got that far in time")]
    TimedOut,
    /// It could not be written. It stays in the buffer and is tried again.
    #[error("the log cannot be written")]
    WriteFailed(#[source] DiskFailure),
    /// A sync has failed, which is final for its segment: only a checkpoint of the host makes the
    /// records durable. The caller makes one, and may wait again.
    #[error("a sync has failed, only a checkpoint makes the records durable")]
    NeedsCheckpoint,
    /// The host has left the store, and its buffer with it.
    #[error("the host is gone")]
    Gone,
}

/// Why a batch was not let in: nothing of it was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refused {
    /// The host's own buffer is full.
    #[error("the log buffer of the host is full")]
    HostFull,
    /// All buffers together are full, and the host has its fair share of them.
    #[error("the log buffers are full")]
    TotalFull,
    /// The host has more in its log than may be without a snapshot, and the checkpoint that takes it
    /// away was not over in time, or has failed.
    #[error(
        "the host has {bytes} bytes in its log that no snapshot holds yet, of at most {bytes_max}"
    )]
    Uncovered {
        /// What it has.
        bytes: u64,
        /// The most that may be.
        bytes_max: u64,
    },
    /// The batch is larger than a buffer can ever be: it has to be divided.
    #[error("a batch of {bytes} bytes is larger than the buffer of {bytes_max}")]
    TooLarge {
        /// What was asked for.
        bytes: usize,
        /// The most that can be.
        bytes_max: usize,
    },
}
