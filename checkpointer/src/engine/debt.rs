//! Which hosts have to be checkpointed: a pure function of what each of them has in its log.

use std::cmp::Reverse;
use std::time::Duration;

use super::config::Thresholds;

/// Why a host is checkpointed, in the order in which those are served that are due at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CheckpointMode {
    /// Its uncovered log has reached [`Thresholds::restart`]: its writers wait.
    Restart,
    /// Only a snapshot makes durable what its log holds: a sync has failed, or may have before a start.
    Unsynced,
    /// Its uncovered log has reached [`Thresholds::passive`].
    Passive,
    /// All hosts together have more than [`Thresholds::total`].
    Budget,
    /// Its turn has come.
    Age,
    /// The last one has failed.
    Retry,
    /// Somebody has asked for it: before something is freed or archived, at the close.
    Asked,
}

impl CheckpointMode {
    /// All of them, in their order.
    pub const ALL: [Self; 7] = [
        Self::Restart,
        Self::Unsynced,
        Self::Passive,
        Self::Budget,
        Self::Age,
        Self::Retry,
        Self::Asked,
    ];

    /// Its name, for who counts by mode.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Restart => "restart",
            Self::Unsynced => "unsynced",
            Self::Passive => "passive",
            Self::Budget => "budget",
            Self::Age => "age",
            Self::Retry => "retry",
            Self::Asked => "asked",
        }
    }
}

/// What a host has in its log, and what else speaks for a checkpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Debt {
    /// Bytes that no durable snapshot covers.
    pub(super) uncovered: u64,
    /// When its last checkpoint was.
    pub(super) since: Duration,
    pub(super) is_unsynced: bool,
    pub(super) has_turn: bool,
    /// Its last checkpoint has failed: it is tried again then, and not before.
    pub(super) again_at: Option<Duration>,
    /// It is being paid, or somebody else has the host's files.
    pub(super) is_busy: bool,
}

impl Debt {
    /// Why it is to be paid, all other hosts apart.
    fn mode(&self, thresholds: &Thresholds, now: Duration) -> Option<CheckpointMode> {
        let reached = |threshold: Option<u64>| {
            self.uncovered > 0 && threshold.is_some_and(|threshold| self.uncovered >= threshold)
        };
        if self.is_busy {
            return None;
        }
        if let Some(again_at) = self.again_at {
            return (now >= again_at).then_some(CheckpointMode::Retry);
        }
        [
            (reached(thresholds.restart), CheckpointMode::Restart),
            (self.is_unsynced, CheckpointMode::Unsynced),
            (reached(thresholds.passive), CheckpointMode::Passive),
            (self.has_turn, CheckpointMode::Age),
        ]
        .into_iter()
        .find_map(|(is_due, mode)| is_due.then_some(mode))
    }

    fn could_be_paid(&self) -> bool {
        !self.is_busy && self.again_at.is_none() && self.uncovered > 0
    }
}

/// The hosts that are due, by their places in `debts`, in the order in which they are to be served.
pub(super) fn due(
    debts: &[Debt],
    thresholds: &Thresholds,
    now: Duration,
) -> Vec<(usize, CheckpointMode)> {
    let mut due = Vec::new();
    let (mut left, mut others) = (0_u64, Vec::new());
    for (place, debt) in debts.iter().enumerate() {
        match debt.mode(thresholds, now) {
            Some(mode) => due.push((place, mode, debt)),
            // It is about to be gone.
            None if debt.is_busy => {}
            None => {
                left = left.saturating_add(debt.uncovered);
                others.extend(debt.could_be_paid().then_some((place, debt)));
            }
        }
    }
    let total: u64 = debts.iter().fold(0, |sum, debt| sum.saturating_add(debt.uncovered));
    let budget = thresholds.total.unwrap_or(u64::MAX);
    if total > budget {
        others.sort_by_key(|(_, debt)| (Reverse(debt.uncovered), debt.since));
        for (place, debt) in others {
            if left <= budget {
                break;
            }
            left -= debt.uncovered;
            due.push((place, CheckpointMode::Budget, debt));
        }
    }
    due.sort_by_key(|(_, mode, debt)| (*mode, debt.again_at, Reverse(debt.uncovered), debt.since));
    due.into_iter().map(|(place, mode, _)| (place, mode)).collect()
}

#[cfg(test)]
mod tests {
    use super::CheckpointMode::{Age, Budget, Passive, Restart, Retry, Unsynced};
    use super::*;

    const THRESHOLDS: Thresholds =
        Thresholds { passive: Some(100), restart: Some(400), total: Some(1000) };
    const NOW: Duration = Duration::from_secs(50);

    fn of(uncovered: u64) -> Debt {
        Debt { uncovered, ..Debt::default() }
    }

    fn due_now(debts: &[Debt]) -> Vec<(usize, CheckpointMode)> {
        due(debts, &THRESHOLDS, NOW)
    }

    #[test]
    fn a_threshold_is_reached_at_its_byte_and_not_before() {
        assert_eq!(due_now(&[of(0), of(99)]), []);
        assert_eq!(due_now(&[of(100)]), [(0, Passive)]);
        assert_eq!(due_now(&[of(399)]), [(0, Passive)]);
        assert_eq!(due_now(&[of(400)]), [(0, Restart)]);
        let none = Thresholds::default();
        assert_eq!(due(&[of(u64::MAX), of(u64::MAX)], &none, NOW), []);
        let zero = Thresholds { passive: Some(0), ..none };
        assert_eq!(due(&[of(0), of(1)], &zero, NOW), [(1, Passive)]);
    }

    #[test]
    fn who_lets_writers_wait_comes_first_and_who_has_failed_last() {
        let debts = [
            Debt { has_turn: true, ..of(1) },
            Debt { again_at: Some(NOW), ..of(450) },
            of(120),
            of(150),
            Debt { is_unsynced: true, ..of(3) },
            of(400),
            of(500),
        ];
        let restart = [(6, Restart), (5, Restart), (4, Unsynced)];
        let others = [(3, Passive), (2, Passive), (0, Age), (1, Retry)];
        assert_eq!(due_now(&debts), [&restart[..], &others].concat());
    }

    #[test]
    fn who_has_failed_is_left_alone_for_a_while_whatever_it_has() {
        let later = NOW + Duration::from_nanos(1);
        let failed = Debt { again_at: Some(later), is_unsynced: true, has_turn: true, ..of(5000) };
        assert_eq!(due_now(&[failed]), []);
        assert_eq!(due(&[failed], &THRESHOLDS, later), [(0, Retry)]);
        let earlier = Debt { again_at: Some(NOW), ..failed };
        assert_eq!(due(&[failed, earlier], &THRESHOLDS, later), [(1, Retry), (0, Retry)]);
    }

    #[test]
    fn above_the_budget_the_largest_are_due_and_of_these_the_oldest_first() {
        let aged = |uncovered, since| Debt { since: Duration::from_secs(since), ..of(uncovered) };
        let budget = |total| Thresholds { total: Some(total), ..Thresholds::default() };
        let debts = [aged(50, 9), aged(90, 8), aged(20, 0), aged(90, 7), aged(10, 1)];
        assert_eq!(due(&debts, &budget(260), NOW), []);
        assert_eq!(due(&debts, &budget(259), NOW), [(3, Budget)]);
        assert_eq!(due(&debts, &budget(169), NOW), [(3, Budget), (1, Budget)]);
        let all = due(&debts, &budget(0), NOW);
        assert_eq!(all.iter().map(|(place, _)| *place).collect::<Vec<_>>(), [3, 1, 0, 2, 4]);
    }

    #[test]
    fn what_is_being_paid_is_paid_once_and_relieves_the_budget() {
        let busy = Debt { is_busy: true, ..of(900) };
        assert_eq!(due_now(&[busy]), []);
        assert_eq!(due_now(&[busy, of(90), of(80)]), []);
        let failed = Debt { again_at: Some(NOW * 2), ..of(990) };
        assert_eq!(due_now(&[failed, of(10)]), []);
        assert_eq!(due_now(&[failed, of(11)]), [(1, Budget)], "nothing else can be done");
    }
}
