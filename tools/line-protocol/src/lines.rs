//! The lines of a body in memory.

use crate::line::Line;
use crate::reason::Malformed;
use crate::sample::{self, LastTime, Sample};
use crate::split;
use memchr::{memchr, memchr_iter};

/// Goes over the lines of a body; blank ones and comments are counted and passed over.
///
/// A line that is refused costs that line alone. Nothing is allocated or copied.
///
/// ```
/// use line_protocol::{Field, Lines, Reason};
///
/// let mut lines = Lines::new(b"load,host=h value=0.5\nload,host=h value=?\r\n\nload,host=h value=1");
/// assert_eq!(lines.next().unwrap()?.field, Field::Value(0.5));
/// let refused = lines.next().unwrap().unwrap_err();
/// assert_eq!((refused.line, refused.column, refused.reason), (2, 19, Reason::FieldValue));
/// let line = lines.next().unwrap()?;
/// assert_eq!((line.number, line.field), (4, Field::Value(1.0)));
/// assert!(lines.next().is_none());
/// # Ok::<(), line_protocol::Malformed>(())
/// ```
#[derive(Clone, Debug)]
pub struct Lines<'a> {
    rest: &'a [u8],
    /// Lines behind us.
    number: u64,
    last_time: LastTime,
}

impl<'a> Lines<'a> {
    /// The lines of `body`. The last needs no newline.
    ///
    /// ```
    /// assert_eq!(line_protocol::Lines::new(b"a,host=h value=1\na,host=h value=2").count(), 2);
    /// ```
    #[must_use]
    pub fn new(body: &'a [u8]) -> Self {
        Self::numbered_from(1, body)
    }

    /// The lines of a body whose first has this number: for a part of a greater one.
    ///
    /// ```
    /// let mut lines = line_protocol::Lines::numbered_from(8, b"a,host=h value=1\n");
    /// assert_eq!(lines.next().unwrap()?.number, 8);
    /// # Ok::<(), line_protocol::Malformed>(())
    /// ```
    #[must_use]
    pub fn numbered_from(first: u64, body: &'a [u8]) -> Self {
        Self { rest: body, number: first.saturating_sub(1), last_time: LastTime::default() }
    }

    /// The next line, as [`next`](Iterator::next), given the key that it probably has: if so, its
    /// end need not be looked for. `expected` must be the bytes of a [key](Line::key), or empty; with other
    /// bytes a line may be divided where it should not be.
    ///
    /// ```
    /// use line_protocol::{Lines, Prediction};
    ///
    /// let mut lines = Lines::new(b"a,host=h value=1\na,host=h value=2\n");
    /// let first = lines.next_expecting(b"").unwrap()?;
    /// assert_eq!(first.prediction, Prediction::Missed);
    /// let second = lines.next_expecting(first.key.as_bytes()).unwrap()?;
    /// assert_eq!(second.prediction, Prediction::Held);
    /// # Ok::<(), line_protocol::Malformed>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Malformed`] if the line is; the next call goes on behind it.
    #[inline]
    pub fn next_expecting(&mut self, expected: &[u8]) -> Option<Result<Line<'a>, Malformed>> {
        if let Some((line, rest)) = split::usual(self.rest, expected, self.number + 1) {
            self.rest = rest;
            self.number += 1;
            return Some(Ok(line));
        }
        self.next_unusual(expected)
    }

    /// The next line, if it has this key and is a sample like most: a value of few digits, and a time.
    /// `None` says nothing about the line; it is still the [next](Self::next_expecting). `expected` must be
    /// as there.
    ///
    /// ```
    /// let mut lines = line_protocol::Lines::new(b"a,host=h value=1.5 1700000000\n# no sample\n");
    /// assert_eq!(lines.next_sample(b"a,host=i"), None);
    /// assert_eq!(lines.next_sample(b"a,host=h").unwrap().value, 1.5);
    /// assert_eq!(lines.next_sample(b"a,host=h"), None);
    /// assert!(lines.next().is_none());
    /// ```
    #[expect(clippy::inline_always, reason = "what it gives back stays in registers")]
    #[inline(always)]
    pub fn next_sample(&mut self, expected: &[u8]) -> Option<Sample> {
        let (value, timestamp, rest) = sample::usual(self.rest, expected, &mut self.last_time)?;
        self.rest = rest;
        self.number += 1;
        Some(Sample { number: self.number, value, timestamp })
    }

    #[inline(never)]
    fn next_unusual(&mut self, expected: &[u8]) -> Option<Result<Line<'a>, Malformed>> {
        while !self.rest.is_empty() {
            let end = memchr(b'\n', self.rest).unwrap_or(self.rest.len());
            let (raw, rest) = self.rest.split_at_checked(end)?;
            self.rest = rest.get(1..).unwrap_or_default();
            self.number += 1;
            match split::split(raw, expected, self.number) {
                Ok(None) => {}
                Ok(Some(line)) => return Some(Ok(line)),
                Err(fault) => return Some(Err(fault.of_line(self.number))),
            }
        }
        None
    }

    #[inline]
    pub(crate) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// How many lines there were and will be, if each has its newline.
    pub(crate) fn count_all(&self) -> u64 {
        self.number + memchr_iter(b'\n', self.rest).count() as u64
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Result<Line<'a>, Malformed>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.next_expecting(b"")
    }
}

impl core::iter::FusedIterator for Lines<'_> {}
