//! The same load for us and for another store, in turn: processor time, memory, and answers.
//!
//! | peer | what it is | how it gets the load |
//! |---|---|---|
//! | `http://host:port` | a server with the interface of the Go store | `POST /api/write` |
//! | `victoria-metrics` | Debian's package | `POST /write`, line protocol |
//! | `prometheus` | Debian's package | remote write: Protobuf, made before the clock starts |
//! | anything else | a shell command: a server that reads `config.json` of its directory, as the Go store does | `POST /api/write` |

mod answers;
mod remote_write;

use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::Bench;
use super::serve::{Load, Posted};
use super::server::{Server, configuration, free_address};
use super::table::number;
use crate::run::line;

/// Whom we are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Peer<'a> {
    Ourselves,
    Url(&'a str),
    VictoriaMetrics,
    Prometheus,
    Command(&'a str),
}

impl<'a> Peer<'a> {
    fn named(name: &'a str) -> Self {
        match name {
            "victoria-metrics" => Self::VictoriaMetrics,
            "prometheus" => Self::Prometheus,
            url if url.starts_with("http://") => Self::Url(url),
            command => Self::Command(command),
        }
    }
}

pub(super) fn compare(bench: &mut Bench, name: &str) -> Result<()> {
    let peer = Peer::named(name);
    let load = Load::read(bench, bench.size.hours)?;
    let mut taken = [Vec::new(), Vec::new()];
    for round in 1..=bench.rounds {
        let ours = Store::start(bench, Peer::Ourselves)?;
        taken[0].push(ours.take(&load)?);
        let theirs = Store::start(bench, peer)?;
        taken[1].push(theirs.take(&load)?);
        let compared = answers::compare(bench, peer, &ours.address, &theirs.address)?;
        line(format_args!("round {round}: {compared}"))?;
        ours.stop()?;
        theirs.stop()?;
        // An address is of a server that goes on: it has everything now.
        if let Peer::Url(_) = peer {
            break;
        }
    }
    line(format_args!(
        "\n{:<18} {:>14} {:>12} {:>14} {:>12}",
        "of a line", "processor, ns", "lines/s, M", "request p99, ms", "memory, MB"
    ))?;
    for (name, runs) in ["levelstore", name].into_iter().zip(&taken) {
        let median = |of: fn(&Taken) -> Option<f64>| {
            let mut values: Vec<f64> = runs.iter().filter_map(of).collect();
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).map_or("?".to_owned(), |value| number(*value))
        };
        line(format_args!(
            "{name:<18.18} {:>14} {:>12} {:>14} {:>12}",
            median(|taken| taken.cpu_ns),
            median(|taken| Some(taken.rate)),
            median(|taken| Some(taken.p99_ms)),
            median(|taken| taken.memory_mb)
        ))?;
    }
    Ok(())
}

/// What the load has cost a server; processor and memory only of one that we have started.
struct Taken {
    cpu_ns: Option<f64>,
    rate: f64,
    p99_ms: f64,
    memory_mb: Option<f64>,
}

/// A running server, ours or another's.
struct Store<'a> {
    peer: Peer<'a>,
    server: Option<Server>,
    address: String,
}

impl<'a> Store<'a> {
    fn start(bench: &Bench, peer: Peer<'a>) -> Result<Self> {
        let folder = if peer == Peer::Ourselves { "data-server" } else { "data-peer" };
        let directory = bench.empty(folder)?;
        let address = match peer {
            Peer::Url(url) => {
                let address = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
                return Ok(Self { peer, server: None, address });
            }
            _ => free_address()?,
        };
        let metrics = bench.metrics(bench.size.hours)?;
        let (mut command, ready) = match peer {
            Peer::Ourselves => {
                configuration(&directory, &address, &metrics, Some("flush"))?;
                let mut command = Command::new(&bench.program);
                command.args(["serve", "-config", "config.json"]);
                (command, "/-/ready")
            }
            Peer::VictoriaMetrics => (victoria_metrics(&address), "/health"),
            Peer::Prometheus => {
                std::fs::write(directory.join("prometheus.yml"), "global: {}\n")?;
                (prometheus(&address), "/-/ready")
            }
            Peer::Command(text) | Peer::Url(text) => {
                configuration(&directory, &address, &metrics, None)?;
                let mut command = Command::new("sh");
                // The shell becomes the server: what is asked about is the server's process.
                command.args(["-c", &format!("exec {text}")]);
                (command, "/api/healthcheck")
            }
        };
        command.current_dir(&directory);
        let log = bench.folder.join(format!("{folder}.log"));
        let server = Server::start(command, address.clone(), ready, &log)
            .with_context(|| format!("see {}", log.display()))?;
        Ok(Self { peer, server: Some(server), address })
    }

    fn take(&self, load: &Load) -> Result<Taken> {
        let path = match self.peer {
            Peer::VictoriaMetrics => "/write?precision=s",
            _ => "/api/write",
        };
        let cpu = self.cpu_seconds()?;
        let mut posted = match self.peer {
            Peer::Prometheus => remote_write::send(load, &self.address)?,
            _ => load.post_to(&self.address, path)?,
        };
        let cpu = self.cpu_seconds()?.zip(cpu).map(|(after, before)| after - before);
        let Posted { lines, wall_seconds, waited_ms } = &mut posted;
        let memory = self.server.as_ref().map(Server::rss_bytes).transpose()?;
        ensure!(!waited_ms.is_empty(), "nothing was sent");
        Ok(Taken {
            cpu_ns: cpu.map(|seconds| seconds * 1e9 / *lines),
            rate: *lines / *wall_seconds / 1e6,
            p99_ms: super::figures::percentile(waited_ms, 99)?,
            memory_mb: memory.map(|bytes| bytes / 1e6),
        })
    }

    fn cpu_seconds(&self) -> Result<Option<f64>> {
        self.server.as_ref().map(Server::cpu_seconds).transpose()
    }

    fn stop(self) -> Result<()> {
        self.server.map_or(Ok(()), Server::stop)
    }
}

/// The name of the program differs between packagers.
fn victoria_metrics(address: &str) -> Command {
    let mut command = Command::new("victoria-metrics");
    command.args(["-storageDataPath=data", "-retentionPeriod=10y", "-influxSkipSingleField"]);
    // Answers of what has just come; by default half a minute is left out.
    command.args(["-search.latencyOffset=0s", "-search.disableCache", "-influxListenAddr="]);
    command.arg(format!("-httpListenAddr={address}"));
    command
}

fn prometheus(address: &str) -> Command {
    let mut command = Command::new("prometheus");
    command.args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"]);
    command.args(["--storage.tsdb.retention.time=10y", "--web.enable-remote-write-receiver"]);
    command.arg(format!("--web.listen-address={address}"));
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_known_by_its_name_and_anything_else_is_a_command() {
        assert_eq!(Peer::named("prometheus"), Peer::Prometheus);
        assert_eq!(Peer::named("http://h:1"), Peer::Url("http://h:1"));
        let command = "cc-metric-store -config config.json";
        assert_eq!(Peer::named(command), Peer::Command(command));
    }
}
