//! What was said about each line of a body, in a form that the crate and the reference share.

use line_protocol::{Category, Element, Fed, Field, Line, Lines, Malformed, Names, Reason, Stream};

/// Names that own their bytes: metric, cluster, host, device, sub-device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owned {
    pub(crate) metric: Vec<u8>,
    pub(crate) cluster: Option<Vec<u8>>,
    pub(crate) host: Vec<u8>,
    pub(crate) device: Option<(Vec<u8>, Vec<u8>)>,
    pub(crate) sub_device: Option<(Vec<u8>, Vec<u8>)>,
}

/// A fault: line, column, reason.
pub(crate) type Refused = (u64, usize, Reason);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Sample {
        number: u64,
        key: Vec<u8>,
        bits: u32,
        timestamp: Option<i64>,
        names: Result<Owned, Refused>,
    },
    Message {
        number: u64,
        category: Category,
        timestamp: Option<i64>,
    },
    Refused(Refused),
}

fn refused(malformed: Malformed) -> Refused {
    (malformed.line, malformed.column, malformed.reason)
}

fn owned(names: &Names<'_>) -> Owned {
    let element = |element: Element<'_>| (element.kind.to_vec(), element.id.to_vec());
    Owned {
        metric: names.metric.to_vec(),
        cluster: names.cluster.map(<[u8]>::to_vec),
        host: names.host.to_vec(),
        device: names.device.map(element),
        sub_device: names.sub_device.map(element),
    }
}

fn said(line: Result<Line<'_>, Malformed>) -> Said {
    let line = match line {
        Ok(line) => line,
        Err(malformed) => return Said::Refused(refused(malformed)),
    };
    let (number, timestamp) = (line.number, line.timestamp);
    match line.field {
        Field::Message(category) => Said::Message { number, category, timestamp },
        Field::Value(value) => {
            // What was there before must not show.
            let mut scratch = b"left over".to_vec();
            let names = line.names(&mut scratch).map(|names| owned(&names)).map_err(refused);
            let key = line.key.as_bytes().to_vec();
            Said::Sample { number, key, bits: value.to_bits(), timestamp, names }
        }
    }
}

/// The body, read as a whole.
pub(crate) fn whole(body: &[u8]) -> Vec<Said> {
    Lines::new(body).map(said).collect()
}

/// The body, read in these chunks.
pub(crate) fn chunked<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<Said> {
    let mut stream = Stream::new();
    let mut all = Vec::new();
    let mut take = |fed: Fed<'_>| all.extend(fed.map(said));
    for chunk in chunks {
        take(stream.feed(chunk));
    }
    take(stream.finish());
    all
}

/// The body, each line expected to have the key of the line before.
pub(crate) fn predicted(body: &[u8]) -> Vec<Said> {
    let mut lines = Lines::new(body);
    let mut expected = Vec::new();
    let mut all = Vec::new();
    while let Some(line) = lines.next_expecting(&expected) {
        if let Ok(line) = line {
            expected = line.key.as_bytes().to_vec();
        }
        all.push(said(line));
    }
    all
}
