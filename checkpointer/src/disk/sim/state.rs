//! What all clones of a simulated disk share.

use std::io;
use std::sync::{Arc, Mutex};

use thiserror::Error;

use super::contents::Contents;
use super::fault::{Cause, Failure, Fault};
use super::hold::Held;
use super::operation::{Kind, Operation};
use super::random::Random;
use super::tree::{Directory, lock};

/// The disk was told to stop before this operation: the process would be dead by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the simulated disk has stopped")]
pub struct Stopped;

impl Stopped {
    /// Whether an error means this, rather than a failure of the disk.
    #[must_use]
    pub fn is(error: &io::Error) -> bool {
        error.get_ref().and_then(|source| source.downcast_ref::<Self>()).is_some()
    }
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) root: Arc<Mutex<Directory>>,
    pub(super) random: Random,
    pub(super) faults: Vec<Fault>,
    pub(super) operations: u64,
    pub(super) trace: Option<Vec<Operation>>,
    pub(super) stop_after: Option<u64>,
    /// Bytes that can still be appended.
    pub(super) space: Option<u64>,
    pub(super) open_files: usize,
    pub(super) open_files_max: usize,
    pub(super) open_files_limit: usize,
    pub(super) held: Vec<Held>,
    pub(super) last_hold: u64,
}

impl State {
    pub(super) fn new(root: Arc<Mutex<Directory>>, seed: u64) -> Self {
        Self {
            root,
            random: Random::new(seed),
            faults: Vec::new(),
            operations: 0,
            trace: None,
            stop_after: None,
            space: None,
            open_files: 0,
            open_files_max: 0,
            open_files_limit: usize::MAX,
            held: Vec::new(),
            last_hold: 0,
        }
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop_after.is_some_and(|last| self.operations >= last)
    }

    /// Counts the operation, and says what goes wrong with it.
    pub(super) fn begin(
        &mut self,
        kind: Kind,
        path: &str,
        to: Option<&str>,
    ) -> io::Result<Option<Failure>> {
        if self.is_stopped() {
            return Err(io::Error::other(Stopped));
        }
        self.operations += 1;
        if self.trace.is_none() && self.faults.is_empty() {
            return Ok(None);
        }
        let operation = Operation { kind, path: path.to_owned(), to: to.map(str::to_owned) };
        let index = self.operations;
        let mut faults = self.faults.iter_mut();
        let failure = faults.find_map(|fault| fault.strike(index, &operation, &mut self.random));
        self.faults.retain(|fault| !fault.is_spent());
        if let Some(trace) = &mut self.trace {
            trace.push(operation);
        }
        Ok(failure)
    }

    pub(super) fn check_open_files(&self) -> io::Result<()> {
        if self.open_files < self.open_files_limit {
            Ok(())
        } else {
            Err(Cause::TooManyFiles.into())
        }
    }

    pub(super) fn count_opened(&mut self) {
        self.open_files += 1;
        self.open_files_max = self.open_files_max.max(self.open_files);
    }

    /// Appends what there is room for.
    pub(super) fn append(&mut self, contents: &mut Contents, bytes: &[u8]) -> io::Result<usize> {
        let room =
            self.space.map_or(usize::MAX, |space| usize::try_from(space).unwrap_or(usize::MAX));
        let taken = bytes.get(..room).unwrap_or(bytes);
        if taken.is_empty() && !bytes.is_empty() {
            return Err(Cause::NoSpace.into());
        }
        contents.append(taken);
        if let Some(space) = &mut self.space {
            *space -= taken.len() as u64;
        }
        Ok(taken.len())
    }

    /// The room of a file that has lost its name is free again.
    pub(super) fn release(&mut self, file: &Mutex<Contents>) {
        if let Some(space) = &mut self.space {
            *space = space.saturating_add(lock(file).bytes().len() as u64);
        }
    }
}
