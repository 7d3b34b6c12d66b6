//! Checkpoints of many hosts, and the last one.

use std::error::Error;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::config::Now;
use super::error::CheckpointError;
use super::host::{Life, StoredHost};
use super::report::{Checkpointed, OnProgress, Progress};
use super::{Engine, fan_out};
use crate::disk::Disk;
use crate::log::Pool;

/// How long the end of somebody's write or sync is waited for when a host is closed.
const PATIENCE: Duration = Duration::from_secs(30);

impl<D: Disk> Engine<D> {
    /// All hosts that are open, sorted.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<StoredHost<D>>> {
        self.hosts.open()
    }

    /// Checkpoints these hosts, side by side on the pool. One that fails costs the others nothing.
    pub fn checkpoint(
        &self,
        hosts: &[Arc<StoredHost<D>>],
        now: Now,
        pool: &dyn Pool,
        progress: Option<OnProgress>,
    ) -> Checkpointed {
        for_each(hosts.to_vec(), pool, progress, move |host| host.checkpoint(now))
    }

    /// Saves everything that no durable snapshot holds, and closes the logs. From here on writes are
    /// refused. A host whose checkpoint fails keeps its log, written and synced as far as the disk
    /// lets it. A second close does nothing.
    pub fn close(&self, now: Now, pool: &dyn Pool, progress: Option<OnProgress>) -> Checkpointed {
        if self.core.closed.swap(true, SeqCst) {
            return Checkpointed::default();
        }
        let hosts = self.hosts.open();
        for host in &hosts {
            host.lock().life = Life::Closing;
        }
        for_each(hosts, pool, progress, move |host| {
            let saved = host.checkpoint(now);
            let closed = host.log.close(now.uptime, PATIENCE);
            let saved = saved?;
            closed?;
            Ok(saved)
        })
    }
}

fn for_each<D: Disk>(
    hosts: Vec<Arc<StoredHost<D>>>,
    pool: &dyn Pool,
    progress: Option<OnProgress>,
    each: impl Fn(&StoredHost<D>) -> Result<Checkpointed, CheckpointError> + Send + Sync + 'static,
) -> Checkpointed {
    let mut done = Checkpointed::default();
    for (directory, outcome) in for_each_host(hosts, pool, progress, each, |done| done.bytes) {
        match outcome {
            Ok(more) => done.append(more),
            Err(why) => done.failed.push((directory, why)),
        }
    }
    done
}

/// What came of each host, by directory; or why nothing did.
pub(super) type Outcomes<T> = Vec<(String, Result<T, String>)>;

/// Does something with each host and tells how far it has come; `bytes` are those of one host.
pub(super) fn for_each_host<D: Disk, T: Send + 'static, E: Error + Send + 'static>(
    hosts: Vec<Arc<StoredHost<D>>>,
    pool: &dyn Pool,
    progress: Option<OnProgress>,
    each: impl Fn(&StoredHost<D>) -> Result<T, E> + Send + Sync + 'static,
    bytes: impl Fn(&T) -> u64 + Send + Sync + 'static,
) -> Outcomes<T> {
    let total = Progress { hosts_total: hosts.len() as u64, ..Progress::default() };
    let counted = Mutex::new(total);
    let directories: Vec<String> = hosts.iter().map(|host| host.directory().into()).collect();
    let outcomes = fan_out(pool, hosts, move |host: Arc<StoredHost<D>>| {
        let outcome = each(&host);
        let mut counted = counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted.hosts += 1;
        counted.bytes += outcome.as_ref().map_or(0, &bytes);
        if let Some(progress) = &progress {
            progress(*counted);
        }
        drop(counted);
        outcome
    });
    let told = |outcome: Option<Result<T, E>>| match outcome {
        Some(outcome) => outcome.map_err(|error| explain(&error)),
        None => Err("the job has panicked".into()),
    };
    directories.into_iter().zip(outcomes.into_iter().map(told)).collect()
}

/// An error with its causes.
pub(crate) fn explain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}
