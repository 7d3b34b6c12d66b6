//! Turns the snapshots of a cluster's hosts into one sorted Parquet file, and reads such files.
//!
//! Bytes in, [`Write`](std::io::Write) out: the crate opens and deletes nothing, knows no clock and
//! no thread. `FORMAT.md` beside it is normative for the files, and has queries for those who read
//! them with `DuckDB`, Polars or Spark.
//!
//! # What becomes a row
//!
//! Every slot with a sample that lies in the time asked for, once, at its exact nominal time,
//! whichever of a host's snapshots it stands in. Where several have a sample for one time, that of
//! the snapshot loaded last counts; NaN is no sample and overwrites none.
//!
//! # Writing
//!
//! ```
//! use archiver::{Archive, ArchiveWriter, GroupEncoder, Host, Options};
//! use snapshot_format::{Counts, Encoder, Snapshot, TrailerFields};
//! # let mut encoder = Encoder::new(Vec::new(), 0, 120, Counts { metrics: 1, children: 0 })?;
//! # encoder.series(b"cpu_load", 60, 0, &[0.5, f32::NAN])?;
//! # let (bytes, _) = encoder.finish(TrailerFields::default())?;
//!
//! let snapshot = Snapshot::parse(&bytes)?;
//! let mut host = Host::new(b"node01", 0..86_400);
//! host.add_snapshot("node01/0.bin", &snapshot);
//!
//! let mut writer = ArchiveWriter::new(Vec::new(), b"emmy")?;
//! let mut groups = GroupEncoder::new(b"emmy", Options::default())?;
//! groups.host(host, &mut |group| writer.append(group))?;
//! groups.finish(&mut |group| writer.append(group))?;
//! let (file, receipt) = writer.finish()?;
//! assert_eq!((receipt.rows(), receipt.times()), (1, Some((0, 0))));
//!
//! // What was written is read back before anything is deleted.
//! let archive = Archive::open(std::io::Cursor::new(file))?;
//! receipt.check(&archive.summary()?)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A [`GroupEncoder`] can belong to a worker with hosts of its own: row groups are encoded apart from
//! the file, and only [`ArchiveWriter::append`] wants them in the order of the hosts.
//!
//! # Memory
//!
//! Of a host: an index of its series, none of its values. Of a row group: its times and values, the
//! encoded form, and names once each. Of the file: what the footer will say of each row group, and
//! the names of hosts and snapshots.
#![forbid(unsafe_code)]

mod chunk;
mod columns;
mod encode;
mod error;
mod group;
mod host;
mod merge;
mod name;
mod read;
mod receipt;
mod schema;
mod source;
mod write;

pub use error::{ArchiveError, ReadError};
pub use group::{GroupEncoder, Options, RowGroup, Sink};
pub use host::Host;
pub use read::{Archive, Filter, Piece, Pieces, Summary};
pub use receipt::{HostRows, Mismatch, Receipt};
pub use write::ArchiveWriter;
