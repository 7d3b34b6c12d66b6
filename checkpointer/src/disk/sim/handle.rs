//! The simulated disk as the engine sees it: operations, open files, locks.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use rustix::io::Errno;

use super::SimDisk;
use super::contents::Contents;
use super::fault::{Cause, Failure};
use super::operation::Kind;
use super::state::State;
use super::tree::{Directory, Node, find_directory, lock};
use crate::disk::path::{check_directory, check_name, check_rename, split};
use crate::disk::{Disk, Entry, EntryKind, File};

/// An open file of a simulated disk.
pub struct SimFile {
    disk: SimDisk,
    contents: Arc<Mutex<Contents>>,
    path: String,
    access: Access,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Append,
    Read,
}

/// A locked directory of a simulated disk.
pub struct SimLock {
    directory: Arc<Mutex<Directory>>,
}

/// Room enough, as long as nothing limits it.
const FREE_BYTES: u64 = 1 << 40;

impl SimDisk {
    /// Counts an operation and does it, or does not, as the faults have it.
    fn perform<T>(
        &self,
        kind: Kind,
        (path, to): (&str, Option<&str>),
        act: impl FnOnce(&mut State) -> io::Result<T>,
    ) -> io::Result<T> {
        let (mut state, failure) = self.begin(kind, path, to)?;
        match failure {
            None | Some(Failure::Short(_)) => act(&mut state),
            Some(Failure::Error(cause) | Failure::Partial(_, cause)) => Err(cause.into()),
            Some(Failure::ErrorAfter(cause)) => {
                let done = act(&mut state)?;
                drop(state); // an open file closes itself, which takes the state
                drop(done);
                Err(cause.into())
            }
        }
    }

    fn open_existing(&self, path: &str, access: Access) -> io::Result<SimFile> {
        self.perform(Kind::Open, (path, None), |state| {
            check_name(path)?;
            let (directory, name) = split(path);
            let directory = find_directory(&state.root, directory)?;
            let node = lock(&directory).get(name).cloned();
            state.check_open_files()?;
            match node {
                None => Err(io::ErrorKind::NotFound.into()),
                Some(Node::Directory(_)) => Err(io::ErrorKind::IsADirectory.into()),
                Some(Node::File(contents)) => Ok(self.handle(state, path, contents, access)),
            }
        })
    }

    fn handle(
        &self,
        state: &mut State,
        path: &str,
        contents: Arc<Mutex<Contents>>,
        access: Access,
    ) -> SimFile {
        state.count_opened();
        SimFile { disk: self.clone(), contents, path: path.to_owned(), access }
    }
}

impl Disk for SimDisk {
    type File = SimFile;
    type Lock = SimLock;

    fn create(&self, path: &str) -> io::Result<SimFile> {
        self.perform(Kind::Create, (path, None), |state| {
            check_name(path)?;
            let (directory, name) = split(path);
            let directory = find_directory(&state.root, directory)?;
            let mut directory = lock(&directory);
            if directory.get(name).is_some() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            state.check_open_files()?;
            let contents = Arc::default();
            directory.create(name, Node::File(Arc::clone(&contents)));
            Ok(self.handle(state, path, contents, Access::Append))
        })
    }

    fn open(&self, path: &str) -> io::Result<SimFile> {
        self.open_existing(path, Access::Read)
    }

    fn open_to_append(&self, path: &str) -> io::Result<SimFile> {
        self.open_existing(path, Access::Append)
    }

    fn make_directory(&self, path: &str) -> io::Result<()> {
        self.perform(Kind::MakeDirectory, (path, None), |state| {
            check_directory(path)?;
            if path.is_empty() {
                return Ok(());
            }
            let (directory, name) = split(path);
            let directory = find_directory(&state.root, directory)?;
            let mut directory = lock(&directory);
            match directory.get(name) {
                Some(Node::Directory(_)) => {}
                Some(Node::File(_)) => return Err(io::ErrorKind::AlreadyExists.into()),
                None => directory.create(name, Node::new_directory()),
            }
            Ok(())
        })
    }

    fn list(&self, path: &str) -> io::Result<Vec<Entry>> {
        self.perform(Kind::List, (path, None), |state| {
            check_directory(path)?;
            let directory = find_directory(&state.root, path)?;
            let directory = lock(&directory);
            let entries = directory.names().iter().map(|(name, node)| {
                let (kind, length) = match node {
                    Node::File(file) => (EntryKind::File, lock(file).bytes().len() as u64),
                    Node::Directory(_) => (EntryKind::Directory, 0),
                };
                Entry { name: name.into(), kind, length }
            });
            Ok(entries.collect())
        })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.perform(Kind::Rename, (from, Some(to)), |state| {
            check_rename(from, to)?;
            let directory = find_directory(&state.root, split(from).0)?;
            let replaced = lock(&directory).rename(split(from).1, split(to).1)?;
            if let Some(file) = replaced {
                state.release(&file);
            }
            Ok(())
        })
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.perform(Kind::Remove, (path, None), |state| {
            check_name(path)?;
            let (directory, name) = split(path);
            let directory = find_directory(&state.root, directory)?;
            let file = lock(&directory).remove(name)?;
            state.release(&file);
            Ok(())
        })
    }

    fn sync_directory(&self, path: &str) -> io::Result<()> {
        self.perform(Kind::SyncDirectory, (path, None), |state| {
            check_directory(path)?;
            let directory = find_directory(&state.root, path)?;
            lock(&directory).sync();
            Ok(())
        })
    }

    fn lock(&self, path: &str) -> io::Result<SimLock> {
        self.perform(Kind::Lock, (path, None), |state| {
            check_directory(path)?;
            let directory = find_directory(&state.root, path)?;
            let was_locked = std::mem::replace(&mut lock(&directory).locked, true);
            if was_locked {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            Ok(SimLock { directory })
        })
    }

    fn free_bytes(&self) -> io::Result<u64> {
        self.perform(Kind::FreeBytes, ("", None), |state| Ok(state.space.unwrap_or(FREE_BYTES)))
    }
}

impl SimFile {
    fn begin(&self, kind: Kind) -> io::Result<(MutexGuard<'_, State>, Option<Failure>)> {
        self.disk.begin(kind, &self.path, None)
    }
}

impl File for SimFile {
    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        let (mut state, failure) = self.begin(Kind::Append)?;
        if self.access == Access::Read {
            return Err(Errno::BADF.into());
        }
        let (count_max, error) = match failure {
            None => (bytes.len(), None),
            Some(Failure::Error(cause)) => return Err(cause.into()),
            Some(Failure::ErrorAfter(cause)) => (bytes.len(), Some(cause)),
            Some(Failure::Short(count)) => (count, None),
            Some(Failure::Partial(count, cause)) => (count, Some(cause)),
        };
        let taken = bytes.get(..count_max).unwrap_or(bytes);
        let count = state.append(&mut lock(&self.contents), taken)?;
        error.map_or(Ok(count), |cause| Err(cause.into()))
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<usize> {
        let (_state, failure) = self.begin(Kind::Read)?;
        let count_max = match failure {
            None => out.len(),
            Some(Failure::Short(count)) => count.max(1),
            Some(
                Failure::Error(cause) | Failure::ErrorAfter(cause) | Failure::Partial(_, cause),
            ) => return Err(cause.into()),
        };
        if i64::try_from(offset).is_err() {
            return Err(Errno::INVAL.into());
        }
        let contents = lock(&self.contents);
        let rest = usize::try_from(offset).ok().and_then(|start| contents.bytes().get(start..));
        let rest = rest.unwrap_or_default();
        let count = rest.len().min(out.len()).min(count_max);
        for (to, from) in out.iter_mut().zip(rest).take(count) {
            *to = *from;
        }
        Ok(count)
    }

    fn sync(&self) -> io::Result<()> {
        let (_state, failure) = self.begin(Kind::Sync)?;
        let mut contents = lock(&self.contents);
        match failure {
            None | Some(Failure::Short(_)) => {
                contents.sync();
                Ok(())
            }
            Some(Failure::ErrorAfter(cause)) => {
                contents.sync();
                Err(cause.into())
            }
            Some(Failure::Error(cause) | Failure::Partial(_, cause)) => {
                if cause != Cause::Interrupted {
                    contents.fail_sync();
                }
                Err(cause.into())
            }
        }
    }

    fn len(&self) -> io::Result<u64> {
        self.disk.perform(Kind::Length, (&self.path, None), |_| {
            Ok(lock(&self.contents).bytes().len() as u64)
        })
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        state.open_files = state.open_files.saturating_sub(1);
        let mut contents = lock(&self.contents);
        // What a dead process leaves open is closed for it, and that is no mistake of its own.
        if self.access == Access::Append && !state.is_stopped() && contents.has_unsynced() {
            contents.closed_unsynced = true;
        }
    }
}

impl fmt::Debug for SimFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SimFile").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Drop for SimLock {
    fn drop(&mut self) {
        lock(&self.directory).locked = false;
    }
}

impl fmt::Debug for SimLock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SimLock").finish_non_exhaustive()
    }
}
