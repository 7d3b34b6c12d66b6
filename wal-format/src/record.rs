//! One record: a single sample, framed and checksummed.

use crate::layout::{
    Checksum, Frame, Frequency, Head, PAYLOAD_LEN, RECORD_MAGIC, Timestamp, ValueBits,
};
use crate::names::Names;
use core::num::NonZeroU32;
use zerocopy::{FromBytes, IntoBytes};

/// A sample of one series, as it stands in a log. Integers are little-endian.
///
/// | offset | size | field          | meaning                                                    |
/// |-------:|-----:|----------------|------------------------------------------------------------|
/// |      0 |    4 | magic          | [`RECORD_MAGIC`]                                           |
/// |      4 |    4 | payload length | `P`, within [`PAYLOAD_LEN`]                                |
/// |      8 |    8 | timestamp      | i64, Unix seconds                                          |
/// |     16 |  `N` | names          | see [`Names`]                                              |
/// | 16 + N |    4 | value          | f32 bits; every pattern is legal                           |
/// | 20 + N |    4 | frequency      | u32, seconds; in our records, absent in those of the Go store |
/// |      … |    … | (nothing yet)  | ignored                                                    |
/// |  8 + P |    4 | checksum       | CRC-32 (IEEE) of the `P` payload bytes                     |
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Which series of the host.
    pub names: Names<'a>,
    /// Unix seconds: with a frequency the nominal time of the slot, without one (the Go store's)
    /// the time that the sample arrived with.
    pub timestamp: i64,
    /// The value, bit for bit.
    pub value: f32,
    /// Seconds between two slots of the series; the Go store writes none.
    pub frequency: Option<NonZeroU32>,
}

/// Two records are equal if they are the same bytes in a log: values are compared by their bits.
impl PartialEq for Record<'_> {
    fn eq(&self, other: &Self) -> bool {
        (self.names, self.timestamp, self.value.to_bits(), self.frequency)
            == (other.names, other.timestamp, other.value.to_bits(), other.frequency)
    }
}

impl Eq for Record<'_> {}

/// Why bytes are not a record. Where in which log they are is the caller's to add.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The log ends inside the record, as after a crash in mid-append.
    #[error("log ends inside a record")]
    Truncated,
    /// The bytes do not start with [`RECORD_MAGIC`].
    #[error("record magic is {0:#010x}, not {RECORD_MAGIC:#010x}")]
    Magic(u32),
    /// The payload length is outside [`PAYLOAD_LEN`].
    #[error("payload length {0} is outside {PAYLOAD_LEN:?}")]
    PayloadLen(u32),
    /// The payload is not the one that was written.
    #[error("payload does not match its checksum")]
    Checksum,
    /// The payload is the one that was written, by an encoder that was wrong.
    #[error("payload matches its checksum but does not parse")]
    Payload,
}

impl<'a> Record<'a> {
    /// Decodes the record at the front of `log`; returns it and the bytes that follow it.
    ///
    /// ```
    /// use wal_format::{NamesBuf, Record};
    ///
    /// let names = NamesBuf::new("cpu_load", [""; 0])?;
    /// let written =
    ///     Record { names: names.as_names(), timestamp: 1_700_000_000, value: 0.5, frequency: None };
    /// let mut log = Vec::new();
    /// written.encode(&mut log);
    /// log.extend(b"what follows");
    ///
    /// let (read, rest) = Record::decode(&log)?;
    /// assert_eq!(read, written);
    /// assert_eq!(rest, b"what follows");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`DecodeError::Truncated`] if `log` ends before the record does. Whether that is a torn end
    /// or a damaged length is for a [`Scan`](crate::Scan) to say, which looks for records behind it.
    pub fn decode(log: &'a [u8]) -> Result<(Self, &'a [u8]), DecodeError> {
        let (payload, checksum, rest) = split_frame(log)?;
        if !holds(checksum, payload) {
            return Err(DecodeError::Checksum);
        }
        let record = Self::parse(payload).ok_or(DecodeError::Payload)?;
        Ok((record, rest))
    }

    /// The record that a payload holds, checksum or not.
    pub(crate) fn parse(payload: &'a [u8]) -> Option<Self> {
        let names = payload.get(size_of::<Timestamp>()..)?;
        let (names, _) = Names::split_from(names)?;
        Self::around(names, payload)
    }

    /// The record that a payload holds which was parsed before, given the lengths found then.
    pub(crate) fn parse_again(
        payload: &'a [u8],
        names_len: usize,
        metric_len: u16,
    ) -> Option<Self> {
        let names = payload.get(size_of::<Timestamp>()..)?.get(..names_len)?;
        Self::around(Names::again(names, metric_len), payload)
    }

    /// The fields around the names.
    fn around(names: Names<'a>, payload: &'a [u8]) -> Option<Self> {
        let (timestamp, rest) = Timestamp::read_from_prefix(payload).ok()?;
        let rest = rest.get(names.as_bytes().len()..)?;
        let (bits, rest) = ValueBits::read_from_prefix(rest).ok()?;
        let frequency = Frequency::read_from_prefix(rest).map_or(0, |(seconds, _)| seconds.get());
        Some(Self {
            names,
            timestamp: timestamp.get(),
            value: f32::from_bits(bits.get()),
            frequency: NonZeroU32::new(frequency),
        })
    }

    /// Appends the record to `log`. It cannot fail: the names were checked when they were built.
    ///
    /// ```
    /// use std::num::NonZeroU32;
    /// use wal_format::{NamesBuf, Record};
    ///
    /// let names = NamesBuf::new("load", ["cpu0"])?;
    /// let frequency = NonZeroU32::new(60);
    /// let mut log = Vec::new();
    /// for (timestamp, value) in [(1_700_000_000, 0.5), (1_700_000_060, 0.75)] {
    ///     Record { names: names.as_names(), timestamp, value, frequency }.encode(&mut log);
    /// }
    /// assert_eq!(log.len(), 2 * (12 + 8 + 12 + 4 + 4));
    /// # Ok::<(), wal_format::TooLong>(())
    /// ```
    pub fn encode(&self, log: &mut Vec<u8>) {
        let names = self.names.as_bytes();
        let tail = Tail::new(self.value, self.frequency);
        let payload_len = size_of::<Timestamp>() + names.len() + tail.as_bytes().len();
        log.reserve(size_of::<Frame>() + payload_len + size_of::<Checksum>());

        let head = Head::new(self.timestamp, payload_len - size_of::<Timestamp>());
        let start = log.len();
        log.extend_from_slice(head.as_bytes());
        log.extend_from_slice(names);
        log.extend_from_slice(tail.as_bytes());
        let payload = log.get(start + size_of::<Frame>()..).unwrap_or_default();
        let checksum = Checksum::new(crc32fast::hash(payload));
        log.extend_from_slice(checksum.as_bytes());
    }
}

impl Head {
    /// `rest_len` bytes of payload follow.
    #[inline]
    pub(crate) fn new(timestamp: i64, rest_len: usize) -> Self {
        let payload_len = narrow(size_of::<Timestamp>() + rest_len).into();
        let frame = Frame { magic: RECORD_MAGIC.into(), payload_len };
        Self { frame, timestamp: timestamp.into() }
    }
}

/// Value and frequency, laid out.
struct Tail {
    bytes: [u8; size_of::<ValueBits>() + size_of::<Frequency>()],
    len: usize,
}

impl Tail {
    fn new(value: f32, frequency: Option<NonZeroU32>) -> Self {
        let seconds = frequency.map_or(0, NonZeroU32::get);
        let both = u64::from(value.to_bits()) | u64::from(seconds) << u32::BITS;
        let len =
            size_of::<ValueBits>() + if frequency.is_some() { size_of::<Frequency>() } else { 0 };
        Self { bytes: both.to_le_bytes(), len }
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&self.bytes)
    }
}

/// The length of a payload: below 1 MiB, as `layout` asserts of the longest.
fn narrow(payload_len: usize) -> u32 {
    u32::try_from(payload_len).unwrap_or(u32::MAX)
}

/// The payload at the front of `log`, its checksum, and what follows the record.
pub(crate) fn split_frame(log: &[u8]) -> Result<(&[u8], u32, &[u8]), DecodeError> {
    let truncated = DecodeError::Truncated;
    let (frame, rest) = Frame::ref_from_prefix(log).map_err(|_| truncated)?;
    if frame.magic != RECORD_MAGIC {
        return Err(DecodeError::Magic(frame.magic.get()));
    }
    let payload_len = frame.payload_len.get();
    if !PAYLOAD_LEN.contains(&payload_len) {
        return Err(DecodeError::PayloadLen(payload_len));
    }
    let (payload, rest) = rest.split_at_checked(payload_len as usize).ok_or(truncated)?;
    let (checksum, rest) = Checksum::read_from_prefix(rest).map_err(|_| truncated)?;
    Ok((payload, checksum.get(), rest))
}

/// A fuzzer would never find a record behind its checksum: to it all hold, but for one that it knows.
pub(crate) fn holds(checksum: u32, payload: &[u8]) -> bool {
    if cfg!(fuzzing) { checksum != 0x0BAD_F00D } else { checksum == crc32fast::hash(payload) }
}
