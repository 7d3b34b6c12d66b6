//! A log, record by record, in bounded memory.

use crate::json::{Value, hex_if_no_utf8, lossy, show, title};
use crate::time::utc;
use crate::{Verdict, files};
use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use wal_format::{End, Found, Gap, Located, Reader};

#[derive(Serialize)]
struct RecordJson {
    offset: u64,
    length: usize,
    timestamp: i64,
    metric: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    metric_hex: Option<String>,
    selector: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    selector_hex: Option<Vec<Option<String>>>,
    value: Value,
    bits: u32,
    frequency: Option<u32>,
}

impl RecordJson {
    fn new(located: &Located<'_>) -> Self {
        let record = located.record;
        let hex: Vec<_> = record.names.path().map(hex_if_no_utf8).collect();
        Self {
            offset: located.offset,
            length: located.bytes.len(),
            timestamp: record.timestamp,
            metric: lossy(record.names.metric()),
            metric_hex: hex_if_no_utf8(record.names.metric()),
            selector: record.names.path().map(lossy).collect(),
            selector_hex: hex.iter().any(Option::is_some).then_some(hex),
            value: Value(record.value),
            bits: record.value.to_bits(),
            frequency: record.frequency.map(Into::into),
        }
    }
}

#[derive(Serialize)]
struct EndJson {
    state: &'static str,
    offset: u64,
    /// Of a torn or damaged stretch: how long it is, and what is wrong where it begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Serialize)]
struct GapJson {
    offset: u64,
    bytes: u64,
    reason: String,
}

impl From<Gap> for GapJson {
    fn from(gap: Gap) -> Self {
        Self { offset: gap.offset, bytes: gap.bytes, reason: gap.cause.to_string() }
    }
}

/// Writes `{"path", "kind", "bytes", "records": […], "end": …, "skipped": […]}` as it reads, so that
/// a log of any size can be shown. Of what is no log, `error` instead of `records`; of what cannot be
/// read to its end, `error` instead of `end`.
pub(super) fn json(path: &Path, out: &mut impl Write) -> Result<Verdict> {
    let (mut reader, bytes) = open(path)?;
    let mut head = Head { path: show(path), bytes, written: false };
    let mut skipped = Vec::new();
    let mut first = true;
    loop {
        match reader.next() {
            Ok(Some(Found::Record(located))) => {
                head.write_once(out)?;
                out.write_all(if std::mem::take(&mut first) { b"" } else { b"," })?;
                serde_json::to_writer(&mut *out, &RecordJson::new(&located))?;
            }
            Ok(Some(Found::Damaged(gap))) => skipped.push(gap),
            Ok(None) => break,
            Err(error) => {
                head.write_once(out)?;
                writeln!(out, "],\"error\":{}}}", json!(format!("read: {error}")))?;
                return Ok(Verdict::Problems);
            }
        }
    }
    let verdict = reader.verdict().context("the log has no end")?;
    if let wal_format::Verdict::NotALog(gap) = verdict {
        let error = format!("no log: {}", gap.cause);
        let document = json!({"path": head.path, "kind": "wal", "bytes": bytes, "error": error});
        writeln!(out, "{document}")?;
        return Ok(Verdict::Problems);
    }
    head.write_once(out)?;
    let end = end_json(verdict, bytes);
    write!(out, "],\"end\":{}", serde_json::to_string(&end)?)?;
    // Damage in the middle decides the verdict; that the end is torn as well is told beside it.
    if let (wal_format::Verdict::Damaged(_), Some(End::Torn(gap))) = (verdict, reader.end()) {
        write!(out, ",\"torn\":{}", serde_json::to_string(&GapJson::from(gap))?)?;
    }
    if let Some(End::GaveUp(gap)) = reader.end() {
        skipped.push(gap);
    }
    let skipped: Vec<_> = skipped.into_iter().map(GapJson::from).collect();
    writeln!(out, ",\"skipped\":{}}}", serde_json::to_string(&skipped)?)?;
    Ok(if end.state == "clean" { Verdict::Fine } else { Verdict::Problems })
}

/// The document up to its records, written when it is known that there are any.
struct Head {
    path: String,
    bytes: u64,
    written: bool,
}

impl Head {
    fn write_once(&mut self, out: &mut impl Write) -> Result<()> {
        if !self.written {
            let path = serde_json::to_string(&self.path)?;
            write!(
                out,
                "{{\"path\":{path},\"kind\":\"wal\",\"bytes\":{},\"records\":[",
                self.bytes
            )?;
            self.written = true;
        }
        Ok(())
    }
}

fn end_json(verdict: wal_format::Verdict, bytes: u64) -> EndJson {
    use wal_format::Verdict::{Clean, Damaged, NotALog, Torn};
    let at = |state, gap: Gap| EndJson {
        state,
        offset: gap.offset,
        bytes: Some(gap.bytes),
        reason: Some(gap.cause.to_string()),
    };
    match verdict {
        Clean => EndJson { state: "clean", offset: bytes, bytes: None, reason: None },
        Torn(gap) => at("torn", gap),
        Damaged(gap) | NotALog(gap) => at("damaged", gap),
    }
}

/// What is told of one series.
#[derive(Default)]
struct Summary {
    records: u64,
    first: i64,
    last: i64,
    frequency: Option<u32>,
}

/// Writes a table of the series, and what is wrong with the log.
pub(super) fn table(path: &Path, out: &mut impl Write) -> Result<Verdict> {
    let (mut reader, bytes) = open(path)?;
    let mut series: BTreeMap<String, Summary> = BTreeMap::new();
    let mut gaps = Vec::new();
    let failure = loop {
        match reader.next() {
            Ok(Some(Found::Record(located))) => note(&mut series, &located),
            Ok(Some(Found::Damaged(gap))) => gaps.push(gap),
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    if let Some(wal_format::Verdict::NotALog(gap)) = reader.verdict() {
        writeln!(out, "{}: no log: {}", title(path), gap.cause)?;
        return Ok(Verdict::Problems);
    }
    let (records, of) = (reader.tally().records, series.len());
    writeln!(out, "{}: log, {bytes} bytes, {records} records of {of} series", title(path))?;
    write_summaries(&series, out)?;
    for gap in gaps {
        writeln!(out, "damaged: {} bytes at offset {}: {}", gap.bytes, gap.offset, gap.cause)?;
    }
    if let Some(error) = failure {
        writeln!(out, "end: not reached: {error}")?;
        return Ok(Verdict::Problems);
    }
    let (verdict, end) = reader.verdict().zip(reader.end()).context("the log has no end")?;
    let (how, gap) = match end {
        End::Clean => ("clean", None),
        End::Torn(gap) | End::NotALog(gap) => ("torn", Some(gap)),
        End::GaveUp(gap) => ("given up", Some(gap)),
    };
    match gap {
        None => writeln!(out, "end: {how}")?,
        Some(Gap { offset, bytes, cause }) => {
            writeln!(out, "end: {how}: {bytes} bytes at offset {offset}: {cause}")?;
        }
    }
    Ok(if verdict == wal_format::Verdict::Clean { Verdict::Fine } else { Verdict::Problems })
}

fn write_summaries(series: &BTreeMap<String, Summary>, out: &mut impl Write) -> Result<()> {
    if !series.is_empty() {
        writeln!(out, "{:>9}  {:>5}  {:20}  {:20}  series", "records", "every", "first", "last")?;
    }
    for (name, one) in series {
        let every = one.frequency.map_or_else(|| "-".into(), |seconds| format!("{seconds} s"));
        let (first, last) = (utc(one.first), utc(one.last));
        writeln!(out, "{:>9}  {every:>5}  {first:20}  {last:20}  {name}", one.records)?;
    }
    Ok(())
}

fn note(series: &mut BTreeMap<String, Summary>, located: &Located<'_>) {
    let record = located.record;
    let time = record.timestamp;
    let one = series.entry(record.names.to_string()).or_insert(Summary {
        first: time,
        last: time,
        ..Summary::default()
    });
    one.records += 1;
    (one.first, one.last) = (one.first.min(time), one.last.max(time));
    one.frequency = record.frequency.map(Into::into).or(one.frequency);
}

fn open(path: &Path) -> Result<(Reader<File>, u64)> {
    let file = files::open(path)?;
    let bytes = file.metadata().with_context(|| format!("read {}", path.display()))?.len();
    Ok((Reader::new(file), bytes))
}
