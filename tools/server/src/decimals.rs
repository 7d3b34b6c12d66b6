//! Numbers with a fixed number of decimals, as the answers have them.
//!
//! The digits are those of the exact value, rounded half to even: what `{:.3}` prints, and Go's
//! `strconv` does. An answer is made of tens of thousands of them, so that they are not formatted
//! but shifted: a double is an integer times a power of two, and so is a thousand times it.

use std::io::Write as _;

/// How many decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decimals {
    /// Of statistics.
    Two,
    /// Of data.
    Three,
}

const FRACTION_BITS: u32 = 52;
/// What is subtracted from a double's exponent, for a mantissa that is an integer.
const EXPONENT_BIAS: u32 = 1023 + FRACTION_BITS;
/// `i64::MIN` and `u64::MAX` have no more.
const DIGITS_MAX: usize = 20;

/// Appends a number; `null` if it is none, or infinite.
pub(crate) fn push(out: &mut Vec<u8>, value: f64, decimals: Decimals) {
    if !value.is_finite() {
        out.extend_from_slice(b"null");
        return;
    }
    if value.is_sign_negative() {
        out.push(b'-');
    }
    let magnitude = value.abs();
    let Some(scaled) = scaled(magnitude, decimals) else {
        // Beyond 2^63 / 1000: no measurement gets there. Writing to memory does not fail.
        let _ = match decimals {
            Decimals::Two => write!(out, "{magnitude:.2}"),
            Decimals::Three => write!(out, "{magnitude:.3}"),
        };
        return;
    };
    let scale = decimals.scale();
    push_unsigned(out, scaled / scale);
    out.push(b'.');
    let mut fraction = scaled % scale;
    let mut digit_value = scale / 10;
    while digit_value > 0 {
        out.push(digit(fraction / digit_value));
        fraction %= digit_value;
        digit_value /= 10;
    }
}

impl Decimals {
    const fn scale(self) -> u64 {
        match self {
            Self::Two => 100,
            Self::Three => 1000,
        }
    }
}

/// A number of thousandths (hundredths), rounded half to even; None if there are too many.
fn scaled(magnitude: f64, decimals: Decimals) -> Option<u64> {
    let bits = magnitude.to_bits();
    let fraction = bits & ((1 << FRACTION_BITS) - 1);
    let (mantissa, exponent) = match bits >> FRACTION_BITS {
        0 => (fraction, 1),
        exponent => (fraction | (1 << FRACTION_BITS), exponent),
    };
    // Below 2^53 · 1000 < 2^63.
    let product = mantissa * decimals.scale();
    let shift = i64::from(EXPONENT_BIAS) - i64::try_from(exponent).ok()?;
    match shift {
        ..=0 => product.checked_mul(1_u64.checked_shl(u32::try_from(-shift).ok()?)?),
        1..=63 => {
            let half = 1_u64 << (shift - 1);
            let (quotient, remainder) = (product >> shift, product & (2 * half - 1));
            let up = remainder > half || (remainder == half && quotient & 1 == 1);
            Some(quotient + u64::from(up))
        }
        // Less than half of one.
        _ => Some(0),
    }
}

/// Appends an integer.
pub(crate) fn push_integer(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    push_unsigned(out, value.unsigned_abs());
}

/// Appends an integer that is not negative.
pub(crate) fn push_unsigned(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; DIGITS_MAX];
    let mut first = DIGITS_MAX;
    loop {
        first -= 1;
        digits[first] = digit(value % 10);
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[first..]);
}

#[expect(clippy::cast_possible_truncation, reason = "below ten")]
const fn digit(value: u64) -> u8 {
    b'0' + value as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(value: f64, decimals: Decimals) -> String {
        let mut out = Vec::new();
        push(&mut out, value, decimals);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn halves_are_rounded_to_even_and_signs_are_kept() {
        for (value, two, three) in [
            (0.0, "0.00", "0.000"),
            (-0.0, "-0.00", "-0.000"),
            (0.125, "0.12", "0.125"),
            (0.375, "0.38", "0.375"),
            (0.0625, "0.06", "0.062"),
            (0.1875, "0.19", "0.188"),
            (-12.26, "-12.26", "-12.260"),
            (f64::MIN_POSITIVE / 2.0, "0.00", "0.000"),
            (9.999_999, "10.00", "10.000"),
            (9_007_199_254_740_993.0, "9007199254740992.00", "9007199254740992.000"),
            (1e22, "10000000000000000000000.00", "10000000000000000000000.000"),
            (f64::INFINITY, "null", "null"),
            (f64::NEG_INFINITY, "null", "null"),
            (f64::NAN, "null", "null"),
        ] {
            assert_eq!(text(value, Decimals::Two), two);
            assert_eq!(text(value, Decimals::Three), three);
        }
    }

    #[test]
    fn integers_have_all_their_digits() {
        for value in [0, 1, -1, 9, 10, -99, 1_700_000_000, i64::MAX, i64::MIN] {
            let mut out = Vec::new();
            push_integer(&mut out, value);
            assert_eq!(out, value.to_string().into_bytes());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn every_number_is_as_the_standard_library_prints_it(bits: u64, small in -1e6_f64..1e6, narrow: f32) {
            for value in [f64::from_bits(bits), small, f64::from(narrow), small / 4096.0] {
                if value.is_finite() {
                    prop_assert_eq!(text(value, Decimals::Two), format!("{value:.2}"));
                    prop_assert_eq!(text(value, Decimals::Three), format!("{value:.3}"));
                }
            }
        }
    }
}
