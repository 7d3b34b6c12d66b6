//! What an archive file is proven to hold.

use crate::read::Summary;
use std::ops::Range;
use thiserror::Error;

/// What of a host lies in a row group or a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostRows {
    /// The host.
    pub hostname: String,
    /// What was asked for: all rows of its snapshots with a nominal time in this range are there.
    pub wanted: Range<i64>,
    /// How many those are.
    pub rows: u64,
    /// The nominal times of the first and the last of them; none if there are no rows.
    pub times: Option<(i64, i64)>,
    /// The snapshots that they were taken from, in the order in which they were loaded.
    pub sources: Vec<String>,
}

impl HostRows {
    /// Joins what another row group has of the same host.
    pub(crate) fn join(&mut self, behind: Self) {
        self.rows += behind.rows;
        self.times = join_times(self.times, behind.times);
        self.sources.extend(behind.sources);
    }
}

pub(crate) fn join_times(a: Option<(i64, i64)>, b: Option<(i64, i64)>) -> Option<(i64, i64)> {
    match (a, b) {
        (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
        (a, b) => a.or(b),
    }
}

/// Proof of what one archive file holds; only [`ArchiveWriter::finish`](crate::ArchiveWriter::finish)
/// makes one. Snapshots are deleted against it, once the file is durable and was read back.
#[derive(Debug, PartialEq, Eq)]
pub struct Receipt {
    pub(crate) cluster: String,
    pub(crate) hosts: Vec<HostRows>,
    pub(crate) row_groups: u64,
    pub(crate) bytes: u64,
}

/// How a file that was read back differs from its receipt.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("the file has {found} as {what}, {expected} were written")]
pub struct Mismatch {
    /// What differs.
    pub what: &'static str,
    /// As it was written.
    pub expected: String,
    /// As it was read.
    pub found: String,
}

impl Receipt {
    /// The cluster.
    #[must_use]
    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// The hosts in sorted order; those without rows too.
    #[must_use]
    pub fn hosts(&self) -> &[HostRows] {
        &self.hosts
    }

    /// Rows of all hosts.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.hosts.iter().map(|host| host.rows).sum()
    }

    /// The first and the last nominal time of all rows, if there are any.
    #[must_use]
    pub fn times(&self) -> Option<(i64, i64)> {
        self.hosts.iter().fold(None, |times, host| join_times(times, host.times))
    }

    /// Row groups.
    #[must_use]
    pub fn row_groups(&self) -> u64 {
        self.row_groups
    }

    /// Bytes that the writer got: the size of the file.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Checks a file that was read back.
    ///
    /// # Errors
    ///
    /// The first [`Mismatch`]: of size, rows, row groups or times.
    pub fn check(&self, found: &Summary) -> Result<(), Mismatch> {
        let pairs = [
            ("bytes", self.bytes.to_string(), found.bytes.to_string()),
            ("rows", self.rows().to_string(), found.rows.to_string()),
            ("row groups", self.row_groups.to_string(), found.row_groups.to_string()),
            ("times", format!("{:?}", self.times()), format!("{:?}", found.times)),
        ];
        for (what, expected, found) in pairs {
            if expected != found {
                return Err(Mismatch { what, expected, found });
            }
        }
        Ok(())
    }
}
