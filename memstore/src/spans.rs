//! Sets of positions, as sorted ranges that neither overlap nor touch.
//!
//! What is dirty or in flight of a series is nearly always one range at its end, so one is stored
//! inline: an empty set and a set of one range take no heap.

use core::ops::Range;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Span {
    start: u32,
    end: u32,
}

/// A set of positions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spans {
    /// The range at the end; empty if the set is.
    last: Span,
    #[expect(clippy::box_collection, reason = "one word in the many series that have one range")]
    earlier: Option<Box<Vec<Span>>>,
}

impl Spans {
    pub(crate) fn is_empty(&self) -> bool {
        self.last.start == self.last.end
    }

    /// The ranges, in order.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = Range<u32>> + '_ {
        let earlier = self.earlier.iter().flat_map(|spans| spans.iter());
        let last = (!self.is_empty()).then_some(&self.last);
        earlier.chain(last).map(|span| span.start..span.end)
    }

    /// The ranges that end behind a position, in order.
    pub(crate) fn iter_from(&self, position: u32) -> impl Iterator<Item = Range<u32>> + '_ {
        let earlier = self.earlier.as_ref().map_or(&[][..], |spans| spans.as_slice());
        let first = earlier.partition_point(|span| span.end <= position);
        let last = (self.last.end > position && !self.is_empty()).then_some(&self.last);
        earlier[first..].iter().chain(last).map(|span| span.start..span.end)
    }

    /// From the first position to behind the last one.
    pub(crate) fn bounds(&self) -> Option<Range<u32>> {
        self.iter().next().map(|first| first.start..self.last.end)
    }

    pub(crate) fn contains(&self, position: u32) -> bool {
        self.touches(position..position.saturating_add(1))
    }

    /// Whether one of these positions is in the set.
    pub(crate) fn touches(&self, range: Range<u32>) -> bool {
        let earlier = self.earlier.as_ref().map_or(&[][..], |spans| spans.as_slice());
        let behind = earlier.partition_point(|span| span.end <= range.start);
        let span = earlier.get(behind).unwrap_or(&self.last);
        span.start.max(range.start) < span.end.min(range.end)
    }

    /// Adds the position behind `end`, the end of the series until now, over `gap` positions
    /// without values. They are added, too, if a range ends there: nobody can tell, as nothing is
    /// stored at them, and a missing sample does not begin a new range.
    #[inline]
    pub(crate) fn append(&mut self, end: u32, gap: u32) {
        if self.last.end == end && !self.is_empty() {
            self.last.end = end + gap + 1;
        } else {
            self.begin(end + gap);
        }
    }

    #[cold]
    #[inline(never)]
    fn begin(&mut self, at: u32) {
        self.insert(at..at + 1);
    }

    pub(crate) fn insert(&mut self, range: Range<u32>) {
        let Range { mut start, mut end } = range;
        if start >= end {
            return;
        }
        if self.is_empty() {
            self.last = Span { start, end };
        } else if start >= self.last.start && start <= self.last.end {
            self.last.end = self.last.end.max(end);
        } else {
            self.change(|spans| {
                let first = spans.partition_point(|span| span.end < start);
                let behind = spans.partition_point(|span| span.start <= end);
                if let [touched, ..] = &spans[first..behind] {
                    start = start.min(touched.start);
                    end = end.max(spans[behind - 1].end);
                }
                spans.splice(first..behind, [Span { start, end }]);
            });
        }
    }

    pub(crate) fn remove(&mut self, range: Range<u32>) {
        if !self.touches(range.clone()) {
            return;
        }
        self.change(|spans| {
            let first = spans.partition_point(|span| span.end <= range.start);
            let behind = spans.partition_point(|span| span.start < range.end);
            let left = Span { start: spans[first].start, end: range.start };
            let right = Span { start: range.end, end: spans[behind - 1].end };
            let rest = [left, right].into_iter().filter(|span| span.start < span.end);
            spans.splice(first..behind, rest);
        });
    }

    pub(crate) fn union(&mut self, other: &Self) {
        for range in other.iter() {
            self.insert(range);
        }
    }

    /// Moves all positions up.
    pub(crate) fn shift_up(&mut self, by: u32) {
        self.change(|spans| {
            for span in spans {
                (span.start, span.end) = (span.start + by, span.end + by);
            }
        });
    }

    /// Moves all positions down; none is below `by`.
    pub(crate) fn shift_down(&mut self, by: u32) {
        self.change(|spans| {
            for span in spans {
                (span.start, span.end) = (span.start - by, span.end - by);
            }
        });
    }

    /// Takes out the positions from `at` on; they count from there on afterwards, `keep` being the
    /// new position of `at`.
    pub(crate) fn split_off(&mut self, at: u32, keep: u32) -> Self {
        let mut right = self.clone();
        self.remove(at..u32::MAX);
        right.remove(0..at);
        right.change(|spans| {
            for span in spans {
                (span.start, span.end) = (span.start - at + keep, span.end - at + keep);
            }
        });
        right
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        let earlier = self.earlier.as_ref();
        earlier.map_or(0, |spans| size_of::<Vec<Span>>() + spans.capacity() * size_of::<Span>())
    }

    fn change(&mut self, change: impl FnOnce(&mut Vec<Span>)) {
        let mut all = self.earlier.take().unwrap_or_default();
        if !self.is_empty() {
            all.push(self.last);
        }
        change(&mut all);
        self.last = all.pop().unwrap_or_default();
        self.earlier = (!all.is_empty()).then_some(all);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[derive(Clone, Debug)]
    enum Operation {
        Insert(Range<u32>),
        Remove(Range<u32>),
        ShiftUp(u32),
        SplitOff(u32),
    }

    fn operation() -> impl Strategy<Value = Operation> {
        let range = (0..60_u32, 0..9_u32).prop_map(|(start, len)| start..start + len);
        prop_oneof![
            6 => range.clone().prop_map(Operation::Insert),
            3 => range.prop_map(Operation::Remove),
            1 => (0..9_u32).prop_map(Operation::ShiftUp),
            1 => (0..60_u32).prop_map(Operation::SplitOff),
        ]
    }

    fn check(spans: &Spans, model: &BTreeSet<u32>) {
        let positions: Vec<u32> = spans.iter().flatten().collect();
        assert_eq!(positions, model.iter().copied().collect::<Vec<_>>());
        let ranges: Vec<_> = spans.iter().collect();
        assert!(ranges.is_sorted_by(|one, next| one.end < next.start), "{ranges:?} touch");
        assert_eq!(spans.is_empty(), model.is_empty());
        assert!((0..120).all(|at| spans.contains(at) == model.contains(&at)));
        for at in 0..120 {
            assert!(spans.iter_from(at).eq(ranges.iter().filter(|range| range.end > at).cloned()));
        }
        let bounds = model.first().map(|first| *first..model.last().unwrap() + 1);
        assert_eq!(spans.bounds(), bounds);
    }

    proptest! {
        #[test]
        fn spans_are_what_a_set_of_positions_is(operations in prop::collection::vec(operation(), 1..40)) {
            let (mut spans, mut model) = (Spans::default(), BTreeSet::new());
            for operation in operations {
                match operation {
                    Operation::Insert(range) => {
                        spans.insert(range.clone());
                        model.extend(range);
                    }
                    Operation::Remove(range) => {
                        spans.remove(range.clone());
                        model.retain(|at| !range.contains(at));
                    }
                    Operation::ShiftUp(by) => {
                        spans.shift_up(by);
                        model = model.into_iter().map(|at| at + by).collect();
                    }
                    Operation::SplitOff(at) => {
                        let right = spans.split_off(at, 3);
                        let moved = model.split_off(&at).into_iter().map(|old| old - at + 3).collect();
                        check(&right, &moved);
                    }
                }
                check(&spans, &model);
            }
        }
    }

    #[test]
    fn a_gap_at_the_end_of_a_range_begins_no_new_one() {
        let mut spans = Spans::default();
        spans.append(10, 0);
        spans.append(11, 2);
        assert!(spans.iter().eq(core::iter::once(10..14)));
        assert_eq!(spans.heap_bytes(), 0);
        spans.append(20, 3);
        assert_eq!(spans.iter().collect::<Vec<_>>(), [10..14, 23..24]);
    }

    #[test]
    fn an_empty_set_is_sixteen_bytes() {
        assert_eq!(size_of::<Spans>(), 16);
    }
}
