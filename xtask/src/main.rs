//! `cargo xtask`: what CI runs, and the checks on the repository itself.
//!
//! Dispatch only: every verb is a module, and none links a crate of the engine. What a verb finds
//! wrong goes to stdout, line by line; the exit code is 0 when nothing was.

mod bench;
mod ci;
mod fuzz;
mod layers;
mod metadata;
mod run;
mod tidy;

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::metadata::Workspace;
use crate::run::line;

const USAGE: &str = "\
usage: cargo xtask VERB

  test, ci              everything that CI checks: format, lints, tests, docs, benches, layers, tidy, fuzz
  layers                the arrows between the crates are those of ARCHITECTURE.md
  tidy [--bless]        the repository's own rules; --bless notes in FORMAT.md that it follows layout.rs
  fuzz [TARGET|all] [--seconds N] [--runs N] [--jobs N] [--input FILE] [--merge]
                        fuzz on the stable toolchain; see CONTRIBUTING.md
  bench [AREA…] [--quick] [--rounds N] [--save] [--long] [--peer P]
                        measures what the store promises; see docs/benchmarks.md
  bench --check         counts the instructions of the kernels; --bless writes them
  bench --package NAME  the benchmarks of one crate, as they are
  archive --checkpoints DIR --archive DIR --before T [--metrics FILE] [--json]
                        one archive run: `levelstore archive` as a release build";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell when stderr is gone as well; the exit code still says it.
            let _ = writeln!(io::stderr(), "xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[&str]) -> Result<()> {
    match arguments {
        ["ci" | "test"] => ci::run(&Workspace::load()?),
        ["layers"] => layers::run(&Workspace::load()?),
        ["tidy"] => tidy::run(&Workspace::load()?, tidy::Fingerprints::Check),
        ["tidy", "--bless"] => tidy::run(&Workspace::load()?, tidy::Fingerprints::Bless),
        ["fuzz", options @ ..] => {
            let options = fuzz::Options::parse(options)?;
            fuzz::run(&Workspace::load()?, &options)
        }
        ["archive", options @ ..] => archive(options),
        ["bench", options @ ..] => {
            let options = bench::Options::parse(options)?;
            bench::run(&Workspace::load()?, &options)
        }
        ["measured", command @ ..] => bench::report_child(command),
        [] | ["help" | "-h" | "--help"] => line(USAGE),
        other => bail!("no such verb: {}\n{USAGE}", other.join(" ")),
    }
}

/// Its stdout is the program's alone, which may be asked for JSON.
fn archive(options: &[&str]) -> Result<()> {
    let run = ["run", "--quiet", "--release", "--package", "levelstore", "--", "archive"];
    let status = run::cargo(&[&run[..], options].concat()).status()?;
    if status.success() { Ok(()) } else { bail!("`levelstore archive` failed: {status}") }
}
