//! `BYTE_STREAM_SPLIT`: the lowest byte of every value, then the second of every one, and so on:
//! sign, exponent and leading digits adjoin, and compress.

/// Appends `values`.
pub(crate) fn encode(values: &[f32], out: &mut Vec<u8>) {
    for byte in 0..size_of::<f32>() {
        out.extend(values.iter().map(|value| value.to_le_bytes()[byte]));
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn equal_places_adjoin() {
        let mut out = Vec::new();
        let values = [0x0403_0201, 0x1413_1211, 0x2423_2221].map(f32::from_bits);
        super::encode(&values, &mut out);
        let expected = [1, 0x11, 0x21, 2, 0x12, 0x22, 3, 0x13, 0x23, 4, 0x14, 0x24];
        assert_eq!(out, expected);
    }
}
