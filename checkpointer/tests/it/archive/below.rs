//! A directory of a simulated disk as a disk: a crash takes all three of a store at one moment.

use std::io;

use checkpointer::disk::sim::{SimDisk, SimFile, SimLock};
use checkpointer::disk::{Disk, Entry};

#[derive(Clone, Debug)]
pub(crate) struct Below {
    pub(crate) disk: SimDisk,
    pub(crate) directory: &'static str,
}

impl Below {
    fn at(&self, path: &str) -> String {
        if path.is_empty() {
            self.directory.to_owned()
        } else {
            format!("{}/{path}", self.directory)
        }
    }
}

impl Disk for Below {
    type File = SimFile;
    type Lock = SimLock;

    fn create(&self, path: &str) -> io::Result<SimFile> {
        self.disk.create(&self.at(path))
    }

    fn open(&self, path: &str) -> io::Result<SimFile> {
        self.disk.open(&self.at(path))
    }

    fn open_to_append(&self, path: &str) -> io::Result<SimFile> {
        self.disk.open_to_append(&self.at(path))
    }

    fn make_directory(&self, path: &str) -> io::Result<()> {
        self.disk.make_directory(&self.at(path))
    }

    fn list(&self, path: &str) -> io::Result<Vec<Entry>> {
        self.disk.list(&self.at(path))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(&self.at(from), &self.at(to))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.disk.remove(&self.at(path))
    }

    fn sync_directory(&self, path: &str) -> io::Result<()> {
        self.disk.sync_directory(&self.at(path))
    }

    fn lock(&self, path: &str) -> io::Result<SimLock> {
        self.disk.lock(&self.at(path))
    }

    fn free_bytes(&self) -> io::Result<u64> {
        self.disk.free_bytes()
    }
}
