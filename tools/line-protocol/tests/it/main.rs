//! Tests against bodies that the Go store read, lines laid out by hand, and a reading of the grammar
//! so slow and simple that it can be believed.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod golden;
mod hostile;
mod numbers;
mod random;
mod reference;
mod rules;
mod said;
mod sample;
mod stream;
mod write;
