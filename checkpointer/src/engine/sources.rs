//! Reading snapshots back, and putting others in their place.

use std::io::{ErrorKind, Write};
use std::time::Duration;

use snapshot_format::{EncodeError, Integrity, Snapshot, TrailerFields, read_json};

use super::encode::encode_stretches;
use super::error::MergeError;
use super::files::Kind;
use super::host::StoredHost;
use super::join::{Joined, times};
use super::read::{read_whole, sound_json};
use super::saved::{Saved, SnapshotFile};
use crate::disk::{Appending, Disk, File};
use crate::log::{DiskFailure, Operation};
use crate::planted::{Planted, is_planted};

/// A snapshot that was read.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) file: SnapshotFile,
    /// A binary snapshot, also of a JSON checkpoint.
    pub(super) bytes: Vec<u8>,
}

/// A snapshot that is to be written.
#[derive(Debug)]
pub(super) struct Target<'a> {
    pub(super) number: i64,
    pub(super) kind: Kind,
    pub(super) content: Vec<Joined<'a>>,
    /// Its `to` where it has no value.
    pub(super) to: i64,
    pub(super) trailer: TrailerFields,
}

impl Target<'_> {
    pub(super) fn file(&self) -> String {
        format!("{}.{}", self.number, self.kind)
    }

    fn times(&self) -> (i64, i64) {
        times(&self.content).unwrap_or((self.to, self.to))
    }
}

/// A snapshot that was read and is sound.
#[derive(Debug)]
pub(super) struct Proven<'a> {
    pub(super) file: &'a SnapshotFile,
    pub(super) snapshot: Snapshot<'a>,
    /// None: it is not ours.
    pub(super) trailer: Option<TrailerFields>,
}

/// Proves that all of them are whole, by their checksums where they have some.
pub(super) fn prove(sources: &[Source]) -> Result<Vec<Proven<'_>>, MergeError> {
    sources.iter().map(Source::prove).collect()
}

impl Source {
    pub(super) fn prove(&self) -> Result<Proven<'_>, MergeError> {
        let Self { file, bytes } = self;
        let parsed = if is_planted(Planted::CorruptMerged) {
            Snapshot::parse_structure(bytes).map(|structure| structure.snapshot)
        } else {
            Snapshot::parse(bytes)
        };
        let corrupt = |cause: String| MergeError::Corrupt { file: file.file.clone(), cause };
        let snapshot = parsed.map_err(|error| corrupt(error.to_string()))?;
        let trailer = match snapshot.integrity() {
            Integrity::Verified(trailer) if file.kind != Kind::Json => Some(trailer.fields()),
            _ if is_planted(Planted::CorruptMerged) => Some(TrailerFields::default()),
            _ => None,
        };
        Ok(Proven { file, snapshot, trailer })
    }
}

impl<D: Disk> StoredHost<D> {
    pub(super) fn read_source(&self, file: &SnapshotFile) -> Result<Source, MergeError> {
        let path = self.path(&file.file);
        let bytes = if file.kind == Kind::Json {
            let tree = sound_json(self.core.disk(), &path, |reader| read_json(reader))?;
            let corrupt = |cause| MergeError::Corrupt { file: file.file.clone(), cause };
            let tree = tree.map_err(|(_, cause)| corrupt(cause))?;
            let encoded = tree.encode(Vec::new(), TrailerFields::default());
            encoded.map_err(|error| corrupt(error.to_string()))?.0
        } else {
            read_whole(self.core.disk(), &path)?
        };
        Ok(Source { file: file.clone(), bytes })
    }

    /// A rename that failed may have been done or not: what is not there is forgotten.
    pub(super) fn forget_missing(&self, saved: &mut Saved) -> Result<(), DiskFailure> {
        let directory = self.directory();
        let listed = self.core.disk().list(directory);
        let entries = listed.map_err(DiskFailure::of(Operation::List, directory))?;
        saved.snapshots.retain(|file| entries.iter().any(|entry| entry.name == *file.file));
        Ok(())
    }

    pub(super) fn path(&self, file: &str) -> String {
        format!("{}/{file}", self.directory())
    }

    /// Writes the file and gives it its name; returns its bytes. What is renamed is not durable before
    /// the directory is synced: [`make_found_durable`](Self::make_found_durable).
    pub(super) fn write_and_publish(
        &self,
        saved: &mut Saved,
        target: &Target<'_>,
    ) -> Result<u64, MergeError> {
        let outcome = self.write_temporary_target(saved, target).and_then(|bytes| {
            self.publish_target(saved, target, bytes)?;
            Ok(bytes)
        });
        if outcome.is_err() {
            // As far as that is possible: the disk has refused something a moment ago.
            drop(self.remove_temporaries(saved, Duration::ZERO));
        }
        outcome
    }

    /// Writes and syncs the temporary file; returns its bytes. One that a crash has left is removed.
    fn write_temporary_target(
        &self,
        saved: &mut Saved,
        target: &Target<'_>,
    ) -> Result<u64, MergeError> {
        let path = self.temporary(saved, &target.file());
        let disk = self.core.disk();
        match disk.remove(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(DiskFailure::new(Operation::Remove, &path, error).into());
            }
            _ => {}
        }
        let file = disk.create(&path).map_err(DiskFailure::of(Operation::Create, &path))?;
        let mut writer = Appending(&file);
        let writer: &mut dyn Write = &mut writer;
        let written = encode_stretches(&target.content, target.times(), target.trailer, writer);
        let bytes = written.map_err(|error| match error {
            EncodeError::Io(error) => DiskFailure::new(Operation::Append, &path, error).into(),
            error => MergeError::Encode { file: target.file(), cause: error.to_string() },
        })?;
        if !is_planted(Planted::MergedUnsynced) {
            file.sync().map_err(DiskFailure::of(Operation::Sync, &path))?;
        }
        Ok(bytes)
    }

    fn publish_target(
        &self,
        saved: &mut Saved,
        target: &Target<'_>,
        bytes: u64,
    ) -> Result<(), MergeError> {
        let Target { number, kind, .. } = *target;
        let file = target.file();
        saved.found_durable = false;
        self.rename(&format!("{file}.tmp"), &file)?;
        saved.leftovers.temporaries.remove(&format!("{file}.tmp"));
        saved.snapshots.retain(|other| other.file != file);
        let (from, to) = target.times();
        saved.snapshots.push(SnapshotFile { number, kind, file, from, to, bytes });
        saved.sort();
        Ok(())
    }

    pub(super) fn rename(&self, from: &str, to: &str) -> Result<(), DiskFailure> {
        let renamed = self.core.disk().rename(&self.path(from), &self.path(to));
        renamed.map_err(DiskFailure::of(Operation::Rename, &self.path(from)))
    }
}
