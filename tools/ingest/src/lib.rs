//! From lines to the engine: bodies of line protocol become batches of hosts.
//!
//! [`Ingest`] stands before an [`Engine`](checkpointer::Engine). It takes a body at once
//! ([`Ingest::batch`]) or in chunks that cut lines anywhere ([`Session`]), from any number of threads,
//! and says what has become of it ([`Outcome`]).
//!
//! * **A key is parsed once.** The bytes `metric,tags` of a line are compared with the key that
//!   followed last time, then looked up among the keys of the host, and only taken apart if they are
//!   new.
//! * **A host at a time.** The samples of a host are applied under its lock, with their log records,
//!   in the order of their lines; hosts may come in any order, also line by line. There is no lock
//!   that all have to pass while anything is written.
//! * **A line that is refused costs itself**, and is told with its reason; the first with their numbers.
//! * **Acknowledged or not, as a whole.** Of a batch that the log does not take, nothing counts as
//!   acknowledged, and sending it again is harmless.
//! * **Memory is bounded**, whatever the keys are: hosts that have not sent for long are forgotten, and
//!   so are keys that a host does not use any more. What was forgotten is parsed again.
//!
//! ```
//! use std::num::NonZeroU32;
//! use std::time::Duration;
//!
//! use checkpointer::disk::sim::SimDisk;
//! use checkpointer::memstore::{Aggregation, Catalogue};
//! use checkpointer::{Config, Engine, Now, Start};
//! use ingest::{How, Ingest};
//!
//! let catalogue = Catalogue::new();
//! catalogue.add(b"cpu_load", NonZeroU32::new(60).unwrap(), Aggregation::Avg);
//! let now = Now { unix: 1_700_000_000, uptime: Duration::ZERO };
//! let (engine, _) = Engine::open(SimDisk::new(1), catalogue, Config::default(), &Start::at(now))?;
//! let ingest = Ingest::new(engine, ingest::Config::default());
//!
//! let body = b"cpu_load,cluster=alex,hostname=a0001 value=0.5 1700000000\n\
//!     cpu_load,hostname=a0002 value=0.25 1700000000\n\
//!     cpu_lord,hostname=a0002 value=1 1700000000\n\
//!     cpu_load,hostname=a0002 value=one 1700000000\n";
//! let outcome = ingest.batch(body, Some("alex"), now, How::acknowledged(Duration::from_secs(5)));
//! assert!(outcome.is_acknowledged());
//! assert_eq!((outcome.lines, outcome.stored), (4, 2));
//! let faults: Vec<String> = outcome.faults.iter().map(ToString::to_string).collect();
//! assert_eq!(
//!     faults,
//!     [
//!         "line 3, column 1: metric is not in the catalogue",
//!         "line 4, column 31: field value is not valid",
//!     ]
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod batch;
mod directory;
mod entry;
mod how;
mod keys;
mod open;
mod outcome;
mod reason;
mod session;
mod write;

pub use entry::{Config, Ingest, Stats};
pub use how::{Answer, How, Log};
pub use outcome::{FAULTS_MAX, Fault, NotAcknowledged, Outcome, Refusals};
pub use reason::{Policy, Reason};
pub use session::Session;
