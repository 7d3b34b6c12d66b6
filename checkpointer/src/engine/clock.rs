//! What time it can be: a wall clock that jumps destroys nothing and refuses nothing.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use memstore::Limits;

use super::config::{Config, Now};

/// No sample was seen yet.
const NONE: i64 = i64::MIN;

/// The newest sample of the store, and what follows from it.
#[derive(Debug)]
pub(crate) struct Clock {
    newest: AtomicI64,
    retention: Option<i64>,
    max_future: Option<i64>,
}

impl Clock {
    pub(crate) fn new(config: &Config) -> Self {
        let Config { retention, max_future, .. } = *config;
        Self { newest: AtomicI64::new(NONE), retention, max_future }
    }

    /// A sample was accepted, or found.
    pub(crate) fn saw(&self, time: i64) {
        self.newest.fetch_max(time, Relaxed);
    }

    /// The newest sample of all hosts.
    pub(crate) fn newest(&self) -> Option<i64> {
        let newest = self.newest.load(Relaxed);
        (newest != NONE).then_some(newest)
    }

    /// Now, for freeing, deleting, archiving and "too old": not far ahead of the newest sample.
    fn trusted(&self, newest: Option<i64>, now: Now) -> i64 {
        let (Some(newest), Some(ahead)) = (newest, self.max_future) else { return now.unix };
        let most = newest.saturating_add(ahead).saturating_add(self.retention.unwrap_or(0) / 2);
        now.unix.min(most)
    }

    /// The oldest time that is still inside the retention.
    pub(crate) fn oldest(&self, now: Now) -> i64 {
        self.oldest_with(self.newest(), now)
    }

    /// The same, if this is the newest sample.
    pub(crate) fn oldest_with(&self, newest: Option<i64>, now: Now) -> i64 {
        let trusted = self.trusted(newest, now);
        self.retention.map_or(i64::MIN, |retention| trusted.saturating_sub(retention))
    }

    /// Whether the wall clock is behind the newest sample by more than samples may be ahead.
    pub(crate) fn is_behind(&self, now: Now) -> bool {
        let (Some(newest), Some(ahead)) = (self.newest(), self.max_future) else { return false };
        newest > now.unix.saturating_add(ahead)
    }

    /// Which samples are taken.
    pub(crate) fn limits(&self, now: Now, takes_from: i64) -> Limits {
        let ahead_of =
            if self.is_behind(now) { self.newest().unwrap_or(now.unix) } else { now.unix };
        Limits {
            oldest: self.oldest(now),
            newest: self.max_future.map_or(i64::MAX, |ahead| ahead_of.saturating_add(ahead)),
            takes_from,
        }
    }

    /// The last nominal time that a `.bin` may hold: what is ahead of the wall clock goes elsewhere.
    pub(crate) fn ahead_from(&self, now: Now) -> i64 {
        self.max_future.map_or(i64::MAX, |ahead| now.unix.saturating_add(ahead))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const HOUR: i64 = 3600;
    const YEARS: i64 = 10 * 365 * 24 * HOUR;

    fn clock(retention: Option<i64>, max_future: Option<i64>) -> Clock {
        Clock::new(&Config { retention, max_future, ..Config::default() })
    }

    fn at(unix: i64) -> Now {
        Now { unix, uptime: Duration::ZERO }
    }

    #[test]
    fn a_clock_that_jumps_ahead_makes_nothing_old() {
        let clock = clock(Some(48 * HOUR), Some(HOUR));
        let newest = 1_700_000_000;
        clock.saw(newest);
        assert_eq!(clock.oldest(at(newest)), newest - 48 * HOUR);
        assert_eq!(clock.oldest(at(newest + YEARS)), newest + HOUR + 24 * HOUR - 48 * HOUR);
        assert!(clock.limits(at(newest + YEARS), 0).oldest < newest);
    }

    #[test]
    fn a_clock_that_jumps_back_still_takes_what_follows_the_newest_sample() {
        let clock = clock(Some(48 * HOUR), Some(HOUR));
        let newest = 1_700_000_000;
        clock.saw(newest);
        assert!(!clock.is_behind(at(newest - HOUR)));
        assert_eq!(clock.limits(at(newest - HOUR), 0).newest, newest);
        assert!(clock.is_behind(at(newest - YEARS)));
        assert_eq!(clock.limits(at(newest - YEARS), 0).newest, newest + HOUR);
    }

    #[test]
    fn without_limits_any_time_is_taken() {
        let clock = clock(None, None);
        clock.saw(1_700_000_000);
        assert_eq!(clock.limits(at(0), i64::MIN), Limits::NONE);
        assert_eq!(clock.ahead_from(at(0)), i64::MAX);
    }
}
