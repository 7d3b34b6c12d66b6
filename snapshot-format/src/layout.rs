//! The bytes on disk, told once: magics, limits, and the fixed parts as structs. `FORMAT.md` is
//! their prose. Everything is little-endian and unaligned.

use zerocopy::little_endian::{I64, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The first four bytes of every binary snapshot.
pub const MAGIC: u32 = 0xCC5B_0001;

/// The first four bytes of the trailer behind the root level.
pub const TRAILER_MAGIC: u32 = 0x4C53_5401;

/// Levels that may lie inside each other, the root included: a path below the root has at most
/// 255 elements, as many as a record of the log can name.
pub const MAX_DEPTH: usize = 256;

/// Bytes of the longest name: what its length field can say.
pub const MAX_NAME_LEN: usize = u16::MAX as usize;

/// Bytes that one checksum of the trailer covers, in what is written here.
pub const CHUNK_LEN: u32 = 65_536;

/// What every snapshot starts with; the root level follows.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Header {
    pub(crate) magic: U32,
    pub(crate) from: I64,
    pub(crate) to: I64,
}

/// What follows the name of a series; its values follow.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct SeriesHead {
    pub(crate) frequency: I64,
    pub(crate) start: I64,
    pub(crate) values: U32,
}

/// What the trailer starts with; a body of `body_len` bytes and the trailer's CRC-32 follow.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct TrailerHead {
    pub(crate) magic: U32,
    pub(crate) body_len: U32,
}

/// What the trailer's body starts with; one CRC-32 for each chunk follows, then later fields.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct TrailerBody {
    pub(crate) covered: U64,
    pub(crate) written_at: I64,
    pub(crate) replaces: I64,
    pub(crate) chunk_len: U32,
}

const _: () = assert!(size_of::<Header>() == 20);
const _: () = assert!(size_of::<SeriesHead>() == 20);
const _: () = assert!(size_of::<TrailerHead>() == 8);
const _: () = assert!(size_of::<TrailerBody>() == 28);

/// Bytes of a length or count field.
pub(crate) const NAME_LEN_LEN: usize = size_of::<u16>();
pub(crate) const COUNT_LEN: usize = size_of::<u32>();
pub(crate) const VALUE_LEN: usize = size_of::<f32>();
pub(crate) const CRC_LEN: usize = size_of::<u32>();

/// The least that a series and a child can take: what a claimed count is checked against.
pub(crate) const MIN_SERIES_LEN: usize = NAME_LEN_LEN + size_of::<SeriesHead>();
pub(crate) const MIN_CHILD_LEN: usize = NAME_LEN_LEN + 2 * COUNT_LEN;
