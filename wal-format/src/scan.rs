//! Reading a whole segment that lies in memory, past whatever is damaged in it.

use crate::found::{End, Found, Located, Tally, Verdict};
use crate::machine::{Machine, Step};
use crate::record::Record;

/// Iterates over a segment in memory: records, and between them what is damaged.
///
/// Stopping at the first damage is the caller's to do; going on finds every record behind it whose
/// checksum holds. What the bytes behind the last record are, [`Scan::end`] says afterwards.
///
/// ```
/// use wal_format::{Found, NamesBuf, Record, Scan, SegmentWriter, Verdict};
///
/// let names = NamesBuf::new("load", ["cpu0"])?;
/// let mut writer = SegmentWriter::new(Vec::new())?;
/// for timestamp in [60, 120, 180] {
///     writer.write(&Record { names: names.as_names(), timestamp, value: 1.0, frequency: None })?;
/// }
/// let mut log = writer.into_inner();
/// log[4 + 36 + 20] ^= 1; // in the second record
///
/// let mut scan = Scan::new(&log);
/// let times: Vec<_> = scan
///     .by_ref()
///     .filter_map(|found| match found {
///         Found::Record(located) => Some(located.record.timestamp),
///         Found::Damaged(_) => None,
///     })
///     .collect();
/// assert_eq!(times, [60, 180]);
/// assert!(matches!(scan.verdict(), Some(Verdict::Damaged(gap)) if gap.offset == 40));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Scan<'a> {
    log: &'a [u8],
    machine: Machine,
}

impl<'a> Scan<'a> {
    /// Scans a log from its file header on.
    ///
    /// ```
    /// # use wal_format::{End, Scan};
    /// let mut scan = Scan::new(b"");
    /// assert!(scan.next().is_none());
    /// assert_eq!(scan.end(), Some(End::Clean));
    /// ```
    #[must_use]
    pub fn new(log: &'a [u8]) -> Self {
        Self { log, machine: Machine::default() }
    }

    /// How the log ends; `None` until the iterator has.
    ///
    /// ```
    /// # use wal_format::{End, Scan};
    /// let mut scan = Scan::new(&[0x01, 0xA7, 0x1D, 0xCC, 0, 0, 0]);
    /// assert!(scan.next().is_none());
    /// assert!(matches!(scan.end(), Some(End::Torn(gap)) if gap.offset == 4 && gap.bytes == 3));
    /// ```
    #[must_use]
    pub fn end(&self) -> Option<End> {
        self.machine.end()
    }

    /// What the log is like as a whole; `None` until the iterator has ended.
    ///
    /// ```
    /// # use wal_format::{Scan, Verdict};
    /// let mut scan = Scan::new(b"no log at all");
    /// assert!(scan.next().is_none());
    /// assert!(matches!(scan.verdict(), Some(Verdict::NotALog(_))));
    /// ```
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        self.machine.verdict()
    }

    /// What was seen so far.
    ///
    /// ```
    /// # use wal_format::Scan;
    /// assert_eq!(Scan::new(b"").tally().records, 0);
    /// ```
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.machine.tally()
    }
}

impl<'a> Iterator for Scan<'a> {
    type Item = Found<'a>;

    fn next(&mut self) -> Option<Found<'a>> {
        let from = usize::try_from(self.machine.keeps_from()).ok()?;
        let rest = self.log.get(from..)?;
        // The way of nearly every record: past the machine, which would take it apart twice.
        if self.machine.expects_record()
            && let Ok((record, behind)) = Record::decode(rest)
        {
            let bytes = rest.get(..rest.len() - behind.len())?;
            let offset = self.machine.pass_record(bytes.len());
            return Some(Found::Record(Located { offset, bytes, record }));
        }
        match self.machine.step(rest, true) {
            Step::Record(extent) => extent.locate(self.log, 0).map(Found::Record),
            Step::Damaged(gap) => Some(Found::Damaged(gap)),
            Step::More(_) | Step::End => None,
        }
    }
}
