//! A small store around the log, random work on it, and what must hold after every crash.
//!
//! The store is a map from slots to the number of the batch that wrote them last, and a snapshot is
//! a copy of that map: simple enough to be right, and enough to see that the log and the checkpoints
//! lose nothing between them.

mod checks;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use checkpointer::disk::sim::Cause::{Interrupted, Io, NoSpace, TooManyFiles};
use checkpointer::disk::sim::{Crash, Failure, Fault, Kind, SimDisk};
use checkpointer::disk::{Disk, File};
use checkpointer::log::{
    self, Budget, Buffer, Config, HostLog, Inline, Log, Mark, Owner, SyncMode, Ticket,
};
use wal_format::{NamesBuf, Record};

use super::recovered::{Slot, Tree, recover};
use super::watched::{Moment, Watched, watch};

type Host = HostLog<Watched, TestOwner>;

const DIRECTORIES: [&str; 3] = ["data/alpha/a01", "data/alpha/a02", "data/beta/b01"];

/// xorshift64*: the same seed, the same run.
pub(crate) struct Random(Cell<u64>);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Cell::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1))
    }

    pub(crate) fn next(&self) -> u64 {
        let mut x = self.0.get();
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.0.set(x);
        x.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11
    }

    pub(crate) fn below(&self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub(crate) fn one_in(&self, count: u64) -> bool {
        self.below(count) == 0
    }

    pub(crate) fn pick<'a, T>(&self, from: &'a [T]) -> &'a T {
        &from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }
}

/// The tree and the buffer of a host under one lock.
pub(crate) struct TestOwner(Mutex<(Buffer, Tree)>);

impl Owner for TestOwner {
    fn with_buffer<R>(&self, change: impl FnOnce(&mut Buffer) -> R) -> Option<R> {
        Some(change(&mut self.0.lock().unwrap().0))
    }
}

/// A batch that is not known to be durable yet.
struct Batch {
    ticket: Ticket<Watched, TestOwner>,
    slots: Vec<Slot>,
    number: u32,
}

struct TestHost {
    directory: &'static str,
    log: Arc<Host>,
    batches: RefCell<Vec<Batch>>,
    checkpointing: Cell<bool>,
    found: Tree,
    /// What the start has found is promised to survive a power loss once the log says so.
    found_promised: Cell<bool>,
}

/// What was written to a host, and what was promised to survive what.
#[derive(Clone, Default)]
struct Truth {
    written: BTreeMap<Slot, BTreeSet<u32>>,
    survives_kill: Tree,
    survives_power_loss: Tree,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Faults {
    No,
    /// Signals and short appends, which are no failures.
    Interruptions,
    /// Those that the test itself injects.
    Planned,
    Yes,
}

impl Faults {
    fn are_failures(self) -> bool {
        matches!(self, Self::Planned | Self::Yes)
    }
}

pub(crate) struct World {
    pub(crate) random: Random,
    pub(crate) disk: SimDisk,
    pub(crate) config: Config,
    logs: Arc<Log<Watched, TestOwner>>,
    hosts: Vec<TestHost>,
    truth: RefCell<Vec<Truth>>,
    now: Cell<Duration>,
    next_batch: Cell<u32>,
    faults: Faults,
    sync_failed: Cell<bool>,
    /// The disk went through a kill, so that it may hold torn ends and syncs that failed unseen.
    history: History,
    pub(crate) states: Cell<u64>,
    pub(crate) violation: RefCell<Option<String>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct History {
    power_lost: bool,
    faulty_kill: bool,
}

pub(crate) fn config(random: &Random, sync: SyncMode) -> Config {
    Config {
        sync,
        flush_interval: Duration::from_secs(1),
        sync_interval: Duration::from_secs(2),
        sync_bytes: 600,
        // What is driven inside of an operation must not wait for the one who is at it.
        slow_file: Duration::ZERO,
        buffer_bytes_host: 1000,
        buffer_bytes_total: 2000,
        segment_bytes: *random.pick(&[150, 400, 5000]),
        segment_age: Duration::from_secs(9),
        open_files_max: usize::try_from(1 + random.below(4)).unwrap(),
        ..Config::default()
    }
}

fn names(key: u8) -> NamesBuf {
    NamesBuf::new(format!("m{key}"), ["cpu0"]).unwrap()
}

fn record(names: &NamesBuf, slot: Slot, batch: u32) -> Record<'_> {
    let value = f32::from_bits(batch);
    Record { names: names.as_names(), timestamp: slot.1, value, frequency: NonZeroU32::new(60) }
}

impl TestHost {
    fn wait_for_last(&self) {
        // Out of the list while it waits: other work that comes between may look at that.
        let Some(mut batch) = self.batches.borrow_mut().pop() else { return };
        let _ = batch.ticket.wait(Duration::ZERO);
        let mut batches = self.batches.borrow_mut();
        batches.push(batch);
        batches.sort_by_key(|batch| batch.number);
    }
}

// ---- a process ----

impl World {
    pub(crate) fn new(seed: u64, sync: SyncMode, faults: Faults) -> Rc<Self> {
        let random = Random::new(seed);
        let config = config(&random, sync);
        let hosts = usize::try_from(1 + random.below(DIRECTORIES.len() as u64)).unwrap();
        let truth = vec![Truth::default(); hosts];
        let disk = SimDisk::new(seed);
        Self::start(random, config, disk, truth, 1, faults, History::default()).unwrap()
    }

    fn start(
        random: Random,
        config: Config,
        disk: SimDisk,
        truth: Vec<Truth>,
        next_batch: u32,
        faults: Faults,
        history: History,
    ) -> Result<Rc<Self>, String> {
        disk.start_trace();
        let logs = Log::open(Watched(disk.clone()), config.clone()).unwrap();
        let mut hosts = Vec::new();
        for directory in DIRECTORIES.iter().take(truth.len()) {
            let recovered = recover(&disk, directory)?;
            let buffer = Buffer::new(&recovered.found, &config);
            let owner = TestOwner(Mutex::new((buffer, recovered.tree.clone())));
            hosts.push(TestHost {
                directory,
                log: logs.open_host(directory, &recovered.found, owner, Duration::ZERO),
                batches: RefCell::default(),
                checkpointing: Cell::new(false),
                found: recovered.tree,
                found_promised: Cell::new(false),
            });
        }
        Ok(Rc::new(Self {
            random,
            disk,
            config,
            logs,
            hosts,
            truth: RefCell::new(truth),
            now: Cell::default(),
            next_batch: Cell::new(next_batch),
            faults,
            sync_failed: Cell::new(false),
            history,
            states: Cell::new(0),
            violation: RefCell::default(),
        }))
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
        if self.violation.borrow().is_some() {
            return;
        }
        if self.random.one_in(4) {
            self.step();
        }
        if moment == Moment::After && self.faults != Faults::Planned {
            self.note_promises();
            self.check_crashes();
        }
    }

    fn step(&self) {
        let host = self.random.pick(&self.hosts);
        match self.random.below(16) {
            0..7 => self.write(host),
            7..10 => host.wait_for_last(),
            10..13 => self.drive(),
            13 => self.checkpoint(host),
            14 if host.log.stats(self.now.get()).needs_checkpoint => self.checkpoint(host),
            15 if self.faults == Faults::Yes => self.break_something(),
            15 if self.faults == Faults::Interruptions => self.interrupt(),
            _ => {}
        }
    }

    fn write(&self, host: &TestHost) {
        let count = 1 + self.random.below(5);
        let slots: BTreeSet<Slot> = (0..count)
            .map(|_| (u8::try_from(self.random.below(3)).unwrap(), self.slot_time()))
            .collect();
        let number = self.next_batch.get();
        self.next_batch.set(number + 1);
        let named: Vec<_> = slots.iter().map(|slot| (names(slot.0), *slot)).collect();
        let records = named.iter().map(|(names, slot)| record(names, *slot, number));
        let bytes = records.clone().map(|record| log::record_bytes(record.names)).sum();
        let Ok(mut room) = host.log.room(bytes, self.now.get(), None) else { return };
        let mut locked = host.log.owner().0.lock().unwrap();
        let (buffer, tree) = &mut *locked;
        let sequence = buffer.append_batch(&mut room, records).unwrap();
        tree.extend(slots.iter().map(|slot| (*slot, number)));
        drop(locked);
        drop(room);
        let index = self.index_of(host);
        for slot in &slots {
            self.truth.borrow_mut()[index].written.entry(*slot).or_default().insert(number);
        }
        let ticket = host.log.ticket(sequence, self.now.get());
        let slots = slots.into_iter().collect();
        host.batches.borrow_mut().push(Batch { ticket, slots, number });
        self.check_bounds(host);
    }

    fn slot_time(&self) -> i64 {
        i64::try_from(60 * self.random.below(3)).unwrap()
    }

    fn drive(&self) {
        self.now.set(self.now.get() + Duration::from_millis(self.random.below(1500)));
        let budget = Budget { jobs_max: usize::try_from(1 + self.random.below(8)).unwrap() };
        self.logs.run_due(self.now.get(), budget, &Inline);
    }

    fn interrupt(&self) {
        let short = Failure::Short(usize::try_from(1 + self.random.below(60)).unwrap());
        let failure = *self.random.pick(&[Failure::Error(Interrupted), short]);
        let kinds = [Kind::Append, Kind::Sync, Kind::SyncDirectory, Kind::Create, Kind::Open];
        self.disk.inject(Fault::new(failure).on(*self.random.pick(&kinds)));
    }

    fn break_something(&self) {
        let kinds = [
            Kind::Append,
            Kind::Append,
            Kind::Sync,
            Kind::Sync,
            Kind::SyncDirectory,
            Kind::Create,
            Kind::Rename,
            Kind::Remove,
            Kind::MakeDirectory,
            Kind::Open,
        ];
        let length = usize::try_from(self.random.below(120)).unwrap();
        let failure = *self.random.pick(&[
            Failure::Error(Io),
            Failure::Error(NoSpace),
            Failure::Error(Interrupted),
            Failure::Error(TooManyFiles),
            Failure::ErrorAfter(Io),
            Failure::Short(length),
            Failure::Partial(length, NoSpace),
            Failure::Partial(length, Io),
        ]);
        match self.random.below(12) {
            0 => self.disk.limit_space(self.random.below(300)),
            1 | 2 => self.disk.lift_space_limit(),
            _ => self.disk.inject(Fault::new(failure).on(*self.random.pick(&kinds))),
        }
    }

    // ---- the checkpoint of the test's store ----

    fn checkpoint(&self, host: &TestHost) {
        // A process has threads that would wait for the log lock here; this one comes later.
        let blocked = host.log.drain(self.now.get(), Duration::ZERO);
        if host.checkpointing.get() || matches!(blocked, Err(log::Unacknowledged::TimedOut)) {
            return;
        }
        host.checkpointing.set(true);
        let mut locked = host.log.owner().0.lock().unwrap();
        let mark = locked.0.set_checkpoint_mark();
        let tree = locked.1.clone();
        drop(locked);
        match self.publish(host, mark, &tree) {
            Ok(()) => drop(host.log.checkpoint_succeeded(mark)),
            Err(_) => host.log.checkpoint_failed(),
        }
        host.checkpointing.set(false);
    }

    fn publish(&self, host: &TestHost, mark: Mark, tree: &Tree) -> std::io::Result<()> {
        let disk = self.logs.disk();
        let directory = host.directory;
        for parent in ["data", directory.rsplit_once('/').unwrap().0, directory] {
            disk.make_directory(parent)?;
        }
        let path = format!("{directory}/{:020}.snap", mark.next_number - 1);
        let temporary = format!("{path}.tmp");
        let lines = tree.iter().map(|((key, time), batch)| format!("{key} {time} {batch}\n"));
        let text = lines.chain(["whole\n".to_owned()]).collect::<String>();
        let file = disk.create(&temporary)?;
        file.append_all(text.as_bytes()).map_err(|error| error.source)?;
        file.sync()?;
        disk.rename(&temporary, &path)?;
        for synced in [directory, directory.rsplit_once('/').unwrap().0, "data", ""] {
            disk.sync_directory(synced)?;
        }
        Ok(())
    }

    /// The next process, on what a crash has left.
    pub(crate) fn crash(self: &Rc<Self>, crash: Crash) -> Result<Rc<Self>, String> {
        self.note_promises();
        let disk = self.disk.crash(crash, self.random.next());
        self.check_found(&disk, crash)?;
        let mut truth = self.truth.borrow().clone();
        for (host, truth) in self.hosts.iter().zip(&mut truth) {
            let found = recover(&disk, host.directory)?.tree;
            if let Crash::PowerLoss(..) = crash {
                truth.survives_power_loss.clone_from(&found);
            }
            truth.survives_kill = found;
        }
        let power_lost = matches!(crash, Crash::PowerLoss(..));
        let history = History {
            power_lost: self.history.power_lost || power_lost,
            faulty_kill: !power_lost && (self.history.faulty_kill || self.sync_failed.get()),
        };
        let random = Random::new(self.random.next());
        let config = self.config.clone();
        let next_batch = self.next_batch.get();
        Self::start(random, config, disk, truth, next_batch, self.faults, history)
    }
}
