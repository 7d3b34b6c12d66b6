//! Rows of an archive: a snapshot of a host, encoded as a row group.

use std::hint::black_box;

use archiver::{GroupEncoder, Host, Options};
use snapshot_format::{OwnedSeries, Snapshot, TrailerFields, Tree};

use crate::data::{self, START};

const MINUTES: usize = 60;
/// Slots; some have no sample, and are no rows.
pub(crate) const ROWS: usize = 632 * MINUTES;

fn snapshot() -> Vec<u8> {
    let mut tree = Tree { from: START, to: START + 3600, ..Tree::default() };
    for ((kind, device, metric), values) in data::places().zip(data::host(1, MINUTES)) {
        let series = OwnedSeries { frequency: 60, start: START, values };
        let level = match kind {
            "node" => &mut tree.root,
            kind => tree.root.children.get_or_default(format!("{kind}{device}").as_bytes()),
        };
        level.metrics.insert(format!("{kind}_{metric}").as_bytes(), series);
    }
    tree.encode(Vec::new(), TrailerFields::default()).unwrap().0
}

pub(crate) fn rows() -> Box<dyn FnMut()> {
    let bytes = snapshot();
    Box::new(move || {
        let mut encoder = GroupEncoder::new(b"sim", Options::default()).unwrap();
        let mut host = Host::new(b"n00001", i64::MIN..i64::MAX);
        host.add_snapshot("n00001/1.bin", &Snapshot::parse(black_box(&bytes)).unwrap());
        let mut sink = |group| {
            black_box(group);
            Ok(())
        };
        encoder.host(host, &mut sink).unwrap();
        encoder.finish(&mut sink).unwrap();
    })
}
