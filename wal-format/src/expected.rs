//! The record that is expected next: of names that came before, whatever its time and value.
//!
//! It takes a few comparisons of eight bytes to see that it is that record, and its checksum need not
//! be computed from all its bytes, for it can be put together (see `checksum`): what names and frequency
//! contribute is known beforehand, what the time does is the same for all records of a minute, and
//! what the four bytes of the value do are four entries of a table.

use crate::checksum::value_part;
use crate::layout::{Checksum, Frequency, Head, RECORD_MAGIC, Timestamp, ValueBits};
use crate::names::Names;
use crate::record::Record;
use core::num::NonZeroU32;
use core::ops::Range;

/// The longest payload that is expected: names in practice are a tenth of that.
const PAYLOAD_LEN_MAX: usize = 256;

/// Zeros instead of a time, and of anything.
const ZEROS: [u8; PAYLOAD_LEN_MAX] = [0; PAYLOAD_LEN_MAX];

const WORD: usize = size_of::<u64>();

/// What follows the names in the Go store's records, which have no frequency.
const TAIL_LEN_MIN: usize = size_of::<ValueBits>() + size_of::<Checksum>();
// The last word of the names is read whole.
const _: () = assert!(TAIL_LEN_MIN >= WORD);

/// A record of known names and frequency.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    /// The names, in whole words, the last one filled up with zeros.
    words: Range<u32>,
    /// The bits of the last word that are names.
    last_mask: u64,
    names_len: u16,
    metric_len: u16,
    /// Magic and length of the payload.
    frame: u64,
    frequency: Option<NonZeroU32>,
    /// Of a payload at time 0 with the value 0.
    checksum: u32,
}

impl Expected {
    /// A record of the same names and frequency; the names are added to `words`. None if they are so
    /// long that the record is to be read as it comes.
    pub(crate) fn new(record: &Record<'_>, words: &mut Vec<u64>) -> Option<Self> {
        let names = record.names.as_bytes();
        if payload_len(names.len(), NonZeroU32::new(1)) > PAYLOAD_LEN_MAX {
            return None;
        }
        let start = u32::try_from(words.len()).ok()?;
        for bytes in names.chunks(WORD) {
            words.push(bytes.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)));
        }
        let behind_last = names.len().next_multiple_of(WORD) - names.len();
        let mut expected = Self {
            words: start..u32::try_from(words.len()).ok()?,
            last_mask: u64::MAX >> (8 * behind_last),
            names_len: u16::try_from(names.len()).ok()?,
            metric_len: record.names.metric_len(),
            frame: 0,
            frequency: None,
            checksum: 0,
        };
        expected.expect(record);
        Some(expected)
    }

    /// From now on the frequency is that of this record, which has these names.
    pub(crate) fn expect(&mut self, record: &Record<'_>) {
        let payload_len = payload_len(self.names_len.into(), record.frequency);
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&[0; size_of::<Timestamp>()]);
        hasher.update(record.names.as_bytes());
        hasher.update(&[0; size_of::<ValueBits>()]);
        if let Some(frequency) = record.frequency {
            hasher.update(&frequency.get().to_le_bytes());
        }
        self.checksum = hasher.finalize();
        self.frame = u64::from(RECORD_MAGIC) | (payload_len as u64) << u32::BITS;
        self.frequency = record.frequency;
    }

    pub(crate) fn frequency(&self) -> Option<NonZeroU32> {
        self.frequency
    }

    /// Whether the names are these.
    pub(crate) fn is_of(&self, names: &[u8], words: &[u64]) -> bool {
        let mut words = self.words_in(words).iter();
        let mut is_next =
            |bytes| words.next().is_some_and(|word| word.to_le_bytes().starts_with(bytes));
        usize::from(self.names_len) == names.len() && names.chunks(WORD).all(&mut is_next)
    }

    #[inline]
    fn words_in<'w>(&self, words: &'w [u64]) -> &'w [u64] {
        words.get(self.words.start as usize..self.words.end as usize).unwrap_or_default()
    }

    /// The record at the front of `log` and what follows it, if it is this one, whole, and its
    /// checksum holds.
    #[inline]
    pub(crate) fn split_from<'a>(
        &self,
        log: &'a [u8],
        words: &[u64],
        times: &mut Times,
    ) -> Option<(Record<'a>, &'a [u8])> {
        let (head, behind) = log.split_first_chunk::<{ size_of::<Head>() }>()?;
        let [frame, time] = head.as_chunks::<WORD>().0 else { return None };
        if u64::from_le_bytes(*frame) != self.frame {
            return None;
        }
        let names_len = usize::from(self.names_len);
        let (names, tail) = behind.split_at_checked(names_len)?;
        let (value, tail) = tail.split_first_chunk()?;
        let (frequency, tail) = match self.frequency {
            Some(_) => tail.split_first_chunk()?,
            None => (&[0; size_of::<Frequency>()], tail),
        };
        let (checksum, rest) = tail.split_first_chunk()?;
        let seconds = self.frequency.map_or(0, NonZeroU32::get);
        if !self.has_names(behind, words) || u32::from_le_bytes(*frequency) != seconds {
            return None;
        }
        let timestamp = i64::from_le_bytes(*time);
        let payload_len = payload_len(names_len, self.frequency);
        let of_value = value_part(*value, self.frequency);
        let expected = self.checksum ^ times.added(timestamp, payload_len) ^ of_value;
        if !matches(u32::from_le_bytes(*checksum), expected) {
            return None;
        }
        let record = Record {
            names: Names::again(names, self.metric_len),
            timestamp,
            value: f32::from_le_bytes(*value),
            frequency: self.frequency,
        };
        Some((record, rest))
    }

    /// Whether `bytes`, of a whole record from the names on, begin with these names.
    #[inline]
    fn has_names(&self, bytes: &[u8], words: &[u64]) -> bool {
        let Some((last, words)) = self.words_in(words).split_last() else { return false };
        let (bytes, _) = bytes.as_chunks::<WORD>();
        let Some((whole, [last_bytes, ..])) = bytes.split_at_checked(words.len()) else {
            return false;
        };
        let pairs = whole.iter().zip(words);
        let differs =
            pairs.fold(0, |differs, (bytes, word)| differs | (u64::from_le_bytes(*bytes) ^ word));
        differs | (u64::from_le_bytes(*last_bytes) ^ last) & self.last_mask == 0
    }
}

#[inline]
const fn payload_len(names_len: usize, frequency: Option<NonZeroU32>) -> usize {
    let of_frequency = if frequency.is_some() { size_of::<Frequency>() } else { 0 };
    size_of::<Timestamp>() + names_len + size_of::<ValueBits>() + of_frequency
}

/// To a fuzzer all checksums hold, as in `record::holds`.
#[inline]
fn matches(checksum: u32, expected: u32) -> bool {
    if cfg!(fuzzing) { checksum != 0x0BAD_F00D } else { checksum == expected }
}

/// What times add to checksums, for payloads of each length: as last computed.
#[derive(Clone, Debug)]
pub(crate) struct Times {
    added: [Added; 64],
}

#[derive(Clone, Copy, Debug, Default)]
struct Added {
    payload_len: usize,
    timestamp: i64,
    /// Of a payload of zeros.
    zeros: u32,
    checksum: u32,
}

impl Default for Times {
    fn default() -> Self {
        Self { added: [Added::default(); 64] }
    }
}

impl Times {
    /// What a time at the front of a payload of this length, at most [`PAYLOAD_LEN_MAX`], adds.
    #[inline]
    fn added(&mut self, timestamp: i64, payload_len: usize) -> u32 {
        let at = payload_len % self.added.len();
        let Some(added) = self.added.get_mut(at) else { return 0 };
        if added.timestamp != timestamp || added.payload_len != payload_len {
            added.compute(timestamp, payload_len);
        }
        added.checksum
    }
}

impl Added {
    #[inline(never)]
    fn compute(&mut self, timestamp: i64, payload_len: usize) {
        let behind = ZEROS.get(..payload_len - size_of::<Timestamp>()).unwrap_or_default();
        let checksum_of = |timestamp: i64| {
            let mut hasher = crc32fast::Hasher::new();
            hasher.update(&timestamp.to_le_bytes());
            hasher.update(behind);
            hasher.finalize()
        };
        if self.payload_len != payload_len {
            self.zeros = checksum_of(0);
        }
        self.payload_len = payload_len;
        self.timestamp = timestamp;
        self.checksum = checksum_of(timestamp) ^ self.zeros;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::NamesBuf;

    /// Values of which each bit is set in one at least.
    const BITS: [u32; 5] = [0, 1, 0x8000_0000, 0x1234_5678, 0xFFFF_FFFF];
    const TIMES: [i64; 6] = [0, 1, -1, i64::MIN, 1_700_000_000, 0x0123_4567_89AB_CDEF];

    fn encoded(metric_len: usize, timestamp: i64, bits: u32, seconds: u32) -> Vec<u8> {
        let names = NamesBuf::new("m".repeat(metric_len), ["é"]).unwrap();
        let (value, frequency) = (f32::from_bits(bits), NonZeroU32::new(seconds));
        let mut log = Vec::new();
        Record { names: names.as_names(), timestamp, value, frequency }.encode(&mut log);
        log
    }

    fn expected(log: &[u8], words: &mut Vec<u64>) -> Option<Expected> {
        Expected::new(&Record::decode(log).unwrap().0, words)
    }

    #[test]
    fn a_record_of_any_length_time_and_value_is_the_expected_one() {
        let (mut words, mut times) = (vec![7], Times::default());
        for metric_len in 0.. {
            let first = encoded(metric_len, 1, 2, 60);
            let Some(mut expected) = expected(&first, &mut words) else {
                assert_eq!(first.len() - 12, PAYLOAD_LEN_MAX + 1, "up to there all are expected");
                return;
            };
            for seconds in [60, 0, u32::MAX] {
                expected.expect(&Record::decode(&encoded(metric_len, 0, 0, seconds)).unwrap().0);
                for (timestamp, bits) in TIMES.into_iter().flat_map(|t| BITS.map(|b| (t, b))) {
                    let mut log = encoded(metric_len, timestamp, bits, seconds);
                    log.extend(b"what follows");
                    let split = expected.split_from(&log, &words, &mut times);
                    assert_eq!(split, Record::decode(&log).ok());
                    let (record, rest) = split.unwrap();
                    assert_eq!(rest, b"what follows");
                    assert!(expected.is_of(record.names.as_bytes(), &words));
                }
            }
        }
    }

    #[test]
    fn any_flipped_bit_and_any_prefix_is_not_the_expected_one() {
        for (metric_len, seconds) in [(0, 60), (1, 0), (5, 1), (13, 60), (40, 0)] {
            let (mut words, mut times) = (Vec::new(), Times::default());
            let mut log = encoded(metric_len, 1_700_000_000, 0x3F80_0000, seconds);
            let expected = expected(&log, &mut words).unwrap();
            for len in 0..log.len() {
                assert!(expected.split_from(&log[..len], &words, &mut times).is_none(), "{len}");
            }
            for bit in 0..8 * log.len() {
                log[bit / 8] ^= 1 << (bit % 8);
                assert!(expected.split_from(&log, &words, &mut times).is_none(), "bit {bit}");
                log[bit / 8] ^= 1 << (bit % 8);
            }
            assert!(expected.split_from(&log, &words, &mut times).is_some());
        }
    }

    #[test]
    fn another_name_or_frequency_with_a_checksum_that_holds_is_not_the_expected_one() {
        let (mut words, mut times) = (Vec::new(), Times::default());
        let expected = expected(&encoded(9, 60, 0, 60), &mut words).unwrap();
        for (metric_len, seconds) in [(8, 60), (10, 60), (9, 61), (9, 0)] {
            let other = encoded(metric_len, 60, 0, seconds);
            assert!(expected.split_from(&other, &words, &mut times).is_none());
        }
        for (metric, path) in [("mmmmmmmmm", "ê"), ("mmmmmmmmn", "é"), ("nmmmmmmmm", "é")] {
            let names = NamesBuf::new(metric, [path]).unwrap();
            let names = names.as_names();
            let mut log = Vec::new();
            let frequency = NonZeroU32::new(60);
            Record { names, timestamp: 60, value: 0.0, frequency }.encode(&mut log);
            assert!(expected.split_from(&log, &words, &mut times).is_none());
            assert!(!expected.is_of(names.as_bytes(), &words));
        }
    }
}
