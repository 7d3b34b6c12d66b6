//! Random bodies, in one piece and in chunks, one after the other, against the model.

use crate::model::{Expected, Model};
use crate::world::{NOW, PATIENCE, at, contents, ingest, limited, take};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;

const METRICS: &[&str] = &["load", "load", "mem", "net\\,in", "power", "unheard", "net,in", ""];
const TAGS: &[&str] = &[
    "cluster=c1",
    "cluster=c2",
    "cluster=c\\ 3",
    "cluster=..",
    "hostname=h1",
    "hostname=h2",
    "host=h1",
    "hostname=a/b",
    "hostname=.",
    "type=node",
    "type=socket",
    "type=core",
    "type-id=0",
    "type-id=00000000:0b:00.0",
    "stype=disk",
    "stype-id=/home",
    "job=17",
    "job=18",
    "cluster=",
    "a=b=c",
];
const FIELDS: &[&str] = &[
    "value=1",
    "value=0.25",
    "value=-3i",
    "value=7u",
    "value=1e300",
    "value=nan",
    "value=true",
    "value=\"x\"",
    "other=1",
    "event=\"a, b\"",
    "log=\"x\"",
    "value=2,unit=\"W\"",
    "",
];
const TIMES: &[&str] = &[
    "",
    " 1700000000",
    " 1700000060",
    " 1699999970",
    " 1700000000123",
    " 1700003600",
    " 1700003601",
    " 1699827200",
    " 1699827199",
    " 12x",
    " 1 2",
];

/// A line, usually one that collectors send, its tags in any order.
fn a_line() -> impl Strategy<Value = String> {
    let usual = (
        select(&["load", "mem", "power", "unheard"][..]),
        select(&["h1", "h2", "h3"][..]),
        select(&["", ",cluster=c1", ",cluster=c2"][..]),
        select(&["", ",type=core,type-id=1", ",type-id=2,type=core", ",type=node,type-id=0"][..]),
        0..5_i64,
        any::<i16>(),
    );
    let usual = usual.prop_map(|(metric, host, cluster, device, minute, value)| {
        let value = f32::from(value) / 100.0;
        format!("{metric}{cluster},hostname={host}{device} value={value} {}", NOW + 60 * minute)
    });
    let any = (select(METRICS), vec(select(TAGS), 0..6), select(FIELDS), select(TIMES)).prop_map(
        |(metric, tags, field, time)| {
            let key = [&[metric], &tags[..]].concat().join(",");
            format!("{key} {field}{time}")
        },
    );
    prop_oneof![
        6 => usual,
        3 => any,
        1 => select(&["", "# a comment", " ", "  load,host=h1,cluster=c1 value=3", "load", ",", "\\"][..])
            .prop_map(str::to_owned),
    ]
}

fn a_body() -> impl Strategy<Value = String> {
    let end = select(&["\n", "\n", "\n", "\r\n"][..]);
    vec((a_line(), end), 0..40)
        .prop_map(|lines| lines.into_iter().map(|(line, end)| line + end).collect())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..Default::default()
    })]

    /// Each body is taken twice, so that its keys are expected, and the bodies in turn have
    /// different clusters for lines that name none.
    #[test]
    fn bodies_are_taken_as_if_each_line_came_alone(
        bodies in vec((a_body(), select(&[None, Some("c1"), Some("c2")][..])), 1..4),
        cuts in vec(1..300_usize, 1..5),
    ) {
        let (ingest, model) = (ingest(limited()), Model::new());
        let newest = format!("load,cluster=c0,host=h0 value=1 {NOW}\n");
        take(&ingest, &newest);
        model.take(newest.as_bytes(), None, at(0));
        for (body, cluster) in bodies.iter().chain(&bodies) {
            let body = body.as_bytes();
            let expected = model.take(body, *cluster, at(0));
            let outcome = ingest.batch(body, *cluster, at(0), PATIENCE);
            prop_assert_eq!(&Expected::of(&outcome), &expected, "{}", body.escape_ascii());
            prop_assert_eq!(contents(ingest.engine()), model.contents(), "{}", body.escape_ascii());

            let mut session = ingest.session(*cluster, PATIENCE);
            let mut rest = body;
            for cut in cuts.iter().cycle() {
                let (chunk, behind) = rest.split_at((*cut).min(rest.len()));
                session.feed(chunk, at(0));
                rest = behind;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(&Expected::of(&session.finish(at(0))), &expected, "in chunks");
            prop_assert_eq!(contents(ingest.engine()), model.contents(), "in chunks");
        }
    }
}
