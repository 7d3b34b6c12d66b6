//! `DELTA_BINARY_PACKED`: differences, in blocks of 128 that share the least one, in miniblocks of 32
//! that share a width. A regular clock costs next to nothing.

use super::{bit_width, pack, varint};

const BLOCK: usize = 128;
const MINIBLOCK: usize = 32;

/// Appends `values`.
pub(crate) fn encode(values: &[i64], out: &mut Vec<u8>) {
    varint(BLOCK as u64, out);
    varint((BLOCK / MINIBLOCK) as u64, out);
    varint(values.len() as u64, out);
    varint(zigzag(values.first().copied().unwrap_or_default()), out);
    let mut deltas = [0_i64; BLOCK];
    for block in values.windows(BLOCK + 1).step_by(BLOCK) {
        fill(&mut deltas, block);
        encode_block(&deltas, out);
    }
    let rest = values.len().saturating_sub(1) / BLOCK * BLOCK;
    let rest = values.get(rest..).unwrap_or_default();
    if let Some(count) = rest.len().checked_sub(1).filter(|&count| count > 0) {
        fill(&mut deltas, rest);
        encode_block(deltas.get(..count).unwrap_or_default(), out);
    }
}

/// Differences wrap around, as those who decode add them.
fn fill(deltas: &mut [i64; BLOCK], values: &[i64]) {
    for (delta, (before, after)) in deltas.iter_mut().zip(values.iter().zip(&values[1..])) {
        *delta = after.wrapping_sub(*before);
    }
}

fn encode_block(deltas: &[i64], out: &mut Vec<u8>) {
    let least = deltas.iter().copied().min().unwrap_or_default();
    varint(zigzag(least), out);
    let above = |delta: i64| delta.wrapping_sub(least).cast_unsigned();
    let mut widths = [0; BLOCK / MINIBLOCK];
    for (width, miniblock) in widths.iter_mut().zip(deltas.chunks(MINIBLOCK)) {
        *width = bit_width(miniblock.iter().fold(0, |bits, &delta| bits | above(delta)));
        out.push(*width);
    }
    // Widths of miniblocks that are not there.
    out.extend(std::iter::repeat_n(0, widths.len() - deltas.len().div_ceil(MINIBLOCK)));
    for (&width, miniblock) in widths.iter().zip(deltas.chunks(MINIBLOCK)) {
        if width > 0 {
            let padding = std::iter::repeat_n(0, MINIBLOCK - miniblock.len());
            pack(miniblock.iter().map(|&delta| above(delta)).chain(padding), width, out);
        }
    }
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[i64], expected: &[u8]) {
        let mut out = Vec::new();
        encode(values, &mut out);
        assert_eq!(out, expected, "{values:?}");
    }

    /// The examples of the format's specification, with blocks of 128.
    #[test]
    fn the_bytes_are_those_of_the_specification() {
        let head = |count: u8, first: u8| [0x80, 1, 4, count, first];
        check(&[], &head(0, 0));
        check(&[-4], &head(1, 7));
        // Differences of 1: the least is 1 (zigzag 2), nothing above it.
        check(&[1, 2, 3, 4, 5], &[&head(5, 2)[..], &[2, 0, 0, 0, 0]].concat());
        // Differences -2, -2, -2, 1, 1, 1, 1: the least is -2 (zigzag 3), above it 0, 0, 0, 3, 3, 3, 3.
        let packed = [0b1100_0000, 0b0011_1111, 0, 0, 0, 0, 0, 0];
        let block = [&[3, 2, 0, 0, 0][..], &packed].concat();
        check(&[7, 5, 3, 1, 2, 3, 4, 5], &[&head(8, 14)[..], &block].concat());
    }

    #[test]
    fn the_largest_differences_wrap() {
        let mut out = Vec::new();
        encode(&[i64::MIN, i64::MAX, i64::MIN, 0], &mut out);
        // MAX − MIN is −1 when it wraps, MIN − MAX is 1, 0 − MIN is MIN.
        let least = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1];
        assert_eq!(out[14..24], least, "zigzag of MIN is all ones");
        assert_eq!(out[24..28], [64, 0, 0, 0]);
        assert_eq!(
            out[28..44],
            [&(u64::MAX >> 1).to_le_bytes()[..], &(1 << 63 | 1_u64).to_le_bytes()].concat()
        );
        assert_eq!(out.len(), 28 + 32 * 8);
    }
}
