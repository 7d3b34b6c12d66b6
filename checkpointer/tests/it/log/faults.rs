//! A failure at every single call to the disk: nothing is acknowledged that is not so, and the log
//! heals when the disk does.

use checkpointer::disk::sim::Cause::{Interrupted, Io, NoSpace, TooManyFiles};
use checkpointer::disk::sim::{Failure, Fault};
use checkpointer::log::SyncMode;

use super::crash::long_form;
use super::world::{Faults, World};

const FAILURES: [Failure; 8] = [
    Failure::Error(Io),
    Failure::Error(NoSpace),
    Failure::Error(Interrupted),
    Failure::Error(TooManyFiles),
    Failure::ErrorAfter(Io),
    Failure::Short(9),
    Failure::Partial(70, NoSpace),
    Failure::Partial(1, Io),
];

/// The work of a seed with one failure, and one more soon after it; how many operations it took.
fn run(seed: u64, sync: SyncMode, fault: Option<(Failure, u64)>) -> u64 {
    let world = World::new(seed, sync, Faults::Planned);
    if let Some((failure, index)) = fault {
        world.disk.inject(Fault::new(failure).at(index));
        world.disk.inject(Fault::new(failure).at(index + 5));
    }
    world.work(25);
    let operations = world.disk.operations();
    world.check_crashes();
    world.heal();
    if let Some(violation) = world.violation.take() {
        panic!("seed {seed}, {sync:?}, {fault:?}: {violation}");
    }
    operations
}

#[test]
fn a_failure_at_any_call_breaks_no_promise_and_heals() {
    for seed in 1..=long_form("LOG_FAULT_SEEDS", 3) {
        for sync in [SyncMode::Flush, SyncMode::Always] {
            let operations = run(seed, sync, None);
            assert!(operations > 20, "seed {seed}: only {operations} operations");
            for index in 1..=operations {
                for failure in FAILURES {
                    run(seed, sync, Some((failure, index)));
                }
            }
        }
    }
}
