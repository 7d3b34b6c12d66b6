//! How much of the memory that is freed goes back to the system.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::Bench;
use super::day::texts;
use super::http::Connection;
use super::process::measured;
use super::serve::start;
use super::server::Server;
use super::workload::START;

/// By then it is to be back.
const BACK: Duration = Duration::from_secs(10);

/// The day comes over HTTP, then what is older than half a day is freed, then what is older than a
/// fifth.
pub(super) fn run(bench: &mut Bench) -> Result<()> {
    let (_, server) = start(bench, bench.size.day, "flush")?;
    let base = server.rss_bytes()?;
    let lines = bench.generated(bench.size.day)?.lines;
    let url = format!("http://{}", server.address);
    let [lines] = texts([&lines])?;
    measured(&bench.folder, &bench.program, &["import", "--json", "--url", &url, lines])?;
    let end = START + 60 * i64::from(bench.size.day.minutes);
    for (name, hours) in [("half", 12), ("fifth", 5)] {
        let (resident, held) = free(&server, end - hours * 3600)?;
        bench.figures.add(&format!("freed.{name}_held"), held / 1e6);
        bench.figures.add(&format!("freed.{name}"), resident / held);
        bench.figures.add(&format!("freed.{name}_over_base"), (resident - base) / held);
    }
    server.stop()
}

/// What is resident some time after freeing, and what the store says that it holds.
fn free(server: &Server, before: i64) -> Result<(f64, f64)> {
    let mut connection = Connection::open(&server.address)?;
    let path = format!("/api/free?to={before}");
    let answer = connection.ask("POST", &path, br#"[["sim"]]"#)?;
    ensure!(answer.status == 200, "{path}: {}", answer.status);
    thread::sleep(BACK);
    let resident = server.rss_bytes()?;
    let page = connection.ask("GET", "/metrics", b"")?.body;
    let page = String::from_utf8(page)?;
    let read = |name: &str| -> Result<f64> {
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Ok(line.with_context(|| format!("no {name} in /metrics"))?.parse()?)
    };
    Ok((resident, read("levelstore_series_bytes")? + read("levelstore_key_bytes")?))
}
