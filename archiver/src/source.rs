//! What Parquet's reader wants, over anything that can be read and sought.

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

/// A file of known length, shared by the readers of its columns.
pub(crate) struct Source<R> {
    file: Arc<Mutex<R>>,
    len: u64,
}

/// A reader with a place of its own in the shared file.
pub(crate) struct At<R> {
    file: Arc<Mutex<R>>,
    at: u64,
}

impl<R: Read + Seek> Source<R> {
    pub(crate) fn new(mut file: R) -> io::Result<Self> {
        let len = file.seek(SeekFrom::End(0))?;
        Ok(Self { file: Arc::new(Mutex::new(file)), len })
    }
}

impl<R> Length for Source<R> {
    fn len(&self) -> u64 {
        self.len
    }
}

impl<R: Read + Seek + Send> ChunkReader for Source<R> {
    type T = BufReader<At<R>>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(BufReader::new(At { file: Arc::clone(&self.file), at: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        // The length is the file's own claim: nothing is reserved that is not there.
        let end = start.checked_add(length as u64).filter(|&end| end <= self.len);
        if end.is_none() {
            let end = self.len;
            return Err(ParquetError::EOF(format!(
                "{length} bytes at {start}, the file ends at {end}"
            )));
        }
        let mut bytes = vec![0; length];
        At { file: Arc::clone(&self.file), at: start }.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}

/// Bytes of a page, uncompressed, that a reader takes memory for. Ours have half a megabyte, those of
/// dictionaries two; other writers' one, mostly.
const PAGE_BYTES_MAX: i64 = 32 << 20;

/// How page readers read a column: with an index they ask for pages whole, else for headers first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Index,
    Headers,
}

/// A file of whose pages none is larger than memory: a few bytes can claim to be gigabytes.
pub(crate) struct Pages<R> {
    pub(crate) source: Arc<Source<R>>,
    pub(crate) by: By,
}

impl<R> Length for Pages<R> {
    fn len(&self) -> u64 {
        self.source.len
    }
}

/// Where a page's header is, if it is read at all.
pub(crate) struct Header<R> {
    read: BufReader<At<R>>,
    is_checked: bool,
}

impl<R: Read + Seek> Read for Header<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.is_checked {
            check_page(self.read.fill_buf()?)
                .map_err(|error| io::Error::new(ErrorKind::InvalidData, error.to_string()))?;
            self.is_checked = true;
        }
        self.read.read(buffer)
    }
}

impl<R: Read + Seek + Send> ChunkReader for Pages<R> {
    type T = Header<R>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(Header { read: self.source.get_read(start)?, is_checked: false })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let bytes = self.source.get_bytes(start, length)?;
        if self.by == By::Index {
            check_page(&bytes)?;
        }
        Ok(bytes)
    }
}

/// A page's header begins with its type and its size: each the byte of a field of 32 bits that is the
/// next one, then the number.
fn check_page(header: &[u8]) -> Result<()> {
    let mut rest = header;
    let mut size = 0;
    for _ in ["type", "size"] {
        size = match rest.split_first() {
            Some((0x15, behind)) => {
                rest = behind;
                number(&mut rest).unwrap_or(i64::MAX)
            }
            // The page reader says what is wrong with it.
            None => return Ok(()),
            _ => i64::MAX,
        };
    }
    if size <= PAGE_BYTES_MAX {
        return Ok(());
    }
    Err(ParquetError::General("a page without a sane size in its header".to_owned()))
}

/// A signed number of variable length.
fn number(bytes: &mut &[u8]) -> Option<i64> {
    let mut number = 0_u64;
    for shift in (0..63).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed());
        }
    }
    None
}

impl<R: Read + Seek> Read for At<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // Every read begins with a seek: a place that a panic left behind does no harm.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(self.at))?;
        let count = file.read(buffer)?;
        self.at += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_more_than_memory_is_refused_by_its_header() {
        for (header, is_fine) in [
            (&[0x15, 6, 0x15, 0xB4, 0x88, 0x01, 0x15, 0x5C][..], true), // The Go store's.
            (&[0x15, 0, 0x15, 0x80, 0x80, 0x80, 0x20], true),           // 32 MiB
            (&[0x15, 0, 0x15, 0x82, 0x80, 0x80, 0x20], false),
            (&[0x15, 0, 0x15, 0xFE, 0xFF, 0xFF, 0xFF, 0x0F], false),
            (&[0x15, 0, 0x25, 0], false), // Another field.
            (&[0x15, 0, 0x15, 0x80], false),
            (&[], true),
        ] {
            assert_eq!(check_page(header).is_ok(), is_fine, "{header:x?}");
        }
    }
}
