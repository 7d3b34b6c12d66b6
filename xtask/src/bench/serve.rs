//! The server over HTTP: what a line, a question and a request's wait cost with each way to sync, and
//! what a kill loses.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use super::area::Area::{self, Ingest, Log, Memory, Query};
use super::day::texts;
use super::figures::percentile;
use super::http::{Connection, post_all};
use super::process::measured;
use super::server::{Server, configuration, free_address};
use super::workload::{START, Workload};
use super::{Bench, freed};

const QUESTIONS: u32 = 5000;

/// One round of what these areas need.
pub(super) fn run(bench: &mut Bench, areas: &[Area]) -> Result<()> {
    let any = |of: &[Area]| of.iter().any(|area| areas.contains(area));
    if any(&[Ingest, Query]) {
        let load = Load::read(bench, bench.size.hours)?;
        let (directory, server) = start(bench, bench.size.hours, "flush")?;
        let cpu = server.cpu_seconds()?;
        let posted = load.post_to(&server.address, "/api/write")?;
        let cpu = server.cpu_seconds()? - cpu;
        bench.figures.add("ingest.http", cpu * 1e9 / posted.lines);
        if any(&[Query]) {
            questions(bench, &server)?;
        }
        if any(&[Ingest]) {
            lost(bench, server, &directory, posted.lines)?;
        }
    }
    if any(&[Log]) {
        let load = Load::read(bench, bench.size.burst)?;
        for sync in ["none", "flush", "always"] {
            let (_, server) = start(bench, bench.size.burst, sync)?;
            let cpu = server.cpu_seconds()?;
            let mut posted = load.post_to(&server.address, "/api/write")?;
            let cost = (server.cpu_seconds()? - cpu) * 1e9 / posted.lines;
            bench.figures.add(&format!("log.http_{sync}"), cost);
            let waited = percentile(&mut posted.waited_ms, 99)?;
            bench.figures.add(&format!("log.http_{sync}_p99"), waited);
        }
    }
    if any(&[Memory]) {
        freed::run(bench)?;
    }
    bench.empty("data-server")?;
    Ok(())
}

pub(super) fn start(bench: &Bench, workload: Workload, sync: &str) -> Result<(PathBuf, Server)> {
    let directory = bench.empty("data-server")?;
    let address = free_address()?;
    configuration(&directory, &address, &bench.metrics(workload)?, Some(sync))?;
    let mut command = Command::new(&bench.program);
    command.args(["serve", "-config", "config.json"]).current_dir(&directory);
    let log = bench.folder.join("server.log");
    let server = Server::start(command, address, "/-/ready", &log)?;
    Ok((directory, server))
}

/// What clients send: the lines of a host's minute in a body, those of a host in their order.
pub(super) struct Load {
    lines: Vec<u8>,
    /// Ranges of the bytes, of each host.
    hosts: Vec<Vec<std::ops::Range<usize>>>,
}

/// What that took.
pub(super) struct Posted {
    pub(super) wall_seconds: f64,
    pub(super) lines: f64,
    pub(super) waited_ms: Vec<f64>,
}

impl Load {
    pub(super) fn read(bench: &Bench, workload: Workload) -> Result<Self> {
        let path = bench.generated(workload)?.lines;
        let lines = fs::read(&path).with_context(|| path.display().to_string())?;
        let mut hosts = vec![Vec::new(); usize::try_from(workload.hosts)?];
        let (mut of, mut begin, mut at) = (0, 0, 0);
        for line in lines.split_inclusive(|&byte| byte == b'\n') {
            let host = host_of(line).context("a line without a host")?;
            if host != of {
                hosts[of].push(begin..at);
                (of, begin) = (host, at);
            }
            at += line.len();
        }
        hosts[of].push(begin..at);
        Ok(Self { lines, hosts })
    }

    /// The bodies in the order of their minutes.
    pub(super) fn bodies(&self) -> impl Iterator<Item = &[u8]> {
        let minutes = self.hosts.iter().map(Vec::len).max().unwrap_or(0);
        (0..minutes).flat_map(move |minute| {
            self.hosts.iter().filter_map(move |host| Some(&self.lines[host.get(minute)?.clone()]))
        })
    }

    pub(super) fn lines(&self) -> Result<f64> {
        let count = self.lines.split(|&byte| byte == b'\n').count() - 1;
        Ok(f64::from(u32::try_from(count)?))
    }

    /// Sends everything over some connections; every answer is to be 200 or 204.
    pub(super) fn post_to(&self, address: &str, path: &str) -> Result<Posted> {
        let bodies: Vec<&[u8]> = self.bodies().collect();
        let began = Instant::now();
        let waited_ms = post_all(address, path, "", &bodies)?;
        let wall_seconds = began.elapsed().as_secs_f64();
        Ok(Posted { wall_seconds, lines: self.lines()?, waited_ms })
    }
}

/// The number of `hostname=n00001`, from 0.
fn host_of(line: &[u8]) -> Option<usize> {
    let line = str::from_utf8(line).ok()?;
    let digits = line.split_once("hostname=n")?.1.get(..5)?;
    digits.parse::<usize>().ok()?.checked_sub(1)
}

/// What a question about two hours costs the server.
fn questions(bench: &mut Bench, server: &Server) -> Result<()> {
    let to = START + 60 * i64::from(bench.size.hours.minutes);
    let ask = |metric: &str, with: &str| {
        format!(
            r#"{{"cluster":"sim","from":{START},"to":{to},{with}"queries":[{{"metric":"{metric}","host":"n00001"}}]}}"#
        )
    };
    let questions = [
        ("query.http_one", ask("cpu_load", "")),
        ("query.http_sum72", ask("flops_any", "")),
        ("query.http_statistics", ask("flops_any", r#""with-data":false,"#)),
    ];
    let mut connection = Connection::open(&server.address)?;
    for (name, question) in questions {
        let cpu = server.cpu_seconds()?;
        for _ in 0..QUESTIONS {
            let answer = connection.ask("GET", "/api/query", question.as_bytes())?;
            ensure!(answer.status == 200, "{name}: {}", answer.status);
            let is_one = answer.body.windows(5).any(|five| five == b"\"avg\"");
            ensure!(is_one, "{name}: nothing to answer");
        }
        let cpu = server.cpu_seconds()? - cpu;
        bench.figures.add(name, cpu / f64::from(QUESTIONS) * 1e6);
    }
    Ok(())
}

/// Every request was answered: what a start does not find was acknowledged, and is lost.
fn lost(bench: &mut Bench, server: Server, directory: &std::path::Path, sent: f64) -> Result<()> {
    server.kill()?;
    let metrics = bench.generated(bench.size.hours)?.metrics;
    let data = directory.join("checkpoints");
    let [data, metrics] = texts([&data, &metrics])?;
    let options = ["load", "--json", "--data", data, "--metrics", metrics];
    let used = measured(&bench.folder, &bench.program, &options)?;
    bench.figures.add("ingest.lost", sent - used.number("/records")?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_a_line_is_its_number_from_nought() {
        assert_eq!(host_of(b"cpu_load,cluster=sim,hostname=n00012 value=1 1\n"), Some(11));
        assert_eq!(host_of(b"cpu_load,cluster=sim,hostname=n00000 value=1 1\n"), None);
        assert_eq!(host_of(b"cpu_load,cluster=sim value=1 1\n"), None);
    }
}
