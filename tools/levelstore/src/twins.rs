//! Names that stand twice in a level of a snapshot: of such twins the last counts, as in the Go
//! store. What the others held is not in the tree, and has to be told.

use snapshot_format::{Totals, Tree};
use std::fmt;

/// What a snapshot holds that its tree does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Twins {
    levels: u64,
    series: u64,
    pub(crate) values: u64,
}

impl Twins {
    /// The difference, if there is one.
    pub(crate) fn of(snapshot: Totals, tree: &Tree) -> Option<Self> {
        let (mut levels, mut series, mut values) = (0, 0, 0);
        let mut open = vec![&tree.root];
        while let Some(level) = open.pop() {
            levels += 1;
            series += level.metrics.len() as u64;
            values += level.metrics.values().map(|one| one.values.len() as u64).sum::<u64>();
            open.extend(level.children.values());
        }
        let twins = Self {
            levels: snapshot.levels.saturating_sub(levels),
            series: snapshot.series.saturating_sub(series),
            values: snapshot.values.saturating_sub(values),
        };
        (twins.levels + twins.series > 0).then_some(twins)
    }
}

impl fmt::Display for Twins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { levels, series, values } = self;
        write!(f, "names stand twice in a level, and only the last of each counts: ")?;
        write!(f, "{levels} levels, {series} series, {values} values do not")
    }
}
