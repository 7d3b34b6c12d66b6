//! What the process does: writes, waits, checkpoints, frees, deletes, and suffers.

use std::time::Duration;

use checkpointer::disk::sim::Cause::{Denied, Interrupted, Io, NoSpace, TooManyFiles};
use checkpointer::disk::sim::{Failure, Fault, Kind};
use checkpointer::log::{Budget, Inline};
use checkpointer::{Branch, Logging, Refused, Sample};

use super::{Batch, Faults, Stored, TestHost, World};
use crate::engine::seen::{HOSTS, Run, SERIES, Values, add_values, as_value, runs};

/// The engine looks at its hosts this often: in between it is driven from inside of operations.
const LOOK: Duration = Duration::from_secs(1);
/// The longest of any series, in seconds.
const INTERVAL_MAX: i64 = 60;

impl World {
    pub(super) fn step(&self) {
        let host = self.random.pick(&self.hosts);
        match self.random.below(26) {
            0..9 => self.write(host),
            9..13 => self.wait_for_last(host),
            13..16 => self.drive(),
            16..20 => self.checkpoint(host),
            20 => self.free(),
            21 => self.delete(),
            22..24 if self.past.faults == Faults::Yes => self.break_something(),
            24 => self.repeat(host),
            25 if self.depth.get() == 0 && self.random.one_in(12) => self.close(),
            _ => self.pass_time(),
        }
    }

    fn pass_time(&self) {
        let steps = [1, 5, 12, 12, 36, 130, 600, 3000, 6200];
        let mut seconds = *self.random.pick(&steps);
        if seconds > 500 && !self.random.one_in(4) {
            seconds = 24;
        }
        if self.random.one_in(60) {
            seconds = *self.random.pick(&[-3000, -700, 40_000]);
        }
        self.now.set(self.now.get() + seconds);
    }

    // ---- writing ----

    fn write(&self, host: &TestHost) {
        self.now.set(self.now.get() + self.random.pick(&[0, 0, 3, 12, 12, 12, 16, 36]));
        let count = 1 + self.random.below(5);
        let mut samples = Vec::new();
        for _ in 0..count {
            let series = usize::try_from(self.random.below(5)).unwrap();
            if host.series[series].is_none() {
                continue; // A metric that the catalogue lacks.
            }
            let late = [0, 0, 0, 0, 0, 1, -2, 5, -5, -12, -48, -240, -1200, -6100, 24];
            let time = self.now.get() + self.random.pick(&late);
            self.next_value.set(self.next_value.get() + 1);
            samples.push((series, time, self.next_value.get()));
        }
        self.write_samples(host, &samples);
    }

    /// The same batch again: nobody may see a difference.
    fn repeat(&self, host: &TestHost) {
        let last = host.last.borrow().clone();
        self.write_samples(host, &last);
    }

    pub(super) fn write_samples(&self, host: &TestHost, samples: &[(usize, i64, u32)]) {
        if samples.is_empty() {
            return;
        }
        let (cluster, name) = HOSTS[host.index];
        let was_busy = host.busy.replace(true);
        let stored = self.engine.host(cluster, name, self.time());
        host.busy.set(was_busy);
        let Ok(stored) = stored else { return };
        adopt(host, &stored);
        let given: Vec<_> = samples
            .iter()
            .map(|&(series, timestamp, value)| Sample {
                series: host.series[series].as_ref().unwrap(),
                timestamp,
                value: as_value(value),
            })
            .collect();
        let is_logged = !self.random.one_in(12);
        let logging = if is_logged {
            Logging::Logged { patience: Duration::ZERO }
        } else {
            Logging::Unlogged
        };
        let mut refused = Vec::new();
        let outcome = stored.write(&given, self.time(), logging, |index, why| {
            refused.push((index, why));
        });
        let Ok(written) = outcome else { return };
        self.check_refused(samples, &refused);
        let taken: Vec<_> = samples
            .iter()
            .enumerate()
            .filter(|(index, _)| refused.iter().all(|(other, _)| index != other))
            .map(|(_, sample)| *sample)
            .collect();
        for sample in &taken {
            self.newest.set(self.newest.get().max(sample.1));
        }
        let slots = self.locate(host, &stored, &taken);
        self.tell(|| format!("{name} at {} writes {slots:?}, logged: {is_logged}", self.now.get()));
        // Not those that were replaced at once: in a log that is cut they would come back. Nor those
        // that one of the same batch could replace when they are sent again, and have another place.
        let is_alone = |sample: &(usize, i64, u32)| {
            let is_near = |other: &&(usize, i64, u32)| {
                other.0 == sample.0 && (other.1 - sample.1).abs() < INTERVAL_MAX
            };
            taken.iter().filter(is_near).count() == 1
        };
        let stays = |sample: &&(usize, i64, u32)| {
            is_logged && is_alone(sample) && slots.values().any(|value| *value == sample.2)
        };
        *host.last.borrow_mut() = taken.iter().filter(stays).copied().collect();
        if let Some(pending) = written.pending {
            let sequence = host.sequence.get() + 1;
            host.sequence.set(sequence);
            host.batches.borrow_mut().push(Batch { pending, sequence, slots });
        }
    }

    /// What is inside the retention and not too far ahead is taken, all else is refused.
    fn check_refused(&self, samples: &[(usize, i64, u32)], refused: &[(usize, Refused)]) {
        let (oldest, now) = (self.oldest(), self.now.get());
        let mut newest = self.newest.get();
        for (index, (_, time, _)) in samples.iter().enumerate() {
            let ahead = self.past.config.max_future;
            let most = ahead.map_or(i64::MAX, |ahead| {
                if newest > now + ahead { newest + ahead } else { now + ahead }
            });
            let expected = if *time < oldest {
                Some(Refused::TooOld)
            } else if *time > most {
                Some(Refused::TooFarAhead)
            } else {
                None
            };
            let why = refused.iter().find(|(other, _)| *other == index).map(|(_, why)| *why);
            if why != expected {
                self.violate(&format!("{time} at {now}: {why:?}, not {expected:?}"));
            }
            newest = self.newest.get();
        }
    }

    /// Where samples have gone, by the tree; within half an interval of their time.
    fn locate(&self, host: &TestHost, stored: &Stored, taken: &[(usize, i64, u32)]) -> Values {
        let seen = stored.read(|tree| runs(tree, self.engine.catalogue()));
        let seen = seen.unwrap_or_else(|text| {
            self.violate(&text);
            Vec::new()
        });
        let mut slots = Values::new();
        let mut truth = self.truth.borrow_mut();
        for (at, &(series, time, value)) in taken.iter().enumerate() {
            let interval = |run: &Run| i64::from(run.frequency);
            let covers = |nominal: i64, interval: i64| {
                let from = nominal - interval / 2;
                (from..from + interval).contains(&time)
            };
            let near: Vec<_> = seen
                .iter()
                .filter(|run| run.series == series)
                .flat_map(|run| run.slots.iter().map(move |slot| (slot.0, slot.1, interval(run))))
                .filter(|&(nominal, _, interval)| covers(nominal, interval))
                .collect();
            // Where it is, or where one of the same batch has replaced it. Sent again it may go to
            // another slot than at first, when a run has grown since.
            let by_batch =
                |found: u32| taken[at..].iter().any(|other| other.0 == series && other.2 == found);
            let own: Vec<_> = near.iter().filter(|place| by_batch(place.1)).collect();
            if own.is_empty() {
                self.violate(&format!("{value} of {time} has no place in {series}"));
            }
            for &&(nominal, found, _) in &own {
                let key = Self::key(host, series, nominal);
                truth.written.entry(key).or_default().insert(value);
                slots.insert(key, found);
            }
        }
        slots
    }

    // ---- what the engine does ----

    /// On one thread nobody can wait for who is interrupted.
    fn may_wait(&self, host: &TestHost) -> bool {
        let needs = || {
            self.stored(host)
                .is_some_and(|stored| stored.log_stats(self.uptime.get()).needs_checkpoint)
        };
        is_free(host) || (!self.armed.get() && !needs())
    }

    fn wait_for_last(&self, host: &TestHost) {
        if !self.may_wait(host) {
            return;
        }
        // Out of the list while it waits: other work that comes between may look at that.
        let Some(mut batch) = host.batches.borrow_mut().pop() else { return };
        let was_busy = host.busy.replace(true);
        let outcome = batch.pending.wait(self.time(), Duration::ZERO);
        host.busy.set(was_busy);
        self.tell(|| format!("waits for {}: {outcome:?}", batch.sequence));
        let mut batches = host.batches.borrow_mut();
        batches.push(batch);
        batches.sort_by_key(|batch| batch.sequence);
    }

    fn drive(&self) {
        let is_inside = self.hosts.iter().any(|host| !is_free(host));
        let mut uptime = self.uptime.get() + Duration::from_millis(self.random.below(1500));
        let next_look = self.looked.get().map_or(Duration::ZERO, |looked| looked + LOOK);
        if is_inside {
            uptime = uptime.min(next_look.saturating_sub(Duration::from_millis(1)));
            if self.driving.get() || next_look.is_zero() || uptime < self.uptime.get() {
                return;
            }
        } else if uptime >= next_look {
            self.looked.set(Some(uptime));
        }
        self.uptime.set(uptime);
        let budget = Budget { jobs_max: usize::try_from(1 + self.random.below(8)).unwrap() };
        let was_busy = self.all_busy();
        self.tell(|| format!("run_due at {uptime:?}"));
        self.driving.set(!is_inside);
        self.engine.run_due(self.time(), budget, &Inline);
        self.driving.set(is_inside && self.driving.get());
        self.give_back(&was_busy);
    }

    pub(super) fn all_busy(&self) -> Vec<bool> {
        self.hosts.iter().map(|host| host.busy.replace(true)).collect()
    }

    pub(super) fn give_back(&self, was_busy: &[bool]) {
        for (host, was) in self.hosts.iter().zip(was_busy) {
            host.busy.set(*was);
        }
    }

    /// What a host has in memory now.
    pub(super) fn memory(&self, host: &TestHost) -> Values {
        let mut values = Values::new();
        if let Some(stored) = self.stored(host) {
            match stored.read(|tree| runs(tree, self.engine.catalogue())) {
                Ok(runs) => add_values(&mut values, host.index, &runs),
                Err(text) => self.violate(&text),
            }
        }
        values
    }

    pub(super) fn checkpoint(&self, host: &TestHost) {
        let Some(stored) = self.stored(host).filter(|_| is_free(host)) else { return };
        let before = self.memory(host);
        let was_idle = stored.is_idle();
        host.busy.set(true);
        self.tell(|| format!("{} at {}: checkpoint", host.index, self.now.get()));
        let outcome = stored.checkpoint(self.time());
        host.busy.set(false);
        self.tell(|| format!("{}: checkpoint over, {outcome:?}", host.index));
        match outcome {
            Ok(done) if !was_idle => {
                if done.hosts != 1 {
                    self.violate(&format!("a checkpoint of a dirty host did {done:?}"));
                }
                self.truth.borrow_mut().promise_power_loss(&before);
                if self.random.one_in(3) {
                    self.check_second_checkpoint(host, &stored);
                }
            }
            Err(error) if self.past.faults == Faults::No => {
                self.violate(&format!("a checkpoint fails on a disk that is well: {error}"));
            }
            Ok(_) | Err(_) => {}
        }
    }

    fn free(&self) {
        let retention = self.past.config.retention.unwrap_or(5000);
        let before = self.now.get() - retention / self.random.pick(&[1, 2, 4, 40]);
        let chosen: Vec<_> =
            self.hosts.iter().filter(|host| is_free(host) && !self.random.one_in(4)).collect();
        let branches: Vec<Branch> = chosen
            .iter()
            .map(|host| {
                let (cluster, name) = HOSTS[host.index];
                let mut branch = vec![cluster.to_owned(), name.to_owned()];
                if self.random.one_in(3) {
                    branch.extend(SERIES[3].1.iter().map(|name| (*name).to_owned()));
                }
                branch
            })
            .collect();
        if chosen.is_empty() {
            return;
        }
        let memories: Vec<_> = chosen.iter().map(|host| self.memory(host)).collect();
        self.tell(|| format!("at {}: free {branches:?} before {before}", self.now.get()));
        let freed = while_busy(&chosen, || {
            self.engine.free(before, &branches, &|_, _| false, self.time(), &Inline)
        });
        self.tell(|| format!("{freed:?}"));
        for (host, memory) in chosen.iter().zip(&memories) {
            let after = self.memory(host);
            if let Some(key) = memory.keys().find(|key| key.2 >= before && !after.contains_key(key))
            {
                self.violate(&format!("freed what is not older than {before}: {key:?}"));
            }
            host.freed_before.set(host.freed_before.get().max(before));
        }
    }

    fn delete(&self) {
        let before = self.oldest();
        if before == i64::MIN {
            return;
        }
        let chosen: Vec<_> = self.hosts.iter().filter(|host| is_free(host)).collect();
        let is_kept = |cluster: &str, name: &str| {
            !chosen.iter().any(|host| HOSTS[host.index] == (cluster, name))
        };
        for host in &chosen {
            let mut truth = self.truth.borrow_mut();
            let mark = truth.deleted_before.entry(host.index).or_insert(i64::MIN);
            *mark = before.max(*mark);
        }
        self.tell(|| format!("at {}: delete before {before}", self.now.get()));
        let deleted = while_busy(&chosen, || self.engine.delete(before, &is_kept, &Inline));
        self.tell(|| format!("{deleted:?}"));
    }

    fn close(&self) {
        if self.closed.replace(true) {
            return;
        }
        let memories: Vec<_> = self.hosts.iter().map(|host| self.memory(host)).collect();
        let was_idle: Vec<_> = self
            .hosts
            .iter()
            .map(|host| self.stored(host).is_none_or(|stored| stored.is_idle()))
            .collect();
        let was_busy = self.all_busy();
        self.tell(|| "close".into());
        let done = self.engine.close(self.time(), &Inline, None);
        self.give_back(&was_busy);
        self.tell(|| format!("{done:?}"));
        for ((host, memory), was_idle) in self.hosts.iter().zip(&memories).zip(was_idle) {
            let directory = format!("{}/{}", HOSTS[host.index].0, HOSTS[host.index].1);
            let is_saved = done.failed.iter().all(|(failed, _)| *failed != directory);
            if is_saved {
                self.truth.borrow_mut().promise_kill(memory);
            }
            let segment = self.disk.files().into_iter().find(|path| {
                path.starts_with(&directory)
                    && path.rsplit_once('.').is_some_and(|(_, kind)| kind == "wal")
            });
            // An idle host is not touched, whatever a crash has left there.
            let must_go = is_saved && !was_idle && self.past.faults == Faults::No;
            if let Some(segment) = segment.filter(|_| must_go) {
                self.violate(&format!("{segment} is left after a clean end"));
            }
        }
        if self.engine.close(self.time(), &Inline, None).hosts > 0 {
            self.violate("a second close does something");
        }
    }

    // ---- what the disk does ----

    fn break_something(&self) {
        let kinds = [
            Kind::Append,
            Kind::Append,
            Kind::Sync,
            Kind::Sync,
            Kind::SyncDirectory,
            Kind::SyncDirectory,
            Kind::Create,
            Kind::Rename,
            Kind::Rename,
            Kind::Remove,
            Kind::MakeDirectory,
            Kind::Open,
            Kind::List,
            Kind::Read,
        ];
        let length = usize::try_from(self.random.below(200)).unwrap();
        let failure = *self.random.pick(&[
            Failure::Error(Io),
            Failure::Error(NoSpace),
            Failure::Error(Interrupted),
            Failure::Error(TooManyFiles),
            Failure::Error(Denied),
            Failure::ErrorAfter(Io),
            Failure::Short(length),
            Failure::Partial(length, NoSpace),
            Failure::Partial(length, Io),
        ]);
        match self.random.below(14) {
            0 => self.disk.limit_space(self.random.below(600)),
            1 | 2 => self.disk.lift_space_limit(),
            3..7 => {
                self.disk.clear_faults();
                self.armed.set(false);
            }
            _ => {
                let kind = *self.random.pick(&kinds);
                self.tell(|| format!("the next {kind:?}: {failure:?}"));
                self.disk.inject(Fault::new(failure).on(kind).skip(self.random.below(3)));
                self.armed.set(true);
            }
        }
    }
}

fn is_free(host: &TestHost) -> bool {
    !host.busy.get()
}

/// A host that has left the store and comes back has a log of its own again.
fn adopt(host: &TestHost, stored: &Stored) {
    let mut before = host.stored.borrow_mut();
    if before.as_ref().is_none_or(|before| !std::sync::Arc::ptr_eq(before, stored)) {
        *before = Some(stored.clone());
        host.sequence.set(0);
        host.batches.borrow_mut().clear();
        host.found.borrow_mut().take();
    }
}

fn while_busy<R>(hosts: &[&TestHost], work: impl FnOnce() -> R) -> R {
    for host in hosts {
        host.busy.set(true);
    }
    let result = work();
    for host in hosts {
        host.busy.set(false);
    }
    result
}
