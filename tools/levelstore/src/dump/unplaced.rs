//! Records of the Go store's log whose metric the catalogue lacks: they have no frequency, so a start
//! cannot place them. They are what the log says: the time of arrival, and a value.

use super::Sample;
use crate::files;
use crate::store::Store;
use anyhow::{Context, Result};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use wal_format::{Found, Reader};

type Path = Vec<Vec<u8>>;

/// The records of a host, by path and metric.
#[derive(Debug, Default)]
pub(super) struct Unplaced(BTreeMap<(Path, Vec<u8>), Vec<Sample>>);

/// The records of one series.
#[derive(Debug)]
pub(super) struct Series {
    names: (Path, Vec<u8>),
    pub(super) samples: Vec<Sample>,
}

impl Unplaced {
    /// Adds those of a log, which is read as a start reads it.
    pub(super) fn read(&mut self, store: &Store, path: &str) -> Result<()> {
        let path = store.directory.join(path);
        let mut reader = Reader::new(files::open(&path)?);
        while let Some(found) = reader.next().with_context(|| format!("read {}", path.display()))? {
            let Found::Record(located) = found else { continue };
            let record = located.record;
            let metric = record.names.metric();
            let config = || store.catalogue.get(store.catalogue.find(metric)?)?.config;
            if record.frequency.is_some() || config().is_some() || record.value.is_nan() {
                continue;
            }
            let names = (record.names.path().map(<[u8]>::to_vec).collect(), metric.to_vec());
            let (time, value) = (record.timestamp, record.value);
            self.0.entry(names).or_default().push(Sample { time, frequency: None, value });
        }
        Ok(())
    }

    pub(super) fn into_iter(self) -> impl Iterator<Item = Series> {
        self.0.into_iter().map(|(names, samples)| Series { names, samples })
    }
}

impl Series {
    pub(super) fn path(&self) -> Vec<&[u8]> {
        self.names.0.iter().map(Vec::as_slice).collect()
    }

    pub(super) fn metric(&self) -> &[u8] {
        &self.names.1
    }

    /// Whether it is before, or the same as, the series of that path and metric.
    pub(super) fn order(&self, path: &[&[u8]], metric: &[u8]) -> Ordering {
        let of_path = self.names.0.iter().map(Vec::as_slice).cmp(path.iter().copied());
        of_path.then_with(|| self.metric().cmp(metric))
    }
}
