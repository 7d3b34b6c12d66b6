//! `levelstore import`: lines of files or of standard input into a data directory, through the engine, or
//! to a running server.

mod progress;
mod read;
mod remote;
mod report;
mod store;

use crate::measure::Meter;
use crate::{Verdict, time};
use anyhow::{Result, bail};
use progress::Progress;
use read::Lines;
use report::{Report, print_faults};
use std::io::Write;
use std::path::PathBuf;
use store::{Save, Store};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The data directory, made if it is not there: clusters, in them hosts, in them .bin, .late and
    /// .wal files
    #[arg(long, value_name = "DIR", required_unless_present = "url", requires = "metrics")]
    data: Option<PathBuf>,
    /// Metrics with their frequencies: the `metrics` object of a configuration, or a configuration
    /// file
    #[arg(long, value_name = "FILE")]
    metrics: Option<PathBuf>,
    /// A running server instead, by its address: `http://host:8082`
    #[arg(
        long,
        value_name = "URL",
        conflicts_with_all = ["data", "metrics", "no_wal", "no_checkpoint", "retention", "max_future"]
    )]
    url: Option<String>,
    /// A file with the token that the server wants
    #[arg(long, value_name = "FILE", requires = "url")]
    token_file: Option<PathBuf>,
    /// The cluster of lines that name none
    #[arg(long, value_name = "C")]
    cluster: Option<String>,
    /// Write no log: what was taken is on the disk when the snapshots are, at the end
    #[arg(long, conflicts_with = "no_checkpoint")]
    no_wal: bool,
    /// Write no snapshots: what was taken stays in the log
    #[arg(long)]
    no_checkpoint: bool,
    /// Refuse samples that are older than this: 48h, 1h30m
    #[arg(long, value_name = "D", value_parser = time::parse_seconds)]
    retention: Option<i64>,
    /// Refuse samples that are further ahead of the clock than this: 1h
    #[arg(long, value_name = "D", value_parser = time::parse_seconds)]
    max_future: Option<i64>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    /// Files with line protocol, plain or compressed by gzip; `-` is standard input
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

pub(crate) fn run(options: &Options, out: &mut impl Write) -> Result<Verdict> {
    if let Some(url) = &options.url {
        return remote::run(options, url, out);
    }
    let meter = Meter::start();
    let (Some(data), Some(metrics)) = (&options.data, &options.metrics) else {
        bail!("--data and --metrics, or --url: where to?")
    };
    let store = Store::open(options, data, metrics)?;
    let mut report = Report::default();
    let mut progress = Progress::new(&options.files);
    for path in &options.files {
        let mut lines = Lines::open(path)?;
        let outcome = store.take(&mut lines, &mut progress)?;
        progress.clear()?;
        print_faults(path, &outcome)?;
        report.add(&outcome);
        if let Some(why) = outcome.not_acknowledged {
            return Err(anyhow::Error::new(why).context(format!("import {}", path.display())));
        }
    }
    report.points = store.points();
    report.wal_bytes = store.wal_bytes();
    report.took(&meter);
    let save = if options.no_checkpoint { Save::Log } else { Save::Snapshots };
    let failed = store.close(save, &mut report)?;
    if options.json {
        report.json(out)?;
    } else {
        report.print(out)?;
    }
    let is_fine = report.refused_lines() == 0 && failed == 0;
    Ok(if is_fine { Verdict::Fine } else { Verdict::Problems })
}
