//! A start on what a crash has left: that it changes nothing, that it can be killed at any operation,
//! and the checkpoint behind it too.

use std::time::Duration;

use checkpointer::disk::sim::{Crash, SimDisk};
use checkpointer::log::Inline;
use checkpointer::{Engine, Now, OpenError, Start};

use super::World;
use super::start::{check_memory, check_problems, runs_of};
use crate::engine::files::check_files;
use crate::engine::seen::{Dump, Values, catalogue};

impl World {
    fn copy(&self, disk: &SimDisk) -> SimDisk {
        disk.crash(Crash::Kill, self.random.next())
    }

    fn open(
        &self,
        disk: &SimDisk,
    ) -> Result<(std::sync::Arc<Engine<SimDisk>>, checkpointer::Recovered), OpenError> {
        let now = Now { unix: self.now.get(), uptime: Duration::ZERO };
        let config = self.past.config.clone();
        Engine::open(disk.clone(), catalogue(&self.past.frequencies), config, &Start::at(now))
    }

    /// Recovery of a crash state, which may be crashed as well.
    pub(super) fn check_start(&self, found: &SimDisk, crash: Crash) -> Result<(), String> {
        let before = Dump::of(found.clone(), &self.past.frequencies, i64::MIN)?;
        let disk = self.copy(found);
        let (engine, report) =
            self.open(&disk).map_err(|error| format!("does not open: {error}"))?;
        check_problems(&report.problems, self.past.power_lost || crash != Crash::Kill)?;
        let limit = self.loaded_from(found, &before.values());
        let first = runs_of(&engine)?;
        check_memory(&first, &before, limit)?;
        let operations = disk.operations();
        drop(engine);
        let (engine, _) = self.open(&disk).map_err(|error| format!("does not open: {error}"))?;
        if runs_of(&engine)? != first {
            let second = runs_of(&engine)?;
            return Err(format!("a second recovery gives {second:?}, the first gave {first:?}"));
        }
        self.check_crashed_start(found, crash, operations, &before.values())?;
        self.check_crashed_checkpoint(&disk, &engine, crash, &before.values())
    }

    /// The start was killed somewhere.
    fn check_crashed_start(
        &self,
        found: &SimDisk,
        crash: Crash,
        operations: u64,
        before: &Values,
    ) -> Result<(), String> {
        let disk = self.copy(found);
        let last = self.random.below(operations + 1);
        disk.stop_after(last);
        drop(self.open(&disk));
        self.check_again(&disk, crash, before)
            .map_err(|text| format!("the start stopped after {last} operations: {text}"))
    }

    /// The checkpoint behind the start was killed somewhere.
    fn check_crashed_checkpoint(
        &self,
        disk: &SimDisk,
        engine: &Engine<SimDisk>,
        crash: Crash,
        before: &Values,
    ) -> Result<(), String> {
        let last = self.random.below(40);
        disk.stop_after(disk.operations() + last);
        let now = Now { unix: self.now.get() + 5, uptime: Duration::ZERO };
        engine.checkpoint(&engine.all(), now, &Inline, None);
        self.check_again(disk, crash, before)
            .map_err(|text| format!("the checkpoint stopped after {last} operations: {text}"))
    }

    /// A second crash: what the first has left is there as far as it was durable.
    fn check_again(&self, disk: &SimDisk, first: Crash, before: &Values) -> Result<(), String> {
        let crash = *self.random.pick(&Crash::ALL);
        let disk = disk.crash(crash, self.random.next());
        self.states.set(self.states.get() + 1);
        check_files(&disk)?;
        let found = Dump::of(disk, &self.past.frequencies, i64::MIN)?.values();
        let truth = self.truth.borrow();
        truth.check_not_invented(&found)?;
        if first == Crash::Kill && crash != Crash::Kill {
            return truth.check_kept(&truth.survives_power_loss, &found);
        }
        if found == *before {
            return Ok(());
        }
        let changed = before.iter().find(|(key, value)| found.get(key) != Some(value));
        let added = found.iter().find(|(key, _)| !before.contains_key(key));
        Err(format!("then {crash:?}: {changed:?} is not there, {added:?} is new"))
    }
}
