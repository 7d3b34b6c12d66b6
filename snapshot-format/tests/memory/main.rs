//! No file makes the crate take more memory than a small multiple of the file, nor more time than
//! a sort of it: files made up of nothing but what is largest in memory and smallest on disk.
#![expect(clippy::unwrap_used, reason = "the helpers of a test may fail it")]

use peak_alloc::PeakAlloc;
use snapshot_format::{Snapshot, Tree, read_json, salvage, salvage_json};
use std::fmt::Write;
use std::time::{Duration, Instant};

/// Counts the bytes that are asked for; what grows is there twice while it moves.
#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Bytes of memory for each byte of a file, as the crate's documentation promises.
const BINARY_MULTIPLE: usize = 15;
const JSON_MULTIPLE: usize = 25;
/// The same for the index of the sorted walk, and for a tree that has been read.
const SORTED_MULTIPLE: usize = 9;
const HELD_MULTIPLE: usize = 7;
/// What is allowed besides: buffers of fixed size.
const ALLOWANCE: usize = 1 << 20;

/// One more than a power of two: what grows to the double has just done so.
const COUNT: u32 = (1 << 17) + 1;

/// Runs `run`, and fails if it takes more than `multiple` times the file; returns its result.
fn within<T>(what: &str, file: &[u8], multiple: usize, run: impl FnOnce() -> T) -> T {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let result = run();
    let peak = ALLOCATOR.peak_usage() - before;
    let (len, limit) = (file.len(), multiple * file.len() + ALLOWANCE);
    assert!(peak <= limit, "{what}: {peak} bytes, {} for each of the file's", peak / len);
    result
}

fn assert_binary_within(what: &str, file: &[u8]) -> Tree {
    let snapshot = Snapshot::parse(file).unwrap();
    let name = |way| format!("{what}, {way}");
    let multiple = BINARY_MULTIPLE;
    within(&name("parse"), file, multiple, || Snapshot::parse(file).map(|_| ())).unwrap();
    within(&name("events"), file, multiple, || snapshot.events().count());
    let indexed = within(&name("sorted"), file, SORTED_MULTIPLE, || snapshot.sorted()).len();
    let before = ALLOCATOR.current_usage();
    let tree = within(&name("tree"), file, multiple, || snapshot.to_tree());
    let held = ALLOCATOR.current_usage() - before;
    assert!(held <= HELD_MULTIPLE * file.len(), "{what}: {held} bytes are held");
    let saved = within(&name("salvage"), file, multiple, || salvage(file));
    assert_eq!(saved.tree, tree, "{what}");
    assert_eq!(series_in(&tree), indexed, "{what}");
    for cut in [&file[..file.len() - 1], &file[..file.len() / 2]] {
        within(&name("cut"), cut, multiple, || salvage(cut));
    }
    tree
}

fn assert_json_within(what: &str, file: &[u8]) -> Tree {
    let half = &file[..file.len() / 2];
    within(&format!("{what}, half"), half, JSON_MULTIPLE, || salvage_json(half));
    within(what, file, JSON_MULTIPLE, || read_json(file)).unwrap()
}

fn series_in(tree: &Tree) -> usize {
    let (mut levels, mut count) = (vec![&tree.root], 0);
    while let Some(level) = levels.pop() {
        count += level.metrics.len();
        levels.extend(level.children.values());
    }
    count
}

/// A binary snapshot of a root level that stands behind its header.
fn snapshot(root: &[u8]) -> Vec<u8> {
    [&0xCC5B_0001_u32.to_le_bytes()[..], &[0; 16], root].concat()
}

fn list(count: u32, entry: impl Fn(u32) -> Vec<u8>) -> Vec<u8> {
    let mut bytes = count.to_le_bytes().to_vec();
    (0..count).for_each(|index| bytes.extend(entry(index)));
    bytes
}

fn named(name: &str, behind: &[u8]) -> Vec<u8> {
    let len = u16::try_from(name.len()).unwrap();
    [&len.to_le_bytes(), name.as_bytes(), behind].concat()
}

/// Distinct names of up to three characters, in an order that has nothing to do with theirs.
fn shuffled(index: u32) -> String {
    const DIGITS: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let mut rest = index.wrapping_mul(7_919) % COUNT; // Nothing divides both: each has its own.
    let mut name = String::new();
    while rest > 0 {
        name.push(char::from(DIGITS[rest as usize % DIGITS.len()]));
        rest /= 62;
    }
    name
}

/// Distinct names of six digits, ascending.
fn ascending(index: u32) -> String {
    format!("{index:06}")
}

const EMPTY_LEVEL: [u8; 8] = [0; 8];
const EMPTY_SERIES: [u8; 20] = [0; 20];

fn children(name: impl Fn(u32) -> String) -> Vec<u8> {
    let children = list(COUNT, |index| named(&name(index), &EMPTY_LEVEL));
    snapshot(&[&[0; 4], &children[..]].concat())
}

fn series(name: impl Fn(u32) -> String) -> Vec<u8> {
    let series = list(COUNT, |index| named(&name(index), &EMPTY_SERIES));
    snapshot(&[&series[..], &[0; 4]].concat())
}

/// Chains of levels with one child each, as deep as can be, side by side below the root.
fn chains(name: &str) -> Vec<u8> {
    let mut chain = Vec::new();
    for _ in 0..254 {
        chain.extend([0, 0, 0, 0, 1, 0, 0, 0]);
        chain.extend(named(name, &[]));
    }
    chain.extend(EMPTY_LEVEL);
    let chains = list(COUNT / 254, |index| named(&shuffled(index), &chain));
    snapshot(&[&[0; 4], &chains[..]].concat())
}

#[test]
fn no_file_takes_more_than_a_small_multiple_of_itself() {
    // One test, since all threads of a process are counted together.
    let tree = assert_binary_within("children in any order", &children(shuffled));
    assert_eq!(tree.root.children.len(), COUNT as usize);
    assert_binary_within("children in order", &children(ascending));
    let tree = assert_binary_within("children of one name", &children(|_| String::new()));
    assert_eq!(tree.root.children.len(), 1);
    let tree = assert_binary_within("series in any order", &series(shuffled));
    assert_eq!(tree.root.metrics.len(), COUNT as usize);
    assert_binary_within("series of one name", &series(|_| String::new()));
    assert_binary_within("chains without names", &chains(""));
    let tree = assert_binary_within("chains", &chains("c"));
    assert_eq!(tree.root.children.len(), COUNT as usize / 254);
    assert_binary_within("an empty level", &snapshot(&EMPTY_LEVEL));

    damaged_chunks();
    json();
    a_level_with_one_child_takes_less_than_100_bytes();
    names_in_any_order_take_no_longer_than_a_sort();
}

/// A checksum for each byte, and every other one fails.
fn damaged_chunks() {
    let mut file = children(shuffled);
    let mut trailer = 0x4C53_5401_u32.to_le_bytes().to_vec();
    trailer.extend(u32::try_from(28 + 4 * file.len()).unwrap().to_le_bytes());
    trailer.extend([0; 24]);
    trailer.extend(1_u32.to_le_bytes());
    for (at, byte) in file.iter().enumerate() {
        let crc = crc32fast::hash(&[*byte]) ^ u32::from(at % 2 == 0);
        trailer.extend(crc.to_le_bytes());
    }
    trailer.extend(crc32fast::hash(&trailer).to_le_bytes());
    file.extend(trailer);
    let parsed = within("damaged chunks, parse", &file, BINARY_MULTIPLE, || {
        Snapshot::parse_structure(&file).map(|structure| structure.damaged.len())
    });
    assert!(parsed.unwrap() > 100_000);
    let saved = within("damaged chunks, salvage", &file, BINARY_MULTIPLE, || salvage(&file));
    assert!(saved.faults.len() > 100_000);
}

/// The same in JSON, where the least child and the least series are the six bytes of `"":{},`.
fn json() {
    let members = |name: &dyn Fn(u32) -> String| {
        let mut members = String::new();
        for index in 0..COUNT {
            let comma = if index == 0 { "" } else { "," };
            write!(members, "{comma}\"{}\":{{}}", name(index)).unwrap();
        }
        members
    };
    for (what, name) in
        [("any order", &shuffled as &dyn Fn(u32) -> String), ("one name", &|_| String::new())]
    {
        let file = format!("{{\"children\":{{{}}}}}", members(name));
        assert_json_within(&format!("JSON children, {what}"), file.as_bytes());
        let file = format!("{{\"metrics\":{{{}}}}}", members(name));
        assert_json_within(&format!("JSON series, {what}"), file.as_bytes());
    }
    let chain = ["{\"children\":{\"\":".repeat(254), "{}".into(), "}}".repeat(254)].concat();
    let chains: Vec<_> =
        (0..COUNT / 254).map(|index| format!("\"{}\":{chain}", shuffled(index))).collect();
    let file = format!("{{\"children\":{{{}}}}}", chains.join(","));
    let tree = assert_json_within("JSON chains", file.as_bytes());
    assert_eq!(tree.root.children.len(), COUNT as usize / 254);
    let values = format!("{{\"metrics\":{{\"\":{{\"data\":[{}0]}}}}}}", "0,".repeat(500_000));
    assert_json_within("JSON values", values.as_bytes());
}

/// In a tree that is built by hand, too.
fn a_level_with_one_child_takes_less_than_100_bytes() {
    let before = ALLOCATOR.current_usage();
    let mut tree = Tree::default();
    (0..254).fold(&mut tree.root, |level, _| level.children.get_or_default(b"c"));
    let held = ALLOCATOR.current_usage() - before;
    assert!(held < 254 * 100, "{held} bytes for 254 levels");
}

/// The best of a few, since the machine may do something else too.
fn time(run: impl Fn()) -> Duration {
    #[expect(clippy::disallowed_methods, reason = "a test may look at the clock")]
    let now = Instant::now;
    let one = || {
        let begin = now();
        run();
        begin.elapsed()
    };
    (0..3).map(|_| one()).min().unwrap()
}

/// Inserting one by one, in the middle, takes some ninety times as long as in order.
fn names_in_any_order_take_no_longer_than_a_sort() {
    let (ordered, shuffled) = (children(ascending), children(shuffled));
    let tree = |file| time(|| drop(Snapshot::parse(file).unwrap().to_tree()));
    let sorted = |file| time(|| drop(Snapshot::parse(file).unwrap().sorted()));
    for (shuffled, ordered) in
        [(tree(&shuffled), tree(&ordered)), (sorted(&shuffled), sorted(&ordered))]
    {
        assert!(shuffled < ordered * 20, "{shuffled:?}, and {ordered:?} in order");
    }
}
