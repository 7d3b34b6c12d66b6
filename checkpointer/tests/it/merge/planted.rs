//! Bugs planted in merging and settling, one broken rule each: some scenario must find every one.

use std::panic::{AssertUnwindSafe, catch_unwind};

use checkpointer::planted::{Planted, plant};

use super::scenarios::ALL;

/// The first scenario that finds the bug, and how.
fn found(bug: Planted) -> Option<String> {
    let is_of_settling = format!("{bug:?}").starts_with("Settled");
    let likely = |name: &str| name.starts_with("settling") == is_of_settling;
    plant(Some(bug));
    let (first, others): (Vec<_>, Vec<_>) = ALL.iter().partition(|(name, _)| likely(name));
    let found = first.into_iter().chain(others).find_map(|(name, run)| {
        let violation = match catch_unwind(AssertUnwindSafe(run)) {
            Ok(outcome) => outcome.err()?,
            Err(_) => "panics".into(),
        };
        Some(format!("{name}: {violation}"))
    });
    plant(None);
    found
}

#[test]
fn every_bug_planted_in_merging_is_found() {
    let mut missed = Vec::new();
    for bug in Planted::MERGE {
        match found(bug) {
            Some(how) => println!("{bug:?}: {how}"),
            None => missed.push(bug),
        }
    }
    assert_eq!(missed, []);
}
