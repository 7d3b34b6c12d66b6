//! `levelstore dump`: every sample of a data directory, or of an archive, by path, metric and time.

mod archived;
mod csv;
mod data;
mod jsonl;
mod line;
mod unplaced;

use crate::archive::files::Files;
use crate::catalogue::Catalogue;
use crate::json::legible;
use crate::store::Store;
use crate::{Verdict, time};
use anyhow::{Result, bail};
use archiver::Filter;
use checkpointer::memstore;
use std::io::{self, BufWriter, Write};
use std::num::NonZeroU32;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The data directory: clusters, in them hosts, in them .bin, .json, .late and .wal files
    #[arg(long, value_name = "DIR", required_unless_present = "archive")]
    data: Option<PathBuf>,
    /// An archive instead: its directory, or files of it; ours and the Go store's
    #[arg(long, value_name = "PATH", num_args = 1.., conflicts_with = "data")]
    archive: Vec<PathBuf>,
    /// Metrics with their frequencies: the `metrics` object of a configuration, or a configuration
    /// file. The logs of the Go store hold no frequencies: without this, what is in them has none,
    /// and the times at which it arrived
    #[arg(long, value_name = "FILE")]
    metrics: Option<PathBuf>,
    /// What to write
    #[arg(long, value_enum, default_value_t = Format::LineProtocol)]
    format: Format,
    /// Of an archive, only this cluster
    #[arg(long, value_name = "C", conflicts_with = "data")]
    cluster: Option<String>,
    /// Of an archive, only hosts of this name
    #[arg(long, value_name = "H", conflicts_with = "data")]
    host: Option<String>,
    /// Of an archive, only this metric
    #[arg(long, value_name = "M", conflicts_with = "data")]
    metric: Option<String>,
    /// Of an archive, what is from this time on: Unix seconds, or RFC 3339
    #[arg(long, value_name = "T", value_parser = time::parse, allow_negative_numbers = true, conflicts_with = "data")]
    from: Option<i64>,
    /// Of an archive, what is before this time
    #[arg(long, value_name = "T", value_parser = time::parse, allow_negative_numbers = true, conflicts_with = "data")]
    to: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// What `import` and all that speaks line protocol reads. It has two levels below
    /// a host, finite values, and no frequencies
    LineProtocol,
    /// cluster, hostname, path, metric, timestamp, frequency, value, bits; the devices of the path
    /// joined by `/`
    Csv,
    /// One JSON document a line: path, metric, timestamp, frequency, value, bits. Says everything
    Jsonl,
}

/// A stored value.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Sample {
    time: i64,
    /// None of a record of the Go store's log whose metric is not known.
    frequency: Option<NonZeroU32>,
    value: f32,
}

/// All samples of one series, by time.
#[derive(Clone, Copy, Debug)]
struct Series<'a> {
    cluster: &'a str,
    host: &'a str,
    path: &'a [&'a [u8]],
    metric: &'a [u8],
    /// As the catalogue has it.
    frequency: Option<NonZeroU32>,
    samples: &'a [Sample],
}

impl Series<'_> {
    /// The series, for a message.
    fn place(&self) -> String {
        let path = self.path.iter().map(|name| format!("/{}", legible(name)));
        format!(
            "{}/{}{} {}",
            self.cluster,
            self.host,
            path.collect::<String>(),
            legible(self.metric)
        )
    }
}

/// Bytes that are handed on at once.
const CHUNK: usize = 256 << 10;

pub(crate) fn run(options: &Options, out: &mut impl Write) -> Result<Verdict> {
    let mut written = Written {
        format: options.format,
        out: BufWriter::with_capacity(CHUNK, out),
        lines: line::Lines::default(),
        samples: Vec::new(),
    };
    let lost = if let Some(data) = &options.data {
        let store = Store::open(data, options.metrics.as_deref())?;
        written.begin()?;
        data::dump(&store, &mut written)?
    } else {
        let mut files = Files::find(&options.archive, options.cluster.as_deref())?;
        let metrics = options.metrics.as_deref().map(Catalogue::read).transpose()?;
        let catalogue = metrics.unwrap_or_default().to_memory();
        written.begin()?;
        archived::dump(&mut files, &options.filter()?, &catalogue, &mut written)?;
        files.lost
    };
    written.end()?;
    let moved = &written.lines.moved;
    Ok(if lost > 0 || moved.series > 0 { Verdict::Problems } else { Verdict::Fine })
}

impl Options {
    /// What is wanted of an archive.
    fn filter(&self) -> Result<Filter> {
        let from = self.from.unwrap_or(i64::MIN);
        let last = match self.to.map(|to| to.checked_sub(1)) {
            None => i64::MAX,
            Some(Some(last)) if from <= last => last,
            Some(_) => bail!("--to: nothing is from {from} on and before that"),
        };
        let [cluster, hostname, metric] =
            [&self.cluster, &self.host, &self.metric].map(Option::clone);
        Ok(Filter { cluster, hostname, metric, times: from..=last })
    }
}

/// Where stderr is closed there is nobody to tell.
fn complain(what: &str) {
    drop(writeln!(io::stderr(), "levelstore: {what}"));
}

/// What is written, in its format.
struct Written<W: Write> {
    format: Format,
    out: BufWriter<W>,
    lines: line::Lines,
    /// Of the series that is being written.
    samples: Vec<Sample>,
}

impl<W: Write> Written<W> {
    fn begin(&mut self) -> Result<()> {
        if self.format == Format::Csv {
            self.out.write_all(csv::HEADER)?;
        }
        Ok(())
    }

    /// Writes the series whose samples are in `samples`.
    fn series(
        &mut self,
        (cluster, host): (&str, &str),
        path: &[&[u8]],
        metric: &[u8],
        catalogue: &memstore::Catalogue,
    ) -> Result<()> {
        // They follow each other, but for those of files that are not ours.
        if !self.samples.is_sorted_by_key(|sample| sample.time) {
            self.samples.sort_by_key(|sample| sample.time);
        }
        if self.samples.is_empty() {
            return Ok(());
        }
        let config = catalogue.find(metric).and_then(|id| catalogue.get(id)?.config);
        let frequency = config.map(|config| config.frequency);
        let series = Series { cluster, host, path, metric, frequency, samples: &self.samples };
        match self.format {
            Format::LineProtocol => self.lines.write(&series, &mut self.out),
            Format::Csv => csv::write(&series, &mut self.out),
            Format::Jsonl => jsonl::write(&series, &mut self.out),
        }
    }

    fn end(&mut self) -> Result<()> {
        self.out.flush()?;
        let line::Moved { series, first } = &self.lines.moved;
        if *series > 0 {
            complain(&format!(
                "{series} series, the first of them {first}: an import of these lines stores samples at \
                 other times, as the phase or the frequency changes; --format jsonl says all"
            ));
        }
        Ok(())
    }
}
