//! A disk that calls the test before and after every operation: there other work of the same
//! process may come between, or the crash. What several threads could do to each other happens
//! here on one, and the same every time.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use checkpointer::disk::sim::{SimDisk, SimFile, SimLock};
use checkpointer::disk::{Disk, Entry, File};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    Before,
    After,
}

type Hook = Rc<dyn Fn(Moment)>;

thread_local! {
    static HOOK: RefCell<Option<Hook>> = const { RefCell::new(None) };
}

/// From here on every operation of this thread calls `hook`; not those that the hook itself does.
pub(crate) fn watch(hook: Option<Hook>) {
    HOOK.set(hook);
}

fn call(moment: Moment) {
    let Some(hook) = HOOK.take() else { return };
    hook(moment);
    HOOK.set(Some(hook));
}

fn around<T>(operation: impl FnOnce() -> T) -> T {
    call(Moment::Before);
    let result = operation();
    call(Moment::After);
    result
}

#[derive(Clone, Debug)]
pub(crate) struct Watched(pub(crate) SimDisk);

#[derive(Debug)]
pub(crate) struct WatchedFile(SimFile);

impl Disk for Watched {
    type File = WatchedFile;
    type Lock = SimLock;

    fn create(&self, path: &str) -> io::Result<WatchedFile> {
        around(|| self.0.create(path)).map(WatchedFile)
    }

    fn open(&self, path: &str) -> io::Result<WatchedFile> {
        self.0.open(path).map(WatchedFile)
    }

    fn open_to_append(&self, path: &str) -> io::Result<WatchedFile> {
        self.0.open_to_append(path).map(WatchedFile)
    }

    fn make_directory(&self, path: &str) -> io::Result<()> {
        around(|| self.0.make_directory(path))
    }

    fn list(&self, path: &str) -> io::Result<Vec<Entry>> {
        self.0.list(path)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        around(|| self.0.rename(from, to))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        around(|| self.0.remove(path))
    }

    fn sync_directory(&self, path: &str) -> io::Result<()> {
        around(|| self.0.sync_directory(path))
    }

    fn lock(&self, path: &str) -> io::Result<SimLock> {
        self.0.lock(path)
    }

    fn free_bytes(&self) -> io::Result<u64> {
        self.0.free_bytes()
    }
}

impl File for WatchedFile {
    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        around(|| self.0.append(bytes))
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<usize> {
        self.0.read_at(offset, out)
    }

    fn sync(&self) -> io::Result<()> {
        around(|| self.0.sync())
    }

    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
}
