//! Merging: many small snapshots of a host become one.
//!
//! The merged `.bin` takes the first source's name, and its trailer says up to which name it
//! replaces; what must not be in a `.bin` stays in the `.late` of that name. First the new `.late` is
//! durable, then the new `.bin`, then the old ones go: at each of these steps the same values are
//! loaded, and the Go store can load what there is. The sources are read back and their checksums
//! verified; one that does not hold ends the merge of the host, and nothing has changed.
//!
//! `docs/merging.md` tells which snapshots are merged, and why a crash loses nothing.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};

use snapshot_format::TrailerFields;

use super::Engine;
use super::choose::{Fit, Name, choose, excess};
use super::close::explain;
use super::config::Now;
use super::error::MergeError;
use super::fan_out::fan_out;
use super::files::Kind;
use super::host::StoredHost;
use super::join::{self, Grid, Joined, NoTime, Role};
use super::report::Merged;
use super::saved::{Saved, SnapshotFile};
use super::sources::{Proven, Source, Target, prove};
use crate::disk::Disk;
use crate::log::Pool;
use crate::planted::{Planted, is_planted};

/// How much is merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MergeLimits {
    /// How many `.bin` and `.late` of one day a host may have; at least 2. Below that nothing is
    /// merged.
    pub files_per_day_max: usize,
    /// When so many bytes were read no merge is begun any more; one that was begun is finished.
    pub bytes_max: u64,
    /// The same for files read.
    pub files_max: u64,
}

impl Default for MergeLimits {
    fn default() -> Self {
        Self { files_per_day_max: 12, bytes_max: 256 << 20, files_max: 1024 }
    }
}

/// What may still be read.
struct Left(Mutex<(u64, u64)>);

impl Left {
    fn of(limits: MergeLimits) -> Self {
        Self(Mutex::new((limits.bytes_max, limits.files_max)))
    }

    /// Whether there is anything left, of which this takes its part.
    fn take(&self, bytes: u64, files: u64) -> bool {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_left = left.0 > 0 && left.1 > 0;
        *left = (left.0.saturating_sub(bytes), left.1.saturating_sub(files));
        is_left
    }
}

/// While it is there, an archive run has the host: its snapshots stay as they are.
#[derive(Debug)]
#[must_use = "the archive run has the host for as long as this is there"]
pub struct ArchiveHold<D: Disk + 'static>(Arc<StoredHost<D>>);

impl<D: Disk> ArchiveHold<D> {
    pub(super) fn new(host: &Arc<StoredHost<D>>, saved: &mut Saved) -> Self {
        saved.archiving = true;
        Self(Arc::clone(host))
    }
}

impl<D: Disk + 'static> Drop for ArchiveHold<D> {
    fn drop(&mut self) {
        self.0.lock_saved().archiving = false;
    }
}

impl<D: Disk> Engine<D> {
    /// Merges snapshots of these hosts, those with the most files first, until each has no more of
    /// one day than it may have, or the limits are reached. A host that an archive run has, or that
    /// is busy, is passed over.
    pub fn merge(
        &self,
        hosts: &[Arc<StoredHost<D>>],
        limits: MergeLimits,
        now: Now,
        pool: &dyn Pool,
    ) -> Merged {
        let mut wanted: Vec<_> = hosts
            .iter()
            .filter_map(|host| {
                let saved = host.saved.try_lock()?;
                let excess = excess(&host.names(&saved, now), limits.files_per_day_max.max(2));
                (excess > 0).then(|| (excess, Arc::clone(host)))
            })
            .collect();
        wanted.sort_by_key(|(excess, _)| std::cmp::Reverse(*excess));
        let left = Left::of(limits);
        let wanted = wanted.into_iter().map(|(_, host)| host).collect();
        let outcomes = fan_out(pool, wanted, move |host: Arc<StoredHost<D>>| {
            let mut merged = Merged::default();
            let outcome = host.merge_while(limits.files_per_day_max, &left, now, &mut merged);
            merged.hosts = u64::from(merged.merges > 0);
            if let Err(error) = outcome {
                merged.failed.push((host.directory().into(), explain(&error)));
            }
            merged
        });
        let mut all = Merged::default();
        for merged in outcomes.into_iter().flatten() {
            all.append(merged);
        }
        all
    }
}

impl<D: Disk> StoredHost<D> {
    /// Merges snapshots of this host, until it has no more of one day than it may have, or the limits
    /// are reached.
    ///
    /// # Errors
    ///
    /// [`MergeError`]: no value is lost then; what was merged before stays merged.
    pub fn merge(&self, limits: MergeLimits, now: Now) -> Result<Merged, MergeError> {
        let mut merged = Merged::default();
        self.merge_while(limits.files_per_day_max, &Left::of(limits), now, &mut merged)?;
        merged.hosts = u64::from(merged.merges > 0);
        Ok(merged)
    }

    /// For an archive run: waits for the end of a merge, and lets no other begin.
    pub fn hold_for_archive(self: &Arc<Self>) -> ArchiveHold<D> {
        ArchiveHold::new(self, &mut self.lock_saved())
    }

    fn merge_while(
        &self,
        files_per_day_max: usize,
        left: &Left,
        now: Now,
        merged: &mut Merged,
    ) -> Result<(), MergeError> {
        loop {
            // A checkpoint may come in between.
            let mut saved = self.lock_saved();
            if self.core.is_closed() || saved.is_held_for_archive() {
                return Ok(());
            }
            let names = self.names(&saved, now);
            let chosen = choose(&names, &saved.seams, files_per_day_max.max(2));
            let Some(group) = chosen.and_then(|group| names.get(group)) else { return Ok(()) };
            let bytes = group.iter().map(|name| name.bytes).sum();
            let files: usize = group.iter().map(|name| name.files).sum();
            if !left.take(bytes, files as u64) {
                merged.unfinished = 1;
                return Ok(());
            }
            match self.merge_group(&mut saved, group, now, merged) {
                Err(MergeError::Disk(failure)) if failure.is_not_found() => {
                    self.forget_missing(&mut saved)?;
                }
                outcome => outcome?,
            }
        }
    }

    /// The files of the host by name. Those that end before the retention are about to be deleted.
    fn names(&self, saved: &Saved, now: Now) -> Vec<Name> {
        let oldest = self.core.clock.oldest(now);
        let is_left =
            |file: &SnapshotFile| file.kind == Kind::Json || (file.to <= oldest && file.to != 0);
        let by_name = saved.snapshots.chunk_by(|one, other| one.number == other.number);
        let names = by_name.filter_map(|files| {
            let fit = if files.iter().any(is_left) { Fit::LeftAlone } else { Fit::Mergeable };
            let bytes = files.iter().map(|file| file.bytes.max(1)).sum();
            Some(Name { number: files.first()?.number, files: files.len(), bytes, fit })
        });
        names.collect()
    }

    /// Merges these names; if they cannot be one file, that is remembered.
    fn merge_group(
        &self,
        saved: &mut Saved,
        group: &[Name],
        now: Now,
        merged: &mut Merged,
    ) -> Result<(), MergeError> {
        let is_in = |file: &&SnapshotFile| group.iter().any(|name| name.number == file.number);
        let files = saved.snapshots.iter().filter(is_in);
        let sources: Vec<Source> =
            files.map(|file| self.read_source(file)).collect::<Result<_, _>>()?;
        let sources = prove(&sources)?;
        merged.bytes_read += sources.iter().map(|source| source.file.bytes).sum::<u64>();
        let series = match one_file(&sources) {
            Ok(series) => series,
            Err(seam) => {
                remember(saved, &sources, seam);
                return Ok(());
            }
        };
        let before = end_of_earlier(saved, &sources);
        let targets = targets(&sources, &series, before, now);
        let written = self.replace(saved, &sources, &targets)?;
        let counters = &self.core.counters;
        counters.merges.fetch_add(1, Relaxed);
        counters.merged_snapshots.fetch_add(sources.len() as u64, Relaxed);
        counters.merged_bytes.fetch_add(written, Relaxed);
        merged.merges += 1;
        merged.sources += sources.len() as u64;
        merged.files += targets.len() as u64;
        merged.bytes_written += written;
        Ok(())
    }

    /// Puts the targets in the place of the sources. In this order each step leaves the final values.
    fn replace(
        &self,
        saved: &mut Saved,
        sources: &[Proven<'_>],
        targets: &[(Target<'_>, Stay)],
    ) -> Result<u64, MergeError> {
        if !is_planted(Planted::FoundSnapshotsBelievedDurable) {
            self.make_found_durable(saved)?;
        }
        let mut written = 0;
        for (target, _) in targets {
            written += self.write_and_publish(saved, target)?;
            if !is_planted(Planted::SourcesBeforeMergedIsDurable) {
                self.make_found_durable(saved)?;
            }
        }
        let stays = |file: &SnapshotFile| {
            let target = targets.iter().find(|(target, _)| target.file() == file.file);
            target.map(|(_, stay)| *stay == Stay::ForGood)
        };
        let is_source = |file: &SnapshotFile| sources.iter().any(|one| one.file.file == file.file);
        let is_old = |file: &SnapshotFile| !stays(file).unwrap_or(!is_source(file));
        let old: Vec<_> = saved.snapshots.extract_if(.., |file| is_old(file)).collect();
        saved.replaced.extend(old);
        self.delete_replaced(saved)?;
        Ok(written)
    }
}

/// For how long a file of a merge is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stay {
    ForGood,
    /// Until those that are published behind it are there.
    ForTheMerge,
}

/// Why some snapshots cannot be one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seam {
    /// With this one, by index, a series is no longer one run.
    Before(usize),
    /// This one is of others, or has a series that no file of ours can hold.
    Around(usize),
}

fn remember(saved: &mut Saved, sources: &[Proven<'_>], seam: Seam) {
    let number = |index: usize| sources.get(index).map(|source| source.file.number);
    let (Seam::Before(index) | Seam::Around(index)) = seam;
    let Some(this) = number(index) else { return };
    saved.seams.insert(this);
    if matches!(seam, Seam::Around(_)) || number(0) == Some(this) {
        let next = saved.snapshots.iter().map(|file| file.number).find(|next| *next > this);
        saved.seams.extend(next);
    }
}

/// A series of the merged files: all its parts are one run.
type OneRun<'a> = (join::Names<'a>, Grid, Vec<join::Part<'a>>);

/// The series of the sources, if they can be one file.
fn one_file<'a>(sources: &[Proven<'a>]) -> Result<Vec<OneRun<'a>>, Seam> {
    if let Some(foreign) = sources.iter().position(|source| source.trailer.is_none()) {
        return Err(Seam::Around(foreign));
    }
    let parts = join::parts(sources.iter().map(|source| &source.snapshot))
        .map_err(|NoTime { source }| Seam::Around(source))?;
    let mut seam = None;
    let mut series = Vec::with_capacity(parts.len());
    for (names, parts) in parts {
        if let Some(grid) = Grid::of(&parts) {
            series.push((names, grid, parts));
        } else {
            let at = join::divides_at(&parts).unwrap_or(0);
            seam = Some(seam.map_or(at, |before: usize| before.min(at)));
        }
    }
    seam.map_or(Ok(series), |at| Err(Seam::Before(at)))
}

/// The highest `to` of the files that bound later ones, before the first source.
fn end_of_earlier(saved: &Saved, sources: &[Proven<'_>]) -> i64 {
    let first = first_name(sources);
    let earlier = saved.snapshots.iter().filter(|file| file.number < first);
    let bounding = earlier.filter(|file| file.kind.bounds_later_files());
    bounding.map(SnapshotFile::end).max().unwrap_or(i64::MIN)
}

fn first_name(sources: &[Proven<'_>]) -> i64 {
    sources.first().map_or(i64::MIN, |source| source.file.number)
}

/// The files of the merge, in the order in which they are to be published.
fn targets<'a>(
    sources: &[Proven<'_>],
    series: &[OneRun<'a>],
    before: i64,
    now: Now,
) -> Vec<(Target<'a>, Stay)> {
    let number = first_name(sources);
    let roles: Vec<_> = sources.iter().map(|source| role(source.file, number)).collect();
    let (mut bin, mut late, mut needs_late) = (Vec::new(), Vec::new(), false);
    for (names, grid, parts) in series {
        let divided = join::divide(*grid, parts, &roles, before);
        needs_late |= divided.needs_late;
        bin.extend(divided.bin.map(|run| Joined { names: names.clone(), run }));
        late.extend(divided.late.map(|run| Joined { names: names.clone(), run }));
    }
    let to = sources.iter().map(|source| source.file.to).max().unwrap_or(0);
    let trailer = trailer_of_all(sources, now);
    let target = |kind, content, replaces| {
        let trailer = TrailerFields { replaces, ..trailer };
        Target { number, kind, content, to, trailer }
    };
    if !roles.contains(&Role::Bin) {
        return vec![(target(Kind::Late, late, trailer.replaces), Stay::ForGood)];
    }
    let bin = (target(Kind::Bin, bin, trailer.replaces), Stay::ForGood);
    if late.is_empty() {
        return vec![bin];
    }
    // Until the `.bin` is there, the new `.late` replaces what the old one did.
    let first_late = sources.iter().zip(&roles).find(|(_, role)| **role == Role::FirstLate);
    let replaces = first_late.and_then(|(source, _)| source.trailer).map_or(0, |old| old.replaces);
    let stay = if needs_late { Stay::ForGood } else { Stay::ForTheMerge };
    let late = (target(Kind::Late, late, replaces), stay);
    if is_planted(Planted::MergedBinFirst) { vec![bin, late] } else { vec![late, bin] }
}

fn role(file: &SnapshotFile, first: i64) -> Role {
    match file.kind {
        Kind::Bin | Kind::Json => Role::Bin,
        Kind::Late if file.number == first => Role::FirstLate,
        Kind::Late => Role::Late,
    }
}

/// What the merged file says for all of them. A source may be a merged one itself, of which something
/// that it replaces is left over.
fn trailer_of_all(sources: &[Proven<'_>], now: Now) -> TrailerFields {
    let last = sources.last().map_or(0, |source| source.file.number);
    let mut of_all = TrailerFields { covered: 0, written_at: now.unix, replaces: last };
    for trailer in sources.iter().filter_map(|source| source.trailer) {
        if !is_planted(Planted::CoveredForgotten) {
            of_all.covered = of_all.covered.max(trailer.covered);
        }
        if !is_planted(Planted::ReplacedForgotten) {
            of_all.replaces = of_all.replaces.max(trailer.replaces);
        }
        of_all.written_at = of_all.written_at.max(trailer.written_at);
    }
    of_all
}
