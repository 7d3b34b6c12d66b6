//! An archive file, ours or the Go store's: what its footer says, or all of its rows.

use crate::json::{Value, count, legible, show, title};
use crate::time::utc;
use crate::{Verdict, files};
use anyhow::Result;
use archiver::{Archive, Piece, Summary};
use serde::Serialize;
use serde_json::json;
use std::fs::File;
use std::io::Write;
use std::path::Path;

fn open(path: &Path) -> Result<Archive<File>> {
    Ok(Archive::open(files::open(path)?)?)
}

fn summary(path: &Path) -> Result<Summary> {
    Ok(open(path)?.summary()?)
}

/// Writes `{"path", "kind", "rows", "row_groups", "columns", "sources", "min_timestamp",
/// "max_timestamp"}`; of what is no archive, `error` instead of the rest.
pub(super) fn json(path: &Path, out: &mut impl Write) -> Result<Verdict> {
    let (document, verdict) = match summary(path) {
        Ok(summary) => {
            let times = summary.times;
            let document = json!({
                "path": show(path),
                "kind": "parquet",
                "bytes": summary.bytes,
                "rows": summary.rows,
                "row_groups": summary.row_groups,
                "columns": summary.columns,
                "sources": summary.sources,
                "min_timestamp": times.map(|times| times.0),
                "max_timestamp": times.map(|times| times.1),
                "writer": summary.writer,
            });
            (document, Verdict::Fine)
        }
        Err(error) => (fault(path, &error), Verdict::Problems),
    };
    writeln!(out, "{document}")?;
    Ok(verdict)
}

fn fault(path: &Path, error: &anyhow::Error) -> serde_json::Value {
    json!({"path": show(path), "kind": "parquet", "error": format!("{error:#}")})
}

#[derive(Serialize)]
struct RowJson<'a> {
    cluster: &'a str,
    hostname: &'a str,
    metric: &'a str,
    scope: &'a str,
    scope_id: &'a str,
    timestamp: i64,
    frequency: i64,
    value: Value,
    bits: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
}

/// Writes one document a row, as the rows are read.
pub(super) fn rows(path: &Path, out: &mut impl Write) -> Result<Verdict> {
    let archive = match open(path) {
        Ok(archive) => archive,
        Err(error) => {
            writeln!(out, "{}", fault(path, &error))?;
            return Ok(Verdict::Problems);
        }
    };
    for piece in archive.pieces() {
        match piece {
            Ok(piece) => write_rows(&piece, out)?,
            Err(error) => {
                writeln!(out, "{}", fault(path, &error.into()))?;
                return Ok(Verdict::Problems);
            }
        }
    }
    Ok(Verdict::Fine)
}

fn write_rows(piece: &Piece, out: &mut impl Write) -> Result<()> {
    for (&timestamp, &value) in piece.timestamps.iter().zip(&piece.values) {
        let row = RowJson {
            cluster: &piece.cluster,
            hostname: &piece.hostname,
            metric: &piece.metric,
            scope: &piece.scope,
            scope_id: &piece.scope_id,
            timestamp,
            frequency: piece.frequency,
            value: Value(value),
            bits: value.to_bits(),
            path: piece.path.as_deref(),
        };
        serde_json::to_writer(&mut *out, &row)?;
        writeln!(out)?;
    }
    Ok(())
}

/// Writes what the footer says as text.
pub(super) fn table(path: &Path, out: &mut impl Write) -> Result<Verdict> {
    let summary = match summary(path) {
        Ok(summary) => summary,
        Err(error) => {
            writeln!(out, "{}: {error:#}", title(path))?;
            return Ok(Verdict::Problems);
        }
    };
    let groups = count(usize::try_from(summary.row_groups)?, "row group");
    writeln!(
        out,
        "{}: archive, {} bytes, {} rows in {groups}",
        title(path),
        summary.bytes,
        summary.rows
    )?;
    if let Some((first, last)) = summary.times {
        writeln!(out, "{} to {}", utc(first), utc(last))?;
    }
    if let Some(writer) = &summary.writer {
        writeln!(out, "written by {}", legible(writer.as_bytes()))?;
    }
    writeln!(out, "columns: {}", legible(summary.columns.join(", ").as_bytes()))?;
    for source in &summary.sources {
        writeln!(out, "from {}", legible(source.as_bytes()))?;
    }
    Ok(Verdict::Fine)
}
