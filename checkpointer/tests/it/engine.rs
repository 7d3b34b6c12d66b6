//! The engine: what was acknowledged is found again, at its time, whatever happens in between.

mod adaptive;
mod clock;
mod crash;
mod defects;
mod files;
mod freeing;
mod go;
mod golden;
mod kill;
mod leftovers;
mod planted;
mod replay;
mod scenarios;
mod seen;
mod store;
mod troubles;
mod truth;
mod world;
