//! Every crash point of a log workload: each operation of the disk, each kind of survival.

use checkpointer::disk::sim::Crash;
use checkpointer::log::SyncMode;

use super::world::{Faults, World};

/// One run: work, crash, work on what is left, crash again, and at the end a disk that is well.
/// Returns the number of crash states that were checked, or what does not hold.
pub(crate) fn run(seed: u64, sync: SyncMode, faults: Faults) -> Result<u64, String> {
    let mut world = World::new(seed, sync, faults);
    let mut states = 0;
    for _ in 0..=world.random.below(3) {
        world.work(4 + world.random.below(40));
        states += world.states.get();
        if let Some(violation) = world.violation.take() {
            return Err(violation);
        }
        let kinds = Crash::ALL.len() as u64;
        let crash = Crash::ALL[usize::try_from(world.random.below(kinds)).unwrap()];
        world = world.crash(crash)?;
    }
    world.work(6);
    world.heal();
    states += world.states.get();
    match world.violation.take() {
        Some(violation) => Err(violation),
        None => Ok(states),
    }
}

pub(crate) const MODES: [SyncMode; 3] = [SyncMode::None, SyncMode::Flush, SyncMode::Always];

pub(crate) const FAULTS: [Faults; 3] = [Faults::No, Faults::Interruptions, Faults::Yes];

/// A number from the environment, for the long form of a test.
pub(crate) fn long_form(variable: &str, short: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(short)
}

fn search(sync: SyncMode) {
    let states_min = long_form("LOG_CRASH_STATES", 10_000) / MODES.len() as u64;
    let first_seed = long_form("LOG_CRASH_SEED", 1);
    let mut states = 0;
    for seed in first_seed.. {
        for faults in FAULTS {
            states += run(seed, sync, faults).unwrap_or_else(|violation| {
                panic!("LOG_CRASH_SEED={seed} {sync:?} faults: {faults:?}: {violation}")
            });
        }
        if states >= states_min {
            return;
        }
    }
}

#[test]
fn every_crash_leaves_what_was_acknowledged_when_nothing_is_synced() {
    search(SyncMode::None);
}

#[test]
fn every_crash_leaves_what_was_acknowledged_when_written() {
    search(SyncMode::Flush);
}

#[test]
fn every_crash_leaves_what_was_acknowledged_when_synced() {
    search(SyncMode::Always);
}
