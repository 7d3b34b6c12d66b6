//! JSON checkpoints: what older installations have, and what a person can read.

mod lexer;
mod number;
mod read;
mod write;

pub use lexer::{JsonCause, JsonError};
pub use read::{SalvagedJson, read_json, salvage_json};
pub use write::write_json;
