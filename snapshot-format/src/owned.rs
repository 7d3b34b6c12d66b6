//! A snapshot that owns its bytes: proven once, kept for later.

use crate::access::{Snapshot, Totals};
use crate::decode::ParseError;
use crate::verify::Integrity;

/// Bytes that were proven to be a snapshot, for who cannot keep a borrow of them.
///
/// ```
/// use snapshot_format::{Snapshot, SnapshotBuf};
/// # use snapshot_format::{Counts, Encoder, TrailerFields};
/// # let mut encoder = Encoder::new(Vec::new(), 0, 120, Counts { metrics: 1, children: 0 })?;
/// # encoder.series(b"cpu_load", 60, 0, &[0.5, 1.0])?;
/// # let (bytes, _) = encoder.finish(TrailerFields::default())?;
///
/// let totals = Snapshot::parse(&bytes)?.totals();
/// let kept = SnapshotBuf::parse(bytes)?;
/// assert_eq!(kept.as_snapshot().totals(), totals);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct SnapshotBuf {
    bytes: Vec<u8>,
    /// What [`Snapshot`] has of them.
    levels_len: usize,
    from: i64,
    to: i64,
    totals: Totals,
    integrity: Integrity,
    surplus: u64,
}

impl SnapshotBuf {
    /// Proves the bytes, as [`Snapshot::parse`].
    ///
    /// # Errors
    ///
    /// As [`Snapshot::parse`].
    pub fn parse(bytes: Vec<u8>) -> Result<Self, ParseError> {
        let Snapshot { levels, from, to, totals, integrity, surplus } = Snapshot::parse(&bytes)?;
        let levels_len = levels.len();
        Ok(Self { bytes, levels_len, from, to, totals, integrity, surplus })
    }

    /// The snapshot; nothing is proven again.
    #[must_use]
    pub fn as_snapshot(&self) -> Snapshot<'_> {
        let Self { from, to, totals, integrity, surplus, .. } = *self;
        let levels = self.bytes.get(..self.levels_len).unwrap_or_default();
        Snapshot { levels, from, to, totals, integrity, surplus }
    }
}
