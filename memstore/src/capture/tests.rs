use super::*;
use crate::sample::{Limits, Loaded, Origin, Refused, State};
use crate::selector::Selector;

const MINUTE: NonZeroU32 = NonZeroU32::new(60).unwrap();

fn write(host: &mut Host, series: Handle, minute: i64, value: f32) {
    host.write(series, MINUTE, 60 * minute, value, &Limits::NONE).unwrap();
}

/// Of the only run: minute and value of all that is to be saved.
fn saved(catalogue: &Catalogue, capture: &Capture) -> Vec<(i64, f32)> {
    let runs = capture.runs(catalogue);
    let values = runs
        .iter()
        .flat_map(|run| (run.start / 60..).zip(run.to_vec()).filter(|(_, value)| !value.is_nan()));
    values.collect()
}

fn scene() -> (Catalogue, Host, Handle) {
    let catalogue = Catalogue::new();
    let mut host = Host::new();
    let series = host.series(&[], catalogue.intern(b"metric")).unwrap();
    (catalogue, host, series)
}

#[test]
fn what_is_overwritten_while_in_flight_is_captured_again_however_it_ends() {
    for end in [CaptureEnd::Durable, CaptureEnd::Failed] {
        let (catalogue, mut host, series) = scene();
        (0..3).for_each(|minute| write(&mut host, series, minute, 1.0));
        let capture = host.capture().unwrap();
        write(&mut host, series, 1, 2.0);
        write(&mut host, series, 3, 3.0);
        assert_eq!(saved(&catalogue, &capture), [(0, 1.0), (1, 1.0), (2, 1.0)]);
        host.capture_ended(end);
        let again = saved(&catalogue, &host.capture().unwrap());
        match end {
            CaptureEnd::Durable => assert_eq!(again, [(1, 2.0), (3, 3.0)]),
            CaptureEnd::Failed => assert_eq!(again, [(0, 1.0), (1, 2.0), (2, 1.0), (3, 3.0)]),
        }
    }
}

#[test]
fn a_capture_that_fails_gives_everything_back_wherever_it_has_moved() {
    let (catalogue, mut host, series) = scene();
    (0..600).for_each(|minute| write(&mut host, series, minute, 1.0));
    host.capture().unwrap();
    // In front, and a run of another phase in the middle, so that positions change.
    write(&mut host, series, -400, 2.0);
    let values = &[3.0][..];
    let (origin, state) = (Origin::Ours, State::Dirty);
    host.load(series, Loaded { start: 60 * 300 + 7, frequency: MINUTE, values, origin, state })
        .unwrap();
    assert_eq!(host.free(i64::MAX, &Selector::host()).blocks, 0, "nothing is durable");
    host.capture_ended(CaptureEnd::Failed);
    let all = saved(&catalogue, &host.capture().unwrap());
    let minutes = all.iter().map(|(minute, _)| *minute);
    assert!(minutes.eq([-400].into_iter().chain(0..301).chain([300]).chain(301..600)));
}

#[test]
fn clean_slots_between_dirty_ones_are_missing_in_every_part_of_a_capture() {
    let (catalogue, mut host, series) = scene();
    (0..900).for_each(|minute| write(&mut host, series, minute, 1.0));
    host.capture().unwrap();
    host.capture_ended(CaptureEnd::Durable);
    let dirty = [3, 4, 5, 200, 500, 777];
    for minute in dirty {
        write(&mut host, series, minute, 2.0);
    }
    let capture = host.capture().unwrap();
    let runs = capture.runs(&catalogue);
    let run = &runs[0];
    assert_eq!((runs.len(), run.start, run.last(), run.len()), (1, 180, 60 * 777, 775));
    let whole = run.to_vec();
    let minutes: Vec<_> =
        (3..).zip(&whole).filter(|(_, value)| !value.is_nan()).map(|(at, _)| at).collect();
    assert_eq!(minutes, dirty);
    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    for from in 0..=whole.len() {
        let mut part = [0.0; 300];
        run.read(from, &mut part);
        let rest = bits(&whole[from..]).into_iter().chain(core::iter::repeat(MISSING.to_bits()));
        assert!(bits(&part).into_iter().eq(rest.take(part.len())), "from {from}");
    }
    let mut pieces = Vec::new();
    run.for_each(|values| pieces.extend_from_slice(values));
    assert_eq!(bits(&pieces), bits(&whole));
}

#[test]
fn runs_are_in_order_of_path_then_name_then_start() {
    let catalogue = Catalogue::new();
    let mut host = Host::new();
    let [zebra, ape] = [b"zebra", &b"ape"[..]].map(|name| catalogue.intern(name));
    let paths: [&[&[u8]]; 5] = [&[b"b"], &[], &[b"a", b"x"], &[b"a"], &[b"ab"]];
    for path in paths {
        for metric in [zebra, ape] {
            let series = host.series(path, metric).unwrap();
            write(&mut host, series, 2000, 1.0);
            write(&mut host, series, 0, 1.0);
        }
    }
    let capture = host.capture().unwrap();
    let order: Vec<_> = capture
        .runs(&catalogue)
        .iter()
        .map(|run| {
            (
                run.path.iter().map(|name| name.to_vec()).collect::<Vec<_>>(),
                run.name.to_vec(),
                run.start,
            )
        })
        .collect();
    assert_eq!(order.len(), 20);
    assert!(order.is_sorted());
}

#[test]
fn unsaved_is_what_is_dirty_or_in_flight() {
    let (_, mut host, series) = scene();
    write(&mut host, series, 10, 1.0);
    assert!(host.has_unsaved_before(601) && !host.has_unsaved_before(600));
    host.capture().unwrap();
    assert!(host.has_unsaved_before(601) && !host.is_clean());
    host.capture_ended(CaptureEnd::Durable);
    assert!(!host.has_unsaved_before(i64::MAX) && host.is_clean());
}

#[test]
fn a_handle_of_a_series_that_was_removed_is_refused_for_ever() {
    let (catalogue, mut host, series) = scene();
    write(&mut host, series, 0, 1.0);
    host.capture().unwrap();
    host.capture_ended(CaptureEnd::Durable);
    assert_eq!(host.free(i64::MAX, &Selector::host()).series, 1);
    // Takes the number of the one that was removed.
    let other = host.series(&[b"socket0"], catalogue.intern(b"other")).unwrap();
    assert_ne!(other, series);
    assert_eq!(host.write(series, MINUTE, 0, 1.0, &Limits::NONE), Err(Refused::Stale));
    let values = &[1.0][..];
    let (origin, state) = (Origin::Ours, State::Dirty);
    let loaded = Loaded { start: 0, frequency: MINUTE, values, origin, state };
    assert_eq!(host.load(series, loaded), Err(Refused::Stale));
    assert!(host.is_clean());
}
