//! What a crash or a failure has left: a plan without manifest is undone, one with it is finished.

use std::io;

use super::documents::{Manifest, Plan};
use super::file::{Whose, whose};
use super::own::Named;
use super::{Archive, ArchiveError, Committed};
use crate::disk::Disk;
use crate::log::{DiskFailure, Operation};
use crate::planted::{Planted, is_planted};

impl<D: Disk> Archive<D> {
    pub(super) fn resolve(&self, committed: &mut Committed) -> Result<(), ArchiveError> {
        committed.is_resolved = false;
        self.own.remove_temporaries()?;
        let plans = self.own.all::<Plan>()?;
        let manifests = self.own.believe(committed)?;
        for Named { name, document: plan } in &plans {
            if !is_committed(name, plan, &manifests) {
                self.undo(name, plan)?;
            }
            self.own.remove(name)?;
        }
        committed.is_resolved = true;
        Ok(())
    }

    /// Its files go, durably; what is there by their names from others stays.
    fn undo(&self, name: &str, plan: &Plan) -> Result<(), ArchiveError> {
        if plan.archive != self.name {
            return Err(ArchiveError::OtherArchive {
                plan: name.to_owned(),
                expected: plan.archive.clone(),
                found: self.name.clone(),
            });
        }
        if is_planted(Planted::UndoneFilesStay) {
            return Ok(());
        }
        for path in &plan.files {
            self.remove_file(&format!("{path}.tmp"))?;
            // A file gets its name when it is whole: what is no archive of ours is not the plan's.
            if whose(&self.files, path)? == Whose::Ours {
                self.remove_file(path)?;
            }
        }
        if is_planted(Planted::UndoneFilesComeBack) {
            return Ok(());
        }
        for cluster in plan.hosts.keys() {
            match self.files.sync_directory(cluster) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    Err(DiskFailure::new(Operation::SyncDirectory, cluster, error))?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub(super) fn remove_file(&self, path: &str) -> Result<(), DiskFailure> {
        match self.files.remove(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(DiskFailure::new(Operation::Remove, path, error))
            }
            _ => Ok(()),
        }
    }
}

/// The manifest has the plan's number; where it has become part of another, that has its files.
fn is_committed(name: &str, plan: &Plan, manifests: &[Named<Manifest>]) -> bool {
    let number = |name: &str| name.split('.').next().map(str::to_owned);
    let has_file = |manifest: &Named<Manifest>| {
        manifest.document.files.iter().any(|file| plan.files.contains(&file.path))
    };
    manifests.iter().any(|manifest| number(&manifest.name) == number(name) || has_file(manifest))
}
