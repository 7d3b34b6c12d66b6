//! Each rule of archive runs broken on purpose: the tests see it.

use checkpointer::planted::{Planted, plant};

use super::commands;
use super::crash::{search_believed, search_once, search_twice};

#[test]
fn every_bug_that_is_planted_is_found() {
    let mut missed = Vec::new();
    for bug in Planted::ARCHIVE {
        plant(Some(bug));
        let found = match bug {
            Planted::ArchiveOverwrites => commands::others_are_overwritten(),
            Planted::CompactionForgets => commands::marks_are_lost_after(40),
            // One that only a second crash shows.
            Planted::UndoneFilesComeBack => search_twice(1 << 20, 1).is_err(),
            Planted::ManifestBelieved => search_believed().is_err(),
            _ => search_once().is_err(),
        };
        plant(None);
        if !found {
            missed.push(bug);
        }
    }
    assert_eq!(missed, []);
}
