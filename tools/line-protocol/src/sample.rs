//! The line that nearly all lines are: the key that was expected, a short number, the time of the line
//! before.
//!
//! What is taken here is taken as [`split`](crate::split) would; what is not sure is left to it.

use crate::line::LINE_LEN_MAX;
use crate::{number, time};

/// A line whose key is the one that was expected, and which is a sample with a time.
///
/// ```
/// use line_protocol::{Lines, Sample};
///
/// let mut lines = Lines::new(b"load,hostname=h1 value=0.5 1700000000\n");
/// let sample = lines.next_sample(b"load,hostname=h1");
/// assert_eq!(sample, Some(Sample { number: 1, value: 0.5, timestamp: 1_700_000_000 }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Which line of the body, from 1.
    pub number: u64,
    /// As [`Field::Value`](crate::Field::Value).
    pub value: f32,
    /// Unix seconds.
    pub timestamp: i64,
}

/// The value and the time of the line at the front of `bytes` and what follows it, if the line is
/// as usual.
#[expect(clippy::inline_always, reason = "what it gives back stays in registers")]
#[inline(always)]
pub(crate) fn usual<'a>(
    bytes: &'a [u8],
    expected: &[u8],
    last: &mut LastTime,
) -> Option<(f32, i64, &'a [u8])> {
    if expected.is_empty() {
        return None;
    }
    let rest = bytes.strip_prefix(expected)?.strip_prefix(b" value=")?;
    let (value, rest) = number::short(rest)?;
    let (seconds, rest) = last.line_end(rest)?;
    // With its newline.
    (bytes.len() - rest.len() <= LINE_LEN_MAX).then_some((value, seconds, rest))
}

/// A blank, ten digits, a newline: seconds since 2001.
const TIME_LEN: usize = 12;

/// How the last line ended: thousands of lines of a body have the same time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LastTime {
    text: [u8; TIME_LEN],
    seconds: i64,
}

impl Default for LastTime {
    fn default() -> Self {
        Self { text: *b" 0000000000\n", seconds: 0 }
    }
}

impl LastTime {
    #[inline]
    fn line_end<'a>(&mut self, bytes: &'a [u8]) -> Option<(i64, &'a [u8])> {
        let (text, rest) = bytes.split_first_chunk()?;
        if *text == self.text { Some((self.seconds, rest)) } else { self.other(bytes, *text) }
    }

    #[inline(never)]
    fn other<'a>(&mut self, bytes: &'a [u8], text: [u8; TIME_LEN]) -> Option<(i64, &'a [u8])> {
        let (seconds, rest) = time::usual(bytes.strip_prefix(b" ")?)?;
        if bytes.len() - rest.len() == TIME_LEN {
            *self = Self { text, seconds };
        }
        Some((seconds, rest))
    }
}
