//! Encoding many records, each for less than a checksum of it costs.
//!
//! A checksum is put together from what its parts contribute (see `checksum`). Names contribute the same
//! to every record of a series, so [`NamesBuf`] knows it; what lies around the names, but for the value,
//! is the same for all samples of a minute whose names have the same length; and four bytes of value
//! take four lookups. No payload is hashed but the first of its kind.
//!
//! [`NamesBuf`]: crate::NamesBuf

use crate::checksum::value_part;
use crate::layout::{Frequency, Head, RecordEnd, Timestamp, ValueBits};
use crate::record::Record;
use core::num::NonZeroU32;
use zerocopy::IntoBytes;

/// Names up to this length are encoded so; longer ones are rare.
const NAMES_LEN_MAX: usize = 127;
/// Behind the names, in front of the checksum.
const TAIL_LEN: usize = size_of::<ValueBits>() + size_of::<Frequency>();

/// Encodes records, byte for byte as [`Record::encode`] does.
///
/// ```
/// use std::num::NonZeroU32;
/// use wal_format::{Encoder, NamesBuf, Record};
///
/// let names = NamesBuf::new("load", ["cpu0"])?;
/// let (mut encoder, mut log, mut expected) = (Encoder::new(), Vec::new(), Vec::new());
/// for value in [0.5, 0.75, -1e9] {
///     let frequency = NonZeroU32::new(60);
///     let record = Record { names: names.as_names(), timestamp: 1_700_000_000, value, frequency };
///     encoder.encode(&record, &mut log);
///     record.encode(&mut expected);
/// }
/// assert_eq!(log, expected);
/// # Ok::<(), wal_format::TooLong>(())
/// ```
#[derive(Clone, Debug)]
pub struct Encoder {
    timestamp: i64,
    frequency: NonZeroU32,
    /// A bit for each length of names of which `around` is known.
    known: u128,
    /// The checksum of a payload with this time and frequency, names of zeros and a value of zero,
    /// by the length of the names.
    around: [u32; NAMES_LEN_MAX + 1],
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Encoder {
    /// An encoder that knows nothing yet.
    ///
    /// ```
    /// let encoder = wal_format::Encoder::new();
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self { timestamp: 0, frequency: NonZeroU32::MIN, known: 0, around: [0; NAMES_LEN_MAX + 1] }
    }

    /// Appends a record to `log`. Records of one time and frequency are best encoded one after the
    /// other.
    ///
    /// ```
    /// # use std::num::NonZeroU32;
    /// # use wal_format::{Encoder, NamesBuf, Record};
    /// # let names = NamesBuf::new("load", ["cpu0"])?;
    /// # let (names, frequency) = (names.as_names(), NonZeroU32::new(60));
    /// let mut log = Vec::new();
    /// let record = Record { names, timestamp: 1_700_000_000, value: 0.5, frequency };
    /// Encoder::new().encode(&record, &mut log);
    /// assert_eq!(Record::decode(&log)?.0, record);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn encode(&mut self, record: &Record<'_>, log: &mut Vec<u8>) {
        let names = record.names.as_bytes();
        let (Some(frequency), Some(of_names)) = (record.frequency, record.names.checksum_part())
        else {
            return record.encode(log);
        };
        let Some(around) = self.around(record.timestamp, frequency, names.len()) else {
            return record.encode(log);
        };
        let value = record.value.to_le_bytes();
        let head = Head::new(record.timestamp, names.len() + TAIL_LEN);
        let end = RecordEnd {
            value: record.value.to_bits().into(),
            frequency: frequency.get().into(),
            checksum: (around ^ of_names ^ value_part(value, record.frequency)).into(),
        };
        log.reserve(size_of::<Head>() + names.len() + size_of::<RecordEnd>());
        log.extend_from_slice(head.as_bytes());
        log.extend_from_slice(names);
        log.extend_from_slice(end.as_bytes());
    }

    #[inline]
    fn around(&mut self, timestamp: i64, frequency: NonZeroU32, names_len: usize) -> Option<u32> {
        if timestamp != self.timestamp || frequency != self.frequency {
            (self.timestamp, self.frequency, self.known) = (timestamp, frequency, 0);
        }
        let around = self.around.get_mut(names_len)?;
        let bit = 1 << names_len;
        if self.known & bit == 0 {
            self.known |= bit;
            *around = hash_around(timestamp, frequency, names_len);
        }
        Some(*around)
    }
}

#[inline(never)]
fn hash_around(timestamp: i64, frequency: NonZeroU32, names_len: usize) -> u32 {
    let zeros = [0; NAMES_LEN_MAX + size_of::<ValueBits>()];
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(Timestamp::new(timestamp).as_bytes());
    hasher.update(zeros.get(..names_len + size_of::<ValueBits>()).unwrap_or(&zeros));
    hasher.update(Frequency::new(frequency.get()).as_bytes());
    hasher.finalize()
}

/// What names contribute to the checksum of a payload that ends with value and frequency.
pub(crate) fn names_part(names: &[u8]) -> u32 {
    // With the inversions at both ends undone, a checksum is that of zeros in front.
    let mut hasher = crc32fast::Hasher::new_with_initial(u32::MAX);
    hasher.update(names);
    hasher.update(&[0; TAIL_LEN]);
    !hasher.finalize()
}
