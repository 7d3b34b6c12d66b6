//! Bugs that the tests plant, to see that they are found. Without the feature `planted` there are
//! none: the question for one is answered by the compiler.

/// One rule of the engine broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the rule that it breaks")]
pub enum Planted {
    AcknowledgedBeforeWrite,
    AcknowledgedBeforeSync,
    WrongSegmentSyncedAfterMark,
    SyncedNotContiguous,
    TwoMarksWithOneNumber,
    DirectoryNotSynced,
    ParentsNotSynced,
    ClosedUnsynced,
    BoundNotEnforced,
    OrderBrokenBetweenDrains,
    InterruptionIsFailure,
    AppendedBehindTornTail,
    FailedSyncForgotten,
    WrittenPastRunningMark,
    PartOfBatchTakenForWhole,
    UncoveredSegmentDropped,
    FoundBelievedSynced,
    // The rules of checkpoints and recovery.
    NoBoundary,
    BoundaryAfterSuccess,
    BoundaryForgotten,
    BoundaryOfOthersIgnored,
    SegmentsBeforeRenameIsDurable,
    RenamedUnsynced,
    MarkAfterCapture,
    CoveredTooHigh,
    CoveredReplayed,
    CoveredOutlivesSnapshot,
    LastOfSetFirst,
    EveryFileCarriesNumber,
    NotGivenBack,
    NoEmptyLate,
    JsonAfterBin,
    LateBeforeBin,
    ReplayByArrival,
    NamesByTimeOnly,
    NumbersOfListingOnly,
    QuarantineWhenUnreadable,
    FreedWhileDirty,
    ReplayedIsClean,
    GoLogPlacedAnew,
    FoundNumberRepeated,
    FoundSnapshotsBelievedDurable,
    KeptOnPanic,
    TurnKeptOnFailure,
    CheckpointNeverOver,
    UncoveredSwept,
    SweptBeforeDurable,
    // The rules of merging.
    MergedUnsynced,
    SourcesBeforeMergedIsDurable,
    MergedBinFirst,
    FirstLateKept,
    MergedBeforeBoundary,
    MergedAcrossPhases,
    EarlierValueWins,
    NanOverwrites,
    CorruptMerged,
    CoveredForgotten,
    ReplacedForgotten,
    ReplacedNamesUsedAgain,
    MergedDeletedBeforeReplaced,
    MergedDuringArchive,
    // The rules of settling.
    SettledBeforeDurable,
    SettledBinsBeforeOldGone,
    SettledLateAlone,
    SettledBoundaryStays,
    // The rules of archive runs.
    PlanNotDurable,
    UndoneFilesComeBack,
    UndoneFilesStay,
    ManifestBelieved,
    SamplesBeforeCutTaken,
    ArchivedUnsaved,
    ManifestNotDurable,
    ArchiveRenamedUnsynced,
    ArchiveNamesNotDurable,
    ArchiveOverwrites,
    CompactionForgets,
    MarksForgotten,
}

impl Planted {
    /// Those of the log.
    pub const LOG: [Self; 17] = [
        Self::AcknowledgedBeforeWrite,
        Self::AcknowledgedBeforeSync,
        Self::WrongSegmentSyncedAfterMark,
        Self::SyncedNotContiguous,
        Self::TwoMarksWithOneNumber,
        Self::DirectoryNotSynced,
        Self::ParentsNotSynced,
        Self::ClosedUnsynced,
        Self::BoundNotEnforced,
        Self::OrderBrokenBetweenDrains,
        Self::InterruptionIsFailure,
        Self::AppendedBehindTornTail,
        Self::FailedSyncForgotten,
        Self::WrittenPastRunningMark,
        Self::PartOfBatchTakenForWhole,
        Self::UncoveredSegmentDropped,
        Self::FoundBelievedSynced,
    ];

    /// Those of checkpoints and recovery.
    pub const ENGINE: [Self; 30] = [
        Self::NoBoundary,
        Self::BoundaryAfterSuccess,
        Self::BoundaryForgotten,
        Self::BoundaryOfOthersIgnored,
        Self::SegmentsBeforeRenameIsDurable,
        Self::RenamedUnsynced,
        Self::MarkAfterCapture,
        Self::CoveredTooHigh,
        Self::CoveredReplayed,
        Self::CoveredOutlivesSnapshot,
        Self::LastOfSetFirst,
        Self::EveryFileCarriesNumber,
        Self::NotGivenBack,
        Self::NoEmptyLate,
        Self::JsonAfterBin,
        Self::LateBeforeBin,
        Self::ReplayByArrival,
        Self::NamesByTimeOnly,
        Self::NumbersOfListingOnly,
        Self::QuarantineWhenUnreadable,
        Self::FreedWhileDirty,
        Self::ReplayedIsClean,
        Self::GoLogPlacedAnew,
        Self::FoundNumberRepeated,
        Self::FoundSnapshotsBelievedDurable,
        Self::KeptOnPanic,
        Self::TurnKeptOnFailure,
        Self::CheckpointNeverOver,
        Self::UncoveredSwept,
        Self::SweptBeforeDurable,
    ];

    /// Those of merging and settling.
    pub const MERGE: [Self; 18] = [
        Self::MergedUnsynced,
        Self::SourcesBeforeMergedIsDurable,
        Self::MergedBinFirst,
        Self::FirstLateKept,
        Self::MergedBeforeBoundary,
        Self::MergedAcrossPhases,
        Self::EarlierValueWins,
        Self::NanOverwrites,
        Self::CorruptMerged,
        Self::CoveredForgotten,
        Self::ReplacedForgotten,
        Self::ReplacedNamesUsedAgain,
        Self::MergedDeletedBeforeReplaced,
        Self::MergedDuringArchive,
        Self::SettledBeforeDurable,
        Self::SettledBinsBeforeOldGone,
        Self::SettledLateAlone,
        Self::SettledBoundaryStays,
    ];

    /// Those of archive runs.
    pub const ARCHIVE: [Self; 12] = [
        Self::PlanNotDurable,
        Self::UndoneFilesComeBack,
        Self::UndoneFilesStay,
        Self::ManifestBelieved,
        Self::SamplesBeforeCutTaken,
        Self::ArchivedUnsaved,
        Self::ManifestNotDurable,
        Self::ArchiveRenamedUnsynced,
        Self::ArchiveNamesNotDurable,
        Self::ArchiveOverwrites,
        Self::CompactionForgets,
        Self::MarksForgotten,
    ];
}

#[cfg(feature = "planted")]
mod switch {
    use super::Planted;
    use std::cell::Cell;

    thread_local! {
        static PLANTED: Cell<Option<Planted>> = const { Cell::new(None) };
    }

    /// Plants a bug in what this thread does from now on; `None` takes it out.
    pub fn plant(bug: Option<Planted>) {
        PLANTED.set(bug);
    }

    pub(crate) fn is_planted(bug: Planted) -> bool {
        PLANTED.get() == Some(bug)
    }
}

#[cfg(not(feature = "planted"))]
mod switch {
    use super::Planted;

    pub(crate) const fn is_planted(_: Planted) -> bool {
        false
    }
}

pub(crate) use switch::is_planted;
#[cfg(feature = "planted")]
pub use switch::plant;
