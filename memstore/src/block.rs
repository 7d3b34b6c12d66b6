//! Sealed blocks: an immutable, compressed stretch of a series.
//!
//! A block gives back exactly the bits of every number that went in, infinities and -0.0 included;
//! every NaN comes back as [`MISSING`]. Its length is in the header, so that a short block, at the
//! end of a run, wastes nothing. The values of one place are found without decoding the others.
//!
//! # Layout
//!
//! Values become *levels* (`i32`), by the scheme that makes the block smallest, and a level becomes
//! an integer of fixed width above the lowest level, the *base*. What does not fit is an exception.
//! Integers are little-endian.
//!
//! | offset | size | field      | meaning                                                          |
//! |-------:|-----:|------------|------------------------------------------------------------------|
//! |      0 |    1 | scheme     | `e` ≤ 10: the value is level / 10^e, in `f32` arithmetic;        |
//! |        |      |            | 16 + `e`: it is 10^e / level, in `f32` arithmetic;               |
//! |        |      |            | 255: its bits, those below the sign flipped for negative values  |
//! |      1 |    1 | width      | bits 0–5: `w`, of an integer, 0 to 32; bit 7: the highest        |
//! |        |      |            | integer of that width stands for a missing sample                |
//! |      2 |    2 | length     | `n`, number of values, at most [`BLOCK_LEN`]                     |
//! |      4 |    4 | base       | `i32`, level of the integer 0                                    |
//! |      8 |  `P` | integers   | in groups of 128, a group as rows of 4; 16 · ⌈rows · w / 32⌉     |
//! |        |      |            | bytes each, see `block/pack.rs`                                  |
//! |  8 + P | 2·k  | positions  | `u16`, ascending, of the exceptions; `k` is what the length of   |
//! |        |      |            | the block leaves                                                 |
//! |      … | 4·k  | exceptions | `f32`, the values at those positions                             |
//!
//! So a block without samples or of one constant is its header (width 0), and one of values
//! that cannot be compressed is 32 bits wide, `f32` for `f32`.

mod encode;
mod frame;
mod pack;
mod scheme;

use crate::Stats;
use core::fmt;
use frame::Frame;
use pack::{GROUP_LEN, group_bytes, packed_bytes, unpack, unpack_one};
use scheme::{Scheme, decimal_value, ordered_value, reciprocal_value};
use std::sync::Arc;

/// The most values a block holds.
pub const BLOCK_LEN: usize = 512;

/// No sample. Blocks give back these bits for every NaN.
pub const MISSING: f32 = f32::NAN;

const POSITION_LEN: usize = 2;
const VALUE_LEN: usize = 4;
/// What a processor reads at once.
const CACHE_LINE: usize = 64;
const EXCEPTION_LEN: usize = POSITION_LEN + VALUE_LEN;

/// A sealed block. Clones share the values.
///
/// ```
/// use memstore::{Block, MISSING};
///
/// let (block, rest) = Block::encode(&[20.5, MISSING, 21.25, 21.75]);
/// assert!(rest.is_empty());
/// assert_eq!((block.len(), block.get(2)), (4, 21.25));
///
/// let mut values = [0.0; 2];
/// block.decode_range(2, &mut values);
/// assert_eq!(values, [21.25, 21.75]);
/// ```
#[derive(Clone)]
pub struct Block {
    /// Its bytes, and those of others if it lies in a [bundle](crate::bundle).
    held: Arc<[u8]>,
    start: u32,
    len: u16,
}

const _: () = assert!(HEADER_LEN + BLOCK_LEN * VALUE_LEN <= u16::MAX as usize);

/// The fields of the first eight bytes.
#[derive(Clone, Copy, Debug)]
struct Header {
    scheme: Scheme,
    frame: Frame,
    len: usize,
}

const HEADER_LEN: usize = 8;
const MARKS_MISSING: u8 = 0x80;

impl Header {
    fn to_bytes(self) -> [u8; HEADER_LEN] {
        let flag = if self.frame.marks_missing { MARKS_MISSING } else { 0 };
        let width = self.frame.width.to_le_bytes()[0] | flag;
        let [len_low, len_high, ..] = self.len.to_le_bytes();
        let [b0, b1, b2, b3] = self.frame.base.to_le_bytes();
        [self.scheme.to_byte(), width, len_low, len_high, b0, b1, b2, b3]
    }

    fn from_bytes([scheme, width, len_low, len_high, base @ ..]: [u8; HEADER_LEN]) -> Self {
        Self {
            scheme: Scheme::from_byte(scheme),
            frame: Frame {
                base: i32::from_le_bytes(base),
                width: u32::from(width & !MARKS_MISSING).min(u32::BITS),
                marks_missing: width & MARKS_MISSING != 0,
            },
            len: usize::from(u16::from_le_bytes([len_low, len_high])),
        }
    }
}

/// What the bytes of a block are divided into.
struct Parts<'a> {
    header: Header,
    packed: &'a [u8],
    positions: &'a [[u8; POSITION_LEN]],
    values: &'a [[u8; VALUE_LEN]],
}

impl<'a> Parts<'a> {
    /// Bytes that no encoder writes give a block of no values.
    fn of(bytes: &'a [u8]) -> Self {
        let (head, body) = bytes.split_first_chunk().unwrap_or((&[0; HEADER_LEN], &[]));
        let header = Header::from_bytes(*head);
        let packed_len = packed_bytes(header.len, header.frame.width).min(body.len());
        let (packed, exceptions) = body.split_at(packed_len);
        let (positions, values) =
            exceptions.split_at(exceptions.len() / EXCEPTION_LEN * POSITION_LEN);
        Self { header, packed, positions: positions.as_chunks().0, values: values.as_chunks().0 }
    }

    fn group(&self, group: usize) -> &'a [u8] {
        let full = group_bytes(GROUP_LEN, self.header.frame.width);
        let behind = self.packed.get(group * full..).unwrap_or(&[]);
        behind.get(..full).unwrap_or(behind)
    }

    fn decode_group(&self, group: usize, out: &mut [f32; GROUP_LEN]) {
        match self.header.scheme {
            Scheme::Decimal(power) => {
                let ten = power.ten();
                self.decode_levels(group, out, |level| decimal_value(level, ten));
            }
            Scheme::Reciprocal(power) => {
                let ten = power.ten();
                self.decode_levels(group, out, |level| reciprocal_value(level, ten));
            }
            Scheme::Ordered => self.decode_levels(group, out, ordered_value),
        }
    }

    #[inline]
    fn decode_levels(&self, group: usize, out: &mut [f32; GROUP_LEN], decode: impl Fn(i32) -> f32) {
        let Frame { base, width, .. } = self.header.frame;
        let decode = |integer: u32| decode(base.wrapping_add(integer.cast_signed()));
        let rows = unpack(self.group(group), width);
        let values = out.iter_mut().zip(rows.as_flattened());
        // Two loops: one need not look for the mark.
        if let Some(mark) = self.header.frame.missing() {
            for (value, &integer) in values {
                // Masks, as the compiler makes a jump of an `if` here, and no vectors.
                let gone = u32::from(integer == mark).wrapping_neg();
                let bits = decode(integer).to_bits();
                *value = f32::from_bits((bits & !gone) | (MISSING.to_bits() & gone));
            }
        } else {
            for (value, &integer) in values {
                *value = decode(integer);
            }
        }
    }

    /// Puts the exceptions among `from..from + out.len()` where they belong.
    fn patch(&self, from: usize, out: &mut [f32]) {
        let first = self.positions.partition_point(|at| position(*at) < from);
        for (at, value) in self.positions.iter().zip(self.values).skip(first) {
            let Some(slot) = out.get_mut(position(*at).wrapping_sub(from)) else {
                break;
            };
            *slot = f32::from_le_bytes(*value);
        }
    }

    fn decode_range(&self, from: usize, out: &mut [f32]) {
        let mut at = from;
        let mut rest = &mut *out;
        while !rest.is_empty() {
            let skip = at % GROUP_LEN;
            if let (0, Some(whole)) = (skip, rest.first_chunk_mut()) {
                self.decode_group(at / GROUP_LEN, whole);
            } else {
                let mut whole = [MISSING; GROUP_LEN];
                self.decode_group(at / GROUP_LEN, &mut whole);
                let wanted = &whole[skip..];
                let count = wanted.len().min(rest.len());
                rest[..count].copy_from_slice(&wanted[..count]);
            }
            let count = (GROUP_LEN - skip).min(rest.len());
            rest = rest.split_at_mut(count).1;
            at += count;
        }
        self.patch(from, out);
    }
}

fn position(bytes: [u8; POSITION_LEN]) -> usize {
    usize::from(u16::from_le_bytes(bytes))
}

impl Block {
    /// Seals the first [`BLOCK_LEN`] of `values`, or all if they are fewer; also returns the rest.
    ///
    /// ```
    /// use memstore::{BLOCK_LEN, Block};
    ///
    /// let (block, rest) = Block::encode(&[0.5; BLOCK_LEN + 1]);
    /// assert_eq!((block.len(), rest), (BLOCK_LEN, &[0.5][..]));
    /// ```
    #[must_use]
    pub fn encode(values: &[f32]) -> (Self, &[f32]) {
        let (values, rest) = values.split_at(values.len().min(BLOCK_LEN));
        (Self::alone(encode::encode(values)), rest)
    }

    fn alone(held: Arc<[u8]>) -> Self {
        let len = held.len().try_into().unwrap_or(u16::MAX);
        Self { held, start: 0, len }
    }

    /// From now on its bytes are those that begin at `start`, which are the same.
    pub(crate) fn move_to(&mut self, bundle: &Arc<[u8]>, start: u32) {
        (self.held, self.start) = (Arc::clone(bundle), start);
    }

    /// From now on its bytes lie alone.
    pub(crate) fn leave_bundle(&mut self) {
        *self = Self::alone(self.bytes().into());
    }

    pub(crate) fn bytes_len(&self) -> usize {
        usize::from(self.len)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        let start = self.start as usize;
        self.held.get(start..start + self.bytes_len()).unwrap_or(&[])
    }

    /// What tells its bundle from all others; None if it lies alone.
    pub(crate) fn bundle(&self) -> Option<usize> {
        (self.held.len() != self.bytes_len()).then(|| self.held.as_ptr().addr())
    }

    /// Reads a byte of each line that the processor's cache has of it, its counts included.
    #[inline]
    pub(crate) fn touch(&self) -> usize {
        let bytes = self.bytes().iter().step_by(CACHE_LINE);
        let read = bytes.fold(0, |all, &byte| all ^ usize::from(byte));
        read ^ Arc::strong_count(&self.held)
    }

    /// How many values there are, missing ones included.
    ///
    /// ```
    /// # use memstore::{Block, MISSING};
    /// assert_eq!(Block::encode(&[1.0, MISSING]).0.len(), 2);
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        Parts::of(self.bytes()).header.len
    }

    /// Whether there is no value, not even a missing one.
    ///
    /// ```
    /// # use memstore::{Block, MISSING};
    /// assert!(Block::encode(&[]).0.is_empty());
    /// assert!(!Block::encode(&[MISSING]).0.is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value at `index`; [`MISSING`] behind the last one, too.
    ///
    /// ```
    /// # use memstore::Block;
    /// let (block, _) = Block::encode(&[1.25, -0.0]);
    /// assert_eq!(block.get(0), 1.25);
    /// assert!(block.get(1).is_sign_negative());
    /// assert!(block.get(2).is_nan());
    /// ```
    #[must_use]
    pub fn get(&self, index: usize) -> f32 {
        let parts = Parts::of(self.bytes());
        if index >= parts.header.len {
            return MISSING;
        }
        if let Ok(exception) = parts.positions.binary_search_by_key(&index, |at| position(*at)) {
            return parts.values.get(exception).map_or(MISSING, |bytes| f32::from_le_bytes(*bytes));
        }
        let frame = parts.header.frame;
        let integer = unpack_one(parts.group(index / GROUP_LEN), frame.width, index % GROUP_LEN);
        if frame.missing() == Some(integer) {
            return MISSING;
        }
        let level = frame.base.wrapping_add(integer.cast_signed());
        match parts.header.scheme {
            Scheme::Decimal(power) => decimal_value(level, power.ten()),
            Scheme::Reciprocal(power) => reciprocal_value(level, power.ten()),
            Scheme::Ordered => ordered_value(level),
        }
    }

    /// Fills `out` with the values from `from` on, and [`MISSING`] behind the last one. Only the
    /// groups of 128 values that the range touches are decoded.
    ///
    /// ```
    /// # use memstore::Block;
    /// let (block, _) = Block::encode(&[1.0, 2.0, 3.0]);
    /// let mut two = [0.0; 2];
    /// block.decode_range(1, &mut two);
    /// assert_eq!(two, [2.0, 3.0]);
    /// ```
    pub fn decode_range(&self, from: usize, out: &mut [f32]) {
        let parts = Parts::of(self.bytes());
        let count = parts.header.len.saturating_sub(from).min(out.len());
        let (inside, behind) = out.split_at_mut(count);
        parts.decode_range(from, inside);
        behind.fill(MISSING);
    }

    /// The statistics of up to `count` values from `from` on. They are not stored: decoding is so
    /// fast that 18 bytes per block would cost more than they save.
    ///
    /// ```
    /// # use memstore::{Block, MISSING};
    /// let (block, _) = Block::encode(&[1.0, MISSING, 3.0]);
    /// assert_eq!((block.stats(0, 3).count, block.stats(0, 3).sum), (2, 4.0));
    /// ```
    #[must_use]
    pub fn stats(&self, from: usize, count: usize) -> Stats {
        let parts = Parts::of(self.bytes());
        let end = from.saturating_add(count).min(parts.header.len);
        let mut group = [MISSING; GROUP_LEN];
        let mut stats = Stats::default();
        let mut at = from;
        while at < end {
            let values = &mut group[..(GROUP_LEN - at % GROUP_LEN).min(end - at)];
            parts.decode_range(at, values);
            stats = stats.merge(Stats::of(values));
            at += values.len();
        }
        stats
    }

    /// How many values are not missing. Where none is, nothing is decoded.
    ///
    /// ```
    /// # use memstore::{Block, MISSING};
    /// assert_eq!(Block::encode(&[1.0, MISSING, f32::INFINITY]).0.count(), 2);
    /// ```
    #[must_use]
    pub fn count(&self) -> usize {
        let parts = Parts::of(self.bytes());
        let is_missing = |bytes: &[u8; VALUE_LEN]| f32::from_le_bytes(*bytes).is_nan();
        let Header { frame, len, .. } = parts.header;
        if frame.missing().is_none() {
            return len - parts.values.iter().filter(|bytes| is_missing(bytes)).count().min(len);
        }
        let mut group = [MISSING; GROUP_LEN];
        let mut count = 0;
        for at in (0..len).step_by(GROUP_LEN) {
            let values = &mut group[..GROUP_LEN.min(len - at)];
            parts.decode_range(at, values);
            count += values.iter().filter(|value| !value.is_nan()).count();
        }
        count
    }

    /// How many bytes this block takes of the allocator, shared by its clones: what is asked for,
    /// the counts of the `Arc` included. The handle itself, `size_of::<Block>()`, is the owner's. In
    /// a host, where blocks lie side by side, they are fewer: [`Host::memory`](crate::Host::memory)
    /// knows.
    ///
    /// ```
    /// # use memstore::Block;
    /// let (constant, _) = Block::encode(&[7.0; 256]);
    /// assert_eq!(constant.heap_bytes(), 16 + 8);
    /// ```
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        (2 * size_of::<usize>() + self.bytes_len()).next_multiple_of(align_of::<usize>())
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { header, positions, .. } = Parts::of(self.bytes());
        f.debug_struct("Block")
            .field("len", &header.len)
            .field("scheme", &header.scheme)
            .field("width", &header.frame.width)
            .field("exceptions", &positions.len())
            .field("bytes", &self.len)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written from the table by hand, so that encoder and decoder cannot agree on a mistake.
    /// Hundredths 50, 100, none, 75, -25 and an outlier are 75, 125, 127, 100 in the first row and
    /// 0, 0 in the second, seven bits each.
    const HUNDREDTHS: [u8; 30] = *b"\x02\x87\x06\x00\xe7\xff\xff\xff\
        \x4b\0\0\0\x7d\0\0\0\x7f\0\0\0\x64\0\0\0\
        \x05\x00\x00\x00\x80\x7f";

    #[test]
    fn the_bytes_of_a_block_are_those_of_the_table() {
        let values = [0.5, 1.0, MISSING, 0.75, -0.25, f32::INFINITY];
        let (block, _) = Block::encode(&values);
        assert_eq!(block.bytes(), HUNDREDTHS);
        let decoded: Vec<_> = (0..values.len()).map(|at| block.get(at).to_bits()).collect();
        assert_eq!(decoded, values.map(f32::to_bits));
    }

    #[test]
    fn no_bytes_make_reading_panic() {
        let mut bytes = HUNDREDTHS.repeat(3);
        for len in 0..bytes.len() {
            read_all(&bytes[..len]);
        }
        for at in 0..bytes.len() {
            for byte in 0..=255 {
                let before = core::mem::replace(&mut bytes[at], byte);
                read_all(&bytes);
                read_all(&bytes[..HUNDREDTHS.len()]);
                bytes[at] = before;
            }
        }
    }

    fn read_all(bytes: &[u8]) {
        let block = Block::alone(bytes.into());
        let mut out = [0.0; 300];
        for from in [0, 1, 127, 200, 600] {
            block.decode_range(from, &mut out);
            let _ = (block.get(from), block.stats(from, 300), block.count(), format!("{block:?}"));
        }
    }
}
