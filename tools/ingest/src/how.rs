//! On which terms a batch is taken.

use std::time::Duration;

/// Whether samples go to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Log {
    /// They do. What the log has no room for is not taken, and the batch not acknowledged: its sender
    /// sends it again.
    Required,
    /// They do. What the log has no room for stays in memory until the next checkpoint, and is
    /// counted: its sender would not send it again.
    Preferred,
    /// They do not: they are in memory until the next checkpoint.
    Unused,
}

/// When the outcome of a batch is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// When it is acknowledged as the log's mode has it, or will not be.
    WhenAcknowledged,
    /// When it is in memory; the log is written in its own time.
    AtOnce,
}

/// On which terms a batch is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct How {
    /// Whether samples go to the log.
    pub log: Log,
    /// When the outcome is told.
    pub answer: Answer,
    /// For how long nothing may move, where the log has no room or is not written yet.
    pub patience: Duration,
}

impl How {
    /// For a sender that waits for the answer and can send again.
    #[must_use]
    pub const fn acknowledged(patience: Duration) -> Self {
        Self { log: Log::Required, answer: Answer::WhenAcknowledged, patience }
    }

    /// For a sender that does not hear of failures: what can be kept is kept, and nobody waits.
    #[must_use]
    pub const fn best_effort() -> Self {
        Self { log: Log::Preferred, answer: Answer::AtOnce, patience: Duration::ZERO }
    }

    /// For samples that the next checkpoint is to save.
    #[must_use]
    pub const fn unlogged() -> Self {
        Self { log: Log::Unused, answer: Answer::AtOnce, patience: Duration::ZERO }
    }
}
