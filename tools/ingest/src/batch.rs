//! The lines of a body, host by host.
//!
//! A batch *visits* a host: it holds the lock of the host's keys as long as lines are this host's, and
//! of one host at a time. Samples are gathered on the way, and written when enough have come together
//! or the body ends; those of a host keep their order.

use std::sync::Arc;

use checkpointer::disk::Disk;
use checkpointer::{Now, Pending, StoredHost};
use hashbrown::HashTable;
use line_protocol::{Fed, Field, Line, Lines, Malformed, Prediction, Sample};

use crate::directory::Known;
use crate::entry::Ingest;
use crate::how::How;
use crate::keys::{Followed, KeyId, Keys};
use crate::outcome::{Fault, Outcome};
use crate::reason::{Policy, Reason};

/// Samples of a host are written when its lines end for now, if there are so many.
const ENOUGH: usize = 128;
/// Samples of a host are written when there are so many.
const RUN_MAX: usize = 4096;
/// Samples of all hosts are written when there are so many.
const GATHERED_MAX: usize = 1 << 16;
/// After so many lines that were not expected, keys come in no order: comparing them with one
/// would only fetch it into the processor's cache.
const LOST: u8 = 8;
/// So many hosts are kept at hand.
const RUNS_MAX: usize = 1 << 14;

/// Where lines come from, given the key that is expected.
pub(crate) trait Source<'a> {
    fn next_expecting(&mut self, expected: &[u8]) -> Option<Result<Line<'a>, Malformed>>;
    fn next_sample(&mut self, expected: &[u8]) -> Option<Sample>;
}

impl<'a> Source<'a> for Lines<'a> {
    #[inline]
    fn next_expecting(&mut self, expected: &[u8]) -> Option<Result<Line<'a>, Malformed>> {
        self.next_expecting(expected)
    }

    #[inline]
    fn next_sample(&mut self, expected: &[u8]) -> Option<Sample> {
        self.next_sample(expected)
    }
}

impl<'a> Source<'a> for Fed<'a> {
    #[inline]
    fn next_expecting(&mut self, expected: &[u8]) -> Option<Result<Line<'a>, Malformed>> {
        self.next_expecting(expected)
    }

    #[inline]
    fn next_sample(&mut self, expected: &[u8]) -> Option<Sample> {
        self.next_sample(expected)
    }
}

/// A line that is a sample.
#[derive(Clone, Copy)]
pub(crate) struct Read<'a> {
    pub(crate) line: Line<'a>,
    pub(crate) value: f32,
}

/// A sample whose key is known, to be written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gathered {
    pub(crate) timestamp: i64,
    pub(crate) value: f32,
    pub(crate) key: KeyId,
    pub(crate) line: u64,
}

/// A host in a batch.
pub(crate) struct Run<D: Disk + 'static> {
    pub(crate) known: Arc<Known<D>>,
    pub(crate) stored: Arc<StoredHost<D>>,
    pub(crate) gathered: Vec<Gathered>,
    /// Whether lines without a cluster are this host's.
    pub(crate) default_is_own: bool,
    pub(crate) learned: bool,
    /// The log was asked last whether it takes more of the host, and did not.
    pub(crate) is_held_back: bool,
    /// The run that followed last time.
    pub(crate) next: Option<usize>,
}

/// Where the batch goes on.
enum Next<'a> {
    /// At a host that is probably the next.
    Run(usize),
    /// At a line that was read and is not of the host before.
    Line(Read<'a>),
    /// At the next line, whosever it is.
    Any,
    End,
}

/// A body that is being taken.
pub(crate) struct Batch<D: Disk + 'static> {
    pub(crate) outcome: Outcome,
    pub(crate) how: How,
    pub(crate) cluster: Option<Arc<str>>,
    pub(crate) runs: Vec<Run<D>>,
    pub(crate) by_name: HashTable<usize>,
    /// The run of the last line.
    pub(crate) last: Option<usize>,
    pub(crate) gathered: usize,
    /// Lines since the last one that had the key that was expected.
    unexpected: u8,
    pub(crate) pending: Vec<Pending<D>>,
    /// The last of them was not looked at since.
    pub(crate) has_new_pending: bool,
    pub(crate) spare: Vec<Vec<Gathered>>,
    pub(crate) scratch: Vec<u8>,
    /// The log has refused: nothing of the batch counts any more.
    pub(crate) stopped: bool,
}

impl<D: Disk> Batch<D> {
    pub(crate) fn new(cluster: Option<&str>, how: How) -> Self {
        Self {
            outcome: Outcome::default(),
            how,
            cluster: cluster.filter(|cluster| !cluster.is_empty()).map(Into::into),
            runs: Vec::new(),
            by_name: HashTable::new(),
            last: None,
            gathered: 0,
            unexpected: 0,
            pending: Vec::new(),
            has_new_pending: false,
            spare: Vec::new(),
            scratch: Vec::new(),
            stopped: false,
        }
    }

    /// Takes all lines that the source has. Their samples are written when enough have come together.
    pub(crate) fn take<'a>(&mut self, ingest: &Ingest<D>, lines: &mut impl Source<'a>, now: Now) {
        let mut next = self.last.map_or(Next::Any, Next::Run);
        while !self.stopped {
            next = match next {
                Next::End => break,
                Next::Run(run) => self.visit(ingest, run, None, lines, now),
                Next::Any => match lines.next_expecting(b"") {
                    None => Next::End,
                    Some(line) => self.sort(line).map_or(Next::Any, Next::Line),
                },
                Next::Line(read) => match self.run_of(ingest, &read, now) {
                    Some(run) => self.visit(ingest, run, Some(read), lines, now),
                    None => Next::Any,
                },
            };
            self.write_early();
            if self.gathered >= GATHERED_MAX || self.runs.len() >= RUNS_MAX {
                self.leave_all(ingest, now);
                if let Next::Run(_) = next {
                    next = Next::Any;
                }
            }
        }
    }

    /// Counts a line; gives it back if it is a sample.
    #[inline]
    fn sort<'a>(&mut self, line: Result<Line<'a>, Malformed>) -> Option<Read<'a>> {
        self.outcome.lines += 1;
        match line {
            Ok(line) => match line.field {
                Field::Value(value) => Some(Read { line, value }),
                Field::Message(_) => {
                    self.outcome.messages += 1;
                    None
                }
            },
            Err(malformed) => {
                self.malformed(malformed);
                None
            }
        }
    }

    #[cold]
    pub(crate) fn malformed(&mut self, malformed: Malformed) {
        let Malformed { line, column, reason } = malformed;
        self.outcome.refuse(Fault { line, column, reason: Reason::Malformed(reason) });
    }

    #[cold]
    pub(crate) fn refuse(&mut self, line: u64, policy: Policy) {
        self.outcome.refuse(Fault { line, column: 1, reason: Reason::Policy(policy) });
    }

    /// Takes lines as long as they are of this host.
    fn visit<'a>(
        &mut self,
        ingest: &Ingest<D>,
        at: usize,
        given: Option<Read<'a>>,
        lines: &mut impl Source<'a>,
        now: Now,
    ) -> Next<'a> {
        self.let_in(at, now);
        let Some(run) = self.runs.get_mut(at) else { return Next::Any };
        let known = Arc::clone(&run.known);
        let mut held = known.lock();
        let mut elsewhere = None;
        if let Some(read) = given
            && let Some(key) = self.key_of(ingest, at, &mut held, &read, now)
        {
            let mut gathered = self.take_gathered(at);
            if self.accept(at, &mut held.keys, key, &read, now, &mut gathered).leaves() {
                elsewhere = self.elsewhere(at);
            }
            self.put_gathered(at, gathered);
        }
        let next = match elsewhere {
            Some(next) => Next::Run(next),
            None => self.stay(at, &mut held.keys, lines, now),
        };
        if self.runs.get(at).is_some_and(|run| run.gathered.len() >= ENOUGH) {
            self.write(ingest, at, &held.keys, now);
        }
        next
    }

    fn stay<'a>(
        &mut self,
        at: usize,
        keys: &mut Keys,
        lines: &mut impl Source<'a>,
        now: Now,
    ) -> Next<'a> {
        let Some(run) = self.runs.get(at) else { return Next::Any };
        let default_is_own = run.default_is_own;
        let elsewhere = self.elsewhere(at);
        let mut gathered = self.take_gathered(at);
        let next = loop {
            if self.last == Some(at) && self.unexpected < LOST {
                self.take_foreseen(keys, default_is_own, lines, &mut gathered);
                if gathered.len() >= RUN_MAX {
                    break Next::Run(at);
                }
            }
            let (expected, bytes) = keys.expected();
            let bytes = if self.unexpected < LOST { bytes } else { b"" };
            let Some(line) = lines.next_expecting(bytes) else { break Next::End };
            let Some(read) = self.sort(line) else { continue };
            let key = match read.line.prediction {
                Prediction::Held => Some(expected),
                Prediction::Missed => keys.find(read.line.key.as_bytes()),
            };
            let is_expected = key == Some(expected);
            self.unexpected = if is_expected { 0 } else { self.unexpected.saturating_add(1) };
            let Some(key) = key.filter(|&key| keys.is_of_host(key, default_is_own)) else {
                if self.last == Some(at) {
                    keys.left();
                }
                break Next::Line(read);
            };
            let followed = self.accept(at, keys, key, &read, now, &mut gathered);
            if followed.leaves()
                && let Some(next) = elsewhere
            {
                break Next::Run(next);
            }
            if gathered.len() >= RUN_MAX {
                break Next::Run(at);
            }
        };
        self.put_gathered(at, gathered);
        next
    }

    /// Takes lines as long as each is the one that followed last time, and nothing else is known of it:
    /// all that [`stay`](Self::stay) would do then.
    #[inline]
    fn take_foreseen<'a>(
        &mut self,
        keys: &mut Keys,
        default_is_own: bool,
        lines: &mut impl Source<'a>,
        gathered: &mut Vec<Gathered>,
    ) {
        let before = gathered.len();
        while gathered.len() < RUN_MAX
            && let Some((key, bytes)) = keys.foreseen(default_is_own)
            && let Some(Sample { number, value, timestamp }) = lines.next_sample(bytes)
        {
            keys.came_as_foreseen(key);
            gathered.push(Gathered { timestamp, value, key, line: number });
        }
        self.outcome.lines += (gathered.len() - before) as u64;
    }

    /// The host whose lines followed this one's last time.
    fn elsewhere(&self, at: usize) -> Option<usize> {
        self.runs.get(at)?.next.filter(|&next| next != at)
    }

    /// A sample of this host, whose key is known.
    #[inline]
    fn accept(
        &mut self,
        at: usize,
        keys: &mut Keys,
        key: KeyId,
        read: &Read<'_>,
        now: Now,
        gathered: &mut Vec<Gathered>,
    ) -> Followed {
        let has_stayed = self.last == Some(at);
        if !has_stayed {
            if let Some(last) = self.last.and_then(|last| self.runs.get_mut(last)) {
                last.next = Some(at);
            }
            self.last = Some(at);
        }
        let followed = keys.follow(key, has_stayed);
        if followed.is_unknown() {
            self.refuse(read.line.number, Policy::UnknownMetric);
        } else {
            let timestamp = read.line.timestamp.unwrap_or(now.unix);
            gathered.push(Gathered { timestamp, value: read.value, key, line: read.line.number });
        }
        followed
    }

    /// The samples of a run, to be given back by [`put_gathered`](Self::put_gathered).
    pub(crate) fn take_gathered(&mut self, at: usize) -> Vec<Gathered> {
        let Some(run) = self.runs.get_mut(at) else { return Vec::new() };
        let gathered = std::mem::take(&mut run.gathered);
        self.gathered -= gathered.len();
        if gathered.capacity() > 0 { gathered } else { self.spare.pop().unwrap_or_default() }
    }

    fn put_gathered(&mut self, at: usize, gathered: Vec<Gathered>) {
        if let Some(run) = self.runs.get_mut(at) {
            self.gathered += gathered.len();
            run.gathered = gathered;
        }
    }
}
