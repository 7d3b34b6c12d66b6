//! What must hold: at every operation, after every crash, and when the disk is well again.

use std::time::Duration;

use checkpointer::disk::sim::{Crash, SimDisk};
use checkpointer::log::{Budget, Inline, SyncMode};

use super::{Batch, TestHost, World};
use crate::log::recovered::{Slot, Tree, newest_snapshot, recover};

impl World {
    pub(super) fn index_of(&self, host: &TestHost) -> usize {
        self.hosts.iter().position(|other| std::ptr::eq(host, other)).unwrap()
    }

    pub(super) fn violate(&self, text: &str) {
        let mut violation = self.violation.borrow_mut();
        if violation.is_none() {
            *violation = Some(format!("{text}\n{}", self.trace()));
        }
    }

    /// What the disk was asked for last.
    pub(super) fn trace(&self) -> String {
        let operations = self.disk.trace().into_iter().filter(|one| one.kind.changes());
        let lines: Vec<_> =
            operations.map(|one| format!("{:?} {}\n", one.kind, one.path)).collect();
        lines[lines.len().saturating_sub(40)..].concat()
    }

    pub(super) fn check_bounds(&self, host: &TestHost) {
        let (all, one) = (self.logs.stats().buffered, host.log.stats(self.now.get()).buffered);
        if all > self.config.buffer_bytes_total || one > self.config.buffer_bytes_host {
            self.violate(&format!("{all} bytes wait, {one} of them of {}", host.directory));
        }
    }

    /// The promises of the table: what survives kill -9, what survives a power loss.
    pub(super) fn note_promises(&self) {
        let mut truth = self.truth.borrow_mut();
        for (host, truth) in self.hosts.iter().zip(truth.iter_mut()) {
            let stats = host.log.stats(self.now.get());
            let always = self.config.sync == SyncMode::Always;
            let promises = self.config.sync != SyncMode::None;
            let mut batches = host.batches.borrow_mut();
            for Batch { ticket, slots, number } in batches.iter() {
                let acknowledged = promises && ticket.is_acknowledged();
                let synced = stats.synced >= ticket.sequence();
                if acknowledged || synced || stats.written >= ticket.sequence() {
                    promise(&mut truth.survives_kill, slots, *number);
                }
                if (acknowledged && always) || synced {
                    promise(&mut truth.survives_power_loss, slots, *number);
                }
            }
            batches.retain(|batch| stats.synced < batch.ticket.sequence());
            let settled = stats.found_synced && !host.found_promised.replace(stats.found_synced);
            if settled && !self.history.faulty_kill {
                for (slot, batch) in &host.found {
                    promise(&mut truth.survives_power_loss, &[*slot], *batch);
                }
            }
        }
        drop(truth);
        let stats = self.logs.stats();
        self.sync_failed.set(self.sync_failed.get() || stats.sync_failures > 0);
        let failures = stats.write_failures + stats.sync_failures;
        if !self.faults.are_failures() && failures > 0 {
            self.violate(&format!("{failures} failures, but the disk has not failed"));
        }
        if stats.open_files_peak > self.config.open_files_max {
            self.violate(&format!("{} open files", stats.open_files_peak));
        }
        if !self.sync_failed.get() {
            self.check_closed();
        }
    }

    /// No file is closed unsynced, unless it is covered.
    pub(super) fn check_closed(&self) {
        for path in self.disk.closed_unsynced() {
            let Some(segment) = path.strip_suffix(".wal") else { continue };
            let (directory, number) = segment.rsplit_once('/').unwrap();
            let covered = newest_snapshot(&self.disk, directory).map_or(0, |(covered, _)| covered);
            if number.parse::<u64>().unwrap() > covered {
                self.violate(&format!("{path} was closed unsynced"));
            }
        }
    }

    pub(crate) fn check_crashes(&self) {
        for crash in Crash::ALL {
            if crash == Crash::Kill || self.random.one_in(3) {
                let found = self.disk.crash(crash, self.random.next());
                self.states.set(self.states.get() + 1);
                if let Err(text) = self.check_found(&found, crash) {
                    self.violate(&format!("after {crash:?}: {text}"));
                }
            }
        }
    }

    pub(super) fn check_found(&self, disk: &SimDisk, crash: Crash) -> Result<(), String> {
        for (host, truth) in self.hosts.iter().zip(self.truth.borrow().iter()) {
            let directory = host.directory;
            let recovered = recover(disk, directory)?;
            for (slot, batch) in &recovered.tree {
                if !truth.written.get(slot).is_some_and(|written| written.contains(batch)) {
                    return Err(format!("{directory}: {batch} at {slot:?} is invented"));
                }
            }
            let promised = match crash {
                Crash::Kill => &truth.survives_kill,
                Crash::PowerLoss(..) => &truth.survives_power_loss,
            };
            for (slot, batch) in promised {
                match recovered.tree.get(slot) {
                    Some(found) if found >= batch => {}
                    found => {
                        return Err(format!("{directory}: {slot:?} has {found:?}, not {batch}"));
                    }
                }
            }
            let whole = crash == Crash::Kill && !self.history.power_lost;
            if recovered.damaged && whole {
                return Err(format!("{directory}: damaged without a power loss"));
            }
            if !self.faults.are_failures() && !recovered.batches.is_sorted() {
                return Err(format!("{directory}: out of order: {:?}", recovered.batches));
            }
        }
        Ok(())
    }

    /// The disk is well again: everything becomes durable, and then nothing more is done.
    pub(crate) fn heal(&self) {
        self.disk.clear_faults();
        self.disk.lift_space_limit();
        for _ in 0..4 {
            self.now.set(self.now.get() + Duration::from_secs(20));
            self.logs.run_due(self.now.get(), Budget { jobs_max: 100 }, &Inline);
            for host in &self.hosts {
                if host.log.stats(self.now.get()).needs_checkpoint {
                    self.checkpoint(host);
                }
                for batch in host.batches.borrow_mut().iter_mut() {
                    let _ = batch.ticket.wait(Duration::ZERO);
                }
            }
        }
        for host in &self.hosts {
            if let Err(error) = host.log.close(self.now.get(), Duration::ZERO) {
                self.violate(&format!("{} does not heal: {error}", host.directory));
            }
        }
        self.note_promises();
        for host in self.hosts.iter().filter(|host| !host.batches.borrow().is_empty()) {
            self.violate(&format!("{}: never acknowledged", host.directory));
        }
        self.check_crashes();
        self.check_idle();
    }

    pub(super) fn check_idle(&self) {
        self.disk.start_trace();
        for _ in 0..3 {
            self.now.set(self.now.get() + Duration::from_secs(20));
            self.logs.run_due(self.now.get(), Budget { jobs_max: 100 }, &Inline);
            for host in &self.hosts {
                drop(host.log.drain(self.now.get(), Duration::ZERO));
            }
        }
        if let Some(operation) = self.disk.trace().first() {
            self.violate(&format!("idle, and yet {operation:?}"));
        }
    }
}

fn promise(promised: &mut Tree, slots: &[Slot], batch: u32) {
    for slot in slots {
        let at_least = promised.entry(*slot).or_insert(batch);
        *at_least = batch.max(*at_least);
    }
}
