//! The pseudo-random numbers of the simulation: `SplitMix64` (Steele, Lea, Flood 2014).
//!
//! Same seed, same numbers, for ever: files are told apart by their seed, so nothing here may change.
//! There is a stream of its own for each host and purpose; an option that draws more numbers for one
//! purpose leaves those of the others alone.

/// What a stream is for. The numbers are part of the streams' starts.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    Values = 1,
    Digits = 2,
    Seconds = 3,
    Lateness = 4,
}

#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn of(seed: u64, host: u32, purpose: Purpose) -> Self {
        Self(mix(mix(seed) ^ (u64::from(host) << 8 | purpose as u64)))
    }

    /// The next 64 random bits.
    #[inline]
    pub(super) fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }
}

#[inline]
fn mix(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

/// A number below the limit, from the upper 32 of random bits.
#[inline]
pub(super) fn below(bits: u64, limit: u32) -> u32 {
    (((bits >> 32) * u64::from(limit)) >> 32) as u32
}

/// Whether something happens that has this chance (of 2³²), from the lower 32 of random bits.
#[inline]
pub(super) fn happens(bits: u64, chance: u64) -> bool {
    (bits & 0xFFFF_FFFF) < chance
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_published_generator() {
        let mut random = Random(1_234_567);
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert_eq!([(); 5].map(|()| random.draw()), expected);
    }

    #[test]
    fn a_number_below_a_limit_can_be_each_of_them() {
        for limit in 1..300 {
            assert_eq!(below(0, limit), 0);
            assert_eq!(below(u64::MAX, limit), limit - 1);
        }
        assert!(!happens(0, 0) && happens(u64::MAX, 1 << 32));
    }

    #[test]
    fn no_two_streams_are_the_same() {
        let mut starts = Vec::new();
        for seed in 0..10 {
            for host in 0..100 {
                for purpose in
                    [Purpose::Values, Purpose::Digits, Purpose::Seconds, Purpose::Lateness]
                {
                    starts.push(Random::of(seed, host, purpose).0);
                }
            }
        }
        starts.sort_unstable();
        starts.dedup();
        assert_eq!(starts.len(), 4000);
    }
}
