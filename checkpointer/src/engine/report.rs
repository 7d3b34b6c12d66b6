//! What the engine has found and done, for whoever prints it.

use std::sync::Arc;

use thiserror::Error;

/// How many problems a report lists; the others are counted.
const LISTED_MAX: usize = 1000;

/// Something that is not as it should be, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{path}: {trouble}")]
pub struct Problem {
    /// Relative to the data directory.
    pub path: String,
    /// In the file, where that says something.
    pub offset: Option<u64>,
    /// What it is.
    pub trouble: Trouble,
}

/// What is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Trouble {
    /// A snapshot whose bytes are wrong.
    #[error("{cause}; {}", set_aside(.renamed_to.as_deref()))]
    Corrupt {
        /// What is wrong with them.
        cause: String,
        /// The name that it has been given, in the same directory.
        renamed_to: Option<String>,
    },
    /// Bytes behind a snapshot that are no trailer: if they were one, what it covers is not known.
    #[error("{bytes} bytes behind the snapshot are no trailer")]
    NoTrailer {
        /// How many.
        bytes: u64,
    },
    /// A directory, a link or a device with the name of a snapshot or a log: it is not read.
    #[error("no file, and not read")]
    NotAFile,
    /// Bytes of a log that are no records, in front of some that are.
    #[error("{bytes} bytes are damaged, what is behind them is read")]
    Damaged {
        /// How many.
        bytes: u64,
    },
    /// Bytes at the end of a log that are no whole record, as a crash leaves them.
    #[error("the last {bytes} bytes are no whole record")]
    Torn {
        /// How many.
        bytes: u64,
    },
    /// A file called as a log that is none.
    #[error("no log: {bytes} bytes")]
    NotALog {
        /// How long it is.
        bytes: u64,
    },
    /// Records of the Go store's log for metrics that are not in the catalogue.
    #[error("{records} records are of unknown metrics")]
    UnknownMetrics {
        /// How many.
        records: u64,
    },
    /// Values that cannot be in memory: there are too many levels, a name is too long, a time is out
    /// of range, or a frequency is none. They stay in the file.
    #[error("{values} values have no place: {cause}")]
    NoPlace {
        /// How many.
        values: u64,
        /// Why the first of them has none.
        cause: String,
    },
    /// Values of a series whose files overlap so often that they could not be put at their own times:
    /// they are at the nearest there were.
    #[error("{values} values are not at their own times, for their series is in pieces")]
    Moved {
        /// How many.
        values: u64,
    },
    /// A name that keeps the Go store from starting.
    #[error("not a name of a snapshot: the Go store would not start")]
    Misnamed,
    /// A file where only directories belong: it keeps the Go store from starting.
    #[error("only directories belong here: the Go store would not start")]
    Stray,
    /// Files that cannot be read: their host is offline.
    #[error("{cause}: the host is offline")]
    Unreadable {
        /// What the system says.
        cause: String,
    },
}

fn set_aside(renamed_to: Option<&str>) -> String {
    renamed_to.map_or_else(|| "not loaded".into(), |name| format!("set aside as {name}"))
}

/// Problems, a bounded number of them by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    listed: Vec<Problem>,
    others: u64,
}

impl Problems {
    pub(crate) fn push(&mut self, path: impl Into<String>, offset: Option<u64>, trouble: Trouble) {
        self.add(Problem { path: path.into(), offset, trouble });
    }

    pub(crate) fn add(&mut self, problem: Problem) {
        if self.listed.len() < LISTED_MAX { self.listed.push(problem) } else { self.others += 1 }
    }

    pub(crate) fn append(&mut self, more: Self) {
        self.others += more.others;
        more.listed.into_iter().for_each(|problem| self.add(problem));
    }

    /// Those that are listed.
    #[must_use]
    pub fn listed(&self) -> &[Problem] {
        &self.listed
    }

    /// How many more there are.
    #[must_use]
    pub fn others(&self) -> u64 {
        self.others
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }
}

/// What a start has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Hosts that are there.
    pub hosts: u64,
    /// Hosts whose files cannot be read.
    pub offline: u64,
    /// Snapshots loaded.
    pub snapshots: u64,
    /// Segments of the log replayed.
    pub segments: u64,
    /// Values loaded from snapshots.
    pub points: u64,
    /// Records replayed.
    pub records: u64,
    /// Bytes of files read.
    pub bytes: u64,
    /// Whether some host had a log that no snapshot covered: the process before did not end well.
    pub unclean: bool,
    /// What is not as it should be.
    pub problems: Problems,
}

impl Recovered {
    pub(crate) fn append(&mut self, more: Self) {
        self.hosts += more.hosts;
        self.offline += more.offline;
        self.snapshots += more.snapshots;
        self.segments += more.segments;
        self.points += more.points;
        self.records += more.records;
        self.bytes += more.bytes;
        self.unclean |= more.unclean;
        self.problems.append(more.problems);
    }

    /// Files read.
    #[must_use]
    pub fn files(&self) -> u64 {
        self.snapshots + self.segments
    }
}

/// How far something has come that is done for many hosts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Hosts that are done.
    pub hosts: u64,
    /// Hosts in all.
    pub hosts_total: u64,
    /// Values that they had.
    pub points: u64,
    /// Bytes that were read or written.
    pub bytes: u64,
    /// Bytes in all, where that is known before.
    pub bytes_total: u64,
}

/// Is told how far something has come; from several threads, one at a time.
pub type OnProgress = Arc<dyn Fn(Progress) + Send + Sync>;

/// What a checkpoint of some hosts has done.
#[derive(Clone, Debug, Default)]
pub struct Checkpointed {
    /// Hosts that had something to be saved, and have nothing any more.
    pub hosts: u64,
    /// Hosts that had nothing to be saved.
    pub idle: u64,
    /// Snapshots written.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Segments of the log deleted because of them.
    pub segments: u64,
    /// Hosts whose checkpoint has failed, by directory, and why. Nothing of them is lost.
    pub failed: Vec<(String, String)>,
}

impl Checkpointed {
    pub(crate) fn append(&mut self, more: Self) {
        self.hosts += more.hosts;
        self.idle += more.idle;
        self.files += more.files;
        self.bytes += more.bytes;
        self.segments += more.segments;
        self.failed.extend(more.failed);
    }
}

/// What was freed from memory.
#[derive(Clone, Debug, Default)]
pub struct Freed {
    /// Blocks of values.
    pub blocks: u64,
    /// Hosts that had nothing left in memory.
    pub hosts: u64,
    /// The checkpoint that came first.
    pub checkpoint: Checkpointed,
}

/// What was deleted from the disk.
#[derive(Clone, Debug, Default)]
pub struct Deleted {
    /// Snapshots.
    pub snapshots: u64,
    /// Hosts where that has failed, by directory, and why.
    pub failed: Vec<(String, String)>,
}

/// What was merged.
#[derive(Clone, Debug, Default)]
pub struct Merged {
    /// Hosts of which something was merged.
    pub hosts: u64,
    /// Merges.
    pub merges: u64,
    /// Snapshots that were merged.
    pub sources: u64,
    /// Snapshots written.
    pub files: u64,
    /// Bytes read, those of groups included that turned out to be no one file.
    pub bytes_read: u64,
    /// Bytes written.
    pub bytes_written: u64,
    /// Hosts that still have more files than they may have, because the limits were reached.
    pub unfinished: u64,
    /// Hosts where that has failed, by directory, and why. Nothing of them is lost.
    pub failed: Vec<(String, String)>,
}

impl Merged {
    pub(crate) fn append(&mut self, more: Self) {
        self.hosts += more.hosts;
        self.merges += more.merges;
        self.sources += more.sources;
        self.files += more.files;
        self.bytes_read += more.bytes_read;
        self.bytes_written += more.bytes_written;
        self.unfinished += more.unfinished;
        self.failed.extend(more.failed);
    }
}

/// What was made ready for the Go store.
#[derive(Clone, Debug, Default)]
pub struct Settled {
    /// Hosts of which something was written, renamed or removed.
    pub hosts: u64,
    /// Hosts that were settled already.
    pub untouched: u64,
    /// Snapshots written, those of the checkpoints included.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Snapshots removed.
    pub removed: u64,
    /// Segments of the log removed; not those that are kept under another name.
    pub segments: u64,
    /// Hosts where that has failed, by directory, and why. Nothing of them is lost.
    pub failed: Vec<(String, String)>,
}

impl Settled {
    pub(crate) fn append(&mut self, more: Self) {
        self.hosts += more.hosts;
        self.untouched += more.untouched;
        self.files += more.files;
        self.bytes += more.bytes;
        self.removed += more.removed;
        self.segments += more.segments;
        self.failed.extend(more.failed);
    }
}
