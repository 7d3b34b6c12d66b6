//! Checking an archive: every file against itself and its manifest, and for rows that are there twice.
//!
//! Our files are sorted: those of a cluster are read side by side, series by series, so that what is
//! held is one series of each. The Go store's files are sorted by nothing but hosts, of which one is
//! held; where their hosts are in another order too, rows that two files have may be missed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use archiver::{Piece, Pieces, ReadError, Summary};

use super::ArchiveError;
use super::documents::Manifest;
use super::file::{OUR_WRITER, Opened, digest, open};
use super::own::{Named, Own};
use super::report::{ArchivedFile, Fault, Verified};
use crate::disk::{Disk, EntryKind, Uninterrupted};
use crate::engine::explain;
use crate::log::{DiskFailure, Operation};

/// Checks the archive in `files`; against its manifests too, if `own`, `<checkpoints>.levelstore/`, is
/// given. Nothing is changed.
///
/// # Errors
///
/// [`ArchiveError`] if the archive cannot be listed or a manifest is none; what is wrong with a file is
/// in the report.
pub fn verify<D: Disk + 'static>(files: D, own: Option<D>) -> Result<Verified, ArchiveError> {
    let files = Uninterrupted(files);
    let mut verified = Verified::default();
    let mut expected: Option<BTreeMap<String, ArchivedFile>> = None;
    if let Some(own) = own {
        let manifests = Own::new(own).all::<Manifest>()?;
        verified.manifests = manifests.len() as u64;
        let all = manifests.into_iter().flat_map(|Named { document, .. }| document.files);
        expected = Some(all.map(|file| (file.path.clone(), file)).collect());
    }
    for cluster in names(&files, "", EntryKind::Directory)? {
        let paths = names(&files, &cluster, EntryKind::File)?.into_iter();
        let paths = paths.map(|name| format!("{cluster}/{name}"));
        let paths: Vec<_> = paths.filter(|path| path.ends_with(".parquet")).collect();
        let mut checking = Checking { files: &files, verified: &mut verified };
        checking.cluster(&cluster, &paths, expected.as_mut());
    }
    for path in expected.into_iter().flat_map(BTreeMap::into_keys) {
        verified.fault(&path, "its manifest names it, and it is not there");
    }
    Ok(verified)
}

fn names<D: Disk>(
    disk: &Uninterrupted<D>,
    path: &str,
    kind: EntryKind,
) -> Result<Vec<String>, DiskFailure> {
    let entries = disk.list(path).map_err(DiskFailure::of(Operation::List, path))?;
    let chosen = entries.into_iter().filter(|entry| entry.kind == kind);
    Ok(chosen.filter_map(|entry| entry.name.into_string().ok()).collect())
}

impl Verified {
    fn fault(&mut self, path: &str, problem: impl Into<String>) {
        self.faults.push(Fault { path: path.to_owned(), problem: problem.into() });
    }
}

struct Checking<'a, D: Disk> {
    files: &'a Uninterrupted<D>,
    verified: &'a mut Verified,
}

impl<D: Disk + 'static> Checking<'_, D> {
    fn cluster(
        &mut self,
        cluster: &str,
        paths: &[String],
        mut expected: Option<&mut BTreeMap<String, ArchivedFile>>,
    ) {
        let mut sound = Vec::new();
        for path in paths {
            self.verified.files += 1;
            let manifest = expected.as_mut().map(|expected| expected.remove(path));
            let (archive, said) = match self.summary(path) {
                Ok(read) => read,
                Err(problem) => {
                    self.verified.fault(path, problem);
                    continue;
                }
            };
            match manifest {
                Some(Some(file)) => self.against_manifest(&file, &said),
                Some(None) if is_ours(&said) => {
                    self.verified.fault(path, "ours, and no manifest names it");
                }
                _ => {}
            }
            sound.push((path.as_str(), archive, said));
        }
        self.rows(cluster, &sound);
    }

    fn summary(&self, path: &str) -> Result<(Opened<D>, Summary), String> {
        let archive = open(self.files, path).map_err(|error| explain(&error))??;
        let summary = archive.summary().map_err(|error| explain(&error))?;
        Ok((archive, summary))
    }

    fn against_manifest(&mut self, file: &ArchivedFile, said: &Summary) {
        let times = Some((file.min_timestamp, file.max_timestamp));
        if (said.bytes, said.rows, said.times) != (file.bytes, file.rows, times) {
            let problem = format!(
                "{} rows in {} bytes, its manifest says {} in {}",
                said.rows, said.bytes, file.rows, file.bytes
            );
            return self.verified.fault(&file.path, problem);
        }
        match digest(self.files, &file.path) {
            Ok(digest) if digest == file.crc32 => {}
            Ok(_) => self.verified.fault(&file.path, "its checksum is not that of its manifest"),
            Err(error) => self.verified.fault(&file.path, explain(&error)),
        }
    }

    // ---- rows ----

    /// Reads all rows, those of one series from all files at a time.
    fn rows(&mut self, cluster: &str, files: &[(&str, Opened<D>, Summary)]) {
        let mut open: Vec<_> = files
            .iter()
            .map(|(path, archive, said)| Reading {
                path,
                said,
                rows: SeriesOf::new(archive.pieces(), is_ours(said)),
                next: None,
                last: None,
                count: 0,
                has_failed: false,
                times: None,
                doubles: 0,
                unsorted: 0,
                strangers: 0,
            })
            .collect();
        for reading in &mut open {
            self.advance(cluster, reading);
        }
        let first = |open: &[Reading<'_, D>]| {
            open.iter()
                .filter_map(|reading| reading.next.as_ref())
                .map(|(key, _)| key)
                .min()
                .cloned()
        };
        while let Some(key) = first(&open) {
            self.series(cluster, &key, &mut open);
        }
        for reading in open {
            self.verified.rows += reading.count;
            for problem in reading.problems() {
                self.verified.fault(reading.path, problem);
            }
        }
    }

    /// One series in all files that have it.
    fn series(&mut self, cluster: &str, key: &Key, open: &mut [Reading<'_, D>]) {
        let mut seen = BTreeSet::new();
        for reading in open {
            while let Some((_, times)) = reading.next.take_if(|(next, _)| next == key) {
                let repeated = times.into_iter().filter(|time| !seen.insert(*time));
                reading.doubles += repeated.count() as u64;
                self.advance(cluster, reading);
            }
        }
    }

    fn advance(&mut self, cluster: &str, reading: &mut Reading<'_, D>) {
        let (key, times) = match reading.rows.next() {
            None => return,
            Some(Err(error)) => {
                reading.has_failed = true;
                return self.verified.fault(reading.path, explain(&error));
            }
            Some(Ok((found, key, times))) => {
                reading.strangers += u64::from(found != cluster);
                (key, times)
            }
        };
        reading.count += times.len() as u64;
        for &time in &times {
            let (first, last) = reading.times.unwrap_or((time, time));
            reading.times = Some((first.min(time), last.max(time)));
        }
        reading.unsorted += u64::from(reading.last.as_ref().is_some_and(|last| *last > key));
        reading.last = Some(key.clone());
        reading.next = Some((key, times));
    }
}

fn is_ours(summary: &Summary) -> bool {
    summary.writer.as_ref().is_some_and(|writer| writer.starts_with(OUR_WRITER))
}

/// Host, metric, scope, scope id, path.
type Key = (String, String, String, String, Option<String>);

/// A file that is read, and the series that comes next.
struct Reading<'a, D: Disk + 'static> {
    path: &'a str,
    said: &'a Summary,
    rows: SeriesOf<'a, D>,
    next: Option<(Key, Vec<i64>)>,
    last: Option<Key>,
    count: u64,
    has_failed: bool,
    times: Option<(i64, i64)>,
    doubles: u64,
    unsorted: u64,
    strangers: u64,
}

impl<D: Disk + 'static> Reading<'_, D> {
    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        // What cannot be read has been told.
        if !self.has_failed && (self.count, self.times) != (self.said.rows, self.said.times) {
            problems.push(format!("has {} rows, its footer says {}", self.count, self.said.rows));
        }
        if self.doubles > 0 {
            problems
                .push(format!("{} rows are there twice, here or in another file", self.doubles));
        }
        if self.strangers > 0 {
            problems.push("has rows of another cluster".to_owned());
        }
        if is_ours(self.said) && self.unsorted > 0 {
            problems.push(format!("not sorted in {} places", self.unsorted));
        }
        problems
    }
}

type PiecesOf<'a, D> = Pieces<'a, super::file::Seeking<<Uninterrupted<D> as Disk>::File>>;

/// The cluster that a series is of, its key, its times.
type Series = (String, Key, Vec<i64>);

/// The series of a file with their times, as pieces; those of a file that is not sorted host by host.
struct SeriesOf<'a, D: Disk + 'static> {
    pieces: PiecesOf<'a, D>,
    is_sorted: bool,
    /// The first piece of the next host.
    ahead: Option<Piece>,
    host: VecDeque<Series>,
}

impl<'a, D: Disk + 'static> SeriesOf<'a, D> {
    fn new(pieces: PiecesOf<'a, D>, is_sorted: bool) -> Self {
        Self { pieces, is_sorted, ahead: None, host: VecDeque::new() }
    }

    fn next(&mut self) -> Option<Result<Series, ReadError>> {
        if self.is_sorted {
            return self.pieces.next().map(|piece| piece.map(named));
        }
        if self.host.is_empty()
            && let Err(error) = self.read_host()
        {
            return Some(Err(error));
        }
        self.host.pop_front().map(Ok)
    }

    /// All rows that follow each other as one host's, sorted by series.
    fn read_host(&mut self) -> Result<(), ReadError> {
        let mut series: BTreeMap<(Key, String), Vec<i64>> = BTreeMap::new();
        let mut hostname = None;
        while let Some(piece) = self.ahead.take().map(Ok).or_else(|| self.pieces.next()) {
            let piece = piece?;
            if hostname.get_or_insert_with(|| piece.hostname.clone()) != &piece.hostname {
                self.ahead = Some(piece);
                break;
            }
            let (cluster, key, times) = named(piece);
            series.entry((key, cluster)).or_default().extend(times);
        }
        self.host.extend(series.into_iter().map(|((key, cluster), times)| (cluster, key, times)));
        Ok(())
    }
}

fn named(piece: Piece) -> Series {
    let Piece { cluster, hostname, metric, scope, scope_id, path, timestamps, .. } = piece;
    (cluster, (hostname, metric, scope, scope_id, path), timestamps)
}
