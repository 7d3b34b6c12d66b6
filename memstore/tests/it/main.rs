//! What the crate promises, tested from outside.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    reason = "made-up values are as good when they are rounded"
)]

mod block;
#[path = "../../benches/common/mod.rs"]
mod common;
mod model;
mod resample;
mod stats;
mod stress;
