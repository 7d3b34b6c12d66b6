//! A snapshot, binary or JSON, series by series.

use crate::files::Kind;
use crate::json::{Value, hex, legible, lossy, show, title};
use crate::time::utc;
use crate::{Verdict, files};
use anyhow::Result;
use serde_json::json;
use snapshot_format::{
    ByNameIter, Integrity, JsonError, Level, OwnedSeries, ParseError, Snapshot, Tree,
};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

/// What was read.
struct Read {
    tree: Tree,
    integrity: Integrity,
    bytes: u64,
}

/// What is wrong with the bytes, and where; without a place the file could not be read.
struct Fault {
    offset: Option<u64>,
    error: String,
}

impl From<ParseError> for Fault {
    fn from(error: ParseError) -> Self {
        Self { offset: Some(error.offset), error: error.cause.to_string() }
    }
}

impl From<JsonError> for Fault {
    fn from(error: JsonError) -> Self {
        Self { offset: Some(error.offset), error: error.cause.to_string() }
    }
}

fn read(path: &Path, kind: Kind) -> Result<Read, Fault> {
    let bytes =
        files::read(path).map_err(|error| Fault { offset: None, error: format!("{error:#}") })?;
    let len = bytes.len() as u64;
    if kind == Kind::Json {
        let tree = snapshot_format::read_json(&bytes[..])?;
        return Ok(Read { tree, integrity: Integrity::Unchecked, bytes: len });
    }
    let snapshot = Snapshot::parse(&bytes)?;
    Ok(Read { tree: snapshot.to_tree(), integrity: snapshot.integrity(), bytes: len })
}

/// Writes `{"path", "kind", "from", "to", "checked", "trailer", "root": LEVEL}`; of a damaged file
/// `error` and `offset` instead.
pub(super) fn json(path: &Path, kind: Kind, out: &mut impl Write) -> Result<Verdict> {
    let Read { tree, integrity, bytes } = match read(path, kind) {
        Ok(read) => read,
        Err(Fault { offset, error }) => {
            let document =
                json!({"path": show(path), "kind": "snapshot", "error": error, "offset": offset});
            writeln!(out, "{document}")?;
            return Ok(Verdict::Problems);
        }
    };
    let trailer = match integrity {
        Integrity::Verified(trailer) => json!({
            "covered": trailer.covered,
            "written_at": trailer.written_at,
            "replaces": trailer.replaces,
        }),
        _ => json!(null),
    };
    write!(out, "{{\"path\":{},\"kind\":\"snapshot\"", serde_json::to_string(&show(path))?)?;
    write!(out, ",\"from\":{},\"to\":{},\"bytes\":{bytes}", tree.from, tree.to)?;
    let checked = matches!(integrity, Integrity::Verified(_));
    write!(out, ",\"checked\":{checked},\"trailer\":{trailer}")?;
    let verdict = match integrity {
        Integrity::Foreign { offset, bytes } => {
            let foreign = json!({"offset": offset, "bytes": bytes});
            write!(out, ",\"foreign\":{foreign}")?;
            Verdict::Problems
        }
        _ => Verdict::Fine,
    };
    write!(out, ",\"root\":")?;
    write_levels(&tree.root, out)?;
    writeln!(out, "}}")?;
    Ok(verdict)
}

/// A level whose children are being written.
struct Open<'a> {
    children: ByNameIter<'a, Level>,
    keys: Keys,
}

fn write_levels(root: &Level, out: &mut impl Write) -> Result<()> {
    write!(out, "{{")?;
    let mut open = vec![begin_level(root, out)?];
    while let Some(level) = open.last_mut() {
        if let Some((name, child)) = level.children.next() {
            level.keys.write(name, out)?;
            open.push(begin_level(child, out)?);
        } else {
            write!(out, "}}}}")?;
            open.pop();
        }
    }
    Ok(())
}

/// Writes a level, whose brace is open already, up to its children.
fn begin_level<'a>(level: &'a Level, out: &mut impl Write) -> Result<Open<'a>> {
    write!(out, "\"metrics\":{{")?;
    let mut keys = Keys::default();
    for (name, series) in &level.metrics {
        keys.write(name, out)?;
        write!(out, "\"frequency\":{},\"start\":{},\"data\":[", series.frequency, series.start)?;
        for (index, &value) in series.values.iter().enumerate() {
            out.write_all(if index == 0 { b"" } else { b"," })?;
            serde_json::to_writer(&mut *out, &Value(value))?;
        }
        write!(out, "]}}")?;
    }
    write!(out, "}},\"children\":{{")?;
    Ok(Open { children: level.children.iter(), keys: Keys::default() })
}

/// The keys of one JSON object. A name that is no UTF-8 appears with replacement characters, and in
/// hexadecimal in the value; where two would look the same, the later is followed by it.
#[derive(Default)]
struct Keys {
    any: bool,
    /// Those with a replacement character, of which two can be the same.
    doubtful: BTreeSet<String>,
}

impl Keys {
    /// Writes the key and the opening brace of its value.
    fn write(&mut self, name: &[u8], out: &mut impl Write) -> Result<()> {
        out.write_all(if std::mem::replace(&mut self.any, true) { b"," } else { b"" })?;
        let mut key = lossy(name);
        let mut name_hex = None;
        if key.contains(char::REPLACEMENT_CHARACTER) {
            let hex = hex(name);
            while !self.doubtful.insert(key.clone()) {
                key = format!("{key}#{hex}");
            }
            name_hex = Some(hex);
        }
        serde_json::to_writer(&mut *out, &key)?;
        write!(out, ":{{")?;
        if let Some(hex) = name_hex {
            write!(out, "\"name_hex\":\"{hex}\",")?;
        }
        Ok(())
    }
}

/// Writes a table of the series.
pub(super) fn table(path: &Path, kind: Kind, out: &mut impl Write) -> Result<Verdict> {
    let Read { tree, integrity, bytes } = match read(path, kind) {
        Ok(read) => read,
        Err(Fault { offset, error }) => {
            match offset {
                Some(offset) => {
                    writeln!(out, "{}: damaged snapshot: offset {offset}: {error}", title(path))?;
                }
                None => writeln!(out, "{}: {error}", title(path))?,
            }
            return Ok(Verdict::Problems);
        }
    };
    let (from, to) = (utc(tree.from), utc(tree.to));
    writeln!(out, "{}: snapshot, {bytes} bytes, {from} to {to}", title(path))?;
    let mut verdict = Verdict::Fine;
    match integrity {
        Integrity::Verified(trailer) => {
            let at = utc(trailer.written_at);
            writeln!(
                out,
                "checksums hold; written {at}, covers the log up to {}",
                trailer.covered
            )?;
        }
        Integrity::Unchecked => writeln!(out, "no checksum")?,
        Integrity::Foreign { offset, bytes } => {
            writeln!(out, "no checksum; {bytes} bytes at offset {offset} are no trailer")?;
            verdict = Verdict::Problems;
        }
    }
    writeln!(out, "{:>9}  {:>9}  {:>5}  {:20}  series", "values", "missing", "every", "first")?;
    let mut open = vec![(String::new(), &tree.root)];
    while let Some((path, level)) = open.pop() {
        for (name, series) in &level.metrics {
            write_row(&path, name, series, out)?;
        }
        let below = |name: &[u8]| {
            format!("{path}{}{}", if path.is_empty() { "" } else { ", " }, legible(name))
        };
        open.extend(level.children.iter().rev().map(|(name, level)| (below(name), level)));
    }
    Ok(verdict)
}

fn write_row(path: &str, name: &[u8], series: &OwnedSeries, out: &mut impl Write) -> Result<()> {
    let missing = series.values.iter().filter(|value| value.is_nan()).count();
    let every = format!("{} s", series.frequency);
    let (first, name) = (utc(series.start), legible(name));
    let values = series.values.len();
    writeln!(out, "{values:>9}  {missing:>9}  {every:>5}  {first:20}  {name} [{path}]")?;
    Ok(())
}
