//! Names of clusters and hosts: they become names of directories.

use thiserror::Error;

/// The longest name of a cluster or host, in bytes.
pub const DIRECTORY_NAME_MAX: usize = 200;

/// Why a cluster or host cannot be called so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BadName {
    /// It has no name.
    #[error("name is empty")]
    Empty,
    /// It is `.` or `..`.
    #[error("name is `.` or `..`")]
    Dots,
    /// There is a `/`, a `\`, a control character or a NUL in it.
    #[error("name has a character that is not allowed")]
    Character,
    /// It is longer than [`DIRECTORY_NAME_MAX`].
    #[error("name is longer than {DIRECTORY_NAME_MAX} bytes")]
    TooLong,
    /// It is no UTF-8.
    #[error("name is no UTF-8")]
    NotUtf8,
}

/// The name of a cluster or host as that of a directory.
///
/// ```
/// use checkpointer::{BadName, check_directory_name};
///
/// assert_eq!(check_directory_name(b"a0329"), Ok("a0329"));
/// assert_eq!(check_directory_name(b"../a0329"), Err(BadName::Character));
/// ```
///
/// # Errors
///
/// [`BadName`] says what is not allowed.
pub fn check_directory_name(name: &[u8]) -> Result<&str, BadName> {
    if name.is_empty() {
        return Err(BadName::Empty);
    }
    if name.len() > DIRECTORY_NAME_MAX {
        return Err(BadName::TooLong);
    }
    if matches!(name, b"." | b"..") {
        return Err(BadName::Dots);
    }
    let name = str::from_utf8(name).map_err(|_| BadName::NotUtf8)?;
    let is_bad = |character: char| matches!(character, '/' | '\\') || character.is_control();
    if name.contains(is_bad) { Err(BadName::Character) } else { Ok(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_one_directory_is_a_name() {
        let long = [b'x'; DIRECTORY_NAME_MAX + 1];
        assert!(check_directory_name(&long[1..]).is_ok());
        assert!(check_directory_name("größe.1".as_bytes()).is_ok());
        assert_eq!(check_directory_name(&long), Err(BadName::TooLong));
        assert_eq!(check_directory_name(b""), Err(BadName::Empty));
        assert_eq!(check_directory_name(b"."), Err(BadName::Dots));
        assert_eq!(check_directory_name(b".."), Err(BadName::Dots));
        assert_eq!(check_directory_name(b"a\xFF"), Err(BadName::NotUtf8));
        for bad in ["a/b", "a\\b", "a\0", "a\n", "a\u{7f}", "a\u{85}"] {
            assert_eq!(check_directory_name(bad.as_bytes()), Err(BadName::Character), "{bad:?}");
        }
    }
}
