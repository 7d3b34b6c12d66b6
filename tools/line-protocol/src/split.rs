//! One line, by the whole grammar.
//!
//! Any line goes through [`split`]; [`usual`] is the shortcut for those that are written as nearly
//! all are: `key value=number seconds`. What it takes it takes as [`split`] would, and it leaves
//! alone what it is not sure about.

use crate::key::{Key, key_len};
use crate::line::{Category, Field, LINE_LEN_MAX, Line, Prediction};
use crate::reason::{Fault, Reason};
use crate::scan::line_end;
use crate::scan::token_len;
use crate::{number, time};
use memchr::memchr2;

/// The line at the front of `bytes` and what follows it, if it is one of the usual ones.
/// `None` says nothing about others.
#[expect(clippy::inline_always, reason = "without, a third of the time goes into moving the line")]
#[inline(always)]
pub(crate) fn usual<'a>(
    bytes: &'a [u8],
    expected: &[u8],
    number: u64,
) -> Option<(Line<'a>, &'a [u8])> {
    let (key, rest, prediction) = usual_key(bytes, expected)?;
    let (value, rest) = number::usual(rest.strip_prefix(b" value=")?)?;
    let (timestamp, rest) = match rest {
        [b' ', rest @ ..] => {
            let (seconds, rest) = time::usual(rest)?;
            (Some(seconds), rest)
        }
        _ => (None, line_end(rest)?),
    };
    // With its newline.
    if bytes.len() - rest.len() > LINE_LEN_MAX {
        return None;
    }
    let (key, field) = (Key::found(key), Field::Value(value));
    Some((Line { number, key, field, timestamp, prediction, blanks: 0 }, rest))
}

/// The key at the front of `bytes`, if it ends at the first blank, and that blank with all behind.
#[inline]
fn usual_key<'a>(bytes: &'a [u8], expected: &[u8]) -> Option<(&'a [u8], &'a [u8], Prediction)> {
    if !expected.is_empty()
        && let Some(rest) = bytes.strip_prefix(expected)
        && let [b' ', ..] = rest
    {
        let (key, rest) = bytes.split_at_checked(expected.len())?;
        return Some((key, rest, Prediction::Held));
    }
    let (key, rest) = bytes.split_at_checked(memchr2(b' ', b'\n', bytes)?)?;
    let plain = !matches!(key, [] | [b'#', ..] | [.., b'\\']);
    plain.then_some((key, rest, Prediction::Missed))
}

/// What a line says; `None` if it is blank or a comment. `raw` is without its newline.
pub(crate) fn split<'a>(
    raw: &'a [u8],
    expected: &[u8],
    number: u64,
) -> Result<Option<Line<'a>>, Fault> {
    if raw.len() > LINE_LEN_MAX {
        return Err(Fault::at(LINE_LEN_MAX, Reason::LineTooLong));
    }
    let text = raw.strip_suffix(b"\r").unwrap_or(raw);
    let mut rest = Rest { text, at: 0 };
    rest.skip_blanks();
    let blanks = rest.at;
    if matches!(rest.bytes(), [] | [b'#', ..]) {
        return Ok(None);
    }
    let key = rest.take(key_len(rest.bytes()));
    rest.skip_blanks();
    if rest.bytes().is_empty() {
        return Err(Fault::at(text.len(), Reason::NoFields));
    }
    let field = rest.fields()?;
    let timestamp = rest.timestamp()?;
    let prediction = if key == expected { Prediction::Held } else { Prediction::Missed };
    Ok(Some(Line { number, key: Key::found(key), field, timestamp, prediction, blanks }))
}

/// What of a line is still to be read.
struct Rest<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Rest<'a> {
    fn bytes(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn take(&mut self, len: usize) -> &'a [u8] {
        let taken = self.bytes().get(..len).unwrap_or_default();
        self.at += taken.len();
        taken
    }

    fn skip_blanks(&mut self) {
        self.at += self.bytes().iter().take_while(|&&byte| byte == b' ').count();
    }

    /// The fields, and the blanks behind them.
    fn fields(&mut self) -> Result<Field, Fault> {
        let start = self.at;
        let (mut value, mut message) = (None, None);
        loop {
            let key = self.field_key()?;
            let category = match key {
                b"value" => {
                    value = Some(self.number()?);
                    None
                }
                b"event" => Some(Category::Event),
                b"log" => Some(Category::Log),
                b"control" => Some(Category::Control),
                _ => None,
            };
            if key != b"value" {
                self.any_value()?;
            }
            message = message.or(category);
            match self.bytes().first() {
                Some(b',') => self.at += 1,
                _ => break,
            }
        }
        self.skip_blanks();
        match (message, value) {
            (Some(category), _) => Ok(Field::Message(category)),
            (None, Some(value)) => Ok(Field::Value(value)),
            (None, None) => Err(Fault::at(start, Reason::NoValue)),
        }
    }

    /// A field's key, and the `=` behind it. It is compared as sent: no key that counts can be
    /// written with escapes.
    fn field_key(&mut self) -> Result<&'a [u8], Fault> {
        let start = self.at;
        let rest = self.bytes();
        let key = self.take(token_len(rest, b",= ").unwrap_or(rest.len()));
        if key.is_empty() {
            return Err(Fault::at(start, Reason::FieldKey));
        }
        if self.take(1) != b"=" {
            return Err(Fault::at(start + key.len(), Reason::FieldAssignment));
        }
        Ok(key)
    }

    /// The value of the field that counts.
    fn number(&mut self) -> Result<f32, Fault> {
        let start = self.at;
        if self.bytes().first() == Some(&b'"') {
            self.string()?;
            return Err(Fault::at(start, Reason::NotANumber));
        }
        number::parse(self.token()).map_err(|reason| Fault::at(start, reason))
    }

    /// A value that does not count, but must be one.
    fn any_value(&mut self) -> Result<(), Fault> {
        let start = self.at;
        if self.bytes().first() == Some(&b'"') {
            return self.string();
        }
        if number::is_value(self.token()) {
            return Ok(());
        }
        Err(Fault::at(start, Reason::FieldValue))
    }

    /// The bytes up to the next comma or blank.
    fn token(&mut self) -> &'a [u8] {
        let rest = self.bytes();
        self.take(memchr2(b',', b' ', rest).unwrap_or(rest.len()))
    }

    /// A quoted string, in which a backslash escapes quotes and backslashes.
    fn string(&mut self) -> Result<(), Fault> {
        let start = self.at;
        self.at += 1;
        loop {
            let rest = self.bytes();
            let Some(found) = memchr2(b'"', b'\\', rest) else {
                return Err(Fault::at(start, Reason::StringEnd));
            };
            match rest.get(found..).unwrap_or_default() {
                [b'\\', b'"' | b'\\', ..] => self.at += found + 2,
                [b'\\', ..] => self.at += found + 1,
                _ => {
                    self.at += found + 1;
                    break;
                }
            }
        }
        match self.bytes() {
            [] | [b',' | b' ', ..] => Ok(()),
            _ => Err(Fault::at(self.at, Reason::AfterString)),
        }
    }

    /// The timestamp, if there is one, and nothing behind it.
    fn timestamp(&mut self) -> Result<Option<i64>, Fault> {
        if self.bytes().is_empty() {
            return Ok(None);
        }
        let start = self.at;
        let len = self.bytes().iter().take_while(|&&byte| byte != b' ').count();
        let seconds = time::parse(self.take(len)).map_err(|reason| Fault::at(start, reason))?;
        self.skip_blanks();
        if self.bytes().is_empty() {
            return Ok(Some(seconds));
        }
        Err(Fault::at(self.at, Reason::AfterTimestamp))
    }
}
