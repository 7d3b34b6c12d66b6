//! Reading a segment from a stream, in bounded memory.

use crate::found::{End, Found, Located, Tally, Verdict};
use crate::known::Known;
use crate::machine::{Machine, SEARCH_WINDOW, Step};
use crate::names::Names;
use crate::record::Record;
use std::io::{self, ErrorKind, Read};

/// How much is asked of the source at a time.
const CHUNK: usize = 256 << 10;

/// Reads a segment from a source, for files that are larger than memory.
///
/// It finds exactly what a [`Scan`](crate::Scan) of the same bytes finds, and holds some 2.5 MiB at
/// the most: two of the longest records, and what is read ahead. It buffers; the source need not.
///
/// ```
/// use wal_format::{End, Found, NamesBuf, Reader, Record, SegmentWriter};
///
/// let names = NamesBuf::new("load", ["cpu0"])?;
/// let mut writer = SegmentWriter::new(Vec::new())?;
/// writer.write(&Record { names: names.as_names(), timestamp: 60, value: 1.0, frequency: None })?;
/// let log = writer.into_inner();
///
/// let mut reader = Reader::new(&log[..]); // or a file
/// while let Some(found) = reader.next()? {
///     if let Found::Record(located) = found {
///         assert_eq!(located.record.timestamp, 60);
///     }
/// }
/// assert_eq!(reader.end(), Some(End::Clean));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Reader<R> {
    source: R,
    machine: Machine,
    /// The window: `buffer[..filled]` are the bytes of the log from `base` on.
    buffer: Vec<u8>,
    filled: usize,
    base: u64,
    source_ended: bool,
}

impl<R: Read> Reader<R> {
    /// Reads a log from its file header on.
    ///
    /// ```
    /// # use wal_format::Reader;
    /// let reader = Reader::new(std::io::empty());
    /// assert_eq!(reader.end(), None);
    /// ```
    #[must_use]
    pub fn new(source: R) -> Self {
        Self {
            source,
            machine: Machine::default(),
            buffer: Vec::new(),
            filled: 0,
            base: 0,
            source_ended: false,
        }
    }

    /// What comes next in the log, or `None` at its end.
    ///
    /// ```
    /// # use wal_format::{Found, Reader};
    /// let mut reader = Reader::new(&b"\x01\xA7\x1D\xCC"[..]);
    /// assert_eq!(reader.next()?, None);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// An error of the source, other than [`ErrorKind::Interrupted`]. It says nothing about the
    /// bytes; calling again goes on where it was.
    #[expect(clippy::should_implement_trait, reason = "what it returns borrows from the reader")]
    pub fn next(&mut self) -> io::Result<Option<Found<'_>>> {
        loop {
            let from = self.offset_in_buffer();
            let window = self.buffer.get(from..self.filled).unwrap_or_default();
            match self.machine.step(window, self.source_ended) {
                Step::Record(extent) => {
                    let bytes = self.buffer.get(..self.filled).unwrap_or_default();
                    return Ok(extent.locate(bytes, self.base).map(Found::Record));
                }
                Step::Damaged(gap) => return Ok(Some(Found::Damaged(gap))),
                Step::More(wanted) => self.fill(wanted)?,
                Step::End => return Ok(None),
            }
        }
    }

    /// Reads to the end of the log: `each` gets every record in order, with what is known of its
    /// series; `make` makes that when a series comes for the first time. Damage is in
    /// [`Reader::tally`] and [`Reader::verdict`] afterwards.
    ///
    /// See [`Known`] for an example.
    ///
    /// # Errors
    ///
    /// As [`Reader::next`].
    pub fn read_known<T>(
        &mut self,
        known: &mut Known<T>,
        mut make: impl FnMut(Names<'_>) -> T,
        mut each: impl FnMut(&mut T, &Record<'_>),
    ) -> io::Result<()> {
        loop {
            self.pass_expected(known, &mut each);
            match self.next()? {
                Some(Found::Record(Located { record, .. })) => {
                    if let Some(value) = known.find(&record, &mut make) {
                        each(value, &record);
                    }
                }
                Some(Found::Damaged(_)) => {}
                None => return Ok(()),
            }
        }
    }

    /// Takes the records from the window that are expected, up to the first that is not.
    #[inline]
    fn pass_expected<T>(
        &mut self,
        known: &mut Known<T>,
        each: &mut impl FnMut(&mut T, &Record<'_>),
    ) {
        if !self.machine.expects_record() {
            return;
        }
        let from = self.offset_in_buffer();
        let window = self.buffer.get(from..self.filled).unwrap_or_default();
        let (mut rest, mut records) = (window, 0);
        while let Some((value, record, behind)) = known.split_expected(rest) {
            each(value, &record);
            records += 1;
            rest = behind;
        }
        self.machine.pass_records(records, window.len() - rest.len());
    }

    /// How the log ends; `None` until [`Reader::next`] has returned `None`.
    ///
    /// ```
    /// # use wal_format::{End, Reader};
    /// let mut reader = Reader::new(std::io::repeat(0).take(1000));
    /// # use std::io::Read;
    /// while reader.next()?.is_some() {}
    /// assert!(matches!(reader.end(), Some(End::Torn(gap)) if gap.bytes == 1000));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn end(&self) -> Option<End> {
        self.machine.end()
    }

    /// What the log is like as a whole; `None` until [`Reader::next`] has returned `None`.
    ///
    /// ```
    /// # use wal_format::{Reader, Verdict};
    /// let mut reader = Reader::new(std::io::empty());
    /// while reader.next()?.is_some() {}
    /// assert_eq!(reader.verdict(), Some(Verdict::Clean));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        self.machine.verdict()
    }

    /// What was seen so far.
    ///
    /// ```
    /// # use wal_format::Reader;
    /// assert_eq!(Reader::new(std::io::empty()).tally().records, 0);
    /// ```
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.machine.tally()
    }

    fn offset_in_buffer(&self) -> usize {
        usize::try_from(self.machine.keeps_from() - self.base).unwrap_or(usize::MAX)
    }

    /// Reads until the window holds `wanted` bytes from where the machine is, or the source ends.
    fn fill(&mut self, wanted: usize) -> io::Result<()> {
        let from = self.offset_in_buffer().min(self.filled);
        self.buffer.copy_within(from..self.filled, 0);
        self.filled -= from;
        self.base += from as u64;
        let wanted = wanted.min(SEARCH_WINDOW);
        while self.filled < wanted && !self.source_ended {
            if self.buffer.len() < self.filled + CHUNK {
                self.buffer.resize(self.filled + CHUNK, 0);
            }
            let free = self.buffer.get_mut(self.filled..).unwrap_or_default();
            match self.source.read(free) {
                Ok(0) => self.source_ended = true,
                Ok(bytes) => self.filled += bytes.min(free.len()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
