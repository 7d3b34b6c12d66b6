//! Names of levels: paths of a host's tree, and selectors of several at once.
//!
//! Names are bytes. What a name may be is checked before a level is made of it; a selector may hold
//! anything and selects nothing where there is no such level.

/// How many levels there can be below a host, one below the other.
pub const MAX_DEPTH: usize = 255;
/// How many bytes the name of a level can have.
pub const MAX_NAME_LEN: usize = 255;
/// How many levels a host can have, itself not counted.
pub const MAX_LEVELS: usize = 65_536;

/// Why a level is not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// The path has more than [`MAX_DEPTH`] elements.
    #[error("path of {depth} elements, at most {MAX_DEPTH} are allowed")]
    TooDeep {
        /// How many it has.
        depth: usize,
    },
    /// An element of the path has more than [`MAX_NAME_LEN`] bytes.
    #[error("element {element} of the path has {len} bytes, at most {MAX_NAME_LEN} are allowed")]
    TooLong {
        /// Which, the first being 0.
        element: usize,
        /// How many bytes it has.
        len: usize,
    },
    /// The host has [`MAX_LEVELS`] levels.
    #[error("host has too many levels, at most {MAX_LEVELS} are allowed")]
    TooManyLevels,
}

/// Whether a level may be called so.
pub(crate) fn check_path(path: &[&[u8]]) -> Result<(), NameError> {
    if path.len() > MAX_DEPTH {
        return Err(NameError::TooDeep { depth: path.len() });
    }
    match path.iter().enumerate().find(|(_, name)| name.len() > MAX_NAME_LEN) {
        Some((element, name)) => Err(NameError::TooLong { element, len: name.len() }),
        None => Ok(()),
    }
}

/// Which children of a level are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Element {
    /// The one of this name.
    Name(Vec<u8>),
    /// Those of these names, each once, however often it is in the list.
    Group(Vec<Vec<u8>>),
    /// All of them.
    Any,
}

impl Element {
    pub(crate) fn selects(&self, name: &[u8]) -> bool {
        match self {
            Self::Name(one) => one == name,
            // Those of a selector are sorted: groups and hosts may be of tens of thousands.
            Self::Group(names) => names.binary_search_by(|one| (**one).cmp(name)).is_ok(),
            Self::Any => true,
        }
    }
}

/// Levels of a host's tree: one element for every level on the way down. Without elements it is the
/// host itself.
///
/// ```
/// use memstore::{Element, Selector};
///
/// let threads = [b"hwthread0".to_vec(), b"hwthread1".to_vec()];
/// let selector = Selector::new(vec![Element::Name(b"socket0".to_vec()), Element::Group(threads.into())]);
/// assert_eq!(selector.elements().len(), 2);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    elements: Vec<Element>,
}

impl Selector {
    /// The levels that `elements` lead to, from the host on.
    ///
    /// ```
    /// # use memstore::{Element, Selector};
    /// let all_children = Selector::new(vec![Element::Any]);
    /// assert_eq!(all_children.elements(), [Element::Any]);
    /// ```
    #[must_use]
    pub fn new(mut elements: Vec<Element>) -> Self {
        for element in &mut elements {
            if let Element::Group(names) = element {
                names.sort_unstable();
                names.dedup();
            }
        }
        Self { elements }
    }

    /// The host itself.
    ///
    /// ```
    /// assert!(memstore::Selector::host().elements().is_empty());
    /// ```
    #[must_use]
    pub fn host() -> Self {
        Self::default()
    }

    /// The one level at `path`.
    ///
    /// ```
    /// # use memstore::{Element, Selector};
    /// let socket = Selector::path(&[b"socket0"]);
    /// assert_eq!(socket.elements(), [Element::Name(b"socket0".to_vec())]);
    /// ```
    #[must_use]
    pub fn path(path: &[&[u8]]) -> Self {
        Self { elements: path.iter().map(|name| Element::Name(name.to_vec())).collect() }
    }

    /// The elements, outermost first. The names of a group are sorted, without duplicates.
    ///
    /// ```
    /// assert!(memstore::Selector::host().elements().is_empty());
    /// ```
    #[must_use]
    pub fn elements(&self) -> &[Element] {
        &self.elements
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_names_are_inclusive() {
        let name = [b'x'; MAX_NAME_LEN + 1];
        let path = [&name[..1]; MAX_DEPTH + 1];
        assert_eq!(check_path(&path[..MAX_DEPTH]), Ok(()));
        assert_eq!(check_path(&path), Err(NameError::TooDeep { depth: 256 }));
        assert_eq!(check_path(&[&name[..MAX_NAME_LEN]]), Ok(()));
        let long = check_path(&[b"", &name]);
        assert_eq!(long, Err(NameError::TooLong { element: 1, len: 256 }));
    }
}
