//! A JSON checkpoint, whatever its bytes are: what is read from it is written and read again the
//! same, to the bit, also what was saved of half a file; a stream in crumbs says the same.
#![no_main]
#![expect(clippy::expect_used, reason = "a fuzz target reports by panicking")]

mod crumbs;

use crumbs::Crumbs;
use libfuzzer_sys::fuzz_target;
use snapshot_format::{Snapshot, TrailerFields, Tree, read_json, salvage_json, write_json};

fuzz_target!(|json: &[u8]| {
    let salvaged = salvage_json(json);
    match (read_json(json), &salvaged.fault) {
        (Ok(tree), None) => assert_eq!(tree, salvaged.tree),
        (Err(error), Some(fault)) => assert_eq!(&error, fault),
        (read, fault) => assert!(read.is_ok() && fault.is_none(), "{read:?}, yet {fault:?}"),
    }
    assert_eq!(salvage_json(Crumbs::of(json)), salvaged, "a stream in crumbs differs");

    what_is_written_is_the_same_tree(&salvaged.tree);
    the_other_format_holds_the_same_tree(&salvaged.tree);
});

fn what_is_written_is_the_same_tree(tree: &Tree) {
    let mut json = Vec::new();
    let written = write_json(tree, &mut json).expect("what was in a file fits into a file");
    assert_eq!(written, json.len() as u64);
    assert_eq!(&read_json(&json[..]).expect("what is written is a checkpoint"), tree);
}

fn the_other_format_holds_the_same_tree(tree: &Tree) {
    // A name may be longer in JSON than a binary snapshot can say.
    let Ok((encoded, _)) = tree.encode(Vec::new(), TrailerFields::default()) else { return };
    let snapshot = Snapshot::parse(&encoded).expect("what is encoded is a snapshot");
    assert_eq!(&snapshot.to_tree(), tree);
}
