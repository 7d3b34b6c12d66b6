//! The names that operations speak of by index: paths, metrics, selectors.

/// An index into [`PATHS`], one into [`METRICS`].
pub(super) type Key = (usize, usize);
pub(super) type Path = &'static [&'static [u8]];

/// Deep and flat, a level above another one, names of which one begins with the other, any bytes.
pub(super) const PATHS: [Path; 10] = [
    &[],
    &[b"socket0"],
    &[b"socket1"],
    &[b"socket0", b"core1"],
    &[b"socket0", b"core10"],
    &[b"socket0", b"core1", b"hwthread0"],
    &[b"socket0", b"core1", b"hwthread1"],
    &[b"socket1", b"core1"],
    &[b"accelerator0"],
    &[b"socket", b"a \"quoted\\\n\xff name"],
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fold {
    Sum,
    Avg,
    Never,
}

pub(super) struct Metric {
    pub(super) name: &'static [u8],
    /// None: not in the catalogue, its series come from files.
    pub(super) config: Option<(u32, Fold)>,
}

/// Not sorted by name, so that order by name and order by number differ.
pub(super) const METRICS: [Metric; 8] = [
    Metric { name: b"mem_used", config: Some((60, Fold::Sum)) },
    Metric { name: b"flops", config: Some((10, Fold::Avg)) },
    Metric { name: b"clock", config: Some((12, Fold::Never)) },
    Metric { name: b"cpu_load", config: Some((30, Fold::Sum)) },
    Metric { name: b"net", config: Some((1, Fold::Sum)) },
    Metric { name: b"flops_any", config: Some((300, Fold::Avg)) },
    Metric { name: b"odd", config: Some((7, Fold::Avg)) },
    Metric { name: b"ghost", config: None },
];

/// A frequency that is written with where the catalogue has none.
pub(super) const FREQUENCY_OF_UNKNOWN: u32 = 60;

pub(super) enum Pick {
    Name(&'static [u8]),
    Group(&'static [&'static [u8]]),
    Any,
}

use Pick::{Any, Group, Name};

/// The first ones select exactly the level of the same number in [`PATHS`].
pub(super) const SELECTORS: [&[Pick]; 27] = [
    &[],
    &[Name(b"socket0")],
    &[Name(b"socket1")],
    &[Name(b"socket0"), Name(b"core1")],
    &[Name(b"socket0"), Name(b"core10")],
    &[Name(b"socket0"), Name(b"core1"), Name(b"hwthread0")],
    &[Name(b"socket0"), Name(b"core1"), Name(b"hwthread1")],
    &[Name(b"socket1"), Name(b"core1")],
    &[Name(b"accelerator0")],
    &[Name(b"socket"), Name(b"a \"quoted\\\n\xff name")],
    &[Any],
    &[Any, Any],
    &[Any, Any, Any],
    &[Any, Any, Any, Any],
    &[Any, Name(b"core1")],
    &[Name(b"socket0"), Any],
    &[Name(b"socket0"), Any, Name(b"hwthread1")],
    &[Group(&[b"socket0", b"socket1"])],
    &[Group(&[b"socket1", b"nowhere", b"accelerator0"])],
    &[Group(&[b"socket0", b"socket1"]), Group(&[b"core1", b"core10"])],
    &[Group(&[b"socket0"]), Any],
    &[Group(&[])],
    &[Group(&[b"socket1", b"socket0", b"socket1"])],
    &[Name(b"nowhere")],
    &[Name(b"socket")],
    &[Name(b"")],
    &[Name(b"socket0"), Name(b"core1"), Group(&[b"hwthread1", b"hwthread0"])],
];

impl Pick {
    pub(super) fn takes(&self, name: &[u8]) -> bool {
        match self {
            Name(only) => *only == name,
            Group(names) => names.contains(&name),
            Any => true,
        }
    }
}

/// What is above a level, itself included, the host first.
pub(super) fn levels_to(path: Path) -> impl Iterator<Item = Path> {
    (0..=path.len()).map(move |depth| &path[..depth])
}
