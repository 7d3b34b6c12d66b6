//! The kinds of crash, and what each leaves of what was not synced.

use super::random::{Luck, Random};

/// How a process comes to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Crash {
    /// The process dies, the system goes on: everything handed over stays, and what was not synced
    /// is still not synced.
    Kill,
    /// The power fails: what was durable stays as it is, the rest is a matter of luck.
    PowerLoss(Survival, Sector),
}

impl Crash {
    /// Every kind of crash, the simplest first.
    pub const ALL: [Self; 6] = [
        Self::Kill,
        Self::PowerLoss(Survival::Nothing, Sector::Bytes512),
        Self::PowerLoss(Survival::Prefix, Sector::Bytes512),
        Self::PowerLoss(Survival::Prefix, Sector::Bytes4096),
        Self::PowerLoss(Survival::Subset, Sector::Bytes512),
        Self::PowerLoss(Survival::Subset, Sector::Bytes4096),
    ];
}

/// What a power loss leaves of what is not durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Survival {
    /// Nothing. The seed makes no difference.
    Nothing,
    /// The disk wrote in order: each directory keeps a prefix of its operations, each file a prefix
    /// of its bytes. The rest of the sector in which that prefix ends may hold the new bytes, zeros or
    /// garbage, and zeros may follow it where the length was written and the bytes were not. Bytes
    /// of which a sync has failed are lost.
    Prefix,
    /// The disk wrote in any order: each directory keeps any of its operations, each file any of its
    /// sectors, whole or torn; those of which a sync has failed too. A lost sector that others
    /// follow holds zeros or garbage.
    Subset,
}

/// What the medium writes at once, at best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sector {
    /// 512 bytes.
    Bytes512,
    /// 4096 bytes.
    Bytes4096,
}

impl Sector {
    /// The size in bytes.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::Bytes512 => 512,
            Self::Bytes4096 => 4096,
        }
    }
}

/// Which of the `operations` of a directory survive, in their order.
pub(super) fn surviving<'a, T>(
    operations: &'a [T],
    survival: Survival,
    random: &'a mut Random,
) -> impl Iterator<Item = &'a T> {
    let (count, luck) = match survival {
        Survival::Nothing => (0, Luck::None),
        Survival::Prefix => (random.between(0, operations.len()), Luck::All),
        Survival::Subset => (operations.len(), Luck::draw(random)),
    };
    operations.iter().take(count).filter(move |_| luck.smiles(random))
}
