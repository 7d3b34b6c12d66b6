//! What can be asked for by name.

/// A part of the store that is measured by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Area {
    Ingest,
    Memory,
    Block,
    Log,
    Checkpoint,
    Recovery,
    Replay,
    Query,
    Archive,
    Safe,
}

use Area::{Archive, Block, Checkpoint, Ingest, Log, Memory, Query, Recovery, Replay, Safe};

impl Area {
    const ALL: [(&'static str, Self); 10] = [
        ("ingest", Ingest),
        ("memory", Memory),
        ("block", Block),
        ("log", Log),
        ("checkpoint", Checkpoint),
        ("recovery", Recovery),
        ("replay", Replay),
        ("query", Query),
        ("archive", Archive),
        ("safe", Safe),
    ];

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, area)| *area)
    }

    /// Without a name: all figures; tests are run by `cargo xtask test`.
    pub(super) fn figures() -> Vec<Self> {
        Self::ALL.iter().map(|(_, area)| *area).filter(|area| *area != Safe).collect()
    }

    pub(super) fn names() -> String {
        Self::ALL.map(|(name, _)| name).join(", ")
    }
}
