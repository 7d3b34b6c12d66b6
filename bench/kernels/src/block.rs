//! Sealed blocks, of as many values as series seal.

use std::hint::black_box;

use memstore::Block;

use crate::data::{Kind, host, series};
use crate::figure;

/// How many values `memstore` seals into a block.
const LEN: usize = 256;
const SERIES: usize = 632;
pub(crate) const POINTS: usize = SERIES * LEN;

pub(crate) fn encode() -> Box<dyn FnMut()> {
    let all = host(1, LEN);
    Box::new(move || {
        for values in black_box(&all) {
            black_box(Block::encode(values));
        }
    })
}

pub(crate) fn decode() -> Box<dyn FnMut()> {
    let blocks: Vec<Block> = host(1, LEN).iter().map(|values| Block::encode(values).0).collect();
    let mut out = [0.0; LEN];
    Box::new(move || {
        for block in black_box(&blocks) {
            block.decode_range(0, &mut out);
            black_box(&mut out);
        }
    })
}

/// Bytes per point, handle included, with what jemalloc's size classes add.
pub(crate) fn sizes() {
    let walks = |kind| (0..100).map(|seed| series(kind, seed, 6 * LEN)).collect();
    let kinds: [(&str, Vec<Vec<f32>>); 3] = [
        ("two_decimals", walks(Kind::Decimal)),
        ("full_precision", walks(Kind::Float)),
        ("host", host(1, 6 * LEN)),
    ];
    for (name, all) in kinds {
        let (mut points, mut bytes) = (0_usize, 0_usize);
        for values in all.iter().flat_map(|values| values.chunks(LEN)) {
            let (block, _) = Block::encode(values);
            points += values.len();
            bytes += size_of::<Block>() + size_class(block.heap_bytes());
        }
        figure(&format!("sealed.{name}"), bytes as f64 / points as f64, "B/point");
    }
}

/// What jemalloc hands out for so many bytes: four classes from one power of two to the next.
fn size_class(bytes: usize) -> usize {
    let step = (bytes.next_power_of_two() / 8).max(16);
    bytes.next_multiple_of(step)
}
