//! Bytes to events, each field checked before it is believed.
//!
//! [`Walk`] is the only code that knows how a level is laid out. It keeps one small entry for each
//! open level (at most [`MAX_DEPTH`]), never recurses, never reserves by a claimed count and steps
//! over values without touching them, so a pass costs as much as there are names in the file.

use crate::access::{Event, Series, Values};
use crate::layout::{
    COUNT_LEN, Header, MAGIC, MAX_DEPTH, MIN_CHILD_LEN, MIN_SERIES_LEN, SeriesHead, TRAILER_MAGIC,
    VALUE_LEN,
};
use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

/// Why bytes are not a whole snapshot, and where.
///
/// ```
/// use snapshot_format::{Cause, Snapshot};
///
/// let error = Snapshot::parse(b"{\"metrics\":{}, ...}").unwrap_err();
/// assert_eq!(error.offset, 0);
/// assert!(matches!(error.cause, Cause::Truncated { .. }), "shorter than the smallest snapshot");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("offset {offset}: {cause}")]
pub struct ParseError {
    /// Where what is wrong begins, in bytes from the start of the file.
    pub offset: u64,
    /// What is wrong there.
    pub cause: Cause,
}

/// What is wrong with a snapshot; [`ParseError`] says where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The file ends before what this field is or announces. A damaged count looks like this too
    /// where no trailer tells the two apart: then `missing` is seldom plausible.
    #[error("file ends at least {missing} bytes too early")]
    Truncated {
        /// Bytes that are missing at the least.
        missing: u64,
    },
    /// The bytes do not start with [`MAGIC`].
    #[error("magic is {found:#010x}, not {MAGIC:#010x}")]
    Magic {
        /// What is there instead.
        found: u32,
    },
    /// More than [`MAX_DEPTH`] levels lie inside each other.
    #[error("more than {MAX_DEPTH} nested levels")]
    TooDeep,
    /// The file ends inside the trailer. All of the levels are there, unverified.
    #[error("file ends at least {missing} bytes too early, inside its trailer")]
    TrailerTruncated {
        /// Bytes that are missing at the least.
        missing: u64,
    },
    /// The trailer is not the one that was written.
    #[error("trailer does not match its checksum")]
    TrailerChecksum,
    /// The trailer is the one that was written, by an encoder that was wrong: chunks of no
    /// length, or fewer checksums than chunks.
    #[error("trailer matches its checksum but does not parse")]
    Trailer,
    /// A valid trailer (magic [`TRAILER_MAGIC`]) stands elsewhere than behind the root level.
    #[error("trailer {TRAILER_MAGIC:#010x} is not where the root level ends")]
    TrailerMisplaced,
    /// The chunk that begins here is not the one that was written.
    #[error("chunk does not match its checksum")]
    ChunkChecksum,
}

impl Cause {
    pub(crate) fn at(self, offset: usize) -> ParseError {
        ParseError { offset: offset as u64, cause: self }
    }
}

/// A place in the bytes, from where fields are taken.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    pub(crate) fn offset(&self) -> usize {
        self.at
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Fails, blaming the field at `offset`, unless `needed` bytes follow.
    fn require(&self, offset: usize, needed: u64) -> Result<(), ParseError> {
        match needed.saturating_sub(self.rest().len() as u64) {
            0 => Ok(()),
            missing => Err(Cause::Truncated { missing }.at(offset)),
        }
    }

    pub(crate) fn read<T>(&mut self) -> Result<T, ParseError>
    where
        T: FromBytes + Immutable + KnownLayout + Unaligned,
    {
        self.require(self.at, size_of::<T>() as u64)?;
        let (value, _) = T::read_from_prefix(self.rest())
            .map_err(|_| Cause::Truncated { missing: 1 }.at(self.at))?;
        self.at += size_of::<T>();
        Ok(value)
    }

    /// A count of things that take `each` bytes or more: checked against what is there.
    fn count(&mut self, each: usize) -> Result<u32, ParseError> {
        let offset = self.at;
        let count = self.read::<U32>()?.get();
        self.require(offset, u64::from(count) * each as u64)?;
        Ok(count)
    }

    pub(crate) fn name(&mut self) -> Result<&'a [u8], ParseError> {
        let offset = self.at;
        let len: usize = self.read::<U16>()?.get().into();
        self.require(offset, len as u64)?;
        let (name, _) = self.rest().split_at_checked(len).unwrap_or_default();
        self.at += len;
        Ok(name)
    }

    fn series(&mut self) -> Result<Series<'a>, ParseError> {
        let name = self.name()?;
        let count_at = self.at + size_of::<SeriesHead>() - COUNT_LEN;
        let head = self.read::<SeriesHead>()?;
        self.require(count_at, u64::from(head.values.get()) * VALUE_LEN as u64)?;
        let len = head.values.get() as usize * VALUE_LEN;
        let (values, _) = self.rest().split_at_checked(len).unwrap_or_default();
        self.at += len;
        Ok(Series {
            name,
            frequency: head.frequency.get(),
            start: head.start.get(),
            values: Values::new(values),
        })
    }
}

/// What a level that was entered still has to show.
#[derive(Clone, Debug)]
struct Open {
    series: u32,
    /// None until the series are through and the count behind them was read.
    children: Option<u32>,
}

/// Steps through the levels, events in the order of the file.
#[derive(Clone, Debug)]
pub(crate) struct Walk<'a> {
    cursor: Cursor<'a>,
    open: Vec<Open>,
    /// The least bytes that a series and a child that were counted must find.
    least: (usize, usize),
}

impl<'a> Walk<'a> {
    /// Begins at the root level, behind a header that is somebody else's to check.
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, ParseError> {
        Self::begin(bytes, (MIN_SERIES_LEN, MIN_CHILD_LEN))
    }

    /// As [`Self::new`], but ends only where something is really missing, not already at a count
    /// of what cannot all be there: for what is left of a file that was cut.
    pub(crate) fn as_far_as_possible(bytes: &'a [u8]) -> Result<Self, ParseError> {
        Self::begin(bytes, (0, 0))
    }

    fn begin(bytes: &'a [u8], least: (usize, usize)) -> Result<Self, ParseError> {
        let cursor = Cursor::new(bytes, size_of::<Header>());
        let mut walk = Self { cursor, open: Vec::with_capacity(4), least };
        walk.enter()?;
        Ok(walk)
    }

    /// Where the next event begins; behind the last one, where the root level ends.
    pub(crate) fn offset(&self) -> usize {
        self.cursor.offset()
    }

    /// Whether the next event is a series, or would be if it stood there.
    pub(crate) fn expects_series(&self) -> bool {
        self.open.last().is_some_and(|level| level.series > 0)
    }

    fn enter(&mut self) -> Result<(), ParseError> {
        if self.open.len() == MAX_DEPTH {
            return Err(Cause::TooDeep.at(self.offset()));
        }
        let series = self.cursor.count(self.least.0)?;
        self.open.push(Open { series, children: None });
        Ok(())
    }

    /// The next event; none behind the end of the root level.
    pub(crate) fn step(&mut self) -> Result<Option<Event<'a>>, ParseError> {
        let Some(level) = self.open.last_mut() else { return Ok(None) };
        if let Some(left) = level.series.checked_sub(1) {
            level.series = left;
            return self.cursor.series().map(Event::Series).map(Some);
        }
        let children = match level.children {
            Some(left) => left,
            None => self.cursor.count(self.least.1)?,
        };
        level.children = children.checked_sub(1);
        if level.children.is_some() {
            let name = self.cursor.name()?;
            self.enter()?;
            return Ok(Some(Event::Enter(name)));
        }
        self.open.pop();
        Ok(if self.open.is_empty() { None } else { Some(Event::Leave) })
    }
}

/// The header, its magic checked apart: a salvage goes on behind a wrong one.
pub(crate) fn header(bytes: &[u8]) -> Result<(Header, Option<ParseError>), ParseError> {
    let header = Cursor::new(bytes, 0).read::<Header>()?;
    let found = header.magic.get();
    let fault = (found != MAGIC).then(|| Cause::Magic { found }.at(0));
    Ok((header, fault))
}
