//! `levelstore gen`: the line protocol that a simulated cluster sends.
//!
//! The same options give the same bytes, for ever: there is no clock in it, and no arithmetic but
//! what every machine does alike. Each option changes what it is about and nothing else: a late line
//! carries the value that it would have carried in time, and a host sends the same in a cluster of
//! any size. Memory is a number per series, and a bounded queue of late lines.

mod arrival;
mod cluster;
mod line;
mod metrics;
mod options;
mod random;
mod series;

pub(crate) use cluster::Cluster;
pub(crate) use metrics::configuration;
pub(crate) use options::Options;

use crate::Verdict;
use crate::files::{self, Keep};
use anyhow::{Context, Result, ensure};
use arrival::{Collector, Late};
use line::{HostName, Key, Lines, Time};
use metrics::{INTERVAL_SECONDS, Metric, SERIES_PER_HOST, Width};
use random::{Purpose, Random, happens};
use series::{Kind, Number};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// 0.5 % of 2³².
const MISSING_CHANCE: u64 = 21_474_836;

/// Unix seconds up to here have ten digits.
const SECONDS_MAX: u64 = 9_999_999_999;

#[derive(Clone, Copy, Debug, Default)]
struct Written {
    lines: u64,
    late: u64,
    bytes: u64,
}

pub(crate) fn run(options: &Options, out: &mut impl Write) -> Result<Verdict> {
    let end =
        options.start.saturating_add(u64::from(options.minutes) * u64::from(INTERVAL_SECONDS));
    ensure!(end <= SECONDS_MAX, "--start and --minutes: times above {SECONDS_MAX} seconds");
    if options.out.as_os_str() == "-" {
        generate(options, out)?;
        return Ok(Verdict::Fine);
    }
    let metrics = metrics_path(&options.out);
    // Not after minutes of work.
    files::ensure_new(&metrics)?;
    let mut written = Written::default();
    files::create(&options.out, |file| {
        written = generate(options, file)?;
        Ok(Keep::Yes)
    })?;
    files::create(&metrics, |file| {
        serde_json::to_writer_pretty(&mut *file, &configuration())?;
        writeln!(file)?;
        Ok(Keep::Yes)
    })
    .context("the lines are written, but not their metrics")?;
    let Written { lines, late, bytes } = written;
    writeln!(
        out,
        "{}: {lines} lines of {} hosts with {SERIES_PER_HOST} series each, {late} of them late, \
         {bytes} bytes; metrics in {}",
        options.out.display(),
        options.hosts,
        metrics.display()
    )?;
    Ok(Verdict::Fine)
}

/// `FILE.metrics.json`.
fn metrics_path(file: &Path) -> PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push(".metrics.json");
    path.into()
}

/// Writes all lines: minute by minute, host by host.
fn generate(options: &Options, out: impl Write) -> io::Result<Written> {
    let keys = line::keys(&options.cluster)?;
    let mut lines = Lines::new(out);
    let mut late = (options.late > 0.0).then(|| Late::new(options.late, options.hosts));
    let mut hosts: Vec<_> =
        (0..options.hosts).map(|host| Host::new(options, host, &keys)).collect();
    for minute in 0..options.minutes {
        if let Some(late) = &mut late {
            late.send(minute, &keys, &mut lines)?;
        }
        for host in &mut hosts {
            host.minute(minute, options, &keys, &mut lines, late.as_mut())?;
        }
    }
    if let Some(late) = &mut late {
        late.send_rest(options.minutes, &keys, &mut lines)?;
    }
    lines.flush()?;
    Ok(Written { lines: lines.count, late: late.map_or(0, |late| late.count), bytes: lines.bytes })
}

#[derive(Debug)]
struct Host {
    name: HostName,
    values: Box<[u64]>,
    random: Random,
    digits: Random,
    lateness: Random,
    collector: Collector,
}

impl Host {
    fn new(options: &Options, host: u32, keys: &[(Key, &Metric)]) -> Self {
        let random = |purpose| Random::of(options.seed, host, purpose);
        let mut values = random(Purpose::Values);
        Self {
            name: line::host_name(host),
            values: keys.iter().map(|(_, metric)| metric.kind.first(values.draw())).collect(),
            random: values,
            digits: random(Purpose::Digits),
            lateness: random(Purpose::Lateness),
            collector: Collector::new(options.seed, host, options.restarts()),
        }
    }

    /// Measures every series once, and sends what is in time.
    fn minute<W: Write>(
        &mut self,
        minute: u32,
        options: &Options,
        keys: &[(Key, &'static Metric)],
        lines: &mut Lines<W>,
        mut late: Option<&mut Late>,
    ) -> io::Result<()> {
        let second = self.collector.second(options.jitter, options.restarts());
        let seconds =
            options.start + u64::from(minute) * u64::from(INTERVAL_SECONDS) + u64::from(second);
        let time = Time::new(seconds);
        for (series, ((key, metric), value)) in (0..).zip(keys.iter().zip(&mut self.values)) {
            let bits = self.random.draw();
            *value = metric.kind.next(*value, bits);
            if happens(bits, MISSING_CHANCE) {
                continue;
            }
            let number = if options.full_precision {
                unrounded(metric, *value, self.digits.draw())
            } else {
                rounded(metric.kind, *value)
            };
            if let Some(late) = &mut late
                && let Some(arrival) = late.arrival(minute, self.lateness.draw())
            {
                late.delay(arrival, self.name, series, seconds, number);
                continue;
            }
            lines.line(key, self.name, number, &time)?;
        }
        Ok(())
    }
}

/// The value as a collector sends it that rounds to two decimals.
#[inline]
fn rounded(kind: Kind, value: u64) -> Number {
    match kind {
        Kind::Constant { .. } | Kind::Walk { .. } | Kind::Burst { .. } => Number::Hundredths(value),
        Kind::Counter { .. } => Number::Integer(value),
        Kind::SignedCounter { .. } => Number::SignedInteger(value),
    }
}

/// The value as it was before it was rounded: all digits that its width holds.
#[expect(clippy::cast_precision_loss, reason = "values in hundredths and random bits below 2⁵³")]
fn unrounded(metric: &Metric, value: u64, bits: u64) -> Number {
    match metric.kind {
        Kind::Walk { .. } | Kind::Burst { .. } if value > 0 => {
            let within_half = (bits >> 11) as f64 / 9_007_199_254_740_992.0 - 0.5;
            let exact = (value as f64 + within_half) / 100.0;
            match metric.width {
                #[expect(clippy::cast_possible_truncation, reason = "that is what the width means")]
                Width::Single => Number::Single(exact as f32),
                Width::Double => Number::Double(exact),
            }
        }
        kind => rounded(kind, value),
    }
}
