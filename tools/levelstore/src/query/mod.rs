//! `levelstore query`: a series, or an aggregate of several, from a data directory, from an archive, or
//! from a server.

mod archived;
mod device;
mod plot;
mod remote;

use crate::json::{count, legible};
use crate::store::{Store, is_loss};
use crate::{Verdict, time};
use anyhow::{Context, Result, bail};
use checkpointer::memstore::resample::Method;
use checkpointer::memstore::{Answer, Catalogue, Element, Host, Query, Selector};
use serde::{Serialize, Serializer};
use std::io::{self, Write};
use std::path::PathBuf;

pub(crate) const EXAMPLES: &str = "\
Examples:
  … --metric cpu_load                              of the host
  … --metric flops_any                             of the host, else of all its devices together
  … --metric flops_any --device socket0            of one socket
  … --metric flops_any --device socket0,socket1    of two sockets together
  … --metric temp --device socket0 --device '*'    of all parts of a socket together
  … --metric cpu_load --from 2023-11-14T22:00:00Z --plot
  --archive DIR --cluster emmy --host m0001 --metric cpu_load --from 2023-11-14T22:00:00Z

Exit code: 0 fine, 1 no answer, or files of the host are damaged, 2 wrong usage.";

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The data directory: clusters, in them hosts, in them .bin, .json, .late and .wal files
    #[arg(long, value_name = "DIR", required_unless_present_any = ["url", "archive"], requires = "metrics")]
    data: Option<PathBuf>,
    /// An archive instead: its directory, or files of it; ours and the Go store's
    #[arg(long, value_name = "PATH", num_args = 1.., conflicts_with_all = ["data", "url"])]
    archive: Vec<PathBuf>,
    /// Metrics with their frequencies and aggregations: the `metrics` object of a configuration, or a
    /// configuration file. An archive knows the frequencies itself, but not how to aggregate
    #[arg(long, value_name = "FILE")]
    metrics: Option<PathBuf>,
    /// A running server instead, by its address: `http://host:8082`
    #[arg(long, value_name = "URL", conflicts_with_all = ["data", "metrics"])]
    url: Option<String>,
    /// A file with the token that the server wants
    #[arg(long, value_name = "FILE", requires = "url")]
    token_file: Option<PathBuf>,
    /// The cluster
    #[arg(long, value_name = "C")]
    cluster: String,
    /// The host
    #[arg(long, value_name = "H")]
    host: String,
    /// The metric
    #[arg(long, value_name = "M")]
    metric: String,
    /// A level below the host, as type and type-id together: socket0. Repeated, the levels of a path.
    /// Several separated by commas are aggregated, `*` is all there are; a backslash takes the special
    /// meaning from what follows it
    #[arg(long = "device", value_name = "D", value_parser = device::parse)]
    devices: Vec<Element>,
    /// From this time on: Unix seconds, or RFC 3339 [default: the first sample]
    #[arg(long, value_name = "T", value_parser = time::parse, allow_negative_numbers = true)]
    from: Option<i64>,
    /// Before this time [default: behind the last sample]
    #[arg(long, value_name = "T", value_parser = time::parse, allow_negative_numbers = true)]
    to: Option<i64>,
    /// Make it fewer values, so many seconds apart, a multiple of the metric's frequency; series
    /// with less than 1000 values stay as they are
    #[arg(long, value_name = "S", default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..))]
    resolution: i64,
    /// Print one JSON document
    #[arg(long, conflicts_with = "plot")]
    json: bool,
    /// Draw the values, as wide as the terminal
    #[arg(long)]
    plot: bool,
}

/// An answer with what is told about it.
struct Told<'a> {
    options: &'a Options,
    answer: Answer,
    /// How many series it is an aggregate of, or 1; a server does not tell.
    series: Option<usize>,
}

pub(crate) fn run(options: &Options, out: &mut impl Write) -> Result<Verdict> {
    if let Some(url) = &options.url {
        let context = || format!("query {}", options.title());
        let answer = remote::ask(options, url).with_context(context)?;
        Told { options, answer, series: None }.tell(out)?;
        return Ok(Verdict::Fine);
    }
    let Some(data) = &options.data else { return archived::query(options, out) };
    let store = Store::open(data, options.metrics.as_deref())?;
    let mut answer = None;
    let is_wanted =
        |cluster: &str, host: &str| (cluster, host) == (&options.cluster, &options.host);
    let found = store.view(i64::MIN, is_wanted, |view| {
        answer = Some(options.ask(&store.catalogue, &view.tree?));
        Ok(())
    })?;
    let problems = found.problems.listed().iter();
    let of_host = format!("{}/{}/", options.cluster, options.host);
    let mut verdict = Verdict::Fine;
    for problem in problems.filter(|one| answer.is_none() || one.path.starts_with(&of_host)) {
        // Where stderr is closed there is nobody to tell.
        drop(writeln!(io::stderr(), "levelstore: {problem}"));
        if is_loss(&problem.trouble) {
            verdict = Verdict::Problems;
        }
    }
    let Some(answer) = answer else {
        let data = data.display();
        bail!("{data}: there is no host {} in a cluster {}", options.host, options.cluster);
    };
    let told = answer.with_context(|| format!("query {}", options.title()))?;
    told.tell(out)?;
    Ok(verdict)
}

impl Options {
    fn ask(&self, catalogue: &Catalogue, host: &Host) -> Result<Told<'_>> {
        let selector = Selector::new(self.devices.clone());
        let query = Query {
            selector: &selector,
            metric: self.metric.as_bytes(),
            from: self.from.unwrap_or(i64::MIN),
            to: self.to.unwrap_or(i64::MAX),
            resolution: self.resolution,
            method: Method::Lttb,
        };
        let selected = host.select(catalogue, &query)?;
        Ok(Told { options: self, answer: selected.read()?, series: Some(selected.series()) })
    }

    /// What is asked for.
    fn title(&self) -> String {
        let devices = self.devices.iter().map(|one| format!("/{}", device::show(one)));
        let place = format!("{}/{}{}", self.cluster, self.host, devices.collect::<String>());
        legible(format!("{} of {place}", self.metric).as_bytes())
    }
}

#[derive(Serialize)]
struct Document {
    from: i64,
    to: i64,
    resolution: i64,
    data: Vec<Value>,
    avg: Option<f64>,
    min: Value,
    max: Value,
    samples: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    series: Option<usize>,
    frequency: i64,
}

/// A value of an answer. That of one series is an `f32`, and shown with the digits of one.
#[derive(Clone, Copy, Debug)]
enum Value {
    Stored(f32),
    Computed(f64),
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Stored(value) => crate::json::Value(value).serialize(serializer),
            Self::Computed(value) if value.is_finite() => serializer.serialize_f64(value),
            Self::Computed(f64::INFINITY) => serializer.serialize_str("inf"),
            Self::Computed(f64::NEG_INFINITY) => serializer.serialize_str("-inf"),
            Self::Computed(_) => serializer.serialize_none(),
        }
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Self::Stored(value) if value.is_nan() => f.pad("-"),
            Self::Computed(value) if value.is_nan() => f.pad("-"),
            Self::Stored(value) => f.pad(&value.to_string()),
            Self::Computed(value) => f.pad(&value.to_string()),
        }
    }
}

impl Told<'_> {
    #[expect(clippy::cast_possible_truncation, reason = "the values of one series are f32 exactly")]
    fn value(&self, value: f64) -> Value {
        if self.series == Some(1) { Value::Stored(value as f32) } else { Value::Computed(value) }
    }

    fn tell(&self, out: &mut impl Write) -> Result<()> {
        if self.options.json {
            serde_json::to_writer(&mut *out, &self.document())?;
            return Ok(writeln!(out)?);
        }
        self.print(out)
    }

    fn document(&self) -> Document {
        let Answer { from, to, resolution, frequency, ref values } = self.answer;
        let summary = self.answer.summary();
        Document {
            from,
            to,
            resolution,
            data: values.iter().map(|&value| self.value(value)).collect(),
            avg: (summary.count > 0).then_some(summary.avg),
            min: self.value(summary.min),
            max: self.value(summary.max),
            samples: summary.count,
            series: self.series,
            frequency,
        }
    }

    fn print(&self, out: &mut impl Write) -> Result<()> {
        let Answer { from, to, resolution, ref values, .. } = self.answer;
        let summary = self.answer.summary();
        write!(out, "{}", self.options.title())?;
        if let Some(series) = self.series.filter(|series| *series > 1) {
            write!(out, ", {series} series together")?;
        }
        writeln!(out)?;
        let (entries, every) = (count(values.len(), "value"), count_seconds(resolution));
        writeln!(out, "{entries}, {every} apart, {} to {}", time::utc(from), time::utc(to))?;
        if summary.count > 0 {
            let [min, max] = [summary.min, summary.max].map(|value| self.value(value));
            writeln!(out, "{} samples: avg {}, min {min}, max {max}", summary.count, summary.avg)?;
        }
        if self.options.plot {
            return Ok(plot::draw(&self.answer, plot::terminal_width(), out)?);
        }
        for (at, &value) in (0_i64..).zip(values) {
            let time = from.saturating_add(at.saturating_mul(resolution));
            writeln!(out, "{:20}  {time:>11}  {:>16}", time::utc(time), self.value(value))?;
        }
        Ok(())
    }
}

fn count_seconds(seconds: i64) -> String {
    format!("{seconds} s")
}
