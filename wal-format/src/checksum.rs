//! What the parts of a payload contribute to its checksum.
//!
//! A CRC of bytes of one length is linear: that of two such payloads laid over each other (xor) is that
//! of the one, of the other, and of zeros, laid over each other. So each part contributes what it
//! would if all else were zero, and what is the same in many records is computed once.

use crate::layout::ValueBits;
use core::num::NonZeroU32;

/// The polynomial of CRC-32 (IEEE), lowest power first.
const POLYNOMIAL: u32 = 0xEDB8_8320;

/// What each byte of a value contributes, by what lies behind the value.
type ValueParts = [[u32; 256]; size_of::<ValueBits>()];

static BEFORE_FREQUENCY: ValueParts = [byte_parts(7), byte_parts(6), byte_parts(5), byte_parts(4)];
static AT_THE_END: ValueParts = [byte_parts(3), byte_parts(2), byte_parts(1), byte_parts(0)];

/// What a value contributes, with a frequency behind it or without.
#[inline]
pub(crate) fn value_part(value: [u8; 4], frequency: Option<NonZeroU32>) -> u32 {
    let parts = if frequency.is_some() { &BEFORE_FREQUENCY } else { &AT_THE_END };
    let part = |(of_byte, byte): (&[u32; 256], u8)| of_byte.get(usize::from(byte)).copied();
    parts.iter().zip(value).filter_map(part).fold(0, |all, one| all ^ one)
}

/// What a byte contributes that so many others follow.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const fn byte_parts(behind: u32) -> [u32; 256] {
    let mut parts = [0; 256];
    let mut byte: u32 = 0;
    while byte < 256 {
        let mut part = byte;
        let mut bits = 8 * (behind + 1);
        while bits > 0 {
            part = (part >> 1) ^ (POLYNOMIAL & (part & 1).wrapping_neg());
            bits -= 1;
        }
        parts[byte as usize] = part;
        byte += 1;
    }
    parts
}
