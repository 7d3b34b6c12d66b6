//! The log lock of a host: who has it writes and closes the host's files.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use super::host::{HostLog, Owner, Reached};
use super::writer::Writer;
use crate::disk::Disk;

/// The log lock. When it is given back, those who wait learn how far the log has come.
pub(super) struct LogLock<'a, D: Disk + 'static, O: Owner> {
    host: &'a HostLog<D, O>,
    writer: MutexGuard<'a, Writer<D>>,
}

impl<D: Disk, O: Owner> HostLog<D, O> {
    /// The log lock, unless another has it for longer than the caller would wait.
    pub(super) fn lock_log(&self, patience: Duration) -> Option<LogLock<'_, D, O>> {
        let mut shared = self.lock_shared();
        if shared.busy {
            if patience.is_zero() {
                return None;
            }
            shared = self.wait_while(shared, patience, |shared| shared.busy)?;
        }
        shared.busy = true;
        drop(shared);
        Some(LogLock { host: self, writer: self.lock_writer() })
    }

    /// The log lock, however long that takes: for who has synced, and has to tell.
    pub(super) fn lock_log_to_tell(&self) -> LogLock<'_, D, O> {
        let mut shared = self.lock_shared();
        shared.waiting += 1;
        let waited = self.changed.wait_while(shared, |shared| shared.busy);
        let mut shared = waited.unwrap_or_else(PoisonError::into_inner);
        shared.waiting -= 1;
        shared.busy = true;
        drop(shared);
        LogLock { host: self, writer: self.lock_writer() }
    }

    fn lock_writer(&self) -> MutexGuard<'_, Writer<D>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<D: Disk, O: Owner> Deref for LogLock<'_, D, O> {
    type Target = Writer<D>;

    fn deref(&self) -> &Writer<D> {
        &self.writer
    }
}

impl<D: Disk, O: Owner> DerefMut for LogLock<'_, D, O> {
    fn deref_mut(&mut self) -> &mut Writer<D> {
        &mut self.writer
    }
}

impl<D: Disk + 'static, O: Owner> Drop for LogLock<'_, D, O> {
    fn drop(&mut self) {
        let mut shared = self.host.lock_shared();
        shared.reached = Reached::of(&self.writer);
        self.host.uncovered.store(shared.reached.uncovered.bytes, Relaxed);
        shared.busy = false;
        self.host.moved(shared);
    }
}
