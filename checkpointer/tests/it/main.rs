//! Tests of the engine on a disk that loses, tears and fails, and on the real one.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]
#![expect(clippy::disallowed_methods, reason = "tests prepare files and processes")]

mod archive;
mod disk;
mod engine;
mod log;
mod mended;
mod merge;
mod shape;
mod soak;
