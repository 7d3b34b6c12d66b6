//! What can go wrong while an archive is written or read.

use std::io::{self, ErrorKind};
use thiserror::Error;

/// Why an archive cannot be written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The writer failed.
    #[error("write the archive")]
    Io(#[source] io::Error),
    /// A host was given that does not come behind those before it.
    #[error(
        "host {hostname:?} does not come behind {previous:?}: hosts are archived in sorted order, each once"
    )]
    Unsorted {
        /// The host given.
        hostname: String,
        /// The last one that the archive has.
        previous: String,
    },
    /// A row group of one cluster was given to the archive of another.
    #[error("a row group of cluster {found:?} in an archive of cluster {expected:?}")]
    WrongCluster {
        /// The archive's.
        expected: String,
        /// The row group's.
        found: String,
    },
    /// An earlier call failed: the file is not whole.
    #[error("an earlier write of this archive failed")]
    Broken,
    /// The encoder of Parquet failed; it says why.
    #[error("encode as Parquet: {0}")]
    Encode(String),
}

/// Why an archive cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The reader failed.
    #[error("read the archive")]
    Io(#[source] io::Error),
    /// The bytes are no Parquet file, or a damaged one.
    #[error("no valid Parquet: {0}")]
    Damaged(String),
    /// A Parquet file without the columns of an archive.
    #[error("column {column:?}: {problem}")]
    Schema {
        /// The column.
        column: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The columns of a row group have different lengths.
    #[error("row group {row_group}: its columns have different numbers of rows")]
    Uneven {
        /// Counted from 0.
        row_group: usize,
    },
}

impl From<parquet::errors::ParquetError> for ArchiveError {
    fn from(error: parquet::errors::ParquetError) -> Self {
        match io_error(error) {
            Ok(error) => Self::Io(error),
            Err(message) => Self::Encode(message),
        }
    }
}

impl From<parquet::errors::ParquetError> for ReadError {
    fn from(error: parquet::errors::ParquetError) -> Self {
        match io_error(error) {
            // What ends too early, or was found wrong on the way, is no failure of the reader.
            Ok(error) => match error.kind() {
                ErrorKind::UnexpectedEof | ErrorKind::InvalidData => {
                    Self::Damaged(error.to_string())
                }
                _ => Self::Io(error),
            },
            Err(message) => Self::Damaged(message),
        }
    }
}

/// The I/O error inside of one of Parquet, or its text.
fn io_error(error: parquet::errors::ParquetError) -> Result<io::Error, String> {
    use parquet::errors::ParquetError;
    match error {
        ParquetError::External(inner) => match inner.downcast::<io::Error>() {
            Ok(error) => Ok(*error),
            Err(other) => Err(other.to_string()),
        },
        ParquetError::General(text) | ParquetError::EOF(text) => Err(text),
        other => Err(other.to_string()),
    }
}
