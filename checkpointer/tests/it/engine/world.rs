//! Random work on an engine over a simulated disk: what a process does until it crashes.
//!
//! The expected values come from maps of slots, not from the engine: what was written where, and what
//! the modes of the log have promised. Where an accepted sample is, the tree is asked once, right
//! after the write; from then on it must never move.

mod checks;
mod deep;
mod start;
mod work;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use checkpointer::disk::sim::{Crash, SimDisk};
use checkpointer::log::SyncMode;
use checkpointer::{Config, Engine, Now, Pending, Series, StoredHost, Thresholds};

use super::seen::{Frequencies, HOSTS, Key, SERIES, Values};
use super::truth::Truth;
use crate::log::watched::{Moment, Watched, watch};
use crate::log::world::{Random, config as log_config};

pub(crate) type Stored = Arc<StoredHost<Watched>>;

/// A batch that is not known to be durable yet.
struct Batch {
    pending: Pending<Watched>,
    sequence: u64,
    slots: Values,
}

struct TestHost {
    index: usize,
    /// As it was written to last.
    stored: RefCell<Option<Stored>>,
    /// How many batches went to its log.
    sequence: Cell<u64>,
    batches: RefCell<Vec<Batch>>,
    /// Something is done with it that must not be done twice on one thread.
    busy: Cell<bool>,
    /// Series and times of the last batch, unless something came after it.
    last: RefCell<Vec<(usize, i64, u32)>>,
    /// What the start has found, until it is promised.
    found: RefCell<Option<Values>>,
    series: Vec<Option<Series>>,
    /// What lies before may have been freed.
    freed_before: Cell<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Faults {
    No,
    Yes,
}

/// What goes on from one process to the next.
#[derive(Clone, Debug)]
pub(crate) struct Past {
    pub(crate) truth: Truth,
    pub(crate) hosts: usize,
    pub(crate) config: Config,
    pub(crate) frequencies: Frequencies,
    pub(crate) now: i64,
    pub(crate) next_value: u32,
    pub(crate) faults: Faults,
    pub(crate) power_lost: bool,
    /// A sync has failed in a process that was killed: the next cannot know.
    pub(crate) sync_failed: bool,
    pub(crate) last_crash: Crash,
}

pub(crate) struct World {
    pub(crate) random: Random,
    pub(crate) disk: SimDisk,
    pub(crate) engine: Arc<Engine<Watched>>,
    past: Past,
    /// The highest name of a snapshot that the start has found, by directory.
    found_names: BTreeMap<String, i64>,
    truth: RefCell<Truth>,
    hosts: Vec<TestHost>,
    now: Cell<i64>,
    uptime: Cell<Duration>,
    /// When the engine has looked at its hosts last.
    looked: Cell<Option<Duration>>,
    driving: Cell<bool>,
    newest: Cell<i64>,
    next_value: Cell<u32>,
    /// A fault waits for its operation.
    armed: Cell<bool>,
    /// Nothing comes between.
    still: Cell<bool>,
    closed: Cell<bool>,
    depth: Cell<u32>,
    pub(crate) states: Cell<u64>,
    pub(crate) violation: RefCell<Option<String>>,
    pub(crate) story: RefCell<Vec<String>>,
}

pub(crate) fn config(random: &Random, sync: SyncMode) -> Config {
    let mut log = log_config(random, sync);
    log.flush_interval = Duration::from_millis(300);
    log.sync_interval = Duration::from_millis(500);
    // A host that needs a file would close one of another, whose log is then locked: on one thread
    // that other could not be checkpointed meanwhile. The simulation of the log has this bound.
    log.open_files_max = 100;
    Config {
        log,
        retention: *random.pick(&[None, Some(4000), Some(9000), Some(20_000)]),
        max_future: *random.pick(&[None, Some(600)]),
        checkpoint_interval: *random.pick(&[None, Some(Duration::from_secs(4))]),
        thresholds: Thresholds {
            passive: *random.pick(&[None, Some(500)]),
            restart: *random.pick(&[None, Some(1500)]),
            total: *random.pick(&[None, Some(900)]),
        },
        temporary_grace: *random.pick(&[Duration::ZERO, Duration::from_secs(3)]),
        offline_retry: Duration::ZERO,
    }
}

impl Past {
    pub(crate) fn new(random: &Random, sync: SyncMode, faults: Faults) -> Self {
        Self {
            truth: Truth::default(),
            hosts: usize::try_from(1 + random.below(3)).unwrap(),
            config: config(random, sync),
            frequencies: BTreeMap::from([("a", 12), ("b", 12), ("c", 60)]),
            now: 10_000,
            next_value: 100, // Those below are the Go store's.
            faults,
            power_lost: false,
            sync_failed: false,
            last_crash: Crash::PowerLoss(
                checkpointer::disk::sim::Survival::Nothing,
                checkpointer::disk::sim::Sector::Bytes512,
            ),
        }
    }
}

impl World {
    pub(crate) fn time(&self) -> Now {
        Now { unix: self.now.get(), uptime: self.uptime.get() }
    }

    pub(crate) fn tell(&self, text: impl FnOnce() -> String) {
        self.story.borrow_mut().push(format!(
            "{}{}",
            "  ".repeat(self.depth.get() as usize),
            text()
        ));
    }

    /// Work, with other work and crashes at every operation of the disk.
    pub(crate) fn work(self: &Rc<Self>, steps: u64) {
        let me = Rc::clone(self);
        watch(Some(Rc::new(move |moment| me.at_operation(moment))));
        for _ in 0..steps {
            self.step();
            self.note_promises();
            if self.violation.borrow().is_some() {
                break;
            }
        }
        watch(None);
    }

    fn at_operation(&self, moment: Moment) {
        if self.still.get() || self.violation.borrow().is_some() {
            return;
        }
        self.depth.set(self.depth.get() + 1);
        if self.random.one_in(4) {
            self.step();
        }
        if moment == Moment::After {
            self.note_promises();
            self.check_crashes();
        }
        self.depth.set(self.depth.get() - 1);
    }

    /// Ends the process, and starts the next on what is left.
    pub(crate) fn crash(self: &Rc<Self>, crash: Crash) -> Result<Rc<Self>, String> {
        self.note_promises();
        self.check_names()?;
        let disk = self.disk.crash(crash, self.random.next());
        self.check_found(&disk, crash)?;
        let power_lost = matches!(crash, Crash::PowerLoss(..));
        let past = Past {
            truth: self.truth.borrow().clone(),
            now: self.now.get(),
            next_value: self.next_value.get(),
            power_lost: self.past.power_lost || power_lost,
            sync_failed: !power_lost
                && (self.past.sync_failed || self.engine.stats(self.time()).log.sync_failures > 0),
            last_crash: crash,
            ..self.past.clone()
        };
        let mut story = self.story.borrow().clone();
        story.push(format!("CRASH {crash:?}"));
        Self::start(Random::new(self.random.next()), past, disk, story)
    }

    fn stored(&self, host: &TestHost) -> Option<Stored> {
        let (cluster, name) = HOSTS[host.index];
        self.engine.get(cluster, name)
    }

    fn key(host: &TestHost, series: usize, time: i64) -> Key {
        debug_assert!(series < SERIES.len(), "one of the series");
        (host.index, series, time)
    }
}
