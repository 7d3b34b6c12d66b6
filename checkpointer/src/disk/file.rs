//! An open file: what it can do, and what is built on that.

use std::fmt::Debug;
use std::io;

use thiserror::Error;

/// An open file. Several threads may use it at the same time; each append goes to the end.
pub trait File: Debug + Send + Sync {
    /// Appends bytes from the beginning of `bytes` and returns how many: it may be fewer than all.
    ///
    /// # Errors
    ///
    /// What the system says; then nobody knows how many bytes went in, [`len`](File::len) tells.
    fn append(&self, bytes: &[u8]) -> io::Result<usize>;

    /// Reads bytes from `offset` on into the beginning of `out` and returns how many: it may be
    /// fewer than `out` takes, and is 0 at the end of the file only (or if `out` is empty).
    ///
    /// # Errors
    ///
    /// What the system says.
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<usize>;

    /// Makes durable what was appended before (fdatasync). Its name is the directory's affair.
    ///
    /// # Errors
    ///
    /// What the system says. It is final for the bytes that were waiting: no later sync proves
    /// anything about them. Only [`Interrupted`](io::ErrorKind::Interrupted) may be tried again.
    fn sync(&self) -> io::Result<()>;

    /// The length in bytes.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn len(&self) -> io::Result<u64>;

    /// Whether it has no bytes.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Appends all of `bytes`, with as many appends as it takes; an interrupted one is repeated.
    ///
    /// # Errors
    ///
    /// What the system says, and how many bytes went in before: those are in the file.
    fn append_all(&self, bytes: &[u8]) -> Result<(), AppendError> {
        let mut written = 0;
        while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
            match self.append(rest) {
                Ok(0) => {
                    return Err(AppendError { written, source: io::ErrorKind::WriteZero.into() });
                }
                Ok(more) => written += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(AppendError { written, source }),
            }
        }
        Ok(())
    }
}

/// An append that did not take all the bytes.
#[derive(Debug, Error)]
#[error("append failed after {written} bytes")]
pub struct AppendError {
    /// How many bytes are known to be in the file. After an error the file may hold more of them.
    pub written: usize,
    /// Why no more went in.
    pub source: io::Error,
}

/// Reads a file from a place to its end as [`io::Read`] does.
///
/// It never returns [`Interrupted`](io::ErrorKind::Interrupted).
#[derive(Debug)]
pub struct Reader<'a, F> {
    file: &'a F,
    offset: u64,
}

impl<'a, F: File> Reader<'a, F> {
    /// Reads `file` from its beginning.
    #[must_use]
    pub fn new(file: &'a F) -> Self {
        Self { file, offset: 0 }
    }

    /// Reads `file` from `offset` on.
    #[must_use]
    pub fn at(file: &'a F, offset: u64) -> Self {
        Self { file, offset }
    }

    /// Where the next byte is read.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }
}

impl<F: File> io::Read for Reader<'_, F> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.file.read_at(self.offset, out) {
                Ok(read) => {
                    self.offset = self.offset.saturating_add(read as u64);
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// A file as [`io::Write`]: for one that is thrown away when anything fails.
#[derive(Debug)]
pub(crate) struct Appending<'a, F>(pub(crate) &'a F);

impl<F: File> io::Write for Appending<'_, F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.append(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
