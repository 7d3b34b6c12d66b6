//! A snapshot of a host: four hours of all its series.

use std::hint::black_box;

use snapshot_format::{Counts, Encoder, Event, Snapshot, TrailerFields};

use crate::data::{START, host};

const SERIES: usize = 632;
const MINUTES: usize = 240;
pub(crate) const POINTS: usize = SERIES * MINUTES;

fn write(values: &[Vec<f32>], target: &mut Vec<u8>) {
    let root = Counts { metrics: 632, children: 0 };
    let mut encoder = Encoder::new(target, START, START + 14_400, root).unwrap();
    for (number, values) in values.iter().enumerate() {
        encoder.series(format!("metric_{number:03}").as_bytes(), 60, START, values).unwrap();
    }
    encoder.finish(TrailerFields::default()).unwrap();
}

pub(crate) fn encode() -> Box<dyn FnMut()> {
    let (values, mut target) = (host(1, MINUTES), Vec::new());
    Box::new(move || {
        target.clear();
        write(black_box(&values), &mut target);
        black_box(&target);
    })
}

pub(crate) fn decode() -> Box<dyn FnMut()> {
    let mut bytes = Vec::new();
    write(&host(1, MINUTES), &mut bytes);
    let mut out = [0.0; MINUTES];
    Box::new(move || {
        let snapshot = Snapshot::parse(black_box(&bytes)).unwrap();
        for event in snapshot.events() {
            if let Event::Series(series) = event {
                series.values.copy_to(black_box(&mut out));
            }
        }
    })
}
