//! What must hold, looked at from outside: in memory, on the disk after a crash, in the archive.

use std::collections::BTreeMap;

use checkpointer::archive::{marks, verify};
use checkpointer::disk::sim::{Crash, SimDisk};
use checkpointer::{Marks, View, memstore, view};

use super::collect::MARGIN;
use super::duties::FILES_PER_DAY_MAX;
use super::model::{Found, HostModel, SERIES, Slot};
use super::process::{ALL_TURNS, Cleanup, LOG_BYTES, Soak, below, catalogue};
use crate::shape::rules::{self, Totals};

/// One that is written, one that a checkpoint has ended, one that a crash has left; and one for each
/// write or sync that has failed, which is final for its segment.
const SEGMENTS_MAX: u64 = 3;

/// A temporary file that nobody writes any more may lie for so many seconds.
const GRACE: u64 = 3 * 3600;

/// What is drawn.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Measured {
    pub(super) memory: u64,
    pub(super) files: u64,
    pub(super) snapshot_bytes: u64,
    pub(super) log_bytes: u64,
}

impl Soak {
    /// What must hold in every hour.
    pub(super) fn check(&mut self) -> Result<Measured, String> {
        self.check_memory()?;
        let crash = Crash::ALL[self.random.below(Crash::ALL.len())];
        let (disk, one) =
            (self.disk.crash(crash, self.random.next()), self.random.below(self.hosts.len()));
        self.promise();
        self.check_disk(&disk, crash, |index| index == one)
            .map_err(|why| format!("a {crash:?} now: {why}"))?;
        self.check_files()
    }

    /// Everything that was not freed is in memory, and nothing else.
    fn check_memory(&mut self) -> Result<(), String> {
        for index in 0..self.hosts.len() {
            let found = self.in_memory(index)?;
            let host = &mut self.hosts[index];
            let before = host.freed_before.max(host.mark).saturating_add(MARGIN);
            for (series, versions) in found.iter().enumerate() {
                for (slot, &version) in versions.iter().enumerate() {
                    let Slot { held, latest, .. } = host.series[series][slot];
                    let is_free = version == 0 && host.time(series, slot) < before;
                    if !is_free && !(held..=latest).contains(&version) {
                        return Err(format!("memory has {version}: {}", host.tell(series, slot)));
                    }
                    host.series[series][slot].held = held.max(version);
                }
            }
        }
        self.check_memory_bound()
    }

    fn in_memory(&self, index: usize) -> Result<Found, String> {
        let host = &self.hosts[index];
        let read = |tree: &memstore::Host| host.read(tree, self.engine.catalogue());
        match self.engine.get(host.cluster, &host.name) {
            Some(stored) => stored.read(read),
            None => read(&memstore::Host::new()),
        }
    }

    /// Right after a freeing nothing is left in memory but blocks that reach behind its time, of 256 slots
    /// at most.
    pub(super) fn check_freed(
        &self,
        before: i64,
        is_kept: impl Fn(&str, &str) -> bool,
    ) -> Result<(), String> {
        for host in self.hosts.iter().filter(|host| !is_kept(host.cluster, &host.name)) {
            for (series, versions) in self.in_memory(host.index)?.iter().enumerate() {
                let first = versions.iter().position(|version| *version > 0);
                let from = before - 256 * SERIES[series].2;
                if let Some(slot) = first.filter(|slot| host.time(series, *slot) < from) {
                    return Err(format!("not freed before {before}: {}", host.tell(series, slot)));
                }
            }
        }
        Ok(())
    }

    /// What a value, a series and a host may cost, for what can be left after the last freeing: blocks
    /// of up to 256 values go as a whole.
    fn check_memory_bound(&self) -> Result<(), String> {
        let mut most = 0;
        for host in &self.hosts {
            let block = 256 * 60;
            let (values, series) = host.held_from(host.freed_before.saturating_sub(block));
            most += 6 * values + 3000 * series + 4000;
        }
        let held = self.memory() as u64;
        if held > most { Err(format!("{held} bytes in memory, at most {most}")) } else { Ok(()) }
    }

    /// What a start found in memory: what was found on the disk, inside the retention.
    pub(super) fn check_loaded(&self, found: &[Found]) -> Result<(), String> {
        for host in &self.hosts {
            let loaded = self.in_memory(host.index)?;
            let before = host.freed_before.max(host.mark).saturating_add(MARGIN);
            for (series, versions) in loaded.iter().enumerate() {
                for (slot, &version) in versions.iter().enumerate() {
                    let on_disk = found[host.index][series][slot];
                    let is_old = version == 0 && host.time(series, slot) < before;
                    if version != on_disk && !is_old {
                        let what = format!("{version} loaded, {on_disk} found");
                        return Err(format!("{what}: {}", host.tell(series, slot)));
                    }
                }
            }
        }
        Ok(())
    }

    /// What a start would find on a disk after such a crash, of some hosts.
    pub(super) fn check_disk(
        &self,
        disk: &SimDisk,
        crash: Crash,
        is_wanted: impl Fn(usize) -> bool,
    ) -> Result<Vec<Found>, String> {
        let catalogue = catalogue(self.has_added_metric);
        let none = memstore::Host::new();
        let mut found = Vec::new();
        for host in &self.hosts {
            found.push(host.read(&none, &catalogue)?);
        }
        let is_this = |host: &HostModel, cluster: &str, name: &str| {
            is_wanted(host.index) && (host.cluster, &*host.name) == (cluster, name)
        };
        let is_one =
            |cluster: &str, name: &str| self.hosts.iter().any(|host| is_this(host, cluster, name));
        let mut outcome = Ok(());
        let each = |View { cluster, host, tree, .. }: View| {
            let model = self.hosts.iter().find(|model| is_this(model, &cluster, &host)).unwrap();
            let tree = tree.map_err(|why| why.to_string());
            match tree.and_then(|tree| model.read(&tree, &catalogue)) {
                Ok(read) => found[model.index] = read,
                Err(why) => outcome = Err(why),
            }
        };
        let viewed = view(below(disk, "data"), &catalogue, i64::MIN, is_one, each);
        viewed.map_err(|error| error.to_string())?;
        outcome?;
        let marks = self.marks_on(disk)?;
        for host in self.hosts.iter().filter(|host| is_wanted(host.index)) {
            let mark = marks.of(host.cluster, &host.name).max(host.mark);
            check_kept(host, &found[host.index], crash, mark)?;
        }
        Ok(found)
    }

    fn check_files(&mut self) -> Result<Measured, String> {
        let listing = rules::check(&self.disk, "data")?;
        let mut measured = Measured { memory: self.memory() as u64, ..Measured::default() };
        let well_for = self.well_for();
        let log = self.engine.stats(self.now()).log;
        let failed = log.write_failures + log.sync_failures;
        let mut temporaries = BTreeMap::new();
        for (directory, files) in &listing {
            let found = rules::totals(files);
            measured.files += found.snapshots + found.segments + found.temporaries;
            measured.snapshot_bytes += found.snapshot_bytes;
            measured.log_bytes += found.segment_bytes;
            for name in files.keys() {
                if rules::kind(name) != Some(rules::Kind::Temporary) {
                    continue;
                }
                let path = format!("{directory}/{name}");
                let since = self.temporaries.get(&path).copied().unwrap_or(self.seconds());
                temporaries.insert(path, since);
            }
            if found.segments > SEGMENTS_MAX + failed + self.ended_unwell {
                return Err(format!("{directory}: {found:?}"));
            }
            if well_for > ALL_TURNS {
                self.check_host_files(directory, files, found)?;
            }
        }
        self.temporaries = temporaries;
        let is_old = |(_, since): &(&String, &u64)| self.seconds() - **since > GRACE;
        let old = self.temporaries.iter().find(is_old);
        if let Some((path, _)) = old {
            return Err(format!("{path}: a temporary file older than the grace"));
        }
        Ok(measured)
    }

    /// What holds when everything is well, after merging.
    fn check_host_files(
        &self,
        directory: &str,
        files: &BTreeMap<String, u64>,
        found: Totals,
    ) -> Result<(), String> {
        // What comes in a minute may come after what is due.
        if found.segment_bytes > LOG_BYTES + (40 << 10) {
            return Err(format!("{directory}: {} bytes of log", found.segment_bytes));
        }
        let host = self.hosts.iter().find(|host| host.directory() == directory).unwrap();
        // Between two lives of a collector there is a seam.
        let seams = host.lives.len();
        // What is about to be deleted is not merged any more.
        let is_young = |name: &&String| {
            let end = rules::end(&self.disk, &format!("data/{directory}/{name}"));
            end.is_some_and(|end| end > self.oldest() + MARGIN)
        };
        for (day, count) in rules::files_of_days(files.keys().filter(is_young)) {
            if count > FILES_PER_DAY_MAX * seams {
                return Err(format!("{directory}: {count} snapshots of day {day}: {files:?}"));
            }
        }
        let (oldest, retention) = (self.oldest(), self.plan.retention_seconds());
        let is_kept = self.is_kept()(host.cluster, &host.name);
        // An hour ago, or up to half a retention, what was too old went; a day goes as a whole.
        let from = if is_kept { i64::MIN } else { oldest - retention / 2 - 26 * 3600 };
        let (values, series) = host.held_from(from);
        let most = 4 * values * 2 + 2000 * (series + 1) * found.snapshots;
        if found.snapshot_bytes > most {
            return Err(format!("{directory}: {found:?}, at most {most} bytes"));
        }
        Ok(())
    }

    // ---- the archive ----

    /// Up to where the archive of a disk says that it has the hosts.
    pub(super) fn marks_on(&self, disk: &SimDisk) -> Result<Marks, String> {
        match self.cleanup {
            Cleanup::Delete => Ok(Marks::default()),
            Cleanup::Archive => marks(below(disk, "own")).map_err(|error| error.to_string()),
        }
    }

    /// The marks are what the archive says; what lies before them is in it, once.
    pub(super) fn adopt_marks(&mut self) -> Result<(), String> {
        if self.cleanup == Cleanup::Delete {
            return Ok(());
        }
        let marks = self.archive.marks().map_err(|error| error.to_string())?;
        if self.hosts.iter().all(|host| marks.of(host.cluster, &host.name) == host.mark) {
            return Ok(());
        }
        let rows = crate::archive::world::archived(&self.disk)?;
        let mut archived: BTreeMap<usize, Found> = BTreeMap::new();
        for ((cluster, name, metric, path, time), bits) in rows {
            let host =
                self.hosts.iter().find(|host| (host.cluster, &*host.name) == (&*cluster, &*name));
            let host = host.ok_or("archived: a host that there is not")?;
            let series = SERIES
                .iter()
                .position(|series| series.0 == metric && series.1.join("/") == path)
                .ok_or("archived: a series that there is not")?;
            let (slot, version) = host.version(series, time, f32::from_bits(bits))?;
            let empty = || host.series.iter().map(|slots| vec![0; slots.len()]).collect();
            archived.entry(host.index).or_insert_with(empty)[series][slot] = version;
        }
        for host in &mut self.hosts {
            let mark = marks.of(host.cluster, &host.name);
            let empty = || host.series.iter().map(|slots| vec![0; slots.len()]).collect();
            let found = archived.remove(&host.index).unwrap_or_else(empty);
            check_archived(host, &found, mark).map_err(|why| format!("archive: {why}"))?;
            host.mark = mark;
        }
        Ok(())
    }

    /// At the end, as `levelstore archive verify` does it.
    pub(super) fn verify_archive(&self) -> Result<(), String> {
        let verified = verify(below(&self.disk, "archive"), Some(below(&self.disk, "own")));
        let verified = verified.map_err(|error| error.to_string())?;
        let slots = self.hosts.iter().flat_map(|host| host.series.iter().flatten());
        let rows = slots.filter(|slot| slot.archived > 0).count() as u64;
        if !verified.faults.is_empty() || verified.rows != rows {
            let (there, faults) = (verified.rows, verified.faults);
            return Err(format!("archive: {there} rows, {rows} were archived; {faults:?}"));
        }
        Ok(())
    }
}

/// What was promised is there, and no older version instead.
fn check_kept(host: &HostModel, found: &Found, crash: Crash, mark: i64) -> Result<(), String> {
    let gone_before = host.deleted_before.max(mark).saturating_add(MARGIN);
    for (series, versions) in found.iter().enumerate() {
        for (slot, &version) in versions.iter().enumerate() {
            let is = host.series[series][slot];
            let promised = if crash == Crash::Kill { is.kill } else { is.power };
            let is_gone = version == 0 && host.time(series, slot) < gone_before;
            if !is_gone && !(promised..=is.latest).contains(&version) {
                let what = format!("{version} found, {promised} promised");
                return Err(format!("{what}: {}", host.tell(series, slot)));
            }
        }
    }
    Ok(())
}

/// From the mark before to the new one it is what the store held; before it, what it was.
fn check_archived(host: &mut HostModel, found: &Found, mark: i64) -> Result<(), String> {
    for (series, versions) in found.iter().enumerate() {
        for (slot, &version) in versions.iter().enumerate() {
            let (is, time) = (host.series[series][slot], host.time(series, slot));
            let is_right = if time >= mark {
                version == 0
            } else if time >= host.mark {
                (is.held..=is.latest).contains(&version)
            } else {
                version == is.archived
            };
            if !is_right {
                return Err(format!("{version}, mark {mark}: {}", host.tell(series, slot)));
            }
            host.series[series][slot].archived = version;
        }
    }
    Ok(())
}
