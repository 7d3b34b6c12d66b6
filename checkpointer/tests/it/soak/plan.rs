//! What is going to happen: drawn from a seed before it begins, so that a seed repeats it.

use std::cell::Cell;
use std::fmt;

/// How long, how many hosts, and from which seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) days: i64,
    pub(super) hosts: usize,
}

pub(super) const HOUR: i64 = 60;
pub(super) const DAY: i64 = 24 * HOUR;

impl Plan {
    /// From the variables `SOAK_SEED`, `SOAK_DAYS` and `SOAK_HOSTS`.
    pub(super) fn from_environment() -> Self {
        let number = |name: &str, or| {
            std::env::var(name).map_or(or, |text| text.parse::<u64>().unwrap_or(or))
        };
        Self {
            seed: number("SOAK_SEED", 1),
            days: i64::try_from(number("SOAK_DAYS", 3)).unwrap().clamp(1, 60),
            hosts: usize::try_from(number("SOAK_HOSTS", 8)).unwrap().clamp(3, 200),
        }
    }

    pub(super) fn minutes(&self) -> i64 {
        self.days * DAY
    }

    /// Two days of a fortnight; short enough in a short run that much ages out.
    pub(super) fn retention_seconds(&self) -> i64 {
        60 * (self.minutes() / 6).clamp(6 * HOUR, 2 * DAY)
    }

    /// What happens, by minute.
    pub(super) fn events(&self, random: &Random) -> Vec<(i64, Event)> {
        let mut events = Vec::new();
        for (event, per_week) in Event::ALL {
            let count = (per_week * self.days / 7).max(1);
            for _ in 0..count {
                events.push((random.up_to(HOUR, self.minutes() - 5 * HOUR), event));
            }
        }
        // Metrics are added in the middle, too.
        events.push((self.minutes() / 3, Event::Metric));
        events.sort_by_key(|(minute, _)| *minute);
        events
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, days, hosts } = self;
        write!(f, "SOAK_SEED={seed} SOAK_DAYS={days} SOAK_HOSTS={hosts}")
    }
}

/// Something that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The process ends as told, and starts again.
    Restart,
    Kill,
    PowerLoss,
    /// The process dies in the middle of something: of what is due, of a checkpoint, of a merge.
    Dies,
    DiesWhileKeeping,
    /// A host sends its last hour again every minute, with other values.
    Burst,
    /// A collector cannot send, and sends all of it later.
    Outage,
    Death,
    Birth,
    /// A job begins on a host, which is kept.
    Job,
    Metric,
    DiskFull,
    SyncFails,
    AppendFails,
    RenameFails,
    ClockAhead,
    ClockFarAhead,
    ClockBehind,
    MemoryCap,
}

impl Event {
    /// Each with how often it happens in a week; once at least.
    const ALL: [(Self, i64); 18] = [
        (Self::Restart, 4),
        (Self::Kill, 7),
        (Self::PowerLoss, 7),
        (Self::Dies, 10),
        (Self::DiesWhileKeeping, 7),
        (Self::Burst, 7),
        (Self::Outage, 14),
        (Self::Death, 4),
        (Self::Birth, 4),
        (Self::Job, 3),
        (Self::DiskFull, 2),
        (Self::SyncFails, 4),
        (Self::AppendFails, 4),
        (Self::RenameFails, 4),
        (Self::ClockAhead, 2),
        (Self::ClockFarAhead, 1),
        (Self::ClockBehind, 2),
        (Self::MemoryCap, 3),
    ];
}

/// Chance that repeats.
#[derive(Debug)]
pub(super) struct Random(Cell<u64>);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(Cell::new(seed))
    }

    pub(super) fn next(&self) -> u64 {
        let state = self.0.get().wrapping_add(0x9E37_79B9_7F4A_7C15);
        self.0.set(state);
        mixed(state)
    }

    pub(super) fn below(&self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit.max(1)).unwrap()).unwrap()
    }

    /// A number of `first..end`.
    pub(super) fn up_to(&self, first: i64, end: i64) -> i64 {
        first + i64::try_from(self.next() % (end - first).max(1).unsigned_abs()).unwrap()
    }

    pub(super) fn one_in(&self, count: usize) -> bool {
        self.below(count) == 0
    }
}

/// Every bit of it depends on every bit.
pub(super) fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}
