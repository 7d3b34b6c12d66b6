//! Sealed blocks: their size and their speed, beside those of a copy and of `pco`.
//!
//! First a table: bytes per point of every kind of series, handle included. `asked` is what the
//! block asks of the allocator, `held` what jemalloc's size classes make of it. Then the times, of the
//! series of one host for a day.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "made-up values are as good when they are rounded"
)]

use common::{KINDS, Kind, host, series};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use memstore::{BLOCK_LEN, Block, MISSING, Stats};

#[path = "common/mod.rs"]
mod common;

const DAY: usize = 1440;
const LENGTHS: [usize; 3] = [128, 256, BLOCK_LEN];

fn main() {
    let mut table = String::from("bytes per point          asked  held  pco\n");
    for len in LENGTHS {
        for kind in KINDS {
            let all: Vec<_> = (0..20).map(|seed| series(kind, seed, 3 * BLOCK_LEN)).collect();
            table += &size_line(&format!("{kind:?}"), &all, len);
        }
        table += &size_line("host", &host(1, 3 * BLOCK_LEN), len);
    }
    // A bench may print, a library may not.
    #[expect(clippy::print_stdout, reason = "the table is what this program is for")]
    {
        println!("{table}");
    }
    divan::main();
}

fn size_line(name: &str, series: &[Vec<f32>], len: usize) -> String {
    let (mut points, mut asked, mut held, mut pco) = (0, 0, 0, 0);
    for values in series.iter().flat_map(|values| values.chunks(len)) {
        let (block, _) = Block::encode(values);
        points += values.len();
        asked += size_of::<Block>() + block.heap_bytes();
        held += size_of::<Block>() + size_class(block.heap_bytes());
        pco += pco_encode(values).len();
    }
    let per_point = |bytes: usize| bytes as f64 / points as f64;
    let [asked, held, pco] = [asked, held, pco].map(per_point);
    format!("{name:>10} in blocks of {len:>3}: {asked:5.3} {held:5.3} {pco:5.3}\n")
}

/// What jemalloc hands out for so many bytes: four classes from one power of two to the next.
fn size_class(bytes: usize) -> usize {
    let step = (bytes.next_power_of_two() / 8).max(16);
    bytes.next_multiple_of(step)
}

fn pco_encode(values: &[f32]) -> Vec<u8> {
    let config = pco::ChunkConfig::default().with_compression_level(8);
    pco::standalone::simple_compress(values, &config).unwrap_or_default()
}

/// What the times are taken of.
#[derive(Clone, Copy, Debug)]
enum Data {
    Of(Kind),
    Host,
}

const DATA: [Data; 4] =
    [Data::Of(Kind::Decimal), Data::Of(Kind::Float), Data::Of(Kind::Burst), Data::Host];

impl Data {
    fn values(self) -> Vec<f32> {
        match self {
            Self::Of(kind) => (0..100).flat_map(|seed| series(kind, seed, DAY)).collect(),
            Self::Host => host(1, DAY).concat(),
        }
    }

    /// Whole blocks, as the values of runs that go on are sealed.
    fn blocks(self) -> (Vec<f32>, Vec<Block>) {
        self.blocks_of(BLOCK_LEN)
    }

    fn blocks_of(self, len: usize) -> (Vec<f32>, Vec<Block>) {
        let mut values = self.values();
        values.truncate(values.len() / len * len);
        let blocks = values.chunks(len).map(|values| Block::encode(values).0).collect();
        (values, blocks)
    }
}

#[divan::bench(args = DATA)]
fn copy(bencher: Bencher<'_, '_>, data: Data) {
    let values = data.values();
    let mut out = [0.0; BLOCK_LEN];
    bencher.counter(ItemsCount::new(values.len())).bench_local(|| {
        for values in values.chunks(BLOCK_LEN) {
            out[..values.len()].copy_from_slice(values);
            black_box(&mut out);
        }
    });
}

#[divan::bench(args = DATA, consts = LENGTHS)]
fn encode<const LEN: usize>(bencher: Bencher<'_, '_>, data: Data) {
    let values = data.values();
    bencher.counter(ItemsCount::new(values.len())).bench_local(|| {
        for values in values.chunks(LEN) {
            black_box(Block::encode(values));
        }
    });
}

#[divan::bench(args = DATA, consts = LENGTHS)]
fn decode<const LEN: usize>(bencher: Bencher<'_, '_>, data: Data) {
    let (values, blocks) = data.blocks_of(LEN);
    let mut out = [0.0; LEN];
    bencher.counter(ItemsCount::new(values.len())).bench_local(|| {
        for block in &blocks {
            block.decode_range(0, &mut out);
            black_box(&mut out);
        }
    });
}

/// An hour in minutes, from the middle of every block.
#[divan::bench(args = DATA)]
fn decode_part(bencher: Bencher<'_, '_>, data: Data) {
    let (_, blocks) = data.blocks();
    let mut out = [0.0; 60];
    bencher.counter(ItemsCount::new(blocks.len() * out.len())).bench_local(|| {
        for block in &blocks {
            block.decode_range(200, &mut out);
            black_box(&mut out);
        }
    });
}

#[divan::bench(args = DATA)]
fn get(bencher: Bencher<'_, '_>, data: Data) {
    let (_, blocks) = data.blocks();
    bencher.counter(ItemsCount::new(blocks.len())).bench_local(|| {
        for (at, block) in blocks.iter().enumerate() {
            black_box(block.get(at % BLOCK_LEN));
        }
    });
}

#[divan::bench(args = DATA)]
fn stats_of_values(bencher: Bencher<'_, '_>, data: Data) {
    let values = data.values();
    bencher.counter(ItemsCount::new(values.len())).bench_local(|| {
        for values in values.chunks(BLOCK_LEN) {
            black_box(Stats::of(values));
        }
    });
}

#[divan::bench(args = DATA)]
fn stats_of_blocks(bencher: Bencher<'_, '_>, data: Data) {
    let (values, blocks) = data.blocks();
    bencher.counter(ItemsCount::new(values.len())).bench_local(|| {
        for block in &blocks {
            black_box(block.stats(0, BLOCK_LEN));
        }
    });
}

#[divan::bench(args = DATA, sample_count = 5)]
fn pco_encode_8(bencher: Bencher<'_, '_>, data: Data) {
    let values = data.values();
    let values = &values[..values.len().min(100 * BLOCK_LEN)];
    bencher.counter(ItemsCount::new(values.len())).bench_local(|| {
        for values in values.chunks(BLOCK_LEN) {
            black_box(pco_encode(values));
        }
    });
}

#[divan::bench(args = DATA, sample_count = 20)]
fn pco_decode(bencher: Bencher<'_, '_>, data: Data) {
    let values = data.values();
    let values = &values[..values.len().min(100 * BLOCK_LEN)];
    let chunks: Vec<_> = values.chunks(BLOCK_LEN).map(pco_encode).collect();
    let mut out = [MISSING; BLOCK_LEN];
    bencher.counter(ItemsCount::new(values.len())).bench_local(|| {
        for chunk in &chunks {
            black_box(pco::standalone::simple_decompress_into(chunk, &mut out).is_ok());
        }
    });
}

#[divan::bench]
fn lttb(bencher: Bencher<'_, '_>) {
    let values = series(Kind::Decimal, 1, DAY);
    bencher.counter(ItemsCount::new(values.len())).bench_local(|| {
        memstore::resample::resample(black_box(&values), 60, 600, memstore::resample::Method::Lttb)
    });
}
