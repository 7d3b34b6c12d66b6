//! Bodies of lines through a whole engine, beside a reader that is slow and plain.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod bounds;
mod log;
mod model;
mod orders;
mod random;
#[path = "../../../line-protocol/tests/it/reference.rs"]
mod reference;
mod refusals;
#[expect(dead_code, reason = "its own crate uses more of it")]
#[path = "../../../line-protocol/tests/it/said.rs"]
mod said;
mod threads;
mod world;
