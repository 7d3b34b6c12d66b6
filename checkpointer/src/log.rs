//! The log: what was acknowledged is on the disk.
//!
//! Every host has a log of its own, in *segments* `<20 digits>.wal` in its directory. What is
//! guaranteed:
//!
//! * **Nothing is dropped.** A batch that was given a [`Sequence`] is written, or held by a durable
//!   snapshot before it is forgotten. Who finds no [`Room`] waits, or is [`Refused`] and counted.
//! * **Order.** The order of the records in the files, by number of the segment, is the order of
//!   the sequence, which is the order in which the tree has changed. A batch that was only partly
//!   written before a failure is written again as a whole, in a later segment.
//! * **Acknowledgement** is what [`SyncMode`] says: in memory, written, or synced. The synced
//!   sequence is contiguous, and counts what is durable by name and by content.
//! * **A sync that fails** is final for its segment: nothing of it is taken for durable any more,
//!   and the host [needs a checkpoint](HostStats::needs_checkpoint). A write that fails is tried
//!   again in a new segment; the batch stays in the buffer.
//! * **What a start finds** is never appended to, cut or rewritten; numbers are never used twice.
//! * **Bounds** hold for the bytes that wait, of a host and of all, and for the open files. No file
//!   is closed unsynced, unless a snapshot holds what is in it, or a sync of it has failed.
//! * **An idle host** costs no operation on the disk.
//!
//! How a batch goes: [`HostLog::room`], then under the host's lock the tree and
//! [`Buffer::append_batch`], then without it [`HostLog::ticket`] and [`Ticket::wait`]. A checkpoint
//! takes [`Buffer::set_checkpoint_mark`] together with its capture, may tell its beginning by
//! [`HostLog::checkpoint_began`], and tells its end by [`HostLog::checkpoint_succeeded`] or
//! [`HostLog::checkpoint_failed`].
//!
//! The log has no thread, timer or clock. Its caller asks [`Log::next_due`], and calls
//! [`Log::run_due`] with the time: any that never goes back, since any moment.
//!
//! ```
//! use std::num::NonZeroU32;
//! use std::sync::{Arc, Mutex};
//! use std::time::Duration;
//!
//! use checkpointer::disk::sim::SimDisk;
//! use checkpointer::log::{self, Buffer, Config, Log, Owner, SyncMode};
//! use wal_format::{NamesBuf, Record};
//!
//! /// In a store the tree lies beside the buffer.
//! struct Host(Mutex<Buffer>);
//! impl Owner for Host {
//!     fn with_buffer<R>(&self, change: impl FnOnce(&mut Buffer) -> R) -> Option<R> {
//!         Some(change(&mut self.0.lock().unwrap()))
//!     }
//! }
//!
//! let disk = SimDisk::new(1);
//! let config = Config { sync: SyncMode::Always, ..Config::default() };
//! let logs = Log::open(disk.clone(), config.clone())?;
//! let found = log::find(&disk, "alpha/a01")?;
//! let owner = Host(Mutex::new(Buffer::new(&found, &config)));
//! let host = logs.open_host("alpha/a01", &found, owner, Duration::ZERO);
//!
//! let names = NamesBuf::new("load", ["cpu0"])?;
//! let frequency = NonZeroU32::new(60);
//! let record = Record { names: names.as_names(), timestamp: 1_700_000_000, value: 0.5, frequency };
//!
//! let mut room = host.room(log::record_bytes(record.names), Duration::ZERO, None)?;
//! let append = |buffer: &mut Buffer| buffer.append_batch(&mut room, [record]);
//! let sequence = host.owner().with_buffer(append).flatten().expect("a batch of one record");
//! host.ticket(sequence, Duration::ZERO).wait(Duration::from_secs(1))?;
//!
//! let mut read = Vec::new();
//! log::read_log(&disk, "alpha/a01/00000000000000000001.wal", |found| read.push(found.record.value))?;
//! assert_eq!(read, [0.5]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bounds;
mod buffer;
mod checkpoint;
mod config;
mod due;
mod error;
mod files;
mod host;
mod lock;
mod queue;
mod rounds;
mod segment;
mod start;
mod stats;
mod store;
mod ticket;
mod writer;

pub(crate) use start::{NUMBER_MAX, find_among, read_log_by_series};

pub use crate::planted;
pub use bounds::Room;
pub use buffer::{Buffer, record_bytes};
pub use checkpoint::{Covered, Dropped};
pub use config::{Config, SyncMode};
pub use error::{DiskFailure, Operation, Refused, Unacknowledged};
pub use host::{HostLog, Owner};
pub use queue::{Mark, Sequence};
pub use start::{
    CURRENT_WAL, Contents, Found, FoundSegment, StartError, Worth, find, read_log, replace_segment,
    segment_path, take_over_current,
};
pub use stats::{HostStats, SegmentStats, Stats};
pub use store::{Budget, Inline, Log, Pool, Ran};
pub use ticket::Ticket;
