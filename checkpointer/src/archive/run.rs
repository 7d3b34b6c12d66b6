//! One run: hosts are made ready, the plan is made durable, files are written, the manifest commits,
//! snapshots go.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::{Arc, TryLockError};

use archiver::Options;

use super::documents::{ByCluster, Manifest, Plan, VERSION};
use super::file::{Landed, NewFile};
use super::load::{Batch, Encoded};
use super::report::Archived;
use super::window::in_order;
use super::{Archive, ArchiveError, Committed};
use crate::disk::Disk;
use crate::engine::{Archiving, Engine, Now, OnProgress, Progress, explain, side_by_side};
use crate::log::{DiskFailure, Operation, Pool};
use crate::planted::{Planted, is_planted};

/// Bytes of snapshots that one worker takes at a time, if that is more than one host.
const BATCH_BYTES: u64 = 4 << 20;

/// Of how many hosts, and of how many bytes of snapshots, one file is at most: its footer stays in memory
/// until it is finished, about 140 KiB for each row group.
const FILE_HOSTS: usize = 256;
const FILE_BYTES: u64 = 256 << 20;

/// Rows of a row group: a worker holds about 20 bytes for each. A day of a host is one: engines read the
/// footer whole for every query, and it grows with the number of row groups.
const ROW_GROUP_ROWS: usize = 1 << 20;

/// How a run is done.
pub struct Run<'a> {
    /// The time.
    pub now: Now,
    /// Threads: hosts are checkpointed, read and encoded side by side.
    pub pool: &'a dyn Pool,
    /// How many hosts are read and encoded at a time: memory is held for each.
    pub workers: usize,
    /// Hosts that are in use are left alone: asked with cluster and host.
    pub is_kept: &'a dyn Fn(&str, &str) -> bool,
    /// Is told how far it has come.
    pub progress: Option<OnProgress>,
}

impl std::fmt::Debug for Run<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { now, workers, .. } = self;
        f.debug_struct("Run").field("now", now).field("workers", workers).finish_non_exhaustive()
    }
}

/// Hosts that are ready, by cluster, in the archive's order.
type Ready<D> = BTreeMap<String, Vec<Arc<Archiving<D>>>>;

/// A file that is going to be written.
struct Planned<D: Disk + 'static> {
    cluster: String,
    path: String,
    hosts: Vec<Arc<Archiving<D>>>,
}

impl<D: Disk> Archive<D> {
    /// Archives what lies before `before`, which is lowered to the end of the retention, or to now
    /// where there is none; then deletes the snapshots that the archive has taken over.
    ///
    /// # Errors
    ///
    /// [`ArchiveError`]: then no mark has moved and no snapshot was deleted, unless the report of an
    /// earlier run has said so.
    pub fn run(
        &self,
        engine: &Engine<D>,
        before: i64,
        run: &Run<'_>,
    ) -> Result<Archived, ArchiveError> {
        let mut committed = match self.committed.try_lock() {
            Ok(committed) => committed,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(ArchiveError::Running),
        };
        if engine.is_closed() {
            return Err(ArchiveError::Closed);
        }
        // Another data directory may have the same archive: its names are not ours.
        let _alone = self.files.lock("").map_err(DiskFailure::of(Operation::Lock, ""))?;
        if !committed.is_resolved {
            self.resolve(&mut committed)?;
            engine.raise_marks(&committed.marks);
        }
        let cut = before.min(engine.latest_cut(run.now));
        let mut done = Archived { cut, ..Archived::default() };
        let ready = prepare(engine, cut, run, &mut done);
        let outcome = self.archive(&ready, run, &mut committed, &mut done);
        if outcome.is_err() {
            // What cannot be undone now is undone by the next run, or the next start.
            let _ = self.resolve(&mut committed);
        }
        if !is_planted(Planted::MarksForgotten) {
            engine.raise_marks(&committed.marks);
        }
        drop(ready);
        outcome?;
        retire(engine, &committed, run, &mut done);
        Ok(done)
    }

    fn archive(
        &self,
        ready: &Ready<D>,
        run: &Run<'_>,
        committed: &mut Committed,
        done: &mut Archived,
    ) -> Result<(), ArchiveError> {
        if ready.is_empty() {
            return Ok(());
        }
        let files = self.plan_files(ready, done.cut)?;
        let names = |hosts: &Vec<Arc<Archiving<D>>>| {
            hosts.iter().map(|one| one.host.name().to_owned()).collect()
        };
        let plan = Plan {
            version: VERSION,
            archive: self.name.clone(),
            cut: done.cut,
            files: files.iter().map(|file| file.path.clone()).collect(),
            hosts: ready.iter().map(|(cluster, hosts)| (cluster.clone(), names(hosts))).collect(),
        };
        let number = self.own.free_number(done.cut)?;
        let plan_name = self.own.write_plan(number, &plan)?;
        let manifest = self.write_all(ready, &files, run, done)?;
        self.own.commit(number, manifest, committed)?;
        self.own.remove(&plan_name)?;
        self.own.compact()
    }

    /// The files that the hosts are divided into, by names that nothing has.
    fn plan_files(&self, ready: &Ready<D>, cut: i64) -> Result<Vec<Planned<D>>, DiskFailure> {
        let mut files = Vec::new();
        for (cluster, hosts) in ready {
            let taken = match self.files.list(cluster) {
                Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
                listed => listed.map_err(DiskFailure::of(Operation::List, cluster))?,
            };
            let is_free = |file: &String| {
                let is = |name: &str| taken.iter().any(|entry| entry.name == *name);
                !is(file) && !is(&format!("{file}.tmp")) || is_planted(Planted::ArchiveOverwrites)
            };
            let names = (cut..=i64::MAX).map(|time| format!("{time}.parquet")).filter(is_free);
            for (hosts, name) in divide(hosts, FILE_HOSTS, FILE_BYTES).into_iter().zip(names) {
                let path = format!("{cluster}/{name}");
                files.push(Planned { cluster: cluster.clone(), path, hosts });
            }
        }
        Ok(files)
    }

    /// All files, whole and durable.
    fn write_all(
        &self,
        ready: &Ready<D>,
        files: &[Planned<D>],
        run: &Run<'_>,
        done: &mut Archived,
    ) -> Result<Manifest, ArchiveError> {
        for cluster in ready.keys() {
            let made = self.files.make_directory(cluster);
            made.map_err(DiskFailure::of(Operation::MakeDirectory, cluster))?;
        }
        self.sync_files("")?;
        let mut counted = Progress {
            hosts_total: ready.values().map(|hosts| hosts.len() as u64).sum(),
            ..Progress::default()
        };
        let mut manifest = Manifest { version: VERSION, ..Manifest::default() };
        for planned in files {
            let (landed, hosts) = self.write_file(planned, run, &mut counted, done)?;
            done.rows += landed.receipt.rows();
            done.hosts += hosts.len() as u64;
            note(&mut manifest, &planned.cluster, landed, hosts, done)?;
        }
        if !is_planted(Planted::ArchiveNamesNotDurable) {
            for cluster in ready.keys() {
                self.sync_files(cluster)?;
            }
        }
        Ok(manifest)
    }

    fn sync_files(&self, path: &str) -> Result<(), DiskFailure> {
        self.files.sync_directory(path).map_err(DiskFailure::of(Operation::SyncDirectory, path))
    }

    /// One file, and the hosts whose rows are in it.
    fn write_file(
        &self,
        planned: &Planned<D>,
        run: &Run<'_>,
        counted: &mut Progress,
        done: &mut Archived,
    ) -> Result<(Landed, Vec<String>), ArchiveError> {
        let mut file = NewFile::create(&self.files, &planned.path, &planned.cluster)?;
        let mut hosts = Vec::new();
        let mut options = Options::default();
        options.row_group_rows = ROW_GROUP_ROWS;
        let cut = done.cut;
        let batches = divide(&planned.hosts, FILE_HOSTS, BATCH_BYTES).into_iter();
        let batches = batches.map(|hosts| (hosts.clone(), Batch { hosts, cut, options }));
        let each = |batch: Batch<D>| batch.encode();
        in_order(run.pool, run.workers, batches, each, |asked, encoded| {
            let encoded = encoded.unwrap_or_else(|| gave_up(&asked));
            counted.hosts += asked.len() as u64;
            for group in encoded.groups {
                counted.points += group.rows();
                counted.bytes += group.bytes() as u64;
                file.append(group)?;
            }
            hosts.extend(encoded.hosts);
            done.problems.extend(encoded.problems);
            if let Some(progress) = &run.progress {
                progress(*counted);
            }
            Ok::<_, ArchiveError>(())
        })?;
        Ok((file.finish()?, hosts))
    }
}

/// The job has panicked: its hosts are left out.
fn gave_up<D: Disk>(hosts: &[Arc<Archiving<D>>]) -> Encoded {
    let problem = "its encoder gave up".to_owned();
    let left_out = |one: &Arc<Archiving<D>>| (one.host.directory().to_owned(), problem.clone());
    Encoded { problems: hosts.iter().map(left_out).collect(), ..Encoded::default() }
}

/// Takes what is proven of a file into the manifest.
fn note(
    manifest: &mut Manifest,
    cluster: &str,
    landed: Landed,
    hosts: Vec<String>,
    done: &mut Archived,
) -> Result<(), ArchiveError> {
    let Landed { receipt, file } = landed;
    let is_of_cut = |host: &archiver::HostRows| host.wanted.end == done.cut;
    if receipt.hosts().len() != hosts.len() || !receipt.hosts().iter().all(is_of_cut) {
        let path = file.map_or_else(|| cluster.to_owned(), |file| file.path);
        let problem = "its receipt is not of the hosts that were archived".to_owned();
        return Err(ArchiveError::ReadBack { path, problem });
    }
    let marks = manifest.marks.entry(cluster.to_owned()).or_default();
    marks.extend(hosts.into_iter().map(|host| (host, done.cut)));
    if let Some(file) = file {
        done.bytes += file.bytes;
        done.files.push(file.clone());
        manifest.files.push(file);
    }
    Ok(())
}

/// Makes all hosts ready that there are, but those that are kept.
fn prepare<D: Disk>(engine: &Engine<D>, cut: i64, run: &Run<'_>, done: &mut Archived) -> Ready<D> {
    let mut hosts = engine.all();
    hosts.retain(|host| !(run.is_kept)(host.cluster(), host.name()));
    let now = run.now;
    let prepared = side_by_side(run.pool, hosts, move |host| {
        let ready = Archiving::begin(&host, cut, now);
        (host.directory().to_owned(), ready)
    });
    let mut ready: Ready<D> = ByCluster::new();
    for (directory, outcome) in prepared.into_iter().flatten() {
        match outcome {
            Ok(None) => {}
            Ok(Some(one)) => {
                ready.entry(one.host.cluster().to_owned()).or_default().push(Arc::new(one));
            }
            Err(error) => done.problems.push((directory, explain(&error))),
        }
    }
    for hosts in ready.values_mut() {
        hosts.sort_by_cached_key(|one| {
            archiver::Host::new(one.host.name().as_bytes(), 0..0).hostname().to_owned()
        });
    }
    for (directory, offline) in engine.all_offline() {
        done.problems.push((directory, explain(&offline)));
    }
    ready
}

/// Hosts that follow each other, so many and of so many bytes at most, but one at least.
fn divide<D: Disk>(
    hosts: &[Arc<Archiving<D>>],
    most: usize,
    bytes_most: u64,
) -> Vec<Vec<Arc<Archiving<D>>>> {
    let mut parts: Vec<Vec<Arc<Archiving<D>>>> = Vec::new();
    let mut bytes = 0;
    for host in hosts {
        let more = host.bytes();
        match parts.last_mut() {
            Some(part) if part.len() < most && bytes + more <= bytes_most => {
                part.push(Arc::clone(host));
                bytes += more;
            }
            _ => {
                parts.push(vec![Arc::clone(host)]);
                bytes = more;
            }
        }
    }
    parts
}

/// Deletes the snapshots that the archive has taken over.
fn retire<D: Disk>(engine: &Engine<D>, committed: &Committed, run: &Run<'_>, done: &mut Archived) {
    let mut hosts = engine.all();
    hosts.retain(|host| !(run.is_kept)(host.cluster(), host.name()));
    let committed = committed.clone();
    let outcomes = side_by_side(run.pool, hosts, move |host| {
        let outcome = host.retire(&committed);
        (host, outcome)
    });
    for (host, outcome) in outcomes.into_iter().flatten() {
        match outcome {
            Ok(snapshots) => done.snapshots_retired += snapshots,
            Err(error) => done.problems.push((host.directory().to_owned(), explain(&error))),
        }
        engine.forget_if_empty(&host);
    }
    engine.count_deleted(done.snapshots_retired);
}
