//! `levelstore check-config`: every fault of a configuration, with its key. It only reads.

use crate::Verdict;
use crate::config::{self, Config, Finding};
use crate::json::{legible, show};
use anyhow::Result;
use serde::Serialize;
use serde_json::Value;
use std::io::Write;
use std::path::Path;

#[derive(Serialize)]
struct Report {
    path: String,
    problems: Vec<Problem>,
    warnings: Vec<Warning>,
    /// What the configuration comes to, defaults included.
    settings: Option<Config>,
}

#[derive(Serialize)]
struct Problem {
    key: String,
    problem: String,
}

#[derive(Serialize)]
struct Warning {
    key: String,
    warning: String,
}

pub(crate) fn run(path: &Path, json: bool, out: &mut impl Write) -> Result<Verdict> {
    let (settings, findings) = config::read(path);
    let (mut problems, mut warnings) = (Vec::new(), Vec::new());
    for finding in findings {
        match finding {
            Finding::Fault(key, problem) => problems.push(Problem { key, problem }),
            Finding::Unknown(key) => problems.push(Problem { key, problem: "is unknown".into() }),
            Finding::Doubt(key, warning) => warnings.push(Warning { key, warning }),
        }
    }
    let verdict = if problems.is_empty() { Verdict::Fine } else { Verdict::Problems };
    let report = Report { path: show(path), problems, warnings, settings };
    if json {
        serde_json::to_writer(&mut *out, &report)?;
        writeln!(out)?;
    } else {
        print(&report, out)?;
    }
    Ok(verdict)
}

fn print(report: &Report, out: &mut impl Write) -> Result<()> {
    let Report { path, problems, warnings, settings } = report;
    if let (Some(settings), true) = (settings, problems.is_empty()) {
        print_settings(settings, out)?;
    }
    for Problem { key, problem } in problems {
        writeln!(out, "{path}: {key}{}{}", colon(key), legible(problem.as_bytes()))?;
    }
    for Warning { key, warning } in warnings {
        writeln!(out, "{path}: warning: {key}{}{}", colon(key), legible(warning.as_bytes()))?;
    }
    Ok(writeln!(out, "{path}: {} problems, {} warnings", problems.len(), warnings.len())?)
}

fn colon(key: &str) -> &str {
    if key.is_empty() { "" } else { ": " }
}

/// A line for each key.
fn print_settings(settings: &Config, out: &mut impl Write) -> Result<()> {
    let document = serde_json::to_value(settings)?;
    let mut open = vec![(String::new(), &document)];
    while let Some((key, value)) = open.pop() {
        let below = |name: &str| if key.is_empty() { name.into() } else { format!("{key}.{name}") };
        match value {
            Value::Object(members) if key == "metrics" => {
                writeln!(out, "{key} = {} of them", members.len())?;
            }
            Value::Object(members) => {
                open.extend(members.iter().rev().map(|(name, value)| (below(name), value)));
            }
            Value::Null => writeln!(out, "{key} = not set")?,
            Value::String(text) => writeln!(out, "{key} = {}", legible(text.as_bytes()))?,
            other => writeln!(out, "{key} = {other}")?,
        }
    }
    Ok(())
}
