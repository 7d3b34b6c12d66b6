//! `levelstore settle`: everything in a data directory in `.bin` files, as the Go store needs it.

use crate::Verdict;
use crate::archive;
use crate::catalogue::Catalogue;
use crate::json::{Problem, count, title};
use anyhow::{Context, Result};
use checkpointer::disk::RealDisk;
use checkpointer::log::Inline;
use checkpointer::{Config, Engine, Now, Problems, Settled, Start, Trouble};
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The data directory: clusters, in them hosts, in them .bin, .json, .late and .wal files
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Metrics with their frequencies: the `metrics` object of a configuration, or a configuration
    /// file
    #[arg(long, value_name = "FILE")]
    metrics: PathBuf,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(options: &Options, out: &mut impl Write) -> Result<Verdict> {
    let started = Instant::now();
    let metrics = Catalogue::read(&options.metrics)?.to_memory();
    let context = || format!("open data directory {}", options.data.display());
    let disk = RealDisk::new(&options.data).with_context(context)?;
    let start = Start::at(now(started));
    let marks = || archive::marks_beside(&options.data);
    let opened = Engine::open_with(disk, metrics, Config::default(), &start, marks);
    let (engine, found) = opened.with_context(context)?;
    let settled = engine.settle(now(started), &Inline, None);
    let closed = engine.close(now(started), &Inline, None);

    let mut problems = in_the_way(&options.data, &found.problems);
    let failed = settled.failed.iter().chain(&closed.failed);
    problems.extend(failed.map(|(host, why)| Problem::of(&options.data.join(host), &**why)));
    if options.json {
        let Settled { hosts, untouched, files, bytes, removed, segments, .. } = settled;
        let document = json!({
            "hosts": hosts, "untouched": untouched, "files": files, "bytes": bytes,
            "removed": removed, "segments": segments,
            "seconds": started.elapsed().as_secs_f64(), "problems": problems,
        });
        writeln!(out, "{document}")?;
    } else {
        print(&settled, &problems, &options.data, out)?;
    }
    Ok(if problems.is_empty() { Verdict::Fine } else { Verdict::Problems })
}

fn print(settled: &Settled, problems: &[Problem], data: &Path, out: &mut impl Write) -> Result<()> {
    for problem in problems {
        writeln!(out, "{problem}")?;
    }
    let Settled { hosts, untouched, files, bytes, removed, segments, .. } = settled;
    writeln!(
        out,
        "{}: hosts: {hosts} settled, {untouched} were already; written: {bytes} bytes, files: {files}; \
         removed: files: {removed}, segments: {segments}; {}",
        title(data),
        count(problems.len(), "problem"),
    )?;
    Ok(())
}

/// What is missing in the files, or keeps the Go store from starting. An end that is torn was never
/// acknowledged.
fn in_the_way(data: &Path, found: &Problems) -> Vec<Problem> {
    let listed = found.listed().iter();
    let in_the_way = listed.filter(|one| !matches!(one.trouble, Trouble::Torn { .. }));
    let mut problems: Vec<_> = in_the_way
        .map(|one| {
            let problem = Problem::of(&data.join(&one.path), one.trouble.to_string());
            Problem { offset: one.offset, ..problem }
        })
        .collect();
    if found.others() > 0 {
        problems.push(Problem::of(data, format!("{} more problems", found.others())));
    }
    problems
}

fn now(started: Instant) -> Now {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let unix = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    Now { unix, uptime: started.elapsed() }
}
