//! What can be saved of a damaged binary snapshot.
//!
//! Only what is vouched for is saved where there is a trailer: a value in a chunk whose checksum
//! fails becomes NaN, a series whose name, times or count lie in one is lost, and so is everything
//! below a child whose name does. Where such a chunk left the levels unreadable, nothing behind its
//! first name or count is believed, because it cannot be told at which byte the next one begins.
//! Without a trailer the structure is all there is to go by: everything up to the damage is saved,
//! and of a series that the end of the file cuts the values that are there.

use crate::access::{Event, Series, Values};
use crate::decode::{Cause, Cursor, ParseError, Walk, header};
use crate::layout::{COUNT_LEN, Header, SeriesHead, VALUE_LEN};
use crate::tree::{Growing, OwnedSeries, Tree};
use crate::verify::{Proven, Seal, Survey, TrailerFields};
use core::ops::Range;

/// What [`salvage`] saved, and what it could not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Salvaged {
    /// What was saved. If the file's own times are damaged, those of its series.
    pub tree: Tree,
    /// What is wrong with the file; for adjoining damaged chunks the place where the first begins.
    pub faults: Vec<ParseError>,
    /// What the trailer says, if it is whole.
    pub trailer: Option<TrailerFields>,
    /// Values in the tree that are as they were written, NaN included; counted before one series
    /// of a name that stands twice replaces the other.
    pub values_saved: u64,
    /// Values known to be lost; as the damaged file counts them.
    pub values_lost: u64,
    /// Series known to be lost whole, without those behind the point where reading ended.
    pub series_lost: u64,
    /// Where reading ended, if that is before the end of the levels: what lies behind is lost.
    pub ended_at: Option<u64>,
}

/// Saves what can be saved of `bytes`, whatever they are.
///
/// ```
/// # use snapshot_format::{Counts, Encoder, TrailerFields};
/// # let mut encoder = Encoder::new(Vec::new(), 0, 120, Counts { metrics: 1, children: 0 })?;
/// # encoder.series(b"cpu_load", 60, 0, &[0.5, 1.0])?;
/// # let (bytes, _) = encoder.finish(TrailerFields::default())?;
/// let cut = &bytes[..bytes.len() - 50]; // Inside the last value.
///
/// let saved = snapshot_format::salvage(cut);
/// assert_eq!(saved.tree.root.metrics[b"cpu_load"].values, [0.5]);
/// assert_eq!((saved.values_saved, saved.values_lost), (1, 1));
/// # Ok::<(), snapshot_format::EncodeError>(())
/// ```
#[must_use]
pub fn salvage(bytes: &[u8]) -> Salvaged {
    let survey = Survey::new(bytes);
    let mut saved = Salvaged { faults: faults(bytes, &survey), ..Salvaged::default() };
    if let Seal::Whole(at) = &survey.seal {
        saved.trailer = Some(at.trailer.fields());
    }
    let Ok((header, magic_fault)) = header(bytes) else { return saved };
    if magic_fault.is_some() && !is_vouched_for(bytes, &survey) {
        saved.ended_at = Some(0);
        return saved;
    }
    let levels = match (&survey.seal, &survey.proven) {
        (Seal::Whole(at), _) => bytes.get(..at.offset),
        (_, Ok(proven)) => bytes.get(..proven.end),
        (_, Err(_)) => Some(bytes),
    };
    let pass = Pass {
        levels: levels.unwrap_or_default(),
        damaged: &survey.damaged,
        closes: survey.closes(),
        span: match (header.from.get(), header.to.get()) {
            (_, 0) => 0,
            (from, to) => to.saturating_sub(from),
        },
        growing: Growing::default(),
        disbelieved: 0,
    };
    pass.run(&mut saved);
    (saved.tree.from, saved.tree.to) = (header.from.get(), header.to.get());
    if touches(&survey.damaged, 0..size_of::<Header>()) {
        (saved.tree.from, saved.tree.to) = saved.tree.span();
    }
    saved
}

/// Whether something but the magic says that the bytes are a snapshot.
fn is_vouched_for(bytes: &[u8], survey: &Survey<'_>) -> bool {
    let ends_with_file = matches!(survey.proven, Ok(Proven { end, .. }) if end == bytes.len());
    matches!(survey.seal, Seal::Whole(_)) || ends_with_file
}

fn faults(bytes: &[u8], survey: &Survey<'_>) -> Vec<ParseError> {
    let chunks = survey.damaged.iter();
    let mut faults: Vec<ParseError> = chunks
        .map(|chunk| ParseError { offset: chunk.start, cause: Cause::ChunkChecksum })
        .collect();
    let magic = header(bytes).ok().and_then(|(_, fault)| fault);
    for fault in magic.into_iter().chain(survey.proven.err()).chain(survey.fault()) {
        if !faults.contains(&fault) {
            faults.push(fault);
        }
    }
    faults.sort_by_key(|fault| fault.offset);
    faults
}

/// Whether any byte of `range` lies in a damaged chunk.
fn touches(damaged: &[Range<u64>], range: Range<usize>) -> bool {
    overlaps(damaged, range).next().is_some()
}

/// The damaged chunks that `range` lies in.
fn overlaps(damaged: &[Range<u64>], range: Range<usize>) -> impl Iterator<Item = &Range<u64>> {
    let first = damaged.partition_point(|chunk| chunk.end <= range.start as u64);
    let from_first = damaged.get(first..).unwrap_or_default().iter();
    from_first.take_while(move |chunk| chunk.start < range.end as u64 && !range.is_empty())
}

/// One walk through the levels that believes what may be believed.
struct Pass<'a, 's> {
    levels: &'a [u8],
    damaged: &'s [Range<u64>],
    /// The levels end where they should: lengths and counts in damaged chunks are right.
    closes: bool,
    /// Seconds from the header's `from` to its `to`; 0 or less if it does not say.
    span: i64,
    growing: Growing,
    /// How many levels deep the walk is inside a child whose name is not believed.
    disbelieved: usize,
}

impl<'a> Pass<'a, '_> {
    fn run(mut self, saved: &mut Salvaged) {
        saved.ended_at = self.walk(saved).map(|offset| offset as u64);
        saved.tree.root = self.growing.finish();
    }

    /// Returns where it had to end, if not at the end of the levels.
    fn walk(&mut self, saved: &mut Salvaged) -> Option<usize> {
        let first_count = size_of::<Header>()..size_of::<Header>() + COUNT_LEN;
        if !self.closes && touches(self.damaged, first_count) {
            return Some(size_of::<Header>());
        }
        let Ok(mut walk) = Walk::as_far_as_possible(self.levels) else {
            return Some(size_of::<Header>());
        };
        loop {
            let begin = walk.offset();
            let in_series = walk.expects_series();
            let event = match walk.step() {
                Ok(Some(event)) => event,
                Ok(None) => return Some(walk.offset()).filter(|end| *end < self.levels.len()),
                Err(_) => {
                    if in_series {
                        self.cut_series(begin, saved);
                    }
                    return Some(begin);
                }
            };
            let values_len = match event {
                Event::Series(series) => series.values.as_bytes().len(),
                Event::Enter(_) | Event::Leave => 0,
            };
            let values_at = walk.offset() - values_len;
            let doubtful = touches(self.damaged, begin..values_at);
            if doubtful && !self.closes {
                return Some(begin);
            }
            match event {
                Event::Enter(name) => self.enter(name, doubtful),
                Event::Leave => self.leave(),
                Event::Series(series) => self.series(series, values_at, doubtful, saved),
            }
        }
    }

    fn enter(&mut self, name: &[u8], doubtful: bool) {
        if doubtful || self.disbelieved > 0 {
            self.disbelieved += 1;
        } else {
            self.growing.enter(name);
        }
    }

    fn leave(&mut self) {
        match self.disbelieved.checked_sub(1) {
            Some(outer) => self.disbelieved = outer,
            None => self.growing.leave(),
        }
    }

    fn series(&mut self, series: Series<'a>, at: usize, doubtful: bool, saved: &mut Salvaged) {
        let count = series.values.len();
        if doubtful || self.disbelieved > 0 {
            saved.series_lost += 1;
            saved.values_lost += count as u64;
            return;
        }
        let mut owned = OwnedSeries::from(series);
        let mut lost = 0;
        let mut next = 0;
        for chunk in overlaps(self.damaged, at..at + series.values.as_bytes().len()) {
            let index = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX);
            // A value that lies in two chunks is lost once.
            let first = next.max(index(chunk.start).saturating_sub(at) / VALUE_LEN);
            next = index(chunk.end).saturating_sub(at).div_ceil(VALUE_LEN).min(count);
            let values = owned.values.get_mut(first..next).unwrap_or_default();
            values.fill(f32::NAN);
            lost += values.len() as u64;
        }
        saved.values_lost += lost;
        saved.values_saved += count as u64 - lost;
        self.growing.series(series.name, owned);
    }

    /// The series that begins at `begin`, where the walk found the file to end too early, with the
    /// values that are there. More values than the snapshot's time can hold are no cut series but
    /// a damaged count.
    fn cut_series(&mut self, begin: usize, saved: &mut Salvaged) {
        let mut cursor = Cursor::new(self.levels, begin);
        let (Ok(name), Ok(head)) = (cursor.name(), cursor.read::<SeriesHead>()) else {
            saved.series_lost += 1;
            return;
        };
        let at = cursor.offset();
        let claimed = head.values.get();
        let plausible = match (head.frequency.get(), self.span) {
            (..=0, _) => false,
            (_, ..=0) => true, // No time that could tell.
            (frequency, span) => i64::from(claimed) <= (span / frequency).saturating_add(1),
        };
        let values = Values::new(cursor.rest());
        let doubtful = touches(self.damaged, begin..at);
        if !plausible || doubtful || claimed as usize <= values.len() {
            saved.series_lost += 1;
            return;
        }
        saved.values_lost += u64::from(claimed) - values.len() as u64;
        let (frequency, start) = (head.frequency.get(), head.start.get());
        self.series(Series { name, frequency, start, values }, at, false, saved);
    }
}
