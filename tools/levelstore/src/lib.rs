//! The `levelstore` program: looks into the files of a metric store, checks, repairs and converts
//! them, answers from them, serves them, and generates load for a server. It alone prints, opens files, reads configurations and knows the
//! clock; what files mean, the format crates say.

mod archive;
mod catalogue;
mod check_config;
mod cli;
mod client;
mod config;
mod convert;
mod driver;
mod dump;
mod estimate;
mod files;
mod generate;
mod import;
mod inspect;
mod json;
mod load;
mod measure;
mod pool;
mod query;
mod repair;
mod serve;
mod settle;
mod store;
mod time;
mod twins;
mod verify;
mod wal_tree;

use clap::Parser;
use std::env;
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

/// How a command went: the exit code says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Fine,
    Problems,
}

/// Does what the arguments say.
#[must_use]
pub fn run() -> ExitCode {
    let command = cli::Arguments::parse_from(serve::normalized(env::args_os())).command;
    let mut out = io::BufWriter::new(io::stdout().lock());
    let done = command.run(&mut out).and_then(|verdict| {
        out.flush()?;
        Ok(verdict)
    });
    match done {
        Ok(Verdict::Fine) => ExitCode::SUCCESS,
        Ok(Verdict::Problems) => ExitCode::from(1),
        Err(error) if is_closed_pipe(&error) => ExitCode::from(1),
        Err(error) => {
            // Where stderr is closed too there is nobody left to tell.
            drop(writeln!(io::stderr(), "levelstore: {error:#}"));
            ExitCode::from(1)
        }
    }
}

/// What `levelstore check-config` has to say about a file, and whether nothing is wrong with it.
///
/// # Errors
///
/// What it says cannot be written.
pub fn check_config(path: &Path, json: bool, mut out: impl Write) -> anyhow::Result<bool> {
    Ok(check_config::run(path, json, &mut out)? == Verdict::Fine)
}

/// `levelstore inspect FILE | head` needs no message, but what was asked for was not all told.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let kind = |cause: &(dyn std::error::Error + 'static)| {
        let io = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        // It does not name the error of the writer as its source.
        io.or_else(|| {
            cause.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind)
        })
    };
    error.chain().any(|cause| kind(cause) == Some(ErrorKind::BrokenPipe))
}
