//! What the hardware does at best, in the same run as everything else.

use std::fs::File;
use std::hint::black_box;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Instant;

use crate::{clock, data, figure, percentile};

const TRIES: usize = 9;
const BYTES: usize = 64 << 20;
const SYNCS: usize = 300;

/// Gigabytes per second of processor time, the best of some tries: what is asked for is the hardware.
fn rate(bytes: usize, mut work: impl FnMut()) -> f64 {
    let one = |_| {
        let began = clock::cpu_seconds();
        work();
        bytes as f64 / (clock::cpu_seconds() - began).max(1e-9) / 1e9
    };
    (0..TRIES).map(one).fold(0.0, f64::max)
}

pub(crate) fn run(directory: &Path) {
    let source = vec![7_u8; BYTES];
    let mut target = vec![0_u8; BYTES];
    let copied = rate(BYTES, || black_box(&mut target).copy_from_slice(black_box(&source)));
    figure("machine.memcpy", copied, "GB/s");
    let checked = rate(BYTES, || {
        black_box(crc32fast::hash(black_box(&source)));
    });
    figure("machine.crc32", checked, "GB/s");
    let body = data::lines(1).repeat(200);
    let lines = 632 * 200;
    let scanned = rate(body.len(), || {
        for _ in 0..10 {
            black_box(memchr::memchr_iter(b'\n', black_box(&body)).count());
        }
    });
    let per_line = body.len() as f64 / f64::from(lines);
    figure("machine.newlines", 10.0 * scanned * 1e3 / per_line, "M/s");
    syncs(directory);
}

/// 4 KiB appended and synced.
fn syncs(directory: &Path) {
    let mut file = tempfile::tempfile_in(directory).unwrap();
    let mut times = append(&mut file);
    for percent in [50, 99] {
        let value = percentile(&mut times, percent);
        figure(&format!("machine.fdatasync_p{percent}"), value, "ms");
    }
}

fn append(file: &mut File) -> Vec<f64> {
    file.seek(SeekFrom::Start(0)).unwrap();
    let one = |_| {
        let began = Instant::now();
        file.write_all(&[7; 4096]).unwrap();
        file.sync_data().unwrap();
        began.elapsed().as_secs_f64() * 1e3
    };
    (0..SYNCS).map(one).collect()
}
