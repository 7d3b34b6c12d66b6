//! From the snapshots of hosts to row groups: what a worker does.

use std::sync::Arc;

use archiver::{GroupEncoder, Options, RowGroup};
use snapshot_format::{Integrity, Snapshot, Tree, read_json};
use thiserror::Error;

use crate::disk::Disk;
use crate::engine::{Archiving, Kind, SnapshotFile, explain, read_whole, sound_json};
use crate::log::DiskFailure;

/// Some hosts of a cluster that follow each other: what one worker encodes at a time.
pub(super) struct Batch<D: Disk + 'static> {
    pub(super) hosts: Vec<Arc<Archiving<D>>>,
    pub(super) cut: i64,
    pub(super) options: Options,
}

/// What has become of a [`Batch`].
#[derive(Default)]
pub(super) struct Encoded {
    pub(super) groups: Vec<RowGroup>,
    /// The hosts that are in them.
    pub(super) hosts: Vec<String>,
    /// Those that are not, by directory, and why.
    pub(super) problems: Vec<(String, String)>,
}

/// Why a host is left out.
#[derive(Debug, Error)]
enum LoadError {
    #[error(transparent)]
    Disk(#[from] DiskFailure),
    #[error("{file}: {problem}")]
    Bytes { file: String, problem: String },
}

/// A snapshot, proven to be sound.
enum Body {
    Binary(Vec<u8>),
    Json(Tree),
}

impl<D: Disk> Batch<D> {
    /// A host that cannot be read costs itself; an encoder that fails costs the batch.
    pub(super) fn encode(&self) -> Encoded {
        let mut encoded = Encoded::default();
        if let Err(error) = self.encode_hosts(&mut encoded) {
            let left_out =
                |host: &Arc<Archiving<D>>| (host.host.directory().to_owned(), explain(&error));
            encoded = Encoded {
                problems: self.hosts.iter().map(left_out).collect(),
                ..Encoded::default()
            };
        }
        encoded
    }

    fn encode_hosts(&self, done: &mut Encoded) -> Result<(), archiver::ArchiveError> {
        let Some(first) = self.hosts.first() else { return Ok(()) };
        let mut encoder = GroupEncoder::new(first.host.cluster().as_bytes(), self.options)?;
        let Encoded { groups, hosts, problems } = done;
        let mut sink = |group| {
            groups.push(group);
            Ok(())
        };
        for one in &self.hosts {
            match bodies(one, self.cut) {
                Ok(bodies) => {
                    encoder.host(indexed(one, self.cut, &bodies), &mut sink)?;
                    hosts.push(one.host.name().to_owned());
                }
                Err(error) => problems.push((one.host.directory().to_owned(), explain(&error))),
            }
        }
        encoder.finish(&mut sink)
    }
}

fn indexed<'a, D: Disk>(
    one: &'a Archiving<D>,
    cut: i64,
    bodies: &'a [(String, Body)],
) -> archiver::Host<'a> {
    let mut host = archiver::Host::new(one.host.name().as_bytes(), one.mark..cut);
    for (source, body) in bodies {
        match body {
            Body::Binary(bytes) => {
                // It was proven when it was read.
                if let Ok(snapshot) = Snapshot::parse(bytes) {
                    host.add_snapshot(source, &snapshot);
                }
            }
            Body::Json(tree) => host.add_tree(source, tree),
        }
    }
    host
}

/// The snapshots that may have rows before the cut, each with the name that the archive gives it.
fn bodies<D: Disk>(one: &Archiving<D>, cut: i64) -> Result<Vec<(String, Body)>, LoadError> {
    let mut bodies = Vec::new();
    for file in &one.files {
        if let Some(body) = body(one, file, cut)? {
            bodies.push((format!("{}/{}", one.host.name(), file.file), body));
        }
    }
    Ok(bodies)
}

fn body<D: Disk>(
    one: &Archiving<D>,
    file: &SnapshotFile,
    cut: i64,
) -> Result<Option<Body>, LoadError> {
    let disk = one.host.snapshot_disk();
    let path = format!("{}/{}", one.host.directory(), file.file);
    let bad = |problem| LoadError::Bytes { file: file.file.clone(), problem };
    if file.kind == Kind::Json {
        let read = sound_json(disk, &path, |reader| read_json(reader))?;
        return Ok(Some(Body::Json(read.map_err(|(_, problem)| bad(problem))?)));
    }
    let bytes = read_whole(disk, &path)?;
    let snapshot = Snapshot::parse(&bytes).map_err(|error| bad(error.to_string()))?;
    // Only in our own files the header says where the first slot is.
    let is_ours = matches!(snapshot.integrity(), Integrity::Verified(_));
    let is_later = is_ours && snapshot.from() >= cut;
    Ok((!is_later).then_some(Body::Binary(bytes)))
}
