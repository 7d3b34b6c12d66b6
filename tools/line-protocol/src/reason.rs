//! Why a line is refused. `GRAMMAR.md` says for each reason which column is named.

use core::fmt;

/// What is wrong with a line.
///
/// ```
/// use line_protocol::{Lines, Reason};
///
/// let mut lines = Lines::new(b"load,hostname=h value=1e39 1700000000\n");
/// assert_eq!(lines.next().unwrap().unwrap_err().reason, Reason::NotFinite);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The line has more than [`LINE_LEN_MAX`](crate::LINE_LEN_MAX) bytes.
    #[error("line is too long")]
    LineTooLong,
    /// Nothing follows `metric,tags`.
    #[error("line has no fields")]
    NoFields,
    /// A field has no key.
    #[error("field key is missing")]
    FieldKey,
    /// A field's key is not followed by `=`.
    #[error("field has no '=' behind its key")]
    FieldAssignment,
    /// A field's value is none that the protocol knows.
    #[error("field value is not valid")]
    FieldValue,
    /// A quoted string is not closed on its line.
    #[error("string is not closed")]
    StringEnd,
    /// Bytes behind a quoted string that are neither a comma nor a blank.
    #[error("text behind the end of a string")]
    AfterString,
    /// The field `value` is a boolean or a string.
    #[error("value is not a number")]
    NotANumber,
    /// The field `value` is an integer that needs more than 64 bits.
    #[error("value is not a 64-bit integer")]
    IntegerRange,
    /// The field `value` is no finite f32.
    #[error("value is not a finite 32-bit float")]
    NotFinite,
    /// There is no field `value`, and none that makes the line another message.
    #[error("line has no field 'value'")]
    NoValue,
    /// What follows the fields is no integer of 64 bits.
    #[error("timestamp is not an integer")]
    Timestamp,
    /// Something follows the timestamp.
    #[error("text behind the timestamp")]
    AfterTimestamp,
    /// The key is not UTF-8.
    #[error("name is not UTF-8")]
    NotUtf8,
    /// The line begins with a comma.
    #[error("metric name is missing")]
    MetricName,
    /// A tag has no key.
    #[error("tag key is missing")]
    TagKey,
    /// A tag's key is not followed by `=`.
    #[error("tag has no '=' behind its key")]
    TagAssignment,
    /// A tag's value is empty, or holds an `=` that is not escaped.
    #[error("tag value is missing or has a bare '='")]
    TagValue,
    /// There is no tag `hostname` or `host`.
    #[error("line has no host")]
    NoHost,
    /// There is no tag `cluster`, and no default for it.
    #[error("line has no cluster")]
    NoCluster,
}

impl Reason {
    /// All of them, in the order of the enum: for a table of counters.
    pub const ALL: [Self; 20] = [
        Self::LineTooLong,
        Self::NoFields,
        Self::FieldKey,
        Self::FieldAssignment,
        Self::FieldValue,
        Self::StringEnd,
        Self::AfterString,
        Self::NotANumber,
        Self::IntegerRange,
        Self::NotFinite,
        Self::NoValue,
        Self::Timestamp,
        Self::AfterTimestamp,
        Self::NotUtf8,
        Self::MetricName,
        Self::TagKey,
        Self::TagAssignment,
        Self::TagValue,
        Self::NoHost,
        Self::NoCluster,
    ];

    /// A name that stays the same, for counters and JSON.
    ///
    /// ```
    /// assert_eq!(line_protocol::Reason::NoHost.label(), "no-host");
    /// ```
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::LineTooLong => "line-too-long",
            Self::NoFields => "no-fields",
            Self::FieldKey => "field-key",
            Self::FieldAssignment => "field-assignment",
            Self::FieldValue => "field-value",
            Self::StringEnd => "string-end",
            Self::AfterString => "after-string",
            Self::NotANumber => "not-a-number",
            Self::IntegerRange => "integer-range",
            Self::NotFinite => "not-finite",
            Self::NoValue => "no-value",
            Self::Timestamp => "timestamp",
            Self::AfterTimestamp => "after-timestamp",
            Self::NotUtf8 => "not-utf8",
            Self::MetricName => "metric-name",
            Self::TagKey => "tag-key",
            Self::TagAssignment => "tag-assignment",
            Self::TagValue => "tag-value",
            Self::NoHost => "no-host",
            Self::NoCluster => "no-cluster",
        }
    }
}

/// A line that was refused: it alone is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Which line of the body, from 1.
    pub line: u64,
    /// Which byte of the line, from 1; one behind its last if something is missing there.
    pub column: usize,
    /// What is wrong with it.
    pub reason: Reason,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.reason)
    }
}

impl core::error::Error for Malformed {}

/// A fault in bytes that know nothing of the line around them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at offset {offset}")]
pub struct Fault {
    /// Which byte, from 0; the length if something is missing at the end.
    pub offset: usize,
    /// What is wrong.
    pub reason: Reason,
}

impl Fault {
    pub(crate) fn at(offset: usize, reason: Reason) -> Self {
        Self { offset, reason }
    }

    /// The same, `bytes` further on.
    pub(crate) fn behind(self, bytes: usize) -> Self {
        Self { offset: self.offset + bytes, ..self }
    }

    pub(crate) fn of_line(self, line: u64) -> Malformed {
        Malformed { line, column: self.offset + 1, reason: self.reason }
    }
}
