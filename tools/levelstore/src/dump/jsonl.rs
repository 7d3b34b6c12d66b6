//! One JSON document a line: it says everything, for every name and value.

use super::{Sample, Series};
use crate::json::{Value, hex_if_no_utf8, lossy};
use anyhow::Result;
use serde::Serialize;
use std::io::Write;

/// What is the same for all samples of a series.
#[derive(Serialize)]
struct Names {
    path: Vec<String>,
    /// In hexadecimal, what of the path is no UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    path_hex: Option<Vec<Option<String>>>,
    metric: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    metric_hex: Option<String>,
}

impl Names {
    fn of(series: &Series<'_>) -> Self {
        let names = || [series.cluster.as_bytes(), series.host.as_bytes()].into_iter();
        let names = || names().chain(series.path.iter().copied());
        let hex: Vec<_> = names().map(hex_if_no_utf8).collect();
        Self {
            path: names().map(lossy).collect(),
            path_hex: hex.iter().any(Option::is_some).then_some(hex),
            metric: lossy(series.metric),
            metric_hex: hex_if_no_utf8(series.metric),
        }
    }
}

pub(super) fn write(series: &Series<'_>, out: &mut impl Write) -> Result<()> {
    let mut line = serde_json::to_vec(&Names::of(series))?;
    // The document goes on.
    line.pop();
    line.extend_from_slice(b",\"timestamp\":");
    let names = line.len();
    let mut integer = itoa::Buffer::new();
    for &Sample { time, frequency, value } in series.samples {
        line.truncate(names);
        line.extend_from_slice(integer.format(time).as_bytes());
        line.extend_from_slice(b",\"frequency\":");
        match frequency {
            Some(frequency) => line.extend_from_slice(integer.format(frequency.get()).as_bytes()),
            None => line.extend_from_slice(b"null"),
        }
        line.extend_from_slice(b",\"value\":");
        if value.is_finite() {
            line.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
        } else {
            serde_json::to_writer(&mut line, &Value(value))?;
        }
        line.extend_from_slice(b",\"bits\":");
        line.extend_from_slice(integer.format(value.to_bits()).as_bytes());
        line.extend_from_slice(b"}\n");
        out.write_all(&line)?;
    }
    Ok(())
}
