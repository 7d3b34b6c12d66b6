//! How series evolve: from the value of a minute, and random bits, to that of the next.
//!
//! The state of a series is one number, in hundredths where the values have decimals.

use super::random::below;

/// What the values of a series look like. Quantities are in hundredths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The same value, in the range, for ever.
    Constant { low: u32, high: u32 },
    /// A random walk inside of a range.
    Walk { low: u32, high: u32, step: u32 },
    /// Zero for about an hour, then something in the range for some minutes.
    Burst { low: u32, high: u32 },
    /// An integer that only grows, as collectors send it that know floats alone.
    Counter { step: u32 },
    /// The same, sent as the integer it is: `17i`.
    SignedCounter { step: u32 },
}

/// A value as it is sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Hundredths(u64),
    Integer(u64),
    SignedInteger(u64),
    Single(f32),
    Double(f64),
}

// A burst begins once in 64 minutes, and ends after 8, in the mean.
const BURST_BEGINS: u32 = 64;
const BURST_ENDS: u32 = 8;

impl Kind {
    /// The value before the first minute.
    pub(super) fn first(self, bits: u64) -> u64 {
        let first = match self {
            Self::Constant { low, high } | Self::Walk { low, high, .. } => {
                low + below(bits, high - low + 1)
            }
            Self::Burst { .. } => 0,
            // As if the host had been running for up to two months.
            Self::Counter { step } | Self::SignedCounter { step } => {
                return u64::from(step / 2) * u64::from(below(bits, 86_400));
            }
        };
        first.into()
    }

    /// The next value.
    #[inline]
    pub(super) fn next(self, value: u64, bits: u64) -> u64 {
        match self {
            Self::Constant { .. } => value,
            Self::Walk { low, high, step } => {
                let there =
                    (value + u64::from(below(bits, 2 * step + 1))).saturating_sub(step.into());
                there.clamp(low.into(), high.into())
            }
            Self::Burst { low, high } => {
                let changes = if value == 0 { BURST_BEGINS } else { BURST_ENDS };
                let chance = below(bits, changes * (high - low + 1));
                let (choice, drawn) = (chance % changes, chance / changes);
                if (value == 0) == (choice == 0) { u64::from(low + drawn) } else { 0 }
            }
            Self::Counter { step } | Self::SignedCounter { step } => {
                value.wrapping_add(below(bits, step + 1).into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::metrics::HOST;
    use super::super::random::{Purpose, Random};
    use super::*;

    /// A day of one series.
    fn day(kind: Kind, seed: u64) -> Vec<u64> {
        let mut random = Random::of(seed, 0, Purpose::Values);
        let mut value = kind.first(random.draw());
        let mut next = || {
            value = kind.next(value, random.draw());
            value
        };
        (0..1440).map(|_| next()).collect()
    }

    #[test]
    fn every_series_behaves_as_its_kind_says() {
        for metric in HOST.iter().flat_map(|devices| devices.metrics) {
            for seed in 0..20 {
                let values = day(metric.kind, seed);
                let within = |low: u32, high: u32| {
                    values.iter().all(|v| (u64::from(low)..=u64::from(high)).contains(v))
                };
                match metric.kind {
                    Kind::Constant { low, high } => {
                        assert!(within(low, high) && values.iter().all(|v| *v == values[0]));
                    }
                    Kind::Walk { low, high, step } => {
                        assert!(within(low, high), "{}", metric.name);
                        assert!(values.windows(2).all(|v| v[0].abs_diff(v[1]) <= step.into()));
                        assert!(values.windows(2).filter(|v| v[0] != v[1]).count() > 500);
                    }
                    Kind::Burst { low, high } => {
                        let on = values.iter().filter(|v| **v > 0).count();
                        assert!((1..720).contains(&on), "{}: {on}", metric.name);
                        let is_value = |v: &u64| (u64::from(low)..=u64::from(high)).contains(v);
                        assert!(values.iter().all(|v| *v == 0 || is_value(v)));
                    }
                    Kind::Counter { step } | Kind::SignedCounter { step } => {
                        let steps = values.windows(2).map(|v| v[1].checked_sub(v[0]).unwrap());
                        assert!(
                            steps.max().is_some_and(|most| (1..=u64::from(step)).contains(&most))
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn no_range_overflows() {
        for metric in HOST.iter().flat_map(|devices| devices.metrics) {
            match metric.kind {
                Kind::Burst { low, high } => {
                    assert!(low > 0 && (high - low + 1).checked_mul(BURST_BEGINS).is_some());
                }
                Kind::Walk { low, high, step } => assert!(low < high && step < u32::MAX / 2),
                Kind::Constant { low, high } => assert!(low <= high),
                Kind::Counter { step } | Kind::SignedCounter { step } => assert!(step < u32::MAX),
            }
        }
    }
}
