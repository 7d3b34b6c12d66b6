//! Pulls JSON out of a reader, piece by piece, through a buffer of fixed size. Says where in the
//! stream something is wrong, which needs no recursion and never holds more than one name.

use crate::json::number::number_len;
use crate::layout::{MAX_DEPTH, MAX_NAME_LEN};
use std::io::{self, Read};

/// Bytes of the buffer; a number must fit in it.
const BUFFER_LEN: usize = 64 << 10;
/// Bytes of the longest number that is read: the longest f64 without an exponent has 1,077.
pub(crate) const MAX_NUMBER_LEN: usize = 2048;
/// Arrays and objects that may lie inside each other in a field that nobody knows.
const MAX_UNKNOWN_DEPTH: usize = 512;

/// Why a stream is no JSON checkpoint, and where.
///
/// ```
/// use snapshot_format::{JsonCause, read_json};
///
/// let error = read_json(&b"{\"metrics\":{\"cpu_"[..]).unwrap_err();
/// assert_eq!((error.offset, error.cause), (17, JsonCause::Truncated));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("offset {offset}: {cause}")]
pub struct JsonError {
    /// Where, in bytes from the start of the stream. For what is cut short: its length.
    pub offset: u64,
    /// What is wrong there.
    pub cause: JsonCause,
}

/// What is wrong with a JSON checkpoint; [`JsonError`] says where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonCause {
    /// The stream ends before the root object does, as of a file that was half written.
    #[error("stream ends")]
    Truncated,
    /// The bytes are no JSON.
    #[error("no JSON: {expected} expected")]
    Syntax {
        /// What could have stood there.
        expected: &'static str,
    },
    /// The JSON is no checkpoint.
    #[error("no checkpoint: {expected} expected")]
    Type {
        /// What should have stood there.
        expected: &'static str,
    },
    /// Levels, or what stands in unknown fields, lie too deep inside each other.
    #[error("more than {MAX_DEPTH} nested levels, or {MAX_UNKNOWN_DEPTH} in an unknown field")]
    TooDeep,
    /// A name or number is longer than any that is written.
    #[error("name longer than {MAX_NAME_LEN} bytes or number longer than {MAX_NUMBER_LEN}")]
    TooLong,
    /// The root object is whole and something follows it. The Go store would not look at it.
    #[error("something follows the checkpoint")]
    Surplus,
    /// The reader failed: nothing is known of the bytes.
    #[error("{}", os.map_or(io::Error::from(*kind), io::Error::from_raw_os_error))]
    Read {
        /// What kind of failure.
        kind: io::ErrorKind,
        /// The system's number for it, if it has one.
        os: Option<i32>,
    },
}

pub(crate) type Result<T> = core::result::Result<T, JsonError>;

/// A value that fits one token, or the bracket that opens a longer one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Null,
    Boolean,
    Number,
    String,
    Array,
    Object,
}

/// What happens to the text of a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Text {
    Name,
    Skipped,
}

#[derive(Debug)]
pub(crate) struct Lexer<R> {
    source: R,
    /// Read, not yet taken: `buffer[start..end]`.
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// Where in the stream the buffer begins.
    base: u64,
    at_end: bool,
    /// Why the stream ended, if its reader failed: told when what came before it was taken.
    failed: Option<JsonError>,
}

impl<R: Read> Lexer<R> {
    pub(crate) fn new(source: R) -> Self {
        let buffer = vec![0; BUFFER_LEN].into_boxed_slice();
        Self { source, buffer, start: 0, end: 0, base: 0, at_end: false, failed: None }
    }

    pub(crate) fn offset(&self) -> u64 {
        self.base + self.start as u64
    }

    pub(crate) fn fail<T>(&self, cause: JsonCause) -> Result<T> {
        match self.failed {
            Some(failed) if cause == JsonCause::Truncated => Err(failed),
            _ => Err(JsonError { offset: self.offset(), cause }),
        }
    }

    fn window(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    fn skip(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
    }

    /// Reads until the window has `count` bytes or the stream ends.
    fn ensure(&mut self, count: usize) {
        while self.end - self.start < count && !self.at_end {
            if self.start > 0 {
                self.buffer.copy_within(self.start..self.end, 0);
                self.base += self.start as u64;
                self.end -= self.start;
                self.start = 0;
            }
            let room = self.buffer.get_mut(self.end..).unwrap_or_default();
            match self.source.read(room) {
                Ok(0) => self.at_end = true,
                Ok(count) => self.end += count.min(room.len()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let (kind, os) = (error.kind(), error.raw_os_error());
                    let offset = self.base + self.end as u64;
                    self.failed = Some(JsonError { offset, cause: JsonCause::Read { kind, os } });
                    self.at_end = true;
                }
            }
        }
    }

    /// The next byte that is no blank, left where it is; none at the end of the stream.
    fn peek(&mut self) -> Result<Option<u8>> {
        if let Some(byte) = self.buffer.get(self.start).filter(|_| self.start < self.end)
            && !is_blank(*byte)
        {
            return Ok(Some(*byte));
        }
        loop {
            let window = self.window();
            let blanks = window.iter().take_while(|byte| is_blank(**byte)).count();
            let found = window.get(blanks).copied();
            self.skip(blanks);
            if found.is_some() {
                return Ok(found);
            }
            self.ensure(1);
            if self.window().is_empty() {
                return self.failed.map_or(Ok(None), Err);
            }
        }
    }

    /// As [`Self::peek`] where something must follow.
    fn peek_more(&mut self) -> Result<u8> {
        match self.peek()? {
            Some(byte) => Ok(byte),
            None => self.fail(JsonCause::Truncated),
        }
    }

    fn expect(&mut self, byte: u8, expected: &'static str) -> Result<()> {
        if self.peek_more()? != byte {
            return self.fail(JsonCause::Syntax { expected });
        }
        self.skip(1);
        Ok(())
    }

    /// What kind of value comes next; nothing is taken.
    pub(crate) fn kind(&mut self) -> Result<Kind> {
        Ok(match self.peek_more()? {
            b'n' => Kind::Null,
            b't' | b'f' => Kind::Boolean,
            b'"' => Kind::String,
            b'[' => Kind::Array,
            b'{' => Kind::Object,
            b'-' | b'0'..=b'9' => Kind::Number,
            _ => return self.fail(JsonCause::Syntax { expected: "value" }),
        })
    }

    /// Takes the bracket that opens an object or array.
    pub(crate) fn open(&mut self, kind: Kind, expected: &'static str) -> Result<()> {
        if self.kind()? != kind {
            return self.fail(JsonCause::Type { expected });
        }
        self.skip(1);
        Ok(())
    }

    /// Goes to the next member of an object and takes its name and colon; false, with the bracket
    /// taken, if there is none.
    pub(crate) fn member(&mut self, is_first: bool, name: &mut Vec<u8>) -> Result<bool> {
        if !self.item(is_first, b'}', "comma or closing brace")? {
            return Ok(false);
        }
        if self.peek_more()? != b'"' {
            return self.fail(JsonCause::Syntax { expected: "name" });
        }
        name.clear();
        self.string(name, Text::Name)?;
        self.expect(b':', "colon")?;
        Ok(true)
    }

    /// Goes to the next element of an array; false, with the bracket taken, if there is none.
    pub(crate) fn element(&mut self, is_first: bool) -> Result<bool> {
        self.item(is_first, b']', "comma or closing bracket")
    }

    fn item(&mut self, is_first: bool, close: u8, expected: &'static str) -> Result<bool> {
        let byte = self.peek_more()?;
        if byte == close {
            self.skip(1);
            return Ok(false);
        }
        if !is_first {
            self.expect(b',', expected)?;
            if self.peek_more()? == close {
                return self.fail(JsonCause::Syntax { expected: "another one behind the comma" });
            }
        }
        Ok(true)
    }

    pub(crate) fn null(&mut self) -> Result<()> {
        self.literal(b"null")
    }

    fn literal(&mut self, literal: &[u8]) -> Result<()> {
        self.ensure(literal.len());
        let window = self.window();
        if window.starts_with(literal) {
            self.skip(literal.len());
            return Ok(());
        }
        if literal.starts_with(window) {
            self.skip(window.len());
            return self.fail(JsonCause::Truncated);
        }
        self.fail(JsonCause::Syntax { expected: "value" })
    }

    /// Takes a number that `parse` understands.
    pub(crate) fn number<T>(
        &mut self,
        expected: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T> {
        // A byte more than the longest, so that what follows the number is seen too.
        self.ensure(MAX_NUMBER_LEN + 1);
        let window = self.window();
        let run = window.iter().take_while(|byte| is_numeric(**byte)).count();
        if run > MAX_NUMBER_LEN {
            return self.fail(JsonCause::TooLong);
        }
        if run == window.len() {
            self.skip(run);
            return self.fail(JsonCause::Truncated);
        }
        let (text, _) = window.split_at_checked(run).unwrap_or_default();
        if number_len(text) != Some(run) {
            return self.fail(JsonCause::Syntax { expected: "number" });
        }
        match core::str::from_utf8(text).ok().and_then(parse) {
            Some(value) => {
                self.skip(run);
                Ok(value)
            }
            None => self.fail(JsonCause::Type { expected }),
        }
    }

    /// Takes a value of any kind, and forgets it.
    pub(crate) fn skip_value(&mut self) -> Result<()> {
        // The kinds of what is open, and whether its next item is the first.
        let mut open: Vec<(Kind, bool)> = Vec::new();
        let mut text = Vec::new();
        loop {
            let kind = self.kind()?;
            match kind {
                Kind::Null => self.null()?,
                Kind::Boolean if self.peek()? == Some(b't') => self.literal(b"true")?,
                Kind::Boolean => self.literal(b"false")?,
                Kind::Number => self.number("number", |_| Some(()))?,
                Kind::String => self.string(&mut text, Text::Skipped)?,
                Kind::Array | Kind::Object => {
                    if open.len() == MAX_UNKNOWN_DEPTH {
                        return self.fail(JsonCause::TooDeep);
                    }
                    self.skip(1);
                    open.push((kind, true));
                }
            }
            loop {
                let Some((kind, is_first)) = open.last_mut() else { return Ok(()) };
                let (kind, is_first) = (*kind, core::mem::take(is_first));
                let more = match kind {
                    Kind::Array => self.element(is_first)?,
                    _ => self.member(is_first, &mut text)?,
                };
                if more {
                    break;
                }
                open.pop();
            }
        }
    }

    /// Nothing but blanks may follow.
    pub(crate) fn end(&mut self) -> Result<()> {
        match self.peek()? {
            Some(_) => self.fail(JsonCause::Surplus),
            None => Ok(()),
        }
    }

    /// Takes a string, its opening quote included, and appends what it stands for.
    fn string(&mut self, into: &mut Vec<u8>, text: Text) -> Result<()> {
        self.skip(1);
        loop {
            self.ensure(1);
            let window = self.window();
            let is_plain = |byte: &&u8| !matches!(**byte, b'"' | b'\\' | 0..0x20);
            let plain = window.iter().take_while(is_plain).count();
            let special = window.get(plain).copied();
            if window.is_empty() {
                return self.fail(JsonCause::Truncated);
            }
            into.extend(window.iter().take(plain));
            self.skip(plain);
            match special {
                None => {}
                Some(b'"') => {
                    self.skip(1);
                    return self.bound(into, text);
                }
                Some(b'\\') => self.escape(into)?,
                Some(_) => return self.fail(JsonCause::Syntax { expected: "escape" }),
            }
            self.bound(into, text)?;
        }
    }

    fn bound(&self, into: &mut Vec<u8>, text: Text) -> Result<()> {
        match text {
            Text::Skipped => into.clear(),
            Text::Name if into.len() > MAX_NAME_LEN => return self.fail(JsonCause::TooLong),
            Text::Name => {}
        }
        Ok(())
    }

    fn escape(&mut self, into: &mut Vec<u8>) -> Result<()> {
        self.ensure(2);
        let plain = match self.window().get(1) {
            Some(b'u') => return self.unicode(into),
            Some(byte @ (b'"' | b'\\' | b'/')) => *byte,
            Some(b'b') => 0x08,
            Some(b'f') => 0x0c,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(_) => return self.fail(JsonCause::Syntax { expected: "escape" }),
            None => {
                self.skip(1);
                return self.fail(JsonCause::Truncated);
            }
        };
        into.push(plain);
        self.skip(2);
        Ok(())
    }

    /// Takes `\uXXXX`, or two of them that make a pair. A lone `\udc80` to `\udcff` is the byte
    /// 0x80 to 0xff of a name that is no UTF-8.
    fn unicode(&mut self, into: &mut Vec<u8>) -> Result<()> {
        self.ensure(12);
        let window = self.window();
        let (escape, next) = window.split_at_checked(6).unwrap_or((window, &[]));
        let Some(unit) = code_unit(escape) else {
            let is_cut = escape.len() < 6
                && escape.get(2..).unwrap_or_default().iter().all(u8::is_ascii_hexdigit);
            if is_cut {
                self.skip(escape.len());
                return self.fail(JsonCause::Truncated);
            }
            return self.fail(JsonCause::Syntax { expected: "four hexadecimal digits" });
        };
        let second = next.get(..6).and_then(code_unit);
        let (taken, character) = match (unit, second) {
            (0xd800..=0xdbff, Some(low @ 0xdc00..=0xdfff)) => {
                (12, char::from_u32(0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00)))
            }
            (0xdc80..=0xdcff, _) => {
                into.extend(unit.to_le_bytes().first());
                self.skip(6);
                return Ok(());
            }
            _ => (6, char::from_u32(unit)),
        };
        let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
        into.extend(character.encode_utf8(&mut [0; 4]).bytes());
        self.skip(taken);
        Ok(())
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Whether a number can have this byte somewhere.
fn is_numeric(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E')
}

/// What `\uXXXX` stands for.
fn code_unit(escape: &[u8]) -> Option<u32> {
    let digits = escape.strip_prefix(b"\\u").filter(|digits| digits.len() == 4)?;
    digits.iter().try_fold(0, |unit, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some((unit << 4) | digit)
    })
}
