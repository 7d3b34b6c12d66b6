//! What goes into a series, and what comes of it.

use std::num::NonZeroU32;

/// Which samples are taken as they arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A sample with a timestamp before this is too old.
    pub oldest: i64,
    /// A sample with a timestamp behind this is too far ahead.
    pub newest: i64,
    /// A sample whose slot has a nominal time before this is too old, too.
    pub takes_from: i64,
}

impl Limits {
    /// Takes samples of any time.
    pub const NONE: Self = Self { oldest: i64::MIN, newest: i64::MAX, takes_from: i64::MIN };
}

/// Where a sample was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The nominal time of its slot: where a log must say that it is, and [`load`](crate::Host::load)
    /// must put it.
    pub nominal: i64,
    /// The frequency of the run that the slot belongs to.
    pub frequency: NonZeroU32,
}

/// Why a sample was not stored. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The series of the handle was removed, or is one of a host with another number: ask for a new
    /// handle.
    #[error("series was removed")]
    Stale,
    /// The value is NaN or infinite.
    #[error("value is no finite number")]
    NotFinite,
    /// The sample, or its slot, is older than [`Limits`] allow.
    #[error("sample is too old")]
    TooOld,
    /// The sample is further ahead than [`Limits`] allow.
    #[error("sample is too far ahead")]
    TooFarAhead,
    /// The series is in too many pieces, and this would be another: 4096 runs are the most. Of several
    /// values that are loaded, those from the first of this kind on are not stored.
    #[error("series is in too many pieces")]
    TooManyRuns,
    /// The slot has no nominal time: it would be beyond the range of `i64`.
    #[error("time of the slot is out of range")]
    OutOfRange,
}

/// Values from a file: `values[i]` has the nominal time `start + i * frequency`.
#[derive(Clone, Copy, Debug)]
pub struct Loaded<'a> {
    /// The nominal time of the first value.
    pub start: i64,
    /// Seconds from one value to the next.
    pub frequency: NonZeroU32,
    /// The values. NaN is none, and overwrites none.
    pub values: &'a [f32],
    /// Whose file it is.
    pub origin: Origin,
    /// Whether the values are durable.
    pub state: State,
}

/// Whose file values come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file of ours: times are exact.
    Ours,
    /// A file without our trailer: times may be shifted, so that what arrives does not continue its
    /// runs.
    Foreign,
}

/// Whether slots need a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// They are in a durable snapshot.
    Clean,
    /// They are in no snapshot. A value that equals a clean one leaves it clean.
    Dirty,
}
