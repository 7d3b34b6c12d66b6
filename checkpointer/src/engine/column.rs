//! The values of a series on their way from its log into the tree.
//!
//! A log holds minute by minute a value of each series; the tree takes an hour of one series in
//! nearly the time that it takes one value. So values wait here as long as each lies right behind the
//! one before it, or behind a few that are missing. Whatever else a record says is done in the tree,
//! after what waits.

use std::num::NonZeroU32;

use wal_format::Record;

/// How many values wait: they take half a kilobyte, a fifth of what a day of them has in the tree.
const LEN: usize = 128;

/// Nominal times go on where the last record of the series was.
#[derive(Clone, Debug, Default)]
pub(crate) struct Column {
    /// Of the first value that waits.
    start: i64,
    /// Of the next one.
    next: i64,
    /// None: nothing is expected.
    frequency: Option<NonZeroU32>,
    /// Neither the first nor the last is NaN.
    values: Vec<f32>,
}

/// Values in steps of a frequency, in their order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiting<'a> {
    pub(crate) start: i64,
    pub(crate) frequency: NonZeroU32,
    pub(crate) values: &'a [f32],
}

impl Column {
    /// The record is in the tree, and others are expected behind it.
    pub(crate) fn begin_behind(&mut self, nominal: i64, frequency: NonZeroU32) {
        let next = nominal.checked_add(frequency.get().into());
        self.frequency = next.map(|_| frequency);
        self.next = next.unwrap_or(nominal);
        self.start = self.next;
    }

    /// Takes the value of a record that lies right behind those that wait.
    #[inline]
    pub(crate) fn takes(&mut self, record: &Record<'_>) -> bool {
        let Some(frequency) = self.frequency else { return false };
        let Some(next) = self.next.checked_add(frequency.get().into()) else { return false };
        let is_next = record.timestamp == self.next
            && record.frequency == self.frequency
            && !record.value.is_nan()
            && self.values.len() < self.values.capacity();
        if is_next {
            self.values.push(record.value);
            self.next = next;
        }
        is_next
    }

    /// Takes a value behind some that are missing, if others wait already.
    pub(crate) fn takes_behind_gap(&mut self, record: &Record<'_>) -> bool {
        let Some(frequency) = self.frequency.filter(|_| !self.values.is_empty()) else {
            return false;
        };
        let f = i64::from(frequency.get());
        let Some(ahead) = record.timestamp.checked_sub(self.next) else { return false };
        let room = self.values.capacity() - self.values.len();
        let missing = usize::try_from(ahead / f).unwrap_or(usize::MAX);
        let is_expected = record.frequency == self.frequency
            && !record.value.is_nan()
            && record.timestamp.checked_add(f).is_some();
        if !is_expected || ahead < 0 || ahead % f != 0 || missing >= room {
            return false;
        }
        self.values.resize(self.values.len() + missing, f32::NAN);
        self.next = record.timestamp;
        self.takes(record)
    }

    /// What waits, in order; nothing does if none.
    pub(crate) fn waiting(&self) -> Option<Waiting<'_>> {
        let frequency = self.frequency.filter(|_| !self.values.is_empty())?;
        Some(Waiting { start: self.start, frequency, values: &self.values })
    }

    /// What waited is in the tree.
    pub(crate) fn clear(&mut self) {
        self.values.clear();
        self.start = self.next;
    }

    /// So that values can wait. For the first record of a series there is none: some have no second.
    pub(crate) fn make_room(&mut self) {
        if self.frequency.is_some() {
            self.values.reserve_exact(LEN - self.values.len().min(LEN));
        }
    }
}

impl Waiting<'_> {
    /// Each value that is there, with its nominal time.
    pub(crate) fn each(self) -> impl Iterator<Item = (i64, f32)> {
        let f = i64::from(self.frequency.get());
        let times = (0..).map(move |index: i64| self.start.saturating_add(index.saturating_mul(f)));
        times.zip(self.values.iter().copied()).filter(|(_, value)| !value.is_nan())
    }
}
