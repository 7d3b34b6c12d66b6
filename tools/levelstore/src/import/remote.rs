//! Sending lines to a running server.
//!
//! A body that could not be acknowledged is sent again, which is harmless; then it is given up.

use super::Options;
use super::progress::Progress;
use super::read::Lines;
use super::report::Report;
use crate::Verdict;
use crate::client::{Answer, Client, escaped, token};
use crate::json::{legible, title};
use crate::measure::Meter;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::io::{self, Write};
use std::path::Path;
use std::thread;
use std::time::Duration;

/// The length of a body, but for the rest of its last line.
const BODY_BYTES: usize = 4 << 20;
/// A longer line is none.
const LINE_BYTES_MAX: usize = 1 << 20;
const ANSWER_BYTES_MAX: u64 = 16 << 20;
const PATIENCE: Duration = Duration::from_mins(2);
/// How often a body is sent that is answered 503.
const ATTEMPTS: u32 = 10;
const RETRY_SECONDS_MAX: u64 = 30;

pub(super) fn run(options: &Options, url: &str, out: &mut impl Write) -> Result<Verdict> {
    let meter = Meter::start();
    let client = Client::new(url, token(options.token_file.as_deref())?, PATIENCE)?;
    let parameters = options.cluster.as_deref().map(|name| format!("?cluster={}", escaped(name)));
    let to = format!("/api/write{}", parameters.unwrap_or_default());
    let mut report = Report::default();
    let mut progress = Progress::new(&options.files);
    for path in &options.files {
        let mut file = Sending { client: &client, to: &to, path, lines_before: 0 };
        file.send(&mut report, &mut progress)?;
        progress.clear()?;
    }
    report.took(&meter);
    if options.json {
        report.json(out)?;
    } else {
        report.print(out)?;
    }
    Ok(if report.refused_lines() == 0 { Verdict::Fine } else { Verdict::Problems })
}

/// A file that is sent.
struct Sending<'a> {
    client: &'a Client,
    to: &'a str,
    path: &'a Path,
    /// Lines of bodies that were sent.
    lines_before: u64,
}

impl Sending<'_> {
    fn send(&mut self, report: &mut Report, progress: &mut Progress) -> Result<()> {
        let mut lines = Lines::open(self.path)?;
        let mut body = Vec::new();
        let mut said = 0;
        loop {
            let chunk = lines.next()?;
            let is_end = chunk.is_empty();
            body.extend_from_slice(chunk);
            if !is_end && body.len() < BODY_BYTES {
                continue;
            }
            let whole = if is_end { Some(body.len()) } else { end_of_lines(&body) };
            if let Some(whole) = whole.filter(|&whole| whole > 0) {
                let rest = body.split_off(whole);
                said += self.post(&body, report)?;
                body = rest;
                progress.at(said, lines.bytes_read())?;
            }
            if body.len() > LINE_BYTES_MAX {
                bail!("{}: line {} does not end", title(self.path), self.lines_before + 1);
            }
            if is_end {
                return Ok(());
            }
        }
    }

    /// Sends whole lines. Says how many of them say something.
    fn post(&mut self, body: &[u8], report: &mut Report) -> Result<u64> {
        let mut answer = self.client.post(self.to, body, ANSWER_BYTES_MAX)?;
        for _ in 1..ATTEMPTS {
            if answer.status != 503 {
                break;
            }
            let seconds = answer.retry_after.unwrap_or(1).clamp(1, RETRY_SECONDS_MAX);
            thread::sleep(Duration::from_secs(seconds));
            answer = self.client.post(self.to, body, ANSWER_BYTES_MAX)?;
        }
        let said = count(body);
        match answer.status {
            200 => {
                report.sent(said, said.saturating_sub(answer.refused));
                report.refuse("policy", answer.refused);
            }
            400 => self.partly(said, &answer, report)?,
            status => {
                let what = String::from_utf8_lossy(&answer.body);
                bail!("the server answers {status}: {}", legible(what.trim().as_bytes()));
            }
        }
        self.lines_before += lines_of(body);
        Ok(said)
    }

    /// Some lines were malformed, and the answer says which.
    fn partly(&self, said: u64, answer: &Answer, report: &mut Report) -> Result<()> {
        let told: Value = serde_json::from_slice(&answer.body).context("answer of the server")?;
        let Some(stored) = told["stored"].as_u64() else {
            let what = told["error"].as_str().unwrap_or_default();
            bail!("the server refuses the body: {}", legible(what.as_bytes()));
        };
        report.sent(said, stored);
        for (reason, lines) in told["reasons"].as_object().into_iter().flatten() {
            report.refuse(&legible(reason.as_bytes()), lines.as_u64().unwrap_or(0));
        }
        let mut err = io::stderr().lock();
        for fault in told["lines"].as_array().into_iter().flatten() {
            let line = fault["line"].as_u64().unwrap_or(0).saturating_add(self.lines_before);
            let (column, reason) = (&fault["column"], fault["reason"].as_str().unwrap_or_default());
            let reason = legible(reason.as_bytes());
            writeln!(err, "{}: line {line}, column {column}: {reason}", title(self.path))?;
        }
        Ok(())
    }
}

/// Behind the last line that is whole.
fn end_of_lines(body: &[u8]) -> Option<usize> {
    body.iter().rposition(|&byte| byte == b'\n').map(|at| at + 1)
}

fn lines_of(body: &[u8]) -> u64 {
    body.iter().map(|&byte| u64::from(byte == b'\n')).sum()
}

/// Lines that say something: all but blank ones and comments.
fn count(body: &[u8]) -> u64 {
    let lines = body.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    lines.map(|line| u64::from(!line.is_empty() && !line.starts_with(b"#"))).sum()
}
