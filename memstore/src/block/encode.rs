//! Sealing values: which scheme and which frame make them small.

use super::frame::{self, Choice, Frame};
use super::pack::{GROUP_LEN, group_bytes, mask, pack, packed_bytes};
use super::scheme::{
    NO_LEVEL, Power, Scheme, decimal_level, is_missing, ordered_level, reciprocal_level,
};
use super::{BLOCK_LEN, HEADER_LEN, Header, MISSING, POSITION_LEN};
use core::iter::repeat_n;
use std::sync::Arc;

/// How many values the choice of an exponent looks at.
const SAMPLE_LEN: usize = 16;

/// A way to store values, and what it takes.
struct Plan {
    scheme: Scheme,
    levels: [i32; BLOCK_LEN],
    /// How many values the scheme cannot express, missing ones aside.
    unfit: usize,
    choice: Choice,
    /// What follows the header.
    bytes: usize,
}

impl Plan {
    fn new(values: &[f32], missing: usize, scheme: Scheme) -> Self {
        let mut all = [NO_LEVEL; BLOCK_LEN];
        let levels = &mut all[..values.len()];
        match scheme {
            Scheme::Decimal(power) => {
                let ten = power.ten();
                fill(levels, values, |value| decimal_level(value, ten));
            }
            Scheme::Reciprocal(power) => {
                let ten = power.ten();
                fill(levels, values, |value| reciprocal_level(value, ten));
            }
            Scheme::Ordered => fill(levels, values, ordered_level),
        }
        let unfit = levels.iter().filter(|&&level| level == NO_LEVEL).count() - missing;
        let choice = frame::find(levels, missing, unfit);
        Self { scheme, levels: all, unfit, choice, bytes: choice.bytes(values.len()) }
    }

    /// Writes all that follows the header.
    fn write(&self, values: &[f32], body: &mut [u8]) {
        let mut rest = body;
        for (levels, values) in self.levels.chunks(GROUP_LEN).zip(values.chunks(GROUP_LEN)) {
            let packed;
            (packed, rest) = rest.split_at_mut(group_bytes(values.len(), self.choice.frame.width));
            pack_group(self.choice.frame, levels, values, packed);
        }
        if self.choice.exceptions == 0 {
            return;
        }
        let (positions, slots) = rest.split_at_mut(self.choice.exceptions * POSITION_LEN);
        let slots = positions.as_chunks_mut().0.iter_mut().zip(slots.as_chunks_mut().0);
        for ((position, slot), (at, value)) in slots.zip(self.exceptions(values)) {
            let [low, high, ..] = at.to_le_bytes();
            *position = [low, high];
            *slot = if is_missing(value) { MISSING } else { value }.to_le_bytes();
        }
    }

    fn or_cheaper(self, other: Self) -> Self {
        if other.bytes < self.bytes { other } else { self }
    }

    /// The values that are neither in the frame nor marked as missing, with their positions.
    fn exceptions<'a>(&'a self, values: &'a [f32]) -> impl Iterator<Item = (usize, f32)> + 'a {
        let marks_missing = self.choice.frame.marks_missing;
        let is_exception = move |level, value| {
            self.choice.frame.integer(level).is_none() && !(marks_missing && is_missing(value))
        };
        let pairs = self.levels.iter().zip(values).enumerate();
        pairs
            .filter(move |&(_, (&level, &value))| is_exception(level, value))
            .map(|(at, (_, &v))| (at, v))
    }
}

#[inline]
fn fill(levels: &mut [i32], values: &[f32], level: impl Fn(f32) -> i32) {
    for (slot, &value) in levels.iter_mut().zip(values) {
        *slot = level(value);
    }
}

/// The cheapest plan that was found.
fn plan(values: &[f32]) -> Plan {
    let missing = values.iter().filter(|value| is_missing(**value)).count();
    let first = scheme(&Sample::of(values, |_, value| !is_missing(value)));
    let mut plan = Plan::new(values, missing, first);
    if plan.unfit > values.len() / 32 {
        // The sample may have missed the digits of a burst.
        let unfit = |at: usize, value| plan.levels[at] == NO_LEVEL && !is_missing(value);
        let second = scheme(&Sample::of(values, unfit));
        plan = plan.or_cheaper(Plan::new(values, missing, second));
    }
    // Every number has an ordered level: so no block is larger than its values.
    let whole = packed_bytes(values.len(), u32::BITS);
    if plan.unfit > values.len() / 32 || plan.bytes > whole {
        plan = plan.or_cheaper(Plan::new(values, missing, Scheme::Ordered));
    }
    plan
}

/// Values from all over the block.
struct Sample {
    values: [f32; SAMPLE_LEN],
    len: usize,
}

impl Sample {
    fn of(values: &[f32], belongs: impl Fn(usize, f32) -> bool) -> Self {
        let mut sample = Self { values: [0.0; SAMPLE_LEN], len: 0 };
        let stride = values.len().div_ceil(SAMPLE_LEN).max(1);
        for (part, values) in values.chunks(stride).enumerate() {
            let found = values.iter().enumerate().find(|(at, v)| belongs(part * stride + at, **v));
            if let Some((_, &value)) = found {
                sample.values[sample.len] = value;
                sample.len += 1;
            }
        }
        sample
    }

    fn count(&self, fits: impl Fn(f32) -> bool) -> usize {
        // Zeros behind the end are counted and taken off: a loop of constant length is vectorised.
        let fit: usize = self.values.iter().map(|&value| usize::from(fits(value))).sum();
        fit - usize::from(fits(0.0)) * (SAMPLE_LEN - self.len)
    }

    /// The smallest power at which all have a level, else the one at which most do, if those are
    /// three quarters: more exceptions would cost more than they save.
    fn best(&self, level: impl Fn(f32, f32) -> i32) -> Option<Power> {
        let mut best = None;
        let mut most = (self.len * 3).div_ceil(4).max(1) - 1;
        for power in Power::all() {
            let ten = power.ten();
            let fit = self.count(|value| level(value, ten).unsigned_abs() <= MAX_LEVEL);
            if fit > most {
                (best, most) = (Some(power), fit);
            }
            if fit == self.len {
                break;
            }
        }
        best
    }
}

/// Above this level, decimals lie closer than the values of an `f32`: one would always be found.
const MAX_LEVEL: u32 = 1 << 24;
const _: () = assert!(NO_LEVEL.unsigned_abs() > MAX_LEVEL);

/// The scheme that suits the sample.
fn scheme(sample: &Sample) -> Scheme {
    let decimal = || sample.best(decimal_level).map(Scheme::Decimal);
    let reciprocal = || sample.best(reciprocal_level).map(Scheme::Reciprocal);
    decimal().or_else(reciprocal).unwrap_or(Scheme::Ordered)
}

/// The bytes of the block of `values`, which are at most [`BLOCK_LEN`].
pub(super) fn encode(values: &[f32]) -> Arc<[u8]> {
    let plan = plan(values);
    let mut block: Arc<[u8]> = repeat_n(0, HEADER_LEN + plan.bytes).collect();
    // Nobody else has it yet.
    if let Some((head, body)) = Arc::get_mut(&mut block).and_then(<[u8]>::split_first_chunk_mut) {
        *head =
            Header { scheme: plan.scheme, frame: plan.choice.frame, len: values.len() }.to_bytes();
        plan.write(values, body);
    }
    block
}

fn pack_group(frame: Frame, levels: &[i32], values: &[f32], packed: &mut [u8]) {
    let missing = frame.missing().unwrap_or(0);
    let mut integers = [0; GROUP_LEN];
    for ((integer, &level), &value) in integers.iter_mut().zip(levels).zip(values) {
        let stand_in = if is_missing(value) { missing } else { 0 };
        *integer = frame.integer(level).unwrap_or(stand_in) & mask(frame.width);
    }
    pack(&integers, frame.width, packed);
}
