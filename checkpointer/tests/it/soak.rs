//! Weeks of a small cluster on a simulated disk, with everything that can happen to it, and what must
//! hold looked at in every simulated hour.

mod chart;
mod check;
mod collect;
mod duties;
mod model;
mod plan;
mod process;
mod run;
