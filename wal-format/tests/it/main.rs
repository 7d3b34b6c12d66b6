//! Tests against files of the Go store, bytes laid out by hand, and every kind of damage.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]
#![expect(clippy::disallowed_methods, reason = "tests read files and measure time")]

mod bytes;
mod damage;
mod encoder;
mod golden;
mod hostile;
mod known;
mod random;
mod reader;
