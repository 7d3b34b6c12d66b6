//! `levelstore dump`: every sample of a data directory, by path, metric and time.
//!
//! A host at a time is in memory, a series at a time is taken out of it.

mod csv;
mod jsonl;
mod line;
mod unplaced;

use crate::Verdict;
use crate::json::legible;
use crate::store::{Store, is_loss};
use anyhow::Result;
use checkpointer::memstore::CapturedRun;
use checkpointer::{Problem, Trouble, View};
use std::collections::HashSet;
use std::io::{self, BufWriter, Write};
use std::num::NonZeroU32;
use std::path::PathBuf;
use unplaced::Unplaced;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The data directory: clusters, in them hosts, in them .bin, .json, .late and .wal files
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Metrics with their frequencies: the `metrics` object of a configuration, or a configuration
    /// file. The logs of the Go store hold no frequencies: without this, what is in them has none,
    /// and the times at which it arrived
    #[arg(long, value_name = "FILE")]
    metrics: Option<PathBuf>,
    /// What to write
    #[arg(long, value_enum, default_value_t = Format::LineProtocol)]
    format: Format,
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
    let store = Store::open(&options.data, options.metrics.as_deref())?;
    let mut dump = Dump {
        store: &store,
        format: options.format,
        out: BufWriter::with_capacity(CHUNK, out),
        lines: line::Lines::default(),
        samples: Vec::new(),
        told: HashSet::new(),
        lost: 0,
    };
    if options.format == Format::Csv {
        dump.out.write_all(csv::HEADER)?;
    }
    let found = store.view(i64::MIN, |_, _| true, |view| dump.host(&view))?;
    dump.out.flush()?;
    // What there is above the hosts, or could not be listed.
    for problem in found.problems.listed() {
        if !dump.told.contains(&problem.path) {
            dump.tell(problem);
        }
    }
    let (moved, lost) = (dump.lines.moved, dump.lost);
    if moved.series > 0 {
        let series = moved.series;
        complain(&format!(
            "{series} series, the first of them {}: an import of these lines stores samples at other \
             times, as the phase or the frequency changes; --format jsonl says all",
            moved.first
        ));
    }
    Ok(if lost > 0 || moved.series > 0 { Verdict::Problems } else { Verdict::Fine })
}

/// Where stderr is closed there is nobody to tell.
fn complain(what: &str) {
    drop(writeln!(io::stderr(), "levelstore: {what}"));
}

struct Dump<'a, W: Write> {
    store: &'a Store,
    format: Format,
    out: BufWriter<W>,
    lines: line::Lines,
    /// Of the series that is being written.
    samples: Vec<Sample>,
    /// Paths of which a problem was told.
    told: HashSet<String>,
    /// How many times something that was stored could not be read.
    lost: u64,
}

impl<W: Write> Dump<'_, W> {
    fn host(&mut self, view: &View) -> Result<()> {
        let mut unplaced = Unplaced::default();
        for problem in view.problems.listed() {
            self.problem(problem, &mut unplaced)?;
        }
        let Ok(tree) = &view.tree else { return Ok(()) };
        let capture = tree.view_all();
        let runs = capture.runs(&self.store.catalogue);
        let mut unplaced = unplaced.into_iter().peekable();
        for runs in runs.chunk_by(|one, other| one.series == other.series) {
            let Some(run) = runs.first() else { continue };
            let path: Vec<&[u8]> = run.path.iter().map(|name| &**name).collect();
            let order = |one: &unplaced::Series| one.order(&path, &run.name);
            while let Some(before) = unplaced.next_if(|one| order(one).is_lt()) {
                self.unplaced(view, &before)?;
            }
            self.samples.clear();
            for run in runs {
                self.take(run);
            }
            if let Some(same) = unplaced.next_if(|one| order(one).is_eq()) {
                self.samples.extend(same.samples);
            }
            self.series(view, &path, &run.name)?;
        }
        unplaced.try_for_each(|one| self.unplaced(view, &one))
    }

    fn unplaced(&mut self, view: &View, one: &unplaced::Series) -> Result<()> {
        self.samples.clone_from(&one.samples);
        self.series(view, &one.path(), one.metric())
    }

    /// Tells it; records that a start leaves in the log are shown all the same.
    fn problem(&mut self, problem: &Problem, unplaced: &mut Unplaced) -> Result<()> {
        if let Trouble::UnknownMetrics { .. } = problem.trouble {
            self.told.insert(problem.path.clone());
            return unplaced.read(self.store, &problem.path);
        }
        self.tell(problem);
        Ok(())
    }

    fn tell(&mut self, problem: &Problem) {
        self.told.insert(problem.path.clone());
        self.lost += u64::from(is_loss(&problem.trouble));
        complain(&problem.to_string());
    }

    fn take(&mut self, run: &CapturedRun<'_>) {
        let (mut time, frequency) = (run.start, Some(run.frequency));
        run.for_each(|values| {
            for &value in values {
                if !value.is_nan() {
                    self.samples.push(Sample { time, frequency, value });
                }
                // Behind the last one it may be beyond all clocks.
                time = time.wrapping_add(run.frequency.get().into());
            }
        });
    }

    fn series(&mut self, view: &View, path: &[&[u8]], metric: &[u8]) -> Result<()> {
        // Runs follow each other, but for those of files that are not ours.
        if !self.samples.is_sorted_by_key(|sample| sample.time) {
            self.samples.sort_by_key(|sample| sample.time);
        }
        if self.samples.is_empty() {
            return Ok(());
        }
        let catalogue = &self.store.catalogue;
        let config = catalogue.find(metric).and_then(|id| catalogue.get(id)?.config);
        let series = Series {
            cluster: &view.cluster,
            host: &view.host,
            path,
            metric,
            frequency: config.map(|config| config.frequency),
            samples: &self.samples,
        };
        match self.format {
            Format::LineProtocol => self.lines.write(&series, &mut self.out),
            Format::Csv => csv::write(&series, &mut self.out),
            Format::Jsonl => jsonl::write(&series, &mut self.out),
        }
    }
}
