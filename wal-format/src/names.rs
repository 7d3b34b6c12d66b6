//! The names of a record: its metric, and the path to its series below the host.
//!
//! They lie in a record as one run of bytes, and the same bytes come again with every sample of a
//! series. [`Names`] is such a run, proven to be well-formed once, so that it can be copied into a
//! record, compared, or looked up in a map without being taken apart.

use crate::encoder::names_part;
use crate::layout::{ELEMENT_LEN_MAX, METRIC_LEN_MAX, MetricLen, PATH_LEN_MAX};
use core::fmt::{self, Write};
use core::hash::{Hash, Hasher};
use core::num::NonZeroU32;
use zerocopy::FromBytes;

/// The metric and the path of a record, borrowed from a log or from a [`NamesBuf`].
///
/// | offset | size | field         | meaning                                        |
/// |-------:|-----:|---------------|------------------------------------------------|
/// |      0 |    2 | metric length | `M`                                            |
/// |      2 |  `M` | metric        | bytes, UTF-8 in practice                       |
/// |  2 + M |    1 | path length   | elements below the host, outermost first       |
/// |  3 + M |    … | elements      | each a `u8` length, then that many bytes       |
#[derive(Clone, Copy)]
pub struct Names<'a> {
    /// Invariant: exactly one run of names as in the table, as checked by [`Names::split_from`].
    bytes: &'a [u8],
    metric_len: u16,
    /// See [`Self::checksum_part`].
    checksum_part: Option<NonZeroU32>,
}

impl<'a> Names<'a> {
    /// The names that these bytes are, or `None` if they are not exactly one run of names.
    ///
    /// ```
    /// use wal_format::Names;
    ///
    /// let names = Names::from_bytes(b"\x04\0load\x01\x04cpu0").unwrap();
    /// assert_eq!(names.metric(), b"load");
    /// assert!(Names::from_bytes(b"\x04\0load\x02\x04cpu0").is_none());
    /// ```
    #[must_use]
    pub fn from_bytes(bytes: &'a [u8]) -> Option<Self> {
        match Self::split_from(bytes)? {
            (names, []) => Some(names),
            _ => None,
        }
    }

    /// The names at the front of `bytes`, and what follows them.
    pub(crate) fn split_from(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (metric_len, rest) = MetricLen::read_from_prefix(bytes).ok()?;
        let (_metric, rest) = rest.split_at_checked(metric_len.get().into())?;
        let (&path_len, mut rest) = rest.split_first()?;
        for _ in 0..path_len {
            rest = split_element(rest)?.1;
        }
        let (bytes, rest) = bytes.split_at_checked(bytes.len() - rest.len())?;
        Some((Self { bytes, metric_len: metric_len.get(), checksum_part: None }, rest))
    }

    /// Names that were split from these bytes before.
    pub(crate) fn again(bytes: &'a [u8], metric_len: u16) -> Self {
        Self { bytes, metric_len, checksum_part: None }
    }

    pub(crate) fn metric_len(&self) -> u16 {
        self.metric_len
    }

    /// What the names contribute to the checksum of one of our records, if that is known: of those
    /// that were split from a log it is not. Nor is it of one name in four billion, where it is zero.
    #[inline]
    pub(crate) fn checksum_part(&self) -> Option<u32> {
        self.checksum_part.map(NonZeroU32::get)
    }

    /// The name of the metric.
    ///
    /// ```
    /// # use wal_format::NamesBuf;
    /// let names = NamesBuf::new("mem_bw", ["socket0"])?;
    /// assert_eq!(names.as_names().metric(), b"mem_bw");
    /// # Ok::<(), wal_format::TooLong>(())
    /// ```
    #[must_use]
    pub fn metric(&self) -> &'a [u8] {
        let metric = size_of::<MetricLen>()..size_of::<MetricLen>() + usize::from(self.metric_len);
        self.bytes.get(metric).unwrap_or_default()
    }

    /// The path below the host, outermost level first; empty for the host itself.
    ///
    /// ```
    /// # use wal_format::NamesBuf;
    /// let names = NamesBuf::new("temp", ["socket0", "dimm3"])?;
    /// let path: Vec<&[u8]> = names.as_names().path().collect();
    /// assert_eq!(path, [b"socket0".as_slice(), b"dimm3"]);
    /// # Ok::<(), wal_format::TooLong>(())
    /// ```
    #[must_use]
    pub fn path(&self) -> Path<'a> {
        let at = size_of::<MetricLen>() + usize::from(self.metric_len);
        match self.bytes.get(at..).unwrap_or_default() {
            [len, elements @ ..] => Path { elements, len: *len },
            [] => Path { elements: &[], len: 0 },
        }
    }

    /// The bytes as they lie in a record: equal for two records if and only if they are of the
    /// same series of a host.
    ///
    /// ```
    /// # use wal_format::NamesBuf;
    /// let names = NamesBuf::new("load", ["cpu0"])?;
    /// assert_eq!(names.as_names().as_bytes(), b"\x04\0load\x01\x04cpu0");
    /// # Ok::<(), wal_format::TooLong>(())
    /// ```
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// A copy that owns its bytes.
    ///
    /// ```
    /// # use wal_format::{Names, NamesBuf};
    /// let owned: NamesBuf = Names::from_bytes(b"\x04\0load\0").unwrap().to_buf();
    /// assert_eq!(owned, NamesBuf::new("load", [""; 0])?);
    /// # Ok::<(), wal_format::TooLong>(())
    /// ```
    #[must_use]
    pub fn to_buf(&self) -> NamesBuf {
        NamesBuf::laid_out(self.bytes.into(), self.metric_len)
    }
}

impl PartialEq for Names<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Names<'_> {}

impl Hash for Names<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes.hash(state);
    }
}

/// `metric [element, element]`, with replacement characters for what is no UTF-8, and control
/// characters escaped: names come from outside, and this is for logs and terminals.
impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_legibly(self.metric(), f)?;
        f.write_str(" [")?;
        for (index, element) in self.path().enumerate() {
            f.write_str(if index == 0 { "" } else { ", " })?;
            write_legibly(element, f)?;
        }
        f.write_str("]")
    }
}

fn write_legibly(name: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for char in String::from_utf8_lossy(name).chars() {
        if char.is_control() {
            write!(f, "{}", char.escape_default())?;
        } else {
            f.write_char(char)?;
        }
    }
    Ok(())
}

impl fmt::Debug for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Names({self})")
    }
}

/// What the rest of names takes, if they are short.
const ROOM: usize = 32;

/// Names that own their bytes: built once for a series, used for each of its records.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct NamesBuf {
    /// Invariant: as in [`Names`].
    bytes: Box<[u8]>,
    metric_len: u16,
    /// See [`Names::checksum_part`].
    checksum_part: Option<NonZeroU32>,
}

impl NamesBuf {
    /// Lays the names out as a record holds them.
    ///
    /// ```
    /// use wal_format::{NamesBuf, TooLong};
    ///
    /// let names = NamesBuf::new("flops_any", ["hwthread12"])?;
    /// assert_eq!(names.as_names().to_string(), "flops_any [hwthread12]");
    ///
    /// let error = NamesBuf::new("flops_any", ["x".repeat(256)]).unwrap_err();
    /// assert_eq!(error, TooLong { field: "path element", len: 256, len_max: 255 });
    /// # Ok::<(), TooLong>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`TooLong`] if a name, or the path, is longer than its length field can say. Cut to fit, it
    /// would be the name of another series.
    pub fn new<S: AsRef<[u8]>>(
        metric: impl AsRef<[u8]>,
        path: impl IntoIterator<Item = S>,
    ) -> Result<Self, TooLong> {
        let metric = metric.as_ref();
        let metric_len = fit("metric name", metric.len(), METRIC_LEN_MAX)?;
        let mut bytes = Vec::with_capacity(metric.len() + ROOM);
        bytes.extend(MetricLen::new(metric_len).to_bytes());
        bytes.extend(metric);
        let path_len_at = bytes.len();
        bytes.push(0);
        let mut path_len = 0;
        for element in path {
            let element = element.as_ref();
            bytes.push(fit("path element", element.len(), ELEMENT_LEN_MAX)?);
            bytes.extend(element);
            path_len += 1;
            let counted = fit("path", path_len, PATH_LEN_MAX)?;
            if let Some(count) = bytes.get_mut(path_len_at) {
                *count = counted;
            }
        }
        Ok(Self::laid_out(bytes.into(), metric_len))
    }

    fn laid_out(bytes: Box<[u8]>, metric_len: u16) -> Self {
        let checksum_part = NonZeroU32::new(names_part(&bytes));
        Self { bytes, metric_len, checksum_part }
    }

    /// The names, for a [`Record`](crate::Record).
    ///
    /// ```
    /// # use wal_format::NamesBuf;
    /// let names = NamesBuf::new("load", ["cpu0"])?;
    /// assert_eq!(names.as_names().path().len(), 1);
    /// # Ok::<(), wal_format::TooLong>(())
    /// ```
    #[must_use]
    #[inline]
    pub fn as_names(&self) -> Names<'_> {
        let Self { ref bytes, metric_len, checksum_part } = *self;
        Names { bytes, metric_len, checksum_part }
    }
}

impl fmt::Debug for NamesBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NamesBuf({})", self.as_names())
    }
}

/// Something is longer than its length field can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} of length {len} is longer than the format's {len_max}")]
pub struct TooLong {
    /// What is too long.
    pub field: &'static str,
    /// Its length: in bytes, of a path in elements.
    pub len: usize,
    /// The longest that fits.
    pub len_max: usize,
}

fn fit<T: TryFrom<usize>>(field: &'static str, len: usize, len_max: usize) -> Result<T, TooLong> {
    T::try_from(len).map_err(|_| TooLong { field, len, len_max })
}

/// Iterates over the elements of a path, outermost first.
#[derive(Clone, Debug)]
pub struct Path<'a> {
    /// Invariant: `len` whole elements, as checked by [`Names::split_from`].
    elements: &'a [u8],
    len: u8,
}

impl<'a> Iterator for Path<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (element, rest) = split_element(self.elements)?;
        self.elements = rest;
        self.len -= 1;
        Some(element)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len.into(), Some(self.len.into()))
    }
}

impl ExactSizeIterator for Path<'_> {}

fn split_element(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&len, rest) = bytes.split_first()?;
    rest.split_at_checked(len.into())
}
