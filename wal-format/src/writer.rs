//! Writing a segment.

use crate::layout::{FILE_HEADER_LEN, FILE_MAGIC, FileHeader};
use crate::record::Record;
use std::io::{self, Write};
use zerocopy::IntoBytes;

/// Appends the header that every log file begins with.
///
/// With it and [`Record::encode`] a log can be built in a buffer, where nothing can fail.
///
/// ```
/// let mut log = Vec::new();
/// wal_format::encode_file_header(&mut log);
/// assert_eq!(log, [0x01, 0xA7, 0x1D, 0xCC]);
/// ```
pub fn encode_file_header(log: &mut Vec<u8>) {
    log.extend_from_slice(FileHeader { magic: FILE_MAGIC.into() }.as_bytes());
}

/// Writes a new segment to a sink: the file header, then records.
///
/// Every call goes straight to the sink, so that none of what was written waits where a crash would
/// lose it unseen: for small records to a file, wrap the file in a [`std::io::BufWriter`] and flush
/// that. The writer makes nothing durable; syncing is the caller's.
///
/// ```
/// use wal_format::{NamesBuf, Record, SegmentWriter};
///
/// let names = NamesBuf::new("load", ["cpu0"])?;
/// let mut writer = SegmentWriter::new(Vec::new())?;
/// writer.write(&Record { names: names.as_names(), timestamp: 60, value: 1.0, frequency: None })?;
/// assert_eq!(writer.offset(), 4 + 36);
/// assert_eq!(writer.into_inner().len(), 40);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SegmentWriter<W> {
    sink: W,
    offset: u64,
    scratch: Vec<u8>,
}

impl<W: Write> SegmentWriter<W> {
    /// Writes the file header.
    ///
    /// ```
    /// let writer = wal_format::SegmentWriter::new(Vec::new())?;
    /// assert_eq!(writer.into_inner(), [0x01, 0xA7, 0x1D, 0xCC]);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The sink's.
    pub fn new(mut sink: W) -> io::Result<Self> {
        let mut scratch = Vec::new();
        encode_file_header(&mut scratch);
        sink.write_all(&scratch)?;
        Ok(Self { sink, offset: FILE_HEADER_LEN as u64, scratch })
    }

    /// Writes one record.
    ///
    /// ```
    /// # use wal_format::{NamesBuf, Record, SegmentWriter};
    /// # let names = NamesBuf::new("load", ["cpu0"])?;
    /// # let record = Record { names: names.as_names(), timestamp: 60, value: 1.0, frequency: None };
    /// let mut full = [0; 16];
    /// let mut writer = SegmentWriter::new(&mut full[..])?;
    /// assert!(writer.write(&record).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The sink's. What the sink took of the record is then unknown, and nothing may be written
    /// behind it.
    pub fn write(&mut self, record: &Record<'_>) -> io::Result<()> {
        self.scratch.clear();
        record.encode(&mut self.scratch);
        self.sink.write_all(&self.scratch)?;
        self.offset += self.scratch.len() as u64;
        Ok(())
    }

    /// Where the next record will begin: the length of the segment so far.
    ///
    /// ```
    /// # use wal_format::SegmentWriter;
    /// assert_eq!(SegmentWriter::new(Vec::new())?.offset(), 4);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The sink.
    ///
    /// ```
    /// # use wal_format::SegmentWriter;
    /// let log: Vec<u8> = SegmentWriter::new(Vec::new())?.into_inner();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn into_inner(self) -> W {
        self.sink
    }
}
