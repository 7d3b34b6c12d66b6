//! A host as its snapshots hold it: an index of its series over all of them.
//!
//! Names are borrowed from the snapshots, values stay where they are. One entry is kept for each
//! metric, each level, and each series of each snapshot that reaches into the rows that are wanted.

use crate::error::ArchiveError;
use crate::merge::{Batch, Part, Slots};
use crate::name;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use snapshot_format::{ByNameIter, Level, Snapshot, Tree};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::Range;

/// The snapshots of one host, in the order in which they are loaded: of two samples for one time
/// the later snapshot's counts.
#[derive(Debug)]
pub struct Host<'a> {
    pub(crate) hostname: Cow<'a, str>,
    pub(crate) wanted: Range<i64>,
    pub(crate) sources: Vec<String>,
    metrics: Names<'a>,
    levels: Levels<'a>,
    series: Vec<Indexed<'a>>,
}

#[derive(Clone, Copy, Debug)]
struct Indexed<'a> {
    metric: usize,
    level: usize,
    part: Part<'a>,
}

/// Names of metrics by number.
#[derive(Debug, Default)]
struct Names<'a> {
    numbers: HashMap<&'a [u8], usize, FixedState>,
    texts: Vec<Cow<'a, str>>,
}

/// The levels of all snapshots by number; 0 is the host itself.
#[derive(Debug, Default)]
struct Levels<'a> {
    numbers: HashMap<(usize, &'a [u8]), usize, FixedState>,
    links: Vec<Link<'a>>,
}

/// A level below the host.
#[derive(Debug)]
struct Link<'a> {
    parent: usize,
    name: Cow<'a, str>,
    element: Cow<'a, str>,
}

const ROOT: usize = 0;

/// What names a series, as the columns have it.
#[derive(Debug)]
pub(crate) struct SeriesKey<'k> {
    pub(crate) metric: &'k str,
    pub(crate) scope: &'k str,
    pub(crate) scope_id: &'k str,
    pub(crate) path: &'k str,
}

impl<'a> Host<'a> {
    /// A host without snapshots, of which the rows with a nominal time in `wanted` are archived:
    /// from its archive mark to the cut.
    ///
    /// ```
    /// let host = archiver::Host::new(b"node01", 1_700_000_000..1_700_086_400);
    /// assert_eq!(host.series_parts(), 0);
    /// ```
    #[must_use]
    pub fn new(hostname: &'a [u8], wanted: Range<i64>) -> Self {
        Self {
            hostname: name::text(hostname),
            wanted,
            sources: Vec::new(),
            metrics: Names::default(),
            levels: Levels::default(),
            series: Vec::new(),
        }
    }

    /// The host's name as the archive has it: by this hosts are sorted.
    ///
    /// ```
    /// assert_eq!(archiver::Host::new(b"node01", 0..60).hostname(), "node01");
    /// ```
    #[must_use]
    pub fn hostname(&self) -> &str {
        &self.hostname
    }

    /// Adds a binary snapshot (`.bin`, `.late`). `source` is how the archive will name it.
    ///
    /// ```
    /// use snapshot_format::{Counts, Encoder, Snapshot, TrailerFields};
    ///
    /// # let mut encoder = Encoder::new(Vec::new(), 0, 120, Counts { metrics: 1, children: 0 })?;
    /// # encoder.series(b"cpu_load", 60, 0, &[0.5, 1.0])?;
    /// # let (bytes, _) = encoder.finish(TrailerFields::default())?;
    /// let mut host = archiver::Host::new(b"node01", 0..120);
    /// host.add_snapshot("node01/0.bin", &Snapshot::parse(&bytes)?);
    /// assert_eq!(host.series_parts(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn add_snapshot(&mut self, source: &str, snapshot: &Snapshot<'a>) {
        let order = self.begin(source);
        let sorted = snapshot.sorted();
        // Series of one level adjoin: its number is looked up once.
        let mut level = (ROOT, ROOT);
        for entry in &sorted {
            if level.0 != entry.level() {
                let number =
                    entry.path().fold(ROOT, |parent, name| self.levels.number(parent, name));
                level = (entry.level(), number);
            }
            let series = entry.series();
            let slots = Slots::File(series.values);
            let part = Part::new(series.frequency, series.start, slots, &self.wanted, order);
            self.index(level.1, series.name, part);
        }
    }

    /// Adds a tree, as read from a JSON checkpoint.
    ///
    /// ```
    /// use snapshot_format::{OwnedSeries, Tree};
    ///
    /// let mut tree = Tree::default();
    /// let values = vec![0.5, 1.0];
    /// tree.root.metrics.insert(b"cpu_load", OwnedSeries { frequency: 60, start: 0, values });
    /// let mut host = archiver::Host::new(b"node01", 0..60);
    /// host.add_tree("node01/0.json", &tree);
    /// assert_eq!(host.series_parts(), 1);
    /// ```
    pub fn add_tree(&mut self, source: &str, tree: &'a Tree) {
        let order = self.begin(source);
        self.index_level(ROOT, &tree.root, order);
        let mut open: Vec<(usize, ByNameIter<'a, Level>)> = vec![(ROOT, tree.root.children.iter())];
        while let Some((parent, children)) = open.last_mut() {
            if let Some((name, level)) = children.next() {
                let number = self.levels.number(*parent, name);
                self.index_level(number, level, order);
                open.push((number, level.children.iter()));
            } else {
                open.pop();
            }
        }
    }

    /// How many series the snapshots have with slots in the wanted time, those of each snapshot
    /// counted on their own: what the index takes memory for.
    ///
    /// ```
    /// assert_eq!(archiver::Host::new(b"node01", 0..60).series_parts(), 0);
    /// ```
    #[must_use]
    pub fn series_parts(&self) -> usize {
        self.series.len()
    }

    fn begin(&mut self, source: &str) -> usize {
        self.sources.push(source.to_owned());
        self.sources.len()
    }

    fn index_level(&mut self, number: usize, level: &'a Level, order: usize) {
        for (name, series) in &level.metrics {
            let slots = Slots::Tree(&series.values);
            let part = Part::new(series.frequency, series.start, slots, &self.wanted, order);
            self.index(number, name, part);
        }
    }

    fn index(&mut self, level: usize, metric: &'a [u8], part: Option<Part<'a>>) {
        if let Some(part) = part {
            let metric = self.metrics.number(metric);
            self.series.push(Indexed { metric, level, part });
        }
    }

    /// Hands all rows to `sink`, in the order (metric, scope, scope id, path, time).
    pub(crate) fn rows(
        mut self,
        batch: &mut Batch,
        sink: &mut dyn FnMut(&SeriesKey<'_>, &Batch) -> Result<(), ArchiveError>,
    ) -> Result<(), ArchiveError> {
        let metric_ranks = ranks(self.metrics.texts.len(), |&a, &b| {
            self.metrics.texts.get(a).cmp(&self.metrics.texts.get(b))
        });
        let levels = &self.levels;
        let level_ranks = ranks(levels.links.len() + 1, |&a, &b| levels.compare(a, b));
        let rank = |ranks: &[usize], number: usize| ranks.get(number).copied().unwrap_or_default();
        self.series.sort_unstable_by_key(|one| {
            (rank(&metric_ranks, one.metric), rank(&level_ranks, one.level), one.part.order)
        });
        let mut parts = Vec::new();
        for same in self.series.chunk_by(|a, b| (a.metric, a.level) == (b.metric, b.level)) {
            let Some(first) = same.first() else { continue };
            parts.clear();
            parts.extend(same.iter().map(|one| one.part));
            let metric = self.metrics.texts.get(first.metric).map_or("", |text| text);
            let (scope, scope_id) = levels.scope(first.level);
            let path = &levels.path(first.level);
            let key = SeriesKey { metric, scope, scope_id, path };
            batch.fill(&mut parts, &mut |batch| sink(&key, batch))?;
        }
        Ok(())
    }
}

impl<'a> Names<'a> {
    fn number(&mut self, name: &'a [u8]) -> usize {
        *self.numbers.entry(name).or_insert_with(|| {
            self.texts.push(name::text(name));
            self.texts.len() - 1
        })
    }
}

impl<'a> Levels<'a> {
    fn number(&mut self, parent: usize, name: &'a [u8]) -> usize {
        *self.numbers.entry((parent, name)).or_insert_with(|| {
            let name = name::text(name);
            let element = name::element(&name);
            self.links.push(Link { parent, name, element });
            self.links.len()
        })
    }

    /// The level itself and those around it, innermost first.
    fn upwards(&self, level: usize) -> impl Iterator<Item = &Link<'a>> {
        let link = |number: usize| number.checked_sub(1).and_then(|index| self.links.get(index));
        std::iter::successors(link(level), move |inner| link(inner.parent))
    }

    fn scope(&self, level: usize) -> (&str, &str) {
        self.upwards(level).next().map_or((name::NODE, ""), |link| name::scope(&link.name))
    }

    fn path(&self, level: usize) -> String {
        let mut elements: Vec<&str> = self.upwards(level).map(|link| &*link.element).collect();
        elements.reverse();
        elements.join("/")
    }

    fn compare(&self, a: usize, b: usize) -> Ordering {
        // Paths, which can be long, are told apart only where the innermost names are the same.
        self.scope(a).cmp(&self.scope(b)).then_with(|| self.path(a).cmp(&self.path(b)))
    }
}

/// The place of each number in the order of `compare`.
fn ranks(count: usize, compare: impl Fn(&usize, &usize) -> Ordering) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..count).collect();
    numbers.sort_unstable_by(compare);
    let mut ranks = vec![0; count];
    for (rank, number) in numbers.into_iter().enumerate() {
        if let Some(place) = ranks.get_mut(number) {
            *place = rank;
        }
    }
    ranks
}
