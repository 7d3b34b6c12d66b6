//! The command line: what can be said, and which module does it.

use crate::files::Kind;
use crate::inspect::Form;
use crate::{
    Verdict, archive, check_config, convert, dump, estimate, generate, import, inspect, load,
    query, repair, serve, settle, verify,
};
use clap::{Parser, Subcommand};
use std::io::Write;
use std::path::PathBuf;

/// A storage engine for the measurements of compute clusters.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Exit code: 0 fine, 1 problems found or work failed, 2 wrong usage."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve: take samples and answer queries, over HTTP and from NATS, in place of the Go server
    ///
    /// It takes the Go server's configuration and flags as they are, with one dash or two. SIGTERM and
    /// SIGINT end it: what has begun is answered, everything is saved. Exit code 1 if something could
    /// not be saved.
    Serve(serve::Options),
    /// Show what a log (.wal), a snapshot (.bin, .late, .json) or an archive file (.parquet) holds
    ///
    /// Of a damaged log all records are shown that can be read, of a damaged snapshot where the
    /// damage is (`repair` saves the rest). Exit code 1 if anything is wrong.
    Inspect {
        /// The files to look into; of directories, all files with data in them
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Print everything as JSON, one document a line
        #[arg(long)]
        json: bool,
        /// Print the rows of archive files as JSON, one document a line
        #[arg(long)]
        rows: bool,
    },
    /// Check files, and all files in directories; list every fault with its path and offset
    ///
    /// In directories, what is named .wal, .bin, .late, .json or .parquet is checked; links are not
    /// followed. Of a data directory (clusters, in them hosts, in them files), or a cluster of one, so is
    /// whether everything is where it belongs and called as a start reads it, and whether the files of a
    /// host fit each other. What does no harm, as a left-over temporary file, is a note, and no problem.
    /// Nothing is changed.
    Verify {
        /// Files and directories
        #[arg(required = true)]
        paths: Vec<PathBuf>,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Write what can be saved of a damaged file, or of all files in a directory, to another place
    ///
    /// The originals are never changed, and nothing that exists is overwritten. Files without a fault
    /// are copied byte for byte. In a directory, what was set aside (.corrupt.*, .damaged) or left
    /// over (.tmp) is only listed: repair it by its name. An archive file is copied if it is whole, else not.
    /// Exit code 1 if anything was lost.
    Repair {
        /// A file, or a directory
        path: PathBuf,
        /// Where to write: a file that does not exist; for a directory one that does not exist or is empty
        #[arg(long)]
        out: PathBuf,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Convert between .bin, .json and .wal
    ///
    /// The endings of the names say what is what. Nothing that exists is overwritten. Values and
    /// names are kept to the bit, but that JSON has only one NaN. Snapshots get our trailer.
    Convert {
        /// The file to read
        from: PathBuf,
        /// The file to write
        #[arg(value_parser = target)]
        to: PathBuf,
        /// Metrics and their frequencies, for logs of the Go store, which do not hold them: the
        /// `metrics` object of a configuration, or a configuration file
        #[arg(long, value_name = "FILE")]
        metrics: Option<PathBuf>,
    },
    /// Take line protocol into a data directory
    ///
    /// Files are plain or compressed by gzip. Lines that are refused cost themselves alone: the first
    /// are told, all are counted, and the exit code is 1. No server may be running on the directory.
    Import(import::Options),
    /// Say what a start with a data directory would find, and what it takes in time and memory
    ///
    /// Everything is read into memory, snapshots and logs, as a server does before it answers; nothing
    /// on the disk is changed. Exit code 1 if anything is not as it should be. MB are millions of bytes.
    Load(load::Options),
    /// Answer a query from a data directory or an archive: one series, or an aggregate of several
    ///
    /// Without --device it is the series of the host itself; if the host has none of that metric, those
    /// of its devices are aggregated (sum or avg, as the metrics say). Only the files of that host are
    /// read, of an archive only what may have that metric in that time; nothing is changed.
    #[command(after_help = query::EXAMPLES)]
    Query(query::Options),
    /// Write every stored sample of a data directory or an archive, sorted by path, metric and time
    ///
    /// Line protocol is what `import` reads back to the same store. What it cannot say is an error
    /// that names the series: more than two levels below the host, names or values that have no place
    /// in it. Where reading the lines back would move samples to other times, they are written, that is
    /// told, and the exit code is 1.
    Dump(dump::Options),
    /// Say how much memory and disk a cluster will need
    ///
    /// Of samples with two decimals, as most collectors send them; samples with all digits take about
    /// twice the memory. How it is computed is in docs/commands.md. MB are millions of bytes.
    Estimate(estimate::Options),
    /// Write and merge everything in a data directory into .bin files: ready for the Go store
    ///
    /// No log segment and no .late is left. Hosts that are so already are not touched. Segments with
    /// records of metrics that FILE does not have are kept as .unknown. No server may be running on
    /// the directory. Exit code 1 if something is in the way of the Go store, or not in the files.
    Settle(settle::Options),
    /// Move what is older than a time from a data directory into Parquet files, or check such files
    ///
    /// One archive run: rows before T of all hosts become sorted files ARCHIVE/CLUSTER/T.parquet, once;
    /// then the snapshots that hold nothing newer are deleted. No server may be running on the
    /// directory. What a run that was interrupted has left is undone, or finished, first. Exit code 1 if
    /// a host had to be left out.
    Archive(archive::Options),
    /// Generate the line protocol of a simulated cluster, and the metrics for it
    ///
    /// Each host has 632 series at 60 seconds: 20 metrics of the node, 6 of 2 sockets, 8 of 72
    /// hardware threads, 6 of 4 accelerators. The same options always give the same bytes.
    Gen(generate::Options),
    /// Check a configuration; list every fault with its key
    ///
    /// Of a configuration without fault what it comes to is shown, defaults included.
    CheckConfig {
        /// The configuration file
        file: PathBuf,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
}

/// A file that can be written: its ending says as what.
fn target(path: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(path);
    match Kind::of_ending(&path) {
        Some(_) => Ok(path),
        None => Err("its ending must be .wal, .bin, .late or .json".into()),
    }
}

impl Command {
    pub(crate) fn run(&self, out: &mut impl Write) -> anyhow::Result<Verdict> {
        match self {
            Self::Serve(options) => serve::run(options, out),
            Self::Inspect { files, json, rows } => {
                let form = match (rows, json) {
                    (true, _) => Form::Rows,
                    (false, true) => Form::Json,
                    (false, false) => Form::Table,
                };
                inspect::run(files, form, out)
            }
            Self::Verify { paths, json } => verify::run(paths, *json, out),
            Self::Repair { path, out: target, json } => repair::run(path, target, *json, out),
            Self::Convert { from, to, metrics } => convert::run(from, to, metrics.as_deref()),
            Self::Import(options) => import::run(options, out),
            Self::Load(options) => load::run(options, out),
            Self::Query(options) => query::run(options, out),
            Self::Dump(options) => dump::run(options, out),
            Self::Estimate(options) => estimate::run(options, out),
            Self::Settle(options) => settle::run(options, out),
            Self::Archive(options) => archive::run(options, out),
            Self::Gen(options) => generate::run(options, out),
            Self::CheckConfig { file, json } => check_config::run(file, *json, out),
        }
    }
}
