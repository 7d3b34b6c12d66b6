//! Lines from names, value and time: escaped, and with the shortest number that reads back.

use crate::key::{MEASUREMENT, TAG};
use crate::line::LINE_LEN_MAX;
use crate::names::{Element, NODE, Names};
use crate::time;
use core::fmt::Display;
use std::io::Write;

/// Which part of a line cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unwritable {
    /// A name has no bytes.
    #[error("name is empty")]
    Empty,
    /// A name holds a newline, which ends a line whatever stands before it.
    #[error("name holds a newline")]
    Newline,
    /// A name is not UTF-8.
    #[error("name is not UTF-8")]
    NotUtf8,
    /// A name ends in a backslash, which would escape what follows it.
    #[error("name ends in a backslash")]
    Backslash,
    /// The metric begins with `#`, which would make the line a comment.
    #[error("metric begins with '#'")]
    Comment,
    /// A device of the type `node`, which would be read as the host itself.
    #[error("device of the type 'node' is the host itself")]
    Node,
    /// The value is infinite or no number.
    #[error("value is not finite")]
    Value,
    /// So many seconds would be taken for milliseconds.
    #[error("seconds would be read as another unit")]
    Timestamp,
    /// The line would have more than [`LINE_LEN_MAX`] bytes.
    #[error("line is longer than a reader takes")]
    TooLong,
}

/// Appends a line; nothing, if it cannot be written so that it reads back the same.
///
/// ```
/// use line_protocol::{Element, Names, write_line};
///
/// let names = Names {
///     metric: b"load",
///     cluster: Some(b"my cluster"),
///     host: b"h1",
///     device: Some(Element::from_name(b"socket0")),
///     sub_device: None,
/// };
/// let mut out = Vec::new();
/// write_line(&names, 0.1, Some(1_700_000_000), &mut out)?;
/// let expected = br"load,cluster=my\ cluster,hostname=h1,type=socket,type-id=0 value=0.1 1700000000";
/// assert_eq!(out.strip_suffix(b"\n"), Some(&expected[..]));
/// # Ok::<(), line_protocol::Unwritable>(())
/// ```
///
/// # Errors
///
/// [`Unwritable`] says what does not fit the protocol.
pub fn write_line(
    names: &Names<'_>,
    value: f32,
    timestamp: Option<i64>,
    out: &mut Vec<u8>,
) -> Result<(), Unwritable> {
    whole(out, |out| {
        let start = out.len();
        write_key(names, out)?;
        write_sample(value, timestamp, out)?;
        // With its newline.
        if out.len() - start > LINE_LEN_MAX + 1 { Err(Unwritable::TooLong) } else { Ok(()) }
    })
}

/// Appends the key of a line, or nothing. A key of one series can be kept, and [`write_sample`] can
/// follow it as often as there are samples.
///
/// ```
/// use line_protocol::{Names, write_key};
///
/// let names = Names { metric: b"a=b,c", cluster: None, host: b"h", device: None, sub_device: None };
/// let mut out = Vec::new();
/// write_key(&names, &mut out)?;
/// assert_eq!(out, br"a=b\,c,hostname=h");
/// # Ok::<(), line_protocol::Unwritable>(())
/// ```
///
/// # Errors
///
/// [`Unwritable`] if a name does not fit the protocol, or a line with any value would be too long.
pub fn write_key(names: &Names<'_>, out: &mut Vec<u8>) -> Result<(), Unwritable> {
    whole(out, |out| {
        let start = out.len();
        if names.metric.starts_with(b"#") {
            return Err(Unwritable::Comment);
        }
        name(names.metric, MEASUREMENT, out)?;
        if let Some(cluster) = names.cluster {
            tag("cluster", cluster, out)?;
        }
        tag("hostname", names.host, out)?;
        if let Some(device) = names.device {
            if device.kind == NODE {
                return Err(Unwritable::Node);
            }
            element("type", "type-id", device, out)?;
        }
        if let Some(part) = names.sub_device {
            element("stype", "stype-id", part, out)?;
        }
        if out.len() - start > LINE_LEN_MAX - SAMPLE_LEN_MAX {
            return Err(Unwritable::TooLong);
        }
        Ok(())
    })
}

/// What [`write_sample`] appends at most, without the newline.
const SAMPLE_LEN_MAX: usize = " value=-0.0000123456789 -99999999999".len();

/// Appends what follows a key: the value, the time in seconds, a newline. Or nothing.
///
/// ```
/// use line_protocol::write_sample;
///
/// let mut out = b"load,hostname=h".to_vec();
/// write_sample(1e-30, None, &mut out)?;
/// assert_eq!(out, b"load,hostname=h value=1e-30\n");
/// # Ok::<(), line_protocol::Unwritable>(())
/// ```
///
/// # Errors
///
/// [`Unwritable::Value`] and [`Unwritable::Timestamp`].
pub fn write_sample(
    value: f32,
    timestamp: Option<i64>,
    out: &mut Vec<u8>,
) -> Result<(), Unwritable> {
    if !value.is_finite() {
        return Err(Unwritable::Value);
    }
    if timestamp.is_some_and(|seconds| !time::is_seconds(seconds)) {
        return Err(Unwritable::Timestamp);
    }
    out.extend_from_slice(b" value=");
    // Both forms have the fewest digits that read back the same; the exponent saves writing zeros.
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-5..1e10).contains(&magnitude) {
        print(format_args!("{value:e}"), out);
    } else {
        print(value, out);
    }
    if let Some(seconds) = timestamp {
        out.push(b' ');
        print(seconds, out);
    }
    out.push(b'\n');
    Ok(())
}

/// Leaves `out` as it was if `append` fails.
fn whole(
    out: &mut Vec<u8>,
    append: impl FnOnce(&mut Vec<u8>) -> Result<(), Unwritable>,
) -> Result<(), Unwritable> {
    let before = out.len();
    append(out).inspect_err(|_| out.truncate(before))
}

fn print(number: impl Display, out: &mut Vec<u8>) {
    // A vector takes all that is written to it.
    let _ = write!(out, "{number}");
}

fn element(
    kind: &str,
    id: &str,
    element: Element<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Unwritable> {
    if element.is_empty() {
        return Err(Unwritable::Empty);
    }
    for (key, part) in [(kind, element.kind), (id, element.id)] {
        if !part.is_empty() {
            tag(key, part, out)?;
        }
    }
    Ok(())
}

fn tag(key: &str, value: &[u8], out: &mut Vec<u8>) -> Result<(), Unwritable> {
    out.push(b',');
    out.extend_from_slice(key.as_bytes());
    out.push(b'=');
    name(value, TAG, out)
}

fn name(name: &[u8], special: &[u8], out: &mut Vec<u8>) -> Result<(), Unwritable> {
    match name {
        [] => return Err(Unwritable::Empty),
        [.., b'\\'] => return Err(Unwritable::Backslash),
        _ if name.contains(&b'\n') => return Err(Unwritable::Newline),
        _ if core::str::from_utf8(name).is_err() => return Err(Unwritable::NotUtf8),
        _ => {}
    }
    for &byte in name {
        if special.contains(&byte) {
            out.push(b'\\');
        }
        out.push(byte);
    }
    Ok(())
}
