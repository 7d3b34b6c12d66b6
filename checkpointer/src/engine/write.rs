//! Writing: a batch of one host changes its tree and goes to its log buffer under one lock.

use std::cell::Cell;
use std::fmt;
use std::hint::black_box;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use memstore::{Catalogue, Handle, Limits, MetricId, Placed};
use wal_format::{NamesBuf, Record};

use super::config::Now;
use super::debt::CheckpointMode;
use super::error::{NoSeries, Refused, WriteError};
use super::host::{Held, InHost, Life, StoredHost};
use crate::disk::Disk;
use crate::log::{Room, Ticket, Unacknowledged, record_bytes};

/// A batch is given to the log in pieces of so many bytes at most, and none is larger than its buffer.
const PIECE_BYTES: usize = 1 << 20;
/// The host's lock is held for no more samples at a time.
const PIECE_SAMPLES: usize = 1 << 14;

/// A series as who writes to it keeps it: its names, and where in the host it was found last. It
/// belongs to the host that it was first written to.
#[derive(Clone)]
pub struct Series {
    names: NamesBuf,
    metric: MetricId,
    frequency: NonZeroU32,
    handle: Cell<Option<Handle>>,
}

impl Series {
    /// The series of a metric of the catalogue, at this path below the host.
    ///
    /// # Errors
    ///
    /// [`NoSeries`]
    pub fn new<S: AsRef<[u8]>>(
        catalogue: &Catalogue,
        metric: &[u8],
        path: impl IntoIterator<Item = S>,
    ) -> Result<Self, NoSeries> {
        let id = catalogue.find(metric).ok_or(NoSeries::UnknownMetric)?;
        let config = catalogue.get(id).and_then(|metric| metric.config);
        let frequency = config.ok_or(NoSeries::UnknownMetric)?.frequency;
        let names = NamesBuf::new(metric, path)?;
        Ok(Self { names, metric: id, frequency, handle: Cell::new(None) })
    }

    /// Its names, as the log has them.
    #[must_use]
    pub fn names(&self) -> &NamesBuf {
        &self.names
    }
}

/// A sample that arrives.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    /// Of which series.
    pub series: &'a Series,
    /// Unix seconds.
    pub timestamp: i64,
    /// A finite number.
    pub value: f32,
}

/// Whether a batch goes to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logging {
    /// It does. Where the log has no room, the caller waits as long as something moves at least
    /// once in `patience`.
    Logged {
        /// With none, a full log refuses at once.
        patience: Duration,
    },
    /// It does not: it is in memory only until the next checkpoint, and counted.
    Unlogged,
}

/// What has become of a batch.
#[derive(Debug)]
#[must_use = "the batch is acknowledged when `pending` is"]
pub struct Written<D: Disk + 'static> {
    /// Samples stored.
    pub stored: u64,
    /// To wait for their acknowledgement; None if nothing is to be acknowledged.
    pub pending: Option<Pending<D>>,
}

/// A batch that is not acknowledged yet.
pub struct Pending<D: Disk + 'static> {
    host: Arc<StoredHost<D>>,
    ticket: Ticket<D, InHost<D>>,
}

impl<D: Disk> Pending<D> {
    /// Waits until the batch is acknowledged, as the log's mode has it. Who waits writes, syncs or
    /// checkpoints, if nobody else does. The caller waits for others as long as something moves at
    /// least once in `patience`.
    ///
    /// # Errors
    ///
    /// [`Unacknowledged`]; waiting again tries again.
    pub fn wait(&mut self, now: Now, patience: Duration) -> Result<(), Unacknowledged> {
        match self.ticket.wait(patience) {
            Err(Unacknowledged::NeedsCheckpoint) => {
                match self.host.checkpoint_as(CheckpointMode::Unsynced, now) {
                    Ok(_) => self.ticket.wait(patience),
                    Err(_) => Err(Unacknowledged::NeedsCheckpoint),
                }
            }
            outcome => outcome,
        }
    }

    /// Writes the host's log by now if so much waits that a later write would not find it in the
    /// processor's cache any more, and if nobody is about to; waits for nobody. What the disk refuses,
    /// [`wait`](Self::wait) says.
    pub fn write_early(&self) {
        self.ticket.write_early();
    }

    /// Whether the batch is acknowledged by now.
    #[must_use]
    pub fn is_acknowledged(&self) -> bool {
        self.ticket.is_acknowledged()
    }
}

impl<D: Disk> StoredHost<D> {
    /// Stores samples in their order, each in its slot; those that are refused are told to `refused`
    /// by their index, and cost nothing but themselves.
    ///
    /// # Errors
    ///
    /// [`WriteError`]: then the samples up to some point may be stored, but none counts as
    /// acknowledged.
    pub fn write(
        &self,
        samples: &[Sample<'_>],
        now: Now,
        logging: Logging,
        refused: impl FnMut(usize, Refused),
    ) -> Result<Written<D>, WriteError> {
        if let Logging::Logged { patience } = logging {
            self.let_in(now, patience)?;
        }
        self.write_let_in(samples, now, logging, refused)
    }

    /// The same for who was [let in](Self::let_in) before.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub fn write_let_in(
        &self,
        samples: &[Sample<'_>],
        now: Now,
        logging: Logging,
        mut refused: impl FnMut(usize, Refused),
    ) -> Result<Written<D>, WriteError> {
        let mut written = Written { stored: 0, pending: None };
        let log = &self.core.config.log;
        let bytes_max = PIECE_BYTES.min(log.buffer_bytes_host).min(log.buffer_bytes_total);
        let mut at = 0;
        while let Some(rest) = samples.get(at..).filter(|rest| !rest.is_empty()) {
            let (count, bytes) = match logging {
                Logging::Logged { .. } => piece(rest, bytes_max),
                Logging::Unlogged => (rest.len().min(PIECE_SAMPLES), 0),
            };
            let piece = rest.get(..count).unwrap_or(rest);
            let mut tell = |index, why| refused(at + index, why);
            self.write_piece(piece, bytes, now, logging, &mut tell, &mut written)?;
            at += count;
        }
        let counters = &self.core.counters;
        counters.samples.fetch_add(written.stored, Relaxed);
        counters.refused.fetch_add(samples.len() as u64 - written.stored, Relaxed);
        if logging == Logging::Unlogged {
            counters.unlogged.fetch_add(written.stored, Relaxed);
        }
        Ok(written)
    }

    fn write_piece(
        &self,
        samples: &[Sample<'_>],
        bytes: usize,
        now: Now,
        logging: Logging,
        refused: &mut impl FnMut(usize, Refused),
        written: &mut Written<D>,
    ) -> Result<(), WriteError> {
        let mut room = match logging {
            Logging::Logged { patience } => {
                let patience = Some(patience).filter(|patience| !patience.is_zero());
                Some(self.log.room(bytes, now.uptime, patience)?)
            }
            Logging::Unlogged => None,
        };
        let mut newest = i64::MIN;
        let mut held = self.lock();
        match held.life {
            Life::Open => {}
            Life::Closing => return Err(WriteError::Closed),
            Life::Gone => return Err(WriteError::Gone),
        }
        let limits = self.core.clock.limits(now, held.takes_from);
        let Held { tree, buffer, .. } = &mut *held;
        // The series of a host lie all over the memory: a sample would wait for each of them in turn.
        black_box(tree.touch(samples.iter().filter_map(|sample| sample.series.handle.get())));
        if room.is_some() {
            // And so do their names, which the log takes.
            let first_byte =
                |sample: &Sample<'_>| sample.series.names.as_names().as_bytes().first().copied();
            black_box(samples.iter().filter_map(first_byte).fold(0, |all, one| all ^ one));
        }
        let records = samples.iter().enumerate().filter_map(|(index, sample)| {
            let placed = match store(tree, sample, &limits) {
                Ok(placed) => placed,
                Err(why) => {
                    refused(index, why);
                    return None;
                }
            };
            written.stored += 1;
            newest = newest.max(sample.timestamp);
            let Placed { nominal, frequency } = placed;
            let (names, value) = (sample.series.names.as_names(), sample.value);
            Some(Record { names, timestamp: nominal, value, frequency: Some(frequency) })
        });
        let sequence = if let Some(room) = &mut room {
            buffer.append_batch(room, records)
        } else {
            records.for_each(drop);
            None
        };
        drop(held);
        drop::<Option<Room>>(room);
        if newest > i64::MIN {
            self.core.clock.saw(newest);
        }
        if let (Some(sequence), Some(host)) = (sequence, self.me.upgrade()) {
            let ticket = self.log.ticket(sequence, now.uptime);
            written.pending = Some(Pending { host, ticket });
        }
        Ok(())
    }
}

/// How many samples are one piece of a batch, and how many bytes of the log.
fn piece(samples: &[Sample<'_>], bytes_max: usize) -> (usize, usize) {
    let (mut count, mut bytes) = (0, 0);
    for sample in samples {
        let more = record_bytes(sample.series.names.as_names());
        if count > 0 && bytes + more > bytes_max {
            break;
        }
        count += 1;
        bytes += more;
    }
    (count, bytes)
}

#[inline]
fn store(
    tree: &mut memstore::Host,
    sample: &Sample<'_>,
    limits: &Limits,
) -> Result<Placed, Refused> {
    let Sample { series, timestamp, value } = *sample;
    if let Some(handle) = series.handle.get() {
        match tree.write(handle, series.frequency, timestamp, value, limits) {
            Err(memstore::Refused::Stale) => {}
            outcome => return outcome.map_err(reason),
        }
    }
    store_new(tree, sample, limits)
}

/// The first sample of a series, or the first since it was removed. It is checked before a level is
/// made for it.
#[cold]
fn store_new(
    tree: &mut memstore::Host,
    sample: &Sample<'_>,
    limits: &Limits,
) -> Result<Placed, Refused> {
    let Sample { series, timestamp, value } = *sample;
    if !value.is_finite() {
        return Err(Refused::NotFinite);
    }
    if timestamp < limits.oldest {
        return Err(Refused::TooOld);
    }
    if timestamp > limits.newest {
        return Err(Refused::TooFarAhead);
    }
    let path: Vec<&[u8]> = series.names.as_names().path().collect();
    let handle = tree.series(&path, series.metric)?;
    series.handle.set(Some(handle));
    tree.write(handle, series.frequency, timestamp, value, limits).map_err(reason)
}

fn reason(refused: memstore::Refused) -> Refused {
    match refused {
        memstore::Refused::TooOld => Refused::TooOld,
        memstore::Refused::TooFarAhead => Refused::TooFarAhead,
        memstore::Refused::NotFinite => Refused::NotFinite,
        memstore::Refused::TooManyRuns => Refused::TooManyRuns,
        _ => Refused::OutOfRange,
    }
}

impl fmt::Debug for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Series({})", self.names.as_names())
    }
}

impl<D: Disk> fmt::Debug for Pending<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("ticket", &self.ticket).finish_non_exhaustive()
    }
}
