//! What can be done to a host: plain data, so that a failing history can be pasted into a test.

use super::random::Random;
use super::universe::Key;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) oldest: i64,
    pub(super) newest: i64,
    pub(super) takes_from: i64,
}

pub(super) const NO_LIMITS: Limits =
    Limits { oldest: i64::MIN, newest: i64::MAX, takes_from: i64::MIN };

/// Selectors are indices into [`SELECTORS`](super::universe::SELECTORS).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// A handle is asked for, and nothing written.
    Touch(Key),
    Write {
        key: Key,
        frequency: u32,
        timestamp: i64,
        bits: u32,
    },
    /// Many samples, one every `step` seconds, each off by `jitter` seconds at most.
    Stretch {
        key: Key,
        frequency: u32,
        from: i64,
        step: i64,
        jitter: i64,
        values: Values,
    },
    /// What counts as too old and too far ahead from here on.
    Limit(Limits),
    Load {
        key: Key,
        frequency: u32,
        start: i64,
        values: Values,
        foreign: bool,
        clean: bool,
    },
    SetFrequency {
        metric: usize,
        frequency: u32,
    },
    RaiseBoundary {
        key: Key,
        to: i64,
    },
    Capture,
    CaptureIsDurable,
    CaptureFails,
    Free {
        selector: usize,
        before: i64,
    },
    Read(Query),
    /// Taken under the lock now, read outside it at the next `Release`, whatever happens between.
    Hold(Query),
    Release,
    Health {
        now: i64,
    },
    CompareAll,
    /// All is saved, then all is freed.
    FreeAll,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) selector: usize,
    pub(super) metric: usize,
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) resolution: i64,
}

/// So many values of a kind, some of them missing; the same ones for the same seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Values {
    pub(super) kind: Kind,
    pub(super) count: usize,
    pub(super) missing_percent: u64,
    pub(super) seed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Constant,
    TwoDecimals,
    Counter,
    FullPrecision,
    /// Negative zero, subnormal numbers, the largest ones.
    Extreme,
    /// The same with infinities, as a file may hold them.
    Infinite,
    /// Of few different ones, so that a second one is often equal.
    Few,
}

const EXTREME: [f32; 9] = [
    0.0,
    -0.0,
    f32::from_bits(1),
    -1e-40,
    f32::MIN_POSITIVE,
    f32::MAX,
    f32::MIN,
    16_777_217.0,
    -0.1,
];

impl Values {
    /// For shrinking.
    pub(super) fn simpler(self) -> Vec<Self> {
        let Self { kind, count, missing_percent, seed } = self;
        let counts = [0, 1, count / 2, count - count / 8, count.saturating_sub(1)];
        let fewer = counts.into_iter().filter(|&fewer| fewer < count);
        let fewer = fewer.map(|count| Self { kind, count, missing_percent, seed });
        let plain = Self { kind: Kind::Constant, count, missing_percent: 0, seed: 0 };
        fewer.chain((plain != self).then_some(plain)).collect()
    }

    pub(super) fn list(self) -> Vec<f32> {
        let mut random = Random::new(self.seed);
        let base = random.within(-500, 100_000) as f32;
        let mut level = base;
        let mut all = Vec::new();
        for _ in 0..self.count {
            level += random.within(-3, 4) as f32;
            let value = self.kind.value(base, level, &mut random);
            all.push(if random.percent(self.missing_percent) { f32::NAN } else { value });
        }
        all
    }
}

impl Kind {
    pub(super) fn value(self, base: f32, level: f32, random: &mut Random) -> f32 {
        match self {
            Self::Constant => base,
            Self::TwoDecimals => (level + random.within(0, 99) as f32) / 100.0,
            Self::Counter => level,
            Self::FullPrecision => level * (random.bits() as u32 as f32 / 4e9),
            Self::Extreme => random.one_of(&EXTREME),
            Self::Infinite => random.one_of(&[f32::INFINITY, f32::NEG_INFINITY, -0.0, 2.5]),
            Self::Few => random.one_of(&[0.0, -0.0, 1.0]),
        }
    }
}
