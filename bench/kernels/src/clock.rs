//! Processor time.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// That of the calling thread, user and system: what others do meanwhile is not in it.
pub(crate) fn cpu_seconds() -> f64 {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap().as_secs_f64()
}
