//! Lines into data directories and back, by whole processes: ingest, memory, checkpoint, recovery, replay.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::area::Area::{self, Archive, Checkpoint, Ingest, Memory, Recovery, Replay};
use super::process::{Used, measured};
use super::workload::{Generated, SERIES, Workload};
use super::{Bench, archive};

/// One round of what these areas need.
pub(super) fn run(bench: &mut Bench, areas: &[Area]) -> Result<()> {
    let any = |of: &[Area]| of.iter().any(|area| areas.contains(area));
    if any(&[Ingest, Memory, Replay]) {
        logged_day(bench)?;
    }
    if any(&[Replay]) {
        replay(bench)?;
    }
    if any(&[Ingest, Checkpoint, Recovery, Archive]) {
        unlogged_day(bench)?;
    }
    if any(&[Recovery, Memory]) {
        recovery(bench)?;
    }
    if any(&[Archive]) {
        archive::run(bench)?;
    }
    if any(&[Ingest, Memory]) {
        many_hosts(bench)?;
    }
    if any(&[Memory]) {
        full_precision(bench)?;
    }
    Ok(())
}

/// Where the data of the day lie, of `import` with a log and without.
const LOGGED: &str = "data-logged";
pub(super) const SAVED: &str = "data-saved";

impl Bench<'_> {
    fn import(&self, workload: Workload, into: &Path, how: &str) -> Result<Used> {
        let Generated { lines, metrics } = self.generated(workload)?;
        let [into, metrics, lines] = texts([into, &metrics, &lines])?;
        let options = ["import", "--json", how, "--data", into, "--metrics", metrics, lines];
        measured(&self.folder, &self.program, &options)
    }

    fn load(&self, workload: Workload, from: &str) -> Result<Used> {
        let metrics = self.generated(workload)?.metrics;
        let from = self.folder.join(from);
        ensure!(from.exists(), "{} is to be loaded, but not there", from.display());
        let [from, metrics] = texts([&from, &metrics])?;
        let options = ["load", "--json", "--data", from, "--metrics", metrics];
        measured(&self.folder, &self.program, &options)
    }
}

/// Paths as arguments.
pub(super) fn texts<const N: usize>(paths: [&Path; N]) -> Result<[&str; N]> {
    let mut texts = [""; N];
    for (text, path) in texts.iter_mut().zip(paths) {
        *text = path.to_str().with_context(|| format!("{} is no UTF-8", path.display()))?;
    }
    Ok(texts)
}

/// Nanoseconds each.
fn each(cpu_seconds: f64, count: f64) -> f64 {
    cpu_seconds * 1e9 / count
}

/// Millions a second.
fn rate(count: f64, cpu_seconds: f64) -> f64 {
    count / cpu_seconds / 1e6
}

/// All that the process takes, from its start to the end of the log, is in it.
fn logged_day(bench: &mut Bench) -> Result<()> {
    let into = bench.empty(LOGGED)?;
    let used = bench.import(bench.size.day, &into, "--no-checkpoint")?;
    let (lines, points) = (used.number("/lines")?, used.number("/points")?);
    bench.figures.add("ingest.day_logged", each(used.cpu_seconds, lines));
    bench.figures.add("ingest.wal_bytes", used.number("/wal_bytes")? / lines);
    bench.figures.add("memory.day_rss", used.peak_rss_bytes / points);
    Ok(())
}

fn replay(bench: &mut Bench) -> Result<()> {
    let used = bench.load(bench.size.day, LOGGED)?;
    let records = used.number("/records")?;
    bench.figures.add("replay.records", rate(records, used.number("/settled_cpu_seconds")?));
    bench.figures.add("replay.peak_rss", used.peak_rss_bytes / used.number("/points")?);
    Ok(())
}

/// What was taken without a log is saved in the end: ingest and checkpoint, each by itself.
fn unlogged_day(bench: &mut Bench) -> Result<()> {
    let into = bench.empty(SAVED)?;
    let used = bench.import(bench.size.day, &into, "--no-wal")?;
    let (lines, points) = (used.number("/lines")?, used.number("/points")?);
    bench.figures.add("ingest.day_memory", each(used.number("/cpu_seconds")?, lines));
    let saving = used.number("/checkpoint/cpu_seconds")?;
    bench.figures.add("checkpoint.day", rate(points, saving));
    bench.figures.add("checkpoint.bytes", used.number("/checkpoint/bytes")? / points);
    Ok(())
}

fn recovery(bench: &mut Bench) -> Result<()> {
    // The areas that fill the directory may not have been asked for.
    if !bench.folder.join(SAVED).exists() {
        unlogged_day(bench)?;
    }
    let used = bench.load(bench.size.day, SAVED)?;
    let points = used.number("/points")?;
    bench.figures.add("recovery.answers", rate(points, used.number("/cpu_seconds")?));
    bench.figures.add("recovery.settled", rate(points, used.number("/settled_cpu_seconds")?));
    bench.figures.add("recovery.rss", used.number("/memory_bytes")? / points);
    bench.figures.add("recovery.peak_rss", used.peak_rss_bytes / points);
    bench.figures.add("memory.day_store", used.number("/store_bytes")? / points);
    Ok(())
}

fn many_hosts(bench: &mut Bench) -> Result<()> {
    let size = bench.size;
    for workload in [size.burst, size.narrow, size.wide] {
        let into = bench.empty("data-many")?;
        let used = bench.import(workload, &into, "--no-checkpoint")?;
        // The same figure of both sizes: `quick-wide` is a `wide`.
        let name = workload.name.trim_start_matches("quick-");
        let cost = each(used.cpu_seconds, used.number("/lines")?);
        bench.figures.add(&format!("ingest.{name}_logged"), cost);
        if name == "wide" {
            let series = f64::from(workload.hosts) * SERIES;
            bench.figures.add("memory.near_empty", used.peak_rss_bytes / series);
        }
    }
    bench.empty("data-many")?;
    Ok(())
}

fn full_precision(bench: &mut Bench) -> Result<()> {
    let into = bench.empty("data-full-precision")?;
    let used = bench.import(bench.size.full_precision, &into, "--no-wal")?;
    bench.figures.add("memory.full_precision_rss", used.peak_rss_bytes / used.number("/points")?);
    bench.empty("data-full-precision")?;
    Ok(())
}
