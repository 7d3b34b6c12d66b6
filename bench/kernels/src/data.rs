//! What kernels work on: series like those of a host, and the names of its devices.

use std::fmt::Write;

pub(crate) use common::{Kind, Random, host, series};

#[expect(dead_code, reason = "others take every kind in turn")]
#[expect(clippy::cast_possible_truncation, reason = "values are stored as f32")]
#[path = "../../../memstore/benches/common/mod.rs"]
mod common;

/// `(type, how many, metrics of each)`: 632 series.
pub(crate) const DEVICES: [(&str, usize, usize); 4] =
    [("node", 1, 20), ("socket", 2, 6), ("hwthread", 72, 8), ("accelerator", 4, 6)];

/// All series of a host: type, number of the device, number of the metric.
pub(crate) fn places() -> impl Iterator<Item = (&'static str, usize, usize)> {
    DEVICES.into_iter().flat_map(|(kind, count, metrics)| {
        (0..count).flat_map(move |device| (0..metrics).map(move |metric| (kind, device, metric)))
    })
}

/// The lines of a host's minute.
pub(crate) fn lines(minute: i64) -> Vec<u8> {
    let mut body = String::new();
    for (at, (kind, device, metric)) in places().enumerate() {
        let hundredths = (at * 7919 + usize::try_from(minute).unwrap() * 104_729) % 90_000;
        let (whole, rest) = (100 + hundredths / 100, hundredths % 100);
        let of = match kind {
            "node" => "node".to_owned(),
            kind => format!("{kind},type-id={device}"),
        };
        let seconds = START + 60 * minute;
        let key = format!("{kind}_{metric},cluster=sim,hostname=n00001,type={of}");
        writeln!(body, "{key} value={whole}.{rest:02} {seconds}").unwrap();
    }
    body.into_bytes()
}

pub(crate) const START: i64 = 1_700_000_000;
