//! The keys of a host as they were sent, and the series that each means.
//!
//! Their bytes lie one behind the other, and their numbers are 16 bits wide: beside the bytes and the
//! [`Series`] itself, a key takes a dozen bytes.

use checkpointer::Series;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// The number of a key.
pub(crate) type KeyId = u16;

/// A host has no more keys than this remembered, of so many bytes each and in all.
const KEYS_MAX: usize = KeyId::MAX as usize;
const KEY_LEN_MAX: usize = 4 << 10;
const BYTES_MAX: usize = 16 << 20;

/// It was used since the last sweep.
const USED: u8 = 1;
/// It was read with the default cluster: with another it means another host.
const DEFAULTED: u8 = 2;
/// The line behind it was another host's, last time.
const LEAVES: u8 = 4;
/// The catalogue does not have its metric.
const UNKNOWN: u8 = 8;

/// Whether a key names its cluster itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cluster {
    Named,
    Defaulted,
}

/// What is known of a key that has come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Followed(u8);

impl Followed {
    /// Whether another host's line is to be expected behind it.
    #[inline]
    pub(crate) fn leaves(self) -> bool {
        self.0 & LEAVES != 0
    }

    /// Whether its metric is not in the catalogue.
    #[inline]
    pub(crate) fn is_unknown(self) -> bool {
        self.0 & UNKNOWN != 0
    }
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Where its bytes end; they begin where those of the entry before end.
    end: u32,
    /// The key of this host that followed last time.
    next: KeyId,
    marks: u8,
}

/// What is remembered of a host.
#[derive(Debug)]
pub(crate) struct Keys {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    /// Of each entry; none where the metric is not in the catalogue.
    series: Vec<Option<Series>>,
    index: HashTable<KeyId>,
    hasher: RandomState,
    /// The key of the last line.
    last: KeyId,
    /// Of names behind the series.
    name_bytes: usize,
}

impl Keys {
    pub(crate) fn new(hasher: RandomState) -> Self {
        Self {
            bytes: Vec::new(),
            entries: Vec::new(),
            series: Vec::new(),
            index: HashTable::new(),
            hasher,
            last: 0,
            name_bytes: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The bytes of the allocator.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.bytes.capacity()
            + self.entries.capacity() * size_of::<Entry>()
            + self.series.capacity() * size_of::<Option<Series>>()
            + self.index.allocation_size()
            + self.name_bytes
    }

    /// The key that probably comes next, and its bytes: none before the first.
    #[inline]
    pub(crate) fn expected(&self) -> (KeyId, &[u8]) {
        let next = self.entries.get(usize::from(self.last)).map_or(0, |entry| entry.next);
        (next, self.key(next))
    }

    #[inline]
    fn key(&self, id: KeyId) -> &[u8] {
        key_of(&self.bytes, &self.entries, id)
    }

    pub(crate) fn find(&self, key: &[u8]) -> Option<KeyId> {
        self.index.find(self.hasher.hash_one(key), |&id| self.key(id) == key).copied()
    }

    /// Whether a key means this host, to lines whose default cluster is this host's or not.
    #[inline]
    pub(crate) fn is_of_host(&self, id: KeyId, default_is_own: bool) -> bool {
        let marks = self.entries.get(usize::from(id)).map_or(0, |entry| entry.marks);
        default_is_own || marks & DEFAULTED == 0
    }

    #[inline]
    pub(crate) fn series(&self, id: KeyId) -> Option<&Series> {
        self.series.get(usize::from(id))?.as_ref()
    }

    /// A line had this key: it follows the one before, right behind it or with lines of other hosts
    /// between them.
    #[inline]
    pub(crate) fn follow(&mut self, id: KeyId, has_stayed: bool) -> Followed {
        if let Some(last) = self.entries.get_mut(usize::from(self.last)) {
            last.next = id;
            last.marks &= if has_stayed { !LEAVES } else { !0 };
        }
        self.last = id;
        let Some(entry) = self.entries.get_mut(usize::from(id)) else { return Followed(UNKNOWN) };
        entry.marks |= USED;
        Followed(entry.marks)
    }

    /// The key that probably comes next, and its bytes, if nothing is to be decided when it comes: it
    /// is this host's, its metric is known, and the line behind it is this host's, too.
    #[inline]
    pub(crate) fn foreseen(&self, default_is_own: bool) -> Option<(KeyId, &[u8])> {
        let last = self.entries.get(usize::from(self.last))?;
        let marks = self.entries.get(usize::from(last.next))?.marks;
        let decides = LEAVES | UNKNOWN | if default_is_own { 0 } else { DEFAULTED };
        let is_plain = marks & decides == 0 && last.marks & LEAVES == 0;
        is_plain.then(|| (last.next, self.key(last.next)))
    }

    /// A line had the key that was foreseen, right behind the one before.
    #[inline]
    pub(crate) fn came_as_foreseen(&mut self, id: KeyId) {
        self.last = id;
        if let Some(entry) =
            self.entries.get_mut(usize::from(id)).filter(|entry| entry.marks & USED == 0)
        {
            entry.marks |= USED;
        }
    }

    /// Another host's line followed the last one.
    pub(crate) fn left(&mut self) {
        if let Some(last) = self.entries.get_mut(usize::from(self.last)) {
            last.marks |= LEAVES;
        }
    }

    /// Remembers a key; none if there is no room for it.
    pub(crate) fn learn(
        &mut self,
        key: &[u8],
        series: Option<Series>,
        cluster: Cluster,
    ) -> Result<KeyId, Option<Series>> {
        let end = self.bytes.len() + key.len();
        let fits = key.len() <= KEY_LEN_MAX && end <= BYTES_MAX && self.len() < KEYS_MAX;
        let (Ok(id), Ok(end), true) = (KeyId::try_from(self.len()), u32::try_from(end), fits)
        else {
            return Err(series);
        };
        let marks = if cluster == Cluster::Defaulted { DEFAULTED } else { 0 }
            | if series.is_none() { UNKNOWN } else { 0 };
        make_room(&mut self.bytes, key.len());
        self.bytes.extend_from_slice(key);
        make_room(&mut self.entries, 1);
        self.entries.push(Entry { end, next: id.wrapping_add(1), marks });
        self.name_bytes += series.as_ref().map_or(0, name_bytes);
        make_room(&mut self.series, 1);
        self.series.push(series);
        let Self { bytes, entries, index, hasher, .. } = self;
        let hash = |id: &KeyId| hasher.hash_one(key_of(bytes, entries, *id));
        index.insert_unique(hasher.hash_one(key), id, hash);
        Ok(id)
    }

    pub(crate) fn hasher(&self) -> RandomState {
        self.hasher.clone()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.len() >= KEYS_MAX || self.bytes.len() + KEY_LEN_MAX > BYTES_MAX
    }

    /// Forgets the keys that were not used since the last sweep.
    pub(crate) fn sweep(&mut self) {
        self.retain(|entry, _| entry.marks & USED != 0);
        for entry in &mut self.entries {
            entry.marks &= !USED;
        }
    }

    /// Forgets the keys of unknown metrics: the catalogue has grown.
    pub(crate) fn forget_unknown(&mut self) {
        self.retain(|_, series| series.is_some());
    }

    fn retain(&mut self, stays: impl Fn(&Entry, &Option<Series>) -> bool) {
        let mut fresh = Self::new(self.hasher.clone());
        let old = std::mem::replace(self, Self::new(self.hasher.clone()));
        for (at, series) in old.series.into_iter().enumerate() {
            let (Some(entry), Ok(id)) = (old.entries.get(at), KeyId::try_from(at)) else { break };
            if stays(entry, &series) {
                let key = key_of(&old.bytes, &old.entries, id);
                if let Ok(id) = fresh.learn(key, series, Cluster::Named)
                    && let Some(kept) = fresh.entries.get_mut(usize::from(id))
                {
                    kept.marks = entry.marks;
                }
            }
        }
        fresh.fit();
        *self = fresh;
    }

    /// Gives back what is reserved for more keys.
    pub(crate) fn fit(&mut self) {
        self.bytes.shrink_to_fit();
        self.entries.shrink_to_fit();
        self.series.shrink_to_fit();
    }
}

#[inline]
fn key_of<'a>(bytes: &'a [u8], entries: &[Entry], id: KeyId) -> &'a [u8] {
    let at = usize::from(id);
    let before = at.checked_sub(1).and_then(|at| entries.get(at));
    let start = before.map_or(0, |entry| entry.end as usize);
    let end = entries.get(at).map_or(start, |entry| entry.end as usize);
    bytes.get(start..end).unwrap_or_default()
}

fn name_bytes(series: &Series) -> usize {
    series.names().as_names().as_bytes().len()
}

/// Room for so many more, and for half of what is there, until [`Keys::fit`].
fn make_room<T>(list: &mut Vec<T>, more: usize) {
    if list.capacity() - list.len() < more {
        list.reserve_exact(more + list.len() / 2);
    }
}
