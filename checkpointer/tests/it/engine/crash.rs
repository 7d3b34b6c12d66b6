//! Every crash point, end to end: work, a crash at any operation of the disk, recovery, which is
//! crashed as well, and on.

use checkpointer::disk::sim::{Crash, SimDisk};
use checkpointer::log::SyncMode;

use super::world::{Faults, Past, World};
use crate::log::crash::{MODES, long_form};
use crate::log::world::Random;

/// One run. Returns the number of crash states that were checked, or what does not hold.
pub(crate) fn run(seed: u64, sync: SyncMode, faults: Faults) -> Result<u64, String> {
    let random = Random::new(seed);
    let mut past = Past::new(&random, sync, faults);
    let disk = SimDisk::new(seed);
    if random.one_in(3) {
        past.leave_go_files(&disk, &random);
    }
    let lives = 1 + random.below(4);
    let mut world = World::start(random, past, disk, Vec::new())?;
    let mut states = 0;
    for _ in 0..lives {
        let steps = if world.random.one_in(4) { 4 } else { 12 + world.random.below(50) };
        world.work(steps);
        states += world.states.get();
        if let Some(violation) = world.violation.take() {
            return Err(violation);
        }
        let kinds = Crash::ALL.len() as u64;
        let crash = if world.random.one_in(3) {
            Crash::Kill
        } else {
            Crash::ALL[usize::try_from(world.random.below(kinds)).unwrap()]
        };
        world = world.crash(crash)?;
    }
    world.work(6);
    let quiet = world.quiet();
    states += world.states.get();
    if let Some(violation) = world.violation.take() {
        return Err(violation);
    }
    if let Err(text) = quiet {
        world.violate(&text);
    }
    world.violation.take().map_or(Ok(states), Err)
}

pub(crate) const FAULTS: [Faults; 2] = [Faults::No, Faults::Yes];

fn search(sync: SyncMode) {
    let states_min = long_form("ENGINE_CRASH_STATES", 30_000) / MODES.len() as u64;
    let first_seed = long_form("ENGINE_CRASH_SEED", 1);
    let mut states = 0;
    for seed in first_seed.. {
        for faults in FAULTS {
            states += run(seed, sync, faults).unwrap_or_else(|violation| {
                panic!("ENGINE_CRASH_SEED={seed} {sync:?} faults: {faults:?}: {violation}")
            });
        }
        if states >= states_min {
            return;
        }
    }
}

#[test]
fn every_crash_leaves_the_store_as_promised_when_nothing_is_synced() {
    search(SyncMode::None);
}

#[test]
fn every_crash_leaves_the_store_as_acknowledged_when_written() {
    search(SyncMode::Flush);
}

#[test]
fn every_crash_leaves_the_store_as_acknowledged_when_synced() {
    search(SyncMode::Always);
}
