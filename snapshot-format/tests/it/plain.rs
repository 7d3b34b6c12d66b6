//! An independent decoder: the layout as `FORMAT.md` tells it, recursive and unchecked. Also bytes
//! that were put together by hand, and trees to try.

use snapshot_format::{Level, OwnedSeries, TrailerFields, Tree};

/// A level in the order of the file, values as bits.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plain {
    pub(crate) metrics: Vec<PlainSeries>,
    pub(crate) children: Vec<(Vec<u8>, Plain)>,
}

pub(crate) type PlainSeries = (Vec<u8>, i64, i64, Vec<u32>);

/// Decodes `from`, `to` and the root level; returns what follows it too.
pub(crate) fn decode(bytes: &[u8]) -> (i64, i64, Plain, &[u8]) {
    let mut rest = bytes;
    assert_eq!(take::<4>(&mut rest), [0x01, 0x00, 0x5b, 0xcc]);
    let from = i64::from_le_bytes(take(&mut rest));
    let to = i64::from_le_bytes(take(&mut rest));
    let root = level(&mut rest);
    (from, to, root, rest)
}

fn level(rest: &mut &[u8]) -> Plain {
    let mut plain = Plain::default();
    for _ in 0..u32::from_le_bytes(take(rest)) {
        let name = name(rest);
        let frequency = i64::from_le_bytes(take(rest));
        let start = i64::from_le_bytes(take(rest));
        let count = u32::from_le_bytes(take(rest));
        let values = (0..count).map(|_| u32::from_le_bytes(take(rest))).collect();
        plain.metrics.push((name, frequency, start, values));
    }
    for _ in 0..u32::from_le_bytes(take(rest)) {
        let name = name(rest);
        plain.children.push((name, level(rest)));
    }
    plain
}

fn name(rest: &mut &[u8]) -> Vec<u8> {
    let len = u16::from_le_bytes(take(rest));
    let (name, behind) = rest.split_at(len.into());
    *rest = behind;
    name.to_vec()
}

fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    let (taken, behind) = rest.split_first_chunk().unwrap();
    *rest = behind;
    *taken
}

impl Plain {
    /// The same as maps: of equal names the last counts.
    pub(crate) fn to_level(&self) -> Level {
        let mut level = Level::default();
        for (name, frequency, start, bits) in &self.metrics {
            let values = bits.iter().map(|bits| f32::from_bits(*bits)).collect();
            let series = OwnedSeries { frequency: *frequency, start: *start, values };
            level.metrics.insert(name, series);
        }
        for (name, child) in &self.children {
            level.children.insert(name, child.to_level());
        }
        level
    }

    /// Whether every list of names ascends strictly.
    pub(crate) fn ascends(&self) -> bool {
        self.metrics.is_sorted_by(|a, b| a.0 < b.0)
            && self.children.is_sorted_by(|a, b| a.0 < b.0)
            && self.children.iter().all(|(_, child)| child.ascends())
    }
}

/// A snapshot with our trailer, its checksums computed by zlib.
///
/// The time 1,700,000,000 up to 1,700,000,120; `m` every 60 s: 1.5 and a NaN with the payload 1;
/// an empty child `é`; covered 7, written at 1,700,000,200, replaces −3.
pub(crate) const BY_HAND: [u8; 115] = *b"\
\x01\x00\x5b\xcc\x00\xf1\x53\x65\x00\x00\x00\x00\x78\xf1\x53\x65\x00\x00\x00\x00\
\x01\x00\x00\x00\x01\x00\x6d\x3c\x00\x00\x00\x00\x00\x00\x00\x00\xf1\x53\x65\x00\
\x00\x00\x00\x02\x00\x00\x00\x00\x00\xc0\x3f\x01\x00\xc0\x7f\x01\x00\x00\x00\x02\
\x00\xc3\xa9\x00\x00\x00\x00\x00\x00\x00\x00\x01\x54\x53\x4c\x20\x00\x00\x00\x07\
\x00\x00\x00\x00\x00\x00\x00\xc8\xf1\x53\x65\x00\x00\x00\x00\xfd\xff\xff\xff\xff\
\xff\xff\xff\x00\x00\x01\x00\x73\x0b\xaa\x2f\x96\x5e\xed\x93";

/// Where the trailer of [`BY_HAND`] begins.
pub(crate) const BY_HAND_TRAILER: usize = 71;

pub(crate) const BY_HAND_FIELDS: TrailerFields =
    TrailerFields { covered: 7, written_at: 1_700_000_200, replaces: -3 };

pub(crate) fn by_hand_tree() -> Tree {
    let values = vec![1.5, f32::from_bits(0x7fc0_0001)];
    let mut tree = Tree { from: 1_700_000_000, to: 1_700_000_120, ..Tree::default() };
    let series = OwnedSeries { frequency: 60, start: 1_700_000_000, values };
    tree.root.metrics.insert(b"m", series);
    tree.root.children.insert("é".as_bytes(), Level::default());
    tree
}

/// A trailer behind `levels`, with any chunk length and with unknown fields behind ours.
pub(crate) fn trailer(
    levels: &[u8],
    fields: TrailerFields,
    chunk_len: u32,
    later: &[u8],
) -> Vec<u8> {
    let mut body = Vec::new();
    body.extend(fields.covered.to_le_bytes());
    body.extend(fields.written_at.to_le_bytes());
    body.extend(fields.replaces.to_le_bytes());
    body.extend(chunk_len.to_le_bytes());
    for chunk in levels.chunks(chunk_len.max(1) as usize) {
        body.extend(crc(chunk).to_le_bytes());
    }
    body.extend(later);
    let mut trailer = 0x4C53_5401_u32.to_le_bytes().to_vec();
    trailer.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
    trailer.extend(body);
    let sum = crc(&trailer);
    trailer.extend(sum.to_le_bytes());
    trailer
}

/// CRC-32 as the standard has it, bit by bit.
fn crc(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

/// A host with `series` series of `values` values in the root and in two nested devices.
pub(crate) fn host(series: usize, values: u16) -> Tree {
    let level = |seed: usize| {
        let mut level = Level::default();
        for index in 0..series {
            let values = (0..values).map(|i| f32::from(i) + 0.25).collect();
            let name = format!("metric{:03}", seed * 100 + index).into_bytes();
            level.metrics.insert(&name, OwnedSeries { frequency: 60, start: 600, values });
        }
        level
    };
    let mut socket = level(1);
    socket.children.insert(b"core3", level(2));
    let mut root = level(0);
    root.children.insert(b"socket0", socket);
    Tree { from: 600, to: 600 + 60 * i64::from(values), root }
}
