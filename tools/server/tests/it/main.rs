//! The interfaces as clients see them.
#![expect(clippy::disallowed_methods, reason = "tests prepare files")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod auth;
mod bodies;
mod connections;
mod debug;
mod free;
mod golden;
mod health;
mod hostile;
mod metrics;
mod nats;
mod query;
mod ready;
mod routes;
mod series;
mod wire;
mod world;
mod write;
