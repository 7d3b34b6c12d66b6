//! Draining: what the buffer holds goes to the file, in order. All of this is under the log's lock.

use std::collections::BTreeMap;
use std::ops::{Add, AddAssign};
use std::sync::Arc;
use std::time::Duration;

use super::buffer::Left;
use super::error::{DiskFailure, Operation};
use super::files::Permit;
use super::host::{HostLog, Owner};
use super::queue::{Mark, Passed, Queue, Sequence};
use super::segment::{OpenFile, Segment, Segments};
use super::start::{Found, segment_path};
use crate::disk::{AppendError, Disk, File, Uninterrupted};
use crate::planted::{Planted, is_planted};

/// The state under a host's log lock.
#[derive(Debug)]
pub(super) struct Writer<D: Disk> {
    /// Taken from the buffer, not written yet.
    queue: Queue,
    pub(super) segments: Segments<FileOf<D>>,
    /// The number of the segment that the drain is at.
    writing: u64,
    /// What is left waits for the end of the running checkpoint.
    pub(super) holding: bool,
    pub(super) written: Sequence,
    directory_made: bool,
    /// What is in the segments that no snapshot covers, by number.
    uncovered: BTreeMap<u64, Amount>,
    pub(super) found: Unsettled,
}

/// So much of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Amount {
    pub(super) bytes: u64,
    pub(super) records: u64,
}

impl Add for Amount {
    type Output = Self;

    fn add(self, more: Self) -> Self {
        Self { bytes: self.bytes + more.bytes, records: self.records + more.records }
    }
}

impl AddAssign for Amount {
    fn add_assign(&mut self, more: Self) {
        *self = *self + more;
    }
}

/// What a killed process wrote may lie in the system's cache only.
#[derive(Debug)]
pub(super) enum Unsettled {
    /// Nothing was found, or it is durable.
    Settled,
    /// These segments have to be synced, and their directory.
    Found(Vec<Arc<str>>),
    /// Their sync has failed: only a checkpoint helps.
    Failed,
}

/// Why a drain has ended before the buffer was empty.
#[derive(Debug)]
pub(super) enum Stop {
    /// A file has to be opened, and that needs a permit, for which nobody waits under the lock.
    NeedsFile,
    /// The disk refuses.
    Failed(DiskFailure),
}

/// The files of a disk, of which no call is interrupted.
pub(super) type FileOf<D> = Uninterrupted<<D as Disk>::File>;

impl<D: Disk> Writer<D> {
    pub(super) fn new(directory: &str, found: &Found) -> Self {
        let paths = found.segments.iter().map(|one| segment_path(directory, one.number).into());
        let unsettled = Unsettled::Found(paths.collect());
        Self {
            queue: Queue::default(),
            segments: Segments::default(),
            writing: found.next_number,
            holding: false,
            written: Sequence::default(),
            directory_made: false,
            uncovered: uncovered(found),
            found: if found.unsettled { unsettled } else { Unsettled::Settled },
        }
    }

    /// Whether a sync has failed, which nothing but a checkpoint heals.
    pub(super) fn needs_checkpoint(&self) -> bool {
        self.segments.any_failed() || matches!(self.found, Unsettled::Failed)
    }

    pub(super) fn uncovered(&self) -> Amount {
        self.uncovered.values().fold(Amount::default(), |sum, amount| sum + *amount)
    }

    /// Writes what waits: what was left by a drain before, then what the buffer holds now.
    pub(super) fn drain<O: Owner>(
        &mut self,
        host: &HostLog<D, O>,
        now: Duration,
        permit: &mut Option<Permit>,
    ) -> Result<(), Stop> {
        let mut taken = false;
        self.mix_up_order(host);
        loop {
            if self.holding {
                return Ok(());
            }
            if self.queue.is_empty() {
                if taken {
                    return Ok(());
                }
                taken = true;
                host.owner.with_buffer(|buffer| buffer.swap(&mut self.queue));
            }
            while let Some(mark) = self.queue.pop_mark() {
                self.end_segment(host, mark.next_number);
            }
            if self.queue.run().is_some() {
                self.open_current(host, now, permit)?;
                self.write_run(host)?;
            }
        }
    }

    /// One append for all batches up to the next mark.
    fn write_run<O: Owner>(&mut self, host: &HostLog<D, O>) -> Result<(), Stop> {
        let (Some(run), Some(segment)) = (self.queue.run(), self.segments.current_mut()) else {
            return Ok(());
        };
        let Some(open) = segment.file.as_ref() else { return Err(Stop::NeedsFile) };
        let len = run.bytes.len();
        let outcome = open.file.append_all(run.bytes);
        let written = outcome.as_ref().map_or_else(|error| error.written, |()| len);
        // After an error nobody knows how many bytes went in: as many as could wait for a sync.
        segment.bytes += len as u64;
        let uncovered = self.uncovered.entry(segment.number).or_default();
        uncovered.bytes += len as u64;
        let whole = if is_planted(Planted::PartOfBatchTakenForWhole) && written > 0 {
            len
        } else {
            written
        };
        let passed = self.queue.pass_bytes(whole);
        uncovered.records += passed.records;
        if let Some(last) = passed.last {
            segment.last = last;
            self.written = self.written.max(last);
        }
        let path = Arc::clone(&segment.path);
        host.count_written(&passed);
        self.release(host, &passed);
        outcome.map_err(|AppendError { source, .. }| {
            self.fail(host, DiskFailure::new(Operation::Append, &path, source))
        })
    }

    fn release<O: Owner>(&mut self, host: &HostLog<D, O>, passed: &Passed) {
        host.log.bounds.release(&host.share, passed.bytes, self.queue.take_spare());
    }

    /// Makes sure that there is a segment to write to, and that it is open.
    fn open_current<O: Owner>(
        &mut self,
        host: &HostLog<D, O>,
        now: Duration,
        permit: &mut Option<Permit>,
    ) -> Result<(), Stop> {
        if self.segments.current().is_some_and(|current| current.file.is_some()) {
            return Ok(());
        }
        let Some(permit) = permit.take() else { return Err(Stop::NeedsFile) };
        match self.segments.current_mut() {
            Some(current) => match host.log.disk.open_to_append(&current.path) {
                Ok(file) => current.file = Some(Arc::new(OpenFile { file, _permit: permit })),
                Err(error) => {
                    let failure = DiskFailure::new(Operation::Open, &current.path, error);
                    return Err(self.fail(host, failure));
                }
            },
            None => self.create(host, now, permit)?,
        }
        host.register_open();
        Ok(())
    }

    fn create<O: Owner>(
        &mut self,
        host: &HostLog<D, O>,
        now: Duration,
        permit: Permit,
    ) -> Result<(), Stop> {
        if !self.directory_made {
            host.make_directories().map_err(Stop::Failed)?;
            self.directory_made = true;
        }
        let number = self.writing;
        let path: Arc<str> = segment_path(&host.directory, number).into();
        let created = host.log.disk.create(&path);
        let file =
            created.map_err(DiskFailure::of(Operation::Create, &path)).map_err(|failure| {
                if failure.source.kind() == std::io::ErrorKind::AlreadyExists {
                    self.next_number(host);
                }
                Stop::Failed(failure)
            })?;
        host.owner.with_buffer(|buffer| buffer.used(number));
        host.log.counters.segments.add(1);
        let open = Arc::new(OpenFile { file, _permit: permit });
        let mut segment = Segment::new(number, Arc::clone(&path), Arc::clone(&open), now);
        let mut header = Vec::new();
        wal_format::encode_file_header(&mut header);
        segment.bytes = header.len() as u64;
        self.segments.push(segment);
        open.file.append_all(&header).map_err(|AppendError { source, .. }| {
            self.fail(host, DiskFailure::new(Operation::Append, &path, source))
        })
    }

    fn end_segment<O: Owner>(&mut self, host: &HostLog<D, O>, next_number: u64) {
        if self.segments.end_current() {
            host.log.counters.rotations.add(1);
        }
        self.writing = next_number;
    }

    /// A write has failed: what is left goes to a new segment.
    fn fail<O: Owner>(&mut self, host: &HostLog<D, O>, failure: DiskFailure) -> Stop {
        if !is_planted(Planted::AppendedBehindTornTail) {
            self.segments.end_current();
            let removed = self.segments.remove_empty(|path| host.log.disk.remove(path).is_ok());
            // What the failing disk did not take is no debt: nobody is held back for it.
            removed.and_then(|number| self.uncovered.remove(&number));
            self.next_number(host);
        }
        Stop::Failed(failure)
    }

    /// The number of the next segment, when the one before can take no more.
    pub(super) fn next_number<O: Owner>(&mut self, host: &HostLog<D, O>) {
        let left = host.owner.with_buffer(|buffer| buffer.leave(&mut self.queue));
        if let Some(Left { number, holding }) = left {
            self.writing = number;
            self.holding = holding;
        }
    }

    /// The files of a host that has not written lately are closed: what is written next goes on in
    /// the same segment.
    pub(super) fn close_files(&mut self) -> bool {
        self.segments.close_synced();
        !self.segments.any_open()
    }

    /// A durable snapshot holds all up to the mark: none of that need be written any more. Returns how
    /// many records that were.
    pub(super) fn covered<O: Owner>(&mut self, host: &HostLog<D, O>, mark: Mark) -> u64 {
        let mut records = 0;
        let taken = self.queue.pass_sequence(mark.sequence);
        let waiting = host.owner.with_buffer(|buffer| buffer.queue.pass_sequence(mark.sequence));
        for passed in [Some(taken), waiting].into_iter().flatten() {
            self.release(host, &passed);
            records += passed.records;
            if let Some(mark) = passed.mark {
                self.end_segment(host, mark.next_number);
            }
        }
        self.written = self.written.max(mark.sequence);
        records += self.uncovered().records;
        self.uncovered = self.uncovered.split_off(&mark.next_number);
        records -= self.uncovered().records;
        self.segments.covered(mark.sequence, mark.next_number.saturating_sub(1));
        self.found = Unsettled::Settled;
        records
    }

    /// The running checkpoint has ended, well or not. If it failed, its mark means nothing more.
    pub(super) fn checkpoint_ended<O: Owner>(&mut self, host: &HostLog<D, O>) {
        let holding = std::mem::take(&mut self.holding);
        let queue = &mut self.queue;
        host.owner.with_buffer(|buffer| {
            if let Some(mark) = buffer.checkpoint_ended().filter(|_| holding) {
                queue.remove_mark(mark);
                buffer.queue.remove_mark(mark);
            }
        });
    }

    /// Planted: what the buffer holds overtakes what was left by a drain that failed.
    #[cfg(feature = "planted")]
    fn mix_up_order<O: Owner>(&mut self, host: &HostLog<D, O>) {
        if is_planted(Planted::OrderBrokenBetweenDrains) {
            let mut first = Queue::default();
            host.owner.with_buffer(|buffer| buffer.swap(&mut first));
            first.append(std::mem::take(&mut self.queue));
            self.queue = first;
        }
    }

    #[cfg(not(feature = "planted"))]
    #[expect(clippy::unused_self, reason = "what it is without the feature")]
    fn mix_up_order<O: Owner>(&mut self, _: &HostLog<D, O>) {}
}

/// How many records a start has read is known for all segments together: a checkpoint covers all.
fn uncovered(found: &Found) -> BTreeMap<u64, Amount> {
    let amount = |bytes| Amount { bytes, records: 0 };
    let mut uncovered: BTreeMap<u64, Amount> =
        found.segments.iter().map(|one| (one.number, amount(one.bytes))).collect();
    if let Some(mut last) = uncovered.last_entry() {
        last.get_mut().records = found.records;
    }
    uncovered
}
