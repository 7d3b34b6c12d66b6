//! Archive runs: no row is lost or doubled, whatever dies or fails, and nothing of others is touched.

pub(crate) mod below;
mod commands;
mod crash;
mod golden;
mod planted;
mod verify;
pub(crate) mod world;
