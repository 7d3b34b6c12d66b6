//! Numbers: text to the nearest f32.
//!
//! Every result is the f32 nearest to the decimal, ties to even: what `str::parse::<f32>` gives.
//! Most numbers take one division of f64 instead; the few for which that might round twice in
//! different directions are recognised and left to `parse`.

use crate::reason::Reason;
use crate::time::{EACH, eight};

/// Powers of ten that are exact in f64.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// As many digits always fit a u64.
const DIGITS_MAX: usize = 19;

/// The bits of an f64's mantissa that an f32 has not, and their value half-way between two f32.
const BELOW_F32: u64 = (1 << 29) - 1;
const HALF_WAY: u64 = 1 << 28;

/// How close to half-way, in units of the last place of f64, the shortcut gives up. It is off by at
/// most two: half a unit for each of two roundings, each counted double where the exponent changes.
const DOUBT: u64 = 4;

/// `mantissa · 10^exponent`, if f64 is certain about the f32 nearest to it, which may be infinity.
/// It is never so small, below 1e-22, that an f32 would have fewer bits.
#[inline]
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "both roundings are accounted for by DOUBT"
)]
fn nearest(mantissa: u64, exponent: i32) -> Option<f32> {
    if mantissa == 0 {
        return Some(0.0);
    }
    let power = *POWERS.get(exponent.unsigned_abs() as usize)?;
    let wide = if exponent < 0 { mantissa as f64 / power } else { mantissa as f64 * power };
    let doubtful = (wide.to_bits() & BELOW_F32).abs_diff(HALF_WAY) <= DOUBT;
    (!doubtful).then_some(wide as f32)
}

fn signed(negative: bool, magnitude: f32) -> f32 {
    if negative { -magnitude } else { magnitude }
}

/// Powers of ten that are exact in f32, as far as they are needed.
const SHORT_POWERS: [f32; 8] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7];

/// A decimal of at most six digits and a sign, or seven digits without a point, and what follows it,
/// which is a blank or a newline. `None` says nothing about others.
///
/// No branch depends on how many digits there are, which nothing foresees. A quotient of two
/// numbers that are exact in f32 is the f32 nearest to theirs.
#[expect(clippy::inline_always, reason = "what it gives back stays in registers")]
#[inline(always)]
pub(crate) fn short(bytes: &[u8]) -> Option<(f32, &[u8])> {
    let sign = u32::from(*bytes.first()? == b'-');
    let digits = bytes.get(sign as usize..)?;
    let word = u64::from_le_bytes(*digits.first_chunk()?);
    let whole = digits_len(word);
    let has_point = u32::from(word >> whole & 0xFF == u64::from(b'.'));
    // Without the point, the digits lie side by side.
    let before = (1 << whole) - 1;
    let joined = word & before | word >> (8 * has_point) & !before;
    let all = digits_len(joined);
    let decimals = all - whole;
    let rest = digits.get((all / 8 + has_point) as usize..)?;
    let is_decimal = whole > 0 && (has_point == 0) == (decimals == 0);
    if !is_decimal || !matches!(rest, [b' ' | b'\n', ..]) {
        return None;
    }
    // Zeros in front instead of what is behind: the first digit is the lowest byte.
    let mantissa = u32::try_from(eight(joined << (u64::BITS - all))).ok()?;
    #[expect(clippy::cast_precision_loss, reason = "seven digits are exact")]
    let magnitude = mantissa as f32 / SHORT_POWERS.get(decimals as usize / 8)?;
    Some((f32::from_bits(magnitude.to_bits() | sign << 31), rest))
}

/// How many bits the digits at the front of eight bytes take; of eight digits those of seven.
#[inline]
fn digits_len(word: u64) -> u32 {
    // A digit is 0x30..=0x39: without the 0x30, its high half is 0, also after adding 6. A carry reaches
    // only what is behind a byte that is none.
    let word = word ^ (EACH * 0x30);
    let other = (word | word.wrapping_add(EACH * 6)) & (EACH * 0xF0);
    (other | 1 << (u64::BITS - 8)).trailing_zeros() & !7
}

/// The number at the front of `bytes` and what follows it, if it is a plain decimal or a small
/// integer, as most are. `None` says nothing about the others.
#[inline]
pub(crate) fn usual(bytes: &[u8]) -> Option<(f32, &[u8])> {
    let (negative, digits) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, bytes),
    };
    let (mantissa, rest) = digits_onto(0, digits);
    let seen = digits.len() - rest.len();
    if let [b'.', fraction @ ..] = rest {
        let (both, behind) = digits_onto(mantissa, fraction);
        let decimals = fraction.len() - behind.len();
        if !(1..=DIGITS_MAX).contains(&(seen + decimals)) {
            return None;
        }
        let exponent = -i32::try_from(decimals).ok()?;
        return Some((signed(negative, nearest(both, exponent)?), behind));
    }
    // One digit less: so many fit 64 bits with their sign.
    if !(1..DIGITS_MAX).contains(&seen) {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "the nearest f32 is what is asked for")]
    let magnitude = mantissa as f32;
    match rest {
        // An integer has no negative zero.
        [b'i', rest @ ..] => Some((signed(negative && mantissa != 0, magnitude), rest)),
        [b'u', rest @ ..] if !negative => Some((magnitude, rest)),
        _ => Some((signed(negative, magnitude), rest)),
    }
}

/// The digits at the front of `bytes` behind those of `number`; what follows. More than
/// [`DIGITS_MAX`] of them wrap: the caller counts.
#[inline]
fn digits_onto(mut number: u64, mut bytes: &[u8]) -> (u64, &[u8]) {
    while let [digit @ b'0'..=b'9', rest @ ..] = bytes {
        number = number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        bytes = rest;
    }
    (number, bytes)
}

/// The f32 nearest to a value of the protocol.
pub(crate) fn parse(token: &[u8]) -> Result<f32, Reason> {
    if is_boolean(token) {
        return Err(Reason::NotANumber);
    }
    let number = Number::parse(token).ok_or(Reason::FieldValue)?;
    let text = core::str::from_utf8(number.text).map_err(|_| Reason::FieldValue)?;
    #[expect(clippy::cast_precision_loss, reason = "the nearest f32 is what is asked for")]
    let value = match number.kind {
        Kind::Float => number.shortcut().or_else(|| text.parse().ok()).ok_or(Reason::FieldValue)?,
        Kind::Signed => text.parse::<i64>().map_err(|_| Reason::IntegerRange)? as f32,
        Kind::Unsigned => text.parse::<u64>().map_err(|_| Reason::IntegerRange)? as f32,
    };
    if value.is_finite() { Ok(value) } else { Err(Reason::NotFinite) }
}

/// Whether this is a number or a boolean of the protocol, of whatever size.
pub(crate) fn is_value(token: &[u8]) -> bool {
    is_boolean(token) || Number::parse(token).is_some()
}

fn is_boolean(token: &[u8]) -> bool {
    matches!(
        token,
        b"t" | b"T" | b"true" | b"True" | b"TRUE" | b"f" | b"F" | b"false" | b"False" | b"FALSE"
    )
}

enum Kind {
    Float,
    Signed,
    Unsigned,
}

/// A number as it was written.
struct Number<'a> {
    kind: Kind,
    negative: bool,
    /// Its digits, without the point: they wrap if there are more than [`DIGITS_MAX`].
    mantissa: u64,
    digits: usize,
    /// The power of ten that the mantissa is to be multiplied with; saturates.
    exponent: i32,
    /// All of it but the suffix.
    text: &'a [u8],
}

impl<'a> Number<'a> {
    /// The number that all of `token` is.
    fn parse(token: &'a [u8]) -> Option<Self> {
        let (negative, whole) = match token {
            [b'-', rest @ ..] => (true, rest),
            _ => (false, token),
        };
        let (mantissa, rest) = digits_onto(0, whole);
        let digits = whole.len() - rest.len();
        let kind = match rest {
            [b'i'] if digits > 0 => Kind::Signed,
            [b'u'] if digits > 0 && !negative => Kind::Unsigned,
            _ => Kind::Float,
        };
        if !matches!(kind, Kind::Float) {
            let (_, text) = token.split_last()?;
            return Some(Self { kind, negative, mantissa, digits, exponent: 0, text });
        }
        let fraction = rest.strip_prefix(b".").unwrap_or(rest);
        let (mantissa, rest) = if fraction.len() < rest.len() {
            digits_onto(mantissa, fraction)
        } else {
            (mantissa, rest)
        };
        let decimals = fraction.len() - rest.len();
        if digits + decimals == 0 {
            return None;
        }
        let exponent = match rest {
            [] => 0,
            [b'e' | b'E', power @ ..] => exponent(power)?,
            _ => return None,
        };
        let exponent = exponent.saturating_sub(i32::try_from(decimals).unwrap_or(i32::MAX));
        Some(Self { kind, negative, mantissa, digits: digits + decimals, exponent, text: token })
    }

    fn shortcut(&self) -> Option<f32> {
        if self.digits > DIGITS_MAX {
            return None;
        }
        Some(signed(self.negative, nearest(self.mantissa, self.exponent)?))
    }
}

/// What follows the `e` of a number; beyond ±99,999 all powers are the same.
fn exponent(bytes: &[u8]) -> Option<i32> {
    let (negative, digits) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, bytes),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let power = digits.iter().fold(0_i32, |power, digit| {
        power.saturating_mul(10).saturating_add(i32::from(digit - b'0')).min(99_999)
    });
    Some(if negative { -power } else { power })
}
