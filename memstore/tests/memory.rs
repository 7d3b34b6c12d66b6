//! What a host says it holds, beside what the allocator says.
//!
//! A program of its own, with one thread: nothing else may take memory meanwhile.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::cast_precision_loss, reason = "made-up values are as good when they are rounded")]

use memstore::{
    CaptureEnd, Catalogue, Handle, Host, Limits, Loaded, MetricId, Origin, Selector, State,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::num::NonZeroU32;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const MINUTE: NonZeroU32 = NonZeroU32::new(60).expect("is not 0");
const START: i64 = 1_700_000_000;

fn main() {
    let catalogue = Catalogue::new();
    let metrics: Vec<_> =
        (0..20_u8).map(|number| catalogue.intern(&[b'm', b'0' + number])).collect();
    let mut series = Vec::with_capacity(4 * metrics.len());
    let region = Region::new(ALLOCATOR);
    let mut host = Host::new();
    check("a host without series", &region, &host);

    make_series(&mut host, &metrics, &mut series);
    check("series without samples", &region, &host);
    write(&mut host, &series, 0..1);
    check("series of one sample", &region, &host);
    write(&mut host, &series, 1..100);
    check("series of open blocks", &region, &host);
    write(&mut host, &series, 100..1500);
    check("a day", &region, &host);

    load_runs_of_another_phase(&mut host, &series);
    check("series of many runs, with many dirty ranges", &region, &host);
    host.capture().expect("none is under way");
    check("in flight", &region, &host);
    write(&mut host, &series, 1500..1600);
    host.capture_ended(CaptureEnd::Durable);
    check("half of it durable", &region, &host);

    let half = host.free(START + 60 * 1000, &Selector::host());
    assert!(half.blocks > 0 && half.series == 0, "{half:?}");
    check("half of it freed", &region, &host);
    host.capture().expect("none is under way");
    host.capture_ended(CaptureEnd::Durable);
    let rest = host.free(i64::MAX, &Selector::path(&[b"socket1"]));
    assert!(rest.levels == 1, "{rest:?}");
    check("one socket freed", &region, &host);
    host.free(i64::MAX, &Selector::host());
    assert!(host.is_empty());
    check("all freed", &region, &host);
}

/// Within 5 %, and the few words of a host that has nothing.
fn check(what: &str, region: &Region<'_, System>, host: &Host) {
    let memory = host.memory();
    let change = region.change();
    let (said, held) = (memory.total(), change.bytes_allocated - change.bytes_deallocated);
    assert!(
        said.abs_diff(held) * 20 <= held + 320,
        "{what}: says {said}, holds {held}: {memory:?}"
    );
}

fn make_series(host: &mut Host, metrics: &[MetricId], series: &mut Vec<Handle>) {
    let paths: [&[&[u8]]; 4] =
        [&[], &[b"socket0"], &[b"socket1"], &[b"socket0", b"a core with quite a long name"]];
    for path in paths {
        for &metric in metrics {
            series.push(host.series(path, metric).expect("names are short"));
        }
    }
}

fn write(host: &mut Host, series: &[Handle], minutes: std::ops::Range<i64>) {
    for minute in minutes {
        for (number, &series) in (0_i64..).zip(series) {
            let value = ((minute * 37 + number * 11) % 1000) as f32 / 100.0;
            let placed = host.write(series, MINUTE, START + 60 * minute, value, &Limits::NONE);
            placed.expect("is taken");
        }
    }
}

fn load_runs_of_another_phase(host: &mut Host, series: &[Handle]) {
    for &series in series {
        for minute in (5..1000).step_by(100) {
            let state = if minute % 200 == 5 { State::Clean } else { State::Dirty };
            let start = START + 60 * minute + 30;
            let values = &[1.0, f32::NAN, 2.5][..];
            let loaded = Loaded { start, frequency: MINUTE, values, origin: Origin::Ours, state };
            host.load(series, loaded).expect("is taken");
        }
    }
}
