//! A host of 632 series with a day of values each: encoded, proven, walked, decoded, and as JSON,
//! beside what the machine does with the same bytes at best.
#![expect(clippy::unwrap_used, reason = "a benchmark may fail")]

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use snapshot_format::{
    Counts, Encoder, Event, OwnedSeries, Snapshot, TrailerFields, Tree, read_json, write_json,
};

const SERIES: u32 = 632;
const VALUES: usize = 1440;

fn main() {
    divan::main();
}

/// Eight series of the host itself, the rest on 72 hardware threads, values with two decimals.
fn host() -> Tree {
    let mut tree = Tree { from: 1_700_000_000, to: 1_700_086_341, ..Tree::default() };
    let mut state = 1_u32;
    for index in 0..SERIES {
        let values = core::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f32::from(u16::try_from(state >> 17).unwrap()) / 100.0
        });
        let values = values.take(VALUES).collect();
        let series = OwnedSeries { frequency: 60, start: 1_700_000_000, values };
        let name = format!("metric_{index:03}").into_bytes();
        let level = match index.checked_sub(8) {
            None => &mut tree.root,
            Some(index) => {
                let thread = format!("hwthread{}", index % 72).into_bytes();
                tree.root.children.get_or_default(&thread)
            }
        };
        level.metrics.insert(&name, series);
    }
    tree
}

fn with_trailer() -> Vec<u8> {
    host().encode(Vec::new(), TrailerFields::default()).unwrap().0
}

fn without_trailer() -> Vec<u8> {
    let mut bytes = with_trailer();
    let trailer_len = 8 + 28 + 4 * bytes.len().div_ceil(65_536) + 4;
    bytes.truncate(bytes.len() - trailer_len);
    assert_eq!(Snapshot::parse(&bytes).unwrap().integrity(), snapshot_format::Integrity::Unchecked);
    bytes
}

#[divan::bench]
fn a_memcpy(bencher: Bencher) {
    let bytes = with_trailer();
    let mut target = vec![0_u8; bytes.len()];
    bencher
        .counter(BytesCount::of_slice(&bytes))
        .bench_local(|| black_box(&mut target).copy_from_slice(black_box(&bytes)));
}

#[divan::bench]
fn a_crc32(bencher: Bencher) {
    let bytes = with_trailer();
    bencher
        .counter(BytesCount::of_slice(&bytes))
        .bench_local(|| crc32fast::hash(black_box(&bytes)));
}

#[divan::bench]
fn b_encode_tree(bencher: Bencher) {
    let tree = host();
    let mut target = with_trailer();
    bencher.counter(BytesCount::of_slice(&target)).bench_local(|| {
        target.clear();
        black_box(&tree).encode(&mut target, TrailerFields::default()).unwrap().1
    });
}

/// The same values again and again, as sealed blocks are decoded into one buffer.
#[divan::bench]
fn b_encode_series(bencher: Bencher) {
    let values = [0.25; VALUES];
    let names: Vec<_> = (0..SERIES).map(|i| format!("metric_{i:03}").into_bytes()).collect();
    let mut target = with_trailer();
    bencher.counter(BytesCount::of_slice(&target)).bench_local(|| {
        target.clear();
        let root = Counts { metrics: SERIES, children: 0 };
        let mut encoder = Encoder::new(&mut target, 0, 86_400, root).unwrap();
        for name in &names {
            encoder.series(name, 60, 0, black_box(&values)).unwrap();
        }
        encoder.finish(TrailerFields::default()).unwrap().1
    });
}

#[divan::bench]
fn c_prove_with_trailer(bencher: Bencher) {
    let bytes = with_trailer();
    bencher
        .counter(BytesCount::of_slice(&bytes))
        .bench_local(|| Snapshot::parse(black_box(&bytes)).unwrap().totals());
}

#[divan::bench]
fn c_prove_without_trailer(bencher: Bencher) {
    let bytes = without_trailer();
    bencher
        .counter(BytesCount::of_slice(&bytes))
        .bench_local(|| Snapshot::parse(black_box(&bytes)).unwrap().totals());
}

#[divan::bench]
fn d_sorted_walk(bencher: Bencher) {
    let bytes = with_trailer();
    let snapshot = Snapshot::parse(&bytes).unwrap();
    bencher.counter(BytesCount::of_slice(&bytes)).bench_local(|| {
        let sorted = black_box(&snapshot).sorted();
        sorted.iter().map(|entry| entry.path().len() + entry.series().values.len()).sum::<usize>()
    });
}

#[divan::bench]
fn d_copy_values_out(bencher: Bencher) {
    let bytes = with_trailer();
    let snapshot = Snapshot::parse(&bytes).unwrap();
    let mut target = [0.0; VALUES];
    bencher.counter(BytesCount::of_slice(&bytes)).bench_local(|| {
        for event in black_box(&snapshot).events() {
            if let Event::Series(series) = event {
                series.values.copy_to(black_box(&mut target));
            }
        }
    });
}

#[divan::bench]
fn d_decode_to_tree(bencher: Bencher) {
    let bytes = with_trailer();
    bencher
        .counter(BytesCount::of_slice(&bytes))
        .bench_local(|| Snapshot::parse(black_box(&bytes)).unwrap().to_tree());
}

#[divan::bench]
fn e_json_write(bencher: Bencher) {
    let tree = host();
    let mut json = Vec::new();
    let len = write_json(&tree, &mut json).unwrap();
    bencher.counter(BytesCount::new(len)).bench_local(|| {
        json.clear();
        write_json(black_box(&tree), &mut json).unwrap()
    });
}

#[divan::bench]
fn e_json_read(bencher: Bencher) {
    let mut json = Vec::new();
    write_json(&host(), &mut json).unwrap();
    bencher
        .counter(BytesCount::of_slice(&json))
        .bench_local(|| read_json(black_box(&json[..])).unwrap());
}
