//! The parts that JSON documents of several commands share.

use serde::Serialize;
use std::fmt::Write;
use std::path::Path;

/// A value of a series: a number; null for a NaN; `"inf"`, `"-inf"`, which JSON has no numbers for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value(pub(crate) f32);

impl Serialize for Value {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            value if value.is_nan() => serializer.serialize_none(),
            f32::INFINITY => serializer.serialize_str("inf"),
            f32::NEG_INFINITY => serializer.serialize_str("-inf"),
            value => serializer.serialize_f32(value),
        }
    }
}

/// A fault of a file.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Problem {
    pub(crate) path: String,
    /// Where in the file; none where the fault is not in its bytes.
    pub(crate) offset: Option<u64>,
    #[serde(rename = "problem")]
    pub(crate) what: String,
}

impl Problem {
    pub(crate) fn at(path: &Path, offset: u64, what: impl Into<String>) -> Self {
        Self { path: show(path), offset: Some(offset), what: what.into() }
    }

    pub(crate) fn of(path: &Path, what: impl Into<String>) -> Self {
        Self { path: show(path), offset: None, what: what.into() }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = legible(self.path.as_bytes());
        match self.offset {
            Some(offset) => write!(f, "{path}: offset {offset}: {}", self.what),
            None => write!(f, "{path}: {}", self.what),
        }
    }
}

/// `1 problem`, `2 problems`.
pub(crate) fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

pub(crate) fn show(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

pub(crate) fn lossy(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

/// A path for a terminal.
pub(crate) fn title(path: &Path) -> String {
    legible(show(path).as_bytes())
}

/// A name for a terminal: what could steer one is escaped.
pub(crate) fn legible(name: &[u8]) -> String {
    lossy(name).chars().fold(String::new(), |mut shown, char| {
        if char.is_control() {
            shown.extend(char.escape_default());
        } else {
            shown.push(char);
        }
        shown
    })
}

/// The bytes of a name in hexadecimal, if it is no UTF-8 and so cannot stand in JSON as it is.
pub(crate) fn hex_if_no_utf8(name: &[u8]) -> Option<String> {
    std::str::from_utf8(name).is_err().then(|| hex(name))
}

pub(crate) fn hex(name: &[u8]) -> String {
    name.iter().fold(String::new(), |mut hex, byte| {
        // A String takes whatever is written to it.
        let _infallible = write!(hex, "{byte:02x}");
        hex
    })
}

/// `12.3 MB`, for people.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(crate) fn megabytes(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}
