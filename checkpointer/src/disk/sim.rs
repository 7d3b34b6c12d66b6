//! A disk in memory that loses, tears and refuses as real ones do: deterministic by seed.
//!
//! [`SimDisk`] is a [`Disk`](super::Disk) that remembers what was synced. [`SimDisk::crash`] gives the
//! disk as it is found after the process was killed or the power has failed; [`SimDisk::inject`] makes
//! any operation fail, [`SimDisk::hold`] makes it slow; [`SimDisk::stop_after`] ends a process at any of its operations, so that a
//! test can try them all:
//!
//! ```
//! use checkpointer::disk::sim::{Crash, Sector, SimDisk, Survival};
//! use checkpointer::disk::{Disk, File};
//!
//! let workload = |disk: &SimDisk| -> std::io::Result<()> {
//!     let file = disk.create("file")?;
//!     file.append(b"kept")?;
//!     file.sync()?;
//!     disk.sync_directory("")?;
//!     file.append(b"lost")?;
//!     Ok(())
//! };
//! let whole = SimDisk::new(1);
//! workload(&whole)?;
//! let operations = whole.operations();
//! assert_eq!(operations, 5);
//!
//! for last in 0..=operations {
//!     let disk = SimDisk::new(1);
//!     disk.stop_after(last);
//!     assert_eq!(workload(&disk).is_ok(), last == operations);
//!     let found = disk.crash(Crash::PowerLoss(Survival::Nothing, Sector::Bytes512), last);
//!     let expected: Option<&[u8]> = if last < 4 { None } else { Some(b"kept") };
//!     assert_eq!(found.peek("file").as_deref(), expected);
//! }
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! What it promises:
//!
//! * What the contract of [`disk`](super) calls durable is there after every crash, unchanged.
//!   Of the rest any [`Survival`] can leave anything that a disk might, also a file without the name
//!   it was given, the old name after a rename, or bytes without those before them.
//! * The same operations, faults and seeds give the same bytes. Where several threads use one disk
//!   the order of their operations is theirs; each is done as a whole.
//! * Everything it is asked for counts as an [`Operation`], reading too; [`Kind::changes`] tells
//!   which of them matter. What the test asks for, [`SimDisk::peek`] and the like, does not count.

mod contents;
mod crash;
mod fault;
mod handle;
mod hold;
mod operation;
mod random;
mod state;
mod tree;

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

pub use crash::{Crash, Sector, Survival};
pub use fault::{Cause, Failure, Fault};
pub use handle::{SimFile, SimLock};
pub use hold::Hold;
pub use operation::{Kind, Operation};
pub use state::Stopped;

use contents::Contents;
use random::Random;
use state::State;
use tree::{Directory, Node, Wreck, files_below, find_directory, lock};

/// A simulated disk. Clones are the same disk.
#[derive(Clone)]
pub struct SimDisk {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// An operation began to wait, or may go on.
    changed: Condvar,
}

impl SimDisk {
    /// An empty data directory. The seed decides which operations [`Fault::one_in`] selects.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::with_root(Arc::default(), seed)
    }

    fn with_root(root: Arc<Mutex<Directory>>, seed: u64) -> Self {
        let state = Mutex::new(State::new(root, seed));
        Self { shared: Arc::new(Shared { state, changed: Condvar::new() }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.shared.state)
    }

    /// The disk as it is found after a crash at this moment. This one goes on as if none had been.
    ///
    /// The other has no faults, limits, locks or open files, and counts its operations from 0. After
    /// a power loss everything on it is durable; after a kill what was not synced still is not, and a
    /// second crash can lose it.
    #[must_use]
    pub fn crash(&self, crash: Crash, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let next_seed = random.next();
        Self::with_root(Wreck::of(&self.state().root, crash, random), next_seed)
    }

    /// Makes operations fail. Faults add up.
    pub fn inject(&self, fault: Fault) {
        self.state().faults.push(fault);
    }

    /// From here on no injected fault happens; [`limit_space`](Self::limit_space) and the like stay.
    pub fn clear_faults(&self) {
        self.state().faults.clear();
    }

    /// After so many operations, counted as [`operations`](Self::operations) does, every further one
    /// fails with [`Stopped`], as if the process had died.
    ///
    /// For a process that dies within an append, let that be the last and inject a
    /// [`Failure::Short`].
    pub fn stop_after(&self, operations: u64) {
        self.state().stop_after = Some(operations);
    }

    /// The disk is full after so many more bytes: then an append is short, the next one fails with
    /// ENOSPC. The bytes of files that are removed can be written again.
    pub fn limit_space(&self, bytes: u64) {
        self.state().space = Some(bytes);
    }

    /// The disk is not full any more.
    pub fn lift_space_limit(&self) {
        self.state().space = None;
    }

    /// With so many files open, [`create`](super::Disk::create) and [`open`](super::Disk::open) fail
    /// with EMFILE.
    pub fn limit_open_files(&self, count: usize) {
        self.state().open_files_limit = count;
    }

    /// How many files are open.
    #[must_use]
    pub fn open_files(&self) -> usize {
        self.state().open_files
    }

    /// How many files were open at the same time, at most.
    #[must_use]
    pub fn open_files_max(&self) -> usize {
        self.state().open_files_max
    }

    /// How many operations there were, those that failed included.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Starts to record the operations, or starts again.
    pub fn start_trace(&self) {
        self.state().trace = Some(Vec::new());
    }

    /// The operations since [`start_trace`](Self::start_trace), in order.
    #[must_use]
    pub fn trace(&self) -> Vec<Operation> {
        self.state().trace.clone().unwrap_or_default()
    }

    /// The files, still there, that were closed by who appended to them while bytes waited for their
    /// first sync, and that nobody has synced since.
    #[must_use]
    pub fn closed_unsynced(&self) -> Vec<String> {
        let files = files_below(&self.state().root).into_iter();
        files.filter(|(_, file)| lock(file).closed_unsynced).map(|(path, _)| path).collect()
    }

    /// The paths of all files, in order.
    #[must_use]
    pub fn files(&self) -> Vec<String> {
        files_below(&self.state().root).into_iter().map(|(path, _)| path).collect()
    }

    /// The bytes of a file, if there is one.
    #[must_use]
    pub fn peek(&self, path: &str) -> Option<Vec<u8>> {
        let (directory, name) = super::path::split(path);
        let directory = find_directory(&self.state().root, directory).ok()?;
        let Some(Node::File(file)) = lock(&directory).get(name).cloned() else { return None };
        let bytes = lock(&file).bytes().to_vec();
        Some(bytes)
    }

    /// Puts a file there, and the directories it needs, all of it durable; in place of what had that
    /// name. For what a test finds before it starts.
    pub fn plant(&self, path: &str, bytes: impl Into<Vec<u8>>) {
        let mut directory = Arc::clone(&self.state().root);
        let (parents, name) = super::path::split(path);
        for parent in parents.split('/').filter(|parent| !parent.is_empty()) {
            let next = match lock(&directory).get(parent) {
                Some(Node::Directory(next)) => Arc::clone(next),
                Some(Node::File(_)) | None => Arc::default(),
            };
            lock(&directory).plant(parent, Node::Directory(Arc::clone(&next)));
            directory = next;
        }
        lock(&directory).plant(name, Node::new_file(Contents::durable(bytes.into())));
    }
}

impl fmt::Debug for SimDisk {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operations = self.operations();
        formatter.debug_struct("SimDisk").field("operations", &operations).finish_non_exhaustive()
    }
}
