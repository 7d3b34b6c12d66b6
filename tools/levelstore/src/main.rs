//! The `levelstore` program; what it does is in the library beside it, where fuzz targets reach it.

use std::process::ExitCode;

/// Gives memory back that was freed, in the background: that of the system keeps much of it.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    levelstore::run()
}
