//! Where batches come in.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use checkpointer::disk::{Disk, RealDisk};
use checkpointer::{Engine, Now};
use line_protocol::Lines;

use crate::batch::Batch;
use crate::directory::Directory;
use crate::how::How;
use crate::outcome::{Outcome, Refusals};
use crate::session::Session;

/// How much is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// So many bytes of keys, of all hosts together: a key takes about 150. Above, the hosts that
    /// were not heard of for the longest time are forgotten.
    pub key_bytes_max: usize,
    /// Hosts and keys that were not heard of for so long are forgotten.
    pub forget_after: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self { key_bytes_max: 1 << 30, forget_after: Duration::from_hours(1) }
    }
}

/// What was done since the start, and what is remembered.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Batches and sessions.
    pub batches: u64,
    /// Those that were not acknowledged.
    pub not_acknowledged: u64,
    /// Lines that said something.
    pub lines: u64,
    /// Samples stored.
    pub stored: u64,
    /// Of these, samples that did not go to the log.
    pub unlogged: u64,
    /// Messages of other kinds.
    pub messages: u64,
    /// Lines refused.
    pub refused: Refusals,
    /// Hosts whose keys are remembered.
    pub hosts: usize,
    /// Keys that are remembered.
    pub keys: usize,
    /// The bytes that they take.
    pub key_bytes: usize,
}

/// Takes lines into an engine. See the [crate](crate) for what it guarantees.
pub struct Ingest<D: Disk + 'static = RealDisk> {
    pub(crate) engine: Arc<Engine<D>>,
    pub(crate) config: Config,
    pub(crate) directory: Directory<D>,
    batches: AtomicU64,
    not_acknowledged: AtomicU64,
    /// Added to once a batch.
    counted: Mutex<Outcome>,
}

impl<D: Disk> Ingest<D> {
    /// Stands before this engine.
    #[must_use]
    pub fn new(engine: Arc<Engine<D>>, config: Config) -> Self {
        Self {
            engine,
            config,
            directory: Directory::new(),
            batches: AtomicU64::new(0),
            not_acknowledged: AtomicU64::new(0),
            counted: Mutex::default(),
        }
    }

    /// The engine behind it.
    #[must_use]
    pub fn engine(&self) -> &Arc<Engine<D>> {
        &self.engine
    }

    /// Takes a body. Lines without a cluster belong to `cluster`, those without a time to `now`.
    pub fn batch(&self, body: &[u8], cluster: Option<&str>, now: Now, how: How) -> Outcome {
        let mut batch = Batch::new(cluster, how);
        batch.take(self, &mut Lines::new(body), now);
        batch.finish(self, now)
    }

    /// Takes a body that comes in chunks.
    pub fn session(self: &Arc<Self>, cluster: Option<&str>, how: How) -> Session<D> {
        Session::new(Arc::clone(self), cluster, how)
    }

    /// What was done, and what is remembered.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let Outcome { lines, stored, unlogged, messages, .. } = *counted;
        let (keys, key_bytes) = self.directory.keys();
        Stats {
            batches: self.batches.load(Relaxed),
            not_acknowledged: self.not_acknowledged.load(Relaxed),
            lines,
            stored,
            unlogged,
            messages,
            refused: counted.refused.clone(),
            hosts: self.directory.hosts(),
            keys,
            key_bytes,
        }
    }

    /// A batch has come to its end.
    pub(crate) fn count(&self, outcome: &Outcome) {
        self.batches.fetch_add(1, Relaxed);
        self.not_acknowledged.fetch_add(u64::from(!outcome.is_acknowledged()), Relaxed);
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted.lines += outcome.lines;
        counted.stored += outcome.stored;
        counted.unlogged += outcome.unlogged;
        counted.messages += outcome.messages;
        for (reason, lines) in outcome.refused.iter() {
            counted.refused.add(reason, lines);
        }
    }
}

impl<D: Disk> fmt::Debug for Ingest<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ingest").field("config", &self.config).finish_non_exhaustive()
    }
}
