//! The bytes of a file, decompressed.

use crate::files;
use anyhow::{Context, Result};
use flate2::read::MultiGzDecoder;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Read at once: small enough to stay in a core's own cache.
const CHUNK: usize = 256 << 10;
const GZIP_MAGIC: [u8; 2] = [0x1F, 0x8B];

/// A file of lines, chunk by chunk.
pub(super) struct Lines {
    path: PathBuf,
    reader: Box<dyn Read>,
    /// Bytes of the file, compressed or not, that were read.
    read: Arc<AtomicU64>,
    chunk: Vec<u8>,
}

impl Lines {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let read = Arc::new(AtomicU64::new(0));
        let source: Box<dyn Read> = if path.as_os_str() == "-" {
            Box::new(io::stdin().lock())
        } else {
            Box::new(files::open(path)?)
        };
        let mut source = Counted { source, read: Arc::clone(&read) };
        let mut begin = Vec::new();
        let magic = (&mut source).take(GZIP_MAGIC.len() as u64).read_to_end(&mut begin);
        magic.with_context(|| format!("read {}", path.display()))?;
        let is_gzip = begin == GZIP_MAGIC;
        let whole = io::Cursor::new(begin).chain(source);
        let reader: Box<dyn Read> =
            if is_gzip { Box::new(MultiGzDecoder::new(whole)) } else { Box::new(whole) };
        Ok(Self { path: path.into(), reader, read, chunk: vec![0; CHUNK] })
    }

    pub(super) fn bytes_read(&self) -> u64 {
        self.read.load(Relaxed)
    }

    /// The next bytes; none at the end.
    pub(super) fn next(&mut self) -> Result<&[u8]> {
        loop {
            match self.reader.read(&mut self.chunk) {
                Ok(len) => return Ok(self.chunk.get(..len).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(error).with_context(|| format!("read {}", self.path.display()));
                }
            }
        }
    }
}

struct Counted<R> {
    source: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let len = self.source.read(bytes)?;
        self.read.fetch_add(len as u64, Relaxed);
        Ok(len)
    }
}
