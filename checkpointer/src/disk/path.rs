//! Which paths are paths: relative, below the data directory, with nothing in them that leads out.

use std::io;

use thiserror::Error;

/// The longest name that file systems take.
const NAME_LEN_MAX: usize = 255;
/// Short of the system's 4096, so that both kinds of disk refuse the same ones.
const PATH_LEN_MAX: usize = 4000;

/// Why a path was refused: the source of an [`io::Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadPath {
    /// Only directories can be named by the empty path.
    #[error("path is empty")]
    Empty,
    /// The path begins with `/`.
    #[error("path is absolute")]
    Absolute,
    /// The path has two `/` side by side, or one at its end.
    #[error("path has an empty component")]
    EmptyComponent,
    /// The path has `.` or `..` in it.
    #[error("path has a component `.` or `..`")]
    Dots,
    /// The path has a NUL byte in it.
    #[error("path has a NUL byte")]
    Nul,
    /// A component or the path as a whole is longer than file systems take.
    #[error("path or a component of it is too long")]
    TooLong,
    /// A rename from one directory to another.
    #[error("rename leaves the directory")]
    OtherDirectory,
}

impl From<BadPath> for io::Error {
    fn from(bad: BadPath) -> Self {
        let kind = match bad {
            BadPath::TooLong => io::ErrorKind::InvalidFilename,
            _ => io::ErrorKind::InvalidInput,
        };
        Self::new(kind, bad)
    }
}

/// Refuses what names no directory below the data directory, nor that one itself.
pub(super) fn check_directory(path: &str) -> Result<(), BadPath> {
    if path.is_empty() { Ok(()) } else { check_name(path) }
}

/// Refuses what names nothing below the data directory.
pub(super) fn check_name(path: &str) -> Result<(), BadPath> {
    if path.is_empty() {
        return Err(BadPath::Empty);
    }
    if path.starts_with('/') {
        return Err(BadPath::Absolute);
    }
    if path.len() > PATH_LEN_MAX {
        return Err(BadPath::TooLong);
    }
    path.split('/').try_for_each(check_component)
}

fn check_component(component: &str) -> Result<(), BadPath> {
    match component {
        "" => Err(BadPath::EmptyComponent),
        "." | ".." => Err(BadPath::Dots),
        _ if component.contains('\0') => Err(BadPath::Nul),
        _ if component.len() > NAME_LEN_MAX => Err(BadPath::TooLong),
        _ => Ok(()),
    }
}

/// Refuses a rename that one sync of one directory could not make durable.
pub(super) fn check_rename(from: &str, to: &str) -> Result<(), BadPath> {
    check_name(from)?;
    check_name(to)?;
    if split(from).0 == split(to).0 { Ok(()) } else { Err(BadPath::OtherDirectory) }
}

/// The directory a path lies in, and its name there.
pub(super) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}
