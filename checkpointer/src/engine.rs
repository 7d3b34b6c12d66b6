//! The engine: a store that is opened, written, checkpointed, killed, opened again and closed, and
//! holds exactly what was acknowledged.
//!
//! * [`Engine::open`] recovers the data directory: files of the Go store, ours, and mixtures.
//! * [`Engine::host`] gives a [`StoredHost`], to which a batch of [`Sample`]s is
//!   [written](StoredHost::write); [`Pending::wait`] waits for its acknowledgement.
//! * [`Engine::checkpoint`] saves what no durable snapshot holds; [`Engine::run_due`] does it by
//!   itself, spread over the interval and by [how much](Thresholds) log is not covered, together with
//!   what the log has to do.
//! * [`Engine::free`] and [`Engine::delete`] take away what is old and durable.
//! * [`Engine::merge`] makes few snapshots of many, and [`Engine::settle`] makes the directory one
//!   that the Go store can take over.
//! * [`Engine::close`] saves everything; a second close is harmless, and writes are refused.
//!
//! What is guaranteed: what was acknowledged survives as the log's [mode](crate::log::SyncMode)
//! says, at its nominal time, which never changes; nothing is deleted or freed that is not durable
//! elsewhere; one bad file costs that file; a host without anything new is not touched. The engine
//! has no clock, no timer and no thread: its caller tells it the time ([`Now`]) and lends it a
//! [pool](crate::log::Pool).
//!
//! ```
//! use std::num::NonZeroU32;
//! use std::time::Duration;
//!
//! use checkpointer::disk::sim::SimDisk;
//! use checkpointer::log::Inline;
//! use checkpointer::memstore::{Aggregation, Catalogue, Query, Selector};
//! use checkpointer::{Config, Engine, Logging, Now, Sample, Series, Start};
//!
//! let disk = SimDisk::new(1);
//! let catalogue = || {
//!     let catalogue = Catalogue::new();
//!     catalogue.add(b"cpu_load", NonZeroU32::new(60).unwrap(), Aggregation::Avg);
//!     catalogue
//! };
//! let now = Now { unix: 1_700_000_000, uptime: Duration::ZERO };
//! let (engine, _) = Engine::open(disk.clone(), catalogue(), Config::default(), &Start::at(now))?;
//!
//! let host = engine.host("alpha", "a01", now)?;
//! let series = Series::new(engine.catalogue(), b"cpu_load", ["socket0"])?;
//! let sample = Sample { series: &series, timestamp: 1_700_000_000, value: 0.5 };
//! let logged = Logging::Logged { patience: Duration::from_secs(1) };
//! let written = host.write(&[sample], now, logged, |_, _| {})?;
//! written.pending.unwrap().wait(now, Duration::from_secs(1))?;
//! drop((host, engine)); // as a crash would
//!
//! let (engine, found) = Engine::open(disk, catalogue(), Config::default(), &Start::at(now))?;
//! assert_eq!(found.records, 1);
//! let selector = Selector::path(&[b"socket0"]);
//! let query = Query::new(&selector, b"cpu_load", 1_700_000_000, 1_700_000_060);
//! let host = engine.get("alpha", "a01").unwrap();
//! let selected = host.read(|tree| tree.select(engine.catalogue(), &query))?;
//! assert_eq!(selected.read()?.values, [0.5]);
//! engine.close(now, &Inline, None);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "archive")]
mod archiving;
mod checkpoint;
mod choose;
mod clock;
mod close;
mod column;
mod config;
mod core;
mod debt;
mod due;
mod encode;
mod error;
mod fan_out;
mod files;
mod free;
mod host;
mod hosts;
mod join;
mod leftovers;
mod marks;
mod merge;
mod names;
mod open;
mod patient;
mod plan;
mod push_back;
mod read;
mod recover;
mod replay;
mod report;
mod saved;
mod set;
mod settle;
mod sources;
mod stats;
mod view;
mod write;

use std::fmt;
use std::sync::{Arc, Mutex};

use memstore::Catalogue;

pub use config::{Config, Now, Thresholds};
pub use debt::CheckpointMode;
pub use error::{
    CheckpointError, MergeError, NoSeries, Offline, OpenError, Refused, Unavailable, WriteError,
};
pub use free::Branch;
pub use host::{InHost, StoredHost};
pub use leftovers::SetAside;
pub use marks::Marks;
pub use merge::{ArchiveHold, MergeLimits};
pub use names::{BadName, DIRECTORY_NAME_MAX, check_directory_name};
pub use open::Start;
pub use report::{
    Checkpointed, Deleted, Freed, Merged, OnProgress, Problem, Problems, Progress, Recovered,
    Settled, Trouble,
};
pub use stats::{CoverStats, EngineStats};
pub use view::{View, view};
pub use write::{Logging, Pending, Sample, Series, Written};

use self::core::Core;
use self::due::Turns;
use self::fan_out::fan_out;
use self::hosts::Hosts;
use crate::disk::{Disk, RealDisk};

#[cfg(feature = "archive")]
pub(crate) use archiving::Archiving;
#[cfg(feature = "archive")]
pub(crate) use {
    close::explain,
    fan_out::fan_out as side_by_side,
    files::Kind,
    read::{read_whole, sound_json},
    saved::SnapshotFile,
};

/// A store. See the [module](self) for what it guarantees.
pub struct Engine<D: Disk + 'static = RealDisk> {
    core: Arc<Core<D>>,
    hosts: Hosts<D>,
    turns: Turns,
    /// Clusters that could not be listed yet.
    unlisted: Mutex<Vec<String>>,
}

impl<D: Disk> Engine<D> {
    /// The metrics.
    #[must_use]
    pub fn catalogue(&self) -> &Catalogue {
        &self.core.catalogue
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.core.config
    }

    /// The clusters that there are, sorted.
    #[must_use]
    pub fn clusters(&self) -> Vec<String> {
        self.hosts.clusters()
    }

    /// The hosts of a cluster, sorted, offline ones among them.
    #[must_use]
    pub fn hosts(&self, cluster: &str) -> Vec<String> {
        self.hosts.names(cluster)
    }
}

impl<D: Disk> fmt::Debug for Engine<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("config", self.config()).finish_non_exhaustive()
    }
}
