//! `levelstore estimate`: the memory and the disk that a cluster will need.
//!
//! Memory is that of the series as `memstore` keeps them, counted exactly where it is known (how many
//! values are open, how many blocks are sealed) and with measured sizes for what depends on the
//! data; a test compares it with a store that is filled with what `gen` makes.

use crate::json::megabytes;
use crate::{Verdict, time};
use anyhow::Result;
use serde::Serialize;
use std::io::Write;

/// Values of a sealed block.
const BLOCK_VALUES: u64 = 256;
/// Values come to the open block by so many at a time.
const GROUP: u64 = 8;
/// A series without its values: itself, its share of a level, of names and of spare room.
const SERIES_BYTES: f64 = 173.0;
/// A sealed block without its values: its head, its counts, its place in the list.
const BLOCK_BYTES: f64 = 40.0;
/// A sealed value with two decimals.
const VALUE_BYTES: f64 = 1.31;
/// An open value.
const OPEN_BYTES: f64 = 4.0;
/// What the allocator adds to what it is asked for.
const ALLOCATOR: f64 = 1.06;
/// The program itself, without a host.
const PROCESS_BYTES: f64 = 8e6;
/// A record of the log: 35 bytes, and names of ordinary length.
const RECORD_BYTES: f64 = 50.2;
/// A series of a snapshot without its values: name, frequency, start, count, its share of a level.
const SNAPSHOT_SERIES_BYTES: f64 = 33.0;
/// A value of a snapshot.
const SNAPSHOT_VALUE_BYTES: f64 = 4.0;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How many hosts
    #[arg(long, value_name = "H", value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    hosts: u64,
    /// How many series each of them has, those of its devices among them
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    series: u64,
    /// How many seconds there are from one sample of a series to the next
    #[arg(long, value_name = "SEC", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    interval: u64,
    /// How long samples stay in memory: 48h
    #[arg(long, value_name = "D", value_parser = time::parse_seconds)]
    retention: i64,
    /// How often hosts are checkpointed, which is how long the log becomes
    #[arg(long, value_name = "D", value_parser = time::parse_seconds, default_value = "12h")]
    checkpoint_interval: i64,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Bytes, but for the first three.
#[derive(Clone, Copy, Debug, Serialize)]
struct Estimate {
    hosts: u64,
    series: u64,
    /// Stored when the whole retention is.
    points: u64,
    /// Of the process, when the whole retention is stored.
    memory_bytes: u64,
    /// Of the process just before it frees, half a retention later.
    memory_peak_bytes: u64,
    /// Of `memory_bytes`, what series take, without what the allocator adds.
    store_bytes: u64,
    /// Of the log when the whole interval between checkpoints is in it, for all hosts.
    log_bytes: u64,
    /// Of the snapshots of the retention.
    snapshot_bytes: u64,
    /// Log and snapshots just before the oldest of them are deleted, half a retention later.
    disk_peak_bytes: u64,
}

pub(crate) fn run(options: &Options, out: &mut impl Write) -> Result<Verdict> {
    let estimate = Estimate::of(options);
    if options.json {
        writeln!(out, "{}", serde_json::to_string(&estimate)?)?;
    } else {
        estimate.print(out)?;
    }
    Ok(Verdict::Fine)
}

impl Estimate {
    fn of(options: &Options) -> Self {
        let series = options.hosts * options.series;
        let retention = options.retention.unsigned_abs();
        let checkpoint = options.checkpoint_interval.unsigned_abs();
        // Freeing and deleting come every half of a retention.
        let longest = retention.saturating_add(retention / 2);
        let slots = |seconds: u64| seconds.div_ceil(options.interval);
        let store = |seconds| scaled(series, in_memory(slots(seconds)));
        let process = |seconds| bytes(PROCESS_BYTES + ALLOCATOR * as_f64(store(seconds)));
        let snapshots = |seconds: u64| {
            let files = as_f64(seconds.div_ceil(checkpoint));
            let values = as_f64(slots(seconds)) * SNAPSHOT_VALUE_BYTES;
            scaled(series, files * SNAPSHOT_SERIES_BYTES + values)
        };
        let log_bytes = scaled(series, as_f64(slots(checkpoint)) * RECORD_BYTES);
        Self {
            hosts: options.hosts,
            series,
            points: series.saturating_mul(slots(retention)),
            memory_bytes: process(retention),
            memory_peak_bytes: process(longest),
            store_bytes: store(retention),
            log_bytes,
            snapshot_bytes: snapshots(retention),
            disk_peak_bytes: log_bytes.saturating_add(snapshots(longest)),
        }
    }

    fn print(&self, out: &mut impl Write) -> Result<()> {
        let Self { hosts, series, points, .. } = self;
        writeln!(out, "{hosts} hosts, {series} series, {points} points in the retention")?;
        let [memory, peak] = [self.memory_bytes, self.memory_peak_bytes].map(megabytes);
        writeln!(out, "memory: {memory} with the whole retention, {peak} before old samples go")?;
        let [log, snapshots] = [self.log_bytes, self.snapshot_bytes].map(megabytes);
        let disk = megabytes(self.disk_peak_bytes);
        writeln!(out, "disk: {snapshots} of snapshots, {log} of log; {disk} at most together")?;
        writeln!(out, "The archive, or what `delete` leaves, is not counted; nor are clients.")?;
        Ok(())
    }
}

/// Bytes of one series with so many slots.
fn in_memory(slots: u64) -> f64 {
    // Series seal their blocks at different times, so that each number of open values is as likely.
    let (mut room, mut sealed, mut blocks) = (0, 0, 0);
    for lead in 0..BLOCK_VALUES {
        let behind = slots + lead;
        blocks += behind / BLOCK_VALUES;
        let (open, most) = if behind < BLOCK_VALUES {
            (slots, BLOCK_VALUES - lead)
        } else {
            (behind % BLOCK_VALUES, BLOCK_VALUES)
        };
        sealed += slots - open;
        // The newest lie in the series itself, but for the first of a block behind another.
        let newest = (behind % GROUP).min(open.saturating_sub((behind / BLOCK_VALUES).min(1)));
        room += room_for(open - newest).min(most);
    }
    let mean = |sum: u64| as_f64(sum) / as_f64(BLOCK_VALUES);
    SERIES_BYTES + mean(room) * OPEN_BYTES + mean(sealed) * VALUE_BYTES + mean(blocks) * BLOCK_BYTES
}

/// What an open block of so many values has room for.
fn room_for(open: u64) -> u64 {
    match open {
        0 => 0,
        1..=16 => 16,
        _ => open.next_multiple_of(32),
    }
}

fn scaled(series: u64, each: f64) -> u64 {
    bytes(as_f64(series) * each)
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn as_f64(number: u64) -> f64 {
    number as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positive; it saturates"
)]
fn bytes(number: f64) -> u64 {
    number.round() as u64
}
