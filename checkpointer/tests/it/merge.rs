//! Merging and settling: fewer files, the same values, at every crash.

mod bounds;
mod planted;
mod random;
mod scenarios;
mod world;
