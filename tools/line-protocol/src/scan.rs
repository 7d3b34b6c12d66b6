//! Where tokens end.

/// The first byte of `bytes` that is one of `stops`, unless a backslash stands before it.
pub(crate) fn token_len(bytes: &[u8], stops: &[u8]) -> Option<usize> {
    let mut before = 0;
    bytes.iter().position(|&byte| {
        let stop = stops.contains(&byte) && before != b'\\';
        before = byte;
        stop
    })
}

/// The places of all `,` and `=` in ASCII without backslashes, in order.
///
/// The bytes are compared eight at a time, as one word, and the results kept as bits, one for each of
/// 64 bytes; the places are taken from those. Tokens are so short that searching for the end of one
/// after the other takes longer: each search would wait for the one before.
pub(crate) struct Separators<'a> {
    bytes: &'a [u8],
    /// What has not been taken yet of the 64 bytes at `base`, the lowest bit first.
    bits: u64,
    base: usize,
}

impl<'a> Separators<'a> {
    /// `None` if one of the first 64 bytes is a backslash or not ASCII.
    #[inline]
    pub(crate) fn of(bytes: &'a [u8]) -> Option<Self> {
        let bits = bits(bytes)?;
        Some(Self { bytes, bits, base: 0 })
    }

    /// The next place, or the end; `None` if it cannot be said because of one of those.
    #[inline]
    pub(crate) fn next_or_end(&mut self) -> Option<usize> {
        while self.bits == 0 {
            self.base += 64;
            match self.bytes.get(self.base..) {
                Some(rest) => self.bits = bits(rest)?,
                None => return Some(self.bytes.len()),
            }
        }
        let at = self.base + self.bits.trailing_zeros() as usize;
        self.bits &= self.bits - 1;
        Some(at)
    }
}

/// A bit for each of the first 64 bytes that separates; `None` if one is a backslash or not ASCII.
#[inline]
fn bits(bytes: &[u8]) -> Option<u64> {
    let (mut found, mut usual, mut any) = (0, HIGH, 0);
    let mut rest = bytes;
    for shift in [0, 8, 16, 24, 32, 40, 48, 56] {
        let (word, behind) = match rest.split_first_chunk() {
            Some((chunk, behind)) => (u64::from_le_bytes(*chunk), behind),
            None => (last_word(bytes, rest), &[][..]),
        };
        any |= word;
        usual &= differs(word, b'\\');
        let hits = !(differs(word, b',') & differs(word, b'=')) & HIGH;
        // The high bits of eight bytes to one byte: the product's highest has them all.
        found |= hits.wrapping_mul(0x0002_0408_1020_4081) >> 56 << shift;
        rest = behind;
    }
    (usual == HIGH && any & HIGH == 0).then_some(found)
}

/// The last few bytes, with zeros behind them.
#[inline]
fn last_word(bytes: &[u8], rest: &[u8]) -> u64 {
    match (rest, bytes.last_chunk()) {
        ([], _) => 0,
        (_, Some(chunk)) => u64::from_le_bytes(*chunk) >> (64 - 8 * rest.len()),
        (_, None) => rest.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)),
    }
}

const EACH: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = EACH << 7;

/// Sets the high bit of each byte that is not this one, if all of them are ASCII: then a byte of at
/// least 1 carries into its high bit, and none out of it.
#[inline]
fn differs(word: u64, byte: u8) -> u64 {
    (word ^ (EACH * u64::from(byte))).wrapping_add(!HIGH)
}

/// What follows the newline at the front of `bytes`, if one is there.
#[inline]
pub(crate) fn line_end(bytes: &[u8]) -> Option<&[u8]> {
    match bytes {
        [b'\n', rest @ ..] | [b'\r', b'\n', rest @ ..] => Some(rest),
        _ => None,
    }
}
