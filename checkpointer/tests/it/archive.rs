//! Archive runs: no row is lost or doubled, whatever dies or fails, and nothing of others is touched.

mod below;
mod commands;
mod crash;
mod golden;
mod planted;
mod verify;
mod world;
