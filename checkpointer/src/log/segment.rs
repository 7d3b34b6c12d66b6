//! The segments of one host that are not yet known to be durable, or still written.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::files::Permit;
use super::queue::Sequence;
use crate::planted::{Planted, is_planted};

/// An open file, and the right to have it open.
#[derive(Debug)]
pub(super) struct OpenFile<F> {
    pub(super) file: F,
    pub(super) _permit: Permit,
}

/// What may still happen to a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It is written.
    Current,
    /// It is written no more.
    Ended,
    /// A sync of it has failed: nothing will ever prove that it is durable.
    Failed,
}

#[derive(Debug)]
pub(super) struct Segment<F> {
    pub(super) number: u64,
    pub(super) path: Arc<str>,
    /// `None` once it was closed: synced, failed, or to make room for others.
    pub(super) file: Option<Arc<OpenFile<F>>>,
    pub(super) created_at: Duration,
    pub(super) state: State,
    pub(super) bytes: u64,
    bytes_synced: u64,
    name_durable: bool,
    /// The last whole batch in it.
    pub(super) last: Sequence,
    /// The last batch that a sync has reached.
    synced: Sequence,
}

/// What a sync of a segment has to do, and will have done.
#[derive(Debug)]
pub(super) struct Target<F> {
    pub(super) number: u64,
    pub(super) path: Arc<str>,
    pub(super) file: Arc<OpenFile<F>>,
    pub(super) name_durable: bool,
    pub(super) is_ended: bool,
    last: Sequence,
    bytes: u64,
}

impl<F> Segment<F> {
    pub(super) fn new(
        number: u64,
        path: Arc<str>,
        file: Arc<OpenFile<F>>,
        created_at: Duration,
    ) -> Self {
        Self {
            number,
            path,
            file: Some(file),
            created_at,
            state: State::Current,
            bytes: 0,
            bytes_synced: 0,
            name_durable: false,
            last: Sequence::default(),
            synced: Sequence::default(),
        }
    }

    pub(super) fn bytes_unsynced(&self) -> u64 {
        if self.state == State::Failed { 0 } else { self.bytes - self.bytes_synced }
    }

    pub(super) fn is_synced(&self) -> bool {
        self.bytes_synced == self.bytes && self.name_durable
    }

    fn target(&self) -> Option<Target<F>> {
        if self.state == State::Failed || self.is_synced() {
            return None;
        }
        Some(Target {
            number: self.number,
            path: Arc::clone(&self.path),
            file: Arc::clone(self.file.as_ref()?),
            name_durable: self.name_durable,
            is_ended: self.state == State::Ended,
            last: self.last,
            bytes: self.bytes,
        })
    }
}

/// The segments in the order of their numbers, which is the order of the sequence. Those that are
/// durable stay until all before them are, for the synced sequence is contiguous.
#[derive(Debug)]
pub(super) struct Segments<F> {
    list: VecDeque<Segment<F>>,
    /// All up to here is synced, or in a durable snapshot.
    passed: Sequence,
}

impl<F> Default for Segments<F> {
    fn default() -> Self {
        Self { list: VecDeque::new(), passed: Sequence::default() }
    }
}

impl<F> Segments<F> {
    pub(super) fn push(&mut self, segment: Segment<F>) {
        self.list.push_back(segment);
    }

    pub(super) fn current(&self) -> Option<&Segment<F>> {
        self.list.back().filter(|last| last.state == State::Current)
    }

    pub(super) fn current_mut(&mut self) -> Option<&mut Segment<F>> {
        self.list.back_mut().filter(|last| last.state == State::Current)
    }

    /// The current one is written no more; it stays open until it is synced. False: there is none.
    pub(super) fn end_current(&mut self) -> bool {
        let Some(current) = self.current_mut() else { return false };
        current.state = State::Ended;
        if current.is_synced() {
            current.file = None;
        }
        if is_planted(Planted::ClosedUnsynced) {
            current.file = None;
            (current.bytes_synced, current.synced) = (current.bytes, current.last);
            current.name_durable = true;
        }
        true
    }

    /// The last one holds no whole batch, so there is nothing in it to keep; if `remove` removes it,
    /// it is forgotten. Returns its number then.
    pub(super) fn remove_empty(&mut self, remove: impl FnOnce(&str) -> bool) -> Option<u64> {
        let last = self.list.back().filter(|last| last.last == Sequence::default())?;
        if last.state != State::Ended || !remove(&last.path) {
            return None;
        }
        self.list.pop_back().map(|removed| removed.number)
    }

    pub(super) fn targets(&self) -> Vec<Target<F>> {
        let mut targets: Vec<_> = self.list.iter().filter_map(Segment::target).collect();
        if is_planted(Planted::WrongSegmentSyncedAfterMark)
            && let Some(file) = self.current().and_then(|current| current.file.as_ref())
        {
            for target in &mut targets {
                target.file = Arc::clone(file);
            }
        }
        targets
    }

    /// A sync that began when `target` was taken has succeeded, and its name is durable.
    pub(super) fn synced(&mut self, target: &Target<F>) {
        let found = self.list.iter_mut().find(|one| one.number == target.number);
        if let Some(segment) = found.filter(|one| one.state != State::Failed) {
            segment.synced = segment.synced.max(target.last);
            segment.bytes_synced = segment.bytes_synced.max(target.bytes);
            segment.name_durable = true;
            if segment.state == State::Ended && segment.is_synced() {
                segment.file = None;
            }
        }
        self.drop_passed();
    }

    /// A sync has failed, which is final. Whether it was the current segment.
    pub(super) fn failed(&mut self, number: u64) -> Option<State> {
        let segment = self.list.iter_mut().find(|one| one.number == number)?;
        let before = segment.state;
        if is_planted(Planted::FailedSyncForgotten) {
            return Some(State::Ended);
        }
        segment.state = State::Failed;
        segment.file = None;
        Some(before)
    }

    /// A durable snapshot holds all up to a batch, which is all that lies in segments up to a number.
    pub(super) fn covered(&mut self, sequence: Sequence, number: u64) {
        self.list.retain(|segment| segment.number > number);
        self.passed = self.passed.max(sequence);
        self.drop_passed();
    }

    fn drop_passed(&mut self) {
        while let Some(first) = self.list.front() {
            match first.state {
                State::Ended if first.is_synced() => self.passed = self.passed.max(first.last),
                State::Failed if first.last <= self.passed => {}
                _ => break,
            }
            self.list.pop_front();
        }
    }

    /// The last batch up to which everything is synced or in a durable snapshot.
    pub(super) fn synced_sequence(&self) -> Sequence {
        let mut passed = self.passed;
        for segment in &self.list {
            passed = passed.max(segment.synced);
            let all = segment.synced >= segment.last || segment.last <= self.passed;
            if !all && !is_planted(Planted::SyncedNotContiguous) {
                break;
            }
        }
        passed
    }

    /// Whether only a checkpoint makes records durable that are in no snapshot.
    pub(super) fn any_failed(&self) -> bool {
        let needed = |segment: &Segment<F>| segment.last > self.passed;
        self.list.iter().any(|segment| segment.state == State::Failed && needed(segment))
    }

    pub(super) fn bytes_unsynced(&self) -> u64 {
        self.list.iter().map(Segment::bytes_unsynced).sum()
    }

    /// Whether there is one that is only kept open to be synced.
    pub(super) fn any_ended(&self) -> bool {
        self.list.iter().any(|one| one.state == State::Ended && one.file.is_some())
    }

    pub(super) fn any_open(&self) -> bool {
        self.list.iter().any(|segment| segment.file.is_some())
    }

    /// Closes what is synced; the rest stays open.
    pub(super) fn close_synced(&mut self) {
        for segment in self.list.iter_mut().filter(|segment| segment.is_synced()) {
            segment.file = None;
        }
    }
}
