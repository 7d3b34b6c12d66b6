//! The shape of a data directory: which files there are, and that idle hosts are not touched.

mod idle;
mod limits;
pub(crate) mod rules;
mod runtime;
mod store;
