//! Sealing values: which scheme and which frame make them small.

use super::frame::{self, Choice, Frame, Window};
use super::pack::{GROUP_LEN, group_bytes, pack, packed_bytes};
use super::scheme::{
    NO_LEVEL, Power, Scheme, decimal_level, is_missing, ordered_level, reciprocal_level,
};
use super::{BLOCK_LEN, HEADER_LEN, Header, MISSING, POSITION_LEN};
use core::iter::repeat_n;
use std::sync::Arc;

/// How many values the choice of an exponent looks at.
const SAMPLE_LEN: usize = 16;
/// How many of them at a time: if too few fit, the others are not looked at.
const PART_LEN: usize = 8;

/// What is known of values before they have levels.
#[derive(Clone, Copy)]
struct Survey {
    missing: usize,
    /// Of those that are not missing; infinite if all are.
    lowest: f32,
    highest: f32,
}

impl Survey {
    fn of(values: &[f32]) -> Self {
        let missing: u32 = values.iter().map(|&value| u32::from(is_missing(value))).sum();
        Self {
            missing: missing as usize,
            // No NaN is less or greater.
            lowest: extreme(values, f32::INFINITY, |value, than| value < than),
            highest: extreme(values, f32::NEG_INFINITY, |value, than| value > than),
        }
    }
}

/// The value that is the most extreme, `start` if none is more extreme than that.
#[inline]
fn extreme(values: &[f32], start: f32, is_more: impl Fn(f32, f32) -> bool) -> f32 {
    let more = |value, than| if is_more(value, than) { value } else { than };
    let mut lanes = [start; 8];
    let (chunks, rest) = values.as_chunks::<8>();
    for chunk in chunks {
        lanes = core::array::from_fn(|lane| more(chunk[lane], lanes[lane]));
    }
    lanes.iter().chain(rest).fold(start, |most, &value| more(value, most))
}

type Levels = [i32; BLOCK_LEN];

/// A way to store values, and what it takes.
#[derive(Clone, Copy)]
struct Plan {
    scheme: Scheme,
    /// How many values the scheme cannot express, missing ones aside.
    unfit: usize,
    choice: Choice,
    /// What follows the header.
    bytes: usize,
}

impl Plan {
    /// Also fills in the levels.
    fn new(values: &[f32], survey: Survey, scheme: Scheme, levels: &mut Levels) -> Self {
        let levels = &mut levels[..values.len()];
        let Survey { missing, lowest, highest } = survey;
        let without = match scheme {
            Scheme::Decimal(power) => {
                let ten = power.ten();
                fill(levels, values, |value| decimal_level(value, ten))
            }
            Scheme::Reciprocal(power) => {
                let ten = power.ten();
                fill(levels, values, |value| reciprocal_level(value, ten))
            }
            Scheme::Ordered => fill(levels, values, ordered_level),
        };
        let unfit = without - missing;
        let window = match scheme {
            // Levels are in the order of the values, and those of the first and last are known.
            Scheme::Decimal(power) if unfit == 0 && lowest <= highest => {
                let [low, high] = [lowest, highest].map(|value| decimal_level(value, power.ten()));
                Some(Window::new(low, high))
            }
            _ => Window::of(levels),
        };
        let choice = frame::find(levels, window, missing, unfit);
        Self { scheme, unfit, choice, bytes: choice.bytes(values.len()) }
    }

    /// Writes all that follows the header.
    fn write(&self, levels: &[i32], values: &[f32], body: &mut [u8]) {
        let mut rest = body;
        for (levels, values) in levels.chunks(GROUP_LEN).zip(values.chunks(GROUP_LEN)) {
            let packed;
            (packed, rest) = rest.split_at_mut(group_bytes(values.len(), self.choice.frame.width));
            pack_group(self.choice.frame, levels, values, packed);
        }
        if self.choice.exceptions == 0 {
            return;
        }
        let (positions, slots) = rest.split_at_mut(self.choice.exceptions * POSITION_LEN);
        let mut slots = positions.as_chunks_mut().0.iter_mut().zip(slots.as_chunks_mut().0);
        let marks_missing = self.choice.frame.marks_missing;
        let highest = self.choice.frame.highest();
        let is_exception = |level: i32, value| {
            let offset = level.wrapping_sub(self.choice.frame.base).cast_unsigned();
            let outside = highest.is_none_or(|highest| offset > highest);
            outside & !(marks_missing & is_missing(value))
        };
        for (at, (levels, values)) in
            (0..).step_by(PIECE).zip(levels.chunks(PIECE).zip(values.chunks(PIECE)))
        {
            // Most pieces have none: to count them all takes vectors, and no time.
            let pairs = || levels.iter().zip(values);
            let count =
                pairs().map(|(&level, &value)| u32::from(is_exception(level, value))).sum::<u32>();
            if count == 0 {
                continue;
            }
            for (at, (&level, &value)) in (at..).zip(pairs()) {
                if is_exception(level, value)
                    && let Some((position, slot)) = slots.next()
                {
                    *position = u16::to_le_bytes(at);
                    *slot = if is_missing(value) { MISSING } else { value }.to_le_bytes();
                }
            }
        }
    }
}

/// Values among which exceptions are looked for at a time.
const PIECE: usize = 16;

/// Says how many values have no level.
#[inline]
fn fill(levels: &mut [i32], values: &[f32], level: impl Fn(f32) -> i32) -> usize {
    let mut without = 0_u32;
    for (slot, &value) in levels.iter_mut().zip(values) {
        *slot = level(value);
        without += u32::from(*slot == NO_LEVEL);
    }
    without as usize
}

/// The cheapest plan that was found, with its levels in `levels`.
fn plan(values: &[f32], levels: &mut Levels) -> Plan {
    let survey = Survey::of(values);
    let first = scheme(&Sample::of(values, |_, value| !is_missing(value)));
    let mut plan = Plan::new(values, survey, first, levels);
    let mut others = [NO_LEVEL; BLOCK_LEN];
    let mut or_cheaper = |plan: Plan, levels: &mut Levels, scheme| {
        let other = Plan::new(values, survey, scheme, &mut others);
        if other.bytes >= plan.bytes {
            return plan;
        }
        levels[..values.len()].copy_from_slice(&others[..values.len()]);
        other
    };
    if plan.unfit > values.len() / 32 {
        // The sample may have missed the digits of a burst.
        let unfit = |at: usize, value| levels[at] == NO_LEVEL && !is_missing(value);
        let second = scheme(&Sample::of(values, unfit));
        plan = or_cheaper(plan, levels, second);
    }
    // Every number has an ordered level: so no block is larger than its values.
    let whole = packed_bytes(values.len(), u32::BITS);
    if plan.unfit > values.len() / 32 || plan.bytes > whole {
        plan = or_cheaper(plan, levels, Scheme::Ordered);
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

    /// How many fit; 0 if they are not more than `most`.
    fn count(&self, most: usize, fits: impl Fn(f32) -> bool) -> usize {
        // Zeros behind the end are counted and taken off: a loop of constant length is vectorised.
        let behind = if fits(0.0) { SAMPLE_LEN - self.len } else { 0 };
        let mut fit = 0;
        for (part, values) in self.values.as_chunks::<PART_LEN>().0.iter().enumerate() {
            fit += values.iter().map(|&value| u32::from(fits(value))).sum::<u32>() as usize;
            if fit + SAMPLE_LEN - PART_LEN * (part + 1) <= most + behind {
                return 0;
            }
        }
        fit - behind
    }

    /// The smallest power at which all have a level, else the one at which most do, if those are
    /// three quarters: more exceptions would cost more than they save.
    fn best(&self, level: impl Fn(f32, f32) -> i32) -> Option<Power> {
        let mut best = None;
        let mut most = (self.len * 3).div_ceil(4).max(1) - 1;
        for power in Power::all() {
            let ten = power.ten();
            let fit = self.count(most, |value| level(value, ten).unsigned_abs() <= MAX_LEVEL);
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
    let mut levels = [NO_LEVEL; BLOCK_LEN];
    let plan = plan(values, &mut levels);
    let mut block: Arc<[u8]> = repeat_n(0, HEADER_LEN + plan.bytes).collect();
    // Nobody else has it yet.
    if let Some((head, body)) = Arc::get_mut(&mut block).and_then(<[u8]>::split_first_chunk_mut) {
        *head =
            Header { scheme: plan.scheme, frame: plan.choice.frame, len: values.len() }.to_bytes();
        plan.write(&levels[..values.len()], values, body);
    }
    block
}

fn pack_group(frame: Frame, levels: &[i32], values: &[f32], packed: &mut [u8]) {
    let mut integers = [0; GROUP_LEN];
    let Some(highest) = frame.highest() else {
        // Nothing but missing samples, all of them marked.
        return;
    };
    let marked = frame.missing().unwrap_or(0);
    for ((integer, &level), &value) in integers.iter_mut().zip(levels).zip(values) {
        let offset = level.wrapping_sub(frame.base).cast_unsigned();
        // Masks, as the compiler makes vectors of them.
        let held = u32::from(offset <= highest).wrapping_neg();
        let missing = u32::from(is_missing(value)).wrapping_neg();
        *integer = (offset & held) | (marked & missing);
    }
    pack(&integers, frame.width, packed);
}
