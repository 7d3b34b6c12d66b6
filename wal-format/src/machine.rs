//! The rules of a scan, without the bytes: what to look at next, where the next record is, how the
//! log ends. [`Scan`](crate::Scan) runs it over memory, [`Reader`](crate::Reader) over a window that
//! moves along a stream, so that both find the same.
//!
//! Where a record is broken, the next one is looked for first where the lengths in the broken one
//! say that it ends, then byte by byte. The lengths come first because a name can contain the bytes
//! of a record: what lies inside a damaged record must not be taken for one. There are two such
//! lengths, the payload's and that of the fields, and a flipped bit can make only one of them lie:
//! the checksum says which, or that both are right.

use crate::found::{Cause, End, Gap, Located, Tally, Verdict};
use crate::layout::{
    Checksum, FILE_HEADER_LEN, FILE_MAGIC, FileHeader, Frame, Frequency, Head, PAYLOAD_LEN,
    RECORD_LEN_MAX, RECORD_MAGIC, ValueBits,
};
use crate::names::Names;
use crate::record::{DecodeError, Record, holds, split_frame};
use zerocopy::FromBytes;

/// Bytes of checksums that may be computed in vain, for each byte skipped.
const WASTE_PER_BYTE_MAX: u64 = 64;

/// What may be wasted before that counts: one record.
const WASTE_FREE: u64 = RECORD_LEN_MAX as u64;

/// Two of the longest records: one that is damaged, and the one behind it.
pub(crate) const SEARCH_WINDOW: usize = 2 * RECORD_LEN_MAX;

#[derive(Clone, Debug, Default)]
pub(crate) struct Machine {
    /// Offset of the first byte that is not judged yet.
    at: u64,
    state: State,
    tally: Tally,
    first_gap: Option<Gap>,
    /// Bytes of checksums computed in vain.
    wasted: u64,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Header,
    Records,
    /// The bytes from `Machine::at` on are no record: where is the next one?
    Search(Search),
    /// The search was given up; what is left is only counted.
    Drain(Gap),
    Ended(End),
}

#[derive(Clone, Copy, Debug)]
struct Search {
    cause: Cause,
    /// Offset of the next byte at which a record may begin; `None`: the lengths have not been tried.
    next: Option<u64>,
    /// All bytes passed over so far are zero.
    zeros: bool,
}

/// What comes next in the log.
#[derive(Debug)]
pub(crate) enum Step {
    Record(Extent),
    Damaged(Gap),
    /// Call again with at least so many bytes from [`Machine::keeps_from`] on, or all there are.
    More(usize),
    End,
}

/// Where a valid record lies, and the parts of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    offset: u64,
    len: usize,
    names_len: usize,
    metric_len: u16,
}

impl Extent {
    /// The record, in bytes of which the first has the offset `base` in the log.
    pub(crate) fn locate(self, bytes: &[u8], base: u64) -> Option<Located<'_>> {
        let from = usize::try_from(self.offset.checked_sub(base)?).ok()?;
        let bytes = bytes.get(from..)?.get(..self.len)?;
        let payload = bytes.get(size_of::<Frame>()..self.len - size_of::<Checksum>())?;
        let record = Record::parse_again(payload, self.names_len, self.metric_len)?;
        Some(Located { offset: self.offset, bytes, record })
    }
}

impl Machine {
    /// The offset of the first byte that [`Machine::step`] has to be given.
    pub(crate) fn keeps_from(&self) -> u64 {
        match self.state {
            State::Search(search) => search.next.unwrap_or(self.at),
            State::Drain(gap) => gap.offset + gap.bytes,
            _ => self.at,
        }
    }

    pub(crate) fn end(&self) -> Option<End> {
        match self.state {
            State::Ended(end) => Some(end),
            _ => None,
        }
    }

    pub(crate) fn verdict(&self) -> Option<Verdict> {
        Some(match (self.end()?, self.first_gap) {
            (End::NotALog(gap), _) => Verdict::NotALog(gap),
            (_, Some(gap)) | (End::GaveUp(gap), None) => Verdict::Damaged(gap),
            (End::Torn(gap), None) => Verdict::Torn(gap),
            (End::Clean, None) => Verdict::Clean,
        })
    }

    pub(crate) fn tally(&self) -> Tally {
        self.tally
    }

    /// Whether a record is what should come next.
    pub(crate) fn expects_record(&self) -> bool {
        matches!(self.state, State::Records)
    }

    /// Notes that a valid record of `len` bytes comes next, and returns its offset.
    pub(crate) fn pass_record(&mut self, len: usize) -> u64 {
        let offset = self.at;
        self.pass_records(1, len);
        offset
    }

    /// Notes that so many valid records come next, of so many bytes in sum.
    pub(crate) fn pass_records(&mut self, records: u64, bytes: usize) {
        self.at += bytes as u64;
        self.tally.records += records;
        self.tally.record_bytes += bytes as u64;
    }

    /// Goes on with `window`, the bytes from [`Machine::keeps_from`] on; `last` if the log ends with
    /// them.
    pub(crate) fn step(&mut self, window: &[u8], last: bool) -> Step {
        let mut rest = window;
        loop {
            let from = self.keeps_from();
            let step = match self.state {
                State::Header => self.file_header(rest, last),
                State::Records => self.record(rest, last),
                State::Search(search) => self.search(search, rest, last),
                State::Drain(gap) => self.drain(gap, rest, last),
                State::Ended(_) => Some(Step::End),
            };
            if let Some(step) = step {
                return step;
            }
            let passed = usize::try_from(self.keeps_from() - from).unwrap_or(usize::MAX);
            rest = rest.get(passed..).unwrap_or_default();
        }
    }

    fn file_header(&mut self, window: &[u8], last: bool) -> Option<Step> {
        match FileHeader::read_from_prefix(window) {
            Ok((header, _)) if header.magic == FILE_MAGIC => {
                self.at = FILE_HEADER_LEN as u64;
                self.state = State::Records;
            }
            Ok(_) => self.state = State::Search(Search::new(Cause::FileHeader)),
            Err(_) if !last => return Some(Step::More(FILE_HEADER_LEN)),
            Err(_) if window.is_empty() => self.state = State::Ended(End::Clean),
            Err(_) => {
                let search = Search::new(Cause::FileHeaderTruncated).passing(window);
                self.end_in(search, window.len() as u64);
            }
        }
        None
    }

    fn record(&mut self, window: &[u8], last: bool) -> Option<Step> {
        if window.is_empty() && last {
            self.state = State::Ended(End::Clean);
            return None;
        }
        match Record::decode(window) {
            Ok((record, rest)) => Some(self.found(&record, window.len() - rest.len())),
            Err(DecodeError::Truncated) if !last => Some(Step::More(wanted(window))),
            Err(error) => {
                if error == DecodeError::Checksum {
                    self.wasted += wanted(window) as u64;
                }
                self.state = State::Search(Search::new(Cause::Record(error)));
                None
            }
        }
    }

    fn found(&mut self, record: &Record<'_>, len: usize) -> Step {
        let names = record.names;
        let (names_len, metric_len) = (names.as_bytes().len(), names.metric_len());
        Step::Record(Extent { offset: self.pass_record(len), len, names_len, metric_len })
    }

    fn search(&mut self, mut search: Search, window: &[u8], last: bool) -> Option<Step> {
        let Some(next) = search.next else {
            if window.len() < SEARCH_WINDOW && !last {
                return Some(Step::More(SEARCH_WINDOW));
            }
            return self.try_lengths(search, window, last);
        };
        let found = find_magic(window);
        let passed = match found {
            Some(ahead) => ahead,
            None if last => window.len(),
            None => window.len().saturating_sub(size_of::<u32>() - 1),
        };
        let (before, candidate) = window.split_at_checked(passed)?;
        search = search.passing(before);
        search.next = Some(next + passed as u64);
        self.state = State::Search(search);
        match found {
            Some(_) => self.try_candidate(search, candidate, last),
            None if last => {
                self.end_in(search, next + passed as u64 - self.at);
                None
            }
            None => Some(Step::More(candidate.len() + 1)),
        }
    }

    /// Tries the places where the lengths in the broken bytes say that they end.
    fn try_lengths(&mut self, mut search: Search, window: &[u8], last: bool) -> Option<Step> {
        let (ends, belief) = match search.cause {
            Cause::FileHeader => ([Some(FILE_HEADER_LEN), None, None], Belief::Likely),
            _ => self.ends_of_broken(window),
        };
        for end in ends.into_iter().flatten() {
            if !self.can_afford(end as u64) {
                return self.give_up(search, 0);
            }
            match window.get(end..) {
                // The whole of the broken record is there, and the log ends with it: what lies
                // inside is its own.
                Some([]) if last && belief == Belief::Certain => {
                    self.end_in(search.passing(window), end as u64);
                    return None;
                }
                Some(behind) => match examine(behind) {
                    Candidate::Record => return Some(self.skip(search, end as u64)),
                    Candidate::Waste(bytes) => self.wasted += bytes,
                    _ => {}
                },
                None => {}
            }
        }
        // A file may lack its header altogether, but a broken record is not one that begins where
        // it begins.
        let skipped = usize::from(search.cause != Cause::FileHeader);
        search = search.passing(window.get(..skipped).unwrap_or_default());
        search.next = Some(self.at + skipped as u64);
        self.state = State::Search(search);
        None
    }

    /// Where the record may end that `window` begins with, the likeliest first. A payload that matches
    /// its checksum where its fields end is whole, and the length in front of it lies; else the length
    /// comes first, as the damage is in the payload or its checksum.
    fn ends_of_broken(&mut self, window: &[u8]) -> ([Option<usize>; 3], Belief) {
        let framed = Frame::read_from_prefix(window)
            .is_ok_and(|(frame, _)| PAYLOAD_LEN.contains(&frame.payload_len.get()))
            .then(|| wanted(window));
        let fields =
            window.get(size_of::<Head>()..).and_then(Names::split_from).map(|(names, _)| {
                let names_len = names.as_bytes().len();
                size_of::<Head>() + names_len + size_of::<ValueBits>() + size_of::<Checksum>()
            });
        let with_frequency = fields.map(|end| end + size_of::<Frequency>());
        for end in [fields, with_frequency].into_iter().flatten() {
            if holds_up_to(end, window) {
                return ([Some(end), None, None], Belief::Certain);
            }
            self.wasted += end as u64;
        }
        let agreed = framed.is_some() && (framed == fields || framed == with_frequency);
        let belief = if agreed { Belief::Certain } else { Belief::Likely };
        ([framed, fields, with_frequency], belief)
    }

    /// Tries the bytes at `Search::next`, which begin with the magic of a record.
    fn try_candidate(&mut self, mut search: Search, window: &[u8], last: bool) -> Option<Step> {
        let next = search.next?;
        let skipped = next - self.at;
        if !self.can_afford(skipped) {
            return self.give_up(search, skipped);
        }
        match examine(window) {
            Candidate::Record => return Some(self.skip(search, skipped)),
            Candidate::Truncated if !last => return Some(Step::More(wanted(window))),
            Candidate::Waste(bytes) => self.wasted += bytes,
            Candidate::Truncated | Candidate::No => {}
        }
        search.zeros = false;
        search.next = Some(next + 1);
        self.state = State::Search(search);
        None
    }

    /// Whether one more checksum may be computed, with so many bytes skipped in this search. The
    /// account is the scan's, not the search's: many short searches are no way around it.
    fn can_afford(&self, skipped: u64) -> bool {
        let skipped = self.tally.gap_bytes.saturating_add(skipped);
        self.wasted <= skipped.saturating_mul(WASTE_PER_BYTE_MAX).saturating_add(WASTE_FREE)
    }

    /// A valid record begins `bytes` behind the broken ones.
    fn skip(&mut self, search: Search, bytes: u64) -> Step {
        let gap = Gap { offset: self.at, bytes, cause: search.cause };
        self.at += bytes;
        self.state = State::Records;
        self.tally.gaps += 1;
        self.tally.gap_bytes += bytes;
        self.first_gap.get_or_insert(gap);
        Step::Damaged(gap)
    }

    fn give_up(&mut self, search: Search, skipped: u64) -> Option<Step> {
        self.state = State::Drain(Gap { offset: self.at, bytes: skipped, cause: search.cause });
        None
    }

    /// Only counts what is left.
    fn drain(&mut self, gap: Gap, window: &[u8], last: bool) -> Option<Step> {
        let gap = Gap { bytes: gap.bytes + window.len() as u64, ..gap };
        self.state = State::Drain(gap);
        if !last {
            return Some(Step::More(1));
        }
        self.at = gap.offset + gap.bytes;
        self.state = State::Ended(End::GaveUp(gap));
        None
    }

    /// The log ends, and the last `bytes` of it are no record.
    fn end_in(&mut self, search: Search, bytes: u64) {
        let gap = Gap { offset: self.at, bytes, cause: search.cause };
        self.at += bytes;
        self.state = State::Ended(match search.cause {
            _ if search.zeros => End::Torn(Gap { cause: Cause::Zeros, ..gap }),
            Cause::FileHeader => End::NotALog(gap),
            _ => End::Torn(gap),
        });
    }
}

impl Search {
    fn new(cause: Cause) -> Self {
        Self { cause, next: None, zeros: true }
    }

    fn passing(self, bytes: &[u8]) -> Self {
        Self { zeros: self.zeros && are_zero(bytes), ..self }
    }
}

/// Whether the end of a broken record is told by more than one length.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Belief {
    Certain,
    Likely,
}

/// What bytes at which a record may begin turn out to be.
enum Candidate {
    Record,
    /// They end before it does.
    Truncated,
    /// All but the checksum was right, which took so many bytes to find out.
    Waste(u64),
    No,
}

/// The structure is checked before the checksum: it costs next to nothing.
fn examine(bytes: &[u8]) -> Candidate {
    match split_frame(bytes) {
        Err(DecodeError::Truncated) => Candidate::Truncated,
        Err(_) => Candidate::No,
        Ok((payload, _, _)) if Record::parse(payload).is_none() => Candidate::No,
        Ok((payload, checksum, _)) if holds(checksum, payload) => Candidate::Record,
        Ok((payload, _, _)) => Candidate::Waste(payload.len() as u64),
    }
}

/// How many bytes a record takes whose beginning is `window`, as far as that can be told.
fn wanted(window: &[u8]) -> usize {
    match Frame::read_from_prefix(window) {
        Ok((frame, _)) if PAYLOAD_LEN.contains(&frame.payload_len.get()) => {
            size_of::<Frame>() + frame.payload_len.get() as usize + size_of::<Checksum>()
        }
        _ => size_of::<Frame>(),
    }
}

/// Whether the bytes behind the frame match a checksum that ends at `end`.
fn holds_up_to(end: usize, window: &[u8]) -> bool {
    window
        .get(size_of::<Frame>()..end)
        .and_then(|bytes| bytes.split_last_chunk())
        .is_some_and(|(payload, checksum)| holds(u32::from_le_bytes(*checksum), payload))
}

fn find_magic(bytes: &[u8]) -> Option<usize> {
    let magic = RECORD_MAGIC.to_le_bytes();
    bytes.windows(magic.len()).position(|window| window == magic)
}

/// In blocks, so that it runs at the speed of memory over the gigabytes that a file system may add.
fn are_zero(bytes: &[u8]) -> bool {
    bytes.chunks(256).all(|block| block.iter().fold(0, |all, byte| all | byte) == 0)
}
