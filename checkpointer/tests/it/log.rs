//! The log: what was acknowledged is on the disk.

pub(crate) mod crash;
mod faults;
mod kill;
mod limits;
mod plain;
mod planted;
mod races;
mod recovered;
mod start;
mod threads;
mod waiting;
pub(crate) mod watched;
pub(crate) mod world;
