//! Keys in every order: correct in all of them.

use crate::world::{Contents, NOW, Random, at, contents, ingest, take};
use checkpointer::Config;
use std::fmt::Write as _;

const METRICS: [&str; 3] = ["load", "mem", "power"];

/// One sample: host, core, metric, minute.
type One = (usize, usize, &'static str, i64);

fn value((host, core, metric, minute): One) -> f32 {
    let number = ((host * 31 + core) * 7 + metric.len()) * 1000 + usize::try_from(minute).unwrap();
    u16::try_from(number % 60_000).map(f32::from).unwrap() / 4.0
}

fn line(one: One, tags: &mut [String]) -> String {
    let (_, _, metric, minute) = one;
    let tags = tags.join(",");
    format!("{metric},{tags} value={} {}\n", value(one), NOW + 60 * minute)
}

fn tags((host, core, ..): One) -> [String; 4] {
    [
        "cluster=alpha".into(),
        format!("hostname=h{host:04}"),
        "type=core".into(),
        format!("type-id={core}"),
    ]
}

fn expected(all: impl IntoIterator<Item = One>) -> Contents {
    let entry = |one: One| {
        let (host, core, metric, minute) = one;
        let (host, path) = (format!("h{host:04}"), vec![format!("core{core}")]);
        (("alpha".into(), host, path, metric.into(), NOW + 60 * minute), value(one).to_bits())
    };
    all.into_iter().map(entry).collect()
}

fn minute(hosts: usize, cores: usize, minute: i64) -> Vec<One> {
    let cores = move |host| (0..cores).map(move |core| (host, core));
    let places = (0..hosts).flat_map(cores);
    places.flat_map(|(host, core)| METRICS.map(|metric| (host, core, metric, minute))).collect()
}

/// Everything in the order that `arrange` makes of each minute, in one body a minute.
fn check(hosts: usize, cores: usize, mut arrange: impl FnMut(&mut [One]), shuffle_tags: bool) {
    let ingest = ingest(Config::default());
    let mut random = Random(7);
    let mut all = Vec::new();
    for number in 0..5 {
        let mut ones = minute(hosts, cores, number);
        all.extend(ones.clone());
        arrange(&mut ones);
        let mut body = String::new();
        for one in ones {
            let mut tags = tags(one);
            if shuffle_tags {
                random.shuffle(&mut tags);
            }
            body += &line(one, &mut tags);
        }
        take(&ingest, &body);
    }
    assert_eq!(contents(ingest.engine()), expected(all));
}

#[test]
fn a_host_after_the_other() {
    check(5, 20, |_| {}, false);
}

#[test]
fn hosts_in_turn_line_by_line() {
    check(5, 20, |ones| ones.sort_by_key(|&(host, core, metric, _)| (core, metric, host)), false);
}

#[test]
fn a_host_that_changes_the_order_of_its_keys_every_minute() {
    let mut random = Random(1);
    check(1, 50, |ones| random.shuffle(ones), false);
}

#[test]
fn hosts_and_keys_in_any_order_with_tags_in_any_order() {
    let mut random = Random(2);
    check(7, 20, |ones| random.shuffle(ones), true);
}

#[test]
fn thousands_of_hosts_in_one_body() {
    check(3000, 1, |_| {}, false);
    check(3000, 1, |ones| ones.sort_by_key(|&(host, core, metric, _)| (metric, core, host)), false);
}

#[test]
fn the_last_of_two_lines_for_a_slot_counts_also_when_others_come_between() {
    let ingest = ingest(Config::default());
    let mut body = String::new();
    for (number, host) in [(1, "h1"), (2, "h2"), (3, "h1"), (4, "h2"), (5, "h1")] {
        writeln!(body, "load,cluster=c,hostname={host} value={number} {NOW}").unwrap();
    }
    take(&ingest, &body);
    let values: Vec<f32> =
        contents(ingest.engine()).values().map(|bits| f32::from_bits(*bits)).collect();
    assert_eq!(values, [5.0, 4.0]);
}

#[test]
fn a_key_without_cluster_is_another_host_with_another_default() {
    let ingest = ingest(Config::default());
    let body = format!("load,hostname=h value=1 {NOW}\nmem,hostname=h,cluster=c1 value=2 {NOW}\n");
    for (cluster, stored, refused) in
        [(Some("c1"), 2, 0), (Some("c2"), 2, 0), (None, 1, 1), (Some("c2"), 2, 0), (Some(""), 1, 1)]
    {
        for _ in 0..2 {
            let outcome = ingest.batch(body.as_bytes(), cluster, at(0), crate::world::PATIENCE);
            assert_eq!((outcome.stored, outcome.malformed), (stored, refused), "{cluster:?}");
        }
    }
    let found: Vec<(String, String)> = contents(ingest.engine())
        .into_keys()
        .map(|(cluster, .., metric, _)| (cluster, metric))
        .collect();
    let expected = [("c1", "load"), ("c1", "mem"), ("c2", "load")];
    assert!(found.iter().map(|(cluster, metric)| (&**cluster, &**metric)).eq(expected));
}
