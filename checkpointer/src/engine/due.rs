//! What has to be done when: the log's tasks, checkpoints in turn, hosts to be tried again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Engine;
use super::config::{Config, Now};
use super::debt::{self, CheckpointMode, Debt};
use super::fan_out::fan_out_for;
use super::host::StoredHost;
use super::hosts::{Slot, State};
use super::open::{Listed, list_cluster};
use super::report::Problems;
use crate::disk::Disk;
use crate::log::{Budget, Pool, Ran};
use crate::planted::{Planted, is_planted};

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

/// When a host is to be checkpointed unasked.
#[derive(Debug, Default)]
pub(super) struct Turn(Mutex<TurnState>);

#[derive(Debug, Default)]
struct TurnState {
    /// The last of the rolling turns that it was given.
    given: u64,
    /// When its last checkpoint was.
    since: Duration,
    /// Its last checkpoint has failed: it is tried again then, and not before.
    again_at: Option<Duration>,
    /// A checkpoint was begun for it, or waits for a thread.
    is_running: bool,
}

impl Turn {
    fn lock(&self) -> MutexGuard<'_, TurnState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A checkpoint begins: unless it ends well, it is not tried again before this.
    pub(super) fn begins(&self, again_at: Duration) {
        self.lock().again_at = Some(again_at);
    }

    /// The checkpoint has ended well.
    pub(super) fn ended(&self, now: Now) {
        let mut turn = self.lock();
        (turn.since, turn.again_at) = (now.uptime, None);
    }

    pub(super) fn may_try(&self, now: Now) -> bool {
        self.lock().again_at.is_none_or(|again_at| now.uptime >= again_at)
    }
}

/// Which of the rolling turns it is for a host. Hosts are spread over the interval by the bits of
/// their name.
fn turn_at(since_open: Duration, interval: Duration, name: &str) -> u64 {
    let interval = interval.as_nanos().max(1);
    let offset = (interval * u128::from(spread(name))) >> u64::BITS;
    u64::try_from((since_open.as_nanos() + offset) / interval).unwrap_or(u64::MAX)
}

/// A host whose turn it is, until this is dropped: with the end of its checkpoint, well or not.
struct InTurn<D: Disk + 'static> {
    host: Arc<StoredHost<D>>,
    mode: CheckpointMode,
}

impl<D: Disk> InTurn<D> {
    fn new(host: Arc<StoredHost<D>>, mode: CheckpointMode, turn: Option<u64>) -> Self {
        let mut state = host.turn.lock();
        state.is_running = true;
        state.given = turn.map_or(state.given, |turn| turn.max(state.given));
        drop(state);
        Self { host, mode }
    }
}

impl<D: Disk + 'static> Drop for InTurn<D> {
    fn drop(&mut self) {
        let mut turn = self.host.turn.lock();
        turn.is_running = is_planted(Planted::TurnKeptOnFailure) && turn.again_at.is_some();
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
    /// and those with too much log without a snapshot, or with one that cannot be synced any more
    /// ([`CheckpointMode`]); hosts that are offline are tried again; files are removed that were left
    /// over. At most `budget.jobs_max` of each. What takes longer than
    /// [`slow_file`](crate::log::Config::slow_file) goes on without the caller, on the pool.
    pub fn run_due(self: &Arc<Self>, now: Now, budget: Budget, pool: &dyn Pool) -> Ran {
        let ran = self.core.log.run_due(now.uptime, budget, pool);
        if self.core.is_closed() || !self.turns.begin(now) {
            return ran;
        }
        self.try_offline(now, budget.jobs_max, pool);
        let hosts = self.hosts_in_turn(now, budget.jobs_max);
        let patience = self.core.config.log.slow_file;
        let save = move |turn: InTurn<D>| {
            // The error is counted, and what it concerns is where it was.
            drop(turn.host.checkpoint_as(turn.mode, now));
        };
        fan_out_for(pool, hosts, save, patience);
        self.sweep(now, budget.jobs_max, pool);
        ran
    }

    fn hosts_in_turn(&self, now: Now, most: usize) -> Vec<InTurn<D>> {
        let Config { checkpoint_interval, thresholds, .. } = self.core.config;
        let since_open = now.uptime.saturating_sub(self.turns.opened_at);
        let turn_of = |host: &StoredHost<D>| {
            checkpoint_interval.map(|interval| turn_at(since_open, interval, host.directory()))
        };
        let hosts = self.hosts.open_now();
        let debts: Vec<_> = hosts.iter().map(|host| host.debt(turn_of(host))).collect();
        let due = debt::due(&debts, &thresholds, now.uptime);
        let chosen = due.into_iter().take(most).filter_map(|(place, mode)| {
            let host = hosts.get(place)?;
            Some(InTurn::new(Arc::clone(host), mode, turn_of(host)))
        });
        chosen.collect()
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

impl<D: Disk> StoredHost<D> {
    fn debt(&self, turn: Option<u64>) -> Debt {
        let state = self.turn.lock();
        let debt = Debt {
            uncovered: self.log.uncovered(),
            since: state.since,
            has_turn: turn.is_some_and(|turn| turn > state.given),
            again_at: state.again_at,
            ..Debt::default()
        };
        let is_running = state.is_running;
        drop(state);
        let Some(saved) = self.saved.try_lock().filter(|_| !is_running) else {
            return Debt { is_busy: true, ..debt };
        };
        // What a start has found may be worth nothing after a sync that failed before the crash.
        let was_found_unclean = saved.found_log > saved.covered;
        let is_unsynced = self.log.needs_checkpoint() || was_found_unclean;
        Debt { is_unsynced, ..debt }
    }
}
