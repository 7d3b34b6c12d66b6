//! The bytes of a file, decompressed.

use crate::files;
use anyhow::{Context, Result};
use flate2::read::MultiGzDecoder;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Read at once: small enough to stay in a core's own cache.
pub(super) const CHUNK: usize = 128 << 10;
const GZIP_MAGIC: [u8; 2] = [0x1F, 0x8B];

/// A file of lines, chunk by chunk.
pub(super) struct Lines {
    path: PathBuf,
    reader: Box<dyn Read>,
    /// Bytes of the file, compressed or not, that were read.
    read: Arc<AtomicU64>,
    chunk: Vec<u8>,
    /// Somebody may be writing the lines meanwhile.
    is_live: bool,
}

impl Lines {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let read = Arc::new(AtomicU64::new(0));
        let is_live = path.as_os_str() == "-";
        let source: Box<dyn Read> =
            if is_live { Box::new(io::stdin().lock()) } else { Box::new(files::open(path)?) };
        let mut source = Counted { source, read: Arc::clone(&read) };
        let mut begin = Vec::new();
        let magic = (&mut source).take(GZIP_MAGIC.len() as u64).read_to_end(&mut begin);
        magic.with_context(|| format!("read {}", path.display()))?;
        let is_gzip = begin == GZIP_MAGIC;
        let whole = io::Cursor::new(begin).chain(source);
        let reader: Box<dyn Read> =
            if is_gzip { Box::new(MultiGzDecoder::new(whole)) } else { Box::new(whole) };
        Ok(Self { path: path.into(), reader, read, chunk: vec![0; CHUNK], is_live })
    }

    pub(super) fn bytes_read(&self) -> u64 {
        self.read.load(Relaxed)
    }

    /// The next bytes; none at the end. Of a file as many as a chunk has, of standard input those that
    /// are there.
    pub(super) fn next(&mut self) -> Result<&[u8]> {
        let mut len = 0;
        while let Some(rest) = self.chunk.get_mut(len..).filter(|rest| !rest.is_empty()) {
            match self.reader.read(rest) {
                Ok(0) => break,
                Ok(more) => len += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    return Err(error).with_context(|| format!("read {}", self.path.display()));
                }
            }
            if self.is_live {
                break;
            }
        }
        Ok(self.chunk.get(..len).unwrap_or_default())
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
