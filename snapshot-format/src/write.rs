//! Writing snapshots, front to back: nothing is sought, nothing is held but one chunk, and what was
//! declared is what must come.

use crate::access::Values;
use crate::layout::{
    CHUNK_LEN, Header, MAGIC, MAX_DEPTH, SeriesHead, TRAILER_MAGIC, TrailerBody, TrailerHead,
};
use crate::verify::TrailerFields;
use std::io::{self, Write};
use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32};

/// How many series and children a level has; written before they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Series of the level itself.
    pub metrics: u32,
    /// Levels directly below it.
    pub children: u32,
}

/// Why a snapshot could not be written. After all but [`EncodeError::Io`] the encoder is as it was
/// before the call.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// A name is not above the one before it in the same level.
    #[error("name at offset {offset} is not above the one before it")]
    NotAscending {
        /// Where the name would have been written.
        offset: u64,
    },
    /// More or fewer came than were declared.
    #[error("number of {what} at offset {offset} is not the declared one")]
    Count {
        /// What was counted: metrics, children, values or levels.
        what: &'static str,
        /// What was written until then.
        offset: u64,
    },
    /// Something is longer than its length field can say.
    #[error("{field} of length {len} does not fit the format")]
    TooLong {
        /// What is too long.
        field: &'static str,
        /// How long it is.
        len: u64,
    },
    /// More than [`MAX_DEPTH`] levels lie inside each other.
    #[error("more than {MAX_DEPTH} nested levels")]
    TooDeep,
    /// The writer failed. What it got is no snapshot, and the encoder refuses to go on.
    #[error("write failed")]
    Io(#[source] io::Error),
}

/// Writes a snapshot level by level, names ascending, with a trailer at the end. The same calls
/// give the same bytes. The writer gets one chunk of 64 KiB at a time: it needs no buffer.
///
/// ```
/// use snapshot_format::{Counts, Encoder, Snapshot, TrailerFields};
///
/// let root = Counts { metrics: 1, children: 1 };
/// let mut encoder = Encoder::new(Vec::new(), 1_700_000_000, 1_700_000_120, root)?;
/// encoder.series(b"cpu_load", 60, 1_700_000_000, &[0.5, 1.0])?;
/// encoder.enter(b"socket0", Counts { metrics: 1, children: 0 })?;
/// encoder.series(b"mem_bw", 60, 1_700_000_000, &[20.0, f32::NAN])?;
/// encoder.leave()?;
/// let (bytes, len) = encoder.finish(TrailerFields::default())?;
///
/// assert_eq!(bytes.len() as u64, len);
/// assert_eq!(Snapshot::parse(&bytes)?.totals().values, 4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Encoder<W> {
    chunks: Chunks<W>,
    /// The present level.
    level: OpenLevel,
    /// Those around it, outermost first.
    around: Vec<OpenLevel>,
    /// Values of the series that was begun that have not come yet.
    values_left: u32,
}

#[derive(Debug, Default)]
struct OpenLevel {
    left: Counts,
    /// Whether the number of children was written, which stands behind the last series.
    announced: bool,
    /// The name of the series or child before, if there was one.
    last_name: Vec<u8>,
    has_last: bool,
}

impl<W: Write> Encoder<W> {
    /// Begins a snapshot of the time `from` up to `to`, exclusively, with its root level.
    ///
    /// ```
    /// use snapshot_format::{Counts, Encoder, TrailerFields};
    ///
    /// let encoder = Encoder::new(Vec::new(), 0, 120, Counts::default())?;
    /// let (empty, _) = encoder.finish(TrailerFields::default())?;
    /// assert_eq!(empty[..4], [0x01, 0x00, 0x5B, 0xCC]);
    /// # Ok::<(), snapshot_format::EncodeError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`EncodeError::Io`] if the writer fails.
    pub fn new(writer: W, from: i64, to: i64, root: Counts) -> Result<Self, EncodeError> {
        let mut encoder = Self {
            chunks: Chunks::new(writer),
            level: OpenLevel { left: root, ..OpenLevel::default() },
            around: Vec::new(),
            values_left: 0,
        };
        let header = Header { magic: MAGIC.into(), from: from.into(), to: to.into() };
        encoder.chunks.put(header.as_bytes())?;
        encoder.chunks.put(U32::from(root.metrics).as_bytes())?;
        Ok(encoder)
    }

    /// Writes a whole series into the present level.
    ///
    /// ```
    /// # use snapshot_format::{Counts, EncodeError, Encoder, TrailerFields};
    /// let mut encoder = Encoder::new(Vec::new(), 0, 120, Counts { metrics: 2, children: 0 })?;
    /// encoder.series(b"cpu_load", 60, 0, &[0.5, 1.0])?;
    /// let error = encoder.series(b"a", 60, 0, &[]).unwrap_err();
    /// assert!(matches!(error, EncodeError::NotAscending { .. }));
    /// # Ok::<(), snapshot_format::EncodeError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Encoder::begin_series`].
    pub fn series(
        &mut self,
        name: &[u8],
        frequency: i64,
        start: i64,
        values: &[f32],
    ) -> Result<(), EncodeError> {
        self.begin_series(name, frequency, start, values.len())?;
        self.values(values)
    }

    /// Begins a series of `len` values, which follow in one or several pieces.
    ///
    /// ```
    /// # use snapshot_format::{Counts, Encoder, TrailerFields};
    /// let mut encoder = Encoder::new(Vec::new(), 0, 180, Counts { metrics: 1, children: 0 })?;
    /// encoder.begin_series(b"cpu_load", 60, 0, 3)?;
    /// encoder.values(&[0.5])?;
    /// encoder.values(&[1.0, 1.5])?;
    /// encoder.finish(TrailerFields::default())?;
    /// # Ok::<(), snapshot_format::EncodeError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`EncodeError::NotAscending`], [`EncodeError::TooLong`]; [`EncodeError::Count`] if all the
    /// declared metrics of the level have come, or values of the series before are missing.
    pub fn begin_series(
        &mut self,
        name: &[u8],
        frequency: i64,
        start: i64,
        len: usize,
    ) -> Result<(), EncodeError> {
        self.expect_no_values()?;
        let Some(metrics) = self.level.left.metrics.checked_sub(1) else {
            return Err(self.miscount("metrics"));
        };
        let values = fit::<u32>("series", len)?;
        self.put_name(name)?;
        let (frequency, start) = (frequency.into(), start.into());
        let head = SeriesHead { frequency, start, values: values.into() };
        self.chunks.put(head.as_bytes())?;
        self.values_left = values;
        self.level.left.metrics = metrics;
        Ok(())
    }

    /// Writes the next values of the series that was begun.
    ///
    /// ```
    /// # use snapshot_format::{Counts, EncodeError, Encoder, TrailerFields};
    /// let mut encoder = Encoder::new(Vec::new(), 0, 240, Counts { metrics: 1, children: 0 })?;
    /// encoder.begin_series(b"cpu_load", 60, 0, 3)?;
    /// encoder.values(&[0.5, 1.0])?;
    /// encoder.values(&[1.5])?;
    /// assert!(matches!(encoder.values(&[2.0]), Err(EncodeError::Count { .. })));
    /// # Ok::<(), snapshot_format::EncodeError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`EncodeError::Count`] if they are more than were declared.
    pub fn values(&mut self, values: &[f32]) -> Result<(), EncodeError> {
        self.expect_values(values.len())?;
        if cfg!(target_endian = "little") {
            self.chunks.put(values.as_bytes())
        } else {
            put_portably(&mut self.chunks, values)
        }
    }

    /// Writes values as they stand in another snapshot.
    ///
    /// ```
    /// # use snapshot_format::{Counts, Encoder, Event, Snapshot, TrailerFields};
    /// # let one = Counts { metrics: 1, children: 0 };
    /// # let mut encoder = Encoder::new(Vec::new(), 0, 120, one)?;
    /// # encoder.series(b"cpu_load", 60, 0, &[0.5, 1.0])?;
    /// # let (bytes, _) = encoder.finish(TrailerFields::default())?;
    /// # let snapshot = Snapshot::parse(&bytes)?;
    /// let mut copy = Encoder::new(Vec::new(), snapshot.from(), snapshot.to(), one)?;
    /// for event in snapshot.events() {
    ///     let Event::Series(series) = event else { continue };
    ///     copy.begin_series(series.name, series.frequency, series.start, series.values.len())?;
    ///     copy.copy_values(series.values)?;
    /// }
    /// assert_eq!(copy.finish(TrailerFields::default())?.0, bytes);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`EncodeError::Count`] if they are more than were declared.
    pub fn copy_values(&mut self, values: Values<'_>) -> Result<(), EncodeError> {
        self.expect_values(values.len())?;
        self.chunks.put(values.as_bytes())
    }

    /// Begins a child of the present level and makes it the present one.
    ///
    /// ```
    /// # use snapshot_format::{Counts, EncodeError, Encoder, TrailerFields};
    /// let mut encoder = Encoder::new(Vec::new(), 0, 120, Counts { metrics: 0, children: 1 })?;
    /// encoder.enter(b"socket0", Counts::default())?;
    /// encoder.leave()?;
    /// assert!(encoder.enter(b"socket1", Counts::default()).is_err(), "one was declared");
    /// # Ok::<(), snapshot_format::EncodeError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`EncodeError::NotAscending`], [`EncodeError::TooLong`], [`EncodeError::TooDeep`];
    /// [`EncodeError::Count`] if metrics are missing or all the declared children have come.
    pub fn enter(&mut self, name: &[u8], counts: Counts) -> Result<(), EncodeError> {
        self.expect_no_values()?;
        if self.level.left.metrics > 0 {
            return Err(self.miscount("metrics"));
        }
        let Some(children) = self.level.left.children.checked_sub(1) else {
            return Err(self.miscount("children"));
        };
        if self.around.len() + 1 == MAX_DEPTH {
            return Err(EncodeError::TooDeep);
        }
        self.announce_children()?;
        self.put_name(name)?;
        self.level.left.children = children;
        self.chunks.put(U32::from(counts.metrics).as_bytes())?;
        let child = OpenLevel { left: counts, ..OpenLevel::default() };
        self.around.push(core::mem::replace(&mut self.level, child));
        Ok(())
    }

    /// Ends the present level; its parent becomes the present one.
    ///
    /// ```
    /// # use snapshot_format::{Counts, EncodeError, Encoder, TrailerFields};
    /// let mut encoder = Encoder::new(Vec::new(), 0, 120, Counts { metrics: 0, children: 1 })?;
    /// encoder.enter(b"socket0", Counts::default())?;
    /// encoder.leave()?;
    /// assert!(encoder.leave().is_err(), "the root is not left");
    /// # Ok::<(), snapshot_format::EncodeError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`EncodeError::Count`] if something that was declared is missing, or for the root.
    pub fn leave(&mut self) -> Result<(), EncodeError> {
        self.expect_complete()?;
        if self.around.is_empty() {
            return Err(self.miscount("levels"));
        }
        self.announce_children()?;
        if let Some(parent) = self.around.pop() {
            self.level = parent;
        }
        Ok(())
    }

    /// Ends the root level, writes the trailer and flushes; returns the writer and how many bytes
    /// it got.
    ///
    /// ```
    /// # use snapshot_format::{Counts, EncodeError, Encoder, TrailerFields};
    /// let encoder = Encoder::new(Vec::new(), 0, 120, Counts::default())?;
    /// let trailer = TrailerFields { covered: 7, ..TrailerFields::default() };
    /// let (bytes, len) = encoder.finish(trailer)?;
    /// assert_eq!(bytes.len() as u64, len);
    /// # Ok::<(), snapshot_format::EncodeError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`EncodeError::Count`] if something that was declared is missing or a level is open;
    /// [`EncodeError::TooLong`] beyond 64 TiB; [`EncodeError::Io`] if the writer fails.
    pub fn finish(mut self, trailer: TrailerFields) -> Result<(W, u64), EncodeError> {
        self.expect_complete()?;
        if !self.around.is_empty() {
            return Err(self.miscount("levels"));
        }
        self.announce_children()?;
        self.chunks.seal(trailer)
    }

    fn announce_children(&mut self) -> Result<(), EncodeError> {
        if !self.level.announced {
            self.chunks.put(U32::from(self.level.left.children).as_bytes())?;
            self.level.announced = true;
            self.level.has_last = false;
        }
        Ok(())
    }

    /// Checks the name against the one before it in the same list, then writes it.
    fn put_name(&mut self, name: &[u8]) -> Result<(), EncodeError> {
        let len = U16::from(fit::<u16>("name", name.len())?);
        if self.level.has_last && name <= self.level.last_name.as_slice() {
            return Err(EncodeError::NotAscending { offset: self.chunks.written });
        }
        self.level.has_last = true;
        self.level.last_name.clear();
        self.level.last_name.extend(name);
        self.chunks.put(len.as_bytes())?;
        self.chunks.put(name)
    }

    fn expect_complete(&self) -> Result<(), EncodeError> {
        self.expect_no_values()?;
        match self.level.left {
            Counts { metrics: 0, children: 0 } => Ok(()),
            Counts { metrics: 0, .. } => Err(self.miscount("children")),
            Counts { .. } => Err(self.miscount("metrics")),
        }
    }

    fn expect_no_values(&self) -> Result<(), EncodeError> {
        if self.values_left > 0 { Err(self.miscount("values")) } else { Ok(()) }
    }

    fn expect_values(&mut self, count: usize) -> Result<(), EncodeError> {
        let left = u32::try_from(count).ok().and_then(|count| self.values_left.checked_sub(count));
        self.values_left = left.ok_or_else(|| self.miscount("values"))?;
        Ok(())
    }

    fn miscount(&self, what: &'static str) -> EncodeError {
        EncodeError::Count { what, offset: self.chunks.written }
    }
}

fn fit<T: TryFrom<usize>>(field: &'static str, len: usize) -> Result<T, EncodeError> {
    T::try_from(len).map_err(|_| EncodeError::TooLong { field, len: len as u64 })
}

/// Gathers bytes to whole chunks, and keeps a checksum of each that it hands on.
#[derive(Debug)]
struct Chunks<W> {
    writer: W,
    chunk: Vec<u8>,
    crcs: Vec<U32>,
    /// Bytes taken so far.
    written: u64,
    /// The writer failed once: what it holds has a hole.
    broken: bool,
}

impl<W: Write> Chunks<W> {
    fn new(writer: W) -> Self {
        let chunk = Vec::with_capacity(CHUNK_LEN as usize);
        Self { writer, chunk, crcs: Vec::new(), written: 0, broken: false }
    }

    fn put(&mut self, mut bytes: &[u8]) -> Result<(), EncodeError> {
        loop {
            let room = (CHUNK_LEN as usize).saturating_sub(self.chunk.len());
            let Some((fits, rest)) = bytes.split_at_checked(room) else { break };
            self.chunk.extend(fits);
            self.written += fits.len() as u64;
            self.flush_chunk()?;
            bytes = rest;
        }
        self.chunk.extend(bytes);
        self.written += bytes.len() as u64;
        Ok(())
    }

    fn flush_chunk(&mut self) -> Result<(), EncodeError> {
        self.crcs.push(crc32fast::hash(&self.chunk).into());
        self.write_chunk()
    }

    /// Hands on what has gathered, and gathers anew.
    fn write_chunk(&mut self) -> Result<(), EncodeError> {
        if self.broken {
            return Err(EncodeError::Io(io::Error::other("an earlier write failed")));
        }
        self.broken = true;
        self.writer.write_all(&self.chunk).map_err(EncodeError::Io)?;
        self.broken = false;
        self.chunk.clear();
        Ok(())
    }

    fn seal(mut self, fields: TrailerFields) -> Result<(W, u64), EncodeError> {
        if !self.chunk.is_empty() {
            self.flush_chunk()?;
        }
        let body = TrailerBody {
            covered: fields.covered.into(),
            written_at: fields.written_at.into(),
            replaces: fields.replaces.into(),
            chunk_len: CHUNK_LEN.into(),
        };
        let body_len =
            fit::<u32>("trailer", size_of::<TrailerBody>() + self.crcs.as_bytes().len())?;
        let head = TrailerHead { magic: TRAILER_MAGIC.into(), body_len: body_len.into() };
        // The chunk is empty; from here on it gathers the trailer, which no chunk contains.
        self.chunk.extend(head.as_bytes());
        self.chunk.extend(body.as_bytes());
        self.chunk.extend(self.crcs.as_bytes());
        let crc = U32::from(crc32fast::hash(&self.chunk));
        self.chunk.extend(crc.as_bytes());
        self.written += self.chunk.len() as u64;
        self.write_chunk()?;
        self.writer.flush().map_err(EncodeError::Io)?;
        Ok((self.writer, self.written))
    }
}

fn put_portably<W: Write>(chunks: &mut Chunks<W>, values: &[f32]) -> Result<(), EncodeError> {
    values.iter().try_for_each(|value| chunks.put(&value.to_le_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_portable_way_writes_the_same_bytes() {
        let values = [0, 0x8000_0000, 0x7fc0_0001, 0xffbf_ffff, 0x3f80_0000].map(f32::from_bits);
        let mut portable = Chunks::new(Vec::new());
        put_portably(&mut portable, &values).expect("a Vec takes everything");
        assert_eq!(portable.chunk, values.as_bytes());
    }
}
