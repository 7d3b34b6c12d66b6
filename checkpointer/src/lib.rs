//! The storage engine of Levelstore: what keeps acknowledged samples on the disk.
//!
//! * [`disk`] is the one door to the file system: the real disk, and with the feature `sim` a
//!   simulated one that forgets, tears and fails as disks do.
//! * [`log`] is the log of every host: what was acknowledged is in it, or in a durable snapshot.
//! * [`engine`] is the whole: recovery, writing, checkpoints, freeing, closing.
//! * With the feature `archive`, `archive` turns what ages out into Parquet.
//!
//! The engine owns no clock, no timer and no thread: its caller tells it the time and drives it.
#![forbid(unsafe_code)]

#[cfg(feature = "archive")]
pub mod archive;
pub mod disk;
pub mod engine;
pub mod log;
pub mod planted;
mod round;
mod stopwatch;

pub use engine::{
    ArchiveHold, BadName, Branch, CheckpointError, CheckpointMode, Checkpointed, Config,
    CoverStats, DIRECTORY_NAME_MAX, Deleted, Engine, EngineStats, Freed, Logging, Marks,
    MergeError, MergeLimits, Merged, NoSeries, Now, Offline, OnProgress, OpenError, Pending,
    Problem, Problems, Progress, Recovered, Refused, Sample, Series, SetAside, Settled, Start,
    StoredHost, Thresholds, Trouble, Unavailable, View, WriteError, Written, check_directory_name,
    view,
};
pub use memstore;
pub use stopwatch::{DURATION_BOUNDS_S, Durations, Stopwatch};
