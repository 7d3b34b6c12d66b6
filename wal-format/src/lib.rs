//! The write-ahead log of ClusterCockpit's metric store and of Levelstore: bytes to records, records
//! to bytes.
//!
//! A log holds the samples of one host, each as a [`Record`]: which series ([`Names`]), when, the
//! value, and in Levelstore's own logs how far apart the slots of the series are. The directory names
//! the host. `FORMAT.md` beside this crate is the normative description; the table on [`Record`] is
//! the short form.
//!
//! * [`Scan`] goes over a segment in memory, [`Reader`] over one in a file, however large. Both find
//!   every record whose checksum holds, name every stretch that is none, and say how the log ends:
//!   [clean, torn or damaged](Verdict).
//! * [`Reader::read_known`] is for logs whose series come again and again, minute by minute: it reads
//!   three times as fast, and keeps what the caller [knows](Known) of each series.
//! * [`Record::encode`] appends a record to a buffer, [`SegmentWriter`] writes a whole segment.
//!
//! Guarantees: no input makes it panic or recurse; it reserves nothing by a length that it read; a
//! broken record costs that record; what was read borrows from the input and is copied by nobody.
//! It opens no files and knows no clock.
//!
//! ```
//! use std::num::NonZeroU32;
//! use wal_format::{Found, NamesBuf, Record, Scan, SegmentWriter, Verdict};
//!
//! let names = NamesBuf::new("flops_any", ["hwthread12"])?;
//! let mut writer = SegmentWriter::new(Vec::new())?;
//! writer.write(&Record {
//!     names: names.as_names(),
//!     timestamp: 1_700_000_000,
//!     value: 3.125,
//!     frequency: NonZeroU32::new(60),
//! })?;
//! let mut log = writer.into_inner();
//! log.extend(b"\xA1\xA7\x1D\xCC\x27"); // the power fails in mid-append
//!
//! let mut scan = Scan::new(&log);
//! let Some(Found::Record(located)) = scan.next() else { panic!("a whole record") };
//! assert_eq!(located.offset, 4);
//! assert_eq!(located.record.names, names.as_names());
//! assert_eq!(located.record.value, 3.125);
//!
//! assert_eq!(scan.next(), None);
//! let Some(Verdict::Torn(tail)) = scan.verdict() else { panic!("a torn end") };
//! assert_eq!((tail.offset, tail.bytes), (log.len() as u64 - 5, 5));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing)]

mod checksum;
mod encoder;
mod expected;
mod found;
mod known;
mod layout;
mod machine;
mod names;
mod reader;
mod record;
mod scan;
mod writer;

pub use encoder::Encoder;
pub use found::{Cause, End, Found, Gap, Located, Tally, Verdict};
pub use known::Known;
pub use layout::{
    ELEMENT_LEN_MAX, FILE_HEADER_LEN, FILE_MAGIC, METRIC_LEN_MAX, PATH_LEN_MAX, PAYLOAD_LEN,
    RECORD_LEN_MAX, RECORD_MAGIC,
};
pub use names::{Names, NamesBuf, Path, TooLong};
pub use reader::Reader;
pub use record::{DecodeError, Record};
pub use scan::Scan;
pub use writer::{SegmentWriter, encode_file_header};
