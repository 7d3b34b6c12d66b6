//! The layout of the log: the only place in the code that tells it. `FORMAT.md` describes it.

use core::ops::RangeInclusive;
use zerocopy::little_endian::{I64, U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The first four bytes of a log file.
pub const FILE_MAGIC: u32 = 0xCC1D_A701;

/// The first four bytes of a record.
pub const RECORD_MAGIC: u32 = 0xCC1D_A7A1;

/// The lengths that a payload can have: from an unnamed metric of the host itself, without
/// frequency, up to 1 MiB. A length is checked against this before it is believed.
pub const PAYLOAD_LEN: RangeInclusive<u32> = 15..=1 << 20;

/// The longest metric name, in bytes.
pub const METRIC_LEN_MAX: usize = u16::MAX as usize;

/// The deepest path below the host, in elements.
pub const PATH_LEN_MAX: usize = u8::MAX as usize;

/// The longest element of a path, in bytes.
pub const ELEMENT_LEN_MAX: usize = u8::MAX as usize;

/// The length of the file header in bytes.
pub const FILE_HEADER_LEN: usize = size_of::<FileHeader>();

/// The longest record in bytes, framing included.
pub const RECORD_LEN_MAX: usize =
    size_of::<Frame>() + *PAYLOAD_LEN.end() as usize + size_of::<Checksum>();

/// What every log file begins with.
#[derive(Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct FileHeader {
    pub(crate) magic: U32,
}

/// In front of the payload.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Frame {
    pub(crate) magic: U32,
    pub(crate) payload_len: U32,
}

/// The part of a record in front of its names: the frame, and where the payload begins.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Head {
    pub(crate) frame: Frame,
    pub(crate) timestamp: I64,
}

/// The part of our records behind their names.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct RecordEnd {
    pub(crate) value: ValueBits,
    pub(crate) frequency: Frequency,
    pub(crate) checksum: Checksum,
}

/// The length in front of a metric name; the name follows.
pub(crate) type MetricLen = U16;

/// Behind the names.
pub(crate) type ValueBits = U32;

/// Behind the value, in our records only.
pub(crate) type Frequency = U32;

/// Behind the payload: the CRC-32 of it.
pub(crate) type Checksum = U32;

const _: () = {
    assert!(size_of::<FileHeader>() == 4);
    assert!(size_of::<Frame>() == 8);
    assert!(size_of::<Head>() == 16);
    assert!(size_of::<RecordEnd>() == 12);
    assert!(size_of::<Timestamp>() + NAMES_LEN_MIN + size_of::<ValueBits>() == 15);
    // Whatever is encoded, a reader accepts.
    let longest =
        size_of::<Timestamp>() + NAMES_LEN_MAX + size_of::<ValueBits>() + size_of::<Frequency>();
    assert!(longest <= *PAYLOAD_LEN.end() as usize);
};

pub(crate) type Timestamp = I64;

/// An empty metric name and no path.
const NAMES_LEN_MIN: usize = size_of::<MetricLen>() + 1;

const NAMES_LEN_MAX: usize =
    size_of::<MetricLen>() + METRIC_LEN_MAX + 1 + PATH_LEN_MAX * (1 + ELEMENT_LEN_MAX);
