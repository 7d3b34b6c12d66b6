//! The `InfluxDB` line protocol as ClusterCockpit speaks it: bytes to lines, lines to bytes, without copies.
//!
//! A collector sends one sample a line, `metric,tags value=number time`. `GRAMMAR.md` beside this
//! crate is the normative description: grammar, escapes, what is refused, and in which column.
//!
//! Lines are read in two layers, because their keys repeat: a host sends the same `metric,tags`, byte
//! for byte, every interval.
//!
//! 1. [`Lines`] *splits* a body in memory into [`Line`]s: the [`Key`] as sent, the value as the nearest
//!    f32, the time in seconds. A caller looks the key up by its bytes.
//!    [`Lines::next_expecting`] is given the key that probably comes next, and if it does, compares it
//!    in place of searching for its end. [`Stream`] does the same for a body that comes in chunks.
//! 2. [`Line::names`] *parses* a key that is new: metric, cluster, host, devices as [`Names`].
//!    Escaped names alone are copied, into a buffer of the caller.
//!
//! [`write_line`] goes the other way, with the shortest decimals that read back to the bit.
//!
//! Guarantees: a bad line costs that line alone and is told with line, column and [`Reason`]. No
//! input makes it panic or recurse; work is linear in the bytes; [`Lines`] allocates nothing, [`Stream`]
//! two buffers of a line at most, and a line has at most [`LINE_LEN_MAX`] bytes. It does no I/O and
//! knows no clock: a line without time says so.
//!
//! ```
//! use line_protocol::{Field, Lines, Reason};
//!
//! let body = b"cpu_load,cluster=alex,hostname=a0001,type=hwthread,type-id=12 value=0.5 1700000040\n\
//!     cpu_load,cluster=alex value=1 1700000040\n\
//!     job,hostname=a0001 event=\"started\" 1700000040123\n\
//!     cpu_load,hostname=a0001 value=1 17OOOOOO4O\n";
//!
//! let mut scratch = Vec::new();
//! let mut refused = Vec::new();
//! for line in Lines::new(body) {
//!     let line = match line {
//!         Ok(line) => line,
//!         Err(malformed) => {
//!             refused.push(malformed);
//!             continue;
//!         }
//!     };
//!     let Field::Value(value) = line.field else { continue };
//!     match line.names(&mut scratch) {
//!         Ok(names) => {
//!             assert_eq!((names.metric, names.host), (&b"cpu_load"[..], &b"a0001"[..]));
//!             assert_eq!(names.path().next().unwrap().to_string(), "hwthread12");
//!             assert_eq!((value, line.timestamp), (0.5, Some(1_700_000_040)));
//!         }
//!         Err(malformed) => refused.push(malformed),
//!     }
//! }
//! let told: Vec<String> = refused.iter().map(ToString::to_string).collect();
//! assert_eq!(
//!     told,
//!     ["line 2, column 22: line has no host", "line 4, column 33: timestamp is not an integer"]
//! );
//! ```
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing)]

mod key;
mod line;
mod lines;
mod names;
mod number;
mod reason;
mod sample;
mod scan;
mod split;
mod stream;
mod time;
mod write;

pub use key::Key;
pub use line::{Category, Field, LINE_LEN_MAX, Line, Prediction};
pub use lines::Lines;
pub use names::{Element, Names};
pub use reason::{Fault, Malformed, Reason};
pub use sample::Sample;
pub use stream::{Fed, Stream};
pub use write::{Unwritable, write_key, write_line, write_sample};
