//! The standard workloads, generated once: the same seeds, the same bytes.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::Bench;
use crate::run::step;

/// Series of a simulated host.
pub(super) const SERIES: f64 = 632.0;

/// A workload: a name, and how it is generated.
#[derive(Debug, Clone, Copy)]
pub(super) struct Workload {
    pub(super) name: &'static str,
    pub(super) hosts: u32,
    pub(super) minutes: u32,
    digits: Digits,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Digits {
    Two,
    All,
}

/// How much is done. Figures are of one line, point or row, so that both sizes can be compared, more or less.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) day: Workload,
    /// Many hosts for ten minutes.
    pub(super) burst: Workload,
    /// More hosts than that for three.
    pub(super) wide: Workload,
    /// A quarter of them: whether a host costs the same among many.
    pub(super) narrow: Workload,
    pub(super) full_precision: Workload,
    /// What is sent over HTTP.
    pub(super) hours: Workload,
}

const fn workload(name: &'static str, hosts: u32, minutes: u32) -> Workload {
    Workload { name, hosts, minutes, digits: Digits::Two }
}

impl Size {
    pub(super) const FULL: Self = Self {
        day: workload("day", 50, 1440),
        burst: workload("burst", 200, 10),
        wide: workload("wide", 5000, 3),
        narrow: workload("narrow", 1250, 3),
        full_precision: Workload { digits: Digits::All, ..workload("full-precision", 50, 1440) },
        hours: workload("hours", 50, 120),
    };
    pub(super) const QUICK: Self = Self {
        day: workload("quick-day", 5, 1440),
        burst: workload("burst", 200, 10),
        wide: workload("quick-wide", 1000, 3),
        narrow: workload("quick-narrow", 250, 3),
        full_precision: Workload {
            digits: Digits::All,
            ..workload("quick-full-precision", 5, 1440)
        },
        hours: workload("quick-hours", 20, 30),
    };
}

/// The first minute of all workloads, and a second behind the last of any.
pub(super) const START: i64 = 1_700_000_000;
pub(super) const END: i64 = START + 2 * 86_400;

/// Files of a workload.
pub(super) struct Generated {
    pub(super) lines: PathBuf,
    pub(super) metrics: PathBuf,
}

impl Bench<'_> {
    /// The files of a workload, generated unless they are there. A file counts when it has got its name.
    pub(super) fn generated(&self, workload: Workload) -> Result<Generated> {
        let lines = self.folder.join(format!("{}.lp", workload.name));
        let metrics = self.folder.join(format!("{}.lp.metrics.json", workload.name));
        if !lines.exists() {
            let part = self.folder.join("part.lp");
            let part_metrics = self.folder.join("part.lp.metrics.json");
            for left_over in [&part, &part_metrics] {
                if left_over.exists() {
                    fs::remove_file(left_over)?;
                }
            }
            let mut command = Command::new(&self.program);
            let Workload { hosts, minutes, .. } = workload;
            command.args(["gen", "--seed", "1", "--hosts", &hosts.to_string()]);
            command.args(["--minutes", &minutes.to_string()]).arg("--out").arg(&part);
            if workload.digits == Digits::All {
                command.arg("--full-precision");
            }
            step(command)?;
            fs::rename(&part_metrics, &metrics)?;
            fs::rename(&part, &lines)?;
        }
        Ok(Generated { lines, metrics })
    }

    /// The `metrics` object for a configuration.
    pub(super) fn metrics(&self, workload: Workload) -> Result<Value> {
        let path = self.generated(workload)?.metrics;
        let text = fs::read(&path).with_context(|| path.display().to_string())?;
        Ok(serde_json::from_slice(&text)?)
    }

    /// A data directory without anything in it.
    pub(super) fn empty(&self, name: &str) -> Result<PathBuf> {
        let path = self.folder.join(name);
        if path.exists() {
            fs::remove_dir_all(&path).with_context(|| path.display().to_string())?;
        }
        fs::create_dir_all(&path)?;
        Ok(path)
    }
}
