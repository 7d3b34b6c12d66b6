//! What was ever written, and what was promised to survive which kind of crash.

use std::collections::{BTreeMap, BTreeSet};

use checkpointer::disk::sim::Crash;

use super::seen::{Key, Values};

#[derive(Clone, Debug, Default)]
pub(crate) struct Truth {
    pub(crate) written: BTreeMap<Key, BTreeSet<u32>>,
    /// Of the Go store's log: host, series and when they arrived.
    pub(crate) arrived: BTreeMap<u32, Key>,
    /// Where those were found first.
    pub(crate) nominal: BTreeMap<u32, Key>,
    pub(crate) survives_kill: Values,
    pub(crate) survives_power_loss: Values,
    /// By host: what lies before may have been deleted.
    pub(crate) deleted_before: BTreeMap<usize, i64>,
}

/// The widest interval of a metric in the simulation.
const FREQUENCY_MAX: i64 = 60;

impl Truth {
    pub(crate) fn promise_kill<'a>(&mut self, slots: impl IntoIterator<Item = (&'a Key, &'a u32)>) {
        promise(&mut self.survives_kill, slots);
    }

    pub(crate) fn promise_power_loss<'a>(
        &mut self,
        slots: impl IntoIterator<Item = (&'a Key, &'a u32)> + Clone,
    ) {
        promise(&mut self.survives_kill, slots.clone());
        promise(&mut self.survives_power_loss, slots);
    }

    pub(crate) fn promised(&self, crash: Crash) -> &Values {
        match crash {
            Crash::Kill => &self.survives_kill,
            Crash::PowerLoss(..) => &self.survives_power_loss,
        }
    }

    /// Everything promised is there, and no older value instead.
    pub(crate) fn check_kept(&self, promised: &Values, found: &Values) -> Result<(), String> {
        for (key, value) in promised {
            if self.deleted_before.get(&key.0).is_some_and(|before| key.2 < *before) {
                continue;
            }
            match found.get(key) {
                None => return Err(format!("lost: {value} at {key:?}")),
                Some(have) if have < value => {
                    return Err(format!("reverted: {key:?} has {have}, not {value}"));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Everything found was written there.
    pub(crate) fn check_not_invented(&self, found: &Values) -> Result<(), String> {
        for (key, value) in found {
            if let Some(arrived) = self.arrived.get(value) {
                let off = (key.2 - arrived.2).abs();
                let is_there = (key.0, key.1) == (arrived.0, arrived.1)
                    && off <= FREQUENCY_MAX / 2
                    && self.nominal.get(value).is_none_or(|nominal| nominal == key);
                if !is_there {
                    let nominal = self.nominal.get(value);
                    return Err(format!("moved: {value} at {key:?}, not {arrived:?}, {nominal:?}"));
                }
            } else if !self.written.get(key).is_some_and(|written| written.contains(value)) {
                return Err(format!("moved or invented: {value} at {key:?}"));
            }
        }
        Ok(())
    }

    /// What a start has found, it must find again; and where the Go store's values are, they stay.
    pub(crate) fn found(&mut self, found: &Values, crash: Crash) {
        for (key, value) in found {
            if self.arrived.contains_key(value) {
                self.nominal.entry(*value).or_insert(*key);
            }
        }
        self.survives_kill.clone_from(found);
        if let Crash::PowerLoss(..) = crash {
            self.survives_power_loss.clone_from(found);
        }
    }
}

fn promise<'a>(promised: &mut Values, slots: impl IntoIterator<Item = (&'a Key, &'a u32)>) {
    for (key, value) in slots {
        let at_least = promised.entry(*key).or_insert(*value);
        *at_least = (*value).max(*at_least);
    }
}
