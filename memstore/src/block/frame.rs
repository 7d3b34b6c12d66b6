//! The search for a frame of reference.
//!
//! A frame is a lowest level and a width in bits. Values outside of it are stored as exceptions, so
//! that one outlier does not make all values wide; the search finds a frame that is cheap, low and
//! high outliers alike. It looks at the levels through histograms of [`BUCKETS`] buckets: first of
//! all levels, then of the best bucket, as long as that pays.

use super::pack::{mask, packed_bytes};
use super::{EXCEPTION_LEN, scheme::NO_LEVEL};

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

    /// The integer of a level, if the frame holds it.
    #[inline]
    pub(super) fn integer(self, level: i32) -> Option<u32> {
        // How many levels fit; of all 2^32 `NO_LEVEL` is none.
        let end = (1_u64 << self.width) - u64::from(self.marks_missing);
        let offset = level.wrapping_sub(self.base).cast_unsigned();
        (u64::from(offset) < end && level != NO_LEVEL).then_some(offset)
    }
}

const BUCKET_BITS: u32 = 6;
const BUCKETS: usize = 1 << BUCKET_BITS;

/// Levels under consideration: `low..=low + span`.
#[derive(Clone, Copy)]
struct Window {
    low: i32,
    span: u32,
}

impl Window {
    /// The least that holds all levels.
    fn of(levels: &[i32]) -> Option<Self> {
        let (mut low, mut high) = (i32::MAX, NO_LEVEL);
        for &level in levels {
            let or_high = if level == NO_LEVEL { i32::MAX } else { level };
            low = if or_high < low { or_high } else { low };
            high = if level > high { level } else { high };
        }
        (high != NO_LEVEL).then(|| Self { low, span: high.wrapping_sub(low).cast_unsigned() })
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

/// Finds the frame for `levels`, of which `missing` are missing samples and `unfit` have no level
/// for another reason.
pub(super) fn find(levels: &[i32], missing: usize, unfit: usize) -> Choice {
    let Some(mut window) = Window::of(levels) else {
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
    while let Some(narrower) = Histogram::of(levels, window).choose(&values, &mut best) {
        window = narrower;
    }
    if best.frame == whole.frame {
        return whole;
    }
    // The search has estimated what the marked integer displaces.
    let held = levels.iter().filter(|&&level| best.frame.integer(level).is_some()).count();
    best.exceptions = values.to_hold - held;
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

impl Histogram {
    fn of(levels: &[i32], window: Window) -> Self {
        let shift = bits(window.span).saturating_sub(BUCKET_BITS);
        // What is outside counts in a bucket of its own, which saves a branch.
        let mut counts = [[0_i16; BUCKETS + 1]; 2];
        for pair in levels.chunks(2) {
            for (counts, &level) in counts.iter_mut().zip(pair) {
                let offset = window.offset(level);
                let bucket =
                    if offset <= window.span { (offset >> shift) as usize } else { BUCKETS };
                counts[bucket.min(BUCKETS)] += 1;
            }
        }
        let mut before = [0; BUCKETS + 1];
        let mut sum = 0;
        for bucket in 0..BUCKETS {
            before[bucket] = sum;
            sum += counts[0][bucket] + counts[1][bucket];
        }
        before[BUCKETS] = sum;
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
    /// is, less what an integer that is taken displaces.
    fn densest(&self, log: u32, marks_missing: bool) -> (i32, usize) {
        let taken = usize::from(marks_missing && self.shift == 0);
        let buckets = (1 << log) - taken;
        let held = self.most(buckets);
        let first = self.first_with(buckets, held);
        #[expect(clippy::cast_possible_truncation, reason = "less than 64")]
        let offset = ((first as u32) << self.shift).cast_signed();
        // In a wide bucket nobody knows: as many as on average.
        let displaced =
            if marks_missing && self.shift > 0 { held >> (self.shift + log).min(15) } else { 0 };
        (self.window.low.wrapping_add(offset), usize::from((held - displaced).unsigned_abs()))
    }

    /// Tries every width that is a number of buckets; puts the cheapest frame into `best` if it is
    /// cheaper. Returns where to look further, if anything narrower could be cheaper yet.
    fn choose(&self, values: &Values, best: &mut Choice) -> Option<Window> {
        let marks_missing = values.marks_missing;
        let mut narrower = None;
        for log in (0..=BUCKET_BITS).rev() {
            let width = self.shift + log;
            if marks_missing && width == 0 {
                break; // The one integer there is would be taken.
            }
            let (base, held) = self.densest(log, marks_missing);
            let exceptions = values.to_hold.saturating_sub(held);
            let choice = Choice { frame: Frame { base, width, marks_missing }, exceptions };
            if choice.bytes(values.len) < best.bytes(values.len) {
                *best = choice;
            }
            let may_pay = exceptions * EXCEPTION_LEN < best.bytes(values.len);
            let is_bucket = log == 0 && self.shift > 0;
            narrower = (is_bucket && may_pay).then(|| Window { low: base, span: mask(width) });
        }
        narrower
    }
}
