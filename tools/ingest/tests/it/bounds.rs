//! What is remembered is bounded, and what was forgotten is parsed again.

use crate::world::{Contents, NOW, PATIENCE, at, contents, limited, take, with_keys};
use ingest::Config;
use std::time::Duration;

fn body(host: &str, keys: usize, tag: &str) -> String {
    let line = |id| {
        format!("load,cluster=c,hostname={host},type=core,type-id={id}{tag} value={id} {NOW}\n")
    };
    (0..keys).map(line).collect()
}

fn series(contents: &Contents) -> usize {
    contents.len()
}

#[test]
fn hosts_that_were_not_heard_of_for_long_are_forgotten() {
    let forget_after = Duration::from_mins(10);
    let ingest = with_keys(limited(), Config { forget_after, ..Config::default() });
    take(&ingest, &body("gone", 100, ""));
    take(&ingest, &body("stays", 10, ""));
    let known = |stats: ingest::Stats| (stats.hosts, stats.keys);
    assert_eq!(known(ingest.stats()), (2, 110));
    for minute in 1..30 {
        let outcome =
            ingest.batch(body("stays", 10, "").as_bytes(), None, at(60 * minute), PATIENCE);
        assert_eq!(outcome.stored, 10);
    }
    assert_eq!(known(ingest.stats()), (1, 10));
    take(&ingest, &body("gone", 100, ""));
    assert_eq!((known(ingest.stats()), series(&contents(ingest.engine()))), ((2, 110), 110));
}

#[test]
fn keys_that_a_host_does_not_use_any_more_are_forgotten() {
    let ingest = with_keys(limited(), Config::default());
    for job in 0..50 {
        let body = body("h", 20, &format!(",job={job}"));
        let outcome = ingest.batch(body.as_bytes(), None, at(600 * job), PATIENCE);
        assert_eq!(outcome.stored, 20);
        assert!(ingest.stats().keys <= 20 * 14, "{} after {job}", ingest.stats().keys);
    }
    assert_eq!(series(&contents(ingest.engine())), 20);
}

#[test]
fn above_the_bound_the_hosts_that_were_not_heard_of_for_longest_go_first() {
    let ingest = with_keys(limited(), Config { key_bytes_max: 100_000, ..Config::default() });
    for host in 0..100 {
        let outcome =
            ingest.batch(body(&format!("h{host}"), 40, "").as_bytes(), None, at(host), PATIENCE);
        assert_eq!(outcome.stored, 40);
        assert!(ingest.stats().key_bytes <= 100_000, "{:?}", ingest.stats());
    }
    let stats = ingest.stats();
    assert!((8..80).contains(&stats.hosts) && stats.keys == 40 * stats.hosts, "{stats:?}");
    let body = body("h99", 40, "");
    take(&ingest, &body);
    assert_eq!(ingest.stats().keys, stats.keys, "the last is still known");
    assert_eq!(series(&contents(ingest.engine())), 4000);
}

#[test]
fn a_host_with_more_keys_than_can_be_remembered_is_taken_all_the_same() {
    let ingest = with_keys(limited(), Config::default());
    let mut body = String::new();
    for tag in 0..14 {
        body += &crate::bounds::body("h", 5000, &format!(",tag={tag}"));
    }
    for _ in 0..2 {
        take(&ingest, &body);
        assert!(ingest.stats().keys <= 65_535);
    }
    let long =
        body.lines().next().unwrap().replace("tag=0", &format!("tag={}", "x".repeat(60_000)));
    take(&ingest, &long);
    assert_eq!(series(&contents(ingest.engine())), 5000);
}
