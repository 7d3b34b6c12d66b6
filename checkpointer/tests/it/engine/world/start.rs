//! The start of a process: what it finds, and that it finds it again.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use checkpointer::disk::Disk;
use checkpointer::disk::sim::{Cause, Crash, Failure, Fault, Kind, SimDisk};
use checkpointer::{Engine, Now, Problems, Series, Start, Trouble};

use super::checks::highest_names;
use super::{Past, TestHost, World};
use crate::engine::go::{GoLevel, go_bin, go_wal};
use crate::engine::seen::{Dump, HOSTS, Run, SERIES, Values, as_value, catalogue, runs};
use crate::log::watched::Watched;
use crate::log::world::Random;

impl Past {
    /// An installation of the Go store, given to us.
    pub(crate) fn leave_go_files(&mut self, disk: &SimDisk, random: &Random) {
        leave_go_files(disk, random, self);
    }
}

fn leave_go_files(disk: &SimDisk, random: &Random, past: &mut Past) {
    let directory = "alpha/a01";
    let now = past.now;
    let numbers = |first: u32, count: u32| -> Vec<f32> {
        (first..first + count)
            .map(|number| if number % 5 == 3 { f32::NAN } else { as_value(number) })
            .collect()
    };
    let (a, b) = (numbers(1, 9), numbers(20, 6));
    let phase = i64::try_from(random.below(12)).unwrap();
    let start = now - 700 + phase;
    let socket = GoLevel { series: vec![("a", 12, start + 5, &b)], children: vec![] };
    let root = GoLevel { series: vec![("a", 12, start, &a)], children: vec![("socket0", socket)] };
    disk.plant(&format!("{directory}/{}.bin", now - 710), go_bin(now - 710, now - 580, &root));
    for (series, start, values) in [(0, start, &a), (2, start + 5, &b)] {
        for (slot, value) in values.iter().enumerate().filter(|(_, value)| !value.is_nan()) {
            let key = (0, series, start + 12 * i64::try_from(slot).unwrap());
            plant(past, key, *value);
        }
    }
    let json = format!(
        "{{\"metrics\":null,\"children\":{{\"socket0\":{{\"children\":{{\"dimm1\":{{\"metrics\":\
         {{\"c\":{{\"frequency\":60,\"start\":{},\"data\":[40,null,41]}}}}}}}}}}}},\"from\":{},\"to\":{}}}",
        now - 900,
        now - 905,
        now - 720
    );
    disk.plant(&format!("{directory}/{}.json", now - 905), json);
    for (time, value) in [(now - 900, 40.0), (now - 780, 41.0)] {
        plant(past, (0, 3, time), value);
    }
    let mut records = Vec::new();
    for index in 0..5 {
        records.push((0, now - 570 + 11 * i64::from(index), 60 + index));
        records.push((5, now - 570 + 11 * i64::from(index), 70 + index));
        records.push((1, now - 300 + 13 * i64::from(index), 80 + index));
    }
    disk.plant(&format!("{directory}/current.wal"), go_wal(&records));
    past.truth.arrived =
        records.iter().map(|&(series, time, number)| (number, (0, series, time))).collect();
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small numbers")]
fn plant(past: &mut Past, key: (usize, usize, i64), value: f32) {
    let value = value as u32;
    past.truth.written.entry(key).or_default().insert(value);
    past.truth.survives_kill.insert(key, value);
    past.truth.survives_power_loss.insert(key, value);
}

/// The runs of all hosts of an engine, by host.
pub(super) fn runs_of<D: Disk>(engine: &Engine<D>) -> Result<Vec<(usize, Vec<Run>)>, String> {
    let mut all = Vec::new();
    for (index, (cluster, name)) in HOSTS.iter().enumerate() {
        if let Some(host) = engine.get(cluster, name) {
            all.push((index, host.read(|tree| runs(tree, engine.catalogue()))?));
        }
    }
    Ok(all)
}

/// A start may complain of what a crash leaves, and of nothing else.
pub(super) fn check_problems(problems: &Problems, power_lost: bool) -> Result<(), String> {
    for problem in problems.listed() {
        let is_expected = match problem.trouble {
            Trouble::Torn { .. } | Trouble::UnknownMetrics { .. } => true,
            Trouble::Damaged { .. } | Trouble::NotALog { .. } => power_lost,
            _ => false,
        };
        if !is_expected {
            return Err(format!("a start complains of {problem}"));
        }
    }
    Ok(())
}

impl World {
    pub(crate) fn start(
        random: Random,
        mut past: Past,
        disk: SimDisk,
        mut story: Vec<String>,
    ) -> Result<Rc<Self>, String> {
        reconfigure(&random, &mut past, &mut story);
        failing_start(&random, &past, &disk)?;
        let before = Dump::of(disk.clone(), &past.frequencies, i64::MIN)?;
        let now = Now { unix: past.now, uptime: Duration::ZERO };
        let catalogue = catalogue(&past.frequencies);
        disk.start_trace();
        let found_names = highest_names(&disk);
        let opened =
            Engine::open(Watched(disk.clone()), catalogue, past.config.clone(), &Start::at(now));
        let (engine, report) = opened.map_err(|error| format!("does not open: {error}"))?;
        check_problems(&report.problems, past.power_lost)?;
        if report.offline > 0 {
            return Err("a host is offline without a reason".into());
        }
        let world = Self::new(random, past, disk, engine, story, found_names);
        world.take_found(&before)?;
        Ok(world)
    }

    fn new(
        random: Random,
        past: Past,
        disk: SimDisk,
        engine: Arc<Engine<Watched>>,
        story: Vec<String>,
        found_names: BTreeMap<String, i64>,
    ) -> Rc<Self> {
        let host = |index| TestHost {
            index,
            stored: RefCell::default(),
            sequence: Cell::default(),
            batches: RefCell::default(),
            busy: Cell::default(),
            last: RefCell::default(),
            found: RefCell::default(),
            series: SERIES
                .iter()
                .map(|(metric, path)| {
                    Series::new(engine.catalogue(), metric.as_bytes(), *path).ok()
                })
                .collect(),
            freed_before: Cell::new(i64::MIN),
        };
        Rc::new(Self {
            hosts: (0..past.hosts).map(host).collect(),
            random,
            disk,
            engine,
            found_names,
            truth: RefCell::new(past.truth.clone()),
            now: Cell::new(past.now),
            uptime: Cell::default(),
            looked: Cell::default(),
            driving: Cell::default(),
            newest: Cell::new(i64::MIN),
            next_value: Cell::new(past.next_value),
            armed: Cell::default(),
            still: Cell::default(),
            closed: Cell::default(),
            depth: Cell::default(),
            states: Cell::default(),
            violation: RefCell::default(),
            story: RefCell::new(story),
            past,
        })
    }

    /// Memory is what a read-only recovery has found; that is what the next start must find.
    fn take_found(&self, before: &Dump) -> Result<(), String> {
        let found = before.values();
        let memory = runs_of(&self.engine)?;
        check_memory(&memory, before, self.loaded_from(&self.disk, &found))?;
        let times = memory.iter().flat_map(|(_, runs)| runs).flat_map(|run| &run.slots);
        self.newest.set(times.map(|slot| slot.0).max().unwrap_or(i64::MIN));
        let limit = self.oldest();
        let mut truth = self.truth.borrow_mut();
        truth.check_not_invented(&found)?;
        truth.check_kept(truth.promised(self.past.last_crash), &found)?;
        truth.found(&found, self.past.last_crash);
        drop(truth);
        for host in &self.hosts {
            let own = found.iter().filter(|(key, _)| key.0 == host.index);
            let own: Values = own.map(|(key, value)| (*key, *value)).collect();
            host.freed_before.set(limit);
            if let Some(stored) = self.stored(host) {
                let settled = stored.log_stats(Duration::ZERO).found_synced;
                *host.found.borrow_mut() = (!settled).then_some(own);
                *host.stored.borrow_mut() = Some(stored);
            }
        }
        Ok(())
    }

    /// The oldest time that is inside the retention, by the rule of the clock.
    pub(super) fn oldest(&self) -> i64 {
        let config = &self.past.config;
        let Some(retention) = config.retention else { return i64::MIN };
        let newest = self.newest.get();
        let most = match config.max_future {
            Some(ahead) if newest > i64::MIN => newest + ahead + retention / 2,
            _ => i64::MAX,
        };
        self.now.get().min(most) - retention
    }

    /// From when on a start must load everything, if this is all there is.
    pub(super) fn loaded_from(&self, disk: &SimDisk, found: &Values) -> i64 {
        let config = &self.past.config;
        let Some(retention) = config.retention else { return i64::MIN };
        let name = |path: String| path.rsplit_once('/')?.1.split_once('.')?.0.parse().ok();
        let names = disk.files().into_iter().filter(|path| !path.contains(".wal")).filter_map(name);
        let newest = found.keys().map(|key| key.2).chain(names).max();
        let most = match (config.max_future, newest) {
            (Some(ahead), Some(newest)) => newest + ahead + retention / 2,
            _ => i64::MAX,
        };
        self.now.get().min(most) - retention
    }
}

/// Memory holds what the files hold inside the retention; nothing else, and in the same runs if
/// nothing is older.
pub(super) fn check_memory(
    memory: &[(usize, Vec<Run>)],
    before: &Dump,
    limit: i64,
) -> Result<(), String> {
    for (index, expected) in &before.runs {
        let empty = Vec::new();
        let found = memory.iter().find(|(host, _)| host == index);
        let found = found.map_or(&empty, |(_, runs)| runs);
        let slots = |runs: &[Run]| -> Vec<_> {
            let slots = runs
                .iter()
                .flat_map(|run| run.slots.iter().map(|slot| (run.series, run.frequency, *slot)));
            let mut slots: Vec<_> = slots.filter(|(_, _, slot)| slot.0 >= limit).collect();
            slots.sort_unstable();
            slots
        };
        let (found_slots, expected_slots) = (slots(found), slots(expected));
        if found_slots != expected_slots {
            let missing = expected_slots.iter().find(|slot| !found_slots.contains(slot));
            let surplus = found_slots.iter().find(|slot| !expected_slots.contains(slot));
            return Err(format!(
                "memory of host {index} lacks {missing:?} and has {surplus:?} in addition, from {limit} on"
            ));
        }
        if limit == i64::MIN && found != expected {
            return Err(format!("host {index}: runs are {found:?}, but {expected:?} in the files"));
        }
    }
    Ok(())
}

/// A restart with another frequency, or without a metric, or after a while.
fn reconfigure(random: &Random, past: &mut Past, story: &mut Vec<String>) {
    if random.one_in(6) {
        past.frequencies.insert("b", *random.pick(&[10, 12, 15]));
    }
    if random.one_in(8) && past.frequencies.remove("c").is_none() {
        past.frequencies.insert("c", 60);
    }
    if random.one_in(10) && past.frequencies.remove("u").is_none() {
        past.frequencies.insert("u", 12);
    }
    if random.one_in(5) {
        past.now += *random.pick(&[500, 3000, 12_000]);
    }
    if random.one_in(12) {
        past.now -= *random.pick(&[100, 2500]);
    }
    if random.one_in(8) {
        past.config = super::config(random, past.config.log.sync);
    }
    story.push(format!("START at {} with {:?}", past.now, past.frequencies));
}

/// A start that cannot read something moves nothing, and breaks nothing.
fn failing_start(random: &Random, past: &Past, disk: &SimDisk) -> Result<(), String> {
    if past.faults == super::Faults::No || !random.one_in(3) {
        return Ok(());
    }
    let copy = disk.crash(Crash::Kill, random.next());
    let before = whole_files(&copy);
    let kind = *random.pick(&[Kind::Open, Kind::Read, Kind::List, Kind::Length]);
    let cause = *random.pick(&[Cause::Denied, Cause::Io, Cause::TooManyFiles]);
    copy.inject(Fault::new(Failure::Error(cause)).on(kind).skip(random.below(6)));
    let now = Now { unix: past.now, uptime: Duration::ZERO };
    let opened = Engine::open(
        copy.clone(),
        catalogue(&past.frequencies),
        past.config.clone(),
        &Start::at(now),
    );
    let Ok((engine, report)) = opened else { return Ok(()) };
    let after = whole_files(&copy);
    if after.iter().any(|path| path.contains(".corrupt")) {
        return Err(format!("{cause:?} on {kind:?}: a file is set aside"));
    }
    // The Go store's log is taken over, which may end half way.
    let has_go_log = before.iter().any(|path| path.ends_with("current.wal"));
    if report.offline > 0 && after != before && !has_go_log {
        return Err(format!("{cause:?} on {kind:?}: {before:?} became {after:?}"));
    }
    copy.clear_faults();
    let later = Now { unix: past.now, uptime: Duration::from_secs(5) };
    let budget = checkpointer::log::Budget { jobs_max: 10 };
    engine.run_due(later, budget, &checkpointer::log::Inline);
    if engine.stats(later).offline > 0 {
        return Err("a host stays offline although the disk is well".into());
    }
    Ok(())
}

/// All files but those that a start or a checkpoint has begun to write.
fn whole_files(disk: &SimDisk) -> Vec<String> {
    let is_begun = |path: &String| path.rsplit_once('.').is_some_and(|(_, kind)| kind == "tmp");
    disk.files().into_iter().filter(|path| !is_begun(path)).collect()
}
