//! The encodings of Parquet that an archive uses, each from a slice to bytes.

pub(crate) mod delta;
pub(crate) mod rle;
pub(crate) mod split;

/// The bits that `value` needs.
#[expect(clippy::cast_possible_truncation, reason = "at most 64")]
pub(crate) fn bit_width(value: u64) -> u8 {
    (u64::BITS - value.leading_zeros()) as u8
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        #[expect(clippy::cast_possible_truncation, reason = "seven bits at a time")]
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    #[expect(clippy::cast_possible_truncation, reason = "below 0x80")]
    out.push(value as u8);
}

/// Packs values of `width` bits, at most 64, the lowest bits first. Their number is a multiple of
/// eight, so that bytes come out whole.
fn pack(values: impl Iterator<Item = u64>, width: u8, out: &mut Vec<u8>) {
    if width > 32 {
        return pack_wide(values, width, out);
    }
    // Less than 32 bits are held when the next come: 64 are enough.
    let (mut held, mut bits) = (0_u64, 0_u32);
    for value in values {
        held |= value << bits;
        bits += u32::from(width);
        if bits >= 32 {
            #[expect(clippy::cast_possible_truncation, reason = "the lowest bits are meant")]
            out.extend_from_slice(&(held as u32).to_le_bytes());
            held >>= 32;
            bits -= 32;
        }
    }
    out.extend(held.to_le_bytes().iter().take(bits as usize / 8));
}

fn pack_wide(values: impl Iterator<Item = u64>, width: u8, out: &mut Vec<u8>) {
    let (mut held, mut bits) = (0_u128, 0_u32);
    for value in values {
        held |= u128::from(value) << bits;
        bits += u32::from(width);
        while bits >= 8 {
            #[expect(clippy::cast_possible_truncation, reason = "the lowest bits are meant")]
            out.push(held as u8);
            held >>= 8;
            bits -= 8;
        }
    }
}
