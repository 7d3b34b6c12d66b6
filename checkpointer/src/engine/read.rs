//! Reading whole files, so that what the disk says and what the bytes say are never mixed up.

use std::io::{self, Read as _};

use snapshot_format::{JsonCause, JsonError, read_json};

use super::files::{Kind, Named, Snapshots};
use crate::disk::{Disk, File, Reader};
use crate::log::{DiskFailure, Operation};

/// How much is read at a time.
const CHUNK: usize = 256 << 10;

/// All bytes of a file.
pub(crate) fn read_whole<D: Disk>(disk: &D, path: &str) -> Result<Vec<u8>, DiskFailure> {
    let file = disk.open(path).map_err(DiskFailure::of(Operation::Open, path))?;
    let failed = DiskFailure::of(Operation::Read, path);
    read_all(&file).map_err(failed)
}

fn read_all<F: File>(file: &F) -> io::Result<Vec<u8>> {
    let length = usize::try_from(file.len()?).map_err(|_| io::ErrorKind::OutOfMemory)?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length).map_err(|_| io::ErrorKind::OutOfMemory)?;
    let mut at = 0;
    while at < length {
        // Zeros that are overwritten while they are still in the processor's cache.
        bytes.resize(length.min(at + CHUNK), 0);
        match file.read_at(at as u64, bytes.get_mut(at..).unwrap_or_default()) {
            Ok(0) => break,
            Ok(more) => at += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(at);
    Ok(bytes)
}

/// What is wrong with the bytes of a file, and where.
pub(crate) type Verdict = (Option<u64>, String);

/// Reads a JSON file: the outer error is the disk's, the inner one the bytes'.
pub(crate) fn sound_json<D: Disk, T>(
    disk: &D,
    path: &str,
    read: impl FnOnce(Reader<'_, D::File>) -> Result<T, JsonError>,
) -> Result<Result<T, Verdict>, DiskFailure> {
    let file = disk.open(path).map_err(DiskFailure::of(Operation::Open, path))?;
    match read(Reader::new(&file)) {
        Ok(value) => Ok(Ok(value)),
        Err(JsonError { cause: JsonCause::Read { kind, os }, .. }) => {
            let error = os.map_or_else(|| kind.into(), io::Error::from_raw_os_error);
            Err(DiskFailure::new(Operation::Read, path, error))
        }
        Err(error) => Ok(Err((Some(error.offset), error.to_string()))),
    }
}

/// The newest time of any value in the snapshots of a host, as the headers of the last ones say;
/// a `.json` is read whole for it, where nothing else tells. What cannot be read says nothing.
pub(crate) fn newest_time<D: Disk>(disk: &D, directory: &str, found: &Snapshots) -> Option<i64> {
    let last = |kind: Kind| found.files.iter().rfind(move |file| file.kind == kind);
    let of_binary = |file: &Named| header_times(disk, &format!("{directory}/{}", file.file));
    let binary = [Kind::Bin, Kind::Late].into_iter().filter_map(last).filter_map(of_binary);
    let of_json = || {
        let path = format!("{directory}/{}", last(Kind::Json)?.file);
        let tree = sound_json(disk, &path, |reader| read_json(reader)).ok()?.ok()?;
        Some((tree.from, tree.to))
    };
    // An empty snapshot says when it was written, and nothing of values.
    let times = binary.max_by_key(|(_, to)| *to).or_else(of_json);
    times.filter(|(from, to)| from < to).map(|(_, to)| to - 1)
}

fn header_times<D: Disk>(disk: &D, path: &str) -> Option<(i64, i64)> {
    let mut header = [0; 20];
    let file = disk.open(path).ok()?;
    Reader::new(&file).read_exact(&mut header).ok()?;
    let (magic, times) = header.split_first_chunk::<4>()?;
    let (from, to) = times.split_first_chunk::<8>()?;
    let to = to.first_chunk::<8>()?;
    let is_snapshot = u32::from_le_bytes(*magic) == snapshot_format::MAGIC;
    is_snapshot.then(|| (i64::from_le_bytes(*from), i64::from_le_bytes(*to)))
}
