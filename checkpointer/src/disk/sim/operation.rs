//! What the simulated disk was asked to do.

/// The kinds of operations, one for each function of [`Disk`](crate::disk::Disk) and
/// [`File`](crate::disk::File).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is named as the function it stands for")]
pub enum Kind {
    Create,
    Open,
    MakeDirectory,
    List,
    Rename,
    Remove,
    SyncDirectory,
    Lock,
    FreeBytes,
    Append,
    Read,
    Sync,
    Length,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::Create,
        Self::Open,
        Self::MakeDirectory,
        Self::List,
        Self::Rename,
        Self::Remove,
        Self::SyncDirectory,
        Self::Lock,
        Self::FreeBytes,
        Self::Append,
        Self::Read,
        Self::Sync,
        Self::Length,
    ];

    /// Whether such an operation can make a difference to what is found after a crash.
    ///
    /// An idle engine does none of these, and crashes between the others need not be tried.
    #[must_use]
    pub fn changes(self) -> bool {
        match self {
            Self::Create
            | Self::MakeDirectory
            | Self::Rename
            | Self::Remove
            | Self::SyncDirectory
            | Self::Append
            | Self::Sync => true,
            Self::Open | Self::List | Self::Lock | Self::FreeBytes | Self::Read | Self::Length => {
                false
            }
        }
    }
}

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Operation {
    /// What was asked for.
    pub kind: Kind,
    /// The path it was asked for; for an open file the one that it was opened with.
    pub path: String,
    /// The new name, for a rename.
    pub to: Option<String>,
}
