//! One archive file: written to `.tmp`, synced, read back, renamed. What exists is not overwritten.

use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};

use archiver::{ArchiveWriter, ReadError, Receipt, RowGroup, Summary};

use super::ArchiveError;
use super::report::ArchivedFile;
use crate::disk::{Disk, File, Reader, Uninterrupted};
use crate::engine::explain;
use crate::log::{DiskFailure, Operation};
use crate::planted::{Planted, is_planted};

/// How our files call their writer.
pub(super) const OUR_WRITER: &str = "levelstore ";

type FileOf<D> = <Uninterrupted<D> as Disk>::File;

/// A file that is being written.
pub(super) struct NewFile<'a, D: Disk + 'static> {
    disk: &'a Uninterrupted<D>,
    path: String,
    writer: ArchiveWriter<Digested<FileOf<D>>>,
}

/// A file that is there, whole: its names are durable when its directory is synced.
pub(super) struct Landed {
    pub(super) receipt: Receipt,
    /// None: none of the hosts has rows.
    pub(super) file: Option<ArchivedFile>,
}

impl<'a, D: Disk> NewFile<'a, D> {
    pub(super) fn create(
        disk: &'a Uninterrupted<D>,
        path: &str,
        cluster: &str,
    ) -> Result<Self, ArchiveError> {
        let temporary = format!("{path}.tmp");
        let created = disk.create(&temporary);
        let file = created.map_err(DiskFailure::of(Operation::Create, &temporary))?;
        let digested = Digested { file, digest: crc32fast::Hasher::new() };
        let writer = ArchiveWriter::new(digested, cluster.as_bytes());
        let writer = writer.map_err(|source| write_failed(path, source))?;
        Ok(Self { disk, path: path.to_owned(), writer })
    }

    pub(super) fn append(&mut self, group: RowGroup) -> Result<(), ArchiveError> {
        self.writer.append(group).map_err(|source| write_failed(&self.path, source))
    }

    pub(super) fn finish(self) -> Result<Landed, ArchiveError> {
        let Self { disk, path, writer } = self;
        let temporary = format!("{path}.tmp");
        let finished = writer.finish();
        let (written, receipt) = finished.map_err(|source| write_failed(&path, source))?;
        let Some((min_timestamp, max_timestamp)) = receipt.times() else {
            drop(written);
            let removed = disk.remove(&temporary);
            removed.map_err(DiskFailure::of(Operation::Remove, &temporary))?;
            return Ok(Landed { receipt, file: None });
        };
        if !is_planted(Planted::ArchiveRenamedUnsynced) {
            let synced = written.file.sync();
            synced.map_err(DiskFailure::of(Operation::Sync, &temporary))?;
        }
        let crc32 = written.digest.finalize();
        drop(written.file);
        read_back(disk, &temporary, &receipt, crc32)?;
        give_name(disk, &temporary, &path)?;
        let file = ArchivedFile {
            bytes: receipt.bytes(),
            rows: receipt.rows(),
            hosts: receipt.hosts().len() as u64,
            min_timestamp,
            max_timestamp,
            crc32,
            path,
        };
        Ok(Landed { receipt, file: Some(file) })
    }
}

fn write_failed(path: &str, source: archiver::ArchiveError) -> ArchiveError {
    ArchiveError::Write { path: path.to_owned(), source }
}

/// What was written is what is there: the footer says so, and every byte.
fn read_back<D: Disk + 'static>(
    disk: &Uninterrupted<D>,
    path: &str,
    receipt: &Receipt,
    crc32: u32,
) -> Result<(), ArchiveError> {
    let failed = |problem| ArchiveError::ReadBack { path: path.to_owned(), problem };
    let summary = summary(disk, path)?.map_err(failed)?;
    receipt.check(&summary).map_err(|mismatch| failed(mismatch.to_string()))?;
    if digest(disk, path)? != crc32 {
        return Err(failed("its checksum is not that of what was written".to_owned()));
    }
    Ok(())
}

fn give_name<D: Disk>(
    disk: &Uninterrupted<D>,
    temporary: &str,
    path: &str,
) -> Result<(), ArchiveError> {
    match disk.open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        _ if is_planted(Planted::ArchiveOverwrites) => {}
        Err(error) if error.kind() != ErrorKind::IsADirectory => {
            Err(DiskFailure::new(Operation::Open, path, error))?;
        }
        _ => return Err(ArchiveError::Exists { path: path.to_owned() }),
    }
    let renamed = disk.rename(temporary, path);
    Ok(renamed.map_err(DiskFailure::of(Operation::Rename, temporary))?)
}

// ---- what is there ----

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    Nobodys,
    Ours,
    Others,
}

/// Who has made a file, if there is one.
pub(super) fn whose<D: Disk + 'static>(
    disk: &Uninterrupted<D>,
    path: &str,
) -> Result<Whose, DiskFailure> {
    match summary(disk, path) {
        Ok(Ok(Summary { writer: Some(writer), .. })) if writer.starts_with(OUR_WRITER) => {
            Ok(Whose::Ours)
        }
        Ok(_) => Ok(Whose::Others),
        Err(failure) => match failure.source.kind() {
            ErrorKind::NotFound => Ok(Whose::Nobodys),
            ErrorKind::IsADirectory => Ok(Whose::Others),
            _ => Err(failure),
        },
    }
}

/// The outer error is the disk's, the inner one the bytes'.
pub(super) fn summary<D: Disk + 'static>(
    disk: &Uninterrupted<D>,
    path: &str,
) -> Result<Result<Summary, String>, DiskFailure> {
    match open(disk, path)? {
        Ok(archive) => sound(archive.summary(), path),
        Err(problem) => Ok(Err(problem)),
    }
}

pub(super) type Opened<D> = archiver::Archive<Seeking<FileOf<D>>>;

pub(super) fn open<D: Disk + 'static>(
    disk: &Uninterrupted<D>,
    path: &str,
) -> Result<Result<Opened<D>, String>, DiskFailure> {
    let file = disk.open(path).map_err(DiskFailure::of(Operation::Open, path))?;
    sound(archiver::Archive::open(Seeking { file, at: 0 }), path)
}

fn sound<T>(read: Result<T, ReadError>, path: &str) -> Result<Result<T, String>, DiskFailure> {
    match read {
        Ok(read) => Ok(Ok(read)),
        Err(ReadError::Io(error)) => Err(DiskFailure::new(Operation::Read, path, error)),
        Err(error) => Ok(Err(explain(&error))),
    }
}

/// CRC-32 of all bytes of a file.
pub(super) fn digest<D: Disk>(disk: &Uninterrupted<D>, path: &str) -> Result<u32, DiskFailure> {
    let file = disk.open(path).map_err(DiskFailure::of(Operation::Open, path))?;
    let (mut reader, mut digest) = (Reader::new(&file), crc32fast::Hasher::new());
    let mut bytes = vec![0; 1 << 18];
    loop {
        let read = reader.read(&mut bytes).map_err(DiskFailure::of(Operation::Read, path))?;
        match bytes.get(..read) {
            None | Some([]) => return Ok(digest.finalize()),
            Some(read) => digest.update(read),
        }
    }
}

/// Appends, and knows the checksum of what went in.
#[derive(Debug)]
struct Digested<F> {
    file: F,
    digest: crc32fast::Hasher,
}

impl<F: File> Write for Digested<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.append(bytes)?;
        self.digest.update(bytes.get(..written).unwrap_or(bytes));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An open file with a place in it.
#[derive(Debug)]
pub(super) struct Seeking<F> {
    file: F,
    at: u64,
}

impl<F: File> Read for Seeking<F> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(self.at, out)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl<F: File> Seek for Seeking<F> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(offset) => self.file.len()?.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.at.checked_add_signed(offset),
        };
        self.at = target.ok_or(ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
