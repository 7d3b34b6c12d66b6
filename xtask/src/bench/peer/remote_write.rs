//! Prometheus' remote write: Protobuf in the block format of Snappy, of which literals are enough.

use std::time::Instant;

use anyhow::{Context, Result};

use super::super::http::post_all;
use super::super::serve::{Load, Posted};

const HEADERS: &str = "Content-Encoding: snappy\r\nContent-Type: application/x-protobuf\r\n\
                       X-Prometheus-Remote-Write-Version: 0.1.0\r\n";

/// Sends everything; that it is encoded before costs the client, and Snappy's work the server less.
pub(super) fn send(load: &Load, address: &str) -> Result<Posted> {
    let bodies: Vec<Vec<u8>> = load.bodies().map(body).collect::<Result<_>>()?;
    let bodies: Vec<&[u8]> = bodies.iter().map(Vec::as_slice).collect();
    let began = Instant::now();
    let waited_ms = post_all(address, "/api/v1/write", HEADERS, &bodies)?;
    let wall_seconds = began.elapsed().as_secs_f64();
    Ok(Posted { wall_seconds, lines: load.lines()?, waited_ms })
}

/// A request of these lines.
fn body(lines: &[u8]) -> Result<Vec<u8>> {
    let mut request = Vec::new();
    for line in str::from_utf8(lines)?.lines() {
        let series = series(line).with_context(|| format!("no sample: {line}"))?;
        field(&mut request, 1, &series);
    }
    Ok(snappy(&request))
}

/// A `TimeSeries` of one sample; labels are sorted by name.
fn series(line: &str) -> Option<Vec<u8>> {
    let mut words = line.split(' ');
    let (key, value, time) = (words.next()?, words.next()?, words.next()?);
    let value: f64 = value.strip_prefix("value=")?.trim_end_matches('i').parse().ok()?;
    let milliseconds = time.parse::<u64>().ok()?.checked_mul(1000)?;
    let mut parts = key.split(',');
    let mut labels = vec![("__name__".to_owned(), parts.next()?)];
    for tag in parts {
        let (name, value) = tag.split_once('=')?;
        labels.push((name.replace('-', "_"), value));
    }
    labels.sort();
    let mut series = Vec::new();
    for (name, value) in labels {
        let mut label = Vec::new();
        field(&mut label, 1, name.as_bytes());
        field(&mut label, 2, value.as_bytes());
        field(&mut series, 1, &label);
    }
    let mut sample = vec![1 << 3 | 1];
    sample.extend_from_slice(&value.to_le_bytes());
    sample.push(2 << 3);
    varint(&mut sample, milliseconds);
    field(&mut series, 2, &sample);
    Some(series)
}

/// A field with a length.
fn field(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    out.push(number << 3 | 2);
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// The block format: the length, then literals of at most 64 KiB.
fn snappy(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 65_536 * 3 + 16);
    varint(&mut out, bytes.len() as u64);
    for literal in bytes.chunks(1 << 16) {
        // A literal whose length, less one, stands in the next two bytes.
        let length = u16::try_from(literal.len() - 1).unwrap_or(u16::MAX);
        out.push(61 << 2);
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(literal);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_becomes_a_series_with_sorted_labels() {
        let bytes = series("m,type-id=3,cluster=c value=1.5 2").unwrap();
        let expected = [
            b"\x0a\x0d\x0a\x08__name__\x12\x01m".as_slice(),
            b"\x0a\x0c\x0a\x07cluster\x12\x01c",
            b"\x0a\x0c\x0a\x07type_id\x12\x013",
            b"\x12\x0c\x09\0\0\0\0\0\0\xf8\x3f\x10\xd0\x0f",
        ];
        assert_eq!(bytes, expected.concat());
        assert_eq!(series("m,cluster=c value=fast 2"), None);
    }

    #[test]
    fn snappy_is_the_length_and_literals() {
        assert_eq!(snappy(b"abc"), b"\x03\xf4\x02\x00abc");
        let long = snappy(&vec![7; 65_537]);
        assert_eq!(long[..6], [0x81, 0x80, 0x04, 0xf4, 0xff, 0xff]);
        assert_eq!(long[6 + 65_536..], [0xf4, 0, 0, 7]);
    }
}
