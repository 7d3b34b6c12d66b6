//! The lines of a body that comes in chunks, cut anywhere.

use crate::line::{LINE_LEN_MAX, Line};
use crate::lines::Lines;
use crate::reason::Malformed;
use crate::sample::Sample;
use memchr::{memchr, memrchr};

/// Reads a body chunk by chunk, and says the same as [`Lines`] of the whole.
///
/// It holds the line that a chunk ends in, and the one that the last chunk ended in: of neither
/// more than [`LINE_LEN_MAX`] bytes and two, whatever comes. All other lines are read in the chunk.
///
/// ```
/// use line_protocol::{Field, Stream};
///
/// let mut stream = Stream::new();
/// let mut fields = Vec::new();
/// for chunk in [&b"load,host=h value=1\nload,host=h val"[..], b"ue=2", b"\n\nload,host=h value=3"] {
///     for line in stream.feed(chunk) {
///         let line = line?;
///         fields.push((line.number, line.field));
///     }
/// }
/// for line in stream.finish() {
///     let line = line?;
///     fields.push((line.number, line.field));
/// }
/// let expected = [(1, 1.0), (2, 2.0), (4, 3.0)];
/// assert_eq!(fields, expected.map(|(number, value)| (number, Field::Value(value))));
/// # Ok::<(), line_protocol::Malformed>(())
/// ```
#[derive(Debug, Default)]
pub struct Stream {
    /// The start of the line that the last chunk ended in, up to one byte more than a line may have:
    /// by that it is refused, as it would be by all of its bytes.
    cut: Vec<u8>,
    /// The line that the chunk before ended in, whole: [`Fed`] reads it.
    joined: Vec<u8>,
    /// Lines behind us.
    number: u64,
}

impl Stream {
    /// A stream at its start.
    ///
    /// ```
    /// assert_eq!(line_protocol::Stream::new().finish().count(), 0);
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The lines that end in this chunk. Those that are not asked for are lost, but counted.
    ///
    /// ```
    /// let mut stream = line_protocol::Stream::new();
    /// assert_eq!(stream.feed(b"a,host=h value=1\na,host").count(), 1);
    /// assert_eq!(stream.feed(b"=h value=2\n").count(), 1);
    /// ```
    pub fn feed<'a>(&'a mut self, chunk: &'a [u8]) -> Fed<'a> {
        self.joined.clear();
        let Some(last) = memrchr(b'\n', chunk) else {
            keep(&mut self.cut, chunk);
            return Fed::new(&mut self.number, &self.joined, b"");
        };
        let (mut whole, behind) = chunk.split_at_checked(last + 1).unwrap_or((chunk, b""));
        if !self.cut.is_empty()
            && let Some(first) = memchr(b'\n', whole)
            && let Some((head, rest)) = whole.split_at_checked(first)
        {
            core::mem::swap(&mut self.cut, &mut self.joined);
            keep(&mut self.joined, head);
            // The newline ends the line that came in pieces.
            self.joined.push(b'\n');
            whole = rest.get(1..).unwrap_or_default();
        }
        keep(&mut self.cut, behind);
        Fed::new(&mut self.number, &self.joined, whole)
    }

    /// The last line, if the body does not end with a newline. Line numbers go on from here.
    ///
    /// ```
    /// let mut stream = line_protocol::Stream::new();
    /// assert_eq!(stream.feed(b"a,host=h value=1").count(), 0);
    /// assert_eq!(stream.finish().count(), 1);
    /// assert_eq!(stream.finish().count(), 0);
    /// ```
    pub fn finish(&mut self) -> Fed<'_> {
        self.joined.clear();
        core::mem::swap(&mut self.cut, &mut self.joined);
        Fed::new(&mut self.number, &self.joined, b"")
    }
}

/// Appends to a cut line what is needed of it.
fn keep(cut: &mut Vec<u8>, bytes: &[u8]) {
    let room = (LINE_LEN_MAX + 1).saturating_sub(cut.len());
    cut.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
}

/// The lines that a chunk completed: an iterator over them.
#[derive(Debug)]
pub struct Fed<'a> {
    /// Where the stream counts.
    number: &'a mut u64,
    /// The line that chunks had cut, if this chunk has its end.
    joined: Lines<'a>,
    /// Those that lie in this chunk, each with its newline.
    whole: Lines<'a>,
}

impl<'a> Fed<'a> {
    fn new(number: &'a mut u64, joined: &'a [u8], whole: &'a [u8]) -> Self {
        let first = *number + 1;
        let second = first + u64::from(!joined.is_empty());
        let joined = Lines::numbered_from(first, joined);
        Self { number, joined, whole: Lines::numbered_from(second, whole) }
    }

    /// The next line, given the key that it probably has; see [`Lines::next_expecting`].
    ///
    /// ```
    /// use line_protocol::{Prediction, Stream};
    ///
    /// let mut stream = Stream::new();
    /// let line = stream.feed(b"a,host=h value=1\n").next_expecting(b"a,host=h").unwrap()?;
    /// assert_eq!(line.prediction, Prediction::Held);
    /// # Ok::<(), line_protocol::Malformed>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Malformed`] if the line is; the next call goes on behind it.
    #[inline]
    pub fn next_expecting(&mut self, expected: &[u8]) -> Option<Result<Line<'a>, Malformed>> {
        // One line at most: to ask it before each other one takes as long as comparing the key.
        if !self.joined.is_at_end()
            && let Some(line) = self.joined.next_expecting(expected)
        {
            return Some(line);
        }
        self.whole.next_expecting(expected)
    }

    /// The next line, if it has this key and is a sample like most; see [`Lines::next_sample`].
    ///
    /// ```
    /// let mut stream = line_protocol::Stream::new();
    /// let mut fed = stream.feed(b"a,host=h value=1.5 1700000000\n");
    /// assert_eq!(fed.next_sample(b"a,host=h").unwrap().value, 1.5);
    /// ```
    #[expect(clippy::inline_always, reason = "what it gives back stays in registers")]
    #[inline(always)]
    pub fn next_sample(&mut self, expected: &[u8]) -> Option<Sample> {
        if self.joined.is_at_end() { self.whole.next_sample(expected) } else { None }
    }
}

impl<'a> Iterator for Fed<'a> {
    type Item = Result<Line<'a>, Malformed>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.next_expecting(b"")
    }
}

impl core::iter::FusedIterator for Fed<'_> {}

/// Lines that nobody asked for are counted all the same, so that the numbers stay right.
impl Drop for Fed<'_> {
    fn drop(&mut self) {
        *self.number = self.whole.count_all();
    }
}
