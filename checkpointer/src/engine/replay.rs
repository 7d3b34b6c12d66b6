//! Replaying the log: every record to its nominal time.
//!
//! The Go store's records hold arrival times. They are placed by the rules for arriving samples,
//! which depends on the tree, so it is done once: before the host has a segment or snapshot of ours
//! behind it, its log is replaced by one that says the same with nominal times. Records of metrics
//! that the catalogue lacks have no frequency to be placed by; they stay in it as they are.

use std::io;
use std::num::NonZeroU32;

use memstore::{Catalogue, Handle, Limits, Loaded, MetricId, NameError, Origin, Placed, State};
use wal_format::{Known, Names, Record, Verdict};

use super::column::{Column, Waiting};
use super::recover::{Failed, Mode, Start, Started};
use super::report::Trouble;
use crate::disk::{Appending, Disk, File, Reader};
use crate::log::{
    CURRENT_WAL, Contents, DiskFailure, Operation, Worth, read_log, read_log_by_series,
    replace_segment, segment_path, take_over_current,
};
use crate::planted::{Planted, is_planted};

/// Replays all segments, in order, then the Go store's log.
pub(super) fn replay<D: Disk>(start: &Start<'_, D>, started: &mut Started) -> Result<(), Failed> {
    let mut replay = Replay { start, started, known: Known::default(), file: InFile::default() };
    for segment in replay.started.found.segments.clone() {
        replay.segment(segment.number, segment.bytes)?;
    }
    if replay.started.found.current_wal {
        replay.started.report.unclean = true;
        if start.mode == Mode::ReadOnly {
            replay.file(&start.path(CURRENT_WAL))?;
        } else {
            let number = take_over_current(start.disk, start.directory, &mut replay.started.found)?;
            let bytes = replay.started.found.segments.last().map_or(0, |segment| segment.bytes);
            replay.segment(number, bytes)?;
        }
    }
    Ok(())
}

struct Replay<'a, 's, D> {
    start: &'a Start<'s, D>,
    started: &'a mut Started,
    known: Known<Destination>,
    file: InFile,
}

/// What the records of a file are put into.
struct Into<'a> {
    tree: &'a mut memstore::Host,
    file: &'a mut InFile,
}

/// Where the records of a series go.
#[derive(Clone, Debug)]
struct Destination {
    handle: Option<Handle>,
    metric: MetricId,
    /// As the catalogue has it.
    frequency: Option<NonZeroU32>,
    column: Column,
}

impl Destination {
    fn new(catalogue: &Catalogue, names: Names<'_>) -> Self {
        let metric = catalogue.intern(names.metric());
        let config = catalogue.get(metric).and_then(|metric| metric.config);
        let frequency = config.map(|config| config.frequency);
        Self { handle: None, metric, frequency, column: Column::default() }
    }

    fn handle_in(
        &mut self,
        tree: &mut memstore::Host,
        names: Names<'_>,
    ) -> Result<Handle, NameError> {
        if let Some(handle) = self.handle {
            return Ok(handle);
        }
        let path: Vec<&[u8]> = names.path().collect();
        Ok(*self.handle.insert(tree.series(&path, self.metric)?))
    }
}

/// What was seen of one file.
#[derive(Debug, Default)]
struct InFile {
    /// Of each record without a frequency, in order; None if its metric is unknown.
    placed: Vec<Option<Placed>>,
    unknown: u64,
    no_place: u64,
    cause: Option<NameError>,
}

impl<D: Disk> Replay<'_, '_, D> {
    fn segment(&mut self, number: u64, bytes: u64) -> Result<(), Failed> {
        let path = segment_path(self.start.directory, number);
        self.started.report.bytes += bytes;
        let contents = self.file(&path)?;
        let unknown = self.file.unknown + self.file.no_place > 0;
        let mut worth = Worth::of(&contents, unknown);
        let was_placed = self.file.placed.iter().any(Option::is_some);
        if was_placed && self.start.mode != Mode::ReadOnly && !is_planted(Planted::GoLogPlacedAnew)
        {
            if worth == Worth::Damaged {
                self.keep_damaged(&path)?;
                worth = if unknown { Worth::Unknown } else { Worth::Nothing };
            }
            self.write_nominal_times(number, &path)?;
        }
        let segments = &mut self.started.found.segments;
        if let Some(segment) = segments.iter_mut().find(|segment| segment.number == number) {
            segment.worth = Some(worth);
        }
        Ok(())
    }

    fn file(&mut self, path: &str) -> Result<Contents, Failed> {
        self.file = InFile::default();
        let Start { disk, catalogue, .. } = *self.start;
        let mut into = Into { tree: &mut self.started.tree, file: &mut self.file };
        let contents = read_log_by_series(
            disk,
            path,
            &mut self.known,
            |names| Destination::new(catalogue, names),
            |destination, record| {
                if !destination.column.takes(record) {
                    into.record(destination, record);
                }
            },
        )?;
        for destination in self.known.values_mut() {
            into.empty(destination);
        }
        self.started.report.segments += 1;
        self.started.report.records += contents.tally.records;
        self.report(path, &contents);
        Ok(contents)
    }

    fn report(&mut self, path: &str, contents: &Contents) {
        let problems = &mut self.started.report.problems;
        let damaged = contents.tally.gap_bytes;
        match contents.verdict {
            Verdict::Clean => {}
            Verdict::Torn(gap) => {
                problems.push(path, Some(gap.offset), Trouble::Torn { bytes: gap.bytes });
            }
            Verdict::Damaged(gap) => {
                let bytes = damaged.max(gap.bytes);
                problems.push(path, Some(gap.offset), Trouble::Damaged { bytes });
            }
            Verdict::NotALog(gap) => {
                problems.push(path, Some(gap.offset), Trouble::NotALog { bytes: gap.bytes });
            }
        }
        if self.file.unknown > 0 {
            problems.push(path, None, Trouble::UnknownMetrics { records: self.file.unknown });
        }
        if self.file.no_place > 0 {
            let cause =
                self.file.cause.map_or("time out of range".into(), |error| error.to_string());
            problems.push(path, None, Trouble::NoPlace { values: self.file.no_place, cause });
        }
    }

    // ---- the Go store's log ----

    /// Replaces a segment by one with nominal times.
    fn write_nominal_times(&self, number: u64, path: &str) -> Result<(), Failed> {
        let Start { disk, directory, .. } = *self.start;
        let replaced = replace_segment(disk, directory, number, |writer| {
            let mut placed = self.file.placed.iter();
            let mut outcome = Ok(());
            let read = read_log(disk, path, |located| {
                let mut record = located.record;
                if record.frequency.is_none()
                    && let Some(Some(exact)) = placed.next()
                {
                    record.timestamp = exact.nominal;
                    record.frequency = Some(exact.frequency);
                }
                if outcome.is_ok() {
                    outcome = writer.write(&record);
                }
            });
            read.map_err(|failure| io::Error::new(failure.source.kind(), failure))?;
            outcome
        });
        Ok(replaced?)
    }

    /// A copy of a damaged log, which is about to be replaced: `<name>.damaged`.
    fn keep_damaged(&self, path: &str) -> Result<(), Failed> {
        let disk = self.start.disk;
        let (kept, temporary) = (format!("{path}.damaged"), format!("{path}.damaged.tmp"));
        match disk.remove(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(DiskFailure::new(Operation::Remove, &temporary, error).into());
            }
            _ => {}
        }
        let source = disk.open(path).map_err(DiskFailure::of(Operation::Open, path))?;
        let copy =
            disk.create(&temporary).map_err(DiskFailure::of(Operation::Create, &temporary))?;
        let copied = io::copy(&mut Reader::new(&source), &mut Appending(&copy));
        copied.map_err(DiskFailure::of(Operation::Append, &temporary))?;
        copy.sync().map_err(DiskFailure::of(Operation::Sync, &temporary))?;
        disk.rename(&temporary, &kept).map_err(DiskFailure::of(Operation::Rename, &temporary))?;
        let synced = disk.sync_directory(self.start.directory);
        Ok(synced.map_err(DiskFailure::of(Operation::SyncDirectory, self.start.directory))?)
    }
}

impl Into<'_> {
    /// A record that is not just the next of its series.
    #[inline(never)]
    fn record(&mut self, destination: &mut Destination, record: &Record<'_>) {
        if destination.column.takes_behind_gap(record) {
            return;
        }
        self.empty(destination);
        destination.column.make_room();
        if !destination.column.takes(record) {
            self.place(destination, record);
        }
    }

    /// Puts what waits into the tree.
    fn empty(&mut self, destination: &mut Destination) {
        let Destination { handle: Some(handle), column, .. } = destination else { return };
        let Some(waiting) = column.waiting() else { return };
        if !self.tree.load_behind_newest(*handle, loaded(waiting)) {
            for (start, value) in waiting.each() {
                let values = &[value];
                let loaded = loaded(Waiting { start, values, ..waiting });
                self.file.no_place += u64::from(self.tree.load(*handle, loaded).is_err());
            }
        }
        column.clear();
    }

    fn place(&mut self, destination: &mut Destination, record: &Record<'_>) {
        if record.frequency.is_none() && destination.frequency.is_none() {
            self.file.unknown += 1;
            self.file.placed.push(None);
            return;
        }
        let handle = match destination.handle_in(self.tree, record.names) {
            Ok(handle) => handle,
            Err(error) => {
                self.file.cause = Some(error);
                return self.file.no_place(record);
            }
        };
        let exact = match (record.frequency, destination.frequency) {
            (None, Some(frequency)) => self.tree.place(handle, frequency, record.timestamp).ok(),
            (Some(frequency), Some(of_metric)) if is_planted(Planted::ReplayByArrival) => {
                let limits = Limits::NONE;
                let written =
                    self.tree.write(handle, of_metric, record.timestamp, record.value, &limits);
                debug_assert!(written.is_ok(), "planted: {frequency} s is not looked at");
                return;
            }
            (Some(frequency), _) => Some(Placed { nominal: record.timestamp, frequency }),
            (None, None) => None,
        };
        let Some(exact) = exact else { return self.file.no_place(record) };
        let Placed { nominal: start, frequency } = exact;
        let values = &[record.value];
        let loaded = loaded(Waiting { start, frequency, values });
        if self.tree.load(handle, loaded).is_err() {
            return self.file.no_place(record);
        }
        if record.frequency.is_some() {
            destination.column.begin_behind(start, frequency);
        } else {
            self.file.placed.push(Some(exact));
        }
    }
}

/// Values of a log are in no snapshot.
fn loaded(Waiting { start, frequency, values }: Waiting<'_>) -> Loaded<'_> {
    let state = if is_planted(Planted::ReplayedIsClean) { State::Clean } else { State::Dirty };
    Loaded { start, frequency, values, origin: Origin::Ours, state }
}

impl InFile {
    fn no_place(&mut self, record: &Record<'_>) {
        self.no_place += 1;
        if record.frequency.is_none() {
            self.placed.push(None);
        }
    }
}
