//! What was measured: under each name the values of all runs.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

/// Values by name; the unit is that of the row in `rows.rs`.
#[derive(Debug, Default)]
pub(super) struct Figures(BTreeMap<String, Vec<f64>>);

/// The runs of one figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) runs: usize,
}

impl Figures {
    pub(super) fn add(&mut self, name: &str, value: f64) {
        self.0.entry(name.to_owned()).or_default().push(value);
    }

    /// Those among the lines that a program has printed: `figure NAME VALUE UNIT`.
    pub(super) fn read(&mut self, printed: &str) -> Result<()> {
        for line in printed.lines() {
            let mut words = line.split(' ');
            if words.next() != Some("figure") {
                continue;
            }
            let (name, value) = (words.next(), words.next().and_then(|text| text.parse().ok()));
            let (Some(name), Some(value)) = (name, value) else {
                anyhow::bail!("no figure: {line}")
            };
            self.add(name, value);
        }
        Ok(())
    }

    pub(super) fn spread(&self, name: &str) -> Option<Spread> {
        Spread::of(self.0.get(name)?)
    }

    pub(super) fn median(&self, name: &str) -> Option<f64> {
        Some(self.spread(name)?.median)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// What follows from others: how far from what the hardware does at best, in the same run.
    pub(super) fn derive(&mut self) {
        // Nanoseconds a line, and those in which the hardware copies its 85 bytes.
        self.ratio("ratio.ingest_copy", "ingest.day_memory", "machine.memcpy", |ns, gb| {
            ns / (85.0 / gb)
        });
        // Millions of points a second, and those that it checksums, 4 bytes each.
        self.ratio("ratio.checkpoint_crc", "checkpoint.day", "machine.crc32", |points, gb| {
            gb * 1e3 / 4.0 / points
        });
        self.ratio("ratio.recovery_copy", "recovery.answers", "machine.memcpy", |points, gb| {
            gb * 1e3 / 4.0 / points
        });
        self.ratio("ratio.decode_copy", "kernel.block_decode", "machine.memcpy", |points, gb| {
            gb * 1e3 / 4.0 / points
        });
        // Records of 50 bytes.
        self.ratio("ratio.replay_crc", "replay.records", "machine.crc32", |records, gb| {
            gb * 1e3 / 50.0 / records
        });
        self.ratio("log.always_p99", "log.synced_p99", "log.bare_p99", |ours, bare| ours / bare);
        self.ratio("checkpoint.pause", "pause.busy_p99", "pause.quiet_p99", |busy, quiet| {
            busy - quiet
        });
        self.ratio(
            "ingest.growth",
            "ingest.wide_logged",
            "ingest.narrow_logged",
            |wide, narrow| wide / narrow,
        );
    }

    /// Run by run, as the runs of both lie beside each other.
    fn ratio(&mut self, name: &str, of: &str, to: &str, ratio: fn(f64, f64) -> f64) {
        let (Some(of), Some(to)) = (self.0.get(of), self.0.get(to)) else { return };
        let ratios = of.iter().zip(to).map(|(of, to)| ratio(*of, *to)).collect();
        self.0.insert(name.to_owned(), ratios);
    }
}

impl Spread {
    fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let runs = sorted.len();
        let median = f64::midpoint(sorted[(runs - 1) / 2], sorted[runs / 2]);
        Some(Self { median, min, max, runs })
    }
}

/// The `percent`th of a hundred, of values that are there.
pub(super) fn percentile(values: &mut [f64], percent: usize) -> Result<f64> {
    values.sort_by(f64::total_cmp);
    let at = values.len().saturating_sub(1) * percent / 100;
    values.get(at).copied().context("nothing was measured")
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these numbers are exact")]
mod tests {
    use super::*;

    #[test]
    fn the_median_lies_between_the_two_in_the_middle() {
        let spread = |values: &[f64]| Spread::of(values).map(|it| (it.min, it.median, it.max));
        assert_eq!(spread(&[3.0, 1.0, 2.0]), Some((1.0, 2.0, 3.0)));
        assert_eq!(spread(&[4.0, 1.0, 2.0, 9.0]), Some((1.0, 3.0, 9.0)));
        assert_eq!(spread(&[]), None);
    }

    #[test]
    fn figures_are_read_from_among_other_lines() {
        let mut figures = Figures::default();
        figures.read("day\nfigure a.b 1.5 µs\nfigures are below\nfigure a.b 2.5 µs\n").unwrap();
        assert_eq!(figures.median("a.b"), Some(2.0));
        assert_eq!(figures.names().count(), 1);
        assert!(figures.read("figure a.b fast\n").is_err());
    }

    #[test]
    fn ratios_are_of_the_runs_beside_each_other() {
        let mut figures = Figures::default();
        figures.read("figure log.synced_p99 6 ms\nfigure log.synced_p99 9 ms\n").unwrap();
        figures.read("figure log.bare_p99 2 ms\nfigure log.bare_p99 9 ms\n").unwrap();
        figures.derive();
        let spread = figures.spread("log.always_p99").unwrap();
        assert_eq!((spread.min, spread.max), (1.0, 3.0));
        assert_eq!(figures.median("ingest.growth"), None);
    }

    #[test]
    fn percentiles_are_values_that_were_there() {
        let mut values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(percentile(&mut values, 50).unwrap(), 50.0);
        assert_eq!(percentile(&mut values, 99).unwrap(), 99.0);
        assert!(percentile(&mut [], 50).is_err());
    }
}
