//! `levelstore serve`: the server, in place of the Go server, with its file and its flags.
//!
//! The port is open before anything is recovered, so that whoever asks hears how far that is. The
//! order at the end is: no more connections, requests that have begun are answered, what NATS has
//! delivered is written, everything is saved.

mod cap;
mod demo;
mod flags;
mod keeper;
mod life;
mod log;
mod nodes;
mod notify;
mod privileges;
mod setup;

pub(crate) use flags::normalized;

use crate::Verdict;
use anyhow::Result;
use log::{Date, LogLevel};
use std::io::Write;
use std::path::PathBuf;

/// A flag that may be followed by `=true` or `=false`, as those of Go may.
const GO_FLAG: &str = "true";

#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags, most of them the Go server's")]
#[command(disable_version_flag = true)]
pub(crate) struct Options {
    /// The configuration, as the Go server has it [default: built in, for this machine alone, with
    /// data under ./var]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Let 20 simulated hosts send, with an hour of history; data under ./var/demo
    #[arg(long, conflicts_with_all = ["config", "cleanup_checkpoints"])]
    demo: bool,
    /// Do not start if a file is damaged or cannot be read, instead of setting it aside
    #[arg(long)]
    strict: bool,
    /// The least important messages that are written
    #[arg(long, value_enum, value_name = "LEVEL", default_value = "info")]
    loglevel: LogLevel,
    /// Begin messages with the time; not where the journal reads them
    #[arg(
        long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = false,
        default_missing_value = GO_FLAG
    )]
    logdate: bool,
    /// Delete what is older than the retention from the disk, then end
    #[arg(
        long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = false,
        default_missing_value = GO_FLAG
    )]
    cleanup_checkpoints: bool,
    /// Print the version
    #[arg(
        long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = false,
        default_missing_value = GO_FLAG
    )]
    version: bool,
    /// Of the Go server; without effect
    #[arg(
        long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = false,
        default_missing_value = GO_FLAG, hide = true
    )]
    dev: bool,
    /// Of the Go server; without effect
    #[arg(
        long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = false,
        default_missing_value = GO_FLAG, hide = true
    )]
    gops: bool,
}

pub(crate) fn run(options: &Options, out: &mut impl Write) -> Result<Verdict> {
    if options.version {
        writeln!(out, "levelstore {}", env!("CARGO_PKG_VERSION"))?;
        return Ok(Verdict::Fine);
    }
    log::start(options.loglevel, if options.logdate { Date::Shown } else { Date::Hidden })?;
    for (flag, is_set) in [("dev", options.dev), ("gops", options.gops)] {
        if is_set {
            tracing::warn!("-{flag} has no effect here");
        }
    }
    let config = setup::config(options)?;
    if options.cleanup_checkpoints {
        return life::clean_up(&config, options.strict);
    }
    let opened = setup::open(config, options)?;
    if options.demo {
        let data = opened.config.metric_store.checkpoints.directory.display().to_string();
        demo::print(opened.address, &data, out)?;
    }
    life::run(opened)
}
