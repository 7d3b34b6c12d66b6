//! Keeps the measurements of a compute cluster in memory: small, exact and fast.
//!
//! A [`Directory`] holds the hosts of all clusters, each under a lock of its own. A [`Host`] is a
//! tree of levels (socket, core, accelerator, …), each with a series for every metric that is
//! measured there. A series is a list of *runs* of samples at a fixed frequency; the newest samples
//! are plain `f32`, all others lie in compressed, immutable blocks. Readers ([`Host::select`]) and
//! checkpoints ([`Host::capture`]) take references to blocks under the lock, and decode them
//! outside it.
//!
//! There is no disk, no format, no clock, no thread and no global here. Everything is exact: a value
//! comes back with the bits it had, and the time of a stored value never changes. A sample is
//! refused for a reason, [`Refused`], or it is there.
//!
//! ```
//! use memstore::{Aggregation, Catalogue, Directory, Host, Limits, Query, Selector};
//! use std::num::NonZeroU32;
//!
//! let minute = NonZeroU32::new(60).unwrap();
//! let catalogue = Catalogue::new();
//! let power = catalogue.add(b"power", minute, Aggregation::Sum);
//! let directory = Directory::new();
//!
//! directory.update(b"alpha", b"a01", Host::new, |host| {
//!     for (socket, watts) in [(b"socket0", 95.5), (b"socket1", 104.25)] {
//!         let series = host.series(&[socket], power)?;
//!         host.write(series, minute, 1_700_000_000, watts, &Limits::NONE)?;
//!     }
//!     Ok::<(), Box<dyn std::error::Error>>(())
//! })?;
//!
//! let cell = directory.get(b"alpha", b"a01").unwrap();
//! let selector = Selector::host();
//! let query = Query::new(&selector, b"power", 1_699_999_940, 1_700_000_060);
//! let selected = cell.read().unwrap().select(&catalogue, &query)?;
//! let answer = selected.read()?;
//! assert_eq!((answer.from, answer.to), (1_700_000_000, 1_700_000_060));
//! assert_eq!(answer.values, [199.75]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What the blocks are made of can be used alone: [`Block`], [`Stats`] and [`resample`].

mod block;
mod bundle;
mod capture;
mod catalogue;
mod counts;
mod directory;
mod dump;
mod free;
mod health;
mod host;
mod memory;
mod read;
pub mod resample;
mod run;
mod sample;
mod selector;
mod series;
mod slots;
mod spans;
mod stats;
mod sync;
mod tree;

pub use block::{BLOCK_LEN, Block, MISSING};
pub use capture::{Capture, CaptureEnd, CapturedRun};
pub use catalogue::{Aggregation, Catalogue, Metric, MetricConfig, MetricId};
pub use counts::Counts;
pub use directory::{Cell, Directory, ReadGuard, WriteGuard};
pub use free::Freed;
pub use health::Health;
pub use host::Host;
pub use memory::Memory;
pub use read::{Answer, MAX_ENTRIES, Query, ReadError, Selected, Summary};
pub use sample::{Limits, Loaded, Origin, Placed, Refused, State};
pub use selector::{Element, MAX_DEPTH, MAX_LEVELS, MAX_NAME_LEN, NameError, Selector};
pub use stats::Stats;
pub use tree::Handle;
