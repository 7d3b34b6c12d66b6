//! What freeing leaves.

use checkpointer::disk::sim::SimDisk;
use checkpointer::log::Inline;

use super::store::{A01, Setup, bits};

#[test]
fn freeing_leaves_no_bundle_with_more_holes_than_blocks() {
    const T: i64 = 1_700_000_000;
    let setup = Setup::new().at(T + 1_000_000);
    let store = setup.open(&SimDisk::new(1));
    // The oldest are bundled by themselves meanwhile. A value takes three bytes.
    let value = |n: u32| f32::from_bits(0x3F80_0000 | (n.wrapping_mul(0x9E37_79B9) >> 9));
    let samples: Vec<_> = (0..60_000).map(|n| (T + 10 * i64::from(n), value(n))).collect();
    assert_eq!(store.write("m", &samples), []);
    let bytes_each = || {
        let host = store.engine.get(A01.0, A01.1).unwrap();
        let (memory, counts) = host.read(|tree| (tree.memory(), tree.counts()));
        1000 * memory.blocks as u64 / counts.points
    };
    let before = bytes_each();
    let branches = [vec!["alpha".to_owned()], vec!["alpha".to_owned(), "a01".to_owned()]];
    let until = T + 150_000;
    let freed = store.engine.free(until, &branches, &|_, _| false, store.now, &Inline);
    assert!(freed.blocks > 50, "{freed:?}");
    let after = bytes_each();
    assert!(after < before + before / 20, "{after} bytes for 1000 values, {before} before");
    let left = bits(&samples[samples.len() - 40_000..]);
    let found = store.slots("m");
    assert!(left.iter().all(|(time, value)| found.get(time) == Some(value)));
}
