//! What can be said about the simulated cluster.

use super::arrival::Restarts;
use super::line::{CLUSTER_MAX, HOSTS_MAX};
use crate::time;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How many hosts, n00001 and so on
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=i64::from(HOSTS_MAX)))]
    pub(super) hosts: u32,
    /// How many minutes
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(super) minutes: u32,
    /// Where the random numbers begin
    #[arg(long)]
    pub(super) seed: u64,
    /// The first minute: Unix seconds, or RFC 3339
    #[arg(long, value_name = "T", default_value = "1700000000", value_parser = start)]
    pub(super) start: u64,
    /// Send values with all digits, instead of two decimals
    #[arg(long)]
    pub(super) full_precision: bool,
    /// Let each host measure up to so many seconds late, another number every minute
    ///
    /// Above 29, two samples of a series can belong to the same interval of a store.
    #[arg(
        long,
        value_name = "SEC",
        default_value_t = 0,
        value_parser = clap::value_parser!(u32).range(0..60)
    )]
    pub(super) jitter: u32,
    /// Let this percentage of the lines arrive late: minutes to hours, so further down in the file
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0, value_parser = percent)]
    pub(super) late: f64,
    /// Restart collectors now and then, at another second of the minute
    #[arg(long)]
    pub(super) phase_shift: bool,
    /// The name of the cluster
    #[arg(long, default_value = "sim", value_name = "NAME", value_parser = cluster)]
    pub(super) cluster: String,
    /// The file to write, which must not exist; beside it, FILE.metrics.json is written. With `-`, the
    /// lines go to standard output, and no other file is written
    #[arg(long, value_name = "FILE")]
    pub(super) out: PathBuf,
}

impl Options {
    pub(super) fn restarts(&self) -> Restarts {
        if self.phase_shift { Restarts::AtAnotherSecond } else { Restarts::Never }
    }
}

fn start(text: &str) -> Result<u64, String> {
    let seconds = time::parse(text).map_err(|error| error.to_string())?;
    u64::try_from(seconds).map_err(|_| "before 1970".into())
}

fn percent(text: &str) -> Result<f64, String> {
    let percent = text.parse().ok().filter(|percent| (0.0..=100.0).contains(percent));
    percent.ok_or_else(|| "no percentage: a number from 0 to 100".into())
}

/// A name that needs no escaping, in lines, directories or addresses.
fn cluster(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    let fits = (1..=CLUSTER_MAX).contains(&text.len()) && text.bytes().all(plain);
    if fits && !text.starts_with('.') {
        Ok(text.into())
    } else {
        Err(format!("up to {CLUSTER_MAX} letters, digits, `_`, `-` and `.`, the first no `.`"))
    }
}
