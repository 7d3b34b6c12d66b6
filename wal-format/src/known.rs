//! What is known of the series of a log, found again by their names.
//!
//! The records of a log repeat in the order of the collector: the series that followed last time is
//! expected first.

use crate::expected::{Expected, Times};
use crate::names::Names;
use crate::record::Record;
use std::collections::HashMap;

/// What a caller knows of each series of a log, for [`Reader::read_known`](crate::Reader::read_known).
///
/// It takes memory for as many series as there are: that much more than their names.
///
/// ```
/// use wal_format::{Known, NamesBuf, Reader, Record, SegmentWriter};
///
/// let names = [NamesBuf::new("load", ["cpu0"])?, NamesBuf::new("load", ["cpu1"])?];
/// let mut writer = SegmentWriter::new(Vec::new())?;
/// for timestamp in [60, 120, 180] {
///     for names in &names {
///         let names = names.as_names();
///         writer.write(&Record { names, timestamp, value: 0.5, frequency: None })?;
///     }
/// }
/// let log = writer.into_inner();
///
/// let mut sums = Known::default();
/// let mut reader = Reader::new(&log[..]);
/// reader.read_known(&mut sums, |_| 0.0, |sum, record| *sum += record.value)?;
/// assert!(sums.values_mut().eq(&[1.5, 1.5]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Known<T> {
    /// By number, in the order in which they were first seen.
    series: Vec<Series<T>>,
    numbers: HashMap<Box<[u8]>, usize>,
    /// The names of what is expected, in the order in which they will be compared.
    words: Vec<u64>,
    times: Times,
    /// The series that was found last.
    last: usize,
}

#[derive(Debug)]
struct Series<T> {
    expected: Option<Expected>,
    /// What was found after it.
    next: usize,
    value: T,
}

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self {
            series: Vec::new(),
            numbers: HashMap::new(),
            words: Vec::new(),
            times: Times::default(),
            last: 0,
        }
    }
}

impl<T> Known<T> {
    /// What is known of every series, in the order in which they were first seen.
    ///
    /// ```
    /// assert_eq!(wal_format::Known::<u32>::default().values_mut().count(), 0);
    /// ```
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.series.iter_mut().map(|series| &mut series.value)
    }

    /// The record at the front of `log`, what is known of its series, and what follows it: if it is
    /// the one that is expected next, or the one behind that, as a value may be missing.
    #[inline]
    pub(crate) fn split_expected<'a>(
        &mut self,
        log: &'a [u8],
    ) -> Option<(&mut T, Record<'a>, &'a [u8])> {
        let next = self.series.get(self.last)?.next;
        let (at, record, rest) = match self.split_at(next, log) {
            Some((record, rest)) => (next, record, rest),
            None => self.split_behind(next, log)?,
        };
        self.last = at;
        Some((&mut self.series.get_mut(at)?.value, record, rest))
    }

    #[inline]
    fn split_at<'a>(&mut self, at: usize, log: &'a [u8]) -> Option<(Record<'a>, &'a [u8])> {
        let expected = self.series.get(at)?.expected.as_ref()?;
        expected.split_from(log, &self.words, &mut self.times)
    }

    #[cold]
    #[inline(never)]
    fn split_behind<'a>(
        &mut self,
        missing: usize,
        log: &'a [u8],
    ) -> Option<(usize, Record<'a>, &'a [u8])> {
        let at = self.series.get(missing)?.next;
        let (record, rest) = self.split_at(at, log)?;
        Some((at, record, rest))
    }

    /// What is known of the series of a record; `make` makes it when its names are new.
    pub(crate) fn find(
        &mut self,
        record: &Record<'_>,
        make: impl FnOnce(Names<'_>) -> T,
    ) -> Option<&mut T> {
        let names = record.names.as_bytes();
        let next = self.series.get(self.last).map_or(0, |last| last.next);
        let at = if self.is_at(next, names) { next } else { self.look_up(record, make) };
        if let Some(last) = self.series.get_mut(self.last) {
            last.next = at;
        }
        self.last = at;
        let series = self.series.get_mut(at)?;
        if let Some(expected) = &mut series.expected
            && expected.frequency() != record.frequency
        {
            expected.expect(record);
        }
        Some(&mut series.value)
    }

    fn is_at(&self, at: usize, names: &[u8]) -> bool {
        let expected = self.series.get(at).and_then(|series| series.expected.as_ref());
        expected.is_some_and(|expected| expected.is_of(names, &self.words))
    }

    fn look_up(&mut self, record: &Record<'_>, make: impl FnOnce(Names<'_>) -> T) -> usize {
        let names = record.names.as_bytes();
        if let Some(&at) = self.numbers.get(names) {
            return at;
        }
        let at = self.series.len();
        self.numbers.insert(names.into(), at);
        // After the newest, the first comes again.
        let expected = Expected::new(record, &mut self.words);
        self.series.push(Series { expected, next: 0, value: make(record.names) });
        at
    }
}
