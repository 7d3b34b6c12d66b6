//! The key of a line: `metric,tags` as sent.
//!
//! The same bytes come again every interval, so a caller can compare or hash them as they are and
//! take them apart but once.

use crate::names::{Element, NODE, Names};
use crate::reason::{Fault, Reason};
use crate::scan::{Separators, token_len};
use memchr::{memchr, memchr2};

/// The bytes of a line up to the first blank that is not escaped, not looked into yet.
///
/// Invariant: at least one byte, no newline, no blank but behind a backslash, no backslash at the
/// end; does not begin with `#` or a blank.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key<'a> {
    bytes: &'a [u8],
}

impl<'a> Key<'a> {
    /// The key that these bytes are, if a line could have it.
    ///
    /// ```
    /// use line_protocol::Key;
    ///
    /// assert!(Key::from_bytes(br"load,hostname=my\ host").is_some());
    /// assert!(Key::from_bytes(b"load,hostname=my host").is_none());
    /// ```
    #[must_use]
    pub fn from_bytes(bytes: &'a [u8]) -> Option<Self> {
        let clean = !matches!(bytes, [] | [b'#' | b' ', ..] | [.., b'\\']);
        (clean && key_len(bytes) == bytes.len()).then_some(Self { bytes })
    }

    /// The key that was found in a line.
    pub(crate) fn found(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The bytes as sent.
    ///
    /// ```
    /// let mut lines = line_protocol::Lines::new(b"load,host=h value=1\n");
    /// assert_eq!(lines.next().unwrap()?.key.as_bytes(), b"load,host=h");
    /// # Ok::<(), line_protocol::Malformed>(())
    /// ```
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Takes the key apart. Names without escapes are borrowed from the key; the others are
    /// unescaped into `scratch`, whose content is replaced then.
    ///
    /// ```
    /// use line_protocol::Key;
    ///
    /// let key = Key::from_bytes(br"load,cluster=c,hostname=h,unit=%,type=my\ core,type-id=1").unwrap();
    /// let mut scratch = Vec::new();
    /// let names = key.parse(&mut scratch)?;
    /// assert_eq!(names.metric, b"load");
    /// assert_eq!((names.cluster, names.host), (Some(&b"c"[..]), &b"h"[..]));
    /// assert_eq!(names.device.unwrap().kind, b"my core");
    /// # Ok::<(), line_protocol::Fault>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A [`Fault`] whose offset counts from the start of the key: one of the reasons from
    /// [`Reason::NotUtf8`] to [`Reason::NoHost`].
    #[inline]
    pub fn parse<'s>(&self, scratch: &'s mut Vec<u8>) -> Result<Names<'s>, Fault>
    where
        'a: 's,
    {
        let mut parts = Parts::default();
        if parts.fill_usual(self.bytes).is_some() {
            return Ok(parts.names());
        }
        self.parse_unusual(scratch)
    }

    #[inline(never)]
    fn parse_unusual<'s>(&self, scratch: &'s mut Vec<u8>) -> Result<Names<'s>, Fault>
    where
        'a: 's,
    {
        core::str::from_utf8(self.bytes)
            .map_err(|error| Fault::at(error.valid_up_to(), Reason::NotUtf8))?;
        let parts = Parts::parse(self.bytes)?;
        if memchr(b'\\', self.bytes).is_some() {
            return Ok(parts.unescaped(scratch).names());
        }
        Ok(parts.names())
    }
}

impl core::fmt::Debug for Key<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Key(\"{}\")", self.bytes.escape_ascii())
    }
}

/// Bytes up to the first blank that is not escaped, or to the newline, or all.
pub(crate) fn key_len(bytes: &[u8]) -> usize {
    let mut from = 0;
    while let Some(found) = bytes.get(from..).and_then(|rest| memchr2(b' ', b'\n', rest)) {
        let at = from + found;
        let escaped = at > 0 && bytes.get(at - 1) == Some(&b'\\');
        if !escaped || bytes.get(at) == Some(&b'\n') {
            return at;
        }
        from = at + 1;
    }
    bytes.len()
}

/// The metric and the tags that count; empty ones are not there.
#[derive(Clone, Copy, Default)]
struct Parts<'a> {
    metric: &'a [u8],
    cluster: &'a [u8],
    host: &'a [u8],
    kind: &'a [u8],
    id: &'a [u8],
    sub_kind: &'a [u8],
    sub_id: &'a [u8],
}

impl<'a> Parts<'a> {
    /// Takes the parts from a key in which all is well, nothing is escaped, and everything is
    /// ASCII. `None` says nothing about others. In place: moving so many parts takes as long as
    /// finding them.
    #[inline]
    fn fill_usual(&mut self, key: &'a [u8]) -> Option<()> {
        let mut separators = Separators::of(key)?;
        let mut end = separators.next_or_end()?;
        self.metric = key.get(..end)?;
        while end < key.len() {
            let assign = separators.next_or_end()?;
            let [b',', name @ ..] = key.get(end..assign)? else { return None };
            end = separators.next_or_end()?;
            let [b'=', value @ ..] = key.get(assign..end)? else { return None };
            if name.is_empty() || value.is_empty() {
                return None;
            }
            self.set(name, value);
        }
        (!self.metric.is_empty() && !self.host.is_empty()).then_some(())
    }

    /// The parts as sent, of any key.
    fn parse(key: &'a [u8]) -> Result<Self, Fault> {
        let mut rest = Rest { key, at: 0 };
        let mut parts = Self { metric: rest.token(b","), ..Self::default() };
        if parts.metric.is_empty() {
            return Err(Fault::at(0, Reason::MetricName));
        }
        while rest.next_is(b',') {
            let (name, value) = rest.tag()?;
            parts.set(name, value);
        }
        if parts.host.is_empty() {
            return Err(Fault::at(key.len(), Reason::NoHost));
        }
        Ok(parts)
    }

    /// Keeps the value of a tag, if it counts; of several the last, as the Go store does. Names
    /// are compared as sent: none that counts can be written with escapes.
    #[inline]
    fn set(&mut self, name: &[u8], value: &'a [u8]) {
        match name.len() {
            4 if name == b"type" => self.kind = value,
            4 if name == b"host" => self.host = value,
            5 if name == b"stype" => self.sub_kind = value,
            7 if name == b"cluster" => self.cluster = value,
            7 if name == b"type-id" => self.id = value,
            8 if name == b"hostname" => self.host = value,
            8 if name == b"stype-id" => self.sub_id = value,
            _ => {}
        }
    }

    /// The same parts, those with escapes in `scratch`.
    fn unescaped<'s>(self, scratch: &'s mut Vec<u8>) -> Parts<'s>
    where
        'a: 's,
    {
        scratch.clear();
        let all = [
            (self.metric, MEASUREMENT),
            (self.cluster, TAG),
            (self.host, TAG),
            (self.kind, TAG),
            (self.id, TAG),
            (self.sub_kind, TAG),
            (self.sub_id, TAG),
        ];
        let places = all.map(|(sent, special)| {
            let start = scratch.len();
            unescape(sent, special, scratch);
            (sent, start..scratch.len())
        });
        let scratch: &'s [u8] = scratch;
        let [metric, cluster, host, kind, id, sub_kind, sub_id] = places.map(|(sent, place)| {
            // What is as long as it was sent had no escapes.
            if place.len() == sent.len() { sent } else { scratch.get(place).unwrap_or(sent) }
        });
        Parts { metric, cluster, host, kind, id, sub_kind, sub_id }
    }

    #[inline]
    fn names(&self) -> Names<'a> {
        let element = |kind: &'a [u8], id: &'a [u8]| {
            (!kind.is_empty() || !id.is_empty()).then_some(Element { kind, id })
        };
        Names {
            metric: self.metric,
            cluster: (!self.cluster.is_empty()).then_some(self.cluster),
            host: self.host,
            device: if self.kind == NODE { None } else { element(self.kind, self.id) },
            sub_device: element(self.sub_kind, self.sub_id),
        }
    }
}

/// What of a key is still to be read.
struct Rest<'a> {
    key: &'a [u8],
    at: usize,
}

impl<'a> Rest<'a> {
    fn next_is(&mut self, byte: u8) -> bool {
        let is = self.key.get(self.at) == Some(&byte);
        self.at += usize::from(is);
        is
    }

    /// The bytes up to the first of these that is not escaped.
    fn token(&mut self, stops: &[u8]) -> &'a [u8] {
        let rest = self.key.get(self.at..).unwrap_or_default();
        let len = token_len(rest, stops).unwrap_or(rest.len());
        self.at += len;
        rest.get(..len).unwrap_or_default()
    }

    /// The name and the value of a tag; what separates tags is left behind it.
    fn tag(&mut self) -> Result<(&'a [u8], &'a [u8]), Fault> {
        let start = self.at;
        let name = self.token(b",=");
        if name.is_empty() {
            return Err(Fault::at(start, Reason::TagKey));
        }
        if !self.next_is(b'=') {
            return Err(Fault::at(self.at, Reason::TagAssignment));
        }
        let value = self.token(b",=");
        if value.is_empty() || self.key.get(self.at) == Some(&b'=') {
            return Err(Fault::at(self.at, Reason::TagValue));
        }
        Ok((name, value))
    }
}

/// What a backslash escapes in a measurement; before anything else it is itself.
pub(crate) const MEASUREMENT: &[u8] = b", ";

/// What a backslash escapes in the key or value of a tag.
pub(crate) const TAG: &[u8] = b",= ";

/// Appends `sent` without the backslashes that escape.
fn unescape(sent: &[u8], special: &[u8], out: &mut Vec<u8>) {
    let mut bytes = sent.iter().peekable();
    while let Some(&byte) = bytes.next() {
        let escapes = byte == b'\\' && bytes.peek().is_some_and(|next| special.contains(next));
        if !escapes {
            out.push(byte);
        }
    }
}
