//! A source that gives a few bytes at a time, and is interrupted in between.

use std::io::{self, Read};

pub(crate) struct Crumbs<'a> {
    bytes: &'a [u8],
    crumb: usize,
    reads: usize,
}

impl<'a> Crumbs<'a> {
    /// How few bytes at a time depends on how many there are, so that it varies between inputs and
    /// is the same for one.
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, crumb: 1 + bytes.len() % 13, reads: 0 }
    }
}

impl Read for Crumbs<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reads += 1;
        if self.reads.is_multiple_of(5) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let bytes = self.crumb.min(buffer.len());
        self.bytes.read(buffer.get_mut(..bytes).unwrap_or_default())
    }
}
