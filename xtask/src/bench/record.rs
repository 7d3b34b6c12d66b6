//! The result of a run: a small JSON document that says of which commit, machine and load it is.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use super::figures::{Figures, Spread};
use super::rows;
use crate::metadata::Workspace;

#[derive(Debug, Clone)]
pub(super) struct Record(Value);

impl Record {
    /// What is known before anything has run.
    pub(super) fn begin(workspace: &Workspace, is_quick: bool) -> Result<Self> {
        let git = |arguments: &[&str]| {
            let mut command = Command::new("git");
            said(command.current_dir(&workspace.root).args(arguments))
        };
        let sources = ["status", "--porcelain", "--", ".", ":!bench/results", ":!*.md"];
        Ok(Self(json!({
            "commit": git(&["rev-parse", "--short=10", "HEAD"])?,
            "is_modified": !git(&sources)?.is_empty(),
            "time": said(Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%SZ"]))?,
            "size": if is_quick { "quick" } else { "full" },
            "rustc": said(Command::new("rustc").arg("--version"))?,
            "machine": {
                "processor": processor()?,
                "cores": thread::available_parallelism().map_or(1, usize::from),
                "load_before": load_average()?,
            },
        })))
    }

    pub(super) fn end(&mut self, figures: &Figures) -> Result<()> {
        self.0["machine"]["load_after"] = json!(load_average()?);
        let mut all = Map::new();
        for name in figures.names() {
            if let (Some(row), Some(spread)) = (rows::named(name), figures.spread(name)) {
                let Spread { median, min, max, runs } = spread;
                let [median, min, max] = [median, min, max].map(rounded);
                let figure = json!({
                    "unit": row.unit, "median": median, "min": min, "max": max, "runs": runs,
                });
                all.insert(name.to_owned(), figure);
            }
        }
        self.0["figures"] = Value::Object(all);
        Ok(())
    }

    pub(super) fn read(path: &Path) -> Result<Self> {
        let context = || path.display().to_string();
        let record = Self(serde_json::from_slice(&fs::read(path)?).with_context(context)?);
        record.0["figures"].as_object().context("no figures").with_context(context)?;
        Ok(record)
    }

    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let text = format!("{:#}\n", self.0);
        fs::write(path, text).with_context(|| path.display().to_string())
    }

    pub(super) fn file_name(&self) -> String {
        format!("{}-{}.json", self.date(), self.text("commit"))
    }

    /// Of one line.
    pub(super) fn title(&self) -> String {
        let machine = &self.0["machine"];
        format!(
            "{} of {}{}, {} run on {} × {}, load {} to {}, {}",
            self.text("commit"),
            self.text("time"),
            if self.0["is_modified"] == true { ", with changes" } else { "" },
            self.text("size"),
            machine["cores"],
            machine["processor"].as_str().unwrap_or_default(),
            machine["load_before"],
            machine["load_after"],
            self.text("rustc"),
        )
    }

    pub(super) fn commit(&self) -> &str {
        self.text("commit")
    }

    pub(super) fn time(&self) -> &str {
        self.text("time")
    }

    pub(super) fn date(&self) -> &str {
        self.time().split('T').next().unwrap_or_default()
    }

    pub(super) fn spread(&self, name: &str) -> Option<Spread> {
        let figure = &self.0["figures"][name];
        let number = |field: &str| figure[field].as_f64();
        let runs = usize::try_from(figure["runs"].as_u64()?).ok()?;
        let (median, min, max) = (number("median")?, number("min")?, number("max")?);
        Some(Spread { median, min, max, runs })
    }

    fn text(&self, field: &str) -> &str {
        self.0[field].as_str().unwrap_or_default()
    }
}

/// To five digits: more are noise.
fn rounded(value: f64) -> f64 {
    format!("{value:.4e}").parse().unwrap_or(value)
}

fn said(command: &mut Command) -> Result<String> {
    let shown = command.get_program().display().to_string();
    let output = command.output().with_context(|| format!("start {shown}"))?;
    anyhow::ensure!(output.status.success(), "{shown} failed: {}", output.status);
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn processor() -> Result<String> {
    let information = fs::read_to_string("/proc/cpuinfo")?;
    let name = information.lines().find_map(|line| line.strip_prefix("model name"));
    Ok(name.unwrap_or_default().trim_start_matches([' ', '\t', ':']).to_owned())
}

/// Of the last minute: how busy the machine is with other things, and then with us.
fn load_average() -> Result<f64> {
    let text = fs::read_to_string("/proc/loadavg")?;
    Ok(text.split(' ').next().unwrap_or_default().parse()?)
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these numbers are exact")]
pub(super) mod tests {
    use super::*;

    /// A record of one figure.
    pub(in super::super) fn record(time: &str, name: &str, median: f64) -> Record {
        let figure =
            json!({"unit": "ns", "median": median, "min": median, "max": median, "runs": 1});
        Record(json!({"commit": "abc", "time": time, "figures": {name: figure}, "machine": {}}))
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let folder = std::env::temp_dir().join(format!("record-{}", std::process::id()));
        let written = record("2026-01-02T03:04:05Z", "ingest.http", 1.5);
        assert_eq!(written.file_name(), "2026-01-02-abc.json");
        written.write(&folder).unwrap();
        let read = Record::read(&folder).unwrap();
        fs::remove_file(&folder).unwrap();
        assert_eq!(read.spread("ingest.http").unwrap().median, 1.5);
        assert_eq!(read.spread("ingest.https"), None);
        assert_eq!(read.date(), "2026-01-02");
    }

    #[test]
    fn figures_keep_five_digits() {
        assert_eq!([rounded(123.456_789), rounded(0.0), rounded(1e9)], [123.46, 0.0, 1e9]);
    }
}
