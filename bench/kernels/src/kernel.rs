//! What a kernel is, and all there are.

use crate::{archive, block, clock, figure, json, lines, percentile, snapshot, store, wal};

/// One inner loop with what it works on.
pub(crate) struct Kernel {
    pub(crate) name: &'static str,
    /// What one round handles: records, lines, points.
    pub(crate) items: usize,
    /// So many rounds are enough for a count that does not depend on the first.
    pub(crate) rounds: usize,
    /// Sets it up; each call is a round.
    pub(crate) make: fn() -> Box<dyn FnMut()>,
}

/// Samples that a host sends a minute.
pub(crate) const SERIES: usize = 632;

pub(crate) const KERNELS: &[Kernel] = &[
    Kernel { name: "wal_encode", items: SERIES, rounds: 10, make: wal::encode },
    Kernel { name: "wal_scan", items: SERIES, rounds: 10, make: wal::scan },
    Kernel { name: "line_parse", items: SERIES, rounds: 10, make: lines::parse },
    Kernel { name: "line_predicted", items: SERIES, rounds: 10, make: lines::predicted },
    Kernel { name: "ingest_batch", items: SERIES, rounds: 20, make: store::ingest_batch },
    Kernel { name: "ingest_logged", items: SERIES, rounds: 20, make: store::ingest_logged },
    Kernel { name: "host_write", items: SERIES, rounds: 40, make: store::host_write },
    Kernel { name: "block_encode", items: block::POINTS, rounds: 2, make: block::encode },
    Kernel { name: "block_decode", items: block::POINTS, rounds: 4, make: block::decode },
    Kernel { name: "snapshot_encode", items: snapshot::POINTS, rounds: 2, make: snapshot::encode },
    Kernel { name: "snapshot_decode", items: snapshot::POINTS, rounds: 2, make: snapshot::decode },
    Kernel { name: "read_series", items: store::DAY, rounds: 50, make: store::read_series },
    Kernel { name: "read_sum_72", items: 72 * store::DAY, rounds: 2, make: store::read_sum_72 },
    Kernel { name: "json_numbers", items: json::NUMBERS, rounds: 4, make: json::numbers },
    Kernel { name: "archive_rows", items: archive::ROWS, rounds: 1, make: archive::rows },
];

impl Kernel {
    /// One round to warm up, then so many.
    pub(crate) fn run(&self, rounds: usize) {
        let mut round = (self.make)();
        for _ in 0..=rounds {
            round();
        }
    }

    /// Items per second of processor time, the median of some tries.
    pub(crate) fn time(&self) {
        const TRIES: usize = 5;
        const SECONDS_MIN: f64 = 0.1;
        let mut round = (self.make)();
        round();
        let mut rates: Vec<f64> = (0..TRIES)
            .map(|_| {
                let (began, mut rounds) = (clock::cpu_seconds(), 0);
                loop {
                    round();
                    rounds += 1;
                    let seconds = clock::cpu_seconds() - began;
                    if seconds >= SECONDS_MIN {
                        break (rounds * self.items) as f64 / seconds / 1e6;
                    }
                }
            })
            .collect();
        figure(&format!("kernel.{}", self.name), percentile(&mut rates, 50), "M/s");
    }
}
