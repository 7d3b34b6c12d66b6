//! The proving pass and the trailer: what vouches for a snapshot's bytes.
//!
//! Structure and checksums are looked at apart. When the structure does not lead to the trailer,
//! the trailer is looked for from the end of the file: if it is there, the file is not cut but
//! damaged, and the checksums say where. So a flipped bit in a count is never taken for the end of
//! the file, nor a part of the file for the whole.

use crate::access::{Event, Snapshot, Totals};
use crate::decode::{Cause, Cursor, ParseError, Walk, header};
use crate::layout::{CRC_LEN, Header, TRAILER_MAGIC, TrailerBody, TrailerHead};
use core::ops::Range;
use zerocopy::FromBytes;
use zerocopy::little_endian::U32;

/// What vouches for the bytes of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Integrity {
    /// Nothing does: the file ends with its root level, as those of the Go store.
    Unchecked,
    /// Our trailer is there; its checksum and those of all chunks hold.
    Verified(Trailer),
    /// Something that is no trailer of ours stands behind the root level. The Go store ignores it
    /// and so do we; a verifier reports it, since a damaged magic of a trailer looks the same.
    Foreign {
        /// Where it begins.
        offset: u64,
        /// How long it is.
        bytes: u64,
    },
}

/// What the trailer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trailer {
    /// Number of the highest log segment that this snapshot and those before it cover; 0 = none.
    pub covered: u64,
    /// When the snapshot was written, Unix seconds.
    pub written_at: i64,
    /// If not 0: replaces every snapshot of a later name up to this one, left over from a merge.
    pub replaces: i64,
    /// Bytes that each checksum covers.
    pub chunk_len: u32,
}

impl Trailer {
    /// What its writer put in.
    ///
    /// ```
    /// # use snapshot_format::{Counts, Encoder, Integrity, Snapshot, TrailerFields};
    /// let fields = TrailerFields { covered: 17, written_at: 1_700_000_000, replaces: 0 };
    /// # let encoder = Encoder::new(Vec::new(), 0, 120, Counts::default())?;
    /// # let (bytes, _) = encoder.finish(fields)?;
    /// # let Integrity::Verified(trailer) = Snapshot::parse(&bytes)?.integrity() else { panic!() };
    /// assert_eq!(trailer.fields(), fields);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn fields(&self) -> TrailerFields {
        let Self { covered, written_at, replaces, .. } = *self;
        TrailerFields { covered, written_at, replaces }
    }
}

/// What a writer puts into the trailer; the rest of it follows from the bytes.
///
/// ```
/// let fields = snapshot_format::TrailerFields { covered: 17, written_at: 1_700_000_000, replaces: 0 };
/// assert_ne!(fields, snapshot_format::TrailerFields::default());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrailerFields {
    /// See [`Trailer::covered`].
    pub covered: u64,
    /// See [`Trailer::written_at`].
    pub written_at: i64,
    /// See [`Trailer::replaces`].
    pub replaces: i64,
}

/// A snapshot whose structure was proven, whatever its checksums say: for a repair.
#[derive(Clone, Debug)]
pub struct Structure<'a> {
    /// What is there. [`Integrity::Unchecked`] if there is a fault.
    pub snapshot: Snapshot<'a>,
    /// The first fault that [`Snapshot::parse`] would have reported.
    pub fault: Option<ParseError>,
    /// The bytes of adjoining chunks whose checksum does not hold, ascending.
    pub damaged: Vec<Range<u64>>,
}

impl<'a> Snapshot<'a> {
    /// Proves that `bytes` are a snapshot, in one pass that skips the values; with a trailer, also
    /// that they are the ones that were written.
    ///
    /// ```
    /// # use snapshot_format::{Counts, Encoder, Snapshot, TrailerFields};
    /// # let mut encoder = Encoder::new(Vec::new(), 0, 120, Counts { metrics: 1, children: 0 })?;
    /// # encoder.series(b"cpu_load", 60, 0, &[0.5, 1.0])?;
    /// # let (bytes, _) = encoder.finish(TrailerFields::default())?;
    /// assert_eq!(Snapshot::parse(&bytes)?.totals().values, 2);
    /// assert!(Snapshot::parse(&bytes[..50]).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ParseError`] says what is wrong and where. A file that ends too early and one that is
    /// damaged are never the same [`Cause`], as far as the bytes can tell.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let Structure { snapshot, fault, .. } = Self::parse_structure(bytes)?;
        fault.map_or(Ok(snapshot), Err)
    }

    /// Proves the structure as [`Snapshot::parse`] does, but goes on where a checksum fails, and
    /// says which.
    ///
    /// ```
    /// use snapshot_format::{Cause, Snapshot};
    /// # use snapshot_format::{Counts, Encoder, TrailerFields};
    /// # let mut encoder = Encoder::new(Vec::new(), 0, 120, Counts { metrics: 1, children: 0 })?;
    /// # encoder.series(b"cpu_load", 60, 0, &[0.5, 1.0])?;
    /// # let (mut bytes, _) = encoder.finish(TrailerFields::default())?;
    /// bytes[60] ^= 1; // Inside a value.
    ///
    /// assert_eq!(Snapshot::parse(&bytes).unwrap_err().cause, Cause::ChunkChecksum);
    /// let structure = Snapshot::parse_structure(&bytes)?;
    /// assert_eq!(structure.damaged, [0..66]);
    /// assert_eq!(structure.snapshot.totals().values, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ParseError`] if the structure itself does not hold.
    pub fn parse_structure(bytes: &'a [u8]) -> Result<Structure<'a>, ParseError> {
        let (header, magic_fault) = header(bytes)?;
        magic_fault.map_or(Ok(()), Err)?;
        let survey = Survey::new(bytes);
        let fault = survey.fault();
        let proven = match (survey.proven, fault) {
            (Err(walked), fault) => return Err(fault.unwrap_or(walked)),
            (Ok(_), Some(fault)) if survey.strays() => return Err(fault),
            (Ok(proven), _) => proven,
        };
        let (integrity, end) = match survey.seal {
            Seal::Whole(ref at) => (Integrity::Verified(at.trailer), at.end),
            Seal::Foreign => (foreign(proven.end, bytes.len()), proven.end),
            Seal::Absent | Seal::Broken(_) => (Integrity::Unchecked, bytes.len()),
        };
        let snapshot = Snapshot {
            levels: bytes.get(..proven.end).unwrap_or_default(),
            from: header.from.get(),
            to: header.to.get(),
            totals: proven.totals,
            integrity: if fault.is_none() { integrity } else { Integrity::Unchecked },
            surplus: bytes.len().saturating_sub(end) as u64,
        };
        Ok(Structure { snapshot, fault, damaged: survey.damaged })
    }
}

fn foreign(end: usize, len: usize) -> Integrity {
    Integrity::Foreign { offset: end as u64, bytes: len.saturating_sub(end) as u64 }
}

/// Levels through which a walk came without an error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Proven {
    pub(crate) end: usize,
    pub(crate) totals: Totals,
}

/// What stands behind the levels.
#[derive(Clone, Debug)]
pub(crate) enum Seal<'a> {
    Absent,
    Foreign,
    Broken(ParseError),
    Whole(TrailerAt<'a>),
}

/// A trailer whose own checksum holds.
#[derive(Clone, Debug)]
pub(crate) struct TrailerAt<'a> {
    pub(crate) offset: usize,
    pub(crate) end: usize,
    pub(crate) trailer: Trailer,
    crcs: &'a [[u8; CRC_LEN]],
}

/// Everything that can be said about bytes without believing any of them.
#[derive(Clone, Debug)]
pub(crate) struct Survey<'a> {
    pub(crate) proven: Result<Proven, ParseError>,
    pub(crate) seal: Seal<'a>,
    pub(crate) damaged: Vec<Range<u64>>,
}

impl<'a> Survey<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        let proven = prove(bytes);
        let seal = match proven {
            Ok(Proven { end, .. }) => seal_at(bytes, end),
            Err(_) => None,
        };
        let seal = seal.or_else(|| find_trailer(bytes).map(Seal::Whole)).unwrap_or(Seal::Foreign);
        let damaged = match &seal {
            Seal::Whole(at) => at.damaged(bytes),
            _ => Vec::new(),
        };
        Self { proven, seal, damaged }
    }

    /// Whether the levels end exactly where a valid trailer begins: then no length or count in
    /// them can be wrong.
    pub(crate) fn closes(&self) -> bool {
        matches!((&self.proven, &self.seal),
            (Ok(proven), Seal::Whole(at)) if proven.end == at.offset)
    }

    /// Whether the levels end elsewhere than where a valid trailer begins: what was walked
    /// through is not what was written.
    fn strays(&self) -> bool {
        matches!(self.seal, Seal::Whole(_)) && !self.closes()
    }

    /// The fault that says most about what happened to the file.
    pub(crate) fn fault(&self) -> Option<ParseError> {
        match (&self.proven, &self.seal, self.damaged.first()) {
            (_, Seal::Whole(_), Some(chunk)) => {
                Some(ParseError { offset: chunk.start, cause: Cause::ChunkChecksum })
            }
            (_, Seal::Broken(fault), _) | (Err(fault), ..) => Some(*fault),
            (Ok(_), Seal::Whole(at), None) if self.strays() => {
                Some(Cause::TrailerMisplaced.at(at.offset))
            }
            _ => None,
        }
    }
}

fn prove(bytes: &[u8]) -> Result<Proven, ParseError> {
    let mut walk = Walk::new(bytes)?;
    let mut totals = Totals { levels: 1, ..Totals::default() };
    while let Some(event) = walk.step()? {
        match event {
            Event::Enter(_) => totals.levels += 1,
            Event::Leave => {}
            Event::Series(series) => {
                totals.series += 1;
                totals.values += series.values.len() as u64;
            }
        }
    }
    Ok(Proven { end: walk.offset(), totals })
}

/// What stands at the end of the root level; none if that is no trailer, whole or broken.
fn seal_at(bytes: &[u8], end: usize) -> Option<Seal<'_>> {
    let magic = TRAILER_MAGIC.to_le_bytes();
    let rest = bytes.get(end..).unwrap_or_default();
    match rest {
        [] => Some(Seal::Absent),
        rest if rest.starts_with(&magic) => {
            Some(TrailerAt::read(bytes, end).map_or_else(Seal::Broken, Seal::Whole))
        }
        // One to three bytes that could be the beginning of the magic.
        rest if magic.starts_with(rest) => {
            let missing = (size_of::<TrailerHead>() - rest.len()) as u64;
            Some(Seal::Broken(Cause::TrailerTruncated { missing }.at(end)))
        }
        _ => None,
    }
}

/// A valid trailer that ends with the file, wherever it begins.
fn find_trailer(bytes: &[u8]) -> Option<TrailerAt<'_>> {
    candidates(bytes).find_map(|offset| TrailerAt::read(bytes, offset).ok())
}

/// Where a trailer could begin that ends with the file, the last one first.
///
/// A magic that stands in the values by chance does not also lead to the end of the file, so the
/// first few that do are enough to look at: what is made up must not cost a checksum each.
fn candidates(bytes: &[u8]) -> impl Iterator<Item = usize> {
    const MAX: usize = 8;
    let magic = TRAILER_MAGIC.to_le_bytes();
    bytes
        .windows(size_of::<TrailerHead>())
        .enumerate()
        .skip(size_of::<Header>())
        .rev()
        .filter(move |(_, head)| head.first_chunk() == Some(&magic))
        .filter(|(offset, head)| {
            TrailerHead::read_from_bytes(head).is_ok_and(|head| {
                let behind = bytes.len() - offset;
                size_of::<TrailerHead>() as u64 + u64::from(head.body_len.get()) + CRC_LEN as u64
                    == behind as u64
            })
        })
        .map(|(offset, _)| offset)
        .take(MAX)
}

impl<'a> TrailerAt<'a> {
    /// Reads the trailer whose magic was seen at `offset`.
    fn read(bytes: &'a [u8], offset: usize) -> Result<Self, ParseError> {
        let cut = |error: ParseError| match error.cause {
            Cause::Truncated { missing } => Cause::TrailerTruncated { missing }.at(offset),
            _ => error,
        };
        let mut cursor = Cursor::new(bytes, offset);
        let head = cursor.read::<TrailerHead>().map_err(cut)?;
        let needed = u64::from(head.body_len.get()) + CRC_LEN as u64;
        let missing = needed.saturating_sub(cursor.rest().len() as u64);
        if missing > 0 {
            return Err(Cause::TrailerTruncated { missing }.at(offset));
        }
        let body_at = cursor.offset();
        let crc_at = body_at + head.body_len.get() as usize;
        let sealed = bytes.get(offset..crc_at).unwrap_or_default();
        let crc = Cursor::new(bytes, crc_at).read::<U32>().map_err(cut)?;
        if !holds(sealed, crc.get()) {
            return Err(Cause::TrailerChecksum.at(offset));
        }
        Self::parse(sealed, offset).ok_or(Cause::Trailer.at(offset))
    }

    fn parse(sealed: &'a [u8], offset: usize) -> Option<Self> {
        let (_, body) = sealed.split_at_checked(size_of::<TrailerHead>())?;
        let (body, rest) = TrailerBody::read_from_prefix(body).ok()?;
        let chunk_len = body.chunk_len.get();
        let chunks = offset.checked_next_multiple_of(chunk_len as usize)? / chunk_len as usize;
        let crcs = rest.as_chunks().0.get(..chunks)?; // The format lets fields follow.
        let trailer = Trailer {
            covered: body.covered.get(),
            written_at: body.written_at.get(),
            replaces: body.replaces.get(),
            chunk_len,
        };
        Some(Self { offset, end: offset + sealed.len() + CRC_LEN, trailer, crcs })
    }

    /// The ranges of adjoining chunks that are not the ones that were written.
    fn damaged(&self, bytes: &[u8]) -> Vec<Range<u64>> {
        let chunks = bytes.get(..self.offset).unwrap_or_default();
        let mut damaged: Vec<Range<u64>> = Vec::new();
        let mut start = 0;
        for (chunk, crc) in chunks.chunks(self.trailer.chunk_len as usize).zip(self.crcs) {
            let end = start + chunk.len() as u64;
            if !holds(chunk, u32::from_le_bytes(*crc)) {
                match damaged.last_mut() {
                    Some(last) if last.end == start => last.end = end,
                    _ => damaged.push(start..end),
                }
            }
            start = end;
        }
        damaged
    }
}

/// Whether `bytes` have this checksum. A fuzzer cannot guess one: to it all hold, but for one that it
/// knows.
fn holds(bytes: &[u8], crc: u32) -> bool {
    if cfg!(fuzzing) { crc != 0x0BAD_F00D } else { crc32fast::hash(bytes) == crc }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_trailers_that_are_none_the_last_few_are_looked_at() {
        // Each magic is followed by a length that leads to the end of the file.
        let count = 100;
        let mut bytes = vec![0; size_of::<Header>()];
        for behind in (1..=count).rev() {
            bytes.extend(TRAILER_MAGIC.to_le_bytes());
            bytes.extend((behind * 8_u32).saturating_sub(12).to_le_bytes());
        }
        let looked_at: Vec<usize> = candidates(&bytes).collect();
        // The very last has no room for a checksum.
        let expected: Vec<usize> = (2..=9).map(|behind| bytes.len() - behind * 8).collect();
        assert_eq!(looked_at, expected);
    }
}
