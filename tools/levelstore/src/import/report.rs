//! What an import has done, told.

use crate::json;
use crate::measure::{self, Meter};
use anyhow::Result;
use ingest::{FAULTS_MAX, Outcome, Reason};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    lines: u64,
    stored: u64,
    refused: BTreeMap<String, u64>,
    /// Lines that are no samples.
    messages: u64,
    /// Until the last sample was acknowledged.
    seconds: f64,
    /// Of all processors meanwhile.
    cpu_seconds: f64,
    lines_per_second: f64,
    pub(super) points: u64,
    peak_rss_bytes: Option<u64>,
    pub(super) wal_bytes: u64,
    pub(super) checkpoint: Option<Checkpoint>,
}

#[derive(Debug, Serialize)]
pub(super) struct Checkpoint {
    pub(super) seconds: f64,
    pub(super) cpu_seconds: f64,
    pub(super) bytes: u64,
    pub(super) files: u64,
}

/// The first lines of a file that were refused.
pub(super) fn print_faults(path: &Path, outcome: &Outcome) -> Result<()> {
    let path = json::title(path);
    let mut err = io::stderr().lock();
    for fault in &outcome.faults {
        writeln!(err, "{path}: {fault}")?;
    }
    let all = outcome.malformed + outcome.policy;
    let told = outcome.faults.len() as u64;
    if all > told {
        writeln!(
            err,
            "{path}: {} more lines refused; told are {FAULTS_MAX} of a kind",
            all - told
        )?;
    }
    Ok(())
}

impl Report {
    pub(super) fn add(&mut self, outcome: &Outcome) {
        self.lines += outcome.lines;
        self.stored += outcome.stored;
        self.messages += outcome.messages;
        for (reason, lines) in outcome.refused.iter() {
            self.refuse(Reason::label(reason), lines);
        }
    }

    /// So many lines were sent to a server, and so many of them stored.
    pub(super) fn sent(&mut self, lines: u64, stored: u64) {
        self.lines += lines;
        self.stored += stored;
    }

    pub(super) fn refuse(&mut self, reason: &str, lines: u64) {
        if lines > 0 {
            *self.refused.entry(reason.to_owned()).or_default() += lines;
        }
    }

    pub(super) fn refused_lines(&self) -> u64 {
        self.refused.values().sum()
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    pub(super) fn took(&mut self, meter: &Meter) {
        self.seconds = meter.seconds();
        self.cpu_seconds = meter.cpu_seconds();
        self.lines_per_second = self.lines as f64 / self.seconds.max(1e-9);
    }

    pub(super) fn json(&mut self, out: &mut impl Write) -> Result<()> {
        self.peak_rss_bytes = measure::peak_rss_bytes();
        serde_json::to_writer(&mut *out, self)?;
        Ok(writeln!(out)?)
    }

    pub(super) fn print(&self, out: &mut impl Write) -> Result<()> {
        let Self { lines, stored, messages, seconds, lines_per_second, points, .. } = self;
        writeln!(
            out,
            "{lines} lines in {seconds:.1} s, {:.1} M/s: {stored} samples stored, {points} values \
             in memory",
            lines_per_second / 1e6
        )?;
        if *messages > 0 {
            writeln!(out, "{messages} messages that are no samples")?;
        }
        for (reason, lines) in &self.refused {
            writeln!(out, "{lines} lines refused: {reason}")?;
        }
        if self.wal_bytes > 0 {
            writeln!(out, "log: {} bytes", self.wal_bytes)?;
        }
        if let Some(Checkpoint { seconds, bytes, files, .. }) = &self.checkpoint {
            writeln!(out, "checkpoint: {files} files, {bytes} bytes in {seconds:.1} s")?;
        }
        Ok(())
    }
}
