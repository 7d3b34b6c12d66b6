//! What the caller decides about the engine, and the time that it tells.

use std::time::Duration;

use crate::log;

/// The time, as the caller tells it: the engine has no clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// What the wall clock says, in Unix seconds. It may jump.
    pub unix: i64,
    /// Since any moment; never goes back.
    pub uptime: Duration,
}

/// Retention, intervals and the log's configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Of the log.
    pub log: log::Config,
    /// For how many seconds samples stay in memory. Older ones are refused; `None`: no limit.
    pub retention: Option<i64>,
    /// How many seconds ahead of the clock a sample may be; `None`: any.
    pub max_future: Option<i64>,
    /// How often each host is checkpointed by [`Engine::run_due`](super::Engine::run_due), hosts
    /// spread over the interval; `None`: only when asked.
    pub checkpoint_interval: Option<Duration>,
    /// A host with so many bytes in its log that no snapshot covers is checkpointed whatever its turn;
    /// `None`: however many.
    pub checkpoint_log_bytes: Option<u64>,
    /// How long until a host whose files cannot be read is tried again.
    pub offline_retry: Duration,
}

impl Default for Config {
    /// No limits, no checkpoints unasked.
    fn default() -> Self {
        Self {
            log: log::Config::default(),
            retention: None,
            max_future: None,
            checkpoint_interval: None,
            checkpoint_log_bytes: None,
            offline_retry: Duration::from_mins(1),
        }
    }
}
