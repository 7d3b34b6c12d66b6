//! A binary snapshot, whatever its bytes are: all ways over it tell of the same tree, and what is
//! encoded from that tree is that tree again.
//!
//! Every checksum holds in this build but for one value: that damage is noticed is for the crate's own
//! tests.
#![no_main]
#![expect(clippy::expect_used, reason = "a fuzz target reports by panicking")]

use libfuzzer_sys::fuzz_target;
use snapshot_format::{
    Event, Integrity, Level, OwnedSeries, Snapshot, Totals, TrailerFields, Tree, salvage,
};

fuzz_target!(|bytes: &[u8]| {
    let salvaged = salvage(bytes);
    assert!(salvaged.values_saved <= (bytes.len() / size_of::<f32>()) as u64);
    what_is_encoded_is_the_same_tree(&salvaged.tree);

    let parsed = Snapshot::parse(bytes);
    let Ok(structure) = Snapshot::parse_structure(bytes) else {
        assert!(parsed.is_err(), "parsed without a structure");
        return;
    };
    assert_eq!(parsed.err(), structure.fault);
    for damaged in &structure.damaged {
        assert!(damaged.start < damaged.end && damaged.end <= bytes.len() as u64);
    }

    let snapshot = structure.snapshot;
    the_events_are_as_many_as_were_proven(&snapshot);
    let tree = snapshot.to_tree();
    the_sorted_walk_is_the_tree_in_order(&snapshot, &tree);
    what_is_encoded_is_the_same_tree(&tree);
    if structure.fault.is_none() {
        assert_eq!(salvaged.tree, tree, "something was lost of a whole file");
        assert_eq!((salvaged.faults, salvaged.values_lost, salvaged.ended_at), (vec![], 0, None));
    }
});

fn the_events_are_as_many_as_were_proven(snapshot: &Snapshot<'_>) {
    let mut counted = Totals { levels: 1, ..Totals::default() };
    let mut open = 0_u64;
    for event in snapshot.events() {
        match event {
            Event::Enter(_) => {
                open += 1;
                counted.levels += 1;
            }
            Event::Leave => open = open.checked_sub(1).expect("a level is left that was entered"),
            Event::Series(series) => {
                counted.series += 1;
                counted.values += series.values.len() as u64;
                assert_eq!(series.values.as_bytes().len(), series.values.len() * size_of::<f32>());
            }
        }
    }
    assert_eq!(open, 0, "levels that nobody leaves");
    assert_eq!(counted, snapshot.totals());
}

fn the_sorted_walk_is_the_tree_in_order(snapshot: &Snapshot<'_>, tree: &Tree) {
    let sorted = snapshot.sorted();
    let walked: Vec<_> = sorted
        .iter()
        .map(|entry| {
            let path: Vec<Vec<u8>> = entry.path().map(<[u8]>::to_vec).collect();
            (path, entry.series().name.to_vec(), OwnedSeries::from(entry.series()))
        })
        .collect();
    let mut expected = Vec::new();
    let mut levels: Vec<(Vec<Vec<u8>>, &Level)> = vec![(Vec::new(), &tree.root)];
    while let Some((path, level)) = levels.pop() {
        for (name, series) in &level.metrics {
            expected.push((path.clone(), name.to_vec(), series.clone()));
        }
        // The last pushed is the next popped.
        for (name, child) in level.children.iter().rev() {
            levels.push((path.iter().cloned().chain([name.to_vec()]).collect(), child));
        }
    }
    assert_eq!(walked, expected);
}

fn what_is_encoded_is_the_same_tree(tree: &Tree) {
    let (encoded, written) = tree
        .encode(Vec::new(), TrailerFields::default())
        .expect("what was in a file fits into a file");
    assert_eq!(written, encoded.len() as u64);
    let again = Snapshot::parse(&encoded).expect("what is encoded is a snapshot");
    assert!(matches!(again.integrity(), Integrity::Verified(_)), "{:?}", again.integrity());
    assert_eq!(again.surplus(), 0);
    assert_eq!(&again.to_tree(), tree);
}
