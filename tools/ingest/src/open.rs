//! What is new in a batch: a host, or a key of one.

use std::sync::Arc;

use checkpointer::disk::Disk;
use checkpointer::{NoSeries, Now, Sample, Series, StoredHost, Unavailable};
use line_protocol::{Malformed, Names, Reason as BadLine};

use crate::batch::{Batch, Read, Run};
use crate::directory::{Held, is_called};
use crate::entry::Ingest;
use crate::keys::{Cluster, KeyId, Keys};
use crate::outcome::NotAcknowledged;
use crate::reason::Policy;

/// Why a line belongs to no host.
enum NoHost {
    Malformed(Malformed),
    Policy(Policy),
}

impl<D: Disk> Batch<D> {
    /// The run of the host that a line names, begun if there is none; `None` if the line is refused.
    pub(crate) fn run_of(
        &mut self,
        ingest: &Ingest<D>,
        read: &Read<'_>,
        now: Now,
    ) -> Option<usize> {
        let mut scratch = std::mem::take(&mut self.scratch);
        let run = self.find_run(ingest, read, &mut scratch, now);
        self.scratch = scratch;
        match run {
            Ok(run) => return Some(run),
            Err(NoHost::Malformed(malformed)) => self.malformed(malformed),
            Err(NoHost::Policy(policy)) => self.refuse(read.line.number, policy),
        }
        None
    }

    fn find_run(
        &mut self,
        ingest: &Ingest<D>,
        read: &Read<'_>,
        scratch: &mut Vec<u8>,
        now: Now,
    ) -> Result<usize, NoHost> {
        let names = read.line.names(scratch).map_err(NoHost::Malformed)?;
        let default = self.cluster.clone();
        let default = default.as_deref().map(str::as_bytes);
        let Some(cluster) = names.cluster.or(default) else {
            return Err(NoHost::Malformed(read.line.refused(BadLine::NoCluster)));
        };
        let hash = ingest.directory.hash(cluster, names.host);
        let is_it = |run: &usize| {
            let run = self.runs.get(*run);
            run.is_some_and(|run| is_called(&run.known, cluster, names.host))
        };
        if let Some(run) = self.by_name.find(hash, is_it) {
            return Ok(*run);
        }
        let run = self.begin(ingest, cluster, &names, now).map_err(NoHost::Policy)?;
        let at = self.runs.len();
        self.runs.push(run);
        let Self { by_name, runs, .. } = self;
        by_name.insert_unique(hash, at, |&at| {
            let known = runs.get(at).map(|run| &run.known);
            known.map_or(0, |known| {
                ingest.directory.hash(known.cluster.as_bytes(), known.host.as_bytes())
            })
        });
        Ok(at)
    }

    fn begin(
        &mut self,
        ingest: &Ingest<D>,
        cluster: &[u8],
        names: &Names<'_>,
        now: Now,
    ) -> Result<Run<D>, Policy> {
        let (known, stored) = if let Some(known) = ingest.directory.get(cluster, names.host) {
            let mut held = known.lock();
            let stored = match held.stored.upgrade() {
                Some(stored) => stored,
                None => self.open(ingest, &known.cluster, &known.host, now)?,
            };
            held.stored = Arc::downgrade(&stored);
            // Nobody else has numbers of keys: the directory and this are all references.
            if Arc::strong_count(&known) <= 2 {
                tidy(ingest, &mut held, now);
            }
            drop(held);
            (known, stored)
        } else {
            // A host is not made for what is not taken.
            let catalogue = ingest.engine.catalogue();
            let metric = catalogue.find(names.metric).and_then(|id| catalogue.get(id)?.config);
            metric.ok_or(Policy::UnknownMetric)?;
            let cluster = str::from_utf8(cluster).map_err(|_| Policy::ClusterName)?;
            let host = str::from_utf8(names.host).map_err(|_| Policy::HostName)?;
            let stored = self.open(ingest, cluster, host, now)?;
            let metrics = catalogue.len();
            (ingest.directory.get_or_insert(&stored, metrics, now.uptime), stored)
        };
        let default_is_own = self.cluster.as_deref() == Some(&*known.cluster);
        let gathered = Vec::new();
        Ok(Run {
            known,
            stored,
            gathered,
            default_is_own,
            learned: false,
            is_held_back: false,
            next: None,
        })
    }

    pub(crate) fn open(
        &mut self,
        ingest: &Ingest<D>,
        cluster: &str,
        host: &str,
        now: Now,
    ) -> Result<Arc<StoredHost<D>>, Policy> {
        ingest.engine.host(cluster, host, now).map_err(|unavailable| match unavailable {
            Unavailable::Cluster(_) => Policy::ClusterName,
            Unavailable::Host(_) => Policy::HostName,
            Unavailable::Closed => {
                self.stopped = true;
                self.outcome.fail(NotAcknowledged::Closed);
                Policy::HostOffline
            }
            Unavailable::Offline(offline) => {
                self.outcome.fail(NotAcknowledged::Offline(offline));
                Policy::HostOffline
            }
            _ => Policy::HostOffline,
        })
    }

    /// The number of a line's key, learned if it is new; `None` if that is not to be remembered.
    pub(crate) fn key_of(
        &mut self,
        ingest: &Ingest<D>,
        at: usize,
        held: &mut Held<D>,
        read: &Read<'_>,
        now: Now,
    ) -> Option<KeyId> {
        let default_is_own = self.runs.get(at)?.default_is_own;
        let known = held.keys.find(read.line.key.as_bytes());
        known
            .filter(|&key| held.keys.is_of_host(key, default_is_own))
            .or_else(|| self.learn(ingest, at, held, read, now))
    }

    #[cold]
    fn learn(
        &mut self,
        ingest: &Ingest<D>,
        at: usize,
        held: &mut Held<D>,
        read: &Read<'_>,
        now: Now,
    ) -> Option<KeyId> {
        let line = read.line.number;
        let mut scratch = std::mem::take(&mut self.scratch);
        let made = read.line.names(&mut scratch).map(|names| {
            let cluster = if names.cluster.is_some() { Cluster::Named } else { Cluster::Defaulted };
            (series(ingest, &names), cluster)
        });
        self.scratch = scratch;
        let (series, cluster) = match made {
            Ok((Ok(series), cluster)) => (series, cluster),
            Ok((Err(policy), _)) => {
                self.refuse(line, policy);
                return None;
            }
            Err(malformed) => {
                self.malformed(malformed);
                return None;
            }
        };
        if let Some(run) = self.runs.get_mut(at) {
            run.learned = true;
        }
        match (held.keys.learn(read.line.key.as_bytes(), series, cluster), &read.line.timestamp) {
            (Ok(key), _) => return Some(key),
            (Err(None), _) => self.refuse(line, Policy::UnknownMetric),
            (Err(Some(series)), timestamp) => {
                // What came before it is to be stored before it.
                self.write(ingest, at, &held.keys, now);
                let timestamp = timestamp.unwrap_or(now.unix);
                let sample = Sample { series: &series, timestamp, value: read.value };
                self.store(ingest, at, &[sample], |_| line, now);
            }
        }
        None
    }
}

/// The series that a key names; none if the catalogue does not have its metric.
fn series<D: Disk>(ingest: &Ingest<D>, names: &Names<'_>) -> Result<Option<Series>, Policy> {
    let path = names.path().map(|element| {
        let mut name = Vec::with_capacity(element.len());
        element.append_to(&mut name);
        name
    });
    match Series::new(ingest.engine.catalogue(), names.metric, path) {
        Ok(series) => Ok(Some(series)),
        Err(NoSeries::UnknownMetric) => Ok(None),
        Err(_) => Err(Policy::DeviceName),
    }
}

/// Forgets keys of a host of which nobody has numbers.
fn tidy<D: Disk>(ingest: &Ingest<D>, held: &mut Held<D>, now: Now) {
    let metrics = ingest.engine.catalogue().len();
    if held.metrics != metrics {
        held.metrics = metrics;
        held.keys.forget_unknown();
    }
    let is_time = now.uptime >= held.swept_at.saturating_add(ingest.config.forget_after);
    if is_time || held.keys.is_full() {
        held.swept_at = now.uptime;
        held.keys.sweep();
    }
    if held.keys.is_full() {
        held.keys = Keys::new(held.keys.hasher());
    }
}
