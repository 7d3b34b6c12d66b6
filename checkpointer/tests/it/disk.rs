//! The door to the file system: the simulated disk, the real one, and that they agree.

mod agreement;
mod crash;
mod durable_bytes;
mod faults;
mod observation;
mod paths;
mod real;
mod torn;
mod transfer;
