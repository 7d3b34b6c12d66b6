//! Timestamps: integers whose unit is told by their magnitude, to whole seconds.

use crate::reason::Reason;

/// Below this many, they are seconds (up to the year 5138); a thousand times that, milliseconds (from
/// March 1973 on), and so on. No unit's range meets another's for any time that is ever measured.
const SECONDS_BELOW: u64 = 100_000_000_000;

/// Whether a number of seconds would be read as seconds.
pub(crate) fn is_seconds(seconds: i64) -> bool {
    seconds.unsigned_abs() < SECONDS_BELOW
}

/// Whole seconds, rounded down: a sample belongs to the second that has begun.
#[inline]
fn seconds(number: i64) -> i64 {
    let divisor = match number.unsigned_abs() {
        0..SECONDS_BELOW => return number,
        SECONDS_BELOW..100_000_000_000_000 => 1_000,
        100_000_000_000_000..100_000_000_000_000_000 => 1_000_000,
        _ => 1_000_000_000,
    };
    number.div_euclid(divisor)
}

/// The seconds that all of `token` says.
pub(crate) fn parse(token: &[u8]) -> Result<i64, Reason> {
    // `parse` below takes a plus, the protocol does not.
    let plus = token.first() == Some(&b'+');
    let text = core::str::from_utf8(token).ok().filter(|_| !plus);
    text.and_then(|text| text.parse().ok()).map(seconds).ok_or(Reason::Timestamp)
}

/// The seconds at the front of `bytes` and what follows their line, if that is how it ends.
/// `None` says nothing about other lines.
#[inline]
pub(crate) fn usual(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (mut number, mut rest) = match bytes.split_first_chunk() {
        Some((chunk, rest)) => (eight_digits(*chunk)?, rest),
        None => return None,
    };
    while let [digit @ b'0'..=b'9', behind @ ..] = rest {
        number = number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        rest = behind;
    }
    // Eighteen digits fit an i64.
    if bytes.len() - rest.len() > 18 {
        return None;
    }
    Some((seconds(number.cast_signed()), crate::scan::line_end(rest)?))
}

/// A word of bytes of one.
pub(crate) const EACH: u64 = 0x0101_0101_0101_0101;

/// Eight digits at once: neighbours are added up in pairs, then pairs of pairs, within one word.
#[inline]
fn eight_digits(chunk: [u8; 8]) -> Option<u64> {
    let word = u64::from_le_bytes(chunk);
    // A digit is 0x30..=0x39: the high half is 3, also after adding 6.
    let high = EACH * 0xF0;
    if word & high != EACH * 0x30 || word.wrapping_add(EACH * 6) & high != EACH * 0x30 {
        return None;
    }
    Some(eight(word))
}

/// The number of eight digits, the first the lowest byte. A byte of zero is a digit of zero.
#[inline]
pub(crate) fn eight(word: u64) -> u64 {
    let ones = word & (EACH * 0x0F);
    let twos = ones.wrapping_mul(10 << 8 | 1) >> 8 & 0x00FF_00FF_00FF_00FF;
    let fours = twos.wrapping_mul(100 << 16 | 1) >> 16 & 0x0000_FFFF_0000_FFFF;
    fours.wrapping_mul(10_000 << 32 | 1) >> 32
}
