//! Interrupted calls are repeated here, in one place: a signal is no failure of the disk.

use std::io;

use super::{Disk, Entry, File};
use crate::log::planted::{Planted, is_planted};

/// A disk, or a file of it, of which no call returns [`Interrupted`](io::ErrorKind::Interrupted).
///
/// An interrupted call has done nothing, so repeating it is always right, also for a sync.
#[derive(Clone, Debug)]
pub struct Uninterrupted<T>(pub T);

fn repeat<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error)
                if error.kind() == io::ErrorKind::Interrupted
                    && !is_planted(Planted::InterruptionIsFailure) => {}
            result => return result,
        }
    }
}

impl<D: Disk> Disk for Uninterrupted<D> {
    type File = Uninterrupted<D::File>;
    type Lock = D::Lock;

    fn create(&self, path: &str) -> io::Result<Self::File> {
        repeat(|| self.0.create(path)).map(Uninterrupted)
    }

    fn open(&self, path: &str) -> io::Result<Self::File> {
        repeat(|| self.0.open(path)).map(Uninterrupted)
    }

    fn open_to_append(&self, path: &str) -> io::Result<Self::File> {
        repeat(|| self.0.open_to_append(path)).map(Uninterrupted)
    }

    fn make_directory(&self, path: &str) -> io::Result<()> {
        repeat(|| self.0.make_directory(path))
    }

    fn list(&self, path: &str) -> io::Result<Vec<Entry>> {
        repeat(|| self.0.list(path))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        repeat(|| self.0.rename(from, to))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        repeat(|| self.0.remove(path))
    }

    fn sync_directory(&self, path: &str) -> io::Result<()> {
        repeat(|| self.0.sync_directory(path))
    }

    fn lock(&self, path: &str) -> io::Result<Self::Lock> {
        repeat(|| self.0.lock(path))
    }

    fn free_bytes(&self) -> io::Result<u64> {
        repeat(|| self.0.free_bytes())
    }
}

impl<F: File> File for Uninterrupted<F> {
    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        repeat(|| self.0.append(bytes))
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<usize> {
        repeat(|| self.0.read_at(offset, out))
    }

    fn sync(&self) -> io::Result<()> {
        repeat(|| self.0.sync())
    }

    fn len(&self) -> io::Result<u64> {
        repeat(|| self.0.len())
    }
}
