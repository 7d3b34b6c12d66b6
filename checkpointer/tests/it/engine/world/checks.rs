//! What must hold: at every operation, after every crash, and when the disk is well again.

use std::collections::BTreeMap;
use std::time::Duration;

use checkpointer::disk::sim::{Crash, Kind, SimDisk};
use checkpointer::log::{Budget, Inline, SyncMode};

use super::start::check_problems;
use super::{Faults, Stored, TestHost, World};
use crate::engine::files::check_files;
use crate::engine::seen::{Dump, HOSTS, Key};

impl World {
    pub(crate) fn violate(&self, text: &str) {
        let mut violation = self.violation.borrow_mut();
        if violation.is_none() {
            *violation = Some(format!("{text}\n{}", self.history()));
        }
    }

    /// What was done last, and what the disk was asked for.
    fn history(&self) -> String {
        let operations = self.disk.trace().into_iter().filter(|one| one.kind.changes());
        let lines: Vec<_> = operations
            .map(|one| format!("{:?} {} {}\n", one.kind, one.path, one.to.unwrap_or_default()))
            .collect();
        let story = self.story.borrow();
        let story = story[story.len().saturating_sub(60)..].join("\n");
        format!("{story}\n--\n{}", lines[lines.len().saturating_sub(50)..].concat())
    }

    /// The promises of the table: what survives kill -9, what survives a power loss.
    pub(super) fn note_promises(&self) {
        let mode = self.past.config.log.sync;
        for host in &self.hosts {
            let Some(stored) = host.stored.borrow().clone() else { continue };
            let stats = stored.log_stats(self.uptime.get());
            let (written, synced) = (stats.written.get(), stats.synced.get());
            let mut truth = self.truth.borrow_mut();
            let mut batches = host.batches.borrow_mut();
            for batch in batches.iter() {
                let is_acknowledged = mode != SyncMode::None && batch.pending.is_acknowledged();
                if is_acknowledged || written >= batch.sequence {
                    truth.promise_kill(&batch.slots);
                }
                if (is_acknowledged && mode == SyncMode::Always) || synced >= batch.sequence {
                    truth.promise_power_loss(&batch.slots);
                }
            }
            batches.retain(|batch| synced < batch.sequence);
            if stats.found_synced
                && !self.past.sync_failed
                && let Some(found) = host.found.borrow_mut().take()
            {
                truth.promise_power_loss(&found);
            }
        }
    }

    pub(super) fn check_crashes(&self) {
        for crash in Crash::ALL {
            // Few states of many histories: the search finds more than in many states of few.
            if self.random.one_in(if crash == Crash::Kill { 3 } else { 9 }) {
                let found = self.disk.crash(crash, self.random.next());
                self.states.set(self.states.get() + 1);
                let checked = self.check_found(&found, crash).and_then(|()| {
                    if self.random.one_in(16) { self.check_start(&found, crash) } else { Ok(()) }
                });
                if let Err(text) = checked {
                    self.violate(&format!("after {crash:?}: {text}"));
                    return;
                }
            }
        }
    }

    /// A crash has left this disk.
    pub(super) fn check_found(&self, disk: &SimDisk, crash: Crash) -> Result<(), String> {
        check_files(disk)?;
        let dump = Dump::of(disk.clone(), &self.past.frequencies, i64::MIN)?;
        let power_lost = self.past.power_lost || crash != Crash::Kill;
        check_problems(&dump.problems, power_lost)?;
        let found = dump.values();
        let truth = self.truth.borrow();
        truth.check_not_invented(&found)?;
        truth.check_kept(truth.promised(crash), &found)
    }

    /// Names of snapshots ascend, from those that the start has found, and none is used twice.
    pub(super) fn check_names(&self) -> Result<(), String> {
        let mut last = BTreeMap::new();
        for operation in self.disk.trace() {
            let to = operation.to.filter(|_| operation.kind == Kind::Rename).unwrap_or_default();
            let Some((directory, number, kind @ ("bin" | "late"))) = numbered(&to) else {
                continue;
            };
            let found = self.found_names.get(directory).copied().unwrap_or(i64::MIN);
            let before = last.insert((directory.to_owned(), kind.to_owned()), number);
            // An interrupted rename is asked for again.
            let is_again = before == Some(number) && self.past.faults == Faults::Yes;
            if number <= found || before.is_some_and(|before| number <= before) && !is_again {
                return Err(format!("{to} after {before:?}, and {found} at the start"));
            }
        }
        Ok(())
    }

    // ---- idleness ----

    /// Two checkpoints in a row: the second does nothing.
    pub(super) fn check_second_checkpoint(&self, host: &TestHost, stored: &Stored) {
        self.still.set(true);
        let was_busy = host.busy.replace(true);
        let first = stored.checkpoint(self.time());
        if first.is_ok() {
            let before = self.disk.operations();
            let second = stored.checkpoint(self.time());
            let is_idle = second.is_ok_and(|done| done.idle == 1 && done.files == 0);
            if !is_idle || self.disk.operations() != before {
                self.violate("the second of two checkpoints does something");
            }
        }
        host.busy.set(was_busy);
        self.still.set(false);
    }

    /// The disk is well again: everything becomes durable, then nothing more is done, and what is old
    /// goes without leaving anything behind.
    pub(crate) fn quiet(&self) -> Result<(), String> {
        if self.closed.get() {
            return Ok(());
        }
        self.still.set(true);
        self.disk.clear_faults();
        self.disk.lift_space_limit();
        // A snapshot that a killed process had renamed, and not made durable, is made so by the next
        // checkpoint of its host; an idle one is not touched.
        for host in &self.hosts {
            if let Some(series) = host.series.iter().position(Option::is_some) {
                self.next_value.set(self.next_value.get() + 1);
                self.write_samples(host, &[(series, self.now.get(), self.next_value.get())]);
            }
        }
        let all = self.engine.all();
        let done = self.engine.checkpoint(&all, self.time(), &Inline, None);
        if !done.failed.is_empty() {
            return Err(format!("does not heal: {done:?}"));
        }
        for host in &self.hosts {
            for batch in host.batches.borrow_mut().iter_mut() {
                if let Err(error) = batch.pending.wait(self.time(), Duration::ZERO) {
                    return Err(format!("host {}: never acknowledged: {error}", host.index));
                }
            }
        }
        self.note_promises();
        self.check_idle()?;
        self.check_memory_is_durable()?;
        self.check_nothing_stays()
    }

    fn check_idle(&self) -> Result<(), String> {
        for round in 0..6 {
            if round == 3 {
                self.disk.start_trace(); // What was found at the start is synced by now.
            }
            self.uptime.set(self.uptime.get() + Duration::from_secs(20));
            self.engine.run_due(self.time(), Budget { jobs_max: 100 }, &Inline);
            self.engine.checkpoint(&self.engine.all(), self.time(), &Inline, None);
        }
        match self.disk.trace().first() {
            Some(operation) => Err(format!("idle, and yet {operation:?}")),
            None => Ok(()),
        }
    }

    /// What is in memory and was not freed is what the files hold, and survives any crash.
    fn check_memory_is_durable(&self) -> Result<(), String> {
        for crash in Crash::ALL {
            let disk = self.disk.crash(crash, self.random.next());
            let found = Dump::of(disk, &self.past.frequencies, i64::MIN)?.values();
            for host in &self.hosts {
                let memory = self.memory(host);
                let deleted = self.truth.borrow().deleted_before.get(&host.index).copied();
                let limit = host.freed_before.get().max(deleted.unwrap_or(i64::MIN));
                for (key, value) in memory.iter().filter(|(key, _)| key.2 >= limit) {
                    if found.get(key) != Some(value) {
                        let files = found.get(key);
                        return Err(format!(
                            "after {crash:?}: {key:?} is {value} in memory, {files:?} in files"
                        ));
                    }
                }
                // A power loss can bring back what was never acknowledged: a segment that was removed
                // with part of a batch in it.
                let is_own = |key: &Key| key.0 == host.index && key.2 >= limit;
                let is_exact = crash == Crash::Kill;
                for (key, value) in found.iter().filter(|(key, _)| is_exact && is_own(key)) {
                    if memory.get(key) != Some(value) {
                        let memory = memory.get(key);
                        return Err(format!(
                            "after {crash:?}: {key:?} is {value} in files, {memory:?} in memory"
                        ));
                    }
                }
            }
        }
        Ok(())
    }

    /// Everything is freed and deleted: nothing stays but empty directories.
    fn check_nothing_stays(&self) -> Result<(), String> {
        if self.random.one_in(2) {
            return Ok(());
        }
        let end = self.newest.get().max(self.now.get()) + 10_000;
        let truth = &mut *self.truth.borrow_mut();
        for host in 0..HOSTS.len() {
            truth.deleted_before.insert(host, end);
        }
        let freed = self.engine.free(end, &[Vec::new()], &|_, _| false, self.time(), &Inline);
        let deleted = self.engine.delete(end, &|_, _| false, &Inline);
        if !freed.checkpoint.failed.is_empty() || !deleted.failed.is_empty() {
            return Err(format!("does not heal: {freed:?}, {deleted:?}"));
        }
        let is_kept = |path: &String| {
            [".damaged", ".unknown", ".tmp"].iter().any(|ending| path.ends_with(ending))
        };
        let files = self.disk.files();
        if let Some(left) = files.iter().find(|path| !is_kept(path)) {
            return Err(format!("{left} is never deleted"));
        }
        let dump = Dump::of(self.disk.clone(), &self.past.frequencies, i64::MIN)?;
        match dump.values().first_key_value() {
            Some(value) => Err(format!("{value:?} is never deleted")),
            None => Ok(()),
        }
    }
}

/// The highest number of a name in each directory, whatever its ending.
pub(super) fn highest_names(disk: &SimDisk) -> BTreeMap<String, i64> {
    let mut highest = BTreeMap::new();
    for path in disk.files() {
        let Some((directory, number, kind)) = numbered(&path) else { continue };
        if ["bin", "late", "json"].iter().any(|snapshot| kind.starts_with(snapshot)) {
            let before = highest.entry(directory.to_owned()).or_insert(number);
            *before = number.max(*before);
        }
    }
    highest
}

/// Directory, number and ending of a path.
fn numbered(path: &str) -> Option<(&str, i64, &str)> {
    let (directory, name) = path.rsplit_once('/')?;
    let (number, kind) = name.split_once('.')?;
    Some((directory, number.parse().ok()?, kind))
}
