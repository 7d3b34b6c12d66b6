//! Settling: everything of a host in `.bin` files, no `.late` and no segment left, so that the Go
//! store can take over.
//!
//! After a checkpoint, the snapshots that late values reach into are read and written anew, one file
//! for the first run of each series, one for the second, and so on. The new files come under names
//! above all others, as `.late` first: what they say is final, so it does no harm that it is said
//! twice, and the Go store does not look at them. When they are durable the old ones go; when those
//! are durably gone, the new ones become `.bin`. A crash at any of these
//! steps changes no value, the Go store can load what there is, and settling again finishes it.

use snapshot_format::TrailerFields;

use super::Engine;
use super::close::for_each_host;
use super::config::Now;
use super::debt::CheckpointMode;
use super::error::{CheckpointError, MergeError};
use super::files::Kind;
use super::host::StoredHost;
use super::join::{self, Joined, NoTime};
use super::report::{OnProgress, Settled};
use super::saved::{Saved, SnapshotFile};
use super::sources::{Proven, Source, Target, prove};
use crate::disk::Disk;
use crate::log::{Pool, find};
use crate::planted::{Planted, is_planted};

/// More files than this are not written for one host: so many runs have series of the Go store alone
/// whose files lie over each other.
const RUNS_MAX: usize = 1000;

impl<D: Disk> Engine<D> {
    /// Saves everything, and brings the files of all hosts into a form that the Go store can take
    /// over. Hosts that have it already are not touched. What is written meanwhile is not settled.
    pub fn settle(&self, now: Now, pool: &dyn Pool, progress: Option<OnProgress>) -> Settled {
        let outcomes = for_each_host(
            self.hosts.open(),
            pool,
            progress,
            move |host| host.settle(now),
            |settled| settled.bytes,
        );
        let mut all = Settled::default();
        for (directory, outcome) in outcomes {
            match outcome {
                Ok(settled) => all.append(settled),
                Err(why) => all.failed.push((directory, why)),
            }
        }
        all
    }
}

impl<D: Disk> StoredHost<D> {
    /// Settles this host: see [`Engine::settle`].
    ///
    /// # Errors
    ///
    /// [`MergeError`]; no value is lost then.
    pub fn settle(&self, now: Now) -> Result<Settled, MergeError> {
        let mut saved = self.lock_saved();
        let checkpointed = self.checkpoint_saved(&mut saved, CheckpointMode::Asked, now)?;
        let mut settled = Settled {
            files: checkpointed.files,
            bytes: checkpointed.bytes,
            segments: checkpointed.segments,
            ..Settled::default()
        };
        if self.has_rest(&saved)? {
            if saved.is_held_for_archive() {
                return Err(MergeError::Archiving);
            }
            self.settle_rest(&mut saved, now, &mut settled)?;
        } else if checkpointed.hosts == 0 {
            return Ok(Settled { untouched: 1, ..Settled::default() });
        }
        settled.hosts = 1;
        Ok(settled)
    }

    /// Whether something is left that the Go store does not read, or must not.
    fn has_rest(&self, saved: &Saved) -> Result<bool, MergeError> {
        let is_late = |file: &SnapshotFile| file.kind == Kind::Late;
        let segments = find(self.core.disk(), self.directory())?.segments;
        let has_covered = segments.iter().any(|segment| segment.number <= saved.covered);
        Ok(has_covered || !saved.replaced.is_empty() || saved.snapshots.iter().any(is_late))
    }

    fn settle_rest(
        &self,
        saved: &mut Saved,
        now: Now,
        settled: &mut Settled,
    ) -> Result<(), MergeError> {
        self.forget_missing(saved)?;
        self.make_found_durable(saved)?;
        settled.segments += self.drop_covered(saved)?;
        self.log.sync_directories()?;
        self.remove_replaced(saved, settled)?;

        let sources = self.read_late_and_reached(saved)?;
        let sources = prove(&sources)?;
        let joined = join_runs(&sources)?;
        let targets = self.write_runs(saved, joined, now, settled)?;
        let is_old = |file: &SnapshotFile| sources.iter().any(|one| one.file.file == file.file);
        let old: Vec<_> = saved.snapshots.extract_if(.., |file| is_old(file)).collect();
        saved.replaced.extend(old);
        if is_planted(Planted::SettledBinsBeforeOldGone) {
            self.rename_to_bin(saved, &targets)?;
            return self.remove_replaced(saved, settled);
        }
        self.remove_replaced(saved, settled)?;
        self.rename_to_bin(saved, &targets)
    }

    fn remove_replaced(&self, saved: &mut Saved, settled: &mut Settled) -> Result<(), MergeError> {
        settled.removed += saved.replaced.len() as u64;
        Ok(self.delete_replaced(saved)?)
    }

    /// Every `.late`, and of the other snapshots those from the first on that ends behind the first
    /// late value: whatever lies in front of that stays as it is.
    fn read_late_and_reached(&self, saved: &Saved) -> Result<Vec<Source>, MergeError> {
        let lates = saved.snapshots.iter().filter(|file| file.kind == Kind::Late);
        let lates: Vec<_> = lates.map(|file| self.read_source(file)).collect::<Result<_, _>>()?;
        let mut first_late = None;
        for late in prove(&lates)? {
            if late.snapshot.totals().values > 0 {
                let from = late.snapshot.from();
                first_late = Some(first_late.map_or(from, |before: i64| before.min(from)));
            }
        }
        let is_reached = |file: &SnapshotFile| {
            !is_planted(Planted::SettledLateAlone)
                && first_late.is_some_and(|first| file.end() > first)
        };
        let mut files: Vec<_> =
            saved.snapshots.iter().filter(|file| file.kind != Kind::Late).collect();
        let first = files.iter().position(|file| is_reached(file)).unwrap_or(files.len());
        files.drain(..first);
        let mut sources = lates;
        for file in files {
            sources.push(self.read_source(file)?);
        }
        sources.sort_by_key(|source| (source.file.number, source.file.kind));
        Ok(sources)
    }

    /// Writes the files, durably, as `.late`: one for each run that a series has, in their order.
    fn write_runs<'a>(
        &self,
        saved: &mut Saved,
        joined: Vec<Vec<Joined<'a>>>,
        now: Now,
        settled: &mut Settled,
    ) -> Result<Vec<Target<'a>>, MergeError> {
        let trailer = TrailerFields { covered: saved.covered, written_at: now.unix, replaces: 0 };
        let no_name_left = || CheckpointError::NoNameLeft { directory: self.directory().into() };
        let name = saved.next_name(now).ok_or_else(no_name_left)?;
        let numbered = joined.into_iter().zip(name..);
        let targets: Vec<_> = numbered
            .map(|(content, number)| Target { number, kind: Kind::Late, content, to: 0, trailer })
            .collect();
        saved.last_name = saved.last_name.max(targets.last().map(|target| target.number));
        for target in &targets {
            settled.bytes += self.write_and_publish(saved, target)?;
            settled.files += 1;
        }
        if !is_planted(Planted::SettledBeforeDurable) {
            self.make_found_durable(saved)?;
        }
        Ok(targets)
    }

    /// The boundaries move first: what is written from here on must not begin before these files end.
    fn rename_to_bin(&self, saved: &mut Saved, targets: &[Target<'_>]) -> Result<(), MergeError> {
        if !is_planted(Planted::SettledBoundaryStays) {
            targets.iter().flat_map(|target| &target.content).for_each(|one| self.raise_to(one));
        }
        for target in targets {
            let (late, number) = (target.file(), target.number);
            let bin = format!("{number}.{}", Kind::Bin);
            self.rename(&late, &bin)?;
            for file in saved.snapshots.iter_mut().filter(|file| file.file == late) {
                (file.kind, file.file) = (Kind::Bin, bin.clone());
            }
        }
        Ok(self.log.sync_directories()?)
    }

    fn raise_to(&self, joined: &Joined<'_>) {
        let (path, name) = &joined.names;
        let mut held = self.lock();
        let metric = self.core.catalogue.find(name);
        let series = metric.and_then(|metric| held.tree.find(path, metric));
        match series {
            Some(series) => drop(held.tree.raise_boundary(series, joined.run.end())),
            None => held.boundary_of_others = held.boundary_of_others.max(joined.run.end()),
        }
    }
}

/// The first run of each series, the second, and so on.
fn join_runs<'a>(sources: &[Proven<'a>]) -> Result<Vec<Vec<Joined<'a>>>, MergeError> {
    let parts = join::parts(sources.iter().map(|source| &source.snapshot));
    let parts = parts.map_err(|NoTime { source }| {
        let file = sources.get(source).map(|source| source.file.file.clone());
        MergeError::NoTime { file: file.unwrap_or_default() }
    })?;
    let mut files: Vec<Vec<Joined<'a>>> = Vec::new();
    for (names, parts) in parts {
        let runs = join::runs(&parts);
        if runs.len() > RUNS_MAX {
            return Err(MergeError::TooManyRuns { runs: runs.len() });
        }
        files.resize_with(files.len().max(runs.len()), Vec::new);
        for (file, run) in files.iter_mut().zip(runs) {
            file.push(Joined { names: names.clone(), run });
        }
    }
    Ok(files)
}
