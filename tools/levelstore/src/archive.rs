//! `levelstore archive`: one archive run of a data directory, or the check of an archive.

pub(crate) mod files;
mod progress;

use crate::Verdict;
use crate::catalogue::Catalogue;
use crate::files::Listing;
use crate::json::{Problem, count, show};
use crate::measure::peak_rss_bytes;
use crate::pool::Threads;
use crate::time::{self, utc};
use anyhow::{Context, Result, ensure};
use checkpointer::archive::{Archive, Archived, Run, Verified};
use checkpointer::disk::RealDisk;
use checkpointer::{Config, Engine, Marks, Now, Recovered, Start, memstore};
use progress::Shown;
use serde_json::json;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Option<Check>,
    #[command(flatten)]
    run: Option<RunOptions>,
}

#[derive(Debug, clap::Subcommand)]
enum Check {
    /// Check the files of an archive: that they are whole, and no row is there twice
    ///
    /// Every row is read. With --checkpoints the files are compared with what their manifests, which lie
    /// beside the data directory, say of them. Nothing is changed.
    Verify {
        /// The archive
        archive: PathBuf,
        /// The data directory that was archived
        #[arg(long, value_name = "DIR")]
        checkpoints: Option<PathBuf>,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, clap::Args)]
struct RunOptions {
    /// The data directory
    #[arg(long, value_name = "DIR")]
    checkpoints: PathBuf,
    /// Where the files go; made if it is not there
    #[arg(long, value_name = "DIR")]
    archive: PathBuf,
    /// Archive what is older: Unix seconds, or RFC 3339
    #[arg(long, value_name = "T", value_parser = time::parse)]
    before: i64,
    /// Metrics and their frequencies, for logs of the Go store, which do not hold them: the `metrics`
    /// object of a configuration, or a configuration file
    #[arg(long, value_name = "FILE")]
    metrics: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(options: &Options, out: &mut impl Write) -> Result<Verdict> {
    match (&options.command, &options.run) {
        (Some(Check::Verify { archive, checkpoints, json }), _) => {
            verify(archive, checkpoints.as_deref(), *json, out)
        }
        (None, Some(options)) => archive(options, out),
        // The parser asks for one of them.
        (None, None) => Ok(Verdict::Fine),
    }
}

/// What of ours lies beside a data directory.
fn own_directory(checkpoints: &Path) -> Result<PathBuf> {
    let whole = fs::canonicalize(checkpoints)
        .with_context(|| format!("data directory {}", checkpoints.display()))?;
    let mut name =
        whole.file_name().context("the root directory has nothing beside it")?.to_owned();
    name.push(".levelstore");
    Ok(whole.with_file_name(name))
}

/// The archive of a data directory in `directory`, which is made if it is not there.
pub(crate) fn open(checkpoints: &Path, directory: &Path) -> Result<Archive<RealDisk>> {
    let own = own_directory(checkpoints)?;
    let own = RealDisk::make(&own).with_context(|| format!("make {}", own.display()))?;
    let files = RealDisk::make(directory);
    let files = files.with_context(|| format!("make {}", directory.display()))?;
    Ok(Archive::new(own, files, show(&fs::canonicalize(directory)?)))
}

/// Up to where the hosts of a data directory are archived: who opens it must know, as soon as it is
/// locked.
pub(crate) fn marks_beside(checkpoints: &Path) -> io::Result<Marks> {
    let marks = || {
        let own = own_directory(checkpoints)?;
        if !own.exists() {
            return Ok(Marks::default());
        }
        let disk = RealDisk::new(&own).with_context(|| format!("open {}", own.display()))?;
        checkpointer::archive::marks(disk).with_context(|| format!("read {}", own.display()))
    };
    marks().map_err(|error: anyhow::Error| io::Error::other(format!("{error:#}")))
}

// ---- the run ----

fn archive(options: &RunOptions, out: &mut impl Write) -> Result<Verdict> {
    let began = Instant::now();
    let RunOptions { checkpoints, archive: directory, before, metrics, json } = options;
    let catalogue = if let Some(path) = metrics {
        Catalogue::read(path)?.to_memory()
    } else {
        ensure_no_go_logs(checkpoints)?;
        memstore::Catalogue::new()
    };
    let disk = RealDisk::new(checkpoints)
        .with_context(|| format!("open data directory {}", checkpoints.display()))?;
    let archive = open(checkpoints, directory)?;
    let pool = Threads::start()?;
    let now = Now { unix: now()?, uptime: Duration::ZERO };
    // Of the data only what the logs hold alone is wanted in memory: nothing else is to be saved.
    let config = Config { retention: Some(0), ..Config::default() };
    let start = Start { pool: &pool, ..Start::at(now) };
    let opened = Engine::open_with(disk, catalogue, config, &start, || archive.marks());
    let (engine, found) = opened.with_context(|| format!("open {}", checkpoints.display()))?;

    let shown = Arc::new(Shown::new());
    let told = Arc::clone(&shown);
    let run = Run {
        now,
        pool: &pool,
        workers: std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
        is_kept: &|_, _| false,
        progress: Some(Arc::new(move |progress| told.at(progress))),
    };
    let done = archive.run(&engine, *before, &run).context("archive")?;
    shown.clear();
    if done.cut < *before {
        writeln!(io::stderr(), "levelstore: archived what is before {}: now", utc(done.cut))?;
    }
    let problems = problems(checkpoints, &found, &done);
    let outcome = Outcome { done: &done, directory, seconds: began.elapsed().as_secs_f64() };
    if *json {
        outcome.json(&problems, out)?;
    } else {
        outcome.text(&problems, out)?;
    }
    Ok(if problems.is_empty() { Verdict::Fine } else { Verdict::Problems })
}

/// Without frequencies the samples of the Go store's logs could not be saved.
fn ensure_no_go_logs(checkpoints: &Path) -> Result<()> {
    let found = Listing::of(checkpoints).files.into_iter().find(|path| {
        let is_log = path.file_name() == Some(OsStr::new("current.wal"));
        is_log && fs::metadata(path).is_ok_and(|log| log.len() > 4)
    });
    ensure!(
        found.is_none(),
        "{}: a log of the Go store, of which only --metrics tells the frequencies",
        found.unwrap_or_default().display()
    );
    Ok(())
}

fn now() -> Result<i64> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).context("the clock")?;
    Ok(i64::try_from(since.as_secs())?)
}

fn problems(checkpoints: &Path, found: &Recovered, done: &Archived) -> Vec<Problem> {
    let of_start = found.problems.listed().iter().map(|one| {
        let path = checkpoints.join(&one.path);
        Problem { offset: one.offset, ..Problem::of(&path, one.trouble.to_string()) }
    });
    let of_run = done.problems.iter().map(|(host, why)| Problem::of(&checkpoints.join(host), why));
    let mut problems: Vec<_> = of_start.chain(of_run).collect();
    if found.problems.others() > 0 {
        let more = format!("{} more problems", found.problems.others());
        problems.push(Problem::of(checkpoints, more));
    }
    problems
}

/// What a run has done.
struct Outcome<'a> {
    done: &'a Archived,
    directory: &'a Path,
    seconds: f64,
}

impl Outcome<'_> {
    fn json(&self, problems: &[Problem], out: &mut impl Write) -> Result<()> {
        let Self { done, directory, seconds } = self;
        let files = done.files.iter().map(|file| show(&directory.join(&file.path)));
        let document = json!({
            "files": files.collect::<Vec<_>>(),
            "rows": done.rows,
            "seconds": seconds,
            "bytes": done.bytes,
            "peak_rss_bytes": peak_rss_bytes(),
            "snapshots_retired": done.snapshots_retired,
            "hosts": done.hosts,
            "before": done.cut,
            "problems": problems,
        });
        Ok(writeln!(out, "{document}")?)
    }

    fn text(&self, problems: &[Problem], out: &mut impl Write) -> Result<()> {
        let Self { done, directory, seconds } = self;
        for problem in problems {
            writeln!(out, "{problem}")?;
        }
        for file in &done.files {
            let path = directory.join(&file.path);
            writeln!(out, "{}: {} rows, {} bytes", path.display(), file.rows, file.bytes)?;
        }
        let hosts = count(usize::try_from(done.hosts)?, "host");
        let retired = count(usize::try_from(done.snapshots_retired)?, "snapshot");
        writeln!(
            out,
            "{} rows of {hosts} before {} archived in {seconds:.1} s, {retired} deleted, {}",
            done.rows,
            utc(done.cut),
            count(problems.len(), "problem")
        )?;
        Ok(())
    }
}

// ---- the check ----

fn verify(
    directory: &Path,
    checkpoints: Option<&Path>,
    json: bool,
    out: &mut impl Write,
) -> Result<Verdict> {
    let open =
        |path: &Path| RealDisk::new(path).with_context(|| format!("open {}", path.display()));
    let own = checkpoints.map(|path| open(&own_directory(path)?)).transpose()?;
    let verified = checkpointer::archive::verify(open(directory)?, own)
        .with_context(|| format!("check {}", directory.display()))?;
    let Verified { files, manifests, rows, faults } = &verified;
    let problem = |path: &str, what: &str| Problem::of(&directory.join(path), what);
    let problems: Vec<_> = faults.iter().map(|one| problem(&one.path, &one.problem)).collect();
    if json {
        let document = json!({
            "checked": files,
            "rows": rows,
            "manifests": checkpoints.map(|_| manifests),
            "problems": problems,
        });
        writeln!(out, "{document}")?;
    } else {
        for problem in &problems {
            writeln!(out, "{problem}")?;
        }
        let manifests = match checkpoints {
            Some(_) => count(usize::try_from(*manifests)?, "manifest"),
            None => "manifests not looked at (--checkpoints)".to_owned(),
        };
        let files = count(usize::try_from(*files)?, "file");
        let problems = count(problems.len(), "problem");
        writeln!(out, "{files} checked, {rows} rows, {manifests}, {problems}")?;
    }
    Ok(if problems.is_empty() { Verdict::Fine } else { Verdict::Problems })
}
