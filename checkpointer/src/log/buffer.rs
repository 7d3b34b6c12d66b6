//! What waits in memory to be written, beside the host's tree and under the host's lock.
//!
//! The order of the buffer is the order of the tree: a batch that changes the tree is appended here
//! before the lock is given back. Nothing here does I/O or waits.

use std::mem;

use wal_format::{Encoder, Names, Record};

use super::bounds::Room;
use super::config::Config;
use super::queue::{Mark, Queue, Sequence};
use super::start::Found;
use crate::planted::{Planted, is_planted};

/// The bytes that a record takes in the log besides its names.
const AROUND_NAMES: usize = 28;

/// How many bytes a record with these names takes: the sum over a batch is the room to reserve.
#[must_use]
pub fn record_bytes(names: Names<'_>) -> usize {
    names.as_bytes().len() + AROUND_NAMES
}

/// The log buffer of one host.
#[derive(Debug)]
pub struct Buffer {
    pub(super) queue: Queue,
    pub(super) last_sequence: Sequence,
    /// Of the segment that the next batch belongs to.
    number: u64,
    /// The highest number that holds, or will hold, records.
    highest_used: u64,
    bytes_since_mark: u64,
    segment_bytes: u64,
    /// Of the checkpoint that is running.
    running: Option<Mark>,
}

/// Where the rest goes when a segment can take no more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Left {
    pub(super) number: u64,
    pub(super) holding: bool,
}

impl Buffer {
    /// An empty buffer for a host of which a start has found this.
    #[must_use]
    pub fn new(found: &Found, config: &Config) -> Self {
        Self {
            queue: Queue::default(),
            last_sequence: Sequence::default(),
            number: found.next_number,
            highest_used: found.segments.last().map_or(0, |segment| segment.number),
            bytes_since_mark: 0,
            segment_bytes: config.segment_bytes,
            running: None,
        }
    }

    /// Appends a batch and gives it the next sequence number; `None` if it has no records.
    ///
    /// Room for [`record_bytes`] of each record was reserved before.
    #[must_use = "without a ticket for it nobody may ever write it"]
    pub fn append_batch<'a>(
        &mut self,
        room: &mut Room,
        records: impl IntoIterator<Item = Record<'a>>,
    ) -> Option<Sequence> {
        let sequence = Sequence(self.last_sequence.0 + 1);
        let bytes = self.queue.push_batch(sequence, &mut room.spare, |bytes| {
            let mut encoder = Encoder::new();
            records.into_iter().map(|record| encoder.encode(&record, bytes)).map(|()| 1).sum()
        })?;
        room.used += bytes;
        self.last_sequence = sequence;
        self.highest_used = self.highest_used.max(self.number);
        self.bytes_since_mark += bytes as u64;
        if self.bytes_since_mark >= self.segment_bytes {
            self.set_mark();
        }
        Some(sequence)
    }

    /// Ends the segment behind the last batch, and fixes the number of the next.
    pub fn set_mark(&mut self) -> Mark {
        if !is_planted(Planted::TwoMarksWithOneNumber) || self.running.is_none() {
            self.number = self.number.saturating_add(1);
        }
        self.bytes_since_mark = 0;
        let mark = Mark { sequence: self.last_sequence, next_number: self.number };
        self.queue.push_mark(mark);
        mark
    }

    /// The mark of a checkpoint that begins: what it captures under this same lock is what the log
    /// holds up to the mark. Until the checkpoint's end is told to the
    /// [`HostLog`](super::HostLog), nothing in front of the mark is written behind it.
    #[must_use = "the checkpoint's end has to be told, with its mark"]
    pub fn set_checkpoint_mark(&mut self) -> Mark {
        let mark = self.set_mark();
        self.running = Some(mark);
        mark
    }

    /// The last batch.
    #[must_use]
    pub fn last_sequence(&self) -> Sequence {
        self.last_sequence
    }

    /// The highest number of a segment that holds, or will hold, records: a host whose snapshots
    /// cover it has nothing in the log that it still needs.
    #[must_use]
    pub fn highest_used(&self) -> u64 {
        self.highest_used
    }

    pub(super) fn used(&mut self, number: u64) {
        self.highest_used = self.highest_used.max(number);
    }

    pub(super) fn running(&self) -> Option<Mark> {
        self.running
    }

    /// Gives what waits for an empty queue.
    pub(super) fn swap(&mut self, empty: &mut Queue) {
        mem::swap(&mut self.queue, empty);
    }

    /// A segment has failed, or can take no more: what is left, in `taken` and here, goes to a new
    /// one. Where a mark waits that is the mark's one, so that the order of the numbers stays the
    /// order of the sequence. But never past the mark of a running checkpoint: a power loss could
    /// keep only the beginning of it, and revert what the snapshot holds.
    pub(super) fn leave(&mut self, taken: &mut Queue) -> Left {
        match taken.first_mark().or_else(|| self.queue.first_mark()) {
            None => {
                self.number = self.number.saturating_add(1);
                self.bytes_since_mark = 0;
                if !taken.is_empty() || !self.queue.is_empty() {
                    self.used(self.number);
                }
                Left { number: self.number, holding: false }
            }
            Some(mark)
                if self.running == Some(mark) && !is_planted(Planted::WrittenPastRunningMark) =>
            {
                Left { number: mark.next_number, holding: true }
            }
            Some(mark) => {
                taken.remove_mark(mark);
                self.queue.remove_mark(mark);
                Left { number: mark.next_number, holding: false }
            }
        }
    }

    /// The running checkpoint has ended; returns its mark.
    pub(super) fn checkpoint_ended(&mut self) -> Option<Mark> {
        self.running.take()
    }
}
