//! What has become of a batch.

use std::fmt;

use checkpointer::Offline;
use checkpointer::log::{self, Unacknowledged};
use thiserror::Error;

use crate::reason::Reason;

/// So many of the lines that were refused are told one by one, of malformed ones and of the others.
pub const FAULTS_MAX: usize = 10;

/// A line that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// Which line of the body, from 1.
    pub line: u64,
    /// Which byte of the line, from 1; where it is the sample that is not taken, 1.
    pub column: usize,
    /// Why.
    pub reason: Reason,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, reason } = self;
        write!(f, "line {line}, column {column}: {reason}")
    }
}

/// How many lines were refused, by reason.
#[derive(Clone, PartialEq, Eq)]
pub struct Refusals {
    counts: [u64; Reason::COUNT],
}

impl Default for Refusals {
    fn default() -> Self {
        Self { counts: [0; Reason::COUNT] }
    }
}

impl Refusals {
    pub(crate) fn add(&mut self, reason: Reason, lines: u64) {
        if let Some(count) = self.counts.get_mut(reason.index()) {
            *count += lines;
        }
    }

    /// For a reason.
    #[must_use]
    pub fn of(&self, reason: Reason) -> u64 {
        self.counts.get(reason.index()).copied().unwrap_or(0)
    }

    /// Those that there were, in the order of [`Reason::all`].
    pub fn iter(&self) -> impl Iterator<Item = (Reason, u64)> + '_ {
        Reason::all().zip(self.counts).filter(|(_, count)| *count > 0)
    }
}

impl fmt::Debug for Refusals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(reason, count)| (reason.label(), count))).finish()
    }
}

/// Why a batch does not count as acknowledged. Sending it again is harmless.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum NotAcknowledged {
    /// The log has no room.
    #[error("the log has no room")]
    Full(#[source] log::Refused),
    /// The log could not be written or synced.
    #[error("the batch is not in the log")]
    NotLogged(#[source] Unacknowledged),
    /// A host's files cannot be read. What the batch has of other hosts is stored.
    #[error("a host is offline")]
    Offline(#[source] Offline),
    /// The engine is closed.
    #[error("the engine is closed")]
    Closed,
}

/// What has become of a batch.
#[derive(Clone, Debug, Default)]
#[must_use = "it says whether the batch is acknowledged"]
pub struct Outcome {
    /// Lines that say something: all but blank ones and comments.
    pub lines: u64,
    /// Samples stored.
    pub stored: u64,
    /// Of these, samples that are in memory only until the next checkpoint.
    pub unlogged: u64,
    /// Lines that are messages of other kinds: events, logs, controls. They are no fault.
    pub messages: u64,
    /// Lines that are wrong by themselves.
    pub malformed: u64,
    /// Lines that are right, but are not taken.
    pub policy: u64,
    /// Both, by reason.
    pub refused: Refusals,
    /// The first lines that were refused, by number: up to [`FAULTS_MAX`] malformed ones, and up to as
    /// many others.
    pub faults: Vec<Fault>,
    /// Why the batch does not count as acknowledged; `None` if it does. If not, some of its lines
    /// may be stored, and some may not have been looked at.
    pub not_acknowledged: Option<NotAcknowledged>,
}

impl Outcome {
    /// Whether the batch counts as acknowledged, as far as that was to be waited for.
    #[must_use]
    pub fn is_acknowledged(&self) -> bool {
        self.not_acknowledged.is_none()
    }

    pub(crate) fn refuse(&mut self, fault: Fault) {
        let kind = fault.reason.is_malformed();
        *(if kind { &mut self.malformed } else { &mut self.policy }) += 1;
        self.refused.add(fault.reason, 1);
        let of_kind = |other: &Fault| other.reason.is_malformed() == kind;
        if self.faults.iter().filter(|other| of_kind(other)).count() == FAULTS_MAX {
            // Hosts are written one by one, so that the last to come need not be the last line.
            let last = self.faults.iter().rposition(of_kind);
            match last.and_then(|at| Some((at, *self.faults.get(at)?))) {
                Some((at, last)) if fault < last => drop(self.faults.remove(at)),
                _ => return,
            }
        }
        let at = self.faults.partition_point(|other| *other < fault);
        self.faults.insert(at, fault);
    }

    /// The first failure is the one that is told.
    pub(crate) fn fail(&mut self, why: NotAcknowledged) {
        self.not_acknowledged.get_or_insert(why);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reason::Policy;
    use line_protocol::Reason as Malformed;

    #[test]
    fn the_first_ten_of_each_kind_are_kept_in_whatever_order_they_come() {
        let mut outcome = Outcome::default();
        for step in 0..100_u64 {
            let line = step * 37 % 100 + 1;
            let malformed = Reason::Malformed(Malformed::NoHost);
            let reason = if line < 50 { malformed } else { Reason::Policy(Policy::TooOld) };
            outcome.refuse(Fault { line, column: 1, reason });
        }
        let lines: Vec<u64> = outcome.faults.iter().map(|fault| fault.line).collect();
        assert_eq!(lines, (1..=10).chain(50..=59).collect::<Vec<u64>>());
        assert_eq!((outcome.malformed, outcome.policy), (49, 51));
        assert_eq!(outcome.refused.of(Reason::Policy(Policy::TooOld)), 51);
        assert_eq!(outcome.refused.iter().map(|(_, count)| count).sum::<u64>(), 100);
    }
}
