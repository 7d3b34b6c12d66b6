//! What is known about every slot without asking the store: which versions of its value were sent,
//! and which of them must be there.
//!
//! Each series has one grid of times, so that where a sample belongs follows from its time alone: the
//! first one of a collector's life comes exactly on its grid, and a life begins so long after the one
//! before that no series continues over the gap.

use std::rc::Rc;

use checkpointer::memstore::{self, Catalogue};

use super::plan::mixed;

/// Midnight, UTC: the beginning.
pub(super) const START: i64 = 19_675 * 86_400;

/// Metric, path, frequency.
pub(super) type SeriesName = (&'static str, &'static [&'static str], i64);

pub(super) const SERIES: [SeriesName; 6] = [
    ("load", &[], 60),
    ("power", &["socket0"], 60),
    ("power", &["socket1"], 60),
    ("temp", &["socket0", "dimm1"], 60),
    ("energy", &[], 300),
    // Of a metric that is added later.
    ("extra", &["socket1"], 60),
];

pub(super) const ADDED: &str = "extra";

/// Versions of one slot's value; 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Slot {
    /// The last that was sent, ever.
    pub(super) issued: u8,
    /// The last that may be in the store.
    pub(super) latest: u8,
    /// This one or a later is in the store.
    pub(super) held: u8,
    /// This one or a later survives the death of the process.
    pub(super) kill: u8,
    /// This one or a later survives a power loss.
    pub(super) power: u8,
    /// That which was archived.
    pub(super) archived: u8,
}

/// A value that was sent: host, series, slot, version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) host: usize,
    pub(super) series: usize,
    pub(super) slot: usize,
    pub(super) version: u8,
}

/// The versions found of each slot of each series.
pub(super) type Found = Vec<Vec<u8>>;

#[derive(Debug)]
pub(super) struct HostModel {
    pub(super) index: usize,
    pub(super) cluster: &'static str,
    pub(super) name: String,
    pub(super) series: Vec<Vec<Slot>>,
    /// The slot from which on a collector lives, and its second of the minute.
    pub(super) lives: Vec<(usize, i64)>,
    pub(super) is_alive: bool,
    /// Minutes that wait to be sent.
    pub(super) backlog: Vec<i64>,
    pub(super) offline_until: i64,
    pub(super) bursts_until: i64,
    /// For as long a job runs on it.
    pub(super) kept_until: i64,
    /// What lies before may have been freed.
    pub(super) freed_before: i64,
    /// What lies before may have been deleted.
    pub(super) deleted_before: i64,
    /// It is archived up to here.
    pub(super) mark: i64,
    /// A run has tried to archive it up to here.
    pub(super) cut: i64,
}

impl HostModel {
    pub(super) fn new(index: usize, slots: usize, minute: i64) -> Self {
        Self {
            index,
            cluster: ["alpha", "beta"][index % 2],
            name: format!("a{index:03}"),
            series: SERIES.map(|_| vec![Slot::default(); slots]).into(),
            lives: vec![(usize::try_from(minute).unwrap(), second_of_life(index, minute))],
            is_alive: true,
            backlog: Vec::new(),
            offline_until: 0,
            bursts_until: 0,
            kept_until: 0,
            freed_before: i64::MIN,
            deleted_before: i64::MIN,
            mark: i64::MIN,
            cut: i64::MIN,
        }
    }

    pub(super) fn directory(&self) -> String {
        format!("{}/{}", self.cluster, self.name)
    }

    /// A collector starts anew.
    pub(super) fn begin_life(&mut self, minute: i64) {
        let second = second_of_life(self.index, minute);
        self.lives.push((usize::try_from(minute).unwrap(), second));
        self.is_alive = true;
    }

    /// The nominal time of a slot.
    pub(super) fn time(&self, series: usize, slot: usize) -> i64 {
        let frequency = SERIES[series].2;
        let second = if frequency == 60 {
            let life = self.lives.iter().rev().find(|(from, _)| *from <= slot);
            life.map_or(self.lives[0].1, |(_, second)| *second)
        } else {
            i64::try_from(self.index).unwrap() * 7 % frequency
        };
        START + i64::try_from(slot).unwrap() * frequency + second
    }

    /// The slot with this nominal time, if there is one.
    fn slot_at(&self, series: usize, time: i64) -> Option<usize> {
        let slot = usize::try_from((time - START).div_euclid(SERIES[series].2)).ok()?;
        let is_there = slot < self.series[series].len() && self.time(series, slot) == time;
        is_there.then_some(slot)
    }

    pub(super) fn value(&self, series: usize, slot: usize, version: u8) -> f32 {
        let key = ((self.index as u64) << 40) | ((series as u64) << 32) | slot as u64;
        let hundredths = u16::try_from(mixed(key) % 9000).unwrap();
        f32::from(hundredths) / 100.0 + 100.0 * f32::from(version)
    }

    /// The next version of a slot.
    pub(super) fn issue(&mut self, series: usize, slot: usize) -> Option<Sent> {
        let issued = &mut self.series[series].get_mut(slot)?.issued;
        *issued = issued.checked_add(1)?;
        Some(Sent { host: self.index, series, slot, version: *issued })
    }

    /// Which versions these are; an error if one is at a time that is none of ours, or was never sent.
    pub(super) fn read(
        &self,
        tree: &memstore::Host,
        catalogue: &Catalogue,
    ) -> Result<Found, String> {
        let mut found: Found = self.series.iter().map(|slots| vec![0; slots.len()]).collect();
        for run in tree.view_all().runs(catalogue) {
            let is_this = |(metric, path, _): &SeriesName| {
                metric.as_bytes() == &*run.name
                    && path.len() == run.path.len()
                    && path.iter().zip(run.path).all(|(one, other)| one.as_bytes() == &**other)
            };
            let series = SERIES.iter().position(is_this);
            let series = series.ok_or_else(|| format!("invented: a series {:?}", run.name))?;
            let times = (run.start..).step_by(run.frequency.get() as usize);
            for (time, value) in times.zip(run.to_vec()).filter(|(_, value)| !value.is_nan()) {
                let (slot, version) = self.version(series, time, value)?;
                if std::mem::replace(&mut found[series][slot], version) != 0 {
                    return Err(format!("twice: {}", self.tell(series, slot)));
                }
            }
        }
        Ok(found)
    }

    pub(super) fn version(
        &self,
        series: usize,
        time: i64,
        value: f32,
    ) -> Result<(usize, u8), String> {
        let moved = || format!("moved or invented: {value} of {:?} at {time}", SERIES[series]);
        let slot = self.slot_at(series, time).ok_or_else(moved)?;
        let issued = self.series[series][slot].issued;
        let is_this =
            |version: &u8| self.value(series, slot, *version).to_bits() == value.to_bits();
        Ok((slot, (1..=issued).rev().find(is_this).ok_or_else(moved)?))
    }

    pub(super) fn tell(&self, series: usize, slot: usize) -> String {
        let (metric, path, _) = SERIES[series];
        let (time, directory) = (self.time(series, slot), self.directory());
        let is = self.series[series][slot];
        format!("{directory} {metric} {path:?} at {time}, slot {slot}, {is:?}")
    }

    /// The first slot at this time or later, about.
    pub(super) fn first_slot(series: usize, time: i64) -> usize {
        let slot = (time.max(START) - START) / SERIES[series].2;
        usize::try_from(slot).unwrap()
    }

    /// The first slot that lies at this time or later.
    pub(super) fn first_from(&self, series: usize, time: i64) -> usize {
        let mut slot = Self::first_slot(series, time).saturating_sub(1);
        while slot < self.series[series].len() && self.time(series, slot) < time {
            slot += 1;
        }
        slot
    }

    /// Everything that is held is durable.
    pub(super) fn promise_all(&mut self) {
        for slot in self.series.iter_mut().flatten() {
            slot.kill = slot.kill.max(slot.held);
            slot.power = slot.power.max(slot.held);
        }
    }

    /// How many values lie at this time or later, and in how many series.
    pub(super) fn held_from(&self, time: i64) -> (u64, u64) {
        let (mut values, mut all) = (0, 0);
        for (series, slots) in self.series.iter().enumerate() {
            let from = Self::first_slot(series, time).min(slots.len());
            let held = slots[from..].iter().filter(|slot| slot.latest > 0).count() as u64;
            values += held;
            all += u64::from(held > 0);
        }
        (values, all)
    }
}

/// The second of the minute at which a collector samples.
fn second_of_life(index: usize, minute: i64) -> i64 {
    i64::try_from(mixed((index as u64) << 32 | minute.unsigned_abs()) % 60).unwrap()
}

/// Sent together, and not promised yet.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    pub(super) sent: Rc<[Sent]>,
    /// In seconds of uptime.
    pub(super) at: u64,
    pub(super) kind: Acknowledged,
}

/// What was said about a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Acknowledged {
    Yes,
    /// It could not be logged, or was not to be.
    No,
    /// The start has found it.
    Found,
}
