//! What lies in a host's directory at a start, as far as it is log.
//!
//! What is found is never appended to, cut or rewritten: it may end torn, and what is written
//! behind a torn end is lost to readers that stop there. The one exception is `current.wal`, the
//! Go store's, whose arrival times are replaced by nominal ones, once.

use std::ffi::OsStr;
use std::io::{self, BufWriter, Write};

use thiserror::Error;
use wal_format::{
    Found as Item, Known, Located, Names, Reader, Record, SegmentWriter, Tally, Verdict,
};

use super::error::{DiskFailure, Operation};
use crate::disk::{Appending, Disk, Entry, EntryKind, File};

/// The name of the Go store's log.
pub const CURRENT_WAL: &str = "current.wal";

/// A start with higher numbers than this would come to the end of them; no log gets that far.
pub(crate) const NUMBER_MAX: u64 = u64::MAX / 4;

/// The log of one host as a start finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The segments, by number.
    pub segments: Vec<FoundSegment>,
    /// Whether the Go store's `current.wal` is there.
    pub current_wal: bool,
    /// One more than the highest number in a name, whatever its ending.
    pub next_number: u64,
    /// Whether there was any segment, covered or not: what lies in the directory may not be durable
    /// then, and is synced before anything relies on it.
    pub unsettled: bool,
    /// How many records the segments hold, where they were read.
    pub records: u64,
}

impl Default for Found {
    fn default() -> Self {
        let segments = Vec::new();
        Self { segments, current_wal: false, next_number: 1, unsettled: false, records: 0 }
    }
}

/// A segment that a start has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundSegment {
    /// The number that is its name.
    pub number: u64,
    /// Its length.
    pub bytes: u64,
    /// What it is worth, where it was read; else it is read before it is deleted.
    pub worth: Option<Worth>,
}

/// What a segment is worth that a snapshot covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worth {
    /// Nothing: all its records are in the snapshot.
    Nothing,
    /// Some of its bytes are damaged: it is kept as `.damaged`.
    Damaged,
    /// Some of its records can be in no snapshot, since their metric is unknown or they have no place
    /// in memory: it is kept as `.unknown`.
    Unknown,
}

impl Worth {
    /// Of a segment with these contents; `unknown`: some of its records can be in no snapshot.
    #[must_use]
    pub fn of(contents: &Contents, unknown: bool) -> Self {
        match contents.verdict {
            Verdict::Damaged(_) | Verdict::NotALog(_) => Self::Damaged,
            Verdict::Clean | Verdict::Torn(_) if unknown => Self::Unknown,
            Verdict::Clean | Verdict::Torn(_) => Self::Nothing,
        }
    }
}

/// What a segment holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contents {
    /// How much of it is records, and how much is damaged.
    pub tally: Tally,
    /// Clean, torn, damaged, or no log at all.
    pub verdict: Verdict,
}

/// Why a host's log cannot be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// The disk refuses; nothing was changed.
    #[error(transparent)]
    Disk(#[from] DiskFailure),
    /// A name has the highest number that there is.
    #[error("no number is left for another segment in {directory:?}")]
    NoNumberLeft {
        /// Where it lies.
        directory: Box<str>,
    },
}

/// The path of a segment.
#[must_use]
pub fn segment_path(directory: &str, number: u64) -> String {
    format!("{directory}/{}", segment_name(number))
}

fn segment_name(number: u64) -> String {
    format!("{number:020}.wal")
}

/// Lists the log of the host whose directory this is. One that does not exist is empty.
///
/// # Errors
///
/// [`StartError`]
pub fn find<D: Disk>(disk: &D, directory: &str) -> Result<Found, StartError> {
    match disk.list(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::default()),
        listed => {
            let listed = listed.map_err(DiskFailure::of(Operation::List, directory))?;
            find_among(directory, &listed)
        }
    }
}

/// What of a listing is log.
pub(crate) fn find_among(directory: &str, entries: &[Entry]) -> Result<Found, StartError> {
    let mut found = Found::default();
    let mut highest = 0;
    for entry in entries {
        let Some(number) = number_of(&entry.name) else {
            found.current_wal |= entry.kind == EntryKind::File && entry.name == CURRENT_WAL;
            continue;
        };
        highest = highest.max(number);
        if entry.kind == EntryKind::File && entry.name == *segment_name(number) {
            found.segments.push(FoundSegment { number, bytes: entry.length, worth: None });
        }
    }
    found.segments.sort_unstable_by_key(|segment| segment.number);
    found.unsettled = !found.segments.is_empty();
    let none_left = || StartError::NoNumberLeft { directory: directory.into() };
    let next = highest.checked_add(1).filter(|next| *next <= NUMBER_MAX);
    found.next_number = next.ok_or_else(none_left)?;
    Ok(found)
}

/// The number in front of a name `<digits>.wal…`.
fn number_of(name: &OsStr) -> Option<u64> {
    let name = name.to_str()?;
    let (number, ending) = name.split_once('.')?;
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    (digits && ending.starts_with("wal")).then(|| number.parse().ok()).flatten()
}

impl Found {
    /// What a durable snapshot covers is not needed, and its numbers are not used again.
    pub fn forget_covered(&mut self, covered: u64) {
        self.segments.retain(|segment| segment.number > covered);
        self.next_number = self.next_number.max(covered.saturating_add(1));
    }
}

/// Reads the records of a log, in order, whatever is torn or damaged in it.
///
/// # Errors
///
/// What the system says. It tells nothing about the bytes.
pub fn read_log<D: Disk>(
    disk: &D,
    path: &str,
    mut each: impl FnMut(Located<'_>),
) -> Result<Contents, DiskFailure> {
    read(disk, path, |reader| {
        while let Some(item) = reader.next()? {
            if let Item::Record(located) = item {
                each(located);
            }
        }
        Ok(())
    })
}

/// Reads the records of a log, in order, each with what is known of its series, which `make` makes:
/// faster, where the same series come again and again.
pub(crate) fn read_log_by_series<D: Disk, T>(
    disk: &D,
    path: &str,
    known: &mut Known<T>,
    make: impl FnMut(Names<'_>) -> T,
    each: impl FnMut(&mut T, &Record<'_>),
) -> Result<Contents, DiskFailure> {
    read(disk, path, |reader| reader.read_known(known, make, each))
}

fn read<D: Disk>(
    disk: &D,
    path: &str,
    to_the_end: impl FnOnce(&mut Reader<crate::disk::Reader<'_, D::File>>) -> io::Result<()>,
) -> Result<Contents, DiskFailure> {
    let file = disk.open(path).map_err(DiskFailure::of(Operation::Open, path))?;
    let mut reader = Reader::new(crate::disk::Reader::new(&file));
    to_the_end(&mut reader).map_err(DiskFailure::of(Operation::Read, path))?;
    let verdict = reader.verdict().unwrap_or(Verdict::Clean);
    Ok(Contents { tally: reader.tally(), verdict })
}

/// Gives the Go store's log the first free number, durably, before there is a segment of ours.
/// Returns the number; `found` has it from then on.
///
/// # Errors
///
/// [`StartError`]; a rename that happened is found by the next start.
pub fn take_over_current<D: Disk>(
    disk: &D,
    directory: &str,
    found: &mut Found,
) -> Result<u64, StartError> {
    let number = found.next_number;
    let none_left = || StartError::NoNumberLeft { directory: directory.into() };
    let next_number = number.checked_add(1).ok_or_else(none_left)?;
    let current = format!("{directory}/{CURRENT_WAL}");
    let path = segment_path(directory, number);
    disk.rename(&current, &path).map_err(DiskFailure::of(Operation::Rename, &current))?;
    sync_directory(disk, directory)?;
    let file = disk.open(&path).map_err(DiskFailure::of(Operation::Open, &path))?;
    let bytes = file.len().map_err(DiskFailure::of(Operation::Read, &path))?;
    found.segments.push(FoundSegment { number, bytes, worth: None });
    found.current_wal = false;
    found.unsettled = true;
    found.next_number = next_number;
    Ok(number)
}

/// Replaces a segment by what `write` writes, in one step: `.tmp`, sync, rename, sync the directory.
///
/// # Errors
///
/// What the system says. Before the rename nothing has changed.
pub fn replace_segment<D: Disk>(
    disk: &D,
    directory: &str,
    number: u64,
    write: impl FnOnce(&mut SegmentWriter<&mut dyn Write>) -> io::Result<()>,
) -> Result<(), DiskFailure> {
    let path = segment_path(directory, number);
    let temporary = format!("{path}.tmp");
    match disk.remove(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(DiskFailure::new(Operation::Remove, &temporary, error));
        }
        _ => {}
    }
    let file = disk.create(&temporary).map_err(DiskFailure::of(Operation::Create, &temporary))?;
    write_segment(&file, write).map_err(DiskFailure::of(Operation::Append, &temporary))?;
    file.sync().map_err(DiskFailure::of(Operation::Sync, &temporary))?;
    disk.rename(&temporary, &path).map_err(DiskFailure::of(Operation::Rename, &temporary))?;
    sync_directory(disk, directory)
}

fn write_segment<F: File>(
    file: &F,
    write: impl FnOnce(&mut SegmentWriter<&mut dyn Write>) -> io::Result<()>,
) -> io::Result<()> {
    let mut buffered = BufWriter::with_capacity(256 << 10, Appending(file));
    let mut writer = SegmentWriter::new(&mut buffered as &mut dyn Write)?;
    write(&mut writer)?;
    buffered.flush()
}

pub(super) fn sync_directory<D: Disk>(disk: &D, directory: &str) -> Result<(), DiskFailure> {
    disk.sync_directory(directory).map_err(DiskFailure::of(Operation::SyncDirectory, directory))
}
