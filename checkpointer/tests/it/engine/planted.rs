//! Bugs planted in the engine, one broken rule each: the search for crashes must find every one, or a
//! directed history must. A bug that neither finds means that the rule is not needed, or the search
//! too weak.

use std::panic::{AssertUnwindSafe, catch_unwind};

use checkpointer::planted::{Planted, plant};

use super::crash::{FAULTS, run};
use super::scenarios;
use crate::log::crash::{MODES, long_form};

/// How a planted bug is found.
fn found(bug: Planted, seeds: u64) -> Option<String> {
    plant(Some(bug));
    let directed = scenarios::ALL.iter().filter_map(|(name, history)| {
        let violation = failure(history)?;
        Some(format!("{name}: {violation}"))
    });
    let runs = (1..=seeds).flat_map(|seed| {
        MODES.iter().flat_map(move |mode| FAULTS.iter().map(move |faults| (seed, *mode, *faults)))
    });
    let random = runs.filter_map(|(seed, mode, faults)| {
        let violation = failure(|| run(seed, mode, faults).map(drop))?;
        Some(format!("seed {seed}, {mode:?}, faults: {faults:?}: {violation}"))
    });
    let first = if std::env::var("ENGINE_PLANTED_RANDOM").is_ok() {
        random.chain(directed).next()
    } else {
        directed.chain(random).next()
    };
    plant(None);
    first
}

/// The first line of what does not hold.
fn failure(history: impl Fn() -> Result<(), String>) -> Option<String> {
    let violation = match catch_unwind(AssertUnwindSafe(history)) {
        Ok(Ok(())) => return None,
        Ok(Err(violation)) => violation,
        Err(_) => "panics".into(),
    };
    Some(violation.lines().next().unwrap_or_default().to_owned())
}

#[test]
fn every_planted_bug_is_found() {
    let seeds = long_form("ENGINE_PLANTED_SEEDS", 40);
    let mut missed = Vec::new();
    for bug in Planted::ENGINE {
        if let Some(how) = found(bug, seeds) {
            println!("{bug:?}: {how}");
        } else {
            missed.push(bug);
        }
    }
    assert_eq!(missed, [], "not found in {seeds} seeds");
}
