//! `<checkpoints>.levelstore/`: plans and manifests, each `<n>.<kind>`. Numbers ascend, none is used
//! twice.

use std::collections::BTreeMap;
use std::io;

use super::documents::{Document, Manifest, Plan, VERSION, decode, encode};
use super::{ArchiveError, Committed};
use crate::disk::{Disk, Entry, File, Uninterrupted};
use crate::engine::{Marks, read_whole};
use crate::log::{DiskFailure, Operation};
use crate::planted::{Planted, is_planted};

/// So many manifests become one.
const MANIFESTS_MAX: usize = 16;

pub(super) struct Own<D>(Uninterrupted<D>);

/// A document and its file.
pub(super) struct Named<T> {
    pub(super) name: String,
    pub(super) document: T,
}

impl<D: Disk> Own<D> {
    pub(super) fn new(disk: D) -> Self {
        Self(Uninterrupted(disk))
    }

    // ---- reading ----

    fn list(&self) -> Result<Vec<String>, DiskFailure> {
        let entries = self.0.list("").map_err(DiskFailure::of(Operation::List, ""))?;
        let name = |Entry { name, .. }: Entry| name.into_string().ok();
        Ok(entries.into_iter().filter_map(name).collect())
    }

    /// All documents of a kind, by number.
    pub(super) fn all<T: Document>(&self) -> Result<Vec<Named<T>>, ArchiveError> {
        let mut found = Vec::new();
        for name in self.list()? {
            let Some((number, ending)) = parse(&name) else { continue };
            if ending != T::ENDING {
                continue;
            }
            let bytes = read_whole(&self.0, &name)?;
            let document = decode(&bytes)
                .map_err(|problem| ArchiveError::Document { path: name.clone(), problem })?;
            found.push((number, Named { name, document }));
        }
        found.sort_by_key(|(number, _)| *number);
        Ok(found.into_iter().map(|(_, named)| named).collect())
    }

    /// The manifests that are there. They may be in the system's cache only: made durable first, then
    /// believed.
    pub(super) fn believe(
        &self,
        committed: &mut Committed,
    ) -> Result<Vec<Named<Manifest>>, ArchiveError> {
        let manifests = self.all::<Manifest>()?;
        if !manifests.is_empty() && !is_planted(Planted::ManifestBelieved) {
            self.sync()?;
        }
        for Named { document, .. } in &manifests {
            committed.marks.join(&Marks(document.marks.clone()));
        }
        Ok(manifests)
    }

    // ---- writing ----

    /// A number above all that were ever used: `cut`, unless that is used.
    pub(super) fn free_number(&self, cut: i64) -> Result<i64, DiskFailure> {
        let names = self.list()?;
        let highest = names.iter().filter_map(|name| parse(name)).map(|(number, _)| number).max();
        Ok(highest.map_or(cut, |highest| cut.max(highest.saturating_add(1))))
    }

    pub(super) fn write_plan(&self, number: i64, plan: &Plan) -> Result<String, ArchiveError> {
        self.write(number, plan, !is_planted(Planted::PlanNotDurable))
    }

    /// The commit.
    pub(super) fn commit(
        &self,
        number: i64,
        manifest: Manifest,
        committed: &mut Committed,
    ) -> Result<(), ArchiveError> {
        self.write(number, &manifest, !is_planted(Planted::ManifestNotDurable))?;
        committed.marks.join(&Marks(manifest.marks));
        Ok(())
    }

    fn write<T: Document>(
        &self,
        number: i64,
        document: &T,
        durable: bool,
    ) -> Result<String, ArchiveError> {
        let name = format!("{number}.{}", T::ENDING);
        let temporary = format!("{name}.tmp");
        let bytes = encode(document)
            .map_err(|problem| ArchiveError::Document { path: name.clone(), problem })?;
        self.remove(&temporary)?;
        let file = self.0.create(&temporary);
        let file = file.map_err(DiskFailure::of(Operation::Create, &temporary))?;
        file.append_all(&bytes)
            .map_err(|error| DiskFailure::new(Operation::Append, &temporary, error.source))?;
        if durable {
            file.sync().map_err(DiskFailure::of(Operation::Sync, &temporary))?;
        }
        let renamed = self.0.rename(&temporary, &name);
        renamed.map_err(DiskFailure::of(Operation::Rename, &temporary))?;
        if durable {
            self.sync()?;
        }
        Ok(name)
    }

    pub(super) fn sync(&self) -> Result<(), DiskFailure> {
        self.0.sync_directory("").map_err(DiskFailure::of(Operation::SyncDirectory, ""))
    }

    pub(super) fn remove(&self, name: &str) -> Result<(), DiskFailure> {
        match self.0.remove(name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(DiskFailure::new(Operation::Remove, name, error))
            }
            _ => Ok(()),
        }
    }

    /// Halves of documents that a crash has left.
    pub(super) fn remove_temporaries(&self) -> Result<(), DiskFailure> {
        for name in self.list()?.iter().filter(|name| name.strip_suffix(".tmp").is_some()) {
            self.remove(name)?;
        }
        Ok(())
    }

    /// Many manifests become one that says the same: it makes no difference which of them are there
    /// when it ends halfway.
    pub(super) fn compact(&self) -> Result<(), ArchiveError> {
        let manifests = self.all::<Manifest>()?;
        if manifests.len() < MANIFESTS_MAX {
            return Ok(());
        }
        let (mut files, mut marks) = (BTreeMap::new(), Marks::default());
        for Named { document, .. } in &manifests {
            files.extend(document.files.iter().map(|file| (file.path.clone(), file.clone())));
            if !is_planted(Planted::CompactionForgets) {
                marks.join(&Marks(document.marks.clone()));
            }
        }
        let files = files.into_values().collect();
        let whole = Manifest { version: VERSION, files, marks: marks.0 };
        let number = self.free_number(i64::MIN)?;
        self.write(number, &whole, true)?;
        for Named { name, .. } in &manifests {
            self.remove(name)?;
        }
        Ok(())
    }
}

fn parse(name: &str) -> Option<(i64, &str)> {
    let (number, ending) = name.split_once('.')?;
    Some((number.parse().ok()?, ending))
}
