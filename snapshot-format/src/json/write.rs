//! A tree to JSON: keys sorted, every number the shortest that reads back to the same bits.

use crate::by_name::ByNameIter;
use crate::layout::{MAX_DEPTH, MAX_NAME_LEN};
use crate::tree::{Level, OwnedSeries, Tree};
use crate::write::EncodeError;
use std::io::Write;

/// Bytes that gather before the writer gets them.
const BUFFER_LEN: usize = 64 << 10;

/// Writes a tree as a JSON checkpoint, as the Go store has them; returns how many bytes. The writer
/// needs no buffer; it is flushed at the end.
///
/// Values are the shortest decimals that read back to the same f32. NaN is written as `null` (its
/// payload is lost), the infinities as ±1e39, which JSON has and which read back as infinities. The
/// bytes 0xNN of a name that are no UTF-8 are written as the lone surrogates `\udcNN`, and read back
/// to the same bytes.
///
/// ```
/// use snapshot_format::{OwnedSeries, Tree, write_json};
///
/// let mut tree = Tree { from: 0, to: 60, ..Tree::default() };
/// let load = OwnedSeries { frequency: 60, start: 0, values: vec![0.1, f32::NAN] };
/// tree.root.metrics.insert(b"cpu_load", load);
/// let mut json = Vec::new();
/// write_json(&tree, &mut json)?;
/// assert_eq!(json, br#"{"metrics":{"cpu_load":{"frequency":60,"start":0,"data":[0.1,null]}},"children":{},"from":0,"to":60}"#);
/// # Ok::<(), snapshot_format::EncodeError>(())
/// ```
///
/// # Errors
///
/// [`EncodeError::TooDeep`] or [`EncodeError::TooLong`] for what the formats cannot hold,
/// [`EncodeError::Io`] if the writer fails.
pub fn write_json<W: Write>(tree: &Tree, writer: W) -> Result<u64, EncodeError> {
    let mut out = Out { writer, buffer: String::with_capacity(BUFFER_LEN), written: 0 };
    let mut open = vec![begin_level(&tree.root, &mut out)?];
    while let Some(level) = open.last_mut() {
        if let Some((name, child)) = level.children.next() {
            if open.len() == MAX_DEPTH {
                return Err(EncodeError::TooDeep);
            }
            let Some(level) = open.last_mut() else { break };
            out.separate(&mut level.is_first);
            out.name(name)?;
            open.push(begin_level(child, &mut out)?);
        } else {
            out.text("},\"from\":");
            out.integer(tree.from);
            out.text(",\"to\":");
            out.integer(tree.to);
            out.text("}");
            open.pop();
        }
    }
    out.finish()
}

struct Open<'a> {
    children: ByNameIter<'a, Level>,
    is_first: bool,
}

fn begin_level<'a, W: Write>(level: &'a Level, out: &mut Out<W>) -> Result<Open<'a>, EncodeError> {
    out.text("{\"metrics\":{");
    let mut is_first = true;
    for (name, series) in &level.metrics {
        out.separate(&mut is_first);
        out.name(name)?;
        out.series(series)?;
    }
    out.text("},\"children\":{");
    Ok(Open { children: level.children.iter(), is_first: true })
}

struct Out<W> {
    writer: W,
    buffer: String,
    written: u64,
}

impl<W: Write> Out<W> {
    fn text(&mut self, text: &str) {
        self.buffer.push_str(text);
    }

    fn separate(&mut self, is_first: &mut bool) {
        if !core::mem::take(is_first) {
            self.buffer.push(',');
        }
    }

    fn integer(&mut self, integer: i64) {
        display(&mut self.buffer, format_args!("{integer}"));
    }

    fn series(&mut self, series: &OwnedSeries) -> Result<(), EncodeError> {
        self.text("{\"frequency\":");
        self.integer(series.frequency);
        self.text(",\"start\":");
        self.integer(series.start);
        self.text(",\"data\":[");
        let mut is_first = true;
        for value in &series.values {
            self.separate(&mut is_first);
            push_value(&mut self.buffer, *value);
            self.make_room()?;
        }
        self.text("]}");
        Ok(())
    }

    /// Writes a name as a string with its colon.
    fn name(&mut self, name: &[u8]) -> Result<(), EncodeError> {
        if name.len() > MAX_NAME_LEN {
            return Err(EncodeError::TooLong { field: "name", len: name.len() as u64 });
        }
        self.buffer.push('"');
        for chunk in name.utf8_chunks() {
            for character in chunk.valid().chars() {
                match character {
                    '"' => self.buffer.push_str("\\\""),
                    '\\' => self.buffer.push_str("\\\\"),
                    '\0'..' ' => {
                        let code = u32::from(character);
                        display(&mut self.buffer, format_args!("\\u{code:04x}"));
                    }
                    _ => self.buffer.push(character),
                }
            }
            for byte in chunk.invalid() {
                display(&mut self.buffer, format_args!("\\udc{byte:02x}"));
            }
        }
        self.buffer.push_str("\":");
        self.make_room()
    }

    fn make_room(&mut self) -> Result<(), EncodeError> {
        // What one call appends at most stays well below the rest of the buffer, but for names.
        if self.buffer.len() < BUFFER_LEN - 64 { Ok(()) } else { self.hand_on() }
    }

    fn hand_on(&mut self) -> Result<(), EncodeError> {
        self.writer.write_all(self.buffer.as_bytes()).map_err(EncodeError::Io)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    fn finish(mut self) -> Result<u64, EncodeError> {
        self.hand_on()?;
        self.writer.flush().map_err(EncodeError::Io)?;
        Ok(self.written)
    }
}

fn display(buffer: &mut String, what: core::fmt::Arguments<'_>) {
    // A String takes everything: there is no error to pass on.
    let _ = core::fmt::Write::write_fmt(buffer, what);
}

/// Appends a value below 1000 that has at most two decimals: most measurements have, and this is
/// several times as fast. No two decimals of six digits are the same f32, so that one of them which
/// reads back to the value is the shortest.
fn push_few_decimals(buffer: &mut String, value: f32) -> Option<()> {
    let hundredths = (f64::from(value) * 100.0).round();
    #[expect(clippy::cast_possible_truncation, reason = "reading back is a rounding to f32")]
    let reads_back = (hundredths / 100.0) as f32;
    if reads_back.to_bits() != value.to_bits() {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "a whole number below 100,000")]
    let hundredths = hundredths as i32;
    if hundredths < 0 {
        buffer.push('-');
    }
    let (whole, decimals) = (hundredths.unsigned_abs() / 100, hundredths.unsigned_abs() % 100);
    let mut started = false;
    for digit in [whole / 100, whole / 10 % 10] {
        started |= digit > 0;
        if started {
            buffer.push(digit_of(digit));
        }
    }
    buffer.push(digit_of(whole % 10));
    if decimals > 0 {
        buffer.extend(['.', digit_of(decimals / 10)]);
    }
    if decimals % 10 > 0 {
        buffer.push(digit_of(decimals % 10));
    }
    Some(())
}

fn digit_of(digit: u32) -> char {
    char::from_digit(digit, 10).unwrap_or('0')
}

/// Appends the shortest decimal that reads back to the same bits: with an exponent where that is
/// shorter.
fn push_value(buffer: &mut String, value: f32) {
    let magnitude = value.abs();
    if value.is_nan() {
        buffer.push_str("null");
    } else if value.is_infinite() {
        buffer.push_str(if value > 0.0 { "1e39" } else { "-1e39" });
    } else if magnitude == 0.0 {
        buffer.push_str(if value.is_sign_negative() { "-0.0" } else { "0" });
    } else if (0.01..1000.0).contains(&magnitude) {
        // An exponent is never shorter here.
        push_few_decimals(buffer, value)
            .unwrap_or_else(|| display(buffer, format_args!("{value}")));
    } else {
        let begin = buffer.len();
        display(buffer, format_args!("{value}"));
        let plain_end = buffer.len();
        display(buffer, format_args!("{value:e}"));
        if buffer.len() - plain_end < plain_end - begin {
            buffer.replace_range(begin..plain_end, "");
        } else {
            buffer.truncate(plain_end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_decimals_are_written_as_the_standard_library_writes_them() {
        for hundredths in (-100_000..=100_000).map(f64::from) {
            #[expect(clippy::cast_possible_truncation, reason = "the f32 that is meant")]
            let value = (hundredths / 100.0) as f32;
            for value in [value, value.next_up(), value.next_down()] {
                if !(0.01..1000.0).contains(&value.abs()) {
                    continue;
                }
                let mut written = String::new();
                push_value(&mut written, value);
                assert_eq!(written, value.to_string());
            }
        }
    }

    #[test]
    fn a_value_is_written_as_short_as_it_can_be() {
        for (value, text) in [
            (0.1, "0.1"),
            (100.0, "100"),
            (1000.0, "1e3"),
            (1200.0, "1200"),
            (0.01, "0.01"),
            (0.001, "1e-3"),
            (0.0015, "0.0015"),
            (16_777_216.0, "16777216"),
            (f32::MAX, "3.4028235e38"),
            (f32::from_bits(1), "1e-45"),
            (-0.0, "-0.0"),
            (0.0, "0"),
            (f32::NAN, "null"),
            (f32::INFINITY, "1e39"),
            (f32::NEG_INFINITY, "-1e39"),
        ] {
            let mut written = String::new();
            push_value(&mut written, value);
            assert_eq!(written, text);
        }
    }
}
