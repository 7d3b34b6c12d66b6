//! What a key says: metric, cluster, host, and the devices below it.

use core::fmt;

/// The names of a key, unescaped. Those that were read are UTF-8.
///
/// ```
/// use line_protocol::Lines;
///
/// let mut lines = Lines::new(b"load,type-id=3,type=core,hostname=h1 value=1 1700000000\n");
/// let line = lines.next().unwrap()?;
/// let mut scratch = Vec::new();
/// let names = line.names(&mut scratch)?;
/// assert_eq!(names.metric, b"load");
/// assert_eq!((names.cluster, names.host), (None, &b"h1"[..]));
/// assert_eq!(names.device.unwrap().to_string(), "core3");
/// # Ok::<(), line_protocol::Malformed>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Names<'a> {
    /// The measurement.
    pub metric: &'a [u8],
    /// The tag `cluster`; without it the request or the subscription has to know.
    pub cluster: Option<&'a [u8]>,
    /// The tag `hostname` or `host`.
    pub host: &'a [u8],
    /// The tags `type` and `type-id`, unless `type` is `node`, which means the host itself.
    pub device: Option<Element<'a>>,
    /// The tags `stype` and `stype-id`: a part of the device, or of the host if that has none.
    pub sub_device: Option<Element<'a>>,
}

impl<'a> Names<'a> {
    /// The levels below the host, outermost first.
    ///
    /// ```
    /// # let body = b"io,host=h,type=node,type-id=0,stype=disk,stype-id=a value=1 1700000000\n";
    /// # let line = line_protocol::Lines::new(body).next().unwrap()?;
    /// # let mut scratch = Vec::new();
    /// // io,host=h,type=node,type-id=0,stype=disk,stype-id=a
    /// let names = line.names(&mut scratch)?;
    /// let path: Vec<String> = names.path().map(|element| element.to_string()).collect();
    /// assert_eq!(path, ["diska"]);
    /// # Ok::<(), line_protocol::Malformed>(())
    /// ```
    pub fn path(&self) -> impl Iterator<Item = Element<'a>> + use<'a> {
        self.device.into_iter().chain(self.sub_device)
    }
}

/// The name of a level below the host, in its two parts, of which one may be empty.
///
/// ```
/// use line_protocol::Element;
///
/// let element = Element { kind: b"hwthread", id: b"12" };
/// assert_eq!(element.to_string(), "hwthread12");
/// assert_eq!(element.len(), 10);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Element<'a> {
    /// The tag `type` or `stype`.
    pub kind: &'a [u8],
    /// The tag `type-id` or `stype-id`.
    pub id: &'a [u8],
}

impl<'a> Element<'a> {
    /// The element of this name, in parts that read back to it: `type=node` would be the host.
    ///
    /// ```
    /// use line_protocol::Element;
    ///
    /// assert_eq!(Element::from_name(b"socket0"), Element { kind: b"socket", id: b"0" });
    /// assert_eq!(Element::from_name(b"node"), Element { kind: b"", id: b"node" });
    /// assert_eq!(Element::from_name(b"node0"), Element { kind: b"node0", id: b"" });
    /// ```
    #[must_use]
    pub fn from_name(name: &'a [u8]) -> Self {
        let letters = name.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        match name.split_at_checked(letters) {
            Some((NODE, b"")) => Self { kind: b"", id: name },
            Some((kind, id)) if kind != NODE => Self { kind, id },
            _ => Self { kind: name, id: b"" },
        }
    }

    /// The bytes of the whole name.
    ///
    /// ```
    /// assert_eq!(line_protocol::Element { kind: b"core", id: b"7" }.len(), 5);
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.kind.len() + self.id.len()
    }

    /// Whether the name has no bytes. No line that was read has such an element.
    ///
    /// ```
    /// assert!(line_protocol::Element { kind: b"", id: b"" }.is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends the whole name.
    ///
    /// ```
    /// let mut name = b"h1/".to_vec();
    /// line_protocol::Element { kind: b"core", id: b"7" }.append_to(&mut name);
    /// assert_eq!(name, b"h1/core7");
    /// ```
    pub fn append_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.kind);
        out.extend_from_slice(self.id);
    }
}

/// The whole name; what is not UTF-8 in it is replaced.
impl fmt::Display for Element<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.kind))?;
        f.write_str(&String::from_utf8_lossy(self.id))
    }
}

/// The `type` of the host itself.
pub(crate) const NODE: &[u8] = b"node";
