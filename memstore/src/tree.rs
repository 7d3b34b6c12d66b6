//! The levels and series of one host, by number: an arena of each.
//!
//! Numbers of what was removed are used again. A series' number comes with a generation, so that a
//! [`Handle`] to a series that was removed is refused, whoever has its number now. Arenas and lists
//! grow by an eighth, not by doubling: most hosts have all their series after the first minute.

use crate::catalogue::MetricId;
use crate::selector::{Element, MAX_LEVELS, NameError, check_path};
use crate::series::Series;
use std::sync::Arc;

/// The number of a level; the host itself is [`ROOT`].
pub(crate) type LevelId = u32;

pub(crate) const ROOT: LevelId = 0;

/// The parent of the host itself, and of a level that was removed.
const NOWHERE: LevelId = LevelId::MAX;

/// The end of a list of free numbers.
const NONE: u32 = u32::MAX;

/// A series of a host, for as long as it is not removed.
///
/// It is checked against the number of the [`Host`](crate::Host) too: where hosts come and go while
/// handles are kept, each is to be made with [`Host::numbered`](crate::Host::numbered).
///
/// ```
/// # use memstore::{Catalogue, Host};
/// let metric = Catalogue::new().intern(b"cpu_load");
/// let mut host = Host::new();
/// let handle = host.series(&[b"socket0"], metric).unwrap();
/// assert_eq!(host.find(&[b"socket0"], metric), Some(handle));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Handle {
    host: u32,
    index: u32,
    generation: u32,
}

impl Handle {
    pub(crate) fn index(self) -> u32 {
        self.index
    }
}

#[derive(Debug)]
pub(crate) struct Level {
    pub(crate) name: Arc<[u8]>,
    parent: LevelId,
    /// Of a level that was removed.
    next_free: LevelId,
    /// Sorted by name.
    pub(crate) children: Vec<LevelId>,
    /// Sorted by metric.
    series: Vec<(MetricId, u32)>,
}

impl Level {
    fn new(name: Arc<[u8]>, parent: LevelId) -> Self {
        Self { name, parent, next_free: NONE, children: Vec::new(), series: Vec::new() }
    }
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    state: State,
}

#[derive(Debug)]
enum State {
    Used(Series),
    /// Removed. Free numbers are a list, in place, so that freeing takes no memory.
    Free {
        next: u32,
    },
}

impl Slot {
    fn series(&self) -> Option<&Series> {
        if let State::Used(series) = &self.state { Some(series) } else { None }
    }

    fn series_mut(&mut self) -> Option<&mut Series> {
        if let State::Used(series) = &mut self.state { Some(series) } else { None }
    }
}

#[derive(Debug)]
pub(crate) struct Tree {
    /// The number of the host, which its handles carry.
    host: u32,
    levels: Vec<Level>,
    /// How many levels are in use, the host itself not counted.
    level_count: usize,
    free_level: LevelId,
    series: Vec<Slot>,
    free_series: u32,
}

/// Room for a few more, and for a quarter of what is there: most lists stay short.
fn make_room<T>(list: &mut Vec<T>) {
    if list.len() == list.capacity() {
        list.reserve_exact(4.max(list.len() / 4));
    }
}

impl Tree {
    pub(crate) fn new(host: u32) -> Self {
        let root = Level::new(Arc::default(), NOWHERE);
        Self {
            host,
            levels: vec![root],
            level_count: 0,
            free_level: NONE,
            series: vec![],
            free_series: NONE,
        }
    }

    // ---- levels ----

    pub(crate) fn level(&self, id: LevelId) -> &Level {
        &self.levels[id as usize]
    }

    /// The level at a path.
    pub(crate) fn find_level(&self, path: &[&[u8]]) -> Option<LevelId> {
        path.iter().try_fold(ROOT, |level, name| self.child(level, name).ok())
    }

    /// A child by name, or where in the list it would be.
    fn child(&self, of: LevelId, name: &[u8]) -> Result<LevelId, usize> {
        self.position(of, name).map(|at| self.level(of).children[at])
    }

    fn position(&self, of: LevelId, name: &[u8]) -> Result<usize, usize> {
        self.level(of).children.binary_search_by(|&child| (*self.level(child).name).cmp(name))
    }

    /// The level at a path, made if it is not there.
    fn make_level(&mut self, path: &[&[u8]]) -> Result<LevelId, NameError> {
        check_path(path)?;
        let mut level = ROOT;
        for (depth, name) in path.iter().enumerate() {
            level = match self.child(level, name) {
                Ok(child) => child,
                // From here on all are new: none is made if there is no room for all.
                Err(_) if self.level_count + (path.len() - depth) > MAX_LEVELS => {
                    return Err(NameError::TooManyLevels);
                }
                Err(at) => self.add_level(level, at, name),
            };
        }
        Ok(level)
    }

    fn add_level(&mut self, parent: LevelId, at: usize, name: &[u8]) -> LevelId {
        let level = Level::new(name.into(), parent);
        let id = if self.free_level == NONE {
            make_room(&mut self.levels);
            self.levels.push(level);
            number_of_last(&self.levels)
        } else {
            let id = self.free_level;
            let free = core::mem::replace(&mut self.levels[id as usize], level);
            self.free_level = free.next_free;
            id
        };
        self.level_count += 1;
        let children = &mut self.levels[parent as usize].children;
        make_room(children);
        children.insert(at, id);
        id
    }

    /// These levels and all below them, a level before its children, children by name.
    pub(crate) fn preorder(&self, from: &[LevelId]) -> Vec<LevelId> {
        let mut order = Vec::new();
        let mut stack: Vec<LevelId> = from.iter().rev().copied().collect();
        while let Some(level) = stack.pop() {
            order.push(level);
            stack.extend(self.level(level).children.iter().rev());
        }
        order
    }

    /// The levels that a selector leads to, by name.
    pub(crate) fn select(&self, elements: &[Element]) -> Vec<LevelId> {
        let mut levels = vec![ROOT];
        for element in elements {
            let of = |level: &LevelId| {
                let children = &self.level(*level).children;
                match element {
                    Element::Name(name) => self.child(*level, name).into_iter().collect(),
                    Element::Group(_) | Element::Any => {
                        let selected = children
                            .iter()
                            .filter(|&&child| element.selects(&self.level(child).name));
                        selected.copied().collect::<Vec<_>>()
                    }
                }
            };
            levels = levels.iter().flat_map(of).collect();
        }
        levels
    }

    /// The names from the host down to a level.
    pub(crate) fn path(&self, mut level: LevelId) -> Arc<[Arc<[u8]>]> {
        let mut path = Vec::new();
        while level != ROOT {
            path.push(Arc::clone(&self.level(level).name));
            level = self.level(level).parent;
        }
        path.reverse();
        path.into()
    }

    /// Removes the level if nothing is in it, then its parent if nothing is left in that, and so on.
    /// Says how many.
    pub(crate) fn prune(&mut self, mut level: LevelId) -> u64 {
        let mut removed = 0;
        loop {
            let Level { parent, ref children, ref series, .. } = *self.level(level);
            if parent == NOWHERE || !children.is_empty() || !series.is_empty() {
                return removed;
            }
            if let Ok(at) = self.position(parent, &self.level(level).name) {
                self.levels[parent as usize].children.remove(at);
            }
            // Its name and lists go now.
            let free = Level::new(Arc::default(), NOWHERE);
            self.levels[level as usize] = Level { next_free: self.free_level, ..free };
            self.free_level = level;
            self.level_count -= 1;
            removed += 1;
            level = parent;
        }
    }

    // ---- series ----

    /// The series of a level, by metric.
    pub(crate) fn series_of(
        &self,
        level: LevelId,
    ) -> impl Iterator<Item = (MetricId, Handle, &Series)> {
        let numbers = self.level(level).series.iter();
        numbers.filter_map(|&(metric, index)| {
            Some((metric, self.handle(index), self.series[index as usize].series()?))
        })
    }

    fn handle(&self, index: u32) -> Handle {
        Handle { host: self.host, index, generation: self.series[index as usize].generation }
    }

    pub(crate) fn series_of_metric(&self, level: LevelId, metric: MetricId) -> Option<&Series> {
        let series = &self.level(level).series;
        let at = series.binary_search_by_key(&metric, |(metric, _)| *metric).ok()?;
        self.series[series[at].1 as usize].series()
    }

    pub(crate) fn find_series(&self, path: &[&[u8]], metric: MetricId) -> Option<Handle> {
        let series = &self.level(self.find_level(path)?).series;
        let at = series.binary_search_by_key(&metric, |(metric, _)| *metric).ok()?;
        Some(self.handle(series[at].1))
    }

    /// The series of a metric at a path, made if it is not there.
    pub(crate) fn make_series(
        &mut self,
        path: &[&[u8]],
        metric: MetricId,
    ) -> Result<Handle, NameError> {
        if let Some(handle) = self.find_series(path, metric) {
            return Ok(handle);
        }
        let level = self.make_level(path)?;
        let handle = self.add_series(Series::new());
        let series = &mut self.levels[level as usize].series;
        let at = series.partition_point(|(other, _)| *other < metric);
        make_room(series);
        series.insert(at, (metric, handle.index));
        Ok(handle)
    }

    fn add_series(&mut self, series: Series) -> Handle {
        let index = self.free_series;
        if let Some(slot) = self.series.get_mut(index as usize)
            && let State::Free { next } = slot.state
        {
            slot.state = State::Used(series);
            self.free_series = next;
            return Handle { host: self.host, index, generation: slot.generation };
        }
        make_room(&mut self.series);
        self.series.push(Slot { generation: 0, state: State::Used(series) });
        Handle { host: self.host, index: number_of_last(&self.series), generation: 0 }
    }

    pub(crate) fn get(&self, handle: Handle) -> Option<&Series> {
        let slot = self.series.get(handle.index as usize)?;
        let is_known = slot.generation == handle.generation && self.host == handle.host;
        if is_known { slot.series() } else { None }
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, handle: Handle) -> Option<&mut Series> {
        let slot = self.series.get_mut(handle.index as usize)?;
        let is_known = slot.generation == handle.generation && self.host == handle.host;
        if is_known { slot.series_mut() } else { None }
    }

    /// All series, with their numbers.
    pub(crate) fn numbered_series(&self) -> impl Iterator<Item = (u32, &Series)> {
        (0..).zip(&self.series).filter_map(|(number, slot)| Some((number, slot.series()?)))
    }

    pub(crate) fn series_mut(&mut self, number: u32) -> Option<&mut Series> {
        self.series.get_mut(number as usize)?.series_mut()
    }

    pub(crate) fn all_series(&self) -> impl Iterator<Item = &Series> {
        self.series.iter().filter_map(Slot::series)
    }

    pub(crate) fn all_series_mut(&mut self) -> impl Iterator<Item = &mut Series> {
        self.series.iter_mut().filter_map(Slot::series_mut)
    }

    /// Lets `stays` change every series of a level and removes those that do not stay. Says how
    /// many.
    pub(crate) fn retain_series(
        &mut self,
        level: LevelId,
        mut stays: impl FnMut(&mut Series) -> bool,
    ) -> u64 {
        let Self { levels, series: slots, free_series, .. } = self;
        let series = &mut levels[level as usize].series;
        let before = series.len();
        series.retain(|&(_, index)| {
            let slot = &mut slots[index as usize];
            if slot.series_mut().is_some_and(&mut stays) {
                return true;
            }
            slot.state = State::Free { next: *free_series };
            // After the last generation the number is never given out again.
            if let Some(next) = slot.generation.checked_add(1) {
                slot.generation = next;
                *free_series = index;
            }
            false
        });
        (before - series.len()) as u64
    }

    // ---- memory ----

    /// Bytes of the allocator for levels and the arenas, and for names.
    pub(crate) fn heap_bytes(&self) -> (usize, usize) {
        let lists = |level: &Level| {
            level.children.capacity() * size_of::<LevelId>()
                + level.series.capacity() * size_of::<(MetricId, u32)>()
        };
        let name = |level: &Level| name_bytes(&level.name);
        let tree = self.levels.capacity() * size_of::<Level>()
            + self.series.capacity() * size_of::<Slot>()
            + self.levels.iter().map(lists).sum::<usize>();
        (tree, self.levels.iter().filter(|level| level.parent != NOWHERE).map(name).sum())
    }
}

/// Bytes of the allocator for a shared name: its counts, and the bytes.
fn name_bytes(name: &Arc<[u8]>) -> usize {
    (2 * size_of::<usize>() + name.len()).next_multiple_of(align_of::<usize>())
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "series and levels of a host in memory are fewer"
)]
fn number_of_last<T>(list: &[T]) -> u32 {
    (list.len() - 1) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;

    #[test]
    fn a_host_with_all_levels_it_may_have_refuses_one_more_whole() {
        let metric = Catalogue::new().intern(b"metric");
        let mut tree = Tree::new(0);
        for number in 0..MAX_LEVELS - 1 {
            tree.make_series(&[&number.to_le_bytes()], metric).unwrap();
        }
        let two = tree.make_series(&[b"one", b"two"], metric);
        assert_eq!(two, Err(NameError::TooManyLevels));
        assert_eq!(tree.find_level(&[b"one"]), None);
        assert!(tree.make_series(&[b"one"], metric).is_ok());
        assert_eq!(tree.make_series(&[b"three"], metric), Err(NameError::TooManyLevels));
        assert!(tree.make_series(&[&7_usize.to_le_bytes()], metric).is_ok(), "it is there");
        let one = tree.find_level(&[b"one"]).unwrap();
        assert_eq!((tree.retain_series(one, |_| false), tree.prune(one)), (1, 1));
        assert!(tree.make_series(&[b"three"], metric).is_ok());
    }

    #[test]
    fn a_level_goes_with_its_parents_when_nothing_is_left_in_them() {
        let metric = Catalogue::new().intern(b"metric");
        let mut tree = Tree::new(0);
        tree.make_series(&[b"a", b"b", b""], metric).unwrap();
        tree.make_series(&[b"a"], metric).unwrap();
        tree.make_series(&[b""], metric).unwrap();
        let lowest = tree.find_level(&[b"a", b"b", b""]).unwrap();
        assert_eq!(tree.prune(lowest), 0, "it has a series");
        tree.retain_series(lowest, |_| false);
        assert_eq!(tree.prune(lowest), 2);
        assert_eq!(tree.prune(lowest), 0, "it is gone");
        assert!(tree.find_level(&[b"a"]).is_some() && tree.find_level(&[b""]).is_some());
    }

    #[test]
    fn a_near_empty_series_is_small() {
        assert!(size_of::<Slot>() <= 152, "{}", size_of::<Slot>());
    }

    #[test]
    fn after_the_last_generation_a_number_is_not_used_again() {
        let metric = Catalogue::new().intern(b"metric");
        let mut tree = Tree::new(0);
        tree.make_series(&[], metric).unwrap();
        tree.series[0].generation = u32::MAX;
        tree.retain_series(ROOT, |_| false);
        let next = tree.make_series(&[], metric).unwrap();
        assert_eq!((next.index, next.generation), (1, 0));
        assert!(tree.get_mut(Handle { host: 0, index: 0, generation: u32::MAX }).is_none());
    }
}
