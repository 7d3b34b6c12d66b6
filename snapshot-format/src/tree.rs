//! An owned tree, for those who want maps instead of borrowed bytes.
//!
//! A tree that is read from a file costs memory in proportion to the file, whatever the file is
//! made of, and time in proportion to a sort. What that comes to is told at [`Tree`].

use crate::access::{Event, Series, Snapshot};
use crate::by_name::{ByName, Entry};
use crate::verify::TrailerFields;
use crate::write::{Counts, EncodeError, Encoder};
use std::io::Write;

/// What a snapshot holds, owned.
///
/// # Memory
///
/// The smallest child takes 10 bytes of a binary file and 64 of a tree, the smallest series 22 and
/// 56, and a name what it is long: a tree holds at most **6.4 bytes for each byte** of its file,
/// and takes at most **14.4** while it is read, when a list that grows has a quarter to spare and is
/// there twice while it moves. In JSON the smallest of both are the six bytes `"":{},`: at most
/// **10.7** and **24**. This is what the allocator is asked for; it rounds up as it likes.
///
/// ```
/// use snapshot_format::{OwnedSeries, Snapshot, TrailerFields, Tree};
///
/// let mut tree = Tree { from: 0, to: 120, ..Tree::default() };
/// let load = OwnedSeries { frequency: 60, start: 0, values: vec![0.5, 1.0] };
/// tree.root.metrics.insert(b"cpu_load", load);
///
/// let (bytes, _) = tree.encode(Vec::new(), TrailerFields::default())?;
/// assert_eq!(Snapshot::parse(&bytes)?.to_tree(), tree);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    /// From when on it holds values, Unix seconds.
    pub from: i64,
    /// Until when, exclusively.
    pub to: i64,
    /// The host itself.
    pub root: Level,
}

/// A host or a device: its series, and what lies below it.
///
/// Dropping, cloning and comparing recurse into the levels below. From files and logs come at most
/// [`MAX_DEPTH`](crate::MAX_DEPTH) of them inside each other, which needs a few tens of KiB of stack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Level {
    /// The series by the names of their metrics.
    pub metrics: ByName<OwnedSeries>,
    /// The levels below by their names.
    pub children: ByName<Level>,
}

/// A series that owns its values. Two are equal if their bits are: NaN equals itself, 0 and −0
/// differ.
#[derive(Clone, Debug, Default)]
pub struct OwnedSeries {
    /// Seconds between two values.
    pub frequency: i64,
    /// Unix seconds of the first value.
    pub start: i64,
    /// NaN = no sample.
    pub values: Vec<f32>,
}

impl PartialEq for OwnedSeries {
    fn eq(&self, other: &Self) -> bool {
        (self.frequency, self.start) == (other.frequency, other.start)
            && self.values.len() == other.values.len()
            && self.values.iter().zip(&other.values).all(|(a, b)| a.to_bits() == b.to_bits())
    }
}

impl Eq for OwnedSeries {}

impl From<Series<'_>> for OwnedSeries {
    fn from(series: Series<'_>) -> Self {
        Self { frequency: series.frequency, start: series.start, values: series.values.to_vec() }
    }
}

impl Snapshot<'_> {
    /// A copy of everything as a tree of maps, each name once.
    ///
    /// ```
    /// # use snapshot_format::{Counts, Encoder, Snapshot, TrailerFields};
    /// # let mut encoder = Encoder::new(Vec::new(), 0, 120, Counts { metrics: 1, children: 0 })?;
    /// # encoder.series(b"cpu_load", 60, 0, &[0.5, 1.0])?;
    /// # let (bytes, _) = encoder.finish(TrailerFields::default())?;
    /// let tree = Snapshot::parse(&bytes)?.to_tree();
    /// assert_eq!(tree.root.metrics[b"cpu_load"].values, [0.5, 1.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn to_tree(&self) -> Tree {
        Tree::from_snapshot(self)
    }
}

impl Tree {
    /// Copies a snapshot. Of a name that stands twice in a level the last counts.
    ///
    /// ```
    /// # use snapshot_format::{Counts, Encoder, Snapshot, TrailerFields, Tree};
    /// # let mut encoder = Encoder::new(Vec::new(), 0, 120, Counts { metrics: 1, children: 0 })?;
    /// # encoder.series(b"cpu_load", 60, 0, &[0.5, 1.0])?;
    /// # let (bytes, _) = encoder.finish(TrailerFields::default())?;
    /// let tree = Tree::from_snapshot(&Snapshot::parse(&bytes)?);
    /// assert_eq!((tree.from, tree.to), (0, 120));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn from_snapshot(snapshot: &Snapshot<'_>) -> Self {
        let mut growing = Growing::default();
        for event in snapshot.events() {
            match event {
                Event::Enter(name) => growing.enter(name),
                Event::Series(series) => growing.series(series.name, series.into()),
                Event::Leave => growing.leave(),
            }
        }
        Self { from: snapshot.from(), to: snapshot.to(), root: growing.finish() }
    }

    /// Writes the tree as a binary snapshot; returns the writer and how many bytes it got.
    ///
    /// ```
    /// use snapshot_format::{TrailerFields, Tree};
    ///
    /// let (bytes, len) = Tree::default().encode(Vec::new(), TrailerFields::default())?;
    /// assert_eq!(bytes.len() as u64, len);
    /// # Ok::<(), snapshot_format::EncodeError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`EncodeError::TooDeep`] or [`EncodeError::TooLong`] for what the format cannot hold,
    /// [`EncodeError::Io`] if the writer fails.
    pub fn encode<W: Write>(
        &self,
        writer: W,
        trailer: TrailerFields,
    ) -> Result<(W, u64), EncodeError> {
        let mut encoder = Encoder::new(writer, self.from, self.to, self.root.counts()?)?;
        self.root.encode_series(&mut encoder)?;
        let mut open = vec![self.root.children.iter()];
        while let Some(children) = open.last_mut() {
            if let Some((name, level)) = children.next() {
                encoder.enter(name, level.counts()?)?;
                level.encode_series(&mut encoder)?;
                open.push(level.children.iter());
            } else {
                open.pop();
                if !open.is_empty() {
                    encoder.leave()?;
                }
            }
        }
        encoder.finish(trailer)
    }

    /// From the first nominal time to behind the last one, told from the series: for a tree whose
    /// own times were lost. Both 0 without any value.
    pub(crate) fn span(&self) -> (i64, i64) {
        let mut span: Option<(i64, i64)> = None;
        let mut levels = vec![&self.root];
        while let Some(level) = levels.pop() {
            levels.extend(level.children.values());
            for series in level.metrics.values() {
                let Some(last) = series.values.len().checked_sub(1) else { continue };
                let last = i64::try_from(last).unwrap_or(i64::MAX);
                let behind = series
                    .start
                    .saturating_add(last.saturating_mul(series.frequency))
                    .saturating_add(1);
                let (from, to) = span.unwrap_or((series.start, behind));
                span = Some((from.min(series.start), to.max(behind)));
            }
        }
        span.unwrap_or_default()
    }
}

impl Level {
    fn counts(&self) -> Result<Counts, EncodeError> {
        let fit = |field, len: usize| {
            u32::try_from(len).map_err(|_| EncodeError::TooLong { field, len: len as u64 })
        };
        Ok(Counts {
            metrics: fit("number of metrics", self.metrics.len())?,
            children: fit("number of children", self.children.len())?,
        })
    }

    fn encode_series<W: Write>(&self, encoder: &mut Encoder<W>) -> Result<(), EncodeError> {
        for (name, series) in &self.metrics {
            encoder.series(name, series.frequency, series.start, &series.values)?;
        }
        Ok(())
    }
}

// The sizes that are promised at [`Tree`], on machines of 64 bits.
const _: () = assert!(size_of::<Entry<Level>>() <= 64);
const _: () = assert!(size_of::<Entry<OwnedSeries>>() <= 56);

/// A tree that grows in the order of a file. Can be cut short anywhere: what was open is closed.
///
/// What belongs to open levels lies on two stacks. A level that closes takes its part off them,
/// sorts it once and gets lists of the right length: names in any order cost no more than a sort,
/// and whatever there is to spare is in the stacks alone.
#[derive(Debug, Default)]
pub(crate) struct Growing {
    series: Vec<Entry<OwnedSeries>>,
    children: Vec<Entry<Level>>,
    /// The level that grows.
    level: Open,
    /// Those around it, outermost first.
    around: Vec<Open>,
}

/// A level that is open: what lies on the stacks from here on is its own.
#[derive(Debug, Default)]
struct Open {
    name: Box<[u8]>,
    first_series: usize,
    first_child: usize,
}

impl Growing {
    pub(crate) fn depth(&self) -> usize {
        self.around.len() + 1
    }

    pub(crate) fn enter(&mut self, name: &[u8]) {
        let (first_series, first_child) = (self.series.len(), self.children.len());
        let level = Open { name: name.into(), first_series, first_child };
        self.around.push(core::mem::replace(&mut self.level, level));
    }

    pub(crate) fn series(&mut self, name: &[u8], series: OwnedSeries) {
        push(&mut self.series, (name.into(), series));
    }

    /// Forgets the series of the level that grows.
    pub(crate) fn forget_series(&mut self) {
        self.series.truncate(self.level.first_series);
    }

    /// Forgets the children of the level that grows.
    pub(crate) fn forget_children(&mut self) {
        self.children.truncate(self.level.first_child);
    }

    pub(crate) fn leave(&mut self) {
        if let Some(parent) = self.around.pop() {
            let level = self.close();
            let child = core::mem::replace(&mut self.level, parent);
            push(&mut self.children, (child.name, level));
        }
    }

    pub(crate) fn finish(mut self) -> Level {
        while !self.around.is_empty() {
            self.leave();
        }
        self.close()
    }

    fn close(&mut self) -> Level {
        Level {
            metrics: ByName::pop_from(&mut self.series, self.level.first_series),
            children: ByName::pop_from(&mut self.children, self.level.first_child),
        }
    }
}

/// Grows by a quarter, not to the double: the old place and the new one are both there while
/// entries move, and one hostile list can be all of the file.
fn push<T>(stack: &mut Vec<Entry<T>>, entry: Entry<T>) {
    const FIRST: usize = 16;
    if stack.len() == stack.capacity() {
        stack.reserve_exact(FIRST.max(stack.len() / 4));
    }
    stack.push(entry);
}
