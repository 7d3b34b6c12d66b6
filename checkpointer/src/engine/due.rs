//! What has to be done when: the log's tasks, checkpoints in turn, hosts to be tried again.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Engine;
use super::config::{Config, Now};
use super::fan_out::fan_out_for;
use super::host::StoredHost;
use super::hosts::{Slot, State};
use super::open::{Listed, list_cluster};
use super::report::Problems;
use crate::disk::Disk;
use crate::log::{Budget, Pool, Ran};

/// How often the hosts are looked at.
const LOOK: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Turns {
    next_look: Mutex<Duration>,
    opened_at: Duration,
    /// Where the last look ended, by directory: the next one goes on behind it.
    ended_at: Mutex<String>,
}

impl Turns {
    pub(super) fn new(now: Now) -> Self {
        let (next_look, ended_at) = (Mutex::new(now.uptime), Mutex::default());
        Self { next_look, opened_at: now.uptime, ended_at }
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

    fn lock_ended_at(&self) -> MutexGuard<'_, String> {
        self.ended_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When a host is to be checkpointed unasked.
#[derive(Debug)]
pub(super) struct Turn {
    /// The last of the rolling turns that it was given.
    given: AtomicU64,
    /// Its last checkpoint has failed: it is tried again then, and not before.
    again_at: Mutex<Option<Duration>>,
}

impl Default for Turn {
    fn default() -> Self {
        Self { given: AtomicU64::new(0), again_at: Mutex::new(None) }
    }
}

impl Turn {
    /// Whether another turn has come. Hosts are spread over the interval by the bits of their name.
    fn has_come(&self, since_open: Duration, interval: Duration, name: &str) -> bool {
        let interval = interval.as_nanos().max(1);
        let offset = (interval * u128::from(spread(name))) >> u64::BITS;
        let turn = u64::try_from((since_open.as_nanos() + offset) / interval).unwrap_or(u64::MAX);
        self.given.fetch_max(turn, Relaxed) < turn
    }

    fn again_at(&self) -> Option<Duration> {
        *self.again_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_again_at(&self, at: Option<Duration>) {
        *self.again_at.lock().unwrap_or_else(PoisonError::into_inner) = at;
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
    /// again. At most `budget.jobs_max` of each. What takes longer than
    /// [`slow_file`](crate::log::Config::slow_file) goes on without the caller, on the pool.
    pub fn run_due(self: &Arc<Self>, now: Now, budget: Budget, pool: &dyn Pool) -> Ran {
        let ran = self.core.log.run_due(now.uptime, budget, pool);
        if self.core.is_closed() || !self.turns.begin(now) {
            return ran;
        }
        self.try_offline(now, budget.jobs_max, pool);
        let hosts = self.hosts_in_turn(now, budget.jobs_max);
        let patience = self.core.config.log.slow_file;
        let retry = self.core.config.offline_retry;
        let save = move |host: Arc<StoredHost<D>>| {
            // The error is counted, and what it concerns is where it was.
            let failed = host.checkpoint(now).is_err();
            host.turn.set_again_at(failed.then(|| now.uptime.saturating_add(retry)));
        };
        fan_out_for(pool, hosts, save, patience);
        ran
    }

    fn hosts_in_turn(&self, now: Now, most: usize) -> Vec<Arc<StoredHost<D>>> {
        let mut all = self.hosts.open_now();
        let mut ended_at = self.turns.lock_ended_at();
        let behind = all.partition_point(|host| host.directory() <= &**ended_at);
        all.rotate_left(behind);
        let mut hosts = Vec::new();
        for host in all {
            if hosts.len() >= most {
                break;
            }
            ended_at.clear();
            ended_at.push_str(host.directory());
            if self.is_in_turn(&host, now) {
                hosts.push(host);
            }
        }
        hosts
    }

    fn is_in_turn(&self, host: &StoredHost<D>, now: Now) -> bool {
        let Ok(saved) = host.saved.try_lock() else { return false };
        if let Some(again_at) = host.turn.again_at() {
            return now.uptime >= again_at;
        }
        let Config { checkpoint_interval, checkpoint_log_bytes, .. } = self.core.config;
        let since_open = now.uptime.saturating_sub(self.turns.opened_at);
        let stats = host.log.stats(now.uptime);
        // What a start has found may be worth nothing after a sync that failed before the crash.
        let was_found_unclean = saved.found_log > saved.covered;
        let is_long = checkpoint_log_bytes.is_some_and(|most| stats.uncovered >= most);
        let has_turn = checkpoint_interval
            .is_some_and(|interval| host.turn.has_come(since_open, interval, host.directory()));
        stats.needs_checkpoint || was_found_unclean || is_long || has_turn
    }

    fn try_offline(&self, now: Now, most: usize, pool: &dyn Pool) {
        let retry = self.core.config.offline_retry;
        let is_due = |slot: &Slot<D>| match slot.try_lock().as_deref() {
            Some(State::Offline { since, .. }) => now.uptime >= since.saturating_add(retry),
            _ => false,
        };
        let mut offline = self.hosts.slots();
        offline.retain(|(_, _, slot)| is_due(slot));
        offline.truncate(most);
        offline.extend(self.list_again());
        let opening = self.opening(now);
        let open = move |(cluster, host, slot): (String, String, Arc<Slot<D>>)| {
            // If it fails, the slot knows why.
            opening.open(&slot, (&cluster, &host)).is_ok()
        };
        fan_out_for(pool, offline, open, self.core.config.log.slow_file);
    }

    /// The hosts of clusters that could not be listed before.
    fn list_again(&self) -> Vec<(String, String, Arc<Slot<D>>)> {
        let mut unlisted = self.unlisted.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = Vec::new();
        unlisted.retain(|cluster| {
            let listed = list_cluster(self.core.disk(), cluster, &mut Problems::default());
            let Ok(hosts) = listed else { return true };
            found.extend(hosts.into_iter().map(|Listed { cluster, host, .. }| {
                let slot = self.hosts.get_or_insert(&cluster, &host);
                (cluster, host, slot)
            }));
            false
        });
        found
    }
}
