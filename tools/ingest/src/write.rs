//! What was gathered goes to the engine, host by host, and is waited for.

use std::sync::Arc;

use checkpointer::disk::Disk;
use checkpointer::memstore::NameError;
use checkpointer::{Logging, Now, Refused, Sample, WriteError};

use crate::batch::{Batch, Gathered};
use crate::entry::Ingest;
use crate::how::{Answer, How, Log};
use crate::keys::Keys;
use crate::outcome::{NotAcknowledged, Outcome};
use crate::reason::Policy;

/// So many batches of hosts may be on their way to the log: then they are waited for.
const PENDING_MAX: usize = 1024;
/// Lists of samples that are kept for the next host.
const SPARE_MAX: usize = 64;
/// A host can leave the store between being looked up and being written to, but not again and again.
const ATTEMPTS: usize = 3;

impl<D: Disk> Batch<D> {
    /// Writes what was gathered of all hosts, and lets go of them.
    pub(crate) fn leave_all(&mut self, ingest: &Ingest<D>, now: Now) {
        for at in 0..self.runs.len() {
            self.let_in(at, now);
            let Some(run) = self.runs.get(at) else { break };
            let (known, learned) = (Arc::clone(&run.known), run.learned);
            let mut held = known.lock();
            self.write(ingest, at, &held.keys, now);
            if !learned {
                held.keys.fit();
            }
            ingest.directory.used(&known, &held.keys, now.uptime);
            drop(held);
            self.write_early();
        }
        self.runs.clear();
        self.by_name.clear();
        self.last = None;
        let config = &ingest.config;
        ingest.directory.forget(now.uptime, config.forget_after, config.key_bytes_max);
    }

    /// Waits where too much of a host's log is in no snapshot, or sees to that. Not under the lock of
    /// its keys: others would wait for that however little patience they have.
    #[inline]
    pub(crate) fn let_in(&mut self, at: usize, now: Now) {
        let How { log, patience, .. } = self.how;
        let Some(run) = self.runs.get_mut(at) else { return };
        if log == Log::Unused || self.stopped {
            return;
        }
        match run.stored.let_in(now, patience) {
            Ok(()) => run.is_held_back = false,
            Err(WriteError::NoRoom(full)) if log == Log::Required => {
                self.stop(NotAcknowledged::Full(full));
            }
            Err(_) => run.is_held_back = true,
        }
    }

    /// Writes what was gathered of a host.
    pub(crate) fn write(&mut self, ingest: &Ingest<D>, at: usize, keys: &Keys, now: Now) {
        let mut gathered = self.take_gathered(at);
        if !gathered.is_empty() && !self.stopped {
            let sample = |one: &Gathered| {
                let series = keys.series(one.key)?;
                Some(Sample { series, timestamp: one.timestamp, value: one.value })
            };
            let mut samples = Vec::with_capacity(gathered.len());
            samples.extend(gathered.iter().filter_map(sample));
            let line = |index: usize| gathered.get(index).map_or(0, |one| one.line);
            self.store(ingest, at, &samples, line, now);
        }
        gathered.clear();
        if self.spare.len() < SPARE_MAX && gathered.capacity() > 0 {
            self.spare.push(gathered);
        }
    }

    /// Stores samples of a host; each comes from a line.
    pub(crate) fn store(
        &mut self,
        ingest: &Ingest<D>,
        at: usize,
        samples: &[Sample<'_>],
        line: impl Fn(usize) -> u64,
        now: Now,
    ) {
        let is_held_back = self.runs.get(at).is_some_and(|run| run.is_held_back);
        let mut logging = match self.how.log {
            Log::Required => Logging::Logged { patience: self.how.patience },
            Log::Preferred if !is_held_back => Logging::Logged { patience: self.how.patience },
            Log::Preferred | Log::Unused => Logging::Unlogged,
        };
        for _ in 0..ATTEMPTS {
            let Some(run) = self.runs.get(at) else { return };
            let mut refused = Vec::new();
            let tell = |index, why| refused.push((index, why));
            match run.stored.write_let_in(samples, now, logging, tell) {
                Ok(written) => {
                    self.outcome.stored += written.stored;
                    if logging == Logging::Unlogged {
                        self.outcome.unlogged += written.stored;
                    }
                    for (index, why) in refused {
                        self.refuse(line(index), policy(why));
                    }
                    if let (Some(pending), Answer::WhenAcknowledged) =
                        (written.pending, self.how.answer)
                    {
                        self.pending.push(pending);
                        self.has_new_pending = true;
                    }
                    if self.pending.len() >= PENDING_MAX {
                        self.wait(now);
                    }
                    return;
                }
                Err(WriteError::NoRoom(_)) if self.how.log == Log::Preferred => {
                    logging = Logging::Unlogged;
                }
                Err(WriteError::NoRoom(full)) => return self.stop(NotAcknowledged::Full(full)),
                Err(WriteError::Gone) => {
                    let known = Arc::clone(&run.known);
                    match self.open(ingest, &known.cluster, &known.host, now) {
                        Ok(stored) => {
                            if let Some(run) = self.runs.get_mut(at) {
                                run.stored = stored;
                            }
                        }
                        Err(policy) => {
                            (0..samples.len()).for_each(|index| self.refuse(line(index), policy));
                            return;
                        }
                    }
                }
                Err(_) => return self.stop(NotAcknowledged::Closed),
            }
        }
        self.stop(NotAcknowledged::Closed);
    }

    /// What has come to the log last is written, if it is much, and if it is acknowledged with that it is
    /// not waited for any more. Not under the lock of a host's keys: the disk may be slow.
    #[inline]
    pub(crate) fn write_early(&mut self) {
        if std::mem::take(&mut self.has_new_pending)
            && let Some(pending) = self.pending.last()
        {
            pending.write_early();
            if pending.is_acknowledged() {
                self.pending.pop();
            }
        }
    }

    fn stop(&mut self, why: NotAcknowledged) {
        self.stopped = true;
        self.outcome.fail(why);
    }

    /// Waits for what is on its way to the log.
    fn wait(&mut self, now: Now) {
        for mut pending in std::mem::take(&mut self.pending) {
            if let Err(why) = pending.wait(now, self.how.patience) {
                return self.stop(NotAcknowledged::NotLogged(why));
            }
        }
    }

    /// The end of the body.
    pub(crate) fn finish(mut self, ingest: &Ingest<D>, now: Now) -> Outcome {
        self.leave_all(ingest, now);
        if !self.stopped {
            self.wait(now);
        }
        ingest.count(&self.outcome);
        self.outcome
    }
}

fn policy(refused: Refused) -> Policy {
    match refused {
        Refused::TooOld => Policy::TooOld,
        Refused::TooFarAhead => Policy::TooFarAhead,
        Refused::Name(NameError::TooManyLevels) => Policy::TooManyDevices,
        Refused::Name(_) => Policy::DeviceName,
        _ => Policy::OutOfRange,
    }
}
