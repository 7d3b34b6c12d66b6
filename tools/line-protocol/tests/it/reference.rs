//! The grammar, read as simply as it can be: byte by byte, line by line, with copies of everything.

use crate::said::{Owned, Refused, Said};
use line_protocol::{Category, Reason};

const LINE_LEN_MAX: usize = 65_536;

pub(crate) fn read(body: &[u8]) -> Vec<Said> {
    let mut all = Vec::new();
    for (number, raw) in (1..).zip(body.split(|&byte| byte == b'\n')) {
        match line(raw, number) {
            Ok(said) => all.extend(said),
            Err((offset, reason)) => all.push(Said::Refused((number, offset + 1, reason))),
        }
    }
    all
}

type Fault = (usize, Reason);

/// The first of these bytes from `from` on that has no backslash before it, or the end.
fn bare(text: &[u8], from: usize, stops: &[u8]) -> usize {
    let bare = |at: &usize| stops.contains(&text[*at]) && (*at == 0 || text[at - 1] != b'\\');
    (from..text.len()).find(bare).unwrap_or(text.len())
}

fn behind_blanks(text: &[u8], mut at: usize) -> usize {
    while text.get(at) == Some(&b' ') {
        at += 1;
    }
    at
}

fn line(raw: &[u8], number: u64) -> Result<Option<Said>, Fault> {
    if raw.len() > LINE_LEN_MAX {
        return Err((LINE_LEN_MAX, Reason::LineTooLong));
    }
    let text = raw.strip_suffix(b"\r").unwrap_or(raw);
    let start = behind_blanks(text, 0);
    if start == text.len() || text[start] == b'#' {
        return Ok(None);
    }
    let key_end = bare(text, start, b" ");
    let fields = behind_blanks(text, key_end);
    if fields == text.len() {
        return Err((fields, Reason::NoFields));
    }
    let mut at = fields;
    let (mut values, mut categories) = (Vec::new(), Vec::new());
    loop {
        let (end, key, value) = field(text, at)?;
        values.extend(value);
        categories.extend(match key {
            b"event" => Some(Category::Event),
            b"log" => Some(Category::Log),
            b"control" => Some(Category::Control),
            _ => None,
        });
        at = end;
        if text.get(at) != Some(&b',') {
            break;
        }
        at += 1;
    }
    if categories.is_empty() && values.is_empty() {
        return Err((fields, Reason::NoValue));
    }
    let timestamp = timestamp(text, behind_blanks(text, at))?;
    if let Some(&category) = categories.first() {
        return Ok(Some(Said::Message { number, category, timestamp }));
    }
    let key = text[start..key_end].to_vec();
    let names =
        names(&key).map_err(|(offset, reason)| -> Refused { (number, start + offset + 1, reason) });
    let bits = values.last().unwrap().to_bits();
    Ok(Some(Said::Sample { number, key, bits, timestamp, names }))
}

/// Where the field at `at` ends, its key, and its number if it is the one that counts.
fn field(text: &[u8], at: usize) -> Result<(usize, &[u8], Option<f32>), Fault> {
    let assign = bare(text, at, b",= ");
    let key = &text[at..assign];
    if key.is_empty() {
        return Err((at, Reason::FieldKey));
    }
    if text.get(assign) != Some(&b'=') {
        return Err((assign, Reason::FieldAssignment));
    }
    let start = assign + 1;
    if text.get(start) == Some(&b'"') {
        let mut end = start + 1;
        loop {
            match (text.get(end), text.get(end + 1)) {
                (None, _) => return Err((start, Reason::StringEnd)),
                (Some(b'\\'), Some(b'\\' | b'"')) => end += 2,
                (Some(b'"'), _) => break,
                _ => end += 1,
            }
        }
        end += 1;
        if !matches!(text.get(end), None | Some(b',' | b' ')) {
            return Err((end, Reason::AfterString));
        }
        if key == b"value" {
            return Err((start, Reason::NotANumber));
        }
        return Ok((end, key, None));
    }
    let mut end = start;
    while !matches!(text.get(end), None | Some(b',' | b' ')) {
        end += 1;
    }
    let number = number(&text[start..end]).map_err(|reason| (start, reason));
    match number {
        _ if key == b"value" => Ok((end, key, Some(number?))),
        Err((_, Reason::FieldValue)) => Err((start, Reason::FieldValue)),
        _ => Ok((end, key, None)),
    }
}

#[expect(clippy::cast_precision_loss, reason = "the nearest f32 is what is asked for")]
pub(crate) fn number(token: &[u8]) -> Result<f32, Reason> {
    let Ok(token) = std::str::from_utf8(token) else { return Err(Reason::FieldValue) };
    let booleans = ["t", "T", "true", "True", "TRUE", "f", "F", "false", "False", "FALSE"];
    if booleans.contains(&token) {
        return Err(Reason::NotANumber);
    }
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let some_digits = |text: &str| !text.is_empty() && digits(text);
    let magnitude = token.strip_prefix('-').unwrap_or(token);
    if magnitude.strip_suffix('i').is_some_and(some_digits) {
        let number: i64 = token[..token.len() - 1].parse().map_err(|_| Reason::IntegerRange)?;
        return Ok(number as f32);
    }
    if let Some(integer) = token.strip_suffix('u').filter(|text| some_digits(text)) {
        return Ok(integer.parse::<u64>().map_err(|_| Reason::IntegerRange)? as f32);
    }
    let (mantissa, exponent) = match magnitude.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent),
        None => (magnitude, "0"),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let power = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let some = !whole.is_empty() || !fraction.is_empty();
    if !some || !digits(whole) || !digits(fraction) || !some_digits(power) {
        return Err(Reason::FieldValue);
    }
    let value: f32 = token.parse().unwrap();
    if value.is_finite() { Ok(value) } else { Err(Reason::NotFinite) }
}

fn timestamp(text: &[u8], start: usize) -> Result<Option<i64>, Fault> {
    if start == text.len() {
        return Ok(None);
    }
    let mut end = start;
    while !matches!(text.get(end), None | Some(b' ')) {
        end += 1;
    }
    let fault = (start, Reason::Timestamp);
    let token = std::str::from_utf8(&text[start..end]).map_err(|_| fault)?;
    let digits = token.strip_prefix('-').unwrap_or(token);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(fault);
    }
    let number: i64 = token.parse().map_err(|_| fault)?;
    let number = i128::from(number);
    let mut unit = 1_i128;
    while number.abs() >= 100_000_000_000 * unit && unit < 1_000_000_000 {
        unit *= 1_000;
    }
    // Rounded down, not towards zero.
    let seconds = (number - (number % unit + unit) % unit) / unit;
    let rest = behind_blanks(text, end);
    if rest < text.len() {
        return Err((rest, Reason::AfterTimestamp));
    }
    Ok(Some(i64::try_from(seconds).unwrap()))
}

fn names(key: &[u8]) -> Result<Owned, Fault> {
    if let Err(error) = std::str::from_utf8(key) {
        return Err((error.valid_up_to(), Reason::NotUtf8));
    }
    let mut at = bare(key, 0, b",");
    let metric = unescaped(&key[..at], b", ");
    if metric.is_empty() {
        return Err((0, Reason::MetricName));
    }
    let mut tags: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    while at < key.len() {
        let start = at + 1;
        let assign = bare(key, start, b",=");
        if assign == start {
            return Err((start, Reason::TagKey));
        }
        if key.get(assign) != Some(&b'=') {
            return Err((assign, Reason::TagAssignment));
        }
        at = bare(key, assign + 1, b",=");
        if at == assign + 1 || key.get(at) == Some(&b'=') {
            return Err((at, Reason::TagValue));
        }
        let name = unescaped(&key[start..assign], b",= ");
        tags.push((name, unescaped(&key[assign + 1..at], b",= ")));
    }
    let last = |names: &[&str]| {
        let named = |(name, _): &&(Vec<u8>, Vec<u8>)| names.iter().any(|n| n.as_bytes() == name);
        tags.iter().rev().find(named).map(|(_, value)| value.clone())
    };
    let element = |kind: Option<Vec<u8>>, id: Option<Vec<u8>>| {
        (kind.is_some() || id.is_some()).then(|| (kind.unwrap_or_default(), id.unwrap_or_default()))
    };
    let host = last(&["host", "hostname"]).ok_or((key.len(), Reason::NoHost))?;
    let device = element(last(&["type"]), last(&["type-id"]));
    Ok(Owned {
        metric,
        cluster: last(&["cluster"]),
        host,
        device: device.filter(|(kind, _)| kind != b"node"),
        sub_device: element(last(&["stype"]), last(&["stype-id"])),
    })
}

fn unescaped(sent: &[u8], special: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for (at, &byte) in sent.iter().enumerate() {
        let escapes = byte == b'\\' && sent.get(at + 1).is_some_and(|next| special.contains(next));
        if !escapes {
            out.push(byte);
        }
    }
    out
}
