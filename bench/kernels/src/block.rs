//! Sealed blocks, of as many values as series seal.

use std::hint::black_box;

use memstore::{Block, Catalogue, Host, Loaded, Origin, State};

use crate::data::{Kind, START, host, series};
use crate::figure;
use crate::store::MINUTE;

/// How many values `memstore` seals into a block.
const LEN: usize = 256;
const SERIES: usize = 632;
pub(crate) const POINTS: usize = SERIES * LEN;
/// What is open is little beside so many.
const MANY: usize = 20 * LEN;

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

/// Bytes that sealed blocks take of the allocator, a point, with their lists and what is not used of
/// their bundles. What jemalloc's size classes would add is none for a bundle.
pub(crate) fn sizes() {
    let walks = |kind| (0..100).map(|seed| series(kind, seed, MANY)).collect();
    let kinds: [(&str, Vec<Vec<f32>>); 3] = [
        ("two_decimals", walks(Kind::Decimal)),
        ("full_precision", walks(Kind::Float)),
        ("host", host(1, MANY)),
    ];
    for (name, all) in kinds {
        let (catalogue, mut host) = (Catalogue::new(), Host::new());
        let mut points = 0;
        for (number, values) in all.iter().enumerate() {
            let metric = catalogue.intern(format!("metric{number}").as_bytes());
            let series = host.series(&[], metric).unwrap();
            let (start, origin, state) = (START, Origin::Ours, State::Clean);
            host.load(series, Loaded { start, frequency: MINUTE, values, origin, state }).unwrap();
            points += values.len();
        }
        host.bundle();
        let memory = host.memory();
        // An open block has room for some more than it holds.
        let sealed = points - memory.open / size_of::<f32>();
        figure(&format!("sealed.{name}"), memory.blocks as f64 / sealed as f64, "B/point");
    }
}
