//! A map from names that costs what is in it: a vector, sorted.
//!
//! A B-tree reserves a leaf of eleven slots for its first entry. A hostile file of levels with one
//! child each would grow to eighty times its size in such maps, so here nothing is reserved: the
//! first entry takes the place of one, and what was read from a file has no place to spare.

use core::fmt;
use core::ops::Index;

/// What belongs to each name, in ascending order of the names' bytes. Behaves like a map.
///
/// Finding is a binary search. Inserting is quick in ascending order; anywhere else it moves what
/// lies behind, so that many names in no order are better collected:
///
/// ```
/// use snapshot_format::ByName;
///
/// let cores: ByName<u32> = [(&b"core1"[..], 1), (b"core0", 0), (b"core1", 7)].into_iter().collect();
/// assert!(cores.iter().eq([(&b"core0"[..], &0), (b"core1", &7)]));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ByName<T> {
    /// Invariant: the names ascend strictly.
    entries: Vec<Entry<T>>,
}

/// A name and what belongs to it.
pub(crate) type Entry<T> = (Box<[u8]>, T);

/// Iterates over a [`ByName`], from either end.
#[derive(Clone, Debug)]
pub struct ByNameIter<'a, T> {
    entries: core::slice::Iter<'a, Entry<T>>,
}

impl<T> ByName<T> {
    /// Takes the entries from `first` on off a stack on which they came in any order; of equal
    /// names the last counts. No longer than a sort takes, and with no place to spare.
    pub(crate) fn pop_from(stack: &mut Vec<Entry<T>>, first: usize) -> Self {
        let unsorted = stack.get_mut(first..).unwrap_or_default();
        if !unsorted.is_sorted_by(|a, b| a.0 < b.0) {
            // Stable, so that of equal names the last stays last.
            unsorted.sort_by(|a, b| a.0.cmp(&b.0));
        }
        let distinct = unsorted.chunk_by(|a, b| a.0 == b.0).count();
        let mut entries: Vec<Entry<T>> = Vec::with_capacity(distinct);
        for entry in stack.drain(first.min(stack.len())..) {
            match entries.last_mut() {
                Some(last) if last.0 == entry.0 => *last = entry,
                _ => entries.push(entry),
            }
        }
        Self { entries }
    }

    /// Where `name` stands, or where it would.
    fn find(&self, name: &[u8]) -> Result<usize, usize> {
        match self.entries.last() {
            Some((last, _)) if **last < *name => Err(self.entries.len()),
            _ => self.entries.binary_search_by(|(other, _)| (**other).cmp(name)),
        }
    }

    fn insert_at(&mut self, index: usize, name: &[u8], value: T) {
        if self.entries.is_empty() {
            self.entries.reserve_exact(1); // A vector reserves four.
        }
        self.entries.insert(index, (name.into(), value));
    }

    /// Inserts `value`; returns the one that the name had before.
    ///
    /// ```
    /// let mut sockets = snapshot_format::ByName::default();
    /// assert_eq!(sockets.insert(b"socket0", 1), None);
    /// assert_eq!(sockets.insert(b"socket0", 2), Some(1));
    /// ```
    pub fn insert(&mut self, name: &[u8], value: T) -> Option<T> {
        match self.find(name) {
            Ok(index) => {
                let entry = self.entries.get_mut(index);
                entry.map(|(_, old)| core::mem::replace(old, value))
            }
            Err(index) => {
                self.insert_at(index, name, value);
                None
            }
        }
    }

    /// Removes a name; returns what belonged to it.
    ///
    /// ```
    /// let mut sockets = snapshot_format::ByName::default();
    /// sockets.insert(b"socket0", 1);
    /// assert_eq!(sockets.remove(b"socket0"), Some(1));
    /// assert_eq!(sockets.remove(b"socket0"), None);
    /// ```
    pub fn remove(&mut self, name: &[u8]) -> Option<T> {
        let index = self.find(name).ok()?;
        Some(self.entries.remove(index).1)
    }

    /// What belongs to `name`.
    ///
    /// ```
    /// let mut sockets = snapshot_format::ByName::default();
    /// sockets.insert(b"socket0", 1);
    /// assert_eq!(sockets.get(b"socket0"), Some(&1));
    /// assert_eq!(sockets.get(b"socket1"), None);
    /// ```
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<&T> {
        let index = self.find(name).ok()?;
        self.entries.get(index).map(|(_, value)| value)
    }

    /// As [`ByName::get`], to change it.
    ///
    /// ```
    /// let mut sockets = snapshot_format::ByName::default();
    /// sockets.insert(b"socket0", 1);
    /// *sockets.get_mut(b"socket0").unwrap() += 1;
    /// assert_eq!(sockets[b"socket0"], 2);
    /// ```
    #[must_use]
    pub fn get_mut(&mut self, name: &[u8]) -> Option<&mut T> {
        let index = self.find(name).ok()?;
        self.entries.get_mut(index).map(|(_, value)| value)
    }

    /// What belongs to `name`, which is inserted if it is not there.
    ///
    /// ```
    /// let mut sockets = snapshot_format::ByName::<u32>::default();
    /// *sockets.get_or_default(b"socket0") += 1;
    /// *sockets.get_or_default(b"socket0") += 1;
    /// assert_eq!(sockets[b"socket0"], 2);
    /// ```
    pub fn get_or_default(&mut self, name: &[u8]) -> &mut T
    where
        T: Default,
    {
        let index = self.find(name).unwrap_or_else(|index| {
            self.insert_at(index, name, T::default());
            index
        });
        #[expect(clippy::indexing_slicing, reason = "it was found there or inserted there")]
        &mut self.entries[index].1
    }

    /// Whether the name is there.
    ///
    /// ```
    /// let sockets: snapshot_format::ByName<u32> = [(*b"socket0", 1)].into_iter().collect();
    /// assert!(sockets.contains_key(b"socket0") && !sockets.contains_key(b"socket1"));
    /// ```
    #[must_use]
    pub fn contains_key(&self, name: &[u8]) -> bool {
        self.find(name).is_ok()
    }

    /// How many names there are.
    ///
    /// ```
    /// assert_eq!(snapshot_format::ByName::<u32>::default().len(), 0);
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    ///
    /// ```
    /// assert!(snapshot_format::ByName::<u32>::default().is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Removes everything.
    ///
    /// ```
    /// let mut sockets: snapshot_format::ByName<u32> = [(*b"socket0", 1)].into_iter().collect();
    /// sockets.clear();
    /// assert!(sockets.is_empty());
    /// ```
    pub fn clear(&mut self) {
        self.entries = Vec::new();
    }

    /// The names and what belongs to each, names ascending.
    ///
    /// ```
    /// let names: snapshot_format::ByName<u8> = [(*b"b", 2), (*b"a", 1)].into_iter().collect();
    /// let all: Vec<_> = names.iter().collect();
    /// assert_eq!(all, [(&b"a"[..], &1), (&b"b"[..], &2)]);
    /// ```
    #[must_use]
    pub fn iter(&self) -> ByNameIter<'_, T> {
        ByNameIter { entries: self.entries.iter() }
    }

    /// The names.
    ///
    /// ```
    /// let sockets: snapshot_format::ByName<u32> = [(*b"socket0", 1)].into_iter().collect();
    /// assert!(sockets.keys().eq([b"socket0"]));
    /// ```
    #[must_use]
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &[u8]> + DoubleEndedIterator {
        self.entries.iter().map(|(name, _)| &**name)
    }

    /// What belongs to each name.
    ///
    /// ```
    /// let sockets: snapshot_format::ByName<u32> = [(*b"socket0", 1)].into_iter().collect();
    /// assert!(sockets.values().eq(&[1]));
    /// ```
    #[must_use]
    pub fn values(&self) -> impl ExactSizeIterator<Item = &T> + DoubleEndedIterator {
        self.entries.iter().map(|(_, value)| value)
    }

    /// As [`ByName::values`], to change them.
    ///
    /// ```
    /// let mut sockets: snapshot_format::ByName<u32> = [(*b"socket0", 1)].into_iter().collect();
    /// sockets.values_mut().for_each(|value| *value += 1);
    /// assert_eq!(sockets[b"socket0"], 2);
    /// ```
    pub fn values_mut(&mut self) -> impl ExactSizeIterator<Item = &mut T> + DoubleEndedIterator {
        self.entries.iter_mut().map(|(_, value)| value)
    }

    /// As [`ByName::values`], to keep them.
    ///
    /// ```
    /// let sockets: snapshot_format::ByName<u32> = [(*b"socket0", 1)].into_iter().collect();
    /// assert!(sockets.into_values().eq([1]));
    /// ```
    #[must_use]
    pub fn into_values(self) -> impl ExactSizeIterator<Item = T> + DoubleEndedIterator {
        self.entries.into_iter().map(|(_, value)| value)
    }
}

impl<T> Default for ByName<T> {
    fn default() -> Self {
        Self { entries: Vec::new() }
    }
}

impl<T: fmt::Debug> fmt::Debug for ByName<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(name, value)| (Legible(name), value))).finish()
    }
}

/// A name for people.
struct Legible<'a>(&'a [u8]);

impl fmt::Debug for Legible<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

/// Panics, as maps do, if the name is not there.
impl<T> Index<&[u8]> for ByName<T> {
    type Output = T;

    fn index(&self, name: &[u8]) -> &T {
        #[expect(clippy::expect_used, reason = "who cannot promise the name uses `get`")]
        self.get(name).expect("no such name")
    }
}

/// The names in any order; of equal ones the last counts.
impl<N: Into<Box<[u8]>>, T> FromIterator<(N, T)> for ByName<T> {
    fn from_iter<I: IntoIterator<Item = (N, T)>>(entries: I) -> Self {
        let mut stack = entries.into_iter().map(|(name, value)| (name.into(), value)).collect();
        Self::pop_from(&mut stack, 0)
    }
}

impl<T> IntoIterator for ByName<T> {
    type Item = (Box<[u8]>, T);
    type IntoIter = std::vec::IntoIter<(Box<[u8]>, T)>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

impl<'a, T> IntoIterator for &'a ByName<T> {
    type Item = (&'a [u8], &'a T);
    type IntoIter = ByNameIter<'a, T>;

    fn into_iter(self) -> ByNameIter<'a, T> {
        self.iter()
    }
}

impl<'a, T> Iterator for ByNameIter<'a, T> {
    type Item = (&'a [u8], &'a T);

    fn next(&mut self) -> Option<Self::Item> {
        self.entries.next().map(|(name, value)| (&**name, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.entries.size_hint()
    }
}

impl<T> DoubleEndedIterator for ByNameIter<'_, T> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.entries.next_back().map(|(name, value)| (&**name, value))
    }
}

impl<T> ExactSizeIterator for ByNameIter<'_, T> {}
