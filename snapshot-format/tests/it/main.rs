//! What the crate promises, checked against files of the Go store, bytes written by hand, and a
//! decoder of a few lines that shares no code with it.
#![expect(clippy::unwrap_used, reason = "the helpers of a test may fail it")]

mod by_name;
mod damage;
mod encode;
mod golden;
mod hostile;
mod json;
mod plain;
mod properties;
mod salvage;
mod sorted;
