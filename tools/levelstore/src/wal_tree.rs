//! A log as a tree of series, and a tree as a log.
//!
//! A snapshot has one start, one frequency and one phase for a series, a log has whatever came. So
//! only a log whose series keep one phase, without gaps of more than 512 slots, is one snapshot; of
//! any other it is said which series stands in the way.

use crate::catalogue::Catalogue;
use crate::json::legible;
use anyhow::{Context, Result, bail, ensure};
use snapshot_format::{Level, OwnedSeries, Tree};
use std::collections::HashMap;
use std::io::{Read, Write};
use std::num::NonZeroU32;
use wal_format::{Found, NamesBuf, Reader, Record, SegmentWriter, Verdict};

/// The longest stretch without samples that stays inside a series.
const GAP_SLOTS_MAX: i64 = 512;

/// Slots without a sample that a tree may have: for each record, and besides. So few bytes of a log
/// cannot become many.
const MISSING_PER_RECORD_MAX: i64 = 16;
const MISSING_FREE: i64 = 1 << 18;

/// The samples of one series, in the order of the log.
struct Samples {
    frequency: NonZeroU32,
    /// The time of the first one: slots are counted from it.
    anchor: i64,
    slots: Vec<(i64, f32)>,
}

/// The content of a log that is free of damage.
pub(crate) fn read(source: impl Read, catalogue: &Catalogue) -> Result<Tree> {
    let mut all: HashMap<NamesBuf, Samples> = HashMap::new();
    let mut key = None;
    let mut reader = Reader::new(source);
    while let Some(found) = reader.next()? {
        let Found::Record(located) = found else { continue };
        let names = located.record.names;
        let key = match key.take() {
            Some(known) if NamesBuf::as_names(&known) == names => known,
            _ => names.to_buf(),
        };
        note(&mut all, &key, &located.record, catalogue)
            .with_context(|| format!("record at offset {}: {names}", located.offset))?;
    }
    match reader.verdict() {
        Some(Verdict::Clean) => {}
        Some(Verdict::NotALog(_)) | None => bail!("this is no log"),
        Some(Verdict::Torn(gap) | Verdict::Damaged(gap)) => {
            bail!("damaged at offset {}: {}; repair it first", gap.offset, gap.cause)
        }
    }
    let mut tree = Tree::default();
    // In ascending order each insertion appends; in any other a hostile log makes each a long move.
    let mut ascending: Vec<(NamesBuf, Samples)> = all.into_iter().collect();
    ascending.sort_unstable_by(|(a, _), (b, _)| {
        let (a, b) = (a.as_names(), b.as_names());
        a.path().cmp(b.path()).then_with(|| a.metric().cmp(b.metric()))
    });
    let records = i64::try_from(reader.tally().records).unwrap_or(i64::MAX);
    let mut missing_left =
        records.saturating_mul(MISSING_PER_RECORD_MAX).saturating_add(MISSING_FREE);
    for (names, samples) in ascending {
        let series = series(samples, &mut missing_left)
            .with_context(|| format!("series {}", names.as_names()))?;
        let level = names
            .as_names()
            .path()
            .fold(&mut tree.root, |level: &mut Level, name| level.children.get_or_default(name));
        level.metrics.insert(names.as_names().metric(), series);
    }
    set_span(&mut tree);
    Ok(tree)
}

fn note(
    all: &mut HashMap<NamesBuf, Samples>,
    key: &NamesBuf,
    record: &Record<'_>,
    catalogue: &Catalogue,
) -> Result<()> {
    let frequency = record.frequency.or_else(|| catalogue.frequency(record.names.metric())).context(
        "the record has no frequency, as those of the Go store: give --metrics FILE with the metric",
    )?;
    if !all.contains_key(key) {
        let samples = Samples { frequency, anchor: record.timestamp, slots: Vec::new() };
        all.insert(key.clone(), samples);
    }
    let samples = all.get_mut(key).context("the series is not there")?;
    ensure!(
        samples.frequency == frequency,
        "the frequency changes from {} to {frequency} s: this takes more than one snapshot",
        samples.frequency
    );
    let behind = i128::from(record.timestamp) - i128::from(samples.anchor);
    let seconds = i128::from(frequency.get());
    ensure!(
        record.frequency.is_none() || behind % seconds == 0,
        "its slots have another phase than those before: this takes more than one snapshot"
    );
    // A record without a frequency holds the time of arrival, up to half an interval off its slot.
    let slot = (behind + seconds / 2).div_euclid(seconds);
    samples.slots.push((i64::try_from(slot).context("its time is out of reach")?, record.value));
    Ok(())
}

/// A series, if it needs no more slots without a sample than are left.
fn series(samples: Samples, missing_left: &mut i64) -> Result<OwnedSeries> {
    let Samples { frequency, anchor, mut slots } = samples;
    slots.sort_by_key(|&(slot, _)| slot);
    let seconds = i64::from(frequency.get());
    let first = slots.first().map_or(0, |&(slot, _)| slot);
    let start = first
        .checked_mul(seconds)
        .and_then(|behind| anchor.checked_add(behind))
        .context("its times are beyond all clocks")?;
    let mut values: Vec<f32> = Vec::new();
    let mut next = first;
    for (slot, value) in slots {
        let missing = slot - next;
        ensure!(
            missing <= GAP_SLOTS_MAX,
            "a gap of {missing} slots: this takes more than one snapshot"
        );
        *missing_left -= missing.max(0);
        ensure!(
            *missing_left >= 0,
            "hardly a slot has a sample: this takes more than one snapshot"
        );
        for _ in 0..missing {
            values.push(f32::NAN);
        }
        match values.last_mut() {
            // The later record wins, but NaN says nothing.
            Some(last) if missing < 0 => *last = if value.is_nan() { *last } else { value },
            _ => values.push(value),
        }
        next = slot + 1;
    }
    Ok(OwnedSeries { frequency: seconds, start, values })
}

/// `from` is the lowest time in the tree, `to` the highest and one.
fn set_span(tree: &mut Tree) {
    let mut span: Option<(i64, i64)> = None;
    let mut open = vec![&tree.root];
    while let Some(level) = open.pop() {
        open.extend(level.children.values());
        for series in level.metrics.values() {
            let slots = i64::try_from(series.values.len()).unwrap_or(i64::MAX);
            let last = series.start.saturating_add((slots - 1).saturating_mul(series.frequency));
            let (from, to) = span.unwrap_or((i64::MAX, i64::MIN));
            span = Some((from.min(series.start), to.max(last.saturating_add(1))));
        }
    }
    (tree.from, tree.to) = span.unwrap_or_default();
}

/// Writes every sample of a tree, by path, metric and time, with its nominal time and frequency.
pub(crate) fn write(tree: &Tree, out: impl Write) -> Result<()> {
    let mut writer = SegmentWriter::new(out)?;
    let mut open: Vec<(Vec<&[u8]>, &Level)> = vec![(Vec::new(), &tree.root)];
    while let Some((path, level)) = open.pop() {
        for (metric, series) in &level.metrics {
            write_series(&mut writer, metric, &path, series)
                .with_context(|| format!("series {} of {}", legible(metric), show(&path)))?;
        }
        for (name, below) in level.children.iter().rev() {
            open.push(([&path[..], &[name]].concat(), below));
        }
    }
    Ok(())
}

fn write_series(
    writer: &mut SegmentWriter<impl Write>,
    metric: &[u8],
    path: &[&[u8]],
    series: &OwnedSeries,
) -> Result<()> {
    let names = NamesBuf::new(metric, path)?;
    if series.values.iter().all(|value| value.is_nan()) {
        return Ok(());
    }
    let seconds = u32::try_from(series.frequency).ok().and_then(NonZeroU32::new);
    let frequency = seconds
        .with_context(|| format!("a frequency of {} s cannot stand in a log", series.frequency))?;
    for (slot, &value) in (0_i64..).zip(&series.values) {
        if value.is_nan() {
            continue;
        }
        let timestamp = slot
            .checked_mul(series.frequency)
            .and_then(|behind| series.start.checked_add(behind))
            .context("its times are beyond all clocks")?;
        let frequency = Some(frequency);
        writer.write(&Record { names: names.as_names(), timestamp, value, frequency })?;
    }
    Ok(())
}

fn show(path: &[&[u8]]) -> String {
    format!("[{}]", path.iter().map(|name| legible(name)).collect::<Vec<_>>().join(", "))
}
