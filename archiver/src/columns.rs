//! The rows of a row group, column by column, until they are encoded.
//!
//! Names come in runs and stand once: what is held for each row is its time and its value.

use crate::chunk::{Bounds, Chunk, ChunkBuilder};
use crate::encode::{bit_width, delta, rle, split};
use crate::error::ArchiveError;
use crate::schema;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use parquet::basic::{BoundaryOrder, Encoding};
use parquet::data_type::ByteArray;
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::schema::types::ColumnDescPtr;
use std::borrow::Borrow;
use std::hash::Hash;
use zstd::bulk::Compressor;

/// Rows of a page, the same of most columns, so that a reader that skips by one skips all.
const PAGE_ROWS: usize = 1 << 15;

/// How a column of runs is cut: what changes once in many pages has one page in a row group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    Pages,
    Whole,
}

/// Bytes of a name that statistics keep.
const BOUND_LEN: usize = 64;

/// A column whose values repeat: distinct ones, and the runs in which they come.
#[derive(Debug)]
pub(crate) struct Runs<K> {
    numbers: HashMap<K, u32, FixedState>,
    runs: Vec<(u32, usize)>,
}

impl<K> Default for Runs<K> {
    fn default() -> Self {
        Self { numbers: HashMap::default(), runs: Vec::new() }
    }
}

impl<K: Eq + Hash + Ord> Runs<K> {
    /// Appends `count` times `value`; whether it is a new one.
    pub(crate) fn push<Q>(&mut self, value: &Q, count: usize) -> bool
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
    {
        let known = self.numbers.get(value).copied();
        #[expect(clippy::cast_possible_truncation, reason = "not more than rows of a row group")]
        let number = known.unwrap_or(self.numbers.len() as u32);
        if known.is_none() {
            self.numbers.insert(value.to_owned(), number);
        }
        match self.runs.last_mut() {
            Some((last, rows)) if *last == number => *rows += count,
            _ => self.runs.push((number, count)),
        }
        known.is_none()
    }

    pub(crate) fn clear(&mut self) {
        self.numbers.clear();
        self.runs.clear();
    }

    /// Encodes the column; `plain` writes one value of the dictionary, `bounds` those of a page,
    /// `statistics` those of the column, if the footer has any.
    fn encode(
        &self,
        mut chunk: ChunkBuilder<'_, '_>,
        cut: Cut,
        plain: impl Fn(&K, &mut Vec<u8>),
        bounds: impl Fn(&K, &K) -> Bounds,
        statistics: impl Fn(&K, &K) -> Option<Statistics>,
    ) -> Result<Chunk, ArchiveError> {
        let mut sorted: Vec<(&K, u32)> = self.numbers.iter().map(|(key, n)| (key, *n)).collect();
        sorted.sort_unstable();
        let mut ranks = vec![0; sorted.len()];
        let mut buffer = Vec::new();
        for (rank, (key, number)) in (0..).zip(&sorted) {
            plain(key, &mut buffer);
            ranks[*number as usize] = rank;
        }
        chunk.dictionary(&buffer, sorted.len())?;
        // A width of 0, though right for one entry, is not read by everyone.
        let width = bit_width(sorted.len().saturating_sub(1) as u64).max(1);
        let mut order = Order::default();
        for page in pages(&self.runs, cut) {
            let runs = page.iter().map(|(number, rows)| (ranks[*number as usize], *rows));
            let (Some(min), Some(max)) = (runs.clone().min(), runs.clone().max()) else { continue };
            let (min, max) = (min.0, max.0);
            order.push(min, max);
            buffer.clear();
            rle::runs(width, runs.clone(), &mut buffer);
            let bounds = bounds(sorted[min as usize].0, sorted[max as usize].0);
            let rows = runs.map(|(_, rows)| rows).sum();
            chunk.page(Encoding::RLE_DICTIONARY, rows, &buffer, bounds)?;
        }
        let (Some((first, _)), Some((last, _))) = (sorted.first(), sorted.last()) else {
            return Err(ArchiveError::Encode("a row group without rows".to_owned()));
        };
        chunk.finish(statistics(first, last), order.of_pages())
    }
}

/// Cuts runs into pages.
fn pages(runs: &[(u32, usize)], cut: Cut) -> Vec<Vec<(u32, usize)>> {
    if cut == Cut::Whole {
        return vec![runs.to_vec()];
    }
    let (mut pages, mut page, mut room) = (Vec::new(), Vec::new(), PAGE_ROWS);
    for &(number, mut rows) in runs {
        while rows > 0 {
            let taken = rows.min(room);
            page.push((number, taken));
            rows -= taken;
            room -= taken;
            if room == 0 {
                pages.push(std::mem::take(&mut page));
                room = PAGE_ROWS;
            }
        }
    }
    if !page.is_empty() {
        pages.push(page);
    }
    pages
}

/// Whether the bounds of pages ascend: a reader then searches them instead of looking at all.
#[derive(Debug)]
struct Order<T> {
    last: Option<(T, T)>,
    ascends: bool,
}

impl<T> Default for Order<T> {
    fn default() -> Self {
        Self { last: None, ascends: true }
    }
}

impl<T: PartialOrd> Order<T> {
    fn push(&mut self, min: T, max: T) {
        self.ascends &= self.last.as_ref().is_none_or(|last| last.0 <= min && last.1 <= max);
        self.last = Some((min, max));
    }

    fn of_pages(&self) -> BoundaryOrder {
        if self.ascends { BoundaryOrder::ASCENDING } else { BoundaryOrder::UNORDERED }
    }
}

/// Encodes a column of names.
pub(crate) fn texts(
    runs: &Runs<String>,
    cut: Cut,
    descr: ColumnDescPtr,
    compressor: &mut Compressor<'_>,
) -> Result<Chunk, ArchiveError> {
    let plain = |text: &String, out: &mut Vec<u8>| {
        #[expect(clippy::cast_possible_truncation, reason = "a name is shorter than its snapshot")]
        out.extend((text.len() as u32).to_le_bytes());
        out.extend(text.as_bytes());
    };
    let bounds = |min: &String, max: &String| Bounds {
        min: not_above(min).as_bytes().to_vec(),
        max: not_below(max).into_bytes(),
    };
    let is_bounded = schema::is_bounded(descr.name());
    let statistics = |min: &String, max: &String| {
        if !is_bounded {
            return None;
        }
        let (low, high) = (not_above(min), not_below(max));
        let (low_is_exact, high_is_exact) = (low.len() == min.len(), high == *max);
        let [low, high] =
            [low.as_bytes(), high.as_bytes()].map(|bytes| Some(ByteArray::from(bytes.to_vec())));
        let statistics = ValueStatistics::new(low, high, None, Some(0), false)
            .with_min_is_exact(low_is_exact)
            .with_max_is_exact(high_is_exact);
        Some(Statistics::ByteArray(statistics))
    };
    runs.encode(ChunkBuilder::new(descr, compressor), cut, plain, bounds, statistics)
}

/// The beginning of a text: a bound below it.
fn not_above(text: &str) -> &str {
    text.get(..text.floor_char_boundary(BOUND_LEN)).unwrap_or(text)
}

/// A text that is no longer, and not below `text`: its beginning, the last character raised.
fn not_below(text: &str) -> String {
    let beginning = not_above(text);
    if beginning.len() == text.len() {
        return text.to_owned();
    }
    let mut beginning = beginning.to_owned();
    while let Some(last) = beginning.pop() {
        let raised = match last {
            '\u{D7FF}' => Some('\u{E000}'),
            other => char::from_u32(u32::from(other) + 1),
        };
        if let Some(raised) = raised {
            beginning.push(raised);
            return beginning;
        }
    }
    text.to_owned() // Nothing but the greatest character: the text is its own bound.
}

/// Encodes a column of integers that repeat.
pub(crate) fn repeated(
    runs: &Runs<i64>,
    descr: ColumnDescPtr,
    compressor: &mut Compressor<'_>,
) -> Result<Chunk, ArchiveError> {
    let plain = |value: &i64, out: &mut Vec<u8>| out.extend(value.to_le_bytes());
    let chunk = ChunkBuilder::new(descr, compressor);
    runs.encode(chunk, Cut::Whole, plain, |min, max| integer_bounds(*min, *max), |_, _| None)
}

fn integer_bounds(min: i64, max: i64) -> Bounds {
    Bounds { min: min.to_le_bytes().to_vec(), max: max.to_le_bytes().to_vec() }
}

/// Encodes a column of times.
pub(crate) fn times(
    times: &[i64],
    descr: ColumnDescPtr,
    compressor: &mut Compressor<'_>,
) -> Result<Chunk, ArchiveError> {
    let mut chunk = ChunkBuilder::new(descr, compressor);
    let (mut least, mut greatest) = (i64::MAX, i64::MIN);
    let mut order = Order::default();
    let mut buffer = Vec::new();
    for page in times.chunks(PAGE_ROWS) {
        let (min, max) = page
            .iter()
            .fold((i64::MAX, i64::MIN), |(min, max), &time| (min.min(time), max.max(time)));
        (least, greatest) = (least.min(min), greatest.max(max));
        order.push(min, max);
        buffer.clear();
        delta::encode(page, &mut buffer);
        chunk.page(Encoding::DELTA_BINARY_PACKED, page.len(), &buffer, integer_bounds(min, max))?;
    }
    let statistics = Statistics::int64(Some(least), Some(greatest), None, Some(0), false);
    chunk.finish(Some(statistics), order.of_pages())
}

/// Encodes the column of values, as a dictionary or split into bytes: what is smaller.
pub(crate) fn values(
    values: &[f32],
    descr: &ColumnDescPtr,
    compressor: &mut Compressor<'_>,
) -> Result<Chunk, ArchiveError> {
    let bounds: Vec<(f32, f32)> = values.chunks(PAGE_ROWS).map(float_bounds).collect();
    let split = split_values(values, &bounds, ChunkBuilder::new(descr.clone(), compressor))?;
    let Some(dictionary) = Dictionary::of(values, split.bytes.len()) else { return Ok(split) };
    let dictionary = dictionary.encode(&bounds, ChunkBuilder::new(descr.clone(), compressor))?;
    Ok(if dictionary.bytes.len() < split.bytes.len() { dictionary } else { split })
}

fn split_values(
    values: &[f32],
    bounds: &[(f32, f32)],
    mut chunk: ChunkBuilder<'_, '_>,
) -> Result<Chunk, ArchiveError> {
    let mut buffer = Vec::new();
    for (page, bounds) in values.chunks(PAGE_ROWS).zip(bounds) {
        buffer.clear();
        split::encode(page, &mut buffer);
        chunk.page(Encoding::BYTE_STREAM_SPLIT, page.len(), &buffer, page_bounds(*bounds))?;
    }
    finish_values(chunk, bounds)
}

/// The distinct values in order of appearance, and each value's place among them.
struct Dictionary {
    entries: Vec<u8>,
    indexes: Vec<u32>,
}

impl Dictionary {
    /// Entries from which on splitting is smaller whatever the values: an index alone takes as many
    /// bits as a split value keeps.
    const ENTRIES_MAX: usize = 1 << 17;

    /// None if its entries alone are larger than `limit`, or too many.
    fn of(values: &[f32], limit: usize) -> Option<Self> {
        let entries_max = Self::ENTRIES_MAX.min(limit / size_of::<f32>());
        let mut numbers: HashMap<u32, u32, FixedState> = HashMap::default();
        let mut entries = Vec::new();
        let mut indexes = Vec::with_capacity(values.len());
        let mut last = None;
        for value in values {
            let bits = value.to_bits();
            // Idle devices and limits: the same value again and again.
            if let Some((known, number)) = last
                && known == bits
            {
                indexes.push(number);
                continue;
            }
            #[expect(clippy::cast_possible_truncation, reason = "at most ENTRIES_MAX")]
            let next = numbers.len() as u32;
            let number = *numbers.entry(bits).or_insert(next);
            if number == next {
                entries.extend(bits.to_le_bytes());
                if numbers.len() > entries_max {
                    return None;
                }
            }
            indexes.push(number);
            last = Some((bits, number));
        }
        Some(Self { entries, indexes })
    }

    fn encode(
        &self,
        bounds: &[(f32, f32)],
        mut chunk: ChunkBuilder<'_, '_>,
    ) -> Result<Chunk, ArchiveError> {
        let count = self.entries.len() / size_of::<f32>();
        chunk.dictionary(&self.entries, count)?;
        let mut buffer = Vec::new();
        for (page, bounds) in self.indexes.chunks(PAGE_ROWS).zip(bounds) {
            // As wide as this page needs: values appear in the order of the file.
            let greatest = page.iter().copied().max().unwrap_or_default();
            buffer.clear();
            rle::indexes(bit_width(greatest.into()).max(1), page, &mut buffer);
            chunk.page(Encoding::RLE_DICTIONARY, page.len(), &buffer, page_bounds(*bounds))?;
        }
        finish_values(chunk, bounds)
    }
}

fn finish_values(
    chunk: ChunkBuilder<'_, '_>,
    bounds: &[(f32, f32)],
) -> Result<Chunk, ArchiveError> {
    let mut order = Order::default();
    for &(min, max) in bounds {
        order.push(min, max);
    }
    chunk.finish(None, order.of_pages())
}

fn float_bounds(page: &[f32]) -> (f32, f32) {
    let bounds = page.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(min, max), &value| {
        (if value < min { value } else { min }, if value > max { value } else { max })
    });
    zero_bounds(bounds)
}

/// Zeros compare equal whatever their sign: as a bound, the lower one is −0, the upper one 0.
fn zero_bounds((min, max): (f32, f32)) -> (f32, f32) {
    (if min == 0.0 { -0.0 } else { min }, if max == 0.0 { 0.0 } else { max })
}

fn page_bounds((min, max): (f32, f32)) -> Bounds {
    Bounds { min: min.to_le_bytes().to_vec(), max: max.to_le_bytes().to_vec() }
}
