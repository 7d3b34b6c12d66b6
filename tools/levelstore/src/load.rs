//! `levelstore load`: what a start would find in a data directory, what it takes, and what it needs.

use crate::measure::{self, Meter};
use crate::store::Store;
use crate::{Verdict, json, time};
use anyhow::Result;
use checkpointer::{Recovered, View, memstore};
use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The data directory: clusters, in them hosts, in them .bin, .json, .late and .wal files
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Metrics with their frequencies: the `metrics` object of a configuration, or a configuration
    /// file
    #[arg(long, value_name = "FILE")]
    metrics: PathBuf,
    /// Leave out snapshots that ended longer ago than this, as a server with that
    /// `retention-in-memory` does: 48h, 1h30m
    #[arg(long, value_name = "D", value_parser = time::parse_seconds)]
    retention: Option<i64>,
    /// Report samples that are further ahead of the clock than this: 1h
    #[arg(long, value_name = "D", value_parser = time::parse_seconds)]
    max_future: Option<i64>,
    /// Leave out snapshots that end at this time or before: Unix seconds, or RFC 3339
    #[arg(long, value_name = "T", value_parser = time::parse, conflicts_with = "retention")]
    from: Option<i64>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// What was found, and what it took.
struct Loaded {
    found: Recovered,
    seconds: f64,
    cpu_seconds: f64,
    counts: memstore::Counts,
    store_bytes: usize,
    newest: Option<i64>,
    problems: Vec<json::Problem>,
}

pub(crate) fn run(options: &Options, out: &mut impl Write) -> Result<Verdict> {
    let meter = Meter::start();
    let store = Store::open(&options.data, Some(&options.metrics))?;
    let now = now();
    let oldest = options.retention.map_or(i64::MIN, |retention| now.saturating_sub(retention));
    let mut trees = Vec::new();
    let found = store.view(
        options.from.unwrap_or(oldest),
        |_, _| true,
        |View { tree, .. }| {
            trees.extend(tree);
            Ok(())
        },
    )?;
    let (seconds, cpu_seconds) = (meter.seconds(), meter.cpu_seconds());

    let mut loaded = Loaded {
        problems: store.problems(&found),
        found,
        seconds,
        cpu_seconds,
        counts: memstore::Counts::default(),
        store_bytes: 0,
        newest: trees.iter().filter_map(memstore::Host::newest).max(),
    };
    for tree in &trees {
        let counts = tree.counts();
        loaded.counts.series += counts.series;
        loaded.counts.points += counts.points;
        loaded.store_bytes += tree.memory().total();
    }
    if let (Some(newest), Some(max)) = (loaded.newest, options.max_future)
        && newest > now.saturating_add(max)
    {
        let what = format!("samples up to {} are ahead of the clock", time::utc(newest));
        loaded.problems.push(json::Problem::of(&options.data, what));
    }
    if options.json {
        writeln!(out, "{}", loaded.document())?;
    } else {
        loaded.print(out)?;
    }
    Ok(if loaded.problems.is_empty() { Verdict::Fine } else { Verdict::Problems })
}

impl Loaded {
    fn document(&self) -> Value {
        // In this order: what the process holds may grow meanwhile.
        let (memory, peak) = (measure::rss_bytes(), measure::peak_rss_bytes());
        // Nothing is left to do in the background: blocks are compressed as they are loaded.
        json!({
            "seconds": self.seconds,
            "cpu_seconds": self.cpu_seconds,
            "settled_seconds": self.seconds,
            "settled_cpu_seconds": self.cpu_seconds,
            "files": self.found.files(),
            "snapshots": self.found.snapshots,
            "segments": self.found.segments,
            "bytes": self.found.bytes,
            "points": self.counts.points,
            "records": self.found.records,
            "series": self.counts.series,
            "hosts": self.found.hosts,
            "offline": self.found.offline,
            "unclean": self.found.unclean,
            "newest": self.newest,
            "peak_rss_bytes": peak,
            "memory_bytes": memory,
            "store_bytes": self.store_bytes,
            "problems": self.problems,
        })
    }

    fn print(&self, out: &mut impl Write) -> Result<()> {
        let Self { found, counts, .. } = self;
        for problem in &self.problems {
            writeln!(out, "{problem}")?;
        }
        writeln!(
            out,
            "{} hosts, {} of them offline; {} series, {} points, newest {}",
            found.hosts + found.offline,
            found.offline,
            counts.series,
            counts.points,
            self.newest.map_or_else(|| "none".into(), time::utc)
        )?;
        writeln!(
            out,
            "from {} snapshots and {} log segments, {} bytes, {} log records{}",
            found.snapshots,
            found.segments,
            found.bytes,
            found.records,
            if found.unclean { "; it was not closed" } else { "" }
        )?;
        writeln!(out, "{:.3} s, {:.3} s of CPU", self.seconds, self.cpu_seconds)?;
        let [now, peak] = [measure::rss_bytes(), measure::peak_rss_bytes()]
            .map(|bytes| bytes.map_or_else(|| "unknown".into(), json::megabytes));
        let store = json::megabytes(self.store_bytes as u64);
        writeln!(out, "memory: {now} resident, {store} of it series; {peak} at most")?;
        Ok(())
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
