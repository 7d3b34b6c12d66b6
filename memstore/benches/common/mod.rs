//! Series like those of a compute cluster, the same for the same seed.

/// Numbers that look random: `SplitMix64`.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to 1, without 1.
    pub(crate) fn fraction(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From -1 to 1, more often in the middle.
    pub(crate) fn step(&mut self) -> f64 {
        self.fraction() + self.fraction() - 1.0
    }
}

/// What a series looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One value, such as a limit or an unused device.
    Constant,
    /// A walk with two decimals, such as a load.
    Decimal,
    /// An integer that grows, such as bytes sent.
    Counter,
    /// A walk with all the digits that an `f32` has, such as a power.
    Float,
    /// Zeros, and at times a stretch of activity with two decimals, such as I/O.
    Burst,
}

/// Every kind.
pub(crate) const KINDS: [Kind; 5] =
    [Kind::Constant, Kind::Decimal, Kind::Counter, Kind::Float, Kind::Burst];

/// `len` values of a series, 0.5 % of them missing.
pub(crate) fn series(kind: Kind, seed: u64, len: usize) -> Vec<f32> {
    let mut random = Random::new(seed);
    let start = 10.0 + 90.0 * random.fraction();
    let mut state = start;
    let mut active = false;
    let mut values = Vec::with_capacity(len);
    for _ in 0..len {
        let value = match kind {
            Kind::Constant => start.round(),
            Kind::Decimal => {
                // Pulled back, as a load does not wander off.
                state += random.step() * start / 20.0 + (start - state) / 50.0;
                (state * 100.0).round() / 100.0
            }
            Kind::Counter => {
                state += (random.fraction() * 2000.0).round();
                state.round()
            }
            Kind::Float => {
                state += random.step() * start / 20.0 + (start - state) / 50.0;
                state
            }
            Kind::Burst => {
                active ^= random.fraction() < if active { 0.1 } else { 0.02 };
                if active { (random.fraction() * 50_000.0).round() / 100.0 } else { 0.0 }
            }
        };
        let missing = random.fraction() < 0.005;
        values.push(if missing { f32::NAN } else { value as f32 });
    }
    values
}

/// The kinds of a device's metrics, in turn.
const NODE: [Kind; 5] = [Kind::Decimal, Kind::Counter, Kind::Burst, Kind::Constant, Kind::Decimal];
const SOCKET: [Kind; 3] = [Kind::Decimal, Kind::Float, Kind::Decimal];
const HWTHREAD: [Kind; 4] = [Kind::Decimal, Kind::Decimal, Kind::Burst, Kind::Decimal];
const ACCELERATOR: [Kind; 3] = [Kind::Decimal, Kind::Constant, Kind::Burst];

/// The 632 series of a host: 20 metrics of the node, 2 sockets with 6, 72 hardware threads with 8
/// and 4 accelerators with 6 metrics each.
pub(crate) fn host(seed: u64, len: usize) -> Vec<Vec<f32>> {
    let devices = [(&NODE[..], 20), (&SOCKET, 2 * 6), (&HWTHREAD, 72 * 8), (&ACCELERATOR, 4 * 6)];
    let kinds = devices.iter().flat_map(|(kinds, count)| kinds.iter().cycle().take(*count));
    kinds.zip(seed << 16..).map(|(kind, seed)| series(*kind, seed, len)).collect()
}
