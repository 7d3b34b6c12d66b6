//! The process: an engine that is opened, driven, closed, killed, or loses its power, and what is
//! promised of what it has taken.

use std::num::NonZeroU32;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use checkpointer::archive::Archive;
use checkpointer::disk::Disk;
use checkpointer::disk::sim::{Crash, SimDisk};
use checkpointer::log::{Inline, SyncMode};
use checkpointer::memstore::{Aggregation, Catalogue};
use checkpointer::{Config, Engine, Marks, Now, Start, Thresholds, Trouble};

use super::model::{ADDED, Acknowledged, Batch, Found, HostModel, SERIES, START, Sent};
use super::plan::{Plan, Random};
use crate::archive::below::Below;

/// How many seconds ahead of the clock a sample may be.
pub(super) const AHEAD: i64 = 3600;

/// A log that has more than this, that no snapshot covers, is covered at once.
pub(super) const LOG_BYTES: u64 = 48 << 10;

/// The disk has been well for so many seconds: whatever is due in seconds is done.
const SOON: u64 = 200;

/// Every host had its turn of checkpoints.
pub(super) const ALL_TURNS: u64 = 2 * 3600 + SOON;

/// Where what is too old goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cleanup {
    Delete,
    Archive,
}

pub(super) struct Soak {
    pub(super) plan: Plan,
    pub(super) cleanup: Cleanup,
    pub(super) random: Random,
    pub(super) disk: SimDisk,
    pub(super) engine: Arc<Engine<Below>>,
    pub(super) archive: Archive<Below>,
    pub(super) mode: SyncMode,
    pub(super) hosts: Vec<HostModel>,
    pub(super) minute: i64,
    /// How many seconds the wall clock is wrong, and until when.
    pub(super) clock_off: (i64, i64),
    pub(super) uptime: Duration,
    pub(super) opened_at: u64,
    pub(super) has_added_metric: bool,
    pub(super) full_until: i64,
    /// For as long a fault may wait for its operation.
    pub(super) faults_until: i64,
    /// How many processes have come to their end since the disk was well.
    pub(super) ended_unwell: u64,
    /// When the disk has last refused something, or may have.
    pub(super) unwell_at: u64,
    /// Since then operations fail, for the process is dead, and dies in this way.
    pub(super) dying: Option<Crash>,
    pub(super) newest: Option<i64>,
    /// What waits for the promise to survive a kill, and a power loss.
    pub(super) waits_for_kill: Vec<Batch>,
    pub(super) waits_for_power: Vec<Batch>,
    /// Temporary files, and when they were seen first.
    pub(super) temporaries: std::collections::BTreeMap<String, u64>,
    pub(super) story: Vec<String>,
}

/// The one place that decides about the engine.
fn config(plan: &Plan, mode: SyncMode) -> Config {
    let mut config = Config {
        retention: Some(plan.retention_seconds()),
        max_future: Some(AHEAD),
        checkpoint_interval: Some(Duration::from_hours(1)),
        thresholds: Thresholds {
            passive: Some(LOG_BYTES),
            restart: Some(4 * LOG_BYTES),
            total: None,
        },
        ..Config::default()
    };
    config.log.sync = mode;
    config.log.buffer_bytes_host = 256 << 10;
    config
}

pub(super) fn catalogue(has_added_metric: bool) -> Catalogue {
    let catalogue = Catalogue::new();
    SERIES.iter().filter(|series| has_added_metric || series.0 != ADDED).for_each(|series| {
        add(&catalogue, series.0);
    });
    catalogue
}

pub(super) fn add(catalogue: &Catalogue, metric: &str) {
    let series = SERIES.iter().find(|series| series.0 == metric).unwrap();
    let frequency = NonZeroU32::new(u32::try_from(series.2).unwrap()).unwrap();
    catalogue.add(metric.as_bytes(), frequency, Aggregation::Sum);
}

pub(super) fn below(disk: &SimDisk, directory: &'static str) -> Below {
    Below { disk: disk.clone(), directory }
}

fn archive_of(disk: &SimDisk) -> Archive<Below> {
    Archive::new(below(disk, "own"), below(disk, "archive"), "/archive")
}

impl Soak {
    pub(super) fn new(plan: Plan) -> Result<Self, String> {
        let disk = SimDisk::new(plan.seed);
        for directory in ["data", "own", "archive"] {
            disk.make_directory(directory).unwrap();
        }
        disk.sync_directory("").unwrap();
        let random = Random::new(plan.seed);
        let slots = usize::try_from(plan.minutes() + 60).unwrap();
        let hosts = (0..plan.hosts).map(|index| HostModel::new(index, slots, 0)).collect();
        let now = Now { unix: START, uptime: Duration::ZERO };
        let config = config(&plan, SyncMode::Flush);
        let start = Start::at(now);
        let engine = Engine::open(below(&disk, "data"), catalogue(false), config, &start);
        let (engine, _) = engine.map_err(|error| error.to_string())?;
        let cleanup = if plan.seed.is_multiple_of(2) { Cleanup::Archive } else { Cleanup::Delete };
        Ok(Self {
            plan,
            cleanup,
            random,
            archive: archive_of(&disk),
            disk,
            engine,
            mode: SyncMode::Flush,
            hosts,
            minute: 0,
            clock_off: (0, 0),
            uptime: Duration::ZERO,
            opened_at: 0,
            has_added_metric: false,
            full_until: 0,
            faults_until: 0,
            ended_unwell: 0,
            unwell_at: 0,
            dying: None,
            newest: None,
            waits_for_kill: Vec::new(),
            waits_for_power: Vec::new(),
            temporaries: std::collections::BTreeMap::new(),
            story: Vec::new(),
        })
    }

    // ---- time ----

    /// The time that it is.
    pub(super) fn time(&self) -> i64 {
        START + 60 * (self.minute + 1)
    }

    /// The time that the engine is told.
    pub(super) fn now(&self) -> Now {
        Now { unix: self.time() + self.clock_off.0, uptime: self.uptime }
    }

    pub(super) fn seconds(&self) -> u64 {
        self.uptime.as_secs()
    }

    /// What is older is outside the retention, for a clock and a newest sample.
    pub(super) fn oldest(&self) -> i64 {
        let retention = self.plan.retention_seconds();
        let most = self.newest.map_or(i64::MAX, |newest| newest + AHEAD + retention / 2);
        self.now().unix.min(most) - retention
    }

    /// For how many seconds nothing has gone wrong.
    pub(super) fn well_for(&self) -> u64 {
        let is_unwell = self.dying.is_some()
            || self.minute < self.full_until
            || self.minute < self.faults_until;
        if is_unwell {
            0
        } else {
            self.seconds().saturating_sub(self.unwell_at.max(self.opened_at))
        }
    }

    pub(super) fn is_kept(&self) -> impl Fn(&str, &str) -> bool + Sync + use<> {
        let kept: Vec<_> = self.hosts.iter().filter(|host| host.kept_until > self.minute).collect();
        let kept: Vec<_> = kept.iter().map(|host| (host.cluster, host.name.clone())).collect();
        move |cluster, name| kept.iter().any(|kept| (kept.0, &*kept.1) == (cluster, name))
    }

    pub(super) fn tell(&mut self, what: impl Into<String>) {
        let (day, hour, minute) =
            (self.minute / 1440, self.minute / 60 % 24, self.minute.rem_euclid(60));
        self.story.push(format!("day {day} {hour:02}:{minute:02} {}", what.into()));
    }

    // ---- promises ----

    /// By the clock, as the mode says: what is written at once, what is synced soon after, what is in a
    /// snapshot when every host had its turn.
    pub(super) fn promise(&mut self) {
        let (now, well_for) = (self.seconds(), self.well_for());
        if well_for > SOON {
            self.ended_unwell = 0;
        }
        let age = |batch: &Batch| (now - batch.at).min(well_for);
        let mode = self.mode;
        let survives_kill = |batch: &Batch| match (batch.kind, mode) {
            (Acknowledged::Yes, SyncMode::None) => age(batch) >= SOON,
            (Acknowledged::Yes | Acknowledged::Found, _) => true,
            (Acknowledged::No, _) => age(batch) >= ALL_TURNS,
        };
        let survives_power_loss = |batch: &Batch| match (batch.kind, mode) {
            (Acknowledged::Yes, SyncMode::Always) => true,
            (Acknowledged::Yes, SyncMode::Flush) | (Acknowledged::Found, _) => age(batch) >= SOON,
            (Acknowledged::Yes, SyncMode::None) | (Acknowledged::No, _) => age(batch) >= ALL_TURNS,
        };
        for batch in self.waits_for_kill.extract_if(.., |batch| survives_kill(batch)) {
            for &Sent { host, series, slot, version } in &*batch.sent {
                let slot = &mut self.hosts[host].series[series][slot];
                slot.kill = slot.kill.max(version);
            }
        }
        for batch in self.waits_for_power.extract_if(.., |batch| survives_power_loss(batch)) {
            for &Sent { host, series, slot, version } in &*batch.sent {
                let slot = &mut self.hosts[host].series[series][slot];
                (slot.kill, slot.power) = (slot.kill.max(version), slot.power.max(version));
            }
        }
    }

    // ---- the end of a process, and the next ----

    pub(super) fn restart(&mut self) -> Result<(), String> {
        let done = self.engine.close(self.now(), &Inline, None);
        if done.failed.is_empty() {
            self.hosts.iter_mut().for_each(HostModel::promise_all);
        } else if self.well_for() > 0 {
            return Err(format!("close: {:?}", done.failed));
        }
        self.tell("closed");
        self.end(Crash::Kill)
    }

    /// The process ends like this, and the next one starts.
    pub(super) fn end(&mut self, crash: Crash) -> Result<(), String> {
        self.promise();
        self.tell(format!("{crash:?}, {:?}", self.mode));
        (self.dying, self.faults_until) = (None, 0);
        self.ended_unwell += 1;
        let found_on = self.disk.crash(crash, self.random.next());
        let found = self.check_disk(&found_on, crash, |_| true)?;
        let marks = self.marks_on(&found_on)?;
        self.adopt(&found, crash, &marks);
        self.disk = found_on;
        self.archive = archive_of(&self.disk);
        self.temporaries.clear();
        if self.minute < self.full_until {
            self.disk.limit_space(2000);
        }
        self.open(&found)
    }

    /// What was found is what there is.
    fn adopt(&mut self, found: &[Found], crash: Crash, marks: &Marks) {
        let (at, kind) = (self.seconds(), Acknowledged::Found);
        let mut unsure = Vec::new();
        for host in &mut self.hosts {
            let index = host.index;
            let mark = marks.of(host.cluster, &host.name);
            let times: Vec<_> = (0..SERIES.len())
                .map(|series| host.first_from(series, host.mark)..host.first_from(series, mark))
                .collect();
            for (series, slots) in host.series.iter_mut().enumerate() {
                for (slot, is) in slots.iter_mut().enumerate() {
                    let version = found[index][series][slot];
                    if times[series].contains(&slot) {
                        // Archived by the process that has ended, and perhaps deleted already.
                        is.held = if crash == Crash::Kill { is.kill } else { is.power };
                        continue;
                    }
                    (is.latest, is.held, is.kill) = (version, version, version);
                    is.power = if crash == Crash::Kill { is.power.min(version) } else { version };
                    if is.power < version {
                        unsure.push(Sent { host: index, series, slot, version });
                    }
                }
            }
        }
        self.waits_for_kill.clear();
        self.waits_for_power = vec![Batch { sent: Rc::from(unsure), at, kind }];
        let times = self.hosts.iter().flat_map(|host| {
            let found = &found[host.index];
            found.iter().enumerate().filter_map(|(series, versions)| {
                let last = versions.iter().rposition(|version| *version > 0)?;
                Some(host.time(series, last))
            })
        });
        self.newest = times.max();
    }

    fn open(&mut self, found: &[Found]) -> Result<(), String> {
        let modes = [SyncMode::Flush, SyncMode::Flush, SyncMode::Always, SyncMode::None];
        self.mode = modes[self.random.below(modes.len())];
        self.opened_at = self.seconds();
        let is_kept = self.is_kept();
        let start = Start { is_kept: &is_kept, ..Start::at(self.now()) };
        let (data, config) = (below(&self.disk, "data"), config(&self.plan, self.mode));
        let catalogue = catalogue(self.has_added_metric);
        let marks = || self.archive.marks();
        let opened = Engine::open_with(data, catalogue, config, &start, marks);
        let (engine, report) = opened.map_err(|error| format!("start: {error:?}"))?;
        let is_of_crash = |trouble: &Trouble| {
            matches!(
                trouble,
                Trouble::Torn { .. } | Trouble::Damaged { .. } | Trouble::NotALog { .. }
            )
        };
        let problems = report.problems.listed();
        if let Some(bad) = problems.iter().find(|problem| !is_of_crash(&problem.trouble)) {
            return Err(format!("start: {bad}"));
        }
        self.engine = engine;
        self.adopt_marks()?;
        let oldest = self.oldest();
        for host in &mut self.hosts {
            let is_kept = is_kept(host.cluster, &host.name);
            host.freed_before = if is_kept { i64::MIN } else { oldest };
        }
        self.check_loaded(found)
    }
}
