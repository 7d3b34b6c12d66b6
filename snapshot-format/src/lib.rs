//! Snapshots of a host's measurements as ClusterCockpit's metric store and Levelstore keep them:
//! binary ones (`<from>.bin`) and JSON checkpoints (`<from>.json`), read and written.
//!
//! The crate turns bytes into views and trees into bytes. It opens no file, knows no clock and no
//! thread, and contains no `unsafe`. `FORMAT.md` beside it is normative.
//!
//! # What a snapshot is
//!
//! The level of a host with the levels of its devices below it. Each level has series: a name, a
//! frequency in seconds, a start, and one f32 for each slot, NaN where there is no sample.
//!
//! | size | field |
//! |---|---|
//! | 4 | [`MAGIC`] |
//! | 8 + 8 | from and to, i64, Unix seconds |
//! | … | the root level |
//! | … | the trailer, in what this crate writes |
//!
//! | size | a level |
//! |---|---|
//! | 4 | number of series, u32 |
//! | each 2 + n | name: u16 length, bytes |
//! | 8 + 8 | frequency and start, i64 |
//! | 4 + 4·v | number of values, u32; values, f32 |
//! | 4 | number of children, u32 |
//! | each 2 + n | name: u16 length, bytes |
//! | … | the child, a level |
//!
//! All of it is little-endian. The trailer carries a CRC-32 of every 64 KiB and says which segments
//! of the log the snapshot covers; readers that do not know it ignore it, for they stop behind the
//! root level. [`Integrity`] is what it comes to.
//!
//! # Reading
//!
//! [`Snapshot::parse`] proves a file in one pass that skips the values: every length and count is
//! checked against the bytes that are there before it is believed, nesting is limited to
//! [`MAX_DEPTH`], nothing recurses, and the memory it takes is a small entry for each open level.
//! After that, access cannot fail:
//!
//! - [`Snapshot::events`] steps through the file in its own order, without copying;
//! - [`Snapshot::sorted`] walks it in the order of (path, name), whatever order it has: memory for
//!   an index of the series, none for their values;
//! - [`Snapshot::to_tree`] copies it into a [`Tree`], whose lists behave like maps ([`ByName`]).
//!
//! [`read_json`] reads a JSON checkpoint from a stream into a [`Tree`], with a buffer of fixed size.
//!
//! ```
//! use snapshot_format::{Counts, Encoder, Snapshot, TrailerFields};
//!
//! let mut encoder = Encoder::new(Vec::new(), 0, 120, Counts { metrics: 1, children: 0 })?;
//! encoder.series(b"cpu_load", 60, 0, &[0.5, 0.75])?;
//! let (bytes, _) = encoder.finish(TrailerFields::default())?;
//!
//! for entry in &Snapshot::parse(&bytes)?.sorted() {
//!     assert_eq!(entry.series().values.to_vec(), [0.5, 0.75]);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Writing
//!
//! [`Encoder`] writes front to back, holds one chunk and demands ascending names, so that the same
//! content is the same bytes. [`Tree::encode`] does it for a whole tree, [`write_json`] writes one
//! as JSON. Every bit of a value survives binary; JSON keeps all but the payloads of NaN.
//!
//! # When something is wrong
//!
//! [`ParseError`] and [`JsonError`] say what and at which offset. A file that ends too early is
//! never reported as one that is damaged, as far as its bytes can tell. [`salvage`] and
//! [`salvage_json`] save what can be saved of either, and invent nothing. Whatever the bytes are,
//! no function panics, none takes longer than a sort, and none takes more memory than a small
//! multiple of the file: while it is read, at most 15 bytes for each of a binary file and 25 for each
//! of a JSON one, as [`Tree`] reckons up; an index for the sorted walk at most 9; besides, less than
//! a MiB.
//!
//! # Names
//!
//! Names are bytes: UTF-8 in practice, but nothing in the format promises it. No name is lost or
//! changed, through JSON neither: there, a byte 0xNN that is no UTF-8 is the lone surrogate `\udcNN`.
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing)]

mod access;
mod by_name;
mod decode;
mod json;
mod layout;
mod owned;
mod salvage;
mod sorted;
mod tree;
mod verify;
mod write;

pub use access::{Event, Events, Series, Snapshot, Totals, Values};
pub use by_name::{ByName, ByNameIter};
pub use decode::{Cause, ParseError};
pub use json::{JsonCause, JsonError, SalvagedJson, read_json, salvage_json, write_json};
pub use layout::{CHUNK_LEN, MAGIC, MAX_DEPTH, MAX_NAME_LEN, TRAILER_MAGIC};
pub use owned::SnapshotBuf;
pub use salvage::{Salvaged, salvage};
pub use sorted::{Path, Sorted, SortedIter, SortedSeries};
pub use tree::{Level, OwnedSeries, Tree};
pub use verify::{Integrity, Structure, Trailer, TrailerFields};
pub use write::{Counts, EncodeError, Encoder};
