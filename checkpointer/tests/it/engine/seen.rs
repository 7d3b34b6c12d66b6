//! What a store holds, as plain lists: taken from a tree, so that states can be compared.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use checkpointer::disk::Disk;
use checkpointer::memstore::{self, Aggregation, Catalogue};
use checkpointer::{Problems, View, view};

/// The hosts of the simulation: cluster and name.
pub(crate) const HOSTS: [(&str, &str); 3] = [("alpha", "a01"), ("alpha", "a02"), ("beta", "b01")];

/// The series that hosts can have: metric and path. The last is never written, only found.
pub(crate) const SERIES: [(&str, &[&str]); 6] = [
    ("a", &[]),
    ("b", &[]),
    ("a", &["socket0"]),
    ("c", &["socket0", "dimm1"]),
    ("b", &["hwthread3"]),
    ("u", &[]),
];

/// Host, series, nominal time.
pub(crate) type Key = (usize, usize, i64);

/// Values are numbers that are used once, so that the later write is the larger one.
pub(crate) type Values = BTreeMap<Key, u32>;

/// Metrics and their frequencies.
pub(crate) type Frequencies = BTreeMap<&'static str, u32>;

pub(crate) fn catalogue(frequencies: &Frequencies) -> Catalogue {
    let catalogue = Catalogue::new();
    for (metric, frequency) in frequencies {
        let frequency = NonZeroU32::new(*frequency).unwrap();
        catalogue.add(metric.as_bytes(), frequency, Aggregation::Sum);
    }
    catalogue
}

/// A run with its slots that have a value: time, value, and whether no snapshot holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) series: usize,
    pub(crate) start: i64,
    pub(crate) frequency: u32,
    pub(crate) slots: Vec<(i64, u32, bool)>,
}

/// All runs of a host.
pub(crate) fn runs(tree: &memstore::Host, catalogue: &Catalogue) -> Result<Vec<Run>, String> {
    let all = tree.view_all();
    let mut runs = Vec::new();
    for run in all.runs(catalogue) {
        let is_this = |(metric, path): &(&str, &[&str])| {
            metric.as_bytes() == &*run.name
                && path.len() == run.path.len()
                && path.iter().zip(run.path).all(|(one, other)| one.as_bytes() == &**other)
        };
        let series = SERIES.iter().position(is_this).ok_or("a series that nobody wrote")?;
        let frequency = run.frequency.get();
        let mut slots = Vec::new();
        for (slot, value) in run.to_vec().into_iter().enumerate() {
            let time = run.start + i64::try_from(slot).unwrap() * i64::from(frequency);
            if !value.is_nan() {
                slots.push((time, number(value)?, run.is_unsaved(slot)));
            }
        }
        runs.push(Run { series, start: run.start, frequency, slots });
    }
    check_runs(&runs)?;
    Ok(runs)
}

/// Runs of a series are ordered, do not overlap, and begin and end with a value.
fn check_runs(runs: &[Run]) -> Result<(), String> {
    for pair in runs.windows(2) {
        let overlap = pair[0].series == pair[1].series
            && pair[0].slots.last().is_some_and(|last| last.0 >= pair[1].start);
        if overlap {
            return Err(format!("runs overlap: {:?} and {:?}", pair[0], pair[1]));
        }
    }
    Ok(())
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked behind it")]
fn number(value: f32) -> Result<u32, String> {
    let number = value as u32;
    if as_value(number).to_bits() == value.to_bits() {
        Ok(number)
    } else {
        Err(format!("{value} was never written"))
    }
}

#[expect(clippy::cast_precision_loss, reason = "the simulation stays below 2^24")]
pub(crate) fn as_value(number: u32) -> f32 {
    number as f32
}

/// What a read-only recovery makes of a disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dump {
    pub(crate) runs: BTreeMap<usize, Vec<Run>>,
    pub(crate) problems: Problems,
}

impl Dump {
    pub(crate) fn of<D: Disk>(
        disk: D,
        frequencies: &Frequencies,
        keep_from: i64,
    ) -> Result<Self, String> {
        let catalogue = catalogue(frequencies);
        let mut dump = Self::default();
        let mut failure = None;
        let each = |View { cluster, host, tree, .. }: View| {
            let index = HOSTS.iter().position(|names| *names == (&*cluster, &*host));
            let seen = match (index, tree) {
                (Some(index), Ok(tree)) => runs(&tree, &catalogue).map(|runs| (index, runs)),
                (None, _) => Err(format!("{cluster}/{host} was never written")),
                (_, Err(offline)) => Err(format!("{offline}: {}", offline.cause)),
            };
            match seen {
                Ok((index, runs)) => drop(dump.runs.insert(index, runs)),
                Err(text) => failure = Some(text),
            }
        };
        let report = view(disk, &catalogue, keep_from, |_, _| true, each);
        dump.problems = report.map_err(|error| error.to_string())?.problems;
        failure.map_or(Ok(dump), Err)
    }

    pub(crate) fn values(&self) -> Values {
        let mut values = Values::new();
        for (host, runs) in &self.runs {
            add_values(&mut values, *host, runs);
        }
        values
    }
}

pub(crate) fn add_values(values: &mut Values, host: usize, runs: &[Run]) {
    for run in runs {
        values.extend(run.slots.iter().map(|slot| ((host, run.series, slot.0), slot.1)));
    }
}
