//! What Parquet's reader wants, over anything that can be read and sought.

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
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
