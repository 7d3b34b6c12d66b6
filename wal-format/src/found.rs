//! What is found in a log, and how it ends.

use crate::record::{DecodeError, Record};

/// What a scan finds, in the order in which it stands in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// A record whose checksum holds.
    Record(Located<'a>),
    /// Bytes that are no record, with a record behind them.
    Damaged(Gap),
}

/// A record, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Located<'a> {
    /// Offset of its first byte in the log.
    pub offset: u64,
    /// All its bytes, framing included: what to copy to keep it exactly as it is.
    pub bytes: &'a [u8],
    /// What it says.
    pub record: Record<'a>,
}

/// A stretch of a log that is no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Offset of its first byte in the log.
    pub offset: u64,
    /// How long it is; 0 only where a file lacks its header and begins with a record.
    pub bytes: u64,
    /// What is wrong where it begins.
    pub cause: Cause,
}

/// Why bytes of a log are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The file does not begin with [`FILE_MAGIC`](crate::FILE_MAGIC).
    #[error("the file header is wrong")]
    FileHeader,
    /// The file ends inside its header.
    #[error("the file ends inside its header")]
    FileHeaderTruncated,
    /// There is no valid record.
    #[error(transparent)]
    Record(DecodeError),
    /// Nothing but zero bytes up to the end: space that was reserved, or never reached the disk.
    #[error("nothing but zero bytes")]
    Zeros,
}

/// How a log ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Behind a whole record, or a file header, or it is empty.
    Clean,
    /// In bytes that are no record, none behind them: what a crash in mid-append leaves.
    Torn(Gap),
    /// The search for the next record was given up, for it cost more than the bytes are worth:
    /// more than 64 times their number. Only bytes made for that do this.
    GaveUp(Gap),
    /// The file header is wrong and there is no record in the file: it is something else.
    NotALog(Gap),
}

/// What a whole log is like: its first fault decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every byte is accounted for.
    Clean,
    /// All is well up to here, and nothing behind it can be read.
    Torn(Gap),
    /// Here something is lost that is not at the end.
    Damaged(Gap),
    /// This is no log.
    NotALog(Gap),
}

/// How much a scan has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Valid records.
    pub records: u64,
    /// Their bytes, framing included.
    pub record_bytes: u64,
    /// Damaged stretches with a record behind them.
    pub gaps: u64,
    /// Their bytes.
    pub gap_bytes: u64,
}
