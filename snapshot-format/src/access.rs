//! What a proven snapshot holds, borrowed from its bytes: nothing here can fail.

use crate::decode::Walk;
use crate::layout::VALUE_LEN;
use crate::verify::Integrity;
use zerocopy::IntoBytes;

/// A snapshot whose bytes were proven by [`Snapshot::parse`]; borrows them.
///
/// ```
/// use snapshot_format::{Event, Snapshot};
/// # use snapshot_format::{Counts, Encoder, TrailerFields};
/// # let mut encoder = Encoder::new(Vec::new(), 0, 120, Counts { metrics: 1, children: 0 })?;
/// # encoder.series(b"cpu_load", 60, 0, &[0.5, 1.0])?;
/// # let (bytes, _) = encoder.finish(TrailerFields::default())?;
///
/// let snapshot = Snapshot::parse(&bytes)?;
/// for event in snapshot.events() {
///     if let Event::Series(series) = event {
///         assert_eq!(series.name, b"cpu_load");
///         assert_eq!(series.values.get(1), Some(1.0));
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Snapshot<'a> {
    /// Invariant: [`Walk`] went through them without an error, and ended at their end.
    pub(crate) levels: &'a [u8],
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) totals: Totals,
    pub(crate) integrity: Integrity,
    pub(crate) surplus: u64,
}

/// How much a snapshot holds, counted while it was proven.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Levels, the root included.
    pub levels: u64,
    /// Series in all levels.
    pub series: u64,
    /// Values in all series, NaN included.
    pub values: u64,
}

/// One thing that stands in a snapshot, in the order of the file: a level's series, then its
/// children, each between its [`Event::Enter`] and [`Event::Leave`]. The root has neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A child of the level so far begins; its name.
    Enter(&'a [u8]),
    /// A series of the level so far.
    Series(Series<'a>),
    /// The level so far ends, its parent goes on.
    Leave,
}

/// A series, borrowed from the snapshot: the value `i` has the nominal time
/// `start + i · frequency`. Two are equal if their bits are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Series<'a> {
    /// Name of the metric: bytes, UTF-8 in practice.
    pub name: &'a [u8],
    /// Seconds between two values, as the file says: not checked to be positive.
    pub frequency: i64,
    /// Unix seconds of the first value.
    pub start: i64,
    /// NaN = no sample.
    pub values: Values<'a>,
}

/// The values of a series where they stand in the file: little-endian, at any alignment. Every bit
/// pattern is kept, NaN payloads included; two are equal if their bits are.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Values<'a> {
    values: &'a [[u8; VALUE_LEN]],
}

/// Iterates over the events of a [`Snapshot`].
#[derive(Clone, Debug)]
pub struct Events<'a> {
    walk: Option<Walk<'a>>,
}

impl<'a> Snapshot<'a> {
    /// From when on the snapshot holds values, as its header says: Unix seconds.
    ///
    /// ```
    /// # use snapshot_format::{Counts, Encoder, Snapshot, TrailerFields};
    /// # let encoder = Encoder::new(Vec::new(), 0, 120, Counts::default())?;
    /// # let (bytes, _) = encoder.finish(TrailerFields::default())?;
    /// assert_eq!(Snapshot::parse(&bytes)?.from(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn from(&self) -> i64 {
        self.from
    }

    /// Until when, exclusively; 0 means "never too old" to the Go store.
    ///
    /// ```
    /// # use snapshot_format::{Counts, Encoder, Snapshot, TrailerFields};
    /// # let encoder = Encoder::new(Vec::new(), 0, 120, Counts::default())?;
    /// # let (bytes, _) = encoder.finish(TrailerFields::default())?;
    /// assert_eq!(Snapshot::parse(&bytes)?.to(), 120);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn to(&self) -> i64 {
        self.to
    }

    /// What vouches for the bytes.
    ///
    /// ```
    /// use snapshot_format::{Integrity, Snapshot};
    /// # use snapshot_format::{Counts, Encoder, TrailerFields};
    /// # let encoder = Encoder::new(Vec::new(), 0, 120, Counts::default())?;
    /// # let (bytes, _) = encoder.finish(TrailerFields { covered: 7, ..Default::default() })?;
    /// match Snapshot::parse(&bytes)?.integrity() {
    ///     Integrity::Verified(trailer) => assert_eq!(trailer.covered, 7),
    ///     unproven => panic!("{unproven:?}"),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn integrity(&self) -> Integrity {
        self.integrity
    }

    /// Bytes behind the end of the snapshot (of its trailer, if it has one) that nobody reads. A
    /// verifier reports them.
    ///
    /// ```
    /// # use snapshot_format::{Counts, Encoder, Snapshot, TrailerFields};
    /// # let encoder = Encoder::new(Vec::new(), 0, 120, Counts::default())?;
    /// # let (mut bytes, _) = encoder.finish(TrailerFields::default())?;
    /// bytes.extend(b"surplus");
    /// assert_eq!(Snapshot::parse(&bytes)?.surplus(), 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn surplus(&self) -> u64 {
        self.surplus
    }

    /// How many levels, series and values there are.
    ///
    /// ```
    /// # use snapshot_format::{Counts, Encoder, Snapshot, TrailerFields};
    /// # let mut encoder = Encoder::new(Vec::new(), 0, 120, Counts { metrics: 1, children: 0 })?;
    /// # encoder.series(b"cpu_load", 60, 0, &[0.5, 1.0])?;
    /// # let (bytes, _) = encoder.finish(TrailerFields::default())?;
    /// let totals = Snapshot::parse(&bytes)?.totals();
    /// assert_eq!((totals.levels, totals.series, totals.values), (1, 1, 2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// Everything in the order of the file, duplicates included.
    ///
    /// ```
    /// # use snapshot_format::Event;
    /// # use snapshot_format::{Counts, Encoder, Snapshot, TrailerFields};
    /// # let mut encoder = Encoder::new(Vec::new(), 0, 120, Counts { metrics: 1, children: 0 })?;
    /// # encoder.series(b"cpu_load", 60, 0, &[0.5, 1.0])?;
    /// # let (bytes, _) = encoder.finish(TrailerFields::default())?;
    /// let snapshot = Snapshot::parse(&bytes)?;
    /// let Some(Event::Series(series)) = snapshot.events().next() else { panic!("a series") };
    /// assert_eq!(series.name, b"cpu_load");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn events(&self) -> Events<'a> {
        Events { walk: Walk::new(self.levels).ok() }
    }
}

impl<'a> Iterator for Events<'a> {
    type Item = Event<'a>;

    fn next(&mut self) -> Option<Event<'a>> {
        // The bytes were proven by this same walk, so there is no error that could be dropped.
        self.walk.as_mut()?.step().ok().flatten()
    }
}

impl<'a> Values<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { values: bytes.as_chunks().0 }
    }

    /// How many there are.
    ///
    /// ```
    /// assert_eq!(snapshot_format::Values::default().len(), 0);
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    ///
    /// ```
    /// assert!(snapshot_format::Values::default().is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The value at `index`.
    ///
    /// ```
    /// assert_eq!(snapshot_format::Values::default().get(0), None);
    /// ```
    #[must_use]
    pub fn get(&self, index: usize) -> Option<f32> {
        self.values.get(index).map(|bytes| f32::from_le_bytes(*bytes))
    }

    /// All of them in order.
    ///
    /// ```
    /// # use snapshot_format::{Counts, Encoder, Event, Snapshot, TrailerFields};
    /// # let mut encoder = Encoder::new(Vec::new(), 0, 120, Counts { metrics: 1, children: 0 })?;
    /// # encoder.series(b"cpu_load", 60, 0, &[0.5, 1.0])?;
    /// # let (bytes, _) = encoder.finish(TrailerFields::default())?;
    /// # let snapshot = Snapshot::parse(&bytes)?;
    /// # let Some(Event::Series(series)) = snapshot.events().next() else { panic!() };
    /// assert!(series.values.iter().eq([0.5, 1.0]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = f32> + DoubleEndedIterator + use<'a> {
        self.values.iter().map(|bytes| f32::from_le_bytes(*bytes))
    }

    /// The bytes as they stand in the file: little-endian f32 bits.
    ///
    /// ```
    /// assert!(snapshot_format::Values::default().as_bytes().is_empty());
    /// ```
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.values.as_flattened()
    }

    /// Those from `start` to `end`, exclusively, as far as there are any.
    ///
    /// ```
    /// assert!(snapshot_format::Values::default().range(1, 5).is_empty());
    /// ```
    #[must_use]
    pub fn range(&self, start: usize, end: usize) -> Values<'a> {
        let end = end.min(self.len());
        Self { values: self.values.get(start.min(end)..end).unwrap_or_default() }
    }

    /// Copies the first values into `target`, as many as both have room for; returns how many.
    /// One `memcpy` on a little-endian machine.
    ///
    /// ```
    /// let mut target = [f32::NAN; 4];
    /// assert_eq!(snapshot_format::Values::default().copy_to(&mut target), 0);
    /// ```
    pub fn copy_to(&self, target: &mut [f32]) -> usize {
        let count = self.len().min(target.len());
        let (target, _) = target.split_at_mut(count);
        if cfg!(target_endian = "little") {
            target.as_mut_bytes().copy_from_slice(self.range(0, count).as_bytes());
        } else {
            self.copy_portably_to(target);
        }
        count
    }

    fn copy_portably_to(&self, target: &mut [f32]) {
        for (slot, value) in target.iter_mut().zip(self.iter()) {
            *slot = value;
        }
    }

    /// A copy of them all.
    ///
    /// ```
    /// assert!(snapshot_format::Values::default().to_vec().is_empty());
    /// ```
    #[must_use]
    pub fn to_vec(&self) -> Vec<f32> {
        let mut values = vec![0.0; self.len()];
        self.copy_to(&mut values);
        values
    }
}

impl core::fmt::Debug for Values<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_portable_copy_keeps_the_same_bits() {
        let patterns: [u32; 5] = [0, 0x8000_0000, 0x7fc0_0001, 0xffbf_ffff, 0x3f80_0000];
        let bytes: Vec<u8> = patterns.iter().flat_map(|bits| bits.to_le_bytes()).collect();
        let values = Values::new(&bytes);
        let (mut fast, mut portable) = ([0.0; 5], [0.0; 5]);
        values.copy_to(&mut fast);
        values.copy_portably_to(&mut portable);
        assert_eq!(fast.map(f32::to_bits), patterns);
        assert_eq!(portable.map(f32::to_bits), patterns);
    }
}
