//! How long things take: measured by a clock that the caller lends, and counted by duration.
//!
//! Nothing is decided by this clock; what the engine does is a matter of the time that it is told.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// The upper bounds of the classes of [`Durations`], in seconds.
pub const DURATION_BOUNDS_S: [f64; BOUNDS_NS.len()] =
    [0.000_1, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

const BOUNDS_NS: [u64; 14] = [
    100_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    10_000_000_000,
];

type Now = dyn Fn() -> Duration + Send + Sync;

/// A clock to measure with, lent by the caller. The default has none, and measures nothing.
///
/// ```
/// use std::time::Instant;
///
/// let started = Instant::now();
/// let config = checkpointer::log::Config {
///     stopwatch: checkpointer::Stopwatch::new(move || started.elapsed()),
///     ..Default::default()
/// };
/// ```
#[derive(Clone, Default)]
pub struct Stopwatch(Option<Arc<Now>>);

impl Stopwatch {
    /// One that asks `now`: the time since any moment, which never goes back.
    #[must_use]
    pub fn new(now: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(now)))
    }

    /// What it shows.
    pub(crate) fn start(&self) -> Option<Duration> {
        self.0.as_ref().map(|now| now())
    }

    /// Counts what has passed since.
    pub(crate) fn stop(&self, started: Option<Duration>, into: &Histogram) {
        if let (Some(started), Some(stopped)) = (started, self.start()) {
            into.add(stopped.saturating_sub(started));
        }
    }
}

impl fmt::Debug for Stopwatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Stopwatch").field(&self.start()).finish()
    }
}

/// How often something has taken how long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Durations {
    /// By class: up to the bound of that place in [`DURATION_BOUNDS_S`], and more than the one before.
    pub counts: [u64; BOUNDS_NS.len()],
    /// Those that took longer than the last bound.
    pub longer: u64,
    /// All of them together.
    pub sum: Duration,
}

impl Durations {
    /// How many there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum::<u64>() + self.longer
    }
}

/// The same, while it is counted.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    counts: [AtomicU64; BOUNDS_NS.len()],
    longer: AtomicU64,
    sum_ns: AtomicU64,
}

impl Histogram {
    fn add(&self, taken: Duration) {
        let taken_ns = u64::try_from(taken.as_nanos()).unwrap_or(u64::MAX);
        let class = BOUNDS_NS.partition_point(|bound| *bound < taken_ns);
        self.counts.get(class).unwrap_or(&self.longer).fetch_add(1, Relaxed);
        self.sum_ns.fetch_add(taken_ns, Relaxed);
    }

    pub(crate) fn get(&self) -> Durations {
        Durations {
            counts: std::array::from_fn(|class| {
                self.counts.get(class).map_or(0, |count| count.load(Relaxed))
            }),
            longer: self.longer.load(Relaxed),
            sum: Duration::from_nanos(self.sum_ns.load(Relaxed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_counts_in_the_first_class_that_it_does_not_exceed() {
        let histogram = Histogram::default();
        for taken_us in [0, 100, 101, 10_000_000, 10_000_001] {
            histogram.add(Duration::from_micros(taken_us));
        }
        let found = histogram.get();
        assert_eq!(
            (found.counts[0], found.counts[1], found.counts[13], found.longer),
            (2, 1, 1, 1)
        );
        assert_eq!((found.count(), found.sum), (5, Duration::from_micros(20_000_202)));
    }

    #[test]
    fn bounds_are_the_same_in_seconds() {
        let in_nanoseconds =
            DURATION_BOUNDS_S.map(|bound| Duration::from_secs_f64(bound).as_nanos());
        assert_eq!(in_nanoseconds, BOUNDS_NS.map(u128::from));
    }

    #[test]
    fn without_a_clock_nothing_is_counted() {
        let (histogram, stopwatch) = (Histogram::default(), Stopwatch::default());
        stopwatch.stop(stopwatch.start(), &histogram);
        assert_eq!(histogram.get(), Durations::default());
    }
}
