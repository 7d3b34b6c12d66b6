//! What goes wrong, and when.

use std::fmt;
use std::io;

use rustix::io::Errno;

use super::operation::{Kind, Operation};
use super::random::Random;

/// The error that the system returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// EIO: the medium has failed.
    Io,
    /// ENOSPC: no room is left.
    NoSpace,
    /// EINTR: a signal came. Nothing was done, and nothing was lost.
    Interrupted,
    /// EACCES: it is not allowed.
    Denied,
    /// EMFILE: too many files are open.
    TooManyFiles,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 5] =
        [Self::Io, Self::NoSpace, Self::Interrupted, Self::Denied, Self::TooManyFiles];
}

impl From<Cause> for io::Error {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::Io => Errno::IO,
            Cause::NoSpace => Errno::NOSPC,
            Cause::Interrupted => Errno::INTR,
            Cause::Denied => Errno::ACCESS,
            Cause::TooManyFiles => Errno::MFILE,
        }
        .into()
    }
}

/// What becomes of an operation that goes wrong.
///
/// Any sync of a file that returns an error other than [`Cause::Interrupted`], and has not been done
/// all the same, forgets the bytes that were waiting: a later sync returns `Ok`, and they are not
/// durable. A sync of a directory that fails forgets nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// Nothing is done.
    Error(Cause),
    /// All of it is done, and yet it returns an error.
    ErrorAfter(Cause),
    /// An append or a read of no more than so many bytes; other operations go well.
    Short(usize),
    /// An append of no more than so many bytes that returns an error nevertheless; other operations
    /// do nothing.
    Partial(usize, Cause),
}

/// A [`Failure`] and the operations it happens to: unless told otherwise the next one, once.
///
/// All conditions must hold; of several faults that apply, the first one injected happens.
pub struct Fault {
    failure: Failure,
    at: Option<u64>,
    kind: Option<Kind>,
    path: Option<PathTest>,
    skip: u64,
    one_in: u64,
    times: u64,
}

pub(super) type PathTest = Box<dyn Fn(&str) -> bool + Send>;

impl Fault {
    /// The next operation, whatever it is.
    #[must_use]
    pub fn new(failure: Failure) -> Self {
        Self { failure, at: None, kind: None, path: None, skip: 0, one_in: 1, times: 1 }
    }

    /// Only the `index`-th operation of the disk, as [`SimDisk::operations`](super::SimDisk::operations)
    /// counts them: the first is 1.
    #[must_use]
    pub fn at(self, index: u64) -> Self {
        Self { at: Some(index), ..self }
    }

    /// Only operations of this kind.
    #[must_use]
    pub fn on(self, kind: Kind) -> Self {
        Self { kind: Some(kind), ..self }
    }

    /// Only where `test` holds for the path, or the new name of a rename.
    #[must_use]
    pub fn path(self, test: impl Fn(&str) -> bool + Send + 'static) -> Self {
        Self { path: Some(Box::new(test)), ..self }
    }

    /// Not the first `count` of those that the other conditions select.
    #[must_use]
    pub fn skip(self, count: u64) -> Self {
        Self { skip: count, ..self }
    }

    /// One in `count` of those, at random by the seed of the disk.
    #[must_use]
    pub fn one_in(self, count: u64) -> Self {
        Self { one_in: count, ..self }
    }

    /// The next `count` of them.
    #[must_use]
    pub fn times(self, count: u64) -> Self {
        Self { times: count, ..self }
    }

    /// Until the faults are cleared.
    #[must_use]
    pub fn always(self) -> Self {
        self.times(u64::MAX)
    }

    /// What happens to the operation with this index, if it is one of this fault's.
    pub(super) fn strike(
        &mut self,
        index: u64,
        operation: &Operation,
        random: &mut Random,
    ) -> Option<Failure> {
        if self.is_spent() || !self.selects(index, operation) {
            return None;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        if !random.one_in(self.one_in) {
            return None;
        }
        if self.times < u64::MAX {
            self.times -= 1;
        }
        Some(self.failure)
    }

    pub(super) fn is_spent(&self) -> bool {
        self.times == 0
    }

    fn selects(&self, index: u64, operation: &Operation) -> bool {
        let names = || std::iter::once(&operation.path).chain(&operation.to);
        self.at.is_none_or(|at| at == index)
            && self.kind.is_none_or(|kind| kind == operation.kind)
            && self.path.as_ref().is_none_or(|test| names().any(|name| test(name)))
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Fault")
            .field("failure", &self.failure)
            .field("at", &self.at)
            .field("kind", &self.kind)
            .field("skip", &self.skip)
            .field("one_in", &self.one_in)
            .field("times", &self.times)
            .finish_non_exhaustive()
    }
}
