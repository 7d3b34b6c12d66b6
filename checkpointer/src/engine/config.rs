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

/// At how many bytes of log that no durable snapshot covers something is done about it, whatever the
/// [interval](Config::checkpoint_interval); `None`: however many. What is covered does not count, be
/// its file there or not, and nothing that is uncovered is ever deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Thresholds {
    /// From here on a host is checkpointed in the background.
    pub passive: Option<u64>,
    /// From here on a host comes before all others, and its writers wait for the checkpoint: one of
    /// them does it if nobody else does. Who has waited long enough, or would not wait, is
    /// [refused](crate::log::Refused::Uncovered).
    pub restart: Option<u64>,
    /// Of all hosts together: above it the largest are checkpointed, and of these the oldest first,
    /// until the others have no more.
    pub total: Option<u64>,
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
    /// How much log without a snapshot there may be.
    pub thresholds: Thresholds,
    /// For how long a temporary file that a start has found is left alone.
    pub temporary_grace: Duration,
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
            thresholds: Thresholds::default(),
            temporary_grace: Duration::from_mins(10),
            offline_retry: Duration::from_mins(1),
        }
    }
}
