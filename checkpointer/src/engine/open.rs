//! Opening: the whole store at a start, and single hosts when they are needed.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use memstore::Catalogue;

use super::Engine;
use super::close::explain;
use super::config::{Config, Now};
use super::core::Core;
use super::due::Turns;
use super::error::{Offline, OpenError, Unavailable};
use super::fan_out::fan_out;
use super::files::Snapshots;
use super::host::{Held, Life, StoredHost};
use super::hosts::{Hosts, Slot, State};
use super::marks::Marks;
use super::names::check_directory_name;
use super::read::newest_time;
use super::recover::{self, Failed, Mode, Scope, Started};
use super::report::{OnProgress, Problems, Progress, Recovered, Trouble};
use crate::disk::{Disk, Entry, EntryKind};
use crate::log::{Buffer, DiskFailure, Inline, Log, Operation, Pool};

/// How a store is to be opened.
pub struct Start<'a> {
    /// The time.
    pub now: Now,
    /// Whether a bad file ends the start, instead of being set aside.
    pub strict: bool,
    /// Hosts that are in use are loaded whole, whatever the retention: asked with cluster and host.
    pub is_kept: &'a (dyn Fn(&str, &str) -> bool + Sync),
    /// Threads: hosts are loaded side by side.
    pub pool: &'a dyn Pool,
    /// Is told how far it has come.
    pub progress: Option<OnProgress>,
}

impl Start<'_> {
    /// A lenient start on the caller's own thread.
    #[must_use]
    pub fn at(now: Now) -> Self {
        Self { now, strict: false, is_kept: &|_, _| false, pool: &Inline, progress: None }
    }
}

impl std::fmt::Debug for Start<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { now, strict, .. } = self;
        f.debug_struct("Start").field("now", now).field("strict", strict).finish_non_exhaustive()
    }
}

/// A host directory that was listed.
pub(super) struct Listed {
    pub(super) cluster: String,
    pub(super) host: String,
    pub(super) bytes: u64,
    /// The newest time of any value in its snapshots, as far as their headers say.
    newest: Option<i64>,
}

impl<D: Disk> Engine<D> {
    /// Opens the store in a data directory, which is locked against every other process: everything
    /// inside the retention is loaded, and the log replayed. Nothing is deleted; a crash meanwhile
    /// changes nothing. Hosts whose files cannot be read are offline, and tried again later.
    ///
    /// # Errors
    ///
    /// [`OpenError`]
    pub fn open(
        disk: D,
        catalogue: Catalogue,
        config: Config,
        start: &Start<'_>,
    ) -> Result<(Arc<Self>, Recovered), OpenError> {
        Self::open_with(disk, catalogue, config, start, || Ok::<_, Infallible>(Marks::default()))
    }

    /// As [`open`](Self::open), for a store of which hosts are archived: `marks`, asked as soon as the
    /// directory is locked, says up to where. What lies before a mark is not loaded from snapshots,
    /// and not taken any more.
    ///
    /// # Errors
    ///
    /// [`OpenError`]
    pub fn open_with<E: Error + Send + Sync + 'static>(
        disk: D,
        catalogue: Catalogue,
        config: Config,
        start: &Start<'_>,
        marks: impl FnOnce() -> Result<Marks, E>,
    ) -> Result<(Arc<Self>, Recovered), OpenError> {
        let log = Log::open(disk, config.log.clone())?;
        let core = Arc::new(Core::new(log, catalogue, config));
        core.raise_marks(&marks().map_err(|error| OpenError::Marks(error.into()))?);
        let mut problems = Problems::default();
        let Listing { hosts, unlisted } = list_hosts(core.disk(), &mut problems)?;
        let (clusters, failures): (Vec<_>, Vec<_>) = unlisted.into_iter().unzip();
        if let Some(failure) = failures.into_iter().next().filter(|_| start.strict) {
            return Err(failure.into());
        }
        let offline = clusters.len() as u64;
        let (turns, unlisted) = (Turns::new(start.now), Mutex::new(clusters));
        let engine = Arc::new(Self { core, hosts: Hosts::default(), turns, unlisted });
        let found = engine.recover_all(hosts, start)?;
        let mut all = Recovered { offline, problems, ..Recovered::default() };
        all.append(found);
        Ok((engine, all))
    }

    fn recover_all(&self, listed: Vec<Listed>, start: &Start<'_>) -> Result<Recovered, OpenError> {
        let mode = if start.strict { Mode::Strict } else { Mode::Repair };
        // A clock that has jumped ahead makes files seem old: what they hold says how late it can be.
        if let Some(newest) = listed.iter().filter_map(|host| host.newest).max() {
            self.core.clock.saw(newest);
        }
        let opening = Opening { mode, ..self.opening(start.now) };
        let total = Progress {
            hosts_total: listed.len() as u64,
            bytes_total: listed.iter().map(|host| host.bytes).sum(),
            ..Progress::default()
        };
        let items = listed.into_iter().map(|host| {
            let is_kept = (start.is_kept)(&host.cluster, &host.host);
            (self.hosts.get_or_insert(&host.cluster, &host.host), host, is_kept)
        });
        let (progress, counted) = (start.progress.clone(), Mutex::new(total));
        let outcomes = fan_out(start.pool, items.collect(), move |(slot, host, is_kept)| {
            let opening = Opening { is_kept, ..opening.clone() };
            let opened = opening.open(&slot, (&host.cluster, &host.host)).map(|(_, found)| found);
            let mut counted = counted.lock().unwrap_or_else(PoisonError::into_inner);
            counted.hosts += 1;
            counted.bytes += host.bytes;
            counted.points += opened.as_ref().map_or(0, |found| found.points + found.records);
            if let Some(progress) = &progress {
                progress(*counted);
            }
            (host, opened)
        });
        let mut all = Recovered::default();
        for outcome in outcomes {
            let Some((host, opened)) = outcome else {
                // Its job has panicked; whoever asks for the host opens it again.
                all.offline += 1;
                continue;
            };
            match opened {
                Ok(found) => all.append(found),
                Err(Unavailable::Strict(problem)) => return Err(OpenError::Strict(problem)),
                Err(Unavailable::Offline(offline)) if start.strict => {
                    return Err(OpenError::Offline(offline));
                }
                Err(error) => {
                    all.offline += 1;
                    let path = format!("{}/{}", host.cluster, host.host);
                    all.problems.push(path, None, Trouble::Unreadable { cause: explain(&error) });
                }
            }
        }
        for host in self.hosts.open() {
            self.forget_if_empty(&host);
        }
        Ok(all)
    }

    /// A host, opened if it is not open: its files are read then, so that this may take a while for
    /// one that comes back. A host that is new has no file before its first batch.
    ///
    /// # Errors
    ///
    /// [`Unavailable`]
    pub fn host(
        &self,
        cluster: &str,
        host: &str,
        now: Now,
    ) -> Result<Arc<StoredHost<D>>, Unavailable> {
        if let Some(open) = self.get(cluster, host) {
            return Ok(open);
        }
        check_directory_name(cluster.as_bytes()).map_err(Unavailable::Cluster)?;
        check_directory_name(host.as_bytes()).map_err(Unavailable::Host)?;
        let slot = self.hosts.get_or_insert(cluster, host);
        self.opening(now).open(&slot, (cluster, host)).map(|(host, _)| host)
    }

    /// How many clusters cannot be listed.
    pub(super) fn unlisted_clusters(&self) -> u64 {
        self.unlisted.lock().unwrap_or_else(PoisonError::into_inner).len() as u64
    }

    /// A host that is open.
    #[must_use]
    pub fn get(&self, cluster: &str, host: &str) -> Option<Arc<StoredHost<D>>> {
        match &*self.hosts.get(cluster, host)?.lock() {
            State::Open(host) => Some(Arc::clone(host)),
            State::Closed | State::Offline { .. } => None,
        }
    }

    /// Why a host is offline, if it is.
    #[must_use]
    pub fn offline(&self, cluster: &str, host: &str) -> Option<Offline> {
        match &*self.hosts.get(cluster, host)?.lock() {
            State::Offline { why, .. } => Some(why.clone()),
            State::Closed | State::Open(_) => None,
        }
    }

    /// How hosts are opened that are not open.
    pub(super) fn opening(&self, now: Now) -> Opening<D> {
        let (core, keep_from) = (Arc::clone(&self.core), self.oldest(now));
        Opening { core, keep_from, is_kept: false, mode: Mode::Repair, now }
    }
}

/// How a host is opened.
pub(super) struct Opening<D: Disk + 'static> {
    core: Arc<Core<D>>,
    keep_from: i64,
    /// Whether it is loaded whole, whatever the retention.
    is_kept: bool,
    mode: Mode,
    now: Now,
}

impl<D: Disk> Clone for Opening<D> {
    fn clone(&self) -> Self {
        Self { core: Arc::clone(&self.core), ..*self }
    }
}

impl<D: Disk> Opening<D> {
    /// Opens the host of a slot, unless it is open or was offline a moment ago.
    pub(super) fn open(
        &self,
        slot: &Slot<D>,
        names: (&str, &str),
    ) -> Result<(Arc<StoredHost<D>>, Recovered), Unavailable> {
        let mut state = slot.lock();
        if self.core.is_closed() {
            return Err(Unavailable::Closed);
        }
        let retry = self.core.config.offline_retry;
        let mut is_kept = self.is_kept;
        match &*state {
            State::Open(host) => return Ok((Arc::clone(host), Recovered::default())),
            State::Offline { why, since, .. } if self.now.uptime < since.saturating_add(retry) => {
                return Err(why.clone().into());
            }
            State::Offline { is_kept: was_kept, .. } => is_kept |= was_kept,
            State::Closed => {}
        }
        let directory = format!("{}/{}", names.0, names.1);
        let mark = self.core.archive_mark(names.0, names.1);
        match self.start(&directory, is_kept, mark) {
            Ok(mut started) => {
                let found = std::mem::take(&mut started.report);
                let host = open_host(&self.core, names, &directory, started, self.now);
                *state = State::Open(Arc::clone(&host));
                Ok((host, found))
            }
            Err(Failed::Strict(problem)) => Err(Unavailable::Strict(problem)),
            Err(Failed::Offline(cause)) => {
                let why = Failed::offline(&directory, cause);
                *state = State::Offline { why: why.clone(), since: self.now.uptime, is_kept };
                Err(why.into())
            }
        }
    }

    fn start(&self, directory: &str, is_kept: bool, archive_mark: i64) -> Result<Started, Failed> {
        let core = &*self.core;
        let keep_from = if is_kept { i64::MIN } else { self.keep_from };
        let scope = Scope { keep_from, archive_mark };
        let (disk, catalogue, mode) = (core.disk(), &core.catalogue, self.mode);
        let start = recover::Start { disk, catalogue, directory, mode, scope };
        start.run(memstore::Host::numbered(core.next_number()))
    }
}

fn open_host<D: Disk>(
    core: &Arc<Core<D>>,
    names: (&str, &str),
    directory: &str,
    started: Started,
    now: Now,
) -> Arc<StoredHost<D>> {
    let Started { tree, found, mut saved, boundary_of_others, set_aside, .. } = started;
    core.found_set_aside(directory, set_aside);
    let swept_from = now.uptime.saturating_add(core.config.temporary_grace);
    saved.leftovers.temporaries.values_mut().for_each(|from| *from = swept_from);
    if let Some(newest) = tree.newest() {
        core.clock.saw(newest);
    }
    let buffer = Buffer::new(&found, &core.config.log);
    let takes_from = core.archive_mark(names.0, names.1);
    let held = Held { tree, buffer, takes_from, boundary_of_others, life: Life::Open };
    StoredHost::new(core, names, held, saved, |owner| {
        core.log.open_host(directory, &found, owner, now.uptime)
    })
}

/// What lies in a data directory.
#[derive(Default)]
pub(super) struct Listing {
    pub(super) hosts: Vec<Listed>,
    /// Clusters that cannot be listed.
    pub(super) unlisted: Vec<(String, DiskFailure)>,
}

/// All directories of hosts. What is no directory, or has no name that we could open, is a problem.
pub(super) fn list_hosts<D: Disk>(
    disk: &D,
    problems: &mut Problems,
) -> Result<Listing, DiskFailure> {
    let mut listing = Listing::default();
    for cluster in directories(disk, "", problems)? {
        match list_cluster(disk, &cluster, problems) {
            Ok(hosts) => listing.hosts.extend(hosts),
            Err(failure) => {
                let cause = explain(&failure);
                problems.push(&*cluster, None, Trouble::Unreadable { cause });
                listing.unlisted.push((cluster, failure));
            }
        }
    }
    Ok(listing)
}

pub(super) fn list_cluster<D: Disk>(
    disk: &D,
    cluster: &str,
    problems: &mut Problems,
) -> Result<Vec<Listed>, DiskFailure> {
    let hosts = directories(disk, cluster, problems)?.into_iter().map(|host| {
        let directory = format!("{cluster}/{host}");
        // Who cannot list it now cannot when it is opened either, and is told then.
        let entries = disk.list(&directory).unwrap_or_default();
        let bytes = entries.iter().map(|entry| entry.length).sum();
        let newest = newest_time(disk, &directory, &Snapshots::among(&entries));
        Listed { cluster: cluster.into(), host, bytes, newest }
    });
    Ok(hosts.collect())
}

fn directories<D: Disk>(
    disk: &D,
    path: &str,
    problems: &mut Problems,
) -> Result<Vec<String>, DiskFailure> {
    let entries = disk.list(path).map_err(DiskFailure::of(Operation::List, path))?;
    let mut names = Vec::new();
    for Entry { name, kind, .. } in entries {
        let place = format!("{path}/{}", name.to_string_lossy());
        match (kind, name.into_string()) {
            (EntryKind::Directory, Ok(name)) => names.push(name),
            (EntryKind::Directory, Err(_)) => {
                let cause = io::Error::from(io::ErrorKind::InvalidFilename).to_string();
                let trouble = Trouble::Unreadable { cause };
                problems.push(place.trim_start_matches('/'), None, trouble);
            }
            _ => problems.push(place.trim_start_matches('/'), None, Trouble::Stray),
        }
    }
    Ok(names)
}
