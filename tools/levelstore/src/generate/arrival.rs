//! When lines are measured, and when they arrive.
//!
//! All samples of a host and minute carry one time, which lies in that minute. Memory for lines
//! under way is bounded: the more late lines there are in a minute, the less late they can be.

use super::line::{HostName, Key, Lines, Time};
use super::metrics::{Metric, SERIES_PER_HOST};
use super::random::{Purpose, Random, below, happens};
use super::series::Number;
use std::io::{self, Write};

/// A collector is restarted once in four hours, in the mean.
const RESTART_MINUTES: u32 = 240;
const MINUTE_SECONDS: u32 = 60;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Restarts {
    /// The collector runs on, and sends at second 0.
    Never,
    /// Now and then it begins again at another second.
    AtAnotherSecond,
}

/// At which second of the minute a host's collector measures.
#[derive(Clone, Debug)]
pub(super) struct Collector {
    random: Random,
    phase: u32,
}

impl Collector {
    pub(super) fn new(seed: u64, host: u32, restarts: Restarts) -> Self {
        let mut random = Random::of(seed, host, Purpose::Seconds);
        let phase = below(random.draw(), MINUTE_SECONDS);
        Self { random, phase: if restarts == Restarts::Never { 0 } else { phase } }
    }

    /// The second of the next minute. Jitter never leads out of the minute, so that times ascend.
    pub(super) fn second(&mut self, jitter: u32, restarts: Restarts) -> u32 {
        let (restart, delay) = (self.random.draw(), self.random.draw());
        if restarts == Restarts::AtAnotherSecond && below(restart, RESTART_MINUTES) == 0 {
            let other = 1 + below(self.random.draw(), MINUTE_SECONDS - 1);
            self.phase = (self.phase + other) % MINUTE_SECONDS;
        }
        self.phase + below(delay, jitter.min(MINUTE_SECONDS - 1 - self.phase) + 1)
    }
}

/// A line under way.
#[derive(Clone, Copy, Debug)]
struct Delayed {
    host: HostName,
    series: u16,
    seconds: u64,
    number: Number,
}

const DELAY_MINUTES_MIN: u32 = 2;
const DELAY_MINUTES_MAX: u32 = 240;
/// How many lines may be under way, in the mean, unless two minutes' lines are more.
const DELAYED_MAX: u64 = 1 << 20;

/// The lines under way, by the minute of their arrival.
#[derive(Debug)]
pub(super) struct Late {
    /// Of 2³².
    chance: u64,
    delay_minutes_max: u32,
    /// The one of minute `m` at `m` modulo the length.
    due: Vec<Vec<Delayed>>,
    pub(super) count: u64,
}

impl Late {
    pub(super) fn new(percent: f64, hosts: u32) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a percentage of 2³² is at most 2³², and not negative"
        )]
        let chance = (percent.clamp(0.0, 100.0) / 100.0 * 4_294_967_296.0) as u64;
        let lines_per_minute = u64::from(hosts) * SERIES_PER_HOST as u64;
        let late_per_minute = ((lines_per_minute * chance) >> 32).max(1);
        let delay_max = u32::try_from(2 * DELAYED_MAX / late_per_minute).unwrap_or(u32::MAX);
        let delay_minutes_max = delay_max.clamp(DELAY_MINUTES_MIN, DELAY_MINUTES_MAX);
        let due = vec![Vec::new(); delay_minutes_max as usize + 1];
        Self { chance, delay_minutes_max, due, count: 0 }
    }

    /// Whether, with these random bits, a line of this minute is late; if so, its arrival's minute.
    #[inline]
    pub(super) fn arrival(&self, minute: u32, bits: u64) -> Option<u32> {
        let delays = self.delay_minutes_max - DELAY_MINUTES_MIN + 1;
        happens(bits, self.chance).then(|| minute + DELAY_MINUTES_MIN + below(bits, delays))
    }

    /// Keeps a line until the minute of its arrival.
    pub(super) fn delay(
        &mut self,
        arrival: u32,
        host: HostName,
        series: u16,
        seconds: u64,
        number: Number,
    ) {
        let at = arrival as usize % self.due.len();
        self.due[at].push(Delayed { host, series, seconds, number });
        self.count += 1;
    }

    /// Sends the lines that arrive in this minute.
    pub(super) fn send<W: Write>(
        &mut self,
        minute: u32,
        keys: &[(Key, &Metric)],
        lines: &mut Lines<W>,
    ) -> io::Result<()> {
        let at = minute as usize % self.due.len();
        for Delayed { host, series, seconds, number } in self.due[at].drain(..) {
            lines.line(&keys[usize::from(series)].0, host, number, &Time::new(seconds))?;
        }
        Ok(())
    }

    /// Sends all that is under way after the last minute, in the order of arrival.
    pub(super) fn send_rest<W: Write>(
        &mut self,
        end: u32,
        keys: &[(Key, &Metric)],
        lines: &mut Lines<W>,
    ) -> io::Result<()> {
        (end..=end + self.delay_minutes_max).try_for_each(|minute| self.send(minute, keys, lines))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_measures_once_in_every_minute() {
        for jitter in [0, 7, 29, 59] {
            for restarts in [Restarts::Never, Restarts::AtAnotherSecond] {
                let mut collector = Collector::new(3, 1, restarts);
                let seconds: Vec<_> =
                    (0..100_000).map(|_| collector.second(jitter, restarts)).collect();
                assert!(seconds.iter().all(|second| *second < 60));
                if restarts == Restarts::Never {
                    assert_eq!(seconds.iter().max(), Some(&jitter));
                    assert_eq!(seconds.iter().min(), Some(&0));
                }
                if jitter == 0 && restarts == Restarts::AtAnotherSecond {
                    let restarted = seconds.windows(2).filter(|pair| pair[0] != pair[1]).count();
                    assert!((350..490).contains(&restarted), "100,000 / 240: {restarted}");
                }
            }
        }
    }

    #[test]
    fn lines_under_way_are_bounded() {
        for hosts in [1, 50, 5000, 99_999] {
            for percent in [0.01, 1.0, 100.0] {
                let late = Late::new(percent, hosts);
                let per_minute = f64::from(hosts) * 632.0 * percent / 100.0;
                let mean = per_minute * f64::from(late.delay_minutes_max) / 2.0;
                assert!(mean <= (1.01 * per_minute).max(1.01 * 1_048_576.0), "{hosts} {percent}");
            }
        }
        assert_eq!(Late::new(1.0, 50).delay_minutes_max, 240);
    }

    #[test]
    fn all_or_nothing_can_be_late() {
        let (none, all) = (Late::new(0.0, 1), Late::new(100.0, 1));
        let mut random = Random::of(1, 1, Purpose::Lateness);
        for _ in 0..10_000 {
            let bits = random.draw();
            assert_eq!(none.arrival(5, bits), None);
            assert!(all.arrival(5, bits).is_some_and(|arrival| (7..=245).contains(&arrival)));
        }
    }
}
