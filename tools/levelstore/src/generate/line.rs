//! Lines as bytes: keys laid out once for all hosts, and numbers formatted without detours.
//!
//! A line is written into a window of fixed size, so that copies have lengths the compiler knows:
//! each part is copied with whatever bytes stand behind it, and the next part is laid over those.

use super::metrics::{Devices, HOST, Ids, Metric};
use super::series::Number;
use std::io::{self, Write};

const KEY_MAX: usize = 128;
/// Longer than any line: a key, a number of at most 24 bytes, a time.
const LINE_MAX: usize = 192;
/// Handed to the system at once; small enough to stay in a core's own cache.
const CHUNK: usize = 256 << 10;

const HOST_NAME_LEN: usize = 6;

/// `n00042`: of one length for all hosts, which keeps the layout of the keys.
pub(super) type HostName = [u8; HOST_NAME_LEN];

/// The most hosts there can be: each needs a name.
pub(super) const HOSTS_MAX: u32 = 99_999;

pub(super) const CLUSTER_MAX: usize = 32;

/// The host's name, counted from 1.
pub(super) fn host_name(host: u32) -> HostName {
    let mut name = *b"n00000";
    let mut rest = host + 1;
    for digit in name[1..].iter_mut().rev() {
        *digit = ascii_digit(rest);
        rest /= 10;
    }
    name
}

fn ascii_digit(number: u32) -> u8 {
    b"0123456789"[(number % 10) as usize]
}

/// All of a line in front of the value, for any host: `metric,cluster=…,hostname=……,type=… value=`.
#[derive(Clone, Debug)]
pub(super) struct Key {
    bytes: [u8; KEY_MAX],
    len: u8,
    host_at: u8,
}

impl Key {
    fn new(metric: &str, cluster: &str, device: &str) -> io::Result<Self> {
        let before = format!("{metric},cluster={cluster},hostname=");
        let text = format!("{before}n00000{device} value=");
        let too_long = || io::Error::other(format!("key longer than {KEY_MAX} bytes: {text}"));
        let mut bytes = [0; KEY_MAX];
        bytes.get_mut(..text.len()).ok_or_else(too_long)?.copy_from_slice(text.as_bytes());
        let fit = |len: usize| u8::try_from(len).map_err(|_| too_long());
        Ok(Self { bytes, len: fit(text.len())?, host_at: fit(before.len())? })
    }
}

/// The keys of a host's series with their metrics, in the order in which they are sent: metric by
/// metric, as collectors do.
pub(super) fn keys(cluster: &str) -> io::Result<Vec<(Key, &'static Metric)>> {
    let mut keys = Vec::new();
    for devices in &HOST {
        for metric in devices.metrics {
            for tags in tags(devices) {
                keys.push((Key::new(metric.name, cluster, &tags)?, metric));
            }
        }
    }
    Ok(keys)
}

fn tags(Devices { kind, ids, .. }: &Devices) -> Vec<String> {
    match ids {
        Ids::None => vec![format!(",type={kind}")],
        Ids::Numbers(count) => (0..*count).map(|id| format!(",type={kind},type-id={id}")).collect(),
        Ids::Addresses(addresses) => {
            addresses.iter().map(|id| format!(",type={kind},type-id={id}")).collect()
        }
    }
}

/// The end of a line: a blank, the time, the line feed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Time {
    bytes: [u8; 16],
    len: usize,
}

impl Time {
    /// Unix seconds below 10¹⁰, in which form no reader takes them for milliseconds.
    pub(super) fn new(seconds: u64) -> Self {
        let mut line = [b' '; LINE_MAX];
        let end = put_integer(&mut line, 1, seconds);
        line[end] = b'\n';
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&line[..16]);
        Self { bytes, len: end + 1 }
    }
}

/// Writes lines in large chunks.
#[derive(Debug)]
pub(super) struct Lines<W> {
    out: W,
    chunk: Box<[u8]>,
    used: usize,
    pub(super) count: u64,
    pub(super) bytes: u64,
}

impl<W: Write> Lines<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, chunk: vec![0; CHUNK].into(), used: 0, count: 0, bytes: 0 }
    }

    #[inline]
    pub(super) fn line(
        &mut self,
        key: &Key,
        host: HostName,
        number: Number,
        time: &Time,
    ) -> io::Result<()> {
        if self.used > CHUNK - LINE_MAX {
            self.flush()?;
        }
        let Some(line) = self.chunk[self.used..].first_chunk_mut::<LINE_MAX>() else {
            return Err(io::Error::other("no room for a line"));
        };
        line[..KEY_MAX].copy_from_slice(&key.bytes);
        line[key.host_at.into()..][..HOST_NAME_LEN].copy_from_slice(&host);
        let end = put_number(line, key.len.into(), number);
        line[end..][..16].copy_from_slice(&time.bytes);
        self.used += end + time.len;
        self.count += 1;
        Ok(())
    }

    /// Hands everything on.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.write_all(&self.chunk[..self.used])?;
        self.bytes += self.used as u64;
        self.used = 0;
        Ok(())
    }
}

/// Puts the number at a place of the line, and returns where it ends.
#[inline]
fn put_number(line: &mut [u8; LINE_MAX], at: usize, number: Number) -> usize {
    match number {
        Number::Hundredths(value) => {
            let end = put_integer(line, at, value / 100);
            let (bytes, len) = FRACTIONS[(value % 100) as usize];
            line[end..][..3].copy_from_slice(&bytes);
            end + usize::from(len)
        }
        Number::Integer(value) => put_integer(line, at, value),
        Number::SignedInteger(value) => {
            let end = put_integer(line, at, value);
            line[end] = b'i';
            end + 1
        }
        Number::Single(value) => put_text(line, at, zmij::Buffer::new().format(value)),
        Number::Double(value) => put_text(line, at, zmij::Buffer::new().format(value)),
    }
}

fn put_text(line: &mut [u8; LINE_MAX], at: usize, text: &str) -> usize {
    line[at..][..text.len()].copy_from_slice(text.as_bytes());
    at + text.len()
}

#[inline]
fn put_integer(line: &mut [u8; LINE_MAX], at: usize, value: u64) -> usize {
    if value >= 10_000 {
        return put_long_integer(line, at, value);
    }
    let zeros = u32::from(value < 1000) + u32::from(value < 100) + u32::from(value < 10);
    let digits = u32::from_le_bytes(four_digits(value)) >> (8 * zeros);
    line[at..][..4].copy_from_slice(&digits.to_le_bytes());
    at + 4 - zeros as usize
}

/// Four digits at a time, from the last.
fn put_long_integer(line: &mut [u8; LINE_MAX], at: usize, value: u64) -> usize {
    let (mut low, mut groups) = (value, 0);
    while low >= 10_000 {
        low /= 10_000;
        groups += 1;
    }
    let begin = put_integer(line, at, low);
    let mut rest = value;
    for group in (0..groups).rev() {
        line[begin + 4 * group..][..4].copy_from_slice(&four_digits(rest % 10_000));
        rest /= 10_000;
    }
    begin + 4 * groups
}

#[inline]
fn four_digits(value: u64) -> [u8; 4] {
    let (high, low) = (PAIRS[(value / 100) as usize], PAIRS[(value % 100) as usize]);
    [high[0], high[1], low[0], low[1]]
}

/// `00` to `99`.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut at: u8 = 0;
    while at < 100 {
        pairs[at as usize] = [b'0' + at / 10, b'0' + at % 10];
        at += 1;
    }
    pairs
};

/// What stands behind the integer part, for each number of hundredths, and how much of it is needed:
/// collectors send `7`, `7.5`, `7.25`.
const FRACTIONS: [([u8; 3], u8); 100] = {
    let mut fractions = [([b'.', b'0', b'0'], 0); 100];
    let mut at = 1;
    while at < 100 {
        let len = if at % 10 == 0 { 2 } else { 3 };
        fractions[at] = ([b'.', PAIRS[at][0], PAIRS[at][1]], len);
        at += 1;
    }
    fractions
};

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(number: Number) -> String {
        let mut line = [b'#'; LINE_MAX];
        let end = put_number(&mut line, 7, number);
        assert_eq!(&line[..7], b"#######");
        String::from_utf8(line[7..end].to_vec()).unwrap()
    }

    #[test]
    fn numbers_are_the_shortest_decimals() {
        for value in (0..2_000_000).chain((0..64).map(|bit| 1 << bit)) {
            assert_eq!(shown(Number::Integer(value)), value.to_string());
            let expected = format!("{}.{:02}", value / 100, value % 100);
            let expected = expected.trim_end_matches('0').trim_end_matches('.');
            assert_eq!(shown(Number::Hundredths(value)), expected);
        }
        assert_eq!(shown(Number::Integer(u64::MAX)), "18446744073709551615");
        assert_eq!(shown(Number::Hundredths(u64::MAX)), "184467440737095516.15");
        assert_eq!(shown(Number::SignedInteger(100_000)), "100000i");
        assert_eq!(shown(Number::Single(0.1)), "0.1");
        assert_eq!(shown(Number::Double(0.1 + 0.2)), "0.30000000000000004");
        assert_eq!(shown(Number::Double(-f64::MAX)).len(), 24);
    }

    #[test]
    fn times_have_up_to_ten_digits() {
        for (seconds, expected) in
            [(0, " 0\n"), (1_700_000_000, " 1700000000\n"), (9_999_999_999, " 9999999999\n")]
        {
            let time = Time::new(seconds);
            assert_eq!(&time.bytes[..time.len], expected.as_bytes());
        }
    }

    #[test]
    fn keys_of_the_longest_cluster_fit() {
        assert_eq!(keys(&"c".repeat(CLUSTER_MAX)).unwrap().len(), 632);
        assert!(keys(&"c".repeat(KEY_MAX)).is_err());
        assert_eq!((host_name(0), host_name(HOSTS_MAX - 1)), (*b"n00001", *b"n99999"));
    }

    #[test]
    fn a_line_leaves_nothing_of_the_one_before() {
        let keys = keys("c").unwrap();
        let mut bytes = Vec::new();
        let mut lines = Lines::new(&mut bytes);
        let (long, short) = (&keys[631].0, &keys[0].0);
        lines.line(long, *b"n00007", Number::Double(0.1 + 0.2), &Time::new(17)).unwrap();
        lines.line(short, *b"n00001", Number::Hundredths(50), &Time::new(1_700_000_000)).unwrap();
        lines.flush().unwrap();
        assert_eq!((lines.count, lines.bytes), (2, bytes.len() as u64));
        let expected = "acc_pcie_bytes,cluster=c,hostname=n00007,type=accelerator,\
            type-id=00000000:c9:00.0 value=0.30000000000000004 17\n\
            cpu_load,cluster=c,hostname=n00001,type=node value=0.5 1700000000\n";
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    }
}
