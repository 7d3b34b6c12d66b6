//! What a server does by itself: what is due every second, and what keeps memory and files few.

use std::time::Duration;

use checkpointer::archive::Run;
use checkpointer::disk::sim::{Cause, Crash, Failure, Fault, Kind};
use checkpointer::log::{Budget, Inline};
use checkpointer::{Branch, MergeLimits, memstore};

use super::model::HostModel;
use super::plan::{Event, HOUR};
use super::process::{Cleanup, Soak, add};

pub(super) const FILES_PER_DAY_MAX: usize = 6;

/// A host whose series come to their end for so many minutes continues none of them.
const GONE: i64 = 9 * HOUR;

impl Soak {
    /// The rest of the minute passes.
    pub(super) fn drive(&mut self) {
        for milliseconds in [500, 1_500, 28_000, 30_000] {
            self.uptime += Duration::from_millis(milliseconds);
            self.engine.run_due(self.now(), Budget { jobs_max: 256 }, &Inline);
        }
        if self.well_for() == 0 {
            self.unwell_at = self.seconds();
        }
        self.promise();
    }

    /// Frees what is too old, and deletes or archives it.
    pub(super) fn keep(&mut self) -> Result<(), String> {
        let (now, is_kept, is_well) = (self.now(), self.is_kept(), self.well_for() > 0);
        let oldest = self.oldest();
        if (self.engine.oldest(now) - oldest).abs() > 60 && is_well {
            return Err(format!("oldest: {}, not {oldest}", self.engine.oldest(now)));
        }
        let oldest = self.engine.oldest(now);
        self.free(oldest, true)?;
        match self.cleanup {
            Cleanup::Delete => {
                let deleted = self.engine.delete(oldest, &is_kept, &Inline);
                self.expect_well("delete", &deleted.failed)?;
                for host in &mut self.hosts {
                    if !is_kept(host.cluster, &host.name) {
                        host.deleted_before = host.deleted_before.max(oldest);
                    }
                }
            }
            Cleanup::Archive => self.run_archive(oldest)?,
        }
        Ok(())
    }

    fn run_archive(&mut self, before: i64) -> Result<(), String> {
        let (is_kept, is_well) = (self.is_kept(), self.well_for() > 0);
        for host in &mut self.hosts {
            host.cut = host.cut.max(before);
        }
        let run =
            Run { now: self.now(), pool: &Inline, workers: 2, is_kept: &is_kept, progress: None };
        match self.archive.run(&self.engine, before, &run) {
            Ok(done) => {
                self.expect_well("archive", &done.problems)?;
                // A process that is dead cannot look: the next one does.
                if self.dying.is_some() { Ok(()) } else { self.adopt_marks() }
            }
            Err(error) if is_well => Err(format!("archive: {error:?}")),
            Err(_) => Ok(()),
        }
    }

    pub(super) fn merge(&mut self) -> Result<(), String> {
        let limits = MergeLimits { files_per_day_max: FILES_PER_DAY_MAX, ..MergeLimits::default() };
        let merged = self.engine.merge(&self.engine.all(), limits, self.now(), &Inline);
        self.expect_well("merge", &merged.failed)
    }

    /// Where nothing is wrong with the disk, nothing fails.
    fn expect_well(&self, what: &str, failed: &[(String, String)]) -> Result<(), String> {
        if failed.is_empty() || self.well_for() == 0 {
            Ok(())
        } else {
            Err(format!("{what}: {failed:?}"))
        }
    }

    fn free(&mut self, before: i64, respects_kept: bool) -> Result<(), String> {
        let kept = self.is_kept();
        let is_kept = |cluster: &str, name: &str| respects_kept && kept(cluster, name);
        let everything = [Branch::new()];
        let freed = self.engine.free(before, &everything, &is_kept, self.now(), &Inline);
        self.expect_well("free", &freed.checkpoint.failed)?;
        let failed = freed.checkpoint.failed;
        for host in &mut self.hosts {
            if is_kept(host.cluster, &host.name) {
                continue;
            }
            host.freed_before = host.freed_before.max(before);
            let directory = host.directory();
            if failed.iter().all(|(failed, _)| *failed != directory) && self.dying.is_none() {
                host.promise_all();
            }
        }
        if self.well_for() > 0 { self.check_freed(before, is_kept) } else { Ok(()) }
    }

    /// More is held than may be: less and less of the retention is kept.
    fn relieve(&mut self) -> Result<(), String> {
        let cap = self.memory() / 2;
        for percent in [75, 50, 25] {
            if self.memory() <= cap {
                break;
            }
            let before = self.oldest() + self.plan.retention_seconds() / 100 * (100 - percent);
            self.free(before, false)?;
        }
        self.tell(format!("memory: at most {cap} bytes, {} held", self.memory()));
        Ok(())
    }

    /// Bytes that the hosts hold.
    pub(super) fn memory(&self) -> usize {
        let hosts = self.engine.all();
        hosts.iter().map(|host| host.read(memstore::Host::memory).total()).sum()
    }

    // ---- what happens ----

    pub(super) fn happen(&mut self, event: Event) -> Result<(), String> {
        if self.dying.is_some() {
            return Ok(());
        }
        self.tell(format!("{event:?}"));
        match event {
            Event::Restart => self.restart()?,
            Event::Kill => self.end(Crash::Kill)?,
            Event::PowerLoss => self.end(self.some_crash())?,
            Event::Dies => self.die_within(12),
            Event::DiesWhileKeeping => {
                self.die_within(60);
                self.keep()?;
                self.merge()?;
            }
            Event::Metric if !self.has_added_metric => {
                self.has_added_metric = true;
                add(self.engine.catalogue(), super::model::ADDED);
            }
            Event::DiskFull => {
                self.full_until = self.minute + HOUR;
                self.disk.limit_space(self.random.next() % 3000);
                self.unwell_at = self.seconds();
            }
            Event::SyncFails => self.fail(Kind::Sync, 3),
            Event::AppendFails => self.fail(Kind::Append, 3),
            Event::RenameFails => self.fail(Kind::Rename, HOUR + 10),
            Event::ClockAhead => self.set_clock(2 * 3600),
            Event::ClockFarAhead => self.set_clock(400 * 86_400),
            Event::ClockBehind => self.set_clock(-86_400),
            Event::MemoryCap => self.relieve()?,
            _ => self.happen_to_host(event),
        }
        Ok(())
    }

    fn happen_to_host(&mut self, event: Event) {
        let (index, minute) = (self.random.below(self.hosts.len()), self.minute);
        let duration = self.random.up_to(20, 6 * HOUR);
        if event == Event::Birth {
            let slots = self.hosts[0].series[0].len();
            self.hosts.push(HostModel::new(self.hosts.len(), slots, minute));
            return;
        }
        let host = &mut self.hosts[index];
        match event {
            Event::Burst => host.bursts_until = minute + 10,
            Event::Outage if host.is_alive => host.offline_until = minute + duration,
            Event::Death => {
                host.is_alive = false;
                host.backlog.clear();
                host.offline_until = minute + GONE + duration;
            }
            Event::Job => host.kept_until = minute + duration + 12 * HOUR,
            _ => {}
        }
    }

    /// The dead come back after a while, some of them; the disk has room again, and the clock is set.
    pub(super) fn put_right(&mut self) {
        for index in 0..self.hosts.len() {
            let host = &mut self.hosts[index];
            if !host.is_alive && host.offline_until == self.minute && index.is_multiple_of(2) {
                host.begin_life(self.minute);
            }
        }
        if self.minute == self.full_until {
            self.disk.lift_space_limit();
            self.unwell_at = self.seconds();
            self.tell("the disk has room again");
        }
        if self.minute == self.faults_until {
            self.disk.clear_faults();
        }
        if self.clock_off.0 != 0 && self.minute >= self.clock_off.1 {
            self.clock_off = (0, 0);
            self.tell("the clock is right again");
        }
    }

    fn set_clock(&mut self, off: i64) {
        self.clock_off = (off, self.minute + HOUR + 20);
    }

    fn some_crash(&self) -> Crash {
        Crash::ALL[self.random.below(Crash::ALL.len())]
    }

    /// After so many more operations the process is dead.
    fn die_within(&mut self, operations: usize) {
        let more = self.random.below(operations) as u64;
        self.disk.stop_after(self.disk.operations() + more);
        self.dying = Some(self.some_crash());
        self.unwell_at = self.seconds();
    }

    /// The next such operation fails, if there is one in so many minutes.
    fn fail(&mut self, kind: Kind, minutes: i64) {
        let is_of_data = |path: &str| path.starts_with("data/");
        self.disk.inject(Fault::new(Failure::Error(Cause::Io)).on(kind).path(is_of_data));
        self.faults_until = self.minute + minutes;
    }
}
