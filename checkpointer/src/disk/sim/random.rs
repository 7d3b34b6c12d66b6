//! Chance that repeats: the same seed gives the same numbers on every machine, for ever.

/// `SplitMix64`: small, fast, and good for every seed, also 0, 1, 2, ….
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number of `0..end`; 0 if that is empty.
    pub(super) fn below(&mut self, end: usize) -> usize {
        let scaled = (u128::from(self.next()) * end as u128) >> 64;
        usize::try_from(scaled).unwrap_or_default()
    }

    /// A number of `first..=last`.
    pub(super) fn between(&mut self, first: usize, last: usize) -> usize {
        first + self.below((last - first).saturating_add(1))
    }

    pub(super) fn coin(&mut self) -> bool {
        self.one_in(2)
    }

    pub(super) fn one_in(&mut self, count: u64) -> bool {
        count <= 1 || self.next().is_multiple_of(count)
    }

    pub(super) fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            [*byte, ..] = self.next().to_le_bytes();
        }
    }
}

/// How lucky one file or directory is in a power loss.
///
/// Drawn once for each: were every part to toss its own coin, a large file would never survive whole,
/// nor be lost whole.
#[derive(Clone, Copy, Debug)]
pub(super) enum Luck {
    None,
    Half,
    All,
}

impl Luck {
    pub(super) fn draw(random: &mut Random) -> Self {
        match random.below(5) {
            0 => Self::None,
            1 => Self::All,
            _ => Self::Half,
        }
    }

    /// Whether one part survives.
    pub(super) fn smiles(self, random: &mut Random) -> bool {
        match self {
            Self::None => false,
            Self::Half => random.coin(),
            Self::All => true,
        }
    }
}
