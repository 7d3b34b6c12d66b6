//! The disk of the operating system.
//!
//! Every path is resolved from one descriptor of the data directory, opened once: neither a change
//! of the working directory nor a rename of the data directory sends a write elsewhere. Descriptors
//! are closed on exec.
#![expect(clippy::disallowed_methods, reason = "this is the door")]

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::path::{check_directory, check_name, check_rename};
use super::{Disk, Entry, EntryKind, File};

const FILE_MODE: Mode = Mode::from_raw_mode(0o644);
const DIRECTORY_MODE: Mode = Mode::from_raw_mode(0o755);

/// A data directory on the disk of the operating system. Clones share the one descriptor.
#[derive(Clone, Debug)]
pub struct RealDisk {
    root: Arc<fs::File>,
}

/// An open file on the disk of the operating system.
#[derive(Debug)]
pub struct RealFile(fs::File);

/// A locked directory on the disk of the operating system.
#[derive(Debug)]
pub struct RealLock {
    _descriptor: fs::File,
}

impl RealDisk {
    /// The data directory `path`, which must exist.
    ///
    /// # Errors
    ///
    /// [`NotADirectory`](io::ErrorKind::NotADirectory) if it is none; what the system says.
    pub fn new(path: impl AsRef<Path>) -> io::Result<Self> {
        let root = fs::File::open(path)?;
        if !root.metadata()?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self { root: Arc::new(root) })
    }

    /// The directory `path`, made if it does not exist, with the directories that it lies in; its name
    /// is durable afterwards.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn make(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        fs::create_dir_all(path)?;
        let whole = fs::canonicalize(path)?;
        // An earlier process may have made any of them, and died before it was durable.
        for parent in whole.ancestors().skip(1) {
            match fs::File::open(parent).and_then(|directory| directory.sync_all()) {
                Err(error) if error.kind() != io::ErrorKind::PermissionDenied => return Err(error),
                _ => {}
            }
        }
        Self::new(path)
    }

    fn open_at(&self, path: &str, flags: OFlags) -> io::Result<fs::File> {
        let descriptor = rustix::fs::openat(&*self.root, path, flags | OFlags::CLOEXEC, FILE_MODE)?;
        Ok(descriptor.into())
    }

    fn open_existing(&self, path: &str, access: OFlags) -> io::Result<RealFile> {
        check_name(path)?;
        // A pipe would keep the call waiting for somebody who writes to it.
        let file = self.open_at(path, access | OFlags::NOFOLLOW | OFlags::NONBLOCK)?;
        let kind = file.metadata()?.file_type();
        if kind.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if !kind.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a file"));
        }
        Ok(RealFile(file))
    }

    fn open_directory(&self, path: &str) -> io::Result<fs::File> {
        check_directory(path)?;
        let path = if path.is_empty() { "." } else { path };
        self.open_at(path, OFlags::RDONLY | OFlags::DIRECTORY)
    }

    fn is_directory(&self, path: &str) -> io::Result<bool> {
        let status = rustix::fs::statat(&*self.root, path, AtFlags::empty())?;
        Ok(FileType::from_raw_mode(status.st_mode) == FileType::Directory)
    }
}

impl Disk for RealDisk {
    type File = RealFile;
    type Lock = RealLock;

    fn create(&self, path: &str) -> io::Result<RealFile> {
        check_name(path)?;
        let flags = OFlags::RDWR | OFlags::APPEND | OFlags::CREATE | OFlags::EXCL;
        self.open_at(path, flags).map(RealFile)
    }

    fn open(&self, path: &str) -> io::Result<RealFile> {
        self.open_existing(path, OFlags::RDONLY)
    }

    fn open_to_append(&self, path: &str) -> io::Result<RealFile> {
        self.open_existing(path, OFlags::RDWR | OFlags::APPEND)
    }

    fn make_directory(&self, path: &str) -> io::Result<()> {
        check_directory(path)?;
        if path.is_empty() {
            return Ok(());
        }
        match rustix::fs::mkdirat(&*self.root, path, DIRECTORY_MODE) {
            Err(Errno::EXIST) if self.is_directory(path)? => Ok(()),
            result => Ok(result?),
        }
    }

    fn list(&self, path: &str) -> io::Result<Vec<Entry>> {
        let directory = self.open_directory(path)?;
        let mut entries = Vec::new();
        for found in Dir::read_from(&directory)? {
            let found = found?;
            let name = found.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let status = match rustix::fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => continue, // removed since
                status => status?,
            };
            let (kind, length) = match FileType::from_raw_mode(status.st_mode) {
                FileType::RegularFile => (EntryKind::File, u64::try_from(status.st_size)),
                FileType::Directory => (EntryKind::Directory, Ok(0)),
                _ => (EntryKind::Other, Ok(0)),
            };
            let length = length.map_err(io::Error::other)?;
            entries.push(Entry { name: owned(name.to_bytes()), kind, length });
        }
        entries.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Ok(entries)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        check_rename(from, to)?;
        Ok(rustix::fs::renameat(&*self.root, from, &*self.root, to)?)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        check_name(path)?;
        Ok(rustix::fs::unlinkat(&*self.root, path, AtFlags::empty())?)
    }

    fn sync_directory(&self, path: &str) -> io::Result<()> {
        self.open_directory(path)?.sync_all()
    }

    fn lock(&self, path: &str) -> io::Result<RealLock> {
        let descriptor = self.open_directory(path)?;
        descriptor.try_lock()?;
        Ok(RealLock { _descriptor: descriptor })
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let status = rustix::fs::fstatvfs(&*self.root)?;
        Ok(status.f_bavail.saturating_mul(status.f_frsize))
    }
}

fn owned(name: &[u8]) -> OsString {
    OsStr::from_bytes(name).to_owned()
}

impl File for RealFile {
    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        (&self.0).write(bytes)
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<usize> {
        self.0.read_at(out, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }
}
