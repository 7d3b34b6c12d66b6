//! The checkpoint of a host: what no durable snapshot holds is written, and the log that held it goes.
//!
//! The mark of the log and the capture of the tree are one moment: what the segments up to the mark
//! hold is what the snapshots up to this one hold. Until the last file of the set is durable nothing
//! has happened: a failure gives back what was in flight, and leaves the log as it is.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use memstore::{Capture, CaptureEnd, CapturedRun};
use snapshot_format::{EncodeError, TrailerFields};

use super::config::Now;
use super::core::Counters;
use super::debt::CheckpointMode;
use super::encode::encode;
use super::error::CheckpointError;
use super::files::Kind;
use super::host::StoredHost;
use super::report::Checkpointed;
use super::saved::{Saved, SnapshotFile};
use super::set::{Content, Divided};
use crate::disk::{Appending, Disk, File};
use crate::log::{Covered, DiskFailure, Mark, Operation};
use crate::planted::{Planted, is_planted};

/// How far the boundaries of series move.
type Boundaries = Vec<(memstore::Handle, i64)>;

/// A file of a set.
struct SetFile {
    number: i64,
    kind: Kind,
    content: Content,
    times: (i64, i64),
    trailer: TrailerFields,
}

impl SetFile {
    fn name(&self) -> String {
        format!("{}.{}", self.number, self.kind)
    }
}

impl<D: Disk> StoredHost<D> {
    /// Saves what no durable snapshot holds; a host that has nothing of that kind is not touched. One
    /// at a time: who comes during one waits for it.
    ///
    /// # Errors
    ///
    /// [`CheckpointError`]; nothing is lost then.
    pub fn checkpoint(&self, now: Now) -> Result<Checkpointed, CheckpointError> {
        self.checkpoint_as(CheckpointMode::Asked, now)
    }

    pub(super) fn checkpoint_as(
        &self,
        mode: CheckpointMode,
        now: Now,
    ) -> Result<Checkpointed, CheckpointError> {
        let at_once = self.lock_saved_within(Duration::ZERO);
        let mut saved = at_once.unwrap_or_else(|| self.lock_saved());
        self.checkpoint_saved(&mut saved, mode, now)
    }

    pub(super) fn checkpoint_saved(
        &self,
        saved: &mut Saved,
        mode: CheckpointMode,
        now: Now,
    ) -> Result<Checkpointed, CheckpointError> {
        let Some((mark, capture)) = self.begin(saved) else {
            self.turn.ended(now);
            return Ok(Checkpointed { idle: 1, ..Checkpointed::default() });
        };
        // A panic is a failure too.
        self.turn.begins(now.uptime.saturating_add(self.core.config.offline_retry));
        let running = Running::new(self);
        let Counters { checkpoints, checkpoint_failures, cover, .. } = &self.core.counters;
        let stopwatch = &self.core.config.log.stopwatch;
        let (started, bytes_before) = (stopwatch.start(), self.log.uncovered());
        let outcome = self.save(saved, running, (mark, &capture), now);
        match &outcome {
            Ok(_) => {
                self.turn.ended(now);
                stopwatch.stop(started, &cover.durations);
                cover.log_bytes_before.fetch_add(bytes_before, Relaxed);
                if let Some(count) = checkpoints.get(mode as usize) {
                    count.fetch_add(1, Relaxed);
                }
            }
            Err(_) => drop(checkpoint_failures.fetch_add(1, Relaxed)),
        }
        outcome
    }

    fn save(
        &self,
        saved: &mut Saved,
        running: Running<'_, D>,
        (mark, capture): (Mark, &Capture),
        now: Now,
    ) -> Result<Checkpointed, CheckpointError> {
        let runs = capture.runs(&self.core.catalogue);
        let (files, boundaries) = self.plan_set(saved, &runs, mark, now)?;
        if !is_planted(Planted::BoundaryAfterSuccess) {
            self.raise(&boundaries);
        }
        let bytes = self.publish(saved, &files, &runs).inspect_err(|_| {
            // As far as that is possible: the disk has refused something a moment ago.
            drop(self.remove_temporaries(saved, Duration::ZERO));
        })?;
        self.raise(&boundaries);
        let segments = running.succeeded(saved, mark);
        let (counters, files) = (&self.core.counters, files.len() as u64);
        counters.snapshots.fetch_add(files, Relaxed);
        counters.snapshot_bytes.fetch_add(bytes, Relaxed);
        Ok(Checkpointed { hosts: 1, files, bytes, segments, ..Checkpointed::default() })
    }

    /// Whether there is nothing to be saved.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.is_idle_as(&self.lock_saved())
    }

    pub(super) fn is_idle_as(&self, saved: &Saved) -> bool {
        // A sync of what was found has failed: only a snapshot makes it durable.
        if self.log.needs_checkpoint() {
            return false;
        }
        let held = self.lock_shared();
        let is_covered = held.buffer.highest_used() <= saved.covered;
        (is_covered || is_planted(Planted::NoEmptyLate)) && held.tree.is_clean()
    }

    /// Mark and capture, as one moment.
    fn begin(&self, saved: &Saved) -> Option<(Mark, Capture)> {
        if self.is_idle_as(saved) {
            return None;
        }
        let mut held = self.lock();
        if is_planted(Planted::MarkAfterCapture) {
            let capture = held.tree.capture()?;
            drop(held);
            // What comes between the two, comes here.
            drop(self.core.disk().sync_directory(self.directory()));
            return Some((self.lock().buffer.set_checkpoint_mark(), capture));
        }
        let capture = held.tree.capture()?;
        Some((held.buffer.set_checkpoint_mark(), capture))
    }

    // ---- the set ----

    /// The files, the last of which carries the new covered number. Names move here, and stay moved.
    fn plan_set(
        &self,
        saved: &mut Saved,
        runs: &[CapturedRun<'_>],
        mark: Mark,
        now: Now,
    ) -> Result<(Vec<SetFile>, Boundaries), CheckpointError> {
        let others = self.lock_shared().boundary_of_others;
        let Divided { bins, mut lates, boundaries } =
            Divided::of(runs, others, self.core.clock.ahead_from(now));
        if bins.is_empty() && lates.is_empty() {
            lates.push(Content::default());
        }
        let no_name_left = || CheckpointError::NoNameLeft { directory: self.directory().into() };
        let name = saved.next_name(now).ok_or_else(no_name_left)?;
        let trailer = TrailerFields { covered: saved.covered, written_at: now.unix, replaces: 0 };
        let numbered = |kind: Kind| {
            move |(content, number): (Content, i64)| {
                let times = content.times().unwrap_or((now.unix, now.unix));
                SetFile { number, kind, content, times, trailer }
            }
        };
        let bins = bins.into_iter().zip(name..).map(numbered(Kind::Bin));
        let lates = lates.into_iter().zip(name..).map(numbered(Kind::Late));
        let mut files: Vec<_> = bins.chain(lates).collect();
        let covered = mark.next_number - u64::from(!is_planted(Planted::CoveredTooHigh));
        if let Some(last) = files.last_mut() {
            last.trailer.covered = covered;
        }
        if is_planted(Planted::EveryFileCarriesNumber) {
            for file in &mut files {
                file.trailer.covered = covered;
            }
        }
        saved.last_name = saved.last_name.max(files.iter().map(|file| file.number).max());
        saved.previous_checkpoint = Some(now.unix);
        Ok((files, boundaries))
    }

    fn raise(&self, boundaries: &[(memstore::Handle, i64)]) {
        let mut held = self.lock();
        for &(series, to) in boundaries {
            held.tree.raise_boundary(series, to);
        }
    }

    // ---- publishing ----

    /// `.tmp`, sync, rename, sync the directory; all files of the set are durable before the last is
    /// renamed. Returns the bytes.
    fn publish(
        &self,
        saved: &mut Saved,
        files: &[SetFile],
        runs: &[CapturedRun<'_>],
    ) -> Result<u64, CheckpointError> {
        let mut lengths = Vec::with_capacity(files.len());
        for file in files {
            lengths.push(self.write_temporary(saved, file, runs)?);
        }
        self.make_found_durable(saved)?;
        let Some((last, others)) = files.split_last() else { return Ok(0) };
        for (file, bytes) in others.iter().zip(&lengths) {
            self.rename_temporary(saved, file, *bytes)?;
        }
        if !others.is_empty() && !is_planted(Planted::LastOfSetFirst) {
            self.log.sync_directories()?;
        }
        self.rename_temporary(saved, last, lengths.last().copied().unwrap_or(0))?;
        if !is_planted(Planted::SegmentsBeforeRenameIsDurable) {
            self.log.sync_directories()?;
        }
        Ok(lengths.iter().sum())
    }

    /// What a start has found may be in the system's cache only, a covered number among it: it is made
    /// durable before another file repeats it, or anything is deleted because of it.
    pub(super) fn make_found_durable(&self, saved: &mut Saved) -> Result<(), DiskFailure> {
        if !saved.found_durable && !is_planted(Planted::FoundNumberRepeated) {
            self.log.sync_directories()?;
        }
        saved.found_durable = true;
        Ok(())
    }

    fn write_temporary(
        &self,
        saved: &mut Saved,
        file: &SetFile,
        runs: &[CapturedRun<'_>],
    ) -> Result<u64, CheckpointError> {
        let path = self.temporary(saved, &file.name());
        let disk = self.core.disk();
        let created = match disk.create(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                self.log.make_directories()?;
                disk.create(&path)
            }
            created => created,
        };
        let temporary = created.map_err(DiskFailure::of(Operation::Create, &path))?;
        let written = encode(&file.content, runs, file.times, file.trailer, Appending(&temporary));
        let bytes = written.map_err(|error| match error {
            EncodeError::Io(error) => DiskFailure::new(Operation::Append, &path, error).into(),
            error => CheckpointError::Encode { path: path.clone(), cause: error.to_string() },
        })?;
        if !is_planted(Planted::RenamedUnsynced) {
            temporary.sync().map_err(DiskFailure::of(Operation::Sync, &path))?;
        }
        Ok(bytes)
    }

    fn rename_temporary(
        &self,
        saved: &mut Saved,
        file: &SetFile,
        bytes: u64,
    ) -> Result<(), DiskFailure> {
        let name = file.name();
        let path = format!("{}/{name}", self.directory());
        let temporary = format!("{path}.tmp");
        // It may be done even if it fails: who deletes snapshots does not mind one that is not there.
        let SetFile { number, kind, times: (from, to), .. } = *file;
        saved.snapshots.push(SnapshotFile { number, kind, file: name, from, to, bytes });
        saved.sort();
        let renamed = self.core.disk().rename(&temporary, &path);
        renamed.map_err(DiskFailure::of(Operation::Rename, &temporary))?;
        saved.leftovers.temporaries.remove(&format!("{}.tmp", file.name()));
        Ok(())
    }

    /// The path of the temporary file that becomes this one. Whatever comes between, it is left over
    /// until it has become that.
    pub(super) fn temporary(&self, saved: &mut Saved, file: &str) -> String {
        let name = format!("{file}.tmp");
        let path = format!("{}/{name}", self.directory());
        saved.leftovers.temporaries.insert(name, Duration::ZERO);
        path
    }
}

/// A checkpoint under way: unless it succeeds, it has failed when this is dropped.
struct Running<'a, D: Disk + 'static> {
    host: &'a StoredHost<D>,
}

impl<'a, D: Disk> Running<'a, D> {
    fn new(host: &'a StoredHost<D>) -> Self {
        host.log.checkpoint_began();
        Self { host }
    }

    /// The set is durable. Returns how many segments went.
    fn succeeded(self, saved: &mut Saved, mark: Mark) -> u64 {
        let host = self.host;
        std::mem::forget(self);
        host.lock().tree.capture_ended(CaptureEnd::Durable);
        saved.covered = mark.next_number.saturating_sub(1);
        let Covered { records, records_left, dropped } = host.log.checkpoint_succeeded(mark);
        let cover = &host.core.counters.cover;
        cover.records_covered.fetch_add(records, Relaxed);
        cover.log_records.fetch_add(records + records_left, Relaxed);
        saved.leftovers.has_covered = dropped.is_err();
        dropped.map_or(0, |dropped| dropped.segments)
    }
}

impl<D: Disk + 'static> Drop for Running<'_, D> {
    fn drop(&mut self) {
        let end = if is_planted(Planted::NotGivenBack) {
            CaptureEnd::Durable
        } else {
            CaptureEnd::Failed
        };
        self.host.lock().tree.capture_ended(end);
        self.host.log.checkpoint_failed();
    }
}
