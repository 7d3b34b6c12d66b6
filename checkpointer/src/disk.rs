//! The one door to the file system: what the engine may do to a disk, and what it may rely on.
//!
//! [`Disk`] and [`File`] are as small as the engine's needs and as honest as the system's calls: an
//! append may be short, any call may be interrupted, and nothing is durable before it was synced.
//! Two implementations: [`RealDisk`], and with the feature `sim` the simulated disk in `sim`, which
//! forgets what was not synced and fails on request. Code that works on the simulated one in every
//! state that a crash can leave relies on nothing but this contract:
//!
//! * **Bytes** are durable when a [`File::sync`] that began after their append has returned `Ok`,
//!   unless an earlier sync of that file has failed while they were waiting: those bytes may never
//!   become durable, whatever a later sync says.
//! * **Names** (a file or directory that was created, renamed or removed) are durable when a
//!   [`Disk::sync_directory`] of the directory they lie in has returned `Ok`, and that directory's
//!   own name is durable. Syncing a file says nothing about its name.
//! * What has not become durable may survive a power loss whole, in part, in any order, or not at
//!   all; what has become durable never changes. The death of the process alone loses nothing that
//!   was handed over.
//!
//! Paths are relative to the data directory, components separated by `/`; `""` is the data directory
//! itself. A path that is absolute, has an empty component, `.`, `..` or a NUL byte is refused with
//! [`InvalidInput`](io::ErrorKind::InvalidInput), a component of more than 255 bytes or a path of
//! more than 4000 with [`InvalidFilename`](io::ErrorKind::InvalidFilename): no path names anything
//! outside the data directory.
//!
//! [`Uninterrupted`] repeats what was interrupted, [`File::append_all`] what was short; the engine
//! goes through both.

mod file;
mod path;
mod real;
#[cfg(feature = "sim")]
pub mod sim;
mod uninterrupted;

use std::ffi::OsString;
use std::fmt::Debug;
use std::io;

pub(crate) use file::Appending;
pub use file::{AppendError, File, Reader};
pub use path::BadPath;
pub use real::{RealDisk, RealFile, RealLock};
pub use uninterrupted::Uninterrupted;

/// A data directory and everything below it. See the [module](self) for what is durable when.
///
/// Several threads may use one disk at the same time. No call waits for a lock of another process.
pub trait Disk: Debug + Send + Sync {
    /// An open file.
    type File: File;
    /// The lock of a directory, held until it is dropped.
    type Lock: Debug + Send + Sync;

    /// Creates the file `path`, empty, open for appending and reading; mode 0644 before the umask.
    ///
    /// # Errors
    ///
    /// [`AlreadyExists`](io::ErrorKind::AlreadyExists) if anything has that name,
    /// [`NotFound`](io::ErrorKind::NotFound) if the directory does not exist; what the system says.
    fn create(&self, path: &str) -> io::Result<Self::File>;

    /// Opens the existing file `path` for reading and syncing; appending to it is an error.
    ///
    /// # Errors
    ///
    /// [`IsADirectory`](io::ErrorKind::IsADirectory) for a directory,
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for what is neither file nor directory; what
    /// the system says. A symbolic link is not followed.
    fn open(&self, path: &str) -> io::Result<Self::File>;

    /// Opens the existing file `path` for appending and reading. For a file that this process has
    /// created and closed; what a start finds is never appended to.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    fn open_to_append(&self, path: &str) -> io::Result<Self::File>;

    /// Makes the directory `path`, mode 0755 before the umask. That it exists already is fine; its
    /// name may all the same not be durable.
    ///
    /// # Errors
    ///
    /// [`AlreadyExists`](io::ErrorKind::AlreadyExists) if `path` is no directory,
    /// [`NotFound`](io::ErrorKind::NotFound) if the one it lies in does not exist; what the system
    /// says.
    fn make_directory(&self, path: &str) -> io::Result<()>;

    /// What lies in the directory `path`, sorted by the bytes of the name.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn list(&self, path: &str) -> io::Result<Vec<Entry>>;

    /// Gives the file or directory `from` the name `to`, in one step; a file `to` is replaced.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) unless both lie in the same directory: syncing
    /// that one makes the rename durable, and no power loss can leave half of it. What the system
    /// says.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes the file `path`. Who has it open can go on reading it.
    ///
    /// # Errors
    ///
    /// [`IsADirectory`](io::ErrorKind::IsADirectory) for a directory; what the system says.
    fn remove(&self, path: &str) -> io::Result<()>;

    /// Makes the names in the directory `path` durable.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn sync_directory(&self, path: &str) -> io::Result<()>;

    /// Locks the directory `path` against every other call of `lock` for it, of this process and of
    /// others, without leaving a file. Dropping the lock, or the death of the process, releases it.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if another holds it; what the system says.
    fn lock(&self, path: &str) -> io::Result<Self::Lock>;

    /// How many more bytes may be written.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn free_bytes(&self) -> io::Result<u64>;
}

/// One name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// As the system has it: not every name is UTF-8, and only those that are can be opened here.
    pub name: OsString,
    /// What has that name.
    pub kind: EntryKind,
    /// Bytes of a file; 0 for everything else.
    pub length: u64,
}

/// What a name in a directory stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link (whatever it leads to), a pipe, a socket, a device.
    Other,
}
