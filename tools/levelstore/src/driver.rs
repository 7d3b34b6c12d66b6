//! The thread that drives an engine, and the clock that it is told the time by.

use anyhow::{Context, Result};
use checkpointer::log::{Budget, Pool};
use checkpointer::{Engine, Now};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The driver looks whether it is to end so often.
const LOOK: Duration = Duration::from_millis(100);
/// Done at a time.
pub(crate) const BUDGET: Budget = Budget { jobs_max: 256 };

/// The wall clock, and the time since this one was started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn now(self) -> Now {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
        Now { unix: unix.try_into().unwrap_or(i64::MAX), uptime: self.0.elapsed() }
    }
}

/// The thread that does what is due.
pub(crate) struct Driver {
    is_done: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Driver {
    pub(crate) fn start(
        engine: Arc<Engine>,
        pool: Arc<dyn Pool + Send + Sync>,
        clock: Clock,
    ) -> Result<Self> {
        let is_done = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&is_done);
        let drive = move || {
            while !told.load(SeqCst) {
                engine.run_due(clock.now(), BUDGET, &*pool);
                let rest = engine.next_due().saturating_sub(clock.now().uptime);
                engine.wait_due(rest.min(LOOK));
            }
        };
        let thread = thread::Builder::new().name("driver".into()).spawn(drive);
        Ok(Self { is_done, thread: thread.context("start threads")? })
    }

    pub(crate) fn stop(self) {
        self.is_done.store(true, SeqCst);
        drop(self.thread.join());
    }
}
