//! Statistics of samples.
//!
//! Missing samples (NaN) and infinities are left out; sums are taken in `f64`. Statistics of parts
//! merge into those of the whole, so a long range is the merge of its blocks.

use crate::MISSING;

/// Number, sum, minimum and maximum of the finite samples of a stretch of a series.
///
/// ```
/// use memstore::Stats;
///
/// let stats = Stats::of(&[1.5, f32::NAN, 4.0, f32::INFINITY]);
/// assert_eq!((stats.count, stats.sum), (2, 5.5));
/// assert_eq!((stats.min, stats.max, stats.avg()), (1.5, 4.0, Some(2.75)));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Stats {
    /// How many samples are finite.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// The smallest, NaN if there is none.
    pub min: f32,
    /// The largest, NaN if there is none.
    pub max: f32,
}

impl Default for Stats {
    /// Those of no samples.
    fn default() -> Self {
        Self { count: 0, sum: 0.0, min: MISSING, max: MISSING }
    }
}

/// Independent partial results: one addition need not wait for the one before it, and the compiler
/// makes vectors of them.
const LANES: usize = 8;

struct Lanes {
    count: [u32; LANES],
    sum: [f64; LANES],
    min: [f32; LANES],
    max: [f32; LANES],
}

impl Lanes {
    const EMPTY: Self = Self {
        count: [0; LANES],
        sum: [0.0; LANES],
        min: [f32::INFINITY; LANES],
        max: [f32::NEG_INFINITY; LANES],
    };

    #[inline]
    fn add(&mut self, values: &[f32; LANES]) {
        for (lane, &value) in values.iter().enumerate() {
            // False for NaN, too.
            let finite = value.abs() <= f32::MAX;
            let [term, low, high] =
                if finite { [value; 3] } else { [0.0, f32::INFINITY, f32::NEG_INFINITY] };
            self.count[lane] += u32::from(finite);
            self.sum[lane] += f64::from(term);
            // Not `f32::min`: its rules for NaN cost two more instructions, and none gets here.
            self.min[lane] = if low < self.min[lane] { low } else { self.min[lane] };
            self.max[lane] = if high > self.max[lane] { high } else { self.max[lane] };
        }
    }

    fn merged(&self) -> Stats {
        let count = self.count.iter().map(|&n| u64::from(n)).sum();
        if count == 0 {
            return Stats::default();
        }
        Stats {
            count,
            sum: self.sum.iter().sum(),
            min: self.min.iter().copied().fold(f32::INFINITY, f32::min),
            max: self.max.iter().copied().fold(f32::NEG_INFINITY, f32::max),
        }
    }
}

impl Stats {
    /// The statistics of `values`.
    ///
    /// ```
    /// let stats = memstore::Stats::of(&[1.0, f32::NAN, 3.0, f32::INFINITY]);
    /// assert_eq!((stats.count, stats.sum, stats.min, stats.max), (2, 4.0, 1.0, 3.0));
    /// ```
    #[must_use]
    pub fn of(values: &[f32]) -> Self {
        // Parts short enough for the counts of the lanes.
        values.chunks(1 << 16).map(Self::of_part).fold(Self::default(), Self::merge)
    }

    fn of_part(values: &[f32]) -> Self {
        let mut lanes = Lanes::EMPTY;
        let (whole, rest) = values.as_chunks::<LANES>();
        for values in whole {
            lanes.add(values);
        }
        if !rest.is_empty() {
            let mut last = [MISSING; LANES];
            last[..rest.len()].copy_from_slice(rest);
            lanes.add(&last);
        }
        lanes.merged()
    }

    /// The statistics of what `self` and `other` cover together.
    ///
    /// ```
    /// # use memstore::Stats;
    /// let both = Stats::of(&[1.0]).merge(Stats::of(&[3.0]));
    /// assert_eq!((both.count, both.sum, both.max), (2, 4.0, 3.0));
    /// ```
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            sum: self.sum + other.sum,
            min: self.min.min(other.min),
            max: self.max.max(other.max),
        }
    }

    /// The arithmetic mean, if there is a sample.
    ///
    /// ```
    /// # use memstore::Stats;
    /// assert_eq!(Stats::of(&[1.0, 2.0]).avg(), Some(1.5));
    /// assert_eq!(Stats::default().avg(), None);
    /// ```
    #[must_use]
    pub fn avg(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}
