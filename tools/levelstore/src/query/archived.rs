//! An answer from an archive: the rows of that host and metric are loaded as a start loads a host, and
//! then asked.
//!
//! Rows a little before and behind the times that are asked for are loaded too: the slot that takes a
//! time may have a nominal time on the other side of it. What has no sample even there is not known.

use super::Options;
use crate::archive::files::Files;
use crate::catalogue;
use crate::json::legible;
use crate::{Verdict, time};
use anyhow::{Context, Result, bail, ensure};
use archiver::{Filter, Piece};
use checkpointer::memstore::{Aggregation, Host, Loaded, MetricId, Origin, State};
use std::io::Write;
use std::num::NonZeroU32;

/// Seconds before and behind: more than samples are apart anywhere.
const MARGIN: i64 = 3600;

/// Samples that are taken into memory at most.
const SAMPLES_MAX: u64 = 1 << 26;

pub(super) fn query(options: &Options, out: &mut impl Write) -> Result<Verdict> {
    let mut files = Files::find(&options.archive, Some(&options.cluster))?;
    let metrics = options.metrics.as_deref().map(catalogue::Catalogue::read).transpose()?;
    let catalogue = metrics.unwrap_or_default().to_memory();
    let metric = catalogue.intern(options.metric.as_bytes());
    let config = || catalogue.get(metric)?.config;
    let margin = config().map_or(0, |config| i64::from(config.frequency.get())).max(MARGIN);
    let from = options.from.map_or(i64::MIN, |from| from.saturating_sub(margin));
    let to = options.to.map_or(i64::MAX, |to| to.saturating_add(margin));
    let filter = Filter {
        cluster: Some(options.cluster.clone()),
        hostname: Some(options.host.clone()),
        metric: Some(options.metric.clone()),
        times: from..=to,
    };
    let mut loading =
        Loading { host: Host::new(), metric, samples: 0, frequency: None, stretch: Vec::new() };
    files.pieces(&filter, |piece| {
        let context = || legible(format!("{} of {}", piece.metric, piece.hostname).as_bytes());
        loading.piece(&piece).with_context(context)
    })?;
    let title = || format!("query {}", options.title());
    if loading.samples == 0 {
        let times = [options.from, options.to].map(|time| time.map_or("…".into(), time::utc));
        bail!("{}: the archive has no sample of it, {} to {}", title(), times[0], times[1]);
    }
    if config().is_none()
        && let Some(frequency) = loading.frequency
    {
        catalogue.add(options.metric.as_bytes(), frequency, Aggregation::None);
    }
    options.ask(&catalogue, &loading.host).with_context(title)?.tell(out)?;
    Ok(if files.lost > 0 { Verdict::Problems } else { Verdict::Fine })
}

/// Rows on their way into a host.
struct Loading {
    host: Host,
    metric: MetricId,
    samples: u64,
    /// Of the rows read last.
    frequency: Option<NonZeroU32>,
    /// Values that follow each other.
    stretch: Vec<f32>,
}

impl Loading {
    fn piece(&mut self, piece: &Piece) -> Result<()> {
        self.samples += piece.values.len() as u64;
        ensure!(
            self.samples <= SAMPLES_MAX,
            "more than {SAMPLES_MAX} samples: ask for fewer with --from and --to"
        );
        let frequency = u32::try_from(piece.frequency).ok().and_then(NonZeroU32::new);
        let frequency = frequency.with_context(|| {
            format!("{} is no interval in seconds between two samples", piece.frequency)
        })?;
        self.frequency = Some(frequency);
        let devices = piece.devices();
        let path: Vec<&[u8]> = devices.iter().map(Vec::as_slice).collect();
        let series = self.host.series(&path, self.metric)?;
        let follows = |one: &(&i64, &f32), next: &(&i64, &f32)| {
            one.0.checked_add(piece.frequency).is_some_and(|time| time == *next.0)
        };
        let rows: Vec<_> = piece.timestamps.iter().zip(&piece.values).collect();
        for stretch in rows.chunk_by(follows) {
            let Some(&(&start, _)) = stretch.first() else { continue };
            self.stretch.clear();
            self.stretch.extend(stretch.iter().map(|row| row.1));
            let values = &self.stretch;
            let (origin, state) = (Origin::Ours, State::Clean);
            self.host.load(series, Loaded { start, frequency, values, origin, state })?;
        }
        Ok(())
    }
}
