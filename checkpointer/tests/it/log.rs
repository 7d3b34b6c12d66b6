//! The log: what was acknowledged is on the disk.

mod crash;
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
mod watched;
mod world;
