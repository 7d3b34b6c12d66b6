//! What was left over in the directory of a host: temporary files of writes that did not end, and
//! segments that are covered and have survived their deletion.
//!
//! Both are removed under the lock of what is saved, which everybody holds who writes a snapshot: a
//! temporary file that lies there then is nobody's. A start deletes nothing; what it has found is
//! noted here, and what a process leaves itself is noted before it is written. So nothing is listed
//! to find out that there is nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::Engine;
use super::config::Now;
use super::fan_out::fan_out_for;
use super::host::StoredHost;
use super::saved::Saved;
use crate::disk::{Disk, Entry, EntryKind};
use crate::log::{DiskFailure, Pool, StartError};
use crate::planted::{Planted, is_planted};

/// Left over in the directory of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Leftovers {
    /// Names of temporary files, and from when on they may be removed.
    pub(crate) temporaries: BTreeMap<String, Duration>,
    /// Whether segments are there that are covered.
    pub(crate) has_covered: bool,
    /// Something could not be removed: it is tried again then, and not before.
    again_at: Duration,
}

/// Files that were set aside, and are never read again by themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetAside {
    /// Snapshots whose bytes are wrong: `.corrupt.1` and so on.
    pub corrupt: u64,
    /// Segments some bytes of which are damaged: `.damaged`.
    pub damaged: u64,
    /// Segments with records that no snapshot can hold: `.unknown`.
    pub unknown: u64,
}

impl SetAside {
    pub(crate) fn among(entries: &[Entry]) -> Self {
        let mut found = Self::default();
        for entry in entries.iter().filter(|entry| entry.kind == EntryKind::File) {
            let name = entry.name.to_string_lossy();
            let Some((_, ending)) = name.split_once('.') else { continue };
            found.corrupt += u64::from(ending.contains(".corrupt."));
            found.damaged += u64::from(ending == "wal.damaged");
            found.unknown += u64::from(ending == "wal.unknown");
        }
        found
    }

    pub(crate) fn add(&mut self, more: Self) {
        self.corrupt += more.corrupt;
        self.damaged += more.damaged;
        self.unknown += more.unknown;
    }
}

/// The temporary files among them: `<number>.<kind>.tmp`, of ours and of the Go store.
fn temporaries(entries: &[Entry]) -> impl Iterator<Item = &str> {
    let files = entries.iter().filter(|entry| entry.kind == EntryKind::File);
    files.filter_map(|entry| entry.name.to_str()).filter(|name| {
        let Some((number, ending)) = name.split_once('.') else { return false };
        let digits = number.strip_prefix('-').unwrap_or(number);
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number && matches!(ending, "bin.tmp" | "late.tmp" | "json.tmp" | "wal.tmp")
    })
}

impl Leftovers {
    /// As a start has found it.
    pub(crate) fn found(entries: &[Entry], has_covered: bool) -> Self {
        let temporaries = temporaries(entries).map(|name| (name.to_owned(), Duration::ZERO));
        Self { temporaries: temporaries.collect(), has_covered, again_at: Duration::ZERO }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.temporaries.is_empty() && !self.has_covered
    }

    /// Whether something may be removed now.
    fn is_due(&self, now: Now) -> bool {
        let is_any = self.has_covered || self.temporaries.values().any(|from| now.uptime >= *from);
        is_any && now.uptime >= self.again_at
    }
}

impl<D: Disk> Engine<D> {
    /// Removes what is left over, of so many hosts at most.
    pub(super) fn sweep(self: &Arc<Self>, now: Now, most: usize, pool: &dyn Pool) {
        let is_due = |host: &Arc<StoredHost<D>>| {
            host.saved.try_lock().is_some_and(|saved| saved.leftovers.is_due(now))
        };
        let mut hosts = self.hosts.open_now();
        hosts.retain(is_due);
        hosts.truncate(most);
        let engine = Arc::clone(self);
        let sweep = move |host: Arc<StoredHost<D>>| {
            let Some(mut saved) = host.saved.try_lock() else { return };
            if host.sweep_saved(&mut saved, now).is_err() {
                let retry = host.core.config.offline_retry;
                saved.leftovers.again_at = now.uptime.saturating_add(retry);
            }
            drop(saved);
            // That may have been all there was of it.
            engine.forget_if_empty(&host);
        };
        fan_out_for(pool, hosts, sweep, self.core.config.log.slow_file);
    }
}

impl<D: Disk> StoredHost<D> {
    /// # Errors
    ///
    /// What is left over still is as it was.
    fn sweep_saved(&self, saved: &mut Saved, now: Now) -> Result<(), StartError> {
        let removed = self.remove_temporaries(saved, now.uptime);
        if saved.leftovers.has_covered {
            // The covered number may be in the system's cache only.
            if !is_planted(Planted::SweptBeforeDurable) {
                self.make_found_durable(saved)?;
            }
            self.drop_covered(saved)?;
        }
        self.core.counters.temporaries_removed.fetch_add(removed?, Relaxed);
        Ok(())
    }

    /// Deletes the segments that durable snapshots cover. Returns how many there were.
    pub(super) fn drop_covered(&self, saved: &mut Saved) -> Result<u64, StartError> {
        let more = u64::from(is_planted(Planted::UncoveredSwept));
        let dropped = self.log.drop_segments(saved.covered + more)?;
        saved.leftovers.has_covered = false;
        Ok(dropped.segments)
    }

    /// Removes those temporary files that may be removed by then. Returns how many there were.
    pub(super) fn remove_temporaries(
        &self,
        saved: &mut Saved,
        by: Duration,
    ) -> Result<u64, DiskFailure> {
        let is_due = |(_, from): &(&String, &Duration)| by >= **from;
        let due: Vec<_> = saved
            .leftovers
            .temporaries
            .iter()
            .filter(is_due)
            .map(|(name, _)| name.clone())
            .collect();
        for name in &due {
            // One that was never made is as good as removed.
            self.delete_snapshot(name)?;
            saved.leftovers.temporaries.remove(name);
        }
        Ok(due.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(names: &[&str]) -> Vec<Entry> {
        let entry = |name: &&str| Entry { name: (*name).into(), kind: EntryKind::File, length: 7 };
        names.iter().map(entry).collect()
    }

    #[test]
    fn only_names_that_a_store_gives_are_temporary_files() {
        let names = [
            "100.bin.tmp",
            "-5.late.tmp",
            "00000000000000000001.wal.tmp",
            "7.json.tmp",
            "x.bin.tmp",
            "100.tmp",
            "100.bin",
            "100.bin.tmp.old",
            ".bin.tmp",
            "notes.tmp",
        ];
        let mut listed = entries(&names);
        listed.push(Entry { name: "9.bin.tmp".into(), kind: EntryKind::Directory, length: 0 });
        assert_eq!(temporaries(&listed).collect::<Vec<_>>(), &names[..4]);
    }

    #[test]
    fn what_was_set_aside_is_counted_by_its_ending() {
        let names = [
            "100.bin.corrupt.1",
            "100.bin.corrupt.2",
            "7.late.corrupt.1",
            "00000000000000000001.wal.damaged",
            "00000000000000000002.wal.unknown",
            "00000000000000000003.wal",
            "damaged",
            "100.bin",
        ];
        let expected = SetAside { corrupt: 3, damaged: 1, unknown: 1 };
        assert_eq!(SetAside::among(&entries(&names)), expected);
    }
}
