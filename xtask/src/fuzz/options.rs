//! The command line of `cargo xtask fuzz`.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

/// What to do with the targets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Fuzz,
    /// Run this one input once.
    Repeat(PathBuf),
    /// Minimise into the kept corpus.
    Merge,
}

/// What to fuzz, and for how long.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// None: all of them.
    pub(crate) target: Option<String>,
    pub(crate) action: Action,
    pub(crate) seconds: u64,
    /// Executions per process, if bounded.
    pub(crate) runs: Option<u64>,
    /// Processes at a time.
    pub(crate) jobs: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { target: None, action: Action::Fuzz, seconds: 60, runs: None, jobs: 1 }
    }
}

impl Options {
    pub(crate) fn parse(arguments: &[&str]) -> Result<Self> {
        let mut options = Self::default();
        let mut arguments = arguments.iter().copied();
        while let Some(argument) = arguments.next() {
            let mut value =
                || arguments.next().with_context(|| format!("{argument} needs a value"));
            match argument {
                "--seconds" => options.seconds = number(argument, value()?)?,
                "--runs" => options.runs = Some(number(argument, value()?)?),
                "--jobs" => options.jobs = usize::try_from(number(argument, value()?)?)?.max(1),
                "--input" => options.action = Action::Repeat(value()?.into()),
                "--merge" => options.action = Action::Merge,
                "all" => options.target = None,
                flag if flag.starts_with('-') => bail!("fuzz: no such option: {flag}"),
                name => options.target = Some(name.to_owned()),
            }
        }
        if matches!(options.action, Action::Repeat(_)) && options.target.is_none() {
            bail!("fuzz: --input needs the target it belongs to");
        }
        Ok(options)
    }
}

fn number(option: &str, value: &str) -> Result<u64> {
    value.parse().with_context(|| format!("{option} {value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_come_in_any_order() {
        let expected = Options {
            target: Some("wal_scan".into()),
            seconds: 600,
            runs: Some(1000),
            jobs: 2,
            ..Options::default()
        };
        let one = ["wal_scan", "--seconds", "600", "--runs", "1000", "--jobs", "2"];
        let other = ["--jobs", "2", "--runs", "1000", "--seconds", "600", "wal_scan"];
        assert_eq!(Options::parse(&one).unwrap(), expected);
        assert_eq!(Options::parse(&other).unwrap(), expected);
        assert_eq!(Options::parse(&["all"]).unwrap(), Options::default());
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for arguments in
            [&["--seconds"][..], &["--seconds", "x"], &["--forever"], &["--input", "file"]]
        {
            assert!(Options::parse(arguments).is_err(), "{arguments:?}");
        }
    }
}
