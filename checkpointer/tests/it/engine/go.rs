//! Files as the Go store leaves them, byte by byte from the description of its formats.

use wal_format::{NamesBuf, Record, SegmentWriter};

use super::seen::{SERIES, as_value};

/// Metric, frequency, start and values of a series.
pub(crate) type GoSeries<'a> = (&'a str, i64, i64, &'a [f32]);

/// A level: its series, and its children.
pub(crate) struct GoLevel<'a> {
    pub(crate) series: Vec<GoSeries<'a>>,
    pub(crate) children: Vec<(&'a str, GoLevel<'a>)>,
}

/// A binary snapshot without a trailer.
pub(crate) fn go_bin(from: i64, to: i64, root: &GoLevel<'_>) -> Vec<u8> {
    let mut bytes = 0xCC5B_0001_u32.to_le_bytes().to_vec();
    bytes.extend(from.to_le_bytes());
    bytes.extend(to.to_le_bytes());
    push_level(&mut bytes, root);
    bytes
}

fn push_level(bytes: &mut Vec<u8>, level: &GoLevel<'_>) {
    push_count(bytes, level.series.len());
    for (metric, frequency, start, values) in &level.series {
        push_name(bytes, metric);
        bytes.extend(frequency.to_le_bytes());
        bytes.extend(start.to_le_bytes());
        push_count(bytes, values.len());
        bytes.extend(values.iter().flat_map(|value| value.to_bits().to_le_bytes()));
    }
    push_count(bytes, level.children.len());
    for (name, child) in &level.children {
        push_name(bytes, name);
        push_level(bytes, child);
    }
}

fn push_count(bytes: &mut Vec<u8>, count: usize) {
    bytes.extend(u32::try_from(count).unwrap().to_le_bytes());
}

fn push_name(bytes: &mut Vec<u8>, name: &str) {
    bytes.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
    bytes.extend(name.as_bytes());
}

/// A `current.wal`: series, arrival time and value of each record.
pub(crate) fn go_wal(records: &[(usize, i64, u32)]) -> Vec<u8> {
    let mut writer = SegmentWriter::new(Vec::new()).unwrap();
    for &(series, timestamp, number) in records {
        let (metric, path) = SERIES[series];
        let names = NamesBuf::new(metric, path).unwrap();
        let value = as_value(number);
        writer
            .write(&Record { names: names.as_names(), timestamp, value, frequency: None })
            .unwrap();
    }
    writer.into_inner()
}
