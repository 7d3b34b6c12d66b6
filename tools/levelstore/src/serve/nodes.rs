//! The hosts that running jobs use, as the backend knows them: nothing of them is freed or deleted.
//!
//! What the backend said last holds for one retention. While nothing that holds is known, because it
//! has never answered or not for so long, every host counts as in use: nothing is freed, nothing is
//! deleted, and a start loads all there is. That needs no file of ours to be right over a restart.

use crate::client::Client;
use crate::driver::Clock;
use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The longest that an answer may take; a start waits for it.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer: a million hosts.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

type Hosts = HashMap<String, HashSet<String>>;

/// Who knows the hosts in use.
pub(super) struct Nodes {
    backend: Option<Client>,
    holds: Duration,
    clock: Clock,
    /// What was said, and when.
    last: Mutex<Option<(Hosts, Duration)>>,
}

impl Nodes {
    /// Without an address no host is in use.
    pub(super) fn new(url: Option<&str>, retention: Duration, clock: Clock) -> Result<Self> {
        let backend = url.map(|url| Client::new(url, None, PATIENCE)).transpose()?;
        Ok(Self { backend, holds: retention, clock, last: Mutex::default() })
    }

    /// Asks for the hosts of jobs that began before a time, and still run. Whether it is known now.
    pub(super) fn ask(&self, before: i64) -> bool {
        let Some(backend) = &self.backend else { return true };
        match asked(backend, before) {
            Ok(hosts) => *self.lock() = Some((hosts, self.clock.now().uptime)),
            Err(error) if self.is_known() => {
                tracing::warn!("{error:#}; what it said last still holds");
            }
            Err(error) => {
                tracing::error!("{error:#}; until it answers, nothing is freed or deleted");
            }
        }
        self.is_known()
    }

    /// Whether there is an answer that holds.
    pub(super) fn is_known(&self) -> bool {
        self.backend.is_none() || self.holding(self.lock().as_ref()).is_some()
    }

    /// Whether a host is in use, as far as is known.
    pub(super) fn is_kept(&self, cluster: &str, host: &str) -> bool {
        if self.backend.is_none() {
            return false;
        }
        let last = self.lock();
        let Some(hosts) = self.holding(last.as_ref()) else { return true };
        hosts.get(cluster).is_some_and(|hosts| hosts.contains(host))
    }

    fn holding<'a>(&self, last: Option<&'a (Hosts, Duration)>) -> Option<&'a Hosts> {
        let (hosts, at) = last?;
        (self.clock.now().uptime.saturating_sub(*at) <= self.holds).then_some(hosts)
    }

    fn lock(&self) -> MutexGuard<'_, Option<(Hosts, Duration)>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn asked(backend: &Client, before: i64) -> Result<Hosts> {
    let path = format!("/api/jobs/used_nodes?ts={before}");
    let context = || "ask the backend for hosts in use";
    let answer = backend.get(&path, ANSWER_BYTES_MAX).with_context(context)?;
    if answer.status != 200 {
        bail!("{}: it answers {}", context(), answer.status);
    }
    parsed(&answer.body).with_context(context)
}

/// `{"cluster":["host",…]}`, or the same below `usedNodes`. No clusters can also be null.
fn parsed(body: &[u8]) -> Result<Hosts> {
    let mut object: Map<String, Value> = serde_json::from_slice(body).context("no JSON object")?;
    let clusters = match object.remove("usedNodes") {
        Some(Value::Object(clusters)) => clusters,
        Some(Value::Null) => Map::new(),
        Some(hosts) => {
            object.insert("usedNodes".into(), hosts);
            object
        }
        None => object,
    };
    let hosts = |(cluster, hosts): (String, Value)| {
        let hosts: Option<HashSet<String>> = serde_json::from_value(hosts)
            .with_context(|| format!("hosts of cluster {cluster:?}"))?;
        Ok((cluster, hosts.unwrap_or_default()))
    };
    clusters.into_iter().map(hosts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_shapes_say_the_same() {
        let hosts = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let expected = Hosts::from([
            ("fritz".to_owned(), hosts(&["f0001", "f0002"])),
            ("alex".to_owned(), hosts(&[])),
        ]);
        for body in [
            r#"{"fritz":["f0001","f0002"],"alex":null}"#,
            r#"{"usedNodes":{"fritz":["f0002","f0001"],"alex":[]}}"#,
        ] {
            assert_eq!(parsed(body.as_bytes()).unwrap(), expected, "{body}");
        }
        for nothing in ["{}", r#"{"usedNodes":null}"#, r#"{"usedNodes":{}}"#] {
            assert_eq!(parsed(nothing.as_bytes()).unwrap(), Hosts::new(), "{nothing}");
        }
        let of_that_name = Hosts::from([("usedNodes".to_owned(), hosts(&["a"]))]);
        assert_eq!(parsed(br#"{"usedNodes":["a"]}"#).unwrap(), of_that_name);
        for wrong in ["", "[]", "null", r#"{"fritz":"f0001"}"#, r#"{"fritz":[1]}"#, "<html>"] {
            assert!(parsed(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn who_has_never_been_answered_keeps_every_host() {
        let retention = Duration::from_mins(1);
        let none = Nodes::new(None, retention, Clock::start()).unwrap();
        assert!(none.ask(0) && !none.is_kept("fritz", "f0001"));
        // Nobody listens there.
        let url = Some("http://127.0.0.1:1");
        let never = Nodes::new(url, retention, Clock::start()).unwrap();
        assert!(!never.ask(0) && never.is_kept("fritz", "f0001"));

        let at = never.clock.now().uptime;
        let hosts = parsed(br#"{"fritz":["f0001"]}"#).unwrap();
        *never.lock() = Some((hosts.clone(), at));
        assert!(never.ask(0), "the last answer holds");
        assert!(never.is_kept("fritz", "f0001") && !never.is_kept("fritz", "f0002"));
        let short = Nodes { holds: Duration::ZERO, ..never };
        assert!(!short.ask(0), "for one retention");
        assert!(short.is_kept("fritz", "f0002"));
    }
}
