//! Encoded batches and marks in the order of the sequence: what the buffer holds, and what a drain
//! has taken out of it.

use std::collections::VecDeque;
use std::mem;

/// The number of a batch in its host's log: the first is 1, each one more than the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(pub(super) u64);

impl Sequence {
    /// The number itself.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }
}

/// Ends a segment behind a batch and fixes the number of the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The last batch in front of the mark.
    pub sequence: Sequence,
    /// What comes behind it goes to the segment of this number, or a higher one.
    pub next_number: u64,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Entry {
    Batch(Batch),
    Mark(Mark),
}

/// A batch, and where its bytes end; they begin where those of the batch before end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Batch {
    pub(super) sequence: Sequence,
    pub(super) end: usize,
    pub(super) records: u64,
}

/// Batches and marks. Invariant: `bytes[start..]` are those of the batches in `entries`, in order.
#[derive(Debug, Default)]
pub(super) struct Queue {
    bytes: Vec<u8>,
    start: usize,
    entries: VecDeque<Entry>,
}

/// Batches that lie side by side with no mark between them.
#[derive(Debug)]
pub(super) struct Run<'a> {
    pub(super) bytes: &'a [u8],
}

/// What was taken off the front of a queue.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Passed {
    pub(super) bytes: usize,
    pub(super) records: u64,
    pub(super) batches: u64,
    /// The last batch among it.
    pub(super) last: Option<Sequence>,
    /// The last mark among it.
    pub(super) mark: Option<Mark>,
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn bytes_waiting(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Appends a batch that `encode` lays out; what it appends nothing for is none.
    pub(super) fn push_batch(
        &mut self,
        sequence: Sequence,
        spare: &mut Vec<u8>,
        encode: impl FnOnce(&mut Vec<u8>) -> u64,
    ) -> Option<usize> {
        if self.bytes.capacity() == 0 {
            self.bytes = mem::take(spare);
        }
        let before = self.bytes.len();
        let records = encode(&mut self.bytes);
        let end = self.bytes.len();
        if end == before {
            return None;
        }
        self.entries.push_back(Entry::Batch(Batch { sequence, end, records }));
        Some(end - before)
    }

    pub(super) fn push_mark(&mut self, mark: Mark) {
        self.entries.push_back(Entry::Mark(mark));
    }

    pub(super) fn first_mark(&self) -> Option<Mark> {
        self.entries.iter().find_map(|entry| match entry {
            Entry::Mark(mark) => Some(*mark),
            Entry::Batch(_) => None,
        })
    }

    pub(super) fn remove_mark(&mut self, gone: Mark) {
        self.entries.retain(|entry| !matches!(entry, Entry::Mark(mark) if *mark == gone));
    }

    /// The mark in front of all batches, taken off.
    pub(super) fn pop_mark(&mut self) -> Option<Mark> {
        let Some(&Entry::Mark(mark)) = self.entries.front() else { return None };
        self.entries.pop_front();
        Some(mark)
    }

    /// The batches in front of the first mark: what one write may take.
    pub(super) fn run(&self) -> Option<Run<'_>> {
        let batches = self.entries.iter().map_while(|entry| match entry {
            Entry::Batch(batch) => Some(batch.end),
            Entry::Mark(_) => None,
        });
        let bytes = self.bytes.get(self.start..batches.last()?)?;
        Some(Run { bytes })
    }

    /// Takes off the batches that lie whole in the first `bytes` bytes.
    pub(super) fn pass_bytes(&mut self, bytes: usize) -> Passed {
        let limit = self.start + bytes;
        self.pass_while(|entry| matches!(entry, Entry::Batch(batch) if batch.end <= limit))
    }

    /// Takes off all up to a batch, and the marks behind it.
    pub(super) fn pass_sequence(&mut self, covered: Sequence) -> Passed {
        self.pass_while(|entry| match entry {
            Entry::Batch(batch) => batch.sequence <= covered,
            Entry::Mark(mark) => mark.sequence <= covered,
        })
    }

    fn pass_while(&mut self, goes: impl Fn(&Entry) -> bool) -> Passed {
        let mut passed = Passed::default();
        while let Some(entry) = self.entries.front().filter(|entry| goes(entry)) {
            match *entry {
                Entry::Mark(mark) => passed.mark = Some(mark),
                Entry::Batch(batch) => {
                    passed.bytes += batch.end - self.start;
                    passed.records += batch.records;
                    passed.batches += 1;
                    passed.last = Some(batch.sequence);
                    self.start = batch.end;
                }
            }
            self.entries.pop_front();
        }
        passed
    }

    /// The memory of the bytes, once all of them have gone.
    pub(super) fn take_spare(&mut self) -> Option<Vec<u8>> {
        if self.bytes_waiting() > 0 || self.bytes.capacity() == 0 {
            return None;
        }
        self.start = 0;
        let mut spare = mem::take(&mut self.bytes);
        spare.clear();
        Some(spare)
    }

    /// What lies in `other` follows what lies here.
    #[cfg(feature = "planted")]
    pub(super) fn append(&mut self, mut other: Self) {
        let shift = self.bytes.len();
        let skipped = other.start;
        self.bytes.extend_from_slice(other.bytes.get(skipped..).unwrap_or_default());
        for entry in other.entries.drain(..) {
            self.entries.push_back(match entry {
                Entry::Batch(batch) => {
                    Entry::Batch(Batch { end: batch.end - skipped + shift, ..batch })
                }
                mark @ Entry::Mark(_) => mark,
            });
        }
    }
}
