//! Numbers as integers: what a frame of reference is laid around.
//!
//! A [`Scheme`] turns a value into a *level*, an `i32`, and a level back into a value. A value has a
//! level only if exactly its bits come back; that is tested for every value, not reasoned about.

use super::MISSING;

/// The largest exponent for which `10^exponent` is an exact `f32`.
pub(super) const MAX_EXPONENT: u8 = 10;

const POWERS_OF_TEN: [f32; MAX_EXPONENT as usize + 1] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10];

/// Stands for "no level": a missing sample, or a value that the scheme cannot express. It is below
/// every level, so that `level - lowest`, taken as a `u32`, is outside of every frame.
pub(super) const NO_LEVEL: i32 = i32::MIN;

/// How values are levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    /// `level / 10^exponent`. Both are exact as `f32` up to 2^24, so that the division gives the
    /// same bits as parsing the decimal text.
    Decimal(Power),
    /// `10^exponent / level`: what a collector makes of a decimal by turning it over, such as
    /// instructions per cycle of cycles per instruction.
    Reciprocal(Power),
    /// The bits of the `f32`, changed so that levels are in the order of the values. Every number
    /// has a level.
    Ordered,
}

/// A power of ten: its exponent is at most [`MAX_EXPONENT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Power {
    exponent: u8,
}

const RECIPROCAL: u8 = 0x10;
const ORDERED: u8 = 0xff;

impl Scheme {
    pub(super) const fn to_byte(self) -> u8 {
        match self {
            Self::Decimal(power) => power.exponent,
            Self::Reciprocal(power) => RECIPROCAL | power.exponent,
            Self::Ordered => ORDERED,
        }
    }

    pub(super) const fn from_byte(byte: u8) -> Self {
        let exponent = byte % RECIPROCAL;
        match byte / RECIPROCAL {
            0 if exponent <= MAX_EXPONENT => Self::Decimal(Power { exponent }),
            1 if exponent <= MAX_EXPONENT => Self::Reciprocal(Power { exponent }),
            _ => Self::Ordered,
        }
    }
}

impl Power {
    /// All of them, the smallest first.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        (0..=MAX_EXPONENT).map(|exponent| Self { exponent })
    }

    pub(super) fn ten(self) -> f32 {
        POWERS_OF_TEN[usize::from(self.exponent)]
    }
}

/// The level of a value for [`Scheme::Decimal`], or [`NO_LEVEL`].
#[inline]
pub(super) fn decimal_level(value: f32, ten: f32) -> i32 {
    let level = round(f64::from(value) * f64::from(ten));
    if decimal_value(level, ten).to_bits() == value.to_bits() { level } else { NO_LEVEL }
}

/// The value at a level of [`Scheme::Decimal`].
#[inline]
#[expect(clippy::cast_precision_loss, reason = "the encoder tests that the value comes back")]
pub(super) fn decimal_value(level: i32, ten: f32) -> f32 {
    level as f32 / ten
}

/// The level of a value for [`Scheme::Reciprocal`], or [`NO_LEVEL`].
#[inline]
pub(super) fn reciprocal_level(value: f32, ten: f32) -> i32 {
    let level = round(f64::from(ten / value));
    if reciprocal_value(level, ten).to_bits() == value.to_bits() { level } else { NO_LEVEL }
}

/// The value at a level of [`Scheme::Reciprocal`].
#[inline]
#[expect(clippy::cast_precision_loss, reason = "the encoder tests that the value comes back")]
pub(super) fn reciprocal_value(level: i32, ten: f32) -> f32 {
    ten / level as f32
}

/// The nearest integer; any if that is no `i32`, which is found out when the value does not come
/// back. A conversion that saturates would cost more than all the rest.
#[inline]
fn round(value: f64) -> i32 {
    /// Adding this leaves the integer in the low bits.
    const INTEGER: f64 = 6_755_399_441_055_744.0; // 1.5 · 2^52

    #[expect(clippy::cast_possible_truncation, reason = "the low bits are the integer")]
    let low = (value + INTEGER).to_bits() as u32;
    low.cast_signed()
}

/// The level of a value for [`Scheme::Ordered`], or [`NO_LEVEL`] if it is NaN.
#[inline]
pub(super) fn ordered_level(value: f32) -> i32 {
    let bits = value.to_bits().cast_signed();
    if value.is_nan() { NO_LEVEL } else { flip_negative(bits) }
}

/// The value at a level of [`Scheme::Ordered`].
#[inline]
pub(super) fn ordered_value(level: i32) -> f32 {
    f32::from_bits(flip_negative(level).cast_unsigned())
}

/// Sign and magnitude to two's complement, nearly (there are two zeros), and back.
#[inline]
fn flip_negative(bits: i32) -> i32 {
    bits ^ ((bits >> 31) & i32::MAX)
}

/// Whether a value is no sample.
pub(super) const fn is_missing(value: f32) -> bool {
    value.is_nan()
}

const _: () = assert!(is_missing(MISSING));
