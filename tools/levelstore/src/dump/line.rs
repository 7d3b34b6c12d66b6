//! Line protocol that reads back to the same store.
//!
//! Who reads lines places samples by the rules for those that arrive, in this order. Whether that
//! gives the times that are stored is tried, series by series: it does not where a short run is
//! followed by one of another phase or frequency, as in files of the Go store.

use super::{Sample, Series};
use anyhow::{Result, anyhow, bail};
use checkpointer::check_directory_name;
use checkpointer::memstore::{Catalogue, Host, Limits};
use line_protocol::{Element, Names, Unwritable, write_key, write_sample};
use std::fmt::Display;
use std::io::Write;

/// Series that lines say, but that are not stored again as they are.
#[derive(Clone, Debug, Default)]
pub(super) struct Moved {
    pub(super) series: usize,
    pub(super) first: String,
}

#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) moved: Moved,
    line: Vec<u8>,
}

impl Lines {
    pub(super) fn write(&mut self, series: &Series<'_>, out: &mut impl Write) -> Result<()> {
        let cannot = |why: &dyn Display| {
            anyhow!("{}: {why}: line protocol cannot say it, --format jsonl can", series.place())
        };
        let line = &mut self.line;
        line.clear();
        write_key(&names(series)?, line).map_err(|error| cannot(&error))?;
        let key = line.len();
        // Times ascend: what holds for both ends holds for all between.
        for end in [series.samples.first(), series.samples.last()].into_iter().flatten() {
            write_sample(0.0, Some(end.time), line).map_err(|error| cannot(&error))?;
        }
        line.truncate(key);
        line.extend_from_slice(b" value=");
        let key = line.len();
        let mut integer = itoa::Buffer::new();
        for &Sample { time, value, .. } in series.samples {
            if !value.is_finite() {
                return Err(cannot(&Unwritable::Value));
            }
            line.truncate(key);
            line.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
            line.push(b' ');
            line.extend_from_slice(integer.format(time).as_bytes());
            line.push(b'\n');
            out.write_all(line)?;
        }
        if !stays(series) {
            self.moved.series += 1;
            if self.moved.first.is_empty() {
                self.moved.first = series.place();
            }
        }
        Ok(())
    }
}

fn names<'a>(series: &Series<'a>) -> Result<Names<'a>> {
    let mut levels = series.path.iter().map(|name| Element::from_name(name));
    let (device, sub_device) = (levels.next(), levels.next());
    if levels.next().is_some() {
        bail!(
            "{}: {} levels below the host: line protocol has two, --format jsonl has all",
            series.place(),
            series.path.len()
        );
    }
    for name in [series.cluster, series.host] {
        if let Err(why) = check_directory_name(name.as_bytes()) {
            bail!("{}: {why}: no import would take it, --format jsonl says it", series.place());
        }
    }
    let (cluster, host) = (Some(series.cluster.as_bytes()), series.host.as_bytes());
    Ok(Names { metric: series.metric, cluster, host, device, sub_device })
}

/// Whether samples that arrive at these times, in this order, are stored at these times.
fn stays(series: &Series<'_>) -> bool {
    let of_samples = || series.samples.last().and_then(|sample| sample.frequency);
    // Without any, nobody knows which frequency an import will have.
    let Some(frequency) = series.frequency.or_else(of_samples) else { return true };
    let mut arrived = Host::new();
    let Ok(handle) = arrived.series(&[], Catalogue::new().intern(b"")) else { return false };
    series.samples.iter().all(|sample| {
        let placed = arrived.write(handle, frequency, sample.time, sample.value, &Limits::NONE);
        let exact = (sample.time, sample.frequency.unwrap_or(frequency));
        placed.is_ok_and(|placed| (placed.nominal, placed.frequency) == exact)
    })
}
