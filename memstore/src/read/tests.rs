use super::*;
use crate::sample::{Limits, Loaded, Origin, State};
use crate::selector::Element;

const MINUTE: NonZeroU32 = NonZeroU32::new(60).unwrap();

/// A host with a metric, and what a test asks of it.
struct Scene {
    catalogue: Catalogue,
    metric: MetricId,
    host: Host,
}

impl Scene {
    fn new(aggregation: Aggregation) -> Self {
        let catalogue = Catalogue::new();
        let metric = catalogue.add(b"metric", MINUTE, aggregation);
        Self { catalogue, metric, host: Host::new() }
    }

    fn load(&mut self, path: &[&[u8]], start: i64, values: &[f32]) {
        let series = self.host.series(path, self.metric).unwrap();
        let (origin, state) = (Origin::Ours, State::Clean);
        let loaded = Loaded { start, frequency: MINUTE, values, origin, state };
        self.host.load(series, loaded).unwrap();
    }

    fn read(&self, elements: Vec<Element>, from: i64, to: i64) -> Result<Answer, ReadError> {
        let selector = Selector::new(elements);
        self.host.select(&self.catalogue, &Query::new(&selector, b"metric", from, to))?.read()
    }
}

/// NaN as -1, to be compared.
fn values(answer: &Answer) -> Vec<f64> {
    answer.values.iter().map(|value| if value.is_nan() { -1.0 } else { *value }).collect()
}

#[test]
fn a_series_is_answered_from_its_first_slot_to_its_last() {
    let mut scene = Scene::new(Aggregation::None);
    scene.load(&[], 1000, &[1.0, f32::NAN, 3.0]);
    for (from, to, range, expected) in [
        (0, 5000, (1000, 1180), &[1.0, -1.0, 3.0][..]),
        (1000, 1060, (1000, 1060), &[1.0]),
        (1000, 1061, (1000, 1120), &[1.0, -1.0]),
        (1029, 1149, (1029, 1149), &[1.0, -1.0]),
        (1030, 5000, (1030, 1150), &[-1.0, 3.0]),
        (1149, 5000, (1149, 1209), &[3.0]),
        (1150, 5000, (1150, 1150), &[]),
        (1060, 1060, (1060, 1060), &[]),
        (0, 900, (1000, 1000), &[]),
        (i64::MIN, i64::MAX, (1000, 1180), &[1.0, -1.0, 3.0]),
        (i64::MAX, i64::MAX, (i64::MAX, i64::MAX), &[]),
        (i64::MIN, i64::MIN, (1000, 1000), &[]),
    ] {
        let answer = scene.read(vec![], from, to).unwrap();
        assert_eq!((answer.from, answer.to), range, "from {from} to {to}");
        assert_eq!(values(&answer), expected, "from {from} to {to}");
    }
}

#[test]
fn series_that_begin_and_end_at_different_slots_are_missing_there() {
    let mut scene = Scene::new(Aggregation::Sum);
    scene.load(&[b"a"], 1000, &[1.0, 2.0, 3.0]);
    scene.load(&[b"b"], 1065, &[10.0, 20.0, 30.0]);
    let answer = scene.read(vec![], 0, 5000).unwrap();
    assert_eq!((answer.from, answer.to), (1000, 1240));
    assert_eq!(values(&answer), [-1.0, 12.0, 23.0, -1.0]);
}

#[test]
fn an_average_is_divided_by_the_number_of_series() {
    let mut scene = Scene::new(Aggregation::Avg);
    for (name, value) in [(b"a", 1.0), (b"b", 2.0), (b"c", 6.0)] {
        scene.load(&[name], 1000, &[value, f32::MAX]);
    }
    let answer = scene.read(vec![], 0, 5000).unwrap();
    assert_eq!(answer.values, [3.0, f64::from(f32::MAX)]);
}

#[test]
fn a_level_that_has_the_metric_hides_what_is_below_it() {
    let mut scene = Scene::new(Aggregation::Sum);
    scene.load(&[b"a", b"x"], 1000, &[1.0]);
    scene.load(&[b"a", b"y"], 1000, &[2.0]);
    scene.load(&[b"b", b"x"], 1000, &[4.0]);
    assert_eq!(scene.read(vec![], 0, 5000).unwrap().values, [7.0]);
    scene.load(&[b"a"], 1000, &[100.0]);
    assert_eq!(scene.read(vec![], 0, 5000).unwrap().values, [104.0]);
    // A series without a sample is not there.
    scene.host.series(&[], scene.metric).unwrap();
    assert_eq!(scene.read(vec![], 0, 5000).unwrap().values, [104.0]);
    scene.load(&[], 1000, &[1000.0]);
    assert_eq!(scene.read(vec![], 0, 5000).unwrap().values, [1000.0]);
    assert_eq!(scene.read(vec![Element::Any, Element::Any], 0, 5000).unwrap().values, [7.0]);
}

#[test]
fn groups_are_sets_of_the_names_that_there_are() {
    let mut scene = Scene::new(Aggregation::Sum);
    for (name, value) in [(b"a", 1.0), (b"b", 2.0), (b"c", 4.0)] {
        scene.load(&[name], 1000, &[value]);
    }
    let group = |names: &[&str]| {
        Element::Group(names.iter().map(|name| name.as_bytes().to_vec()).collect())
    };
    let read = |element| scene.read(vec![element], 0, 5000).map(|answer| answer.values);
    assert_eq!(read(group(&["c", "nobody", "a", "c"])), Ok(vec![5.0]));
    assert_eq!(read(Element::Name(b"b".to_vec())), Ok(vec![2.0]));
    assert_eq!(read(Element::Any), Ok(vec![7.0]));
    assert_eq!(read(group(&[])), Err(ReadError::Nothing));
}

#[test]
fn questions_that_make_no_sense_are_errors_of_their_own() {
    let mut scene = Scene::new(Aggregation::None);
    scene.load(&[b"a"], 1000, &[1.0]);
    scene.load(&[b"b"], 1000, &[1.0]);
    scene.catalogue.intern(b"name only");
    let selector = Selector::path(&[b"a"]);
    let query = Query::new(&selector, b"metric", 0, 5000);
    let error =
        |query: Query<'_>| scene.host.select(&scene.catalogue, &query).map(|_| ()).unwrap_err();
    assert_eq!(error(Query { metric: b"unknown", ..query }), ReadError::UnknownMetric);
    assert_eq!(error(Query { metric: b"name only", ..query }), ReadError::UnknownMetric);
    let reversed = ReadError::FromAfterTo { from: 5001, to: 5000 };
    assert_eq!(error(Query { from: 5001, ..query }), reversed);
    let uneven = NotAMultiple { frequency_s: 60, resolution_s: 90 };
    assert_eq!(error(Query { resolution: 90, ..query }), ReadError::Resolution(uneven));
    for selector in [&[&b"a"[..], b"x", b"y"][..], &[b"nobody"]].map(Selector::path) {
        assert_eq!(error(Query { selector: &selector, ..query }), ReadError::Nothing);
    }
    let both = Selector::host();
    assert_eq!(error(Query { selector: &both, ..query }), ReadError::NoAggregation { series: 2 });
}

#[test]
fn an_answer_too_long_for_memory_is_refused_before_it_is_made() {
    let mut scene = Scene::new(Aggregation::Sum);
    scene.load(&[], i64::MIN, &[1.0]);
    scene.load(&[], i64::MAX, &[1.0]);
    assert_eq!(scene.read(vec![], i64::MIN, i64::MAX).unwrap_err(), ReadError::TooLarge);
    let end = scene.read(vec![], i64::MAX - 1, i64::MAX).unwrap();
    assert_eq!((end.from, end.to, values(&end)), (i64::MAX - 1, i64::MAX, vec![1.0]));
}

#[test]
fn runs_of_several_frequencies_are_read_by_their_times() {
    let mut scene = Scene::new(Aggregation::Sum);
    let series = scene.host.series(&[], scene.metric).unwrap();
    for (frequency, time, value) in
        [(300, 0, 1.0), (300, 300, 2.0), (60, 480, 3.0), (20, 540, 4.0), (20, 570, 5.0)]
    {
        let frequency = NonZeroU32::new(frequency).unwrap();
        scene.host.write(series, frequency, time, value, &Limits::NONE).unwrap();
    }
    let answer = scene.read(vec![], 0, 5000).unwrap();
    // Slots of 300 s from -150 to 450, of 60 s from 450 to 510, of 20 s from 530 on.
    assert_eq!(values(&answer), [1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 3.0, 4.0]);
}

#[test]
fn a_single_series_is_answered_to_the_bit() {
    let stored = [-0.0, 1e-45, f32::MAX, f32::INFINITY, f32::NEG_INFINITY, 0.1];
    let mut scene = Scene::new(Aggregation::Avg);
    scene.load(&[], 0, &stored);
    let answer = scene.read(vec![], 0, 5000).unwrap();
    let expected: Vec<u64> = stored.iter().map(|&value| f64::from(value).to_bits()).collect();
    assert_eq!(answer.values.iter().map(|value| value.to_bits()).collect::<Vec<_>>(), expected);
    let summary = answer.summary();
    assert_eq!((summary.count, summary.max), (4, f64::from(f32::MAX)));
}

#[test]
fn a_summary_is_that_of_the_answer_whether_blocks_are_merged_or_not() {
    let mut scene = Scene::new(Aggregation::Sum);
    let stored: Vec<f32> =
        (0..1500_u16).map(|n| if n % 7 == 0 { f32::NAN } else { f32::from(n) / 4.0 }).collect();
    scene.load(&[], 0, &stored);
    let selector = Selector::host();
    for (from, to) in
        [(0, 90_000), (70, 61_000), (15_000, 15_060), (89_000, 200_000), (200_000, 300_000)]
    {
        for resolution in [0, 600] {
            let query = Query { resolution, ..Query::new(&selector, b"metric", from, to) };
            let selected = scene.host.select(&scene.catalogue, &query).unwrap();
            let (summary, expected) =
                (selected.summary().unwrap(), selected.read().unwrap().summary());
            assert_eq!(format!("{summary:?}"), format!("{expected:?}"), "from {from} to {to}");
        }
    }
}

#[test]
fn what_was_selected_is_read_as_it_was_then() {
    let mut scene = Scene::new(Aggregation::Sum);
    scene.load(&[], 0, &[1.0; 600]);
    let selector = Selector::host();
    let selected =
        scene.host.select(&scene.catalogue, &Query::new(&selector, b"metric", 0, 36_000)).unwrap();
    scene.load(&[], 0, &[2.0; 700]);
    scene.host.free(i64::MAX, &selector);
    assert_eq!(selected.read().unwrap().values, [1.0; 600]);
}
