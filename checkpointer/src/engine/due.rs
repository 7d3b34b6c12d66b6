//! What has to be done when: the log's tasks, checkpoints in turn, hosts to be tried again.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Engine;
use super::config::Now;
use super::fan_out::fan_out;
use super::host::StoredHost;
use super::hosts::State;
use super::report::Checkpointed;
use crate::disk::Disk;
use crate::log::{Budget, Pool, Ran};

/// How often the hosts are looked at.
const LOOK: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Turns {
    next_look: Mutex<Duration>,
    opened_at: Duration,
}

impl Turns {
    pub(super) fn new(now: Now) -> Self {
        Self { next_look: Mutex::new(now.uptime), opened_at: now.uptime }
    }

    /// Whether it is time to look; the next time is later.
    fn begin(&self, now: Now) -> bool {
        let mut next = self.next_look.lock().unwrap_or_else(PoisonError::into_inner);
        if now.uptime < *next {
            return false;
        }
        *next = now.uptime.saturating_add(LOOK);
        true
    }
}

/// Which turn of the rolling checkpoints a host was given last.
#[derive(Debug, Default)]
pub(super) struct Turn(AtomicU64);

impl Turn {
    /// Whether another turn has come. Hosts are spread over the interval by the bits of their name.
    fn has_come(&self, since_open: Duration, interval: Duration, name: &str) -> bool {
        let interval = interval.as_nanos().max(1);
        let offset = (interval * u128::from(spread(name))) >> u64::BITS;
        let turn = u64::try_from((since_open.as_nanos() + offset) / interval).unwrap_or(u64::MAX);
        self.0.fetch_max(turn, Relaxed) < turn
    }
}

/// FNV-1a, and the bits mixed: neighbours in name are far apart.
fn spread(name: &str) -> u64 {
    let hash = name.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    });
    (hash ^ (hash >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

impl<D: Disk> Engine<D> {
    /// When something has to be done next.
    #[must_use]
    pub fn next_due(&self) -> Duration {
        let look = *self.turns.next_look.lock().unwrap_or_else(PoisonError::into_inner);
        self.core.log.next_due().map_or(look, |log| log.min(look))
    }

    /// Waits until something is due, for `patience` at the longest: for the thread that drives the
    /// engine.
    pub fn wait_due(&self, patience: Duration) {
        self.core.log.wait_due(Some(self.next_due()), patience);
    }

    /// Does what is due: the log is written and synced; hosts whose turn has come are checkpointed,
    /// and those whose log is too long, or cannot be synced any more; hosts that are offline are tried
    /// again.
    /// At most `budget.jobs_max` of each.
    pub fn run_due(&self, now: Now, budget: Budget, pool: &dyn Pool) -> (Ran, Checkpointed) {
        let ran = self.core.log.run_due(now.uptime, budget, pool);
        if self.core.is_closed() || !self.turns.begin(now) {
            return (ran, Checkpointed::default());
        }
        self.try_offline(now, budget.jobs_max, pool);
        let hosts = self.hosts_in_turn(now, budget.jobs_max);
        (ran, self.checkpoint(&hosts, now, pool, None))
    }

    fn hosts_in_turn(&self, now: Now, most: usize) -> Vec<Arc<StoredHost<D>>> {
        let since_open = now.uptime.saturating_sub(self.turns.opened_at);
        let mut hosts = Vec::new();
        for host in self.hosts.open() {
            if hosts.len() >= most {
                break;
            }
            let stats = host.log.stats(now.uptime);
            // What a start has found may be worth nothing after a sync that failed before the crash.
            let is_urgent = stats.needs_checkpoint || host.was_found_unclean();
            let is_long =
                self.core.config.checkpoint_log_bytes.is_some_and(|most| stats.uncovered >= most);
            let has_turn =
                self.core.config.checkpoint_interval.is_some_and(|interval| {
                    host.turn.has_come(since_open, interval, host.directory())
                });
            if is_urgent || is_long || has_turn {
                hosts.push(host);
            }
        }
        hosts
    }

    fn try_offline(&self, now: Now, most: usize, pool: &dyn Pool) {
        let retry = self.core.config.offline_retry;
        let mut offline = self.hosts.slots();
        offline.retain(|(_, _, slot)| {
            matches!(&*slot.lock(), State::Offline { since, .. } if now.uptime >= since.saturating_add(retry))
        });
        offline.truncate(most);
        if offline.is_empty() {
            return;
        }
        let opening = self.opening(now);
        fan_out(pool, offline, move |(cluster, host, slot)| {
            // If it fails, the slot knows why.
            opening.open(&slot, (&cluster, &host)).is_ok()
        });
    }
}
