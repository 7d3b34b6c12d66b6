//! Which file is what, finding them in directories, and writing new ones.

use anyhow::{Context, Result, bail, ensure};
use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::{BufWriter, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What a file is meant to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A segment of the log.
    Wal,
    /// A binary snapshot, early or late.
    Bin,
    /// A JSON checkpoint.
    Json,
}

impl Kind {
    /// By the ending of the name alone.
    pub(crate) fn of_ending(path: &Path) -> Option<Self> {
        path.extension().and_then(OsStr::to_str).and_then(Self::of_part)
    }

    /// By the ending of the name; what was set aside (`x.bin.corrupt.1`, `x.wal.damaged`, …) is still
    /// what it was.
    pub(crate) fn of_name(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_string_lossy().into_owned();
        let set_aside = |part: &str| {
            matches!(part, "tmp" | "corrupt" | "damaged" | "unknown") || is_number(part)
        };
        let mut parts = name.split('.').skip(1).collect::<Vec<_>>();
        while parts.last().is_some_and(|part| set_aside(part)) {
            parts.pop();
        }
        parts.last().and_then(|part| Self::of_part(part))
    }

    fn of_part(part: &str) -> Option<Self> {
        match part {
            "wal" => Some(Self::Wal),
            "bin" | "late" => Some(Self::Bin),
            "json" => Some(Self::Json),
            _ => None,
        }
    }

    /// By the ending of the name, else by the first bytes.
    pub(crate) fn of_file(path: &Path) -> Result<Self> {
        if let Some(kind) = Self::of_name(path) {
            return Ok(kind);
        }
        let mut begin = Vec::new();
        open(path)?
            .take(4)
            .read_to_end(&mut begin)
            .with_context(|| format!("read {}", path.display()))?;
        let magic = begin.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
        match (magic, begin.first()) {
            (Some(wal_format::FILE_MAGIC), _) => Ok(Self::Wal),
            (Some(snapshot_format::MAGIC), _) => Ok(Self::Bin),
            (_, Some(b'{')) => Ok(Self::Json),
            _ => bail!(
                "{}: neither its name nor its content is that of a log or a snapshot",
                path.display()
            ),
        }
    }
}

/// What a file is: data of a store, or its archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// A Parquet file.
    Archive,
    Data(Kind),
}

impl What {
    /// By the ending of the name, else by the first bytes.
    pub(crate) fn of_file(path: &Path) -> Result<Self> {
        if Kind::of_name(path).is_none() && is_archive(path)? {
            return Ok(Self::Archive);
        }
        Kind::of_file(path).map(Self::Data)
    }
}

fn is_archive(path: &Path) -> Result<bool> {
    if has_archive_ending(path) {
        return Ok(true);
    }
    let mut begin = Vec::new();
    let read = open(path)?.take(4).read_to_end(&mut begin);
    read.with_context(|| format!("read {}", path.display()))?;
    Ok(begin == b"PAR1")
}

fn looks_like_data(path: &Path) -> bool {
    Kind::of_ending(path).is_some() || has_archive_ending(path)
}

fn has_archive_ending(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == OsStr::new("parquet"))
}

fn is_number(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())
}

pub(crate) fn open(path: &Path) -> Result<File> {
    let context = || format!("open {}", path.display());
    // Asked first: opening a pipe waits for somebody to write to it.
    ensure!(fs::metadata(path).with_context(context)?.is_file(), "{}: not a file", path.display());
    File::open(path).with_context(context)
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes).with_context(|| format!("read {}", path.display()))?;
    Ok(bytes)
}

/// Something in a directory that has to be told of, instead of looked into.
#[derive(Debug)]
pub(crate) struct Unvisited {
    pub(crate) path: PathBuf,
    pub(crate) reason: String,
}

/// What is in a directory and all below it, in the order of the names.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Data as it is.
    pub(crate) files: Vec<PathBuf>,
    /// Archive files.
    pub(crate) archives: Vec<PathBuf>,
    /// What was data, or was to become it: set aside, damaged, left over.
    pub(crate) set_aside: Vec<PathBuf>,
    /// What could be data and was not looked at.
    pub(crate) unvisited: Vec<Unvisited>,
}

impl Listing {
    /// Symbolic links are not followed: they could lead out of the directory, or round in it.
    pub(crate) fn of(directory: &Path) -> Self {
        let mut listing = Self::default();
        let mut open = vec![directory.to_path_buf()];
        while let Some(directory) = open.pop() {
            if let Err(error) = listing.add(&directory, &mut open) {
                let reason = format!("cannot be listed: {error}");
                listing.unvisited.push(Unvisited { path: directory, reason });
            }
        }
        listing.files.sort();
        listing.archives.sort();
        listing.set_aside.sort();
        listing
    }

    fn add(&mut self, directory: &Path, open: &mut Vec<PathBuf>) -> std::io::Result<()> {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let path = entry.path();
            let kind = entry.file_type()?;
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_file() && has_archive_ending(&path) {
                self.archives.push(path);
            } else if kind.is_symlink() && (looks_like_data(&path) || path.is_dir()) {
                self.unvisited
                    .push(Unvisited { path, reason: "symbolic link, not followed".into() });
            } else if kind.is_file() && Kind::of_ending(&path).is_some() {
                self.files.push(path);
            } else if kind.is_file() && Kind::of_name(&path).is_some() {
                self.set_aside.push(path);
            }
        }
        Ok(())
    }
}

/// Whether a file that is being written is to be there afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    Yes,
    No,
}

/// Refuses what exists. Another process may still create it: `create` looks once more.
pub(crate) fn ensure_new(path: &Path) -> Result<()> {
    ensure!(path.symlink_metadata().is_err(), "{}: exists already", path.display());
    Ok(())
}

/// Writes a new file: whole and durable, or not at all. What exists is never overwritten.
pub(crate) fn create(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<&mut File>) -> Result<Keep>,
) -> Result<()> {
    ensure_new(path)?;
    let context = || format!("write {}", path.display());
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    let mut temporary = tempfile::Builder::new()
        .prefix(".levelstore-")
        .suffix(".tmp")
        .permissions(Permissions::from_mode(0o644))
        .tempfile_in(parent)
        .with_context(context)?;
    let mut writer = BufWriter::new(temporary.as_file_mut());
    if write(&mut writer).with_context(context)? == Keep::No {
        return Ok(());
    }
    writer.flush().with_context(context)?;
    drop(writer);
    temporary.as_file().sync_all().with_context(context)?;
    temporary.persist_noclobber(path).map_err(|error| error.error).with_context(context)?;
    File::open(parent).and_then(|directory| directory.sync_all()).with_context(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_the_kind_whatever_was_put_behind_it() {
        for (name, kind) in [
            ("current.wal", Some(Kind::Wal)),
            ("00000000000000000007.wal", Some(Kind::Wal)),
            ("00000000000000000007.wal.damaged", Some(Kind::Wal)),
            ("00000000000000000007.unknown", None),
            ("1700000118.bin", Some(Kind::Bin)),
            ("1700000118.late", Some(Kind::Bin)),
            ("1700000118.bin.tmp", Some(Kind::Bin)),
            ("1700000118.bin.corrupt.12", Some(Kind::Bin)),
            ("1700000118.json", Some(Kind::Json)),
            ("bin", None),
            ("notes.txt", None),
            ("old.avro", None),
        ] {
            assert_eq!(Kind::of_name(Path::new(name)), kind, "{name}");
        }
    }

    #[test]
    fn a_new_file_is_whole_or_not_there_and_replaces_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.bin");
        let failed = create(&path, |out| {
            out.write_all(b"half")?;
            bail!("no more")
        });
        assert!(failed.is_err());
        create(&path, |out| out.write_all(b"in vain").map(|()| Keep::No).map_err(Into::into))
            .unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);

        let write = |bytes: &'static [u8]| {
            create(&path, |out| out.write_all(bytes).map(|()| Keep::Yes).map_err(Into::into))
        };
        write(b"whole").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o644, 0o644);
        assert!(write(b"other").is_err());
        assert_eq!(fs::read(&path).unwrap(), b"whole");
    }
}
