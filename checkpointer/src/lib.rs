//! The storage engine of Levelstore: what keeps acknowledged samples on the disk.
//!
//! * [`disk`] is the one door to the file system: the real disk, and with the feature `sim` a
//!   simulated one that forgets, tears and fails as disks do.
//! * [`log`] is the log of every host: what was acknowledged is in it, or in a durable snapshot.
//!
//! The engine owns no clock, no timer and no thread: its caller tells it the time and drives it.
#![forbid(unsafe_code)]

pub mod disk;
pub mod log;
