//! Every row of an archive, in the order of a data directory's dump: host by host, by path, then by
//! metric, while the files are sorted by metric first.
//!
//! A host whose rows are few is sorted in memory. Of any other the rows of its series are counted,
//! then it is read as often as it takes, so many series at a time as memory is meant for.

use super::{Sample, Written};
use crate::archive::files::Files;
use crate::json::legible;
use anyhow::{Result, ensure};
use archiver::{Filter, Piece};
use checkpointer::memstore::Catalogue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;

/// Samples that are sorted in memory at a time, of 16 bytes each.
const AT_ONCE: u64 = 4 << 20;

/// Samples of one series, which are sorted in memory whatever there are: a gigabyte.
const OF_SERIES_MAX: u64 = 1 << 26;

/// Devices and metric: by this the series of a host are written.
type Key = (Vec<Vec<u8>>, Vec<u8>);

fn key(piece: &Piece) -> Key {
    (piece.devices(), piece.metric_name().into_owned())
}

pub(super) fn dump<W: Write>(
    files: &mut Files,
    filter: &Filter,
    catalogue: &Catalogue,
    written: &mut Written<W>,
) -> Result<()> {
    dump_at_once(AT_ONCE, files, filter, catalogue, written)
}

fn dump_at_once<W: Write>(
    at_once: u64,
    files: &mut Files,
    filter: &Filter,
    catalogue: &Catalogue,
    written: &mut Written<W>,
) -> Result<()> {
    for (cluster, host) in files.hosts(filter) {
        let (cluster, hostname) = (Some(cluster), Some(host));
        let filter = Filter { cluster, hostname, ..filter.clone() };
        let mut host = Host { files, filter, catalogue, written };
        if host.files.rows_at_most(&host.filter) <= at_once {
            host.part(None)?;
            continue;
        }
        for part in divide(host.counts()?, at_once) {
            host.part(Some(&part))?;
        }
    }
    Ok(())
}

/// Series in their order, divided so that each part has so many samples at most, or is one series.
fn divide(counts: BTreeMap<Key, u64>, at_once: u64) -> Vec<RangeInclusive<Key>> {
    let (mut parts, mut samples): (Vec<RangeInclusive<Key>>, u64) = (Vec::new(), 0);
    for (key, count) in counts {
        samples = samples.saturating_add(count);
        match parts.last_mut() {
            Some(part) if samples <= at_once => *part = part.start().clone()..=key,
            _ => {
                parts.push(key.clone()..=key);
                samples = count;
            }
        }
    }
    parts
}

/// A host that is written.
struct Host<'a, W: Write> {
    files: &'a mut Files,
    /// Its rows.
    filter: Filter,
    catalogue: &'a Catalogue,
    written: &'a mut Written<W>,
}

impl<W: Write> Host<'_, W> {
    /// How many samples its series have.
    fn counts(&mut self) -> Result<BTreeMap<Key, u64>> {
        let mut counts = BTreeMap::new();
        self.files.pieces(&self.filter, |piece| {
            let count: &mut u64 = counts.entry(key(&piece)).or_default();
            *count += piece.values.len() as u64;
            ensure!(
                *count <= OF_SERIES_MAX,
                "{} of {}/{} has more than {OF_SERIES_MAX} samples: ask for fewer with --from and --to",
                legible(piece.metric.as_bytes()),
                legible(piece.cluster.as_bytes()),
                legible(piece.hostname.as_bytes()),
            );
            Ok(())
        })?;
        Ok(counts)
    }

    /// Writes those of its series that are in the part.
    fn part(&mut self, part: Option<&RangeInclusive<Key>>) -> Result<()> {
        let mut series: BTreeMap<Key, Vec<Sample>> = BTreeMap::new();
        let mut names = None;
        self.files.pieces(&self.filter, |piece| {
            let key = key(&piece);
            if part.is_none_or(|part| part.contains(&key)) {
                series.entry(key).or_default().extend(samples(&piece));
                names.get_or_insert_with(|| names_of(&piece));
            }
            Ok(())
        })?;
        let Some((cluster, host)) = names else { return Ok(()) };
        while let Some(((path, metric), samples)) = series.pop_first() {
            let path: Vec<&[u8]> = path.iter().map(Vec::as_slice).collect();
            self.written.samples = samples;
            self.written.series((&cluster, &host), &path, &metric, self.catalogue)?;
        }
        Ok(())
    }
}

fn samples(piece: &Piece) -> impl Iterator<Item = Sample> {
    // What no store can have measured by is as good as unknown.
    let frequency = u32::try_from(piece.frequency).ok().and_then(NonZeroU32::new);
    let pairs = piece.timestamps.iter().zip(&piece.values).filter(|(_, value)| !value.is_nan());
    pairs.map(move |(&time, &value)| Sample { time, frequency, value })
}

/// Cluster and host, as a data directory has them.
fn names_of(piece: &Piece) -> (String, String) {
    let name = |bytes: Cow<'_, [u8]>, text: &str| {
        String::from_utf8(bytes.into_owned()).unwrap_or_else(|_| text.to_owned())
    };
    (name(piece.cluster_name(), &piece.cluster), name(piece.host_name(), &piece.hostname))
}

#[cfg(test)]
mod tests {
    use super::super::{Format, line};
    use super::*;
    use std::io::BufWriter;
    use std::path::Path;

    fn key_of(device: &str, metric: &str) -> Key {
        (vec![device.into()], metric.into())
    }

    #[test]
    fn parts_have_as_many_series_as_fit_and_one_at_least() {
        let keys = [("a", "x"), ("a", "y"), ("b", "x"), ("c", "x")].map(|(d, m)| key_of(d, m));
        let counts: BTreeMap<_, _> = keys.iter().cloned().zip([3, 4, 99, 1]).collect();
        let [ax, ay, bx, cx] = &keys;
        let parts = divide(counts.clone(), 7);
        assert_eq!(
            parts,
            [ax.clone()..=ay.clone(), bx.clone()..=bx.clone(), cx.clone()..=cx.clone()]
        );
        assert_eq!(divide(counts, 1000), [ax.clone()..=cx.clone()]);
        assert_eq!(divide(BTreeMap::new(), 7), []);
    }

    #[test]
    fn what_is_sorted_part_by_part_is_the_same() {
        let file = "../../archiver/tests/data/full/beta.parquet";
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let dumped = |at_once| {
            let mut files = Files::find(std::slice::from_ref(&file), None).unwrap();
            let (mut out, lines, samples) = (Vec::new(), line::Lines::default(), Vec::new());
            let writer = BufWriter::new(&mut out);
            let mut written = Written { format: Format::Jsonl, out: writer, lines, samples };
            let (filter, catalogue) = (Filter::default(), Catalogue::new());
            dump_at_once(at_once, &mut files, &filter, &catalogue, &mut written).unwrap();
            written.end().unwrap();
            drop(written);
            out
        };
        let whole = dumped(u64::MAX);
        assert!(whole.len() > 100_000);
        for at_once in [1, 50, 200] {
            assert!(dumped(at_once) == whole, "{at_once}");
        }
    }
}
