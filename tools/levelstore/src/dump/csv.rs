//! CSV as RFC 4180 has it, but for the line ends: LF.

use super::{Sample, Series};
use anyhow::{Context, Result};
use std::io::Write;

pub(super) const HEADER: &[u8] = b"cluster,hostname,path,metric,timestamp,frequency,value,bits\n";

pub(super) fn write(series: &Series<'_>, out: &mut impl Write) -> Result<()> {
    let mut line = Vec::new();
    let names = [series.cluster.as_bytes(), series.host.as_bytes(), &joined(series.path)];
    for name in names.into_iter().chain([series.metric]) {
        let name = str::from_utf8(name).with_context(|| {
            format!("{}: a name is no UTF-8: CSV cannot say it, --format jsonl can", series.place())
        })?;
        push_field(name, &mut line);
    }
    let names = line.len();
    let mut integer = itoa::Buffer::new();
    for &Sample { time, frequency, value } in series.samples {
        line.truncate(names);
        line.extend_from_slice(integer.format(time).as_bytes());
        line.push(b',');
        if let Some(frequency) = frequency {
            line.extend_from_slice(integer.format(frequency.get()).as_bytes());
        }
        line.push(b',');
        // `inf` and `-inf` among them.
        line.extend_from_slice(zmij::Buffer::new().format(value).as_bytes());
        line.push(b',');
        line.extend_from_slice(integer.format(value.to_bits()).as_bytes());
        line.push(b'\n');
        out.write_all(&line)?;
    }
    Ok(())
}

/// Elements joined by `/`, as in the archive: inside of one `/` is `\/`, `\` is `\\`, and an empty
/// one is `\e`, so that different paths are different texts.
fn joined(path: &[&[u8]]) -> Vec<u8> {
    let mut joined = Vec::new();
    for (level, name) in path.iter().enumerate() {
        if level > 0 {
            joined.push(b'/');
        }
        if name.is_empty() {
            joined.extend_from_slice(b"\\e");
        }
        for &byte in *name {
            if matches!(byte, b'/' | b'\\') {
                joined.push(b'\\');
            }
            joined.push(byte);
        }
    }
    joined
}

/// A field and the comma behind it; quoted where it would be read as something else.
fn push_field(field: &str, line: &mut Vec<u8>) {
    if field.contains(['"', ',', '\n', '\r']) {
        line.push(b'"');
        line.extend_from_slice(field.replace('"', "\"\"").as_bytes());
        line.push(b'"');
    } else {
        line.extend_from_slice(field.as_bytes());
    }
    line.push(b',');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_paths_are_different_texts_and_fields_stay_apart() {
        for (path, text) in [
            (&[][..], ""),
            (&[&b""[..]], "\\e"),
            (&[b"", b""], "\\e/\\e"),
            (&[b"a/b"], "a\\/b"),
            (&[b"a", b"b"], "a/b"),
            (&[b"\\e"], "\\\\e"),
        ] {
            assert_eq!(joined(path), text.as_bytes());
        }
        let mut line = Vec::new();
        for field in ["a", "b,c", "d\"e\n"] {
            push_field(field, &mut line);
        }
        assert_eq!(line, b"a,\"b,c\",\"d\"\"e\n\",");
    }
}
