//! The search for a frame of reference.
//!
//! A frame is a lowest level and a width in bits. Values outside of it are stored as exceptions, so
//! that one outlier does not make all values wide; the search finds a frame that is cheap, low and
//! high outliers alike. It looks at the levels through histograms of [`BUCKETS`] buckets: first of
//! all levels, then of those in the best bucket, as long as that pays.

use super::pack::{mask, packed_bytes};
use super::{BLOCK_LEN, EXCEPTION_LEN, scheme::NO_LEVEL};

/// A lowest level and a width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) base: i32,
    /// In bits, at most 32.
    pub(super) width: u32,
    /// Whether the highest integer of that width stands for a missing sample.
    pub(super) marks_missing: bool,
}

impl Frame {
    /// The integer of a missing sample, if there is one.
    pub(super) fn missing(self) -> Option<u32> {
        self.marks_missing.then_some(mask(self.width))
    }

    /// The integer of the highest level that the frame holds, if it holds one. That of `NO_LEVEL`
    /// is above it.
    pub(super) fn highest(self) -> Option<u32> {
        let of_width = mask(self.width).checked_sub(u32::from(self.marks_missing))?;
        Some(of_width.min(i32::MAX.wrapping_sub(self.base).cast_unsigned()))
    }

    /// How many levels the frame holds.
    fn held(self, levels: &[i32]) -> usize {
        let Some(highest) = self.highest() else { return 0 };
        let offsets = levels.iter().map(|level| level.wrapping_sub(self.base).cast_unsigned());
        offsets.map(|offset| u32::from(offset <= highest)).sum::<u32>() as usize
    }
}

const BUCKET_BITS: u32 = 6;
const BUCKETS: usize = 1 << BUCKET_BITS;
/// The bucket of what lies outside: that it counts somewhere saves a branch.
const OUTSIDE: u32 = 1 << BUCKET_BITS;

/// Neighbours are often in the same bucket: with counters of their own none waits for the other.
/// The levels of a block are few enough that each counts in a byte.
const COUNTERS: usize = 4;
const _: () = assert!(BLOCK_LEN / COUNTERS + BLOCK_LEN / PIECE * COUNTERS <= u8::MAX as usize);
/// Levels whose buckets are found before they are counted, so that the compiler makes vectors of it.
const PIECE: usize = 128;

/// Levels under consideration: `low..=low + span`.
#[derive(Clone, Copy)]
pub(super) struct Window {
    low: i32,
    span: u32,
}

impl Window {
    /// From one level to another one, which is not lower.
    pub(super) fn new(low: i32, high: i32) -> Self {
        Self { low, span: high.wrapping_sub(low).cast_unsigned() }
    }

    /// A bucket of a wider one: no further than levels go, so that `NO_LEVEL` is not in it.
    fn bucket(low: i32, width: u32) -> Self {
        Self { low, span: mask(width).min(i32::MAX.wrapping_sub(low).cast_unsigned()) }
    }

    /// The least that holds all levels.
    pub(super) fn of(levels: &[i32]) -> Option<Self> {
        let (mut low, mut high) = (i32::MAX, NO_LEVEL);
        for &level in levels {
            let or_high = if level == NO_LEVEL { i32::MAX } else { level };
            low = if or_high < low { or_high } else { low };
            high = if level > high { level } else { high };
        }
        (high != NO_LEVEL).then(|| Self::new(low, high))
    }

    /// The least that holds all levels that this one holds, of which there is one.
    fn tightened(self, levels: &[i32]) -> Self {
        let last = self.low.saturating_add_unsigned(self.span);
        let (mut low, mut high) = (last, self.low);
        for &level in levels {
            let (or_last, or_low) =
                if self.offset(level) <= self.span { (level, level) } else { (last, self.low) };
            low = if or_last < low { or_last } else { low };
            high = if or_low > high { or_low } else { high };
        }
        Self::new(low, high)
    }

    fn offset(self, level: i32) -> u32 {
        level.wrapping_sub(self.low).cast_unsigned()
    }
}

/// The bits that numbers up to `span` need.
const fn bits(span: u32) -> u32 {
    u32::BITS - span.leading_zeros()
}

/// A frame, and how many values it leaves as exceptions.
#[derive(Clone, Copy)]
pub(super) struct Choice {
    pub(super) frame: Frame,
    pub(super) exceptions: usize,
}

impl Choice {
    /// What it takes to store `len` values.
    pub(super) fn bytes(self, len: usize) -> usize {
        packed_bytes(len, self.frame.width) + self.exceptions * EXCEPTION_LEN
    }
}

/// Finds the frame for `levels`, which are in `window` but for the `missing` samples and the `unfit`
/// ones that have none.
pub(super) fn find(levels: &[i32], window: Option<Window>, missing: usize, unfit: usize) -> Choice {
    let Some(mut window) = window else {
        let frame = Frame { base: 0, width: 0, marks_missing: missing > 0 };
        return Choice { frame, exceptions: unfit };
    };
    let marks_missing = marks_missing(levels.len(), window.span, missing);
    let width = bits(window.span.saturating_add(u32::from(marks_missing)));
    let unmarked = if marks_missing { 0 } else { missing };
    let whole = Choice {
        frame: Frame { base: window.low, width, marks_missing },
        exceptions: unfit + unmarked,
    };
    let values =
        Values { len: levels.len(), to_hold: levels.len() - missing + unmarked, marks_missing };
    let mut best = whole;
    // Every window is a bucket of the one before it.
    while let Some(bucket) = Histogram::of(levels, window).choose(&values, &mut best) {
        window = bucket.tightened(levels);
    }
    if best.frame == whole.frame {
        return whole;
    }
    // The search has estimated what the marked integer displaces.
    best.exceptions = values.to_hold - best.frame.held(levels);
    if best.bytes(levels.len()) < whole.bytes(levels.len()) { best } else { whole }
}

/// Whether it is cheaper to reserve an integer for missing samples than to store them as exceptions.
fn marks_missing(len: usize, span: u32, missing: usize) -> bool {
    let (without, with) = (bits(span), bits(span.saturating_add(1)));
    let reserved = packed_bytes(len, with);
    missing > 0 && reserved <= packed_bytes(len, without) + missing * EXCEPTION_LEN
}

/// What is to be stored.
struct Values {
    len: usize,
    /// How many are to be in the frame, or else are exceptions.
    to_hold: usize,
    marks_missing: bool,
}

/// How many levels lie in each part of a window.
struct Histogram {
    window: Window,
    /// A bucket holds `1 << shift` levels.
    shift: u32,
    /// How many levels lie before each bucket; the last entry is all of the window.
    before: [i16; BUCKETS + 1],
}

/// How many levels lie in each bucket of `1 << shift` levels.
#[inline]
fn bucket_counts(levels: &[i32], window: Window, shift: u32) -> [i16; BUCKETS] {
    let mut counts = [[0_u8; 2 * BUCKETS]; COUNTERS];
    for levels in levels.chunks(PIECE) {
        let mut buckets = [0_u8; PIECE];
        for (bucket, &level) in buckets.iter_mut().zip(levels) {
            let offset = window.offset(level);
            let outside = u32::from(offset > window.span).wrapping_neg();
            [*bucket, ..] = (((offset >> shift) & !outside) | (OUTSIDE & outside)).to_le_bytes();
        }
        let (groups, rest) = buckets[..levels.len()].as_chunks::<COUNTERS>();
        for group in groups {
            for (counts, &bucket) in counts.iter_mut().zip(group) {
                counts[usize::from(bucket) % (2 * BUCKETS)] += 1;
            }
        }
        for &bucket in rest {
            counts[0][usize::from(bucket) % (2 * BUCKETS)] += 1;
        }
    }
    let mut sums = [0; BUCKETS];
    for counts in &counts {
        for (sum, &count) in sums.iter_mut().zip(counts) {
            *sum += i16::from(count);
        }
    }
    sums
}

impl Histogram {
    fn of(levels: &[i32], window: Window) -> Self {
        if window.span == 0 {
            let of_one = levels.iter().map(|&level| i16::from(level == window.low)).sum();
            let mut before = [of_one; BUCKETS + 1];
            before[0] = 0;
            return Self { window, shift: 0, before };
        }
        let shift = bits(window.span).saturating_sub(BUCKET_BITS);
        let mut before = [0; BUCKETS + 1];
        let mut sum = 0;
        for (before, count) in before[1..].iter_mut().zip(bucket_counts(levels, window, shift)) {
            sum += count;
            *before = sum;
        }
        Self { window, shift, before }
    }

    /// How many levels the best `buckets` buckets in a row hold.
    fn most(&self, buckets: usize) -> i16 {
        let mut most = 0;
        for (before, end) in self.before.iter().zip(&self.before[buckets..]) {
            let held = end - before;
            most = if held > most { held } else { most };
        }
        most
    }

    fn first_with(&self, buckets: usize, held: i16) -> usize {
        let ends = &self.before[buckets..];
        let found = self.before.iter().zip(ends).position(|(before, end)| end - before == held);
        found.unwrap_or(0)
    }

    /// The lowest level of the `1 << log` buckets in a row that hold the most, and how many that
    /// is: less what an integer that is taken displaces, and with that.
    fn densest(&self, log: u32, marks_missing: bool) -> (i32, usize, i16) {
        let taken = usize::from(marks_missing && self.shift == 0);
        let buckets = (1 << log) - taken;
        let held = self.most(buckets);
        let first = self.first_with(buckets, held);
        #[expect(clippy::cast_possible_truncation, reason = "less than 64")]
        let offset = ((first as u32) << self.shift).cast_signed();
        // In a wide bucket nobody knows: as many as on average.
        let displaced =
            if marks_missing && self.shift > 0 { held >> (self.shift + log).min(15) } else { 0 };
        let base = self.window.low.wrapping_add(offset);
        (base, usize::from((held - displaced).unsigned_abs()), held)
    }

    /// Tries every width that is a number of buckets; puts the cheapest frame into `best` if it is
    /// cheaper. Returns where to look further, if anything narrower could be cheaper yet.
    fn choose(&self, values: &Values, best: &mut Choice) -> Option<Window> {
        let marks_missing = values.marks_missing;
        let mut narrower = None;
        let mut most = self.before[BUCKETS];
        for log in (0..=BUCKET_BITS).rev() {
            let width = self.shift + log;
            if marks_missing && width == 0 {
                break; // The one integer there is would be taken.
            }
            // A frame holds no more than a wider one: if that was too little, all that follow are.
            let least = values.to_hold.saturating_sub(usize::from(most.unsigned_abs()));
            let of_exceptions = least * EXCEPTION_LEN;
            if of_exceptions >= best.bytes(values.len) {
                break;
            }
            let may_be_cheaper =
                packed_bytes(values.len, width) + of_exceptions < best.bytes(values.len);
            if !may_be_cheaper && log > 0 {
                continue;
            }
            let (base, held);
            (base, held, most) = self.densest(log, marks_missing);
            let exceptions = values.to_hold.saturating_sub(held);
            let choice = Choice { frame: Frame { base, width, marks_missing }, exceptions };
            if choice.bytes(values.len) < best.bytes(values.len) {
                *best = choice;
            }
            // Where it lies in the bucket, nothing need be displaced.
            let least = values.to_hold.saturating_sub(usize::from(most.unsigned_abs()));
            let may_pay = least * EXCEPTION_LEN < best.bytes(values.len);
            let is_bucket = log == 0 && self.shift > 0;
            narrower = (is_bucket && may_pay).then(|| Window::bucket(base, width));
        }
        narrower
    }
}
