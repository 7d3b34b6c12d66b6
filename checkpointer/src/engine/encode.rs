//! A snapshot file as bytes, from the stretches of series that it holds.

use std::io::Write;
use std::sync::Arc;

use memstore::CapturedRun;
use snapshot_format::{Counts, EncodeError, Encoder, TrailerFields};

use super::set::{Content, Part};

/// How many values are read at a time.
const PIECE: usize = 4096;

/// A stretch of a series, one part of a file.
pub(crate) trait Stretch {
    /// A name on the way to its level.
    type Element: AsRef<[u8]>;

    fn path(&self) -> &[Self::Element];

    /// Writes the series itself.
    fn encode<W: Write>(&self, encoder: &mut Encoder<W>) -> Result<(), EncodeError>;
}

/// Writes a snapshot of a capture's parts; `times` is the header's.
pub(crate) fn encode<W: Write>(
    content: &Content,
    runs: &[CapturedRun<'_>],
    times: (i64, i64),
    trailer: TrailerFields,
    writer: W,
) -> Result<u64, EncodeError> {
    let parts = content.parts.iter();
    let parts: Vec<_> =
        parts.filter_map(|part| Some(Captured { part, run: runs.get(part.run)? })).collect();
    encode_stretches(&parts, times, trailer, writer)
}

/// Writes a snapshot of stretches, which are ordered by path, a level's own before those of its
/// children, and name.
pub(crate) fn encode_stretches<S: Stretch, W: Write>(
    stretches: &[S],
    times: (i64, i64),
    trailer: TrailerFields,
    writer: W,
) -> Result<u64, EncodeError> {
    let mut encoder = Encoder::new(writer, times.0, times.1, counts(stretches, 0))?;
    let mut open: Vec<&[u8]> = Vec::new();
    for (at, stretch) in stretches.iter().enumerate() {
        let path = stretch.path();
        let is_same = |(one, other): &(&&[u8], &S::Element)| **one == other.as_ref();
        let common = open.iter().zip(path).take_while(is_same).count();
        for _ in common..open.len() {
            open.pop();
            encoder.leave()?;
        }
        for (depth, name) in path.iter().enumerate().skip(common) {
            let rest = stretches.get(at..).unwrap_or_default();
            encoder.enter(name.as_ref(), counts(rest, depth + 1))?;
            open.push(name.as_ref());
        }
        stretch.encode(&mut encoder)?;
    }
    for _ in open {
        encoder.leave()?;
    }
    encoder.finish(trailer).map(|(_, bytes)| bytes)
}

/// A stretch of a captured run.
struct Captured<'a> {
    part: &'a Part,
    run: &'a CapturedRun<'a>,
}

impl Stretch for Captured<'_> {
    type Element = Arc<[u8]>;

    fn path(&self) -> &[Arc<[u8]>] {
        self.run.path
    }

    fn encode<W: Write>(&self, encoder: &mut Encoder<W>) -> Result<(), EncodeError> {
        let Self { part, run } = self;
        let frequency = i64::from(run.frequency.get());
        encoder.begin_series(&run.name, frequency, part.first, part.slots.len())?;
        let mut values = vec![0.0; PIECE.min(part.slots.len())];
        let mut from = part.slots.start;
        while from < part.slots.end {
            let count = values.len().min(part.slots.end - from);
            let Some(piece) = values.get_mut(..count) else { break };
            run.read(from, piece);
            encoder.values(piece)?;
            from += count;
        }
        Ok(())
    }
}

/// What the level of the first stretch at this depth holds.
fn counts<S: Stretch>(stretches: &[S], depth: usize) -> Counts {
    let mut counts = Counts::default();
    let Some(first) = stretches.first() else { return counts };
    let is_in = |level: &[S::Element], path: &[S::Element]| {
        level.len() == depth
            && path.len() >= depth
            && level.iter().zip(path).all(|(one, other)| one.as_ref() == other.as_ref())
    };
    let level = first.path().get(..depth).unwrap_or_default();
    let mut last_child = None;
    for stretch in stretches {
        if !is_in(level, stretch.path()) {
            break;
        }
        match stretch.path().get(depth).map(AsRef::as_ref) {
            None => counts.metrics += 1,
            child if child != last_child => {
                counts.children += 1;
                last_child = child;
            }
            _ => {}
        }
    }
    counts
}
