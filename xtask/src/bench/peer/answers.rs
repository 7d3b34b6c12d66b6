//! Whether two stores that got the same lines answer the same, and what their questions take.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::super::Bench;
use super::super::figures::percentile;
use super::super::http::Connection;
use super::super::table::number;
use super::super::workload::START;
use super::Peer;

/// Of the node, of sockets and of hardware threads.
const METRICS: [&str; 6] = ["cpu_load", "mem_used", "cpu_power", "mem_bw", "cpu_user", "flops_any"];
const HOSTS: u32 = 10;

/// Time and value of each sample of a series.
type Samples = BTreeMap<i64, f64>;

/// Asks both about the same series, in turn. What differs is an error.
pub(super) fn compare(bench: &Bench, peer: Peer, ours: &str, theirs: &str) -> Result<String> {
    let to = START + 60 * i64::from(bench.size.hours.minutes);
    let (mut of_ours, mut of_theirs) = (Connection::open(ours)?, Connection::open(theirs)?);
    if peer == Peer::VictoriaMetrics {
        // What has come in the last second is not yet seen.
        of_theirs.ask("GET", "/internal/force_flush", b"")?;
    }
    let (mut our_ms, mut their_ms) = (Vec::new(), Vec::new());
    let (mut series, mut samples) = (0, 0);
    for host in 1..=HOSTS.min(bench.size.hours.hosts) {
        for metric in METRICS {
            let host = format!("n{host:05}");
            let asked = Instant::now();
            let expected = store(&mut of_ours, metric, &host, to)?;
            our_ms.push(asked.elapsed().as_secs_f64() * 1e3);
            let asked = Instant::now();
            let found = match peer {
                Peer::VictoriaMetrics | Peer::Prometheus => {
                    prometheus(&mut of_theirs, metric, &host, to)?
                }
                Peer::Ourselves | Peer::Url(_) | Peer::Command(_) => {
                    store(&mut of_theirs, metric, &host, to)?
                }
            };
            their_ms.push(asked.elapsed().as_secs_f64() * 1e3);
            same(&expected, &found).with_context(|| format!("{metric} of {host}"))?;
            series += expected.len();
            samples += expected.values().map(Samples::len).sum::<usize>();
        }
    }
    ensure!(samples > 0, "nothing was answered");
    let [our_ms, their_ms] = [percentile(&mut our_ms, 50)?, percentile(&mut their_ms, 50)?];
    Ok(format!(
        "{samples} samples of {series} series are the same; a question takes {} ms, there {} ms (p50)",
        number(our_ms),
        number(their_ms)
    ))
}

/// Values are stored as f32, and answered with three decimals.
fn same(expected: &BTreeMap<String, Samples>, found: &BTreeMap<String, Samples>) -> Result<()> {
    let names = |all: &BTreeMap<String, Samples>| all.keys().cloned().collect::<Vec<_>>();
    ensure!(names(expected) == names(found), "{:?} and {:?}", names(expected), names(found));
    for (name, expected) in expected {
        let found = found.get(name).context("it was there")?;
        ensure!(
            expected.len() == found.len(),
            "{name}: {} samples and {}",
            expected.len(),
            found.len()
        );
        for ((time, value), (their_time, their_value)) in expected.iter().zip(found) {
            let is_near = (value - their_value).abs() <= 0.0006 + value.abs() * 1e-6;
            if time != their_time || !is_near {
                bail!("{name}: {value} at {time} and {their_value} at {their_time}");
            }
        }
    }
    Ok(())
}

/// Every series of a metric below a host, by its type and its id.
fn store(
    connection: &mut Connection,
    metric: &str,
    host: &str,
    to: i64,
) -> Result<BTreeMap<String, Samples>> {
    let (kind, count) = match metric {
        "cpu_load" | "mem_used" => ("", 1),
        "cpu_power" | "mem_bw" => ("socket", 2),
        _ => ("hwthread", 72),
    };
    let ids: Vec<String> = (0..count).map(|id| format!("\"{id}\"")).collect();
    let of = match kind {
        "" => String::new(),
        kind => format!(r#","type":"{kind}","type-ids":[{}]"#, ids.join(",")),
    };
    // Padding would stand in front of the first value without changing what `from` says.
    let question = format!(
        r#"{{"cluster":"sim","from":{START},"to":{to},"with-padding":false,"queries":[{{"metric":"{metric}","host":"{host}"{of}}}]}}"#
    );
    let answer = connection.ask("GET", "/api/query", question.as_bytes())?;
    let text = String::from_utf8_lossy(&answer.body);
    ensure!(answer.status == 200, "query: {} {text}", answer.status);
    let document: Value = serde_json::from_str(&text)?;
    let entries = document["results"][0].as_array().context("no results")?;
    let mut all = BTreeMap::new();
    for (number, entry) in entries.iter().enumerate() {
        let (from, step) = (entry["from"].as_i64(), entry["resolution"].as_i64());
        let (from, step) = (from.context("no from")?, step.context("no resolution")?);
        let values = entry["data"].as_array().into_iter().flatten();
        let samples =
            (0..).zip(values).filter_map(|(at, value)| Some((from + step * at, value.as_f64()?)));
        let id = if kind.is_empty() { String::new() } else { number.to_string() };
        all.insert(id, samples.collect());
    }
    Ok(all)
}

/// The same by `query_range`, minute by minute: an instant has the sample that was sent for it.
fn prometheus(
    connection: &mut Connection,
    metric: &str,
    host: &str,
    to: i64,
) -> Result<BTreeMap<String, Samples>> {
    let end = to - 60;
    // Less than a minute, or a sample would stand for the next one that is missing.
    let query = format!("last_over_time({metric}%7Bhostname%3D%22{host}%22%7D%5B59s%5D)");
    let path = format!("/api/v1/query_range?query={query}&start={START}&end={end}&step=60");
    let answer = connection.ask("GET", &path, b"")?;
    let text = String::from_utf8_lossy(&answer.body);
    ensure!(answer.status == 200, "query_range: {} {text}", answer.status);
    let document: Value = serde_json::from_str(&text)?;
    let results = document["data"]["result"].as_array().context("no result")?;
    let mut all = BTreeMap::new();
    for result in results {
        let labels = &result["metric"];
        let id = labels["type-id"].as_str().or(labels["type_id"].as_str()).unwrap_or_default();
        let values = result["values"].as_array().context("no values")?;
        let mut samples = Samples::new();
        for sample in values {
            let time = sample[0].as_f64().context("no time")?;
            let value = sample[1].as_str().context("no value")?.parse()?;
            #[expect(clippy::cast_possible_truncation, reason = "whole seconds")]
            samples.insert(time as i64, value);
        }
        all.insert(id.to_owned(), samples);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(samples: &[(i64, f64)]) -> BTreeMap<String, Samples> {
        [(String::new(), samples.iter().copied().collect())].into()
    }

    #[test]
    fn answers_are_the_same_to_the_digits_that_are_told() {
        let ours = series(&[(0, 1.0), (60, 100_000.0)]);
        same(&ours, &series(&[(0, 1.0005), (60, 100_000.05)])).unwrap();
        for other in [
            series(&[(0, 1.001), (60, 100_000.0)]),
            series(&[(0, 1.0), (120, 100_000.0)]),
            series(&[(0, 1.0)]),
            BTreeMap::new(),
        ] {
            assert!(same(&ours, &other).is_err(), "{other:?}");
        }
    }
}
