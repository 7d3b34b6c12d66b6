//! A store that is nothing but buffers, for tests of the log alone.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use checkpointer::disk::Disk;
use checkpointer::log::{self, Buffer, Config, HostLog, Log, Owner, Refused, SyncMode, Ticket};
use wal_format::{NamesBuf, Record};

pub(crate) const NOW: Duration = Duration::ZERO;
pub(crate) const NO_PATIENCE: Duration = Duration::ZERO;
/// Nothing in these tests takes that long.
pub(crate) const LONG: Duration = Duration::from_mins(1);

pub(crate) struct Plain(Mutex<Buffer>);

impl Owner for Plain {
    fn with_buffer<R>(&self, change: impl FnOnce(&mut Buffer) -> R) -> Option<R> {
        Some(change(&mut self.0.lock().unwrap()))
    }
}

pub(crate) type PlainHost<D> = Arc<HostLog<D, Plain>>;

pub(crate) fn mode(sync: SyncMode) -> Config {
    Config { sync, ..Config::default() }
}

pub(crate) fn open_host<D: Disk>(logs: &Arc<Log<D, Plain>>, directory: &str) -> PlainHost<D> {
    let found = log::find(logs.disk(), directory).unwrap();
    let owner = Plain(Mutex::new(Buffer::new(&found, logs.config())));
    logs.open_host(directory, &found, owner, NOW)
}

pub(crate) fn names(count: usize) -> Vec<NamesBuf> {
    (0..count).map(|k| NamesBuf::new("flops_any", [format!("thread{k:03}")]).unwrap()).collect()
}

/// A record of 50 bytes; its value is the number of its batch.
pub(crate) fn record(names: &NamesBuf, batch: u32) -> Record<'_> {
    let (timestamp, value) = (1_700_000_000, f32::from_bits(batch));
    Record { names: names.as_names(), timestamp, value, frequency: NonZeroU32::new(60) }
}

/// Appends a batch of one record for each of the names.
pub(crate) fn append<D: Disk>(
    host: &PlainHost<D>,
    names: &[NamesBuf],
    batch: u32,
    patience: Option<Duration>,
) -> Result<Ticket<D, Plain>, Refused> {
    let records = names.iter().map(|names| record(names, batch));
    let bytes = names.iter().map(|names| log::record_bytes(names.as_names())).sum();
    let mut room = host.room(bytes, NOW, patience)?;
    let append = |buffer: &mut Buffer| buffer.append_batch(&mut room, records);
    let sequence = host.owner().with_buffer(append).flatten().unwrap();
    Ok(host.ticket(sequence, NOW))
}

/// The batches of a host as a start reads them, in order, and whether any of it is damaged.
pub(crate) fn read_back<D: Disk>(disk: &D, directory: &str) -> (Vec<u32>, bool) {
    let (mut batches, mut damaged) = (Vec::new(), false);
    for segment in log::find(disk, directory).unwrap().segments {
        let path = log::segment_path(directory, segment.number);
        let each = |located: wal_format::Located<'_>| batches.push(located.record.value.to_bits());
        damaged |= log::read_log(disk, &path, each).unwrap().tally.gaps > 0;
    }
    (batches, damaged)
}
