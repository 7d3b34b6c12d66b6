//! A walk in sorted order over a file whose keys stand in any order.
//!
//! The index holds one entry for each level and each series, borrowing their names; paths are kept
//! as links to the parent. The values are not touched. While it is built, the smallest level (10
//! bytes on disk) takes at most 88 bytes, the smallest series (22) at most 168.
//!
//! Of a name that stands twice in a level the last counts, as in the maps of the Go store: an
//! earlier child of that name is left out with all that is below it.

use crate::access::{Event, Series, Snapshot};

/// The series of a snapshot in the order of (path, name), compared as bytes, a level's own series
/// before those of its children. Made by [`Snapshot::sorted`].
#[derive(Clone, Debug)]
pub struct Sorted<'a> {
    levels: Vec<LevelLink<'a>>,
    series: Vec<Indexed<'a>>,
}

/// A level in the order of the file. The root is its own parent.
#[derive(Clone, Copy, Debug, PartialEq)]
struct LevelLink<'a> {
    name: &'a [u8],
    parent: usize,
}

#[derive(Clone, Copy, Debug)]
struct Indexed<'a> {
    level: usize,
    series: Series<'a>,
}

/// A series at its place in the sorted order.
#[derive(Clone, Copy, Debug)]
pub struct SortedSeries<'s, 'a> {
    sorted: &'s Sorted<'a>,
    indexed: Indexed<'a>,
}

/// Iterates over a [`Sorted`].
#[derive(Clone, Debug)]
pub struct SortedIter<'s, 'a> {
    sorted: &'s Sorted<'a>,
    series: core::slice::Iter<'s, Indexed<'a>>,
}

/// The names of the levels below the root that lead to a series, outermost first.
#[derive(Clone, Debug)]
pub struct Path<'a> {
    innermost_first: core::iter::Rev<std::vec::IntoIter<&'a [u8]>>,
}

const ROOT: usize = 0;
/// The rank of a level that another one of the same name replaces.
const REPLACED: usize = usize::MAX;

impl<'a> Sorted<'a> {
    pub(crate) fn new(snapshot: &Snapshot<'a>) -> Self {
        let mut levels = vec![LevelLink { name: b"", parent: ROOT }];
        let mut series = Vec::new();
        let mut level = ROOT;
        for event in snapshot.events() {
            match event {
                Event::Enter(name) => {
                    levels.push(LevelLink { name, parent: level });
                    level = levels.len() - 1;
                }
                Event::Leave => level = levels.get(level).map_or(ROOT, |link| link.parent),
                Event::Series(one) => series.push(Indexed { level, series: one }),
            }
        }
        let ranks = ranks(&levels);
        let rank = |one: &Indexed<'_>| ranks.get(one.level).copied().unwrap_or(REPLACED);
        series.retain(|one| rank(one) != REPLACED);
        // Stable, so that of equal names the last of the file stays last.
        series.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.series.name.cmp(b.series.name)));
        series.dedup_by(|later, kept| {
            let same = later.level == kept.level && later.series.name == kept.series.name;
            if same {
                *kept = *later;
            }
            same
        });
        Self { levels, series }
    }

    /// How many series there are, each name of a level counted once.
    ///
    /// ```
    /// # use snapshot_format::{Counts, Encoder, Snapshot, TrailerFields};
    /// # let mut encoder = Encoder::new(Vec::new(), 0, 120, Counts { metrics: 1, children: 0 })?;
    /// # encoder.series(b"cpu_load", 60, 0, &[0.5, 1.0])?;
    /// # let (bytes, _) = encoder.finish(TrailerFields::default())?;
    /// assert_eq!(Snapshot::parse(&bytes)?.sorted().len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.series.len()
    }

    /// Whether there are none.
    ///
    /// ```
    /// # use snapshot_format::{Counts, Encoder, Snapshot, TrailerFields};
    /// # let encoder = Encoder::new(Vec::new(), 0, 120, Counts::default())?;
    /// # let (bytes, _) = encoder.finish(TrailerFields::default())?;
    /// assert!(Snapshot::parse(&bytes)?.sorted().is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// The series in sorted order.
    ///
    /// ```
    /// # use snapshot_format::{Counts, Encoder, Snapshot, TrailerFields};
    /// # let mut encoder = Encoder::new(Vec::new(), 0, 120, Counts { metrics: 1, children: 0 })?;
    /// # encoder.series(b"cpu_load", 60, 0, &[0.5, 1.0])?;
    /// # let (bytes, _) = encoder.finish(TrailerFields::default())?;
    /// let snapshot = Snapshot::parse(&bytes)?;
    /// assert_eq!(snapshot.sorted().iter().count(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn iter(&self) -> SortedIter<'_, 'a> {
        SortedIter { sorted: self, series: self.series.iter() }
    }
}

/// The place of each level in a preorder walk that takes children by name.
fn ranks(levels: &[LevelLink<'_>]) -> Vec<usize> {
    let parent_of = |level: usize| levels.get(level).map_or(ROOT, |link| link.parent);
    // Children of one parent adjoin, the names descending: a stack gives them back ascending. Of
    // one name the last of the file comes first.
    let mut children: Vec<usize> = (1..levels.len()).collect();
    children.sort_unstable_by(|&a, &b| {
        let key = |level: usize| (parent_of(level), levels.get(level).map(|link| link.name));
        let ((parent_a, name_a), (parent_b, name_b)) = (key(a), key(b));
        parent_a.cmp(&parent_b).then_with(|| name_b.cmp(&name_a)).then_with(|| b.cmp(&a))
    });
    children.dedup_by_key(|level| levels.get(*level));
    let mut ranks = vec![REPLACED; levels.len()];
    let mut stack = vec![ROOT];
    let mut next = 0;
    while let Some(level) = stack.pop() {
        if let Some(rank) = ranks.get_mut(level) {
            *rank = next;
            next += 1;
        }
        let begin = children.partition_point(|&child| parent_of(child) < level);
        let of_level = children.get(begin..).unwrap_or_default();
        stack.extend(of_level.iter().take_while(|&&child| parent_of(child) == level));
    }
    ranks
}

impl<'a> Snapshot<'a> {
    /// The series in the order of (path, name), each name once: an index of the series is built,
    /// the values stay where they are.
    ///
    /// ```
    /// # use snapshot_format::{Counts, Encoder, Snapshot, TrailerFields};
    /// # let root = Counts { metrics: 0, children: 1 };
    /// # let mut encoder = Encoder::new(Vec::new(), 0, 120, root)?;
    /// # encoder.enter(b"socket0", Counts { metrics: 1, children: 0 })?;
    /// # encoder.series(b"mem_bw", 60, 0, &[0.5, 1.0])?;
    /// # encoder.leave()?;
    /// # let (bytes, _) = encoder.finish(TrailerFields::default())?;
    /// for entry in &Snapshot::parse(&bytes)?.sorted() {
    ///     assert!(entry.path().eq([b"socket0"]));
    ///     assert_eq!(entry.series().name, b"mem_bw");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn sorted(&self) -> Sorted<'a> {
        Sorted::new(self)
    }
}

impl<'s, 'a> IntoIterator for &'s Sorted<'a> {
    type Item = SortedSeries<'s, 'a>;
    type IntoIter = SortedIter<'s, 'a>;

    fn into_iter(self) -> SortedIter<'s, 'a> {
        self.iter()
    }
}

impl<'s, 'a> Iterator for SortedIter<'s, 'a> {
    type Item = SortedSeries<'s, 'a>;

    fn next(&mut self) -> Option<SortedSeries<'s, 'a>> {
        let indexed = *self.series.next()?;
        Some(SortedSeries { sorted: self.sorted, indexed })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.series.size_hint()
    }
}

impl ExactSizeIterator for SortedIter<'_, '_> {}

impl<'a> SortedSeries<'_, 'a> {
    /// The series itself.
    ///
    /// ```
    /// # use snapshot_format::{Counts, Encoder, Snapshot, TrailerFields};
    /// # let mut encoder = Encoder::new(Vec::new(), 0, 120, Counts { metrics: 1, children: 0 })?;
    /// # encoder.series(b"cpu_load", 60, 0, &[0.5, 1.0])?;
    /// # let (bytes, _) = encoder.finish(TrailerFields::default())?;
    /// let snapshot = Snapshot::parse(&bytes)?;
    /// for entry in &snapshot.sorted() {
    ///     assert_eq!(entry.series().values.to_vec(), [0.5, 1.0]);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn series(&self) -> Series<'a> {
        self.indexed.series
    }

    /// The way to its level. Series of one level adjoin: where [`SortedSeries::level`] stays the
    /// same, so does the path.
    ///
    /// ```
    /// # use snapshot_format::{Counts, Encoder, Snapshot, TrailerFields};
    /// # let mut encoder = Encoder::new(Vec::new(), 0, 120, Counts { metrics: 1, children: 0 })?;
    /// # encoder.series(b"cpu_load", 60, 0, &[0.5, 1.0])?;
    /// # let (bytes, _) = encoder.finish(TrailerFields::default())?;
    /// let snapshot = Snapshot::parse(&bytes)?;
    /// for entry in &snapshot.sorted() {
    ///     assert_eq!(entry.path().count(), 0, "it is the host's own");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn path(&self) -> Path<'a> {
        let mut names = Vec::new();
        let mut level = self.indexed.level;
        while let Some(link) = self.sorted.levels.get(level).filter(|_| level != ROOT) {
            names.push(link.name);
            level = link.parent;
        }
        Path { innermost_first: names.into_iter().rev() }
    }

    /// A number that is the level's own within this snapshot; 0 is the root.
    ///
    /// ```
    /// # use snapshot_format::{Counts, Encoder, Snapshot, TrailerFields};
    /// # let mut encoder = Encoder::new(Vec::new(), 0, 120, Counts { metrics: 1, children: 0 })?;
    /// # encoder.series(b"cpu_load", 60, 0, &[0.5, 1.0])?;
    /// # let (bytes, _) = encoder.finish(TrailerFields::default())?;
    /// assert!(Snapshot::parse(&bytes)?.sorted().iter().all(|entry| entry.level() == 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn level(&self) -> usize {
        self.indexed.level
    }
}

impl<'a> Iterator for Path<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.innermost_first.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.innermost_first.size_hint()
    }
}

impl DoubleEndedIterator for Path<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.innermost_first.next_back()
    }
}

impl ExactSizeIterator for Path<'_> {}
