//! A line, split: its key, what its fields say, when.

use crate::key::Key;
use crate::names::Names;
use crate::reason::{Fault, Malformed, Reason};

/// A line may have so many bytes, without its newline. Longer ones are refused, so that a stream
/// needs no more memory than this.
pub const LINE_LEN_MAX: usize = 64 << 10;

/// A line whose syntax was found right but for its [key](Line::key), which nobody has looked into.
///
/// ```
/// use line_protocol::{Field, Lines};
///
/// let mut lines = Lines::new(b"# a comment\nload,hostname=h1 value=0.5 1700000000\n");
/// let line = lines.next().unwrap()?;
/// assert_eq!(line.number, 2);
/// assert_eq!(line.key.as_bytes(), b"load,hostname=h1");
/// assert_eq!(line.field, Field::Value(0.5));
/// assert_eq!(line.timestamp, Some(1_700_000_000));
/// # Ok::<(), line_protocol::Malformed>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line<'a> {
    /// Which line of the body, from 1.
    pub number: u64,
    /// `metric,tags`, as sent.
    pub key: Key<'a>,
    /// What counts of the fields.
    pub field: Field,
    /// Unix seconds, whatever the unit was; `None` if the line leaves it to the receiver.
    pub timestamp: Option<i64>,
    /// Whether the key is the one that was expected.
    pub prediction: Prediction,
    /// Blanks in front of the key.
    pub(crate) blanks: usize,
}

impl Line<'_> {
    /// This line, refused for what its receiver found missing in its key: the column is the one
    /// behind the key.
    ///
    /// ```
    /// use line_protocol::{Lines, Reason};
    ///
    /// let line = Lines::new(b" load,hostname=h value=1\n").next().unwrap()?;
    /// let refused = line.refused(Reason::NoCluster);
    /// assert_eq!(refused.to_string(), "line 1, column 17: line has no cluster");
    /// # Ok::<(), line_protocol::Malformed>(())
    /// ```
    #[must_use]
    pub fn refused(&self, reason: Reason) -> Malformed {
        Fault::at(self.blanks + self.key.as_bytes().len(), reason).of_line(self.number)
    }

    /// The names in the key, as [`Key::parse`] finds them.
    ///
    /// ```
    /// use line_protocol::{Lines, Reason};
    ///
    /// let mut scratch = Vec::new();
    /// let mut lines = Lines::new(b"load,type=core value=1 1700000000\n");
    /// let refused = lines.next().unwrap()?.names(&mut scratch).unwrap_err();
    /// assert_eq!((refused.line, refused.column, refused.reason), (1, 15, Reason::NoHost));
    /// # Ok::<(), line_protocol::Malformed>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Malformed`] if the key is, or names no host.
    #[inline]
    pub fn names<'s>(&self, scratch: &'s mut Vec<u8>) -> Result<Names<'s>, Malformed>
    where
        Self: 's,
    {
        self.key.parse(scratch).map_err(|fault| fault.behind(self.blanks).of_line(self.number))
    }
}

/// What counts of a line's fields.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Field {
    /// A sample: its field `value`, finite, the nearest f32. The last, if there are several.
    Value(f32),
    /// Another message, which is no sample and no error.
    Message(Category),
}

/// The messages of ClusterCockpit's protocol that are no samples, each named after its field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Category {
    /// The line has a field `event`.
    Event,
    /// The line has a field `log`.
    Log,
    /// The line has a field `control`.
    Control,
}

/// Whether a key was the one expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prediction {
    /// Byte for byte.
    Held,
    /// It is another, or none was expected.
    Missed,
}
