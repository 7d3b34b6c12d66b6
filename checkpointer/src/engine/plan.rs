//! What a start does with the files of a host, decided from the listing and the headers alone.

use snapshot_format::TrailerFields;

use super::files::{Kind, NUMBER_MAX, Snapshots};
use super::saved::SnapshotFile;
use crate::log::Found;
use crate::planted::{Planted, is_planted};

/// What a snapshot says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) number: i64,
    pub(crate) kind: Kind,
    pub(crate) file: String,
    pub(crate) bytes: u64,
    pub(crate) from: i64,
    pub(crate) to: i64,
    /// None: it is not ours.
    pub(crate) trailer: Option<TrailerFields>,
}

/// What is done with the files of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The snapshots to be loaded, by index, in order.
    pub(crate) load: Vec<usize>,
    /// Those that are left over from a merge.
    pub(crate) replaced: Vec<usize>,
    /// The segments to be replayed, in order.
    pub(crate) replay: Vec<u64>,
    /// The highest segment that the snapshots cover.
    pub(crate) covered: u64,
    /// The number of the next segment.
    pub(crate) next_number: u64,
    /// The highest name of a snapshot that was ever used, as far as can be seen.
    pub(crate) last_name: Option<i64>,
    pub(crate) previous_checkpoint: Option<i64>,
    /// For series that are not loaded: where the `.bin` and `.json` that are not loaded end.
    pub(crate) boundary_of_others: i64,
}

impl Plan {
    /// `headers` are those of the sound ones among `named`, in order; snapshots that end at
    /// `keep_from` or before are not loaded.
    pub(crate) fn of(headers: &[Header], named: &Snapshots, found: &Found, keep_from: i64) -> Self {
        let mut plan = Self { boundary_of_others: i64::MIN, ..Self::default() };
        let trailers = || headers.iter().filter_map(|header| header.trailer);
        plan.covered = trailers().map(|trailer| trailer.covered).max().unwrap_or(0);
        plan.previous_checkpoint = trailers().map(|trailer| trailer.written_at).max();
        for (index, header) in headers.iter().enumerate() {
            if is_replaced(header, headers) {
                plan.replaced.push(index);
            } else if header.to > keep_from || header.to == 0 {
                plan.load.push(index);
            } else if header.kind.bounds_later_files()
                && !is_planted(Planted::BoundaryOfOthersIgnored)
            {
                plan.boundary_of_others = plan.boundary_of_others.max(header.to);
            }
        }
        let replaced = trailers()
            .map(|trailer| trailer.replaces.min(NUMBER_MAX))
            .filter(|replaces| *replaces != 0 && !is_planted(Planted::ReplacedNamesUsedAgain));
        plan.last_name = named.highest.max(replaced.max());
        plan.replay = found.segments.iter().map(|segment| segment.number).collect();
        plan.next_number = found.next_number;
        if !is_planted(Planted::CoveredReplayed) {
            plan.replay.retain(|number| *number > plan.covered);
        }
        if !is_planted(Planted::NumbersOfListingOnly) {
            plan.next_number = plan.next_number.max(plan.covered.saturating_add(1));
        }
        plan
    }
}

fn is_replaced(one: &Header, all: &[Header]) -> bool {
    let replaces = |other: &Header| {
        other
            .trailer
            .is_some_and(|trailer| other.number < one.number && one.number <= trailer.replaces)
    };
    all.iter().any(replaces)
}

impl From<&Header> for SnapshotFile {
    fn from(header: &Header) -> Self {
        Self {
            number: header.number,
            kind: header.kind,
            file: header.file.clone(),
            from: header.from,
            to: header.to,
            bytes: header.bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::FoundSegment;

    fn header(number: i64, kind: Kind, to: i64, trailer: Option<(u64, i64, i64)>) -> Header {
        let trailer = trailer.map(|(covered, written_at, replaces)| TrailerFields {
            covered,
            written_at,
            replaces,
        });
        Header { number, kind, file: format!("{number}.{kind}"), bytes: 0, from: 0, to, trailer }
    }

    fn named(highest: i64) -> Snapshots {
        Snapshots { highest: Some(highest), ..Snapshots::default() }
    }

    fn found(numbers: &[u64]) -> Found {
        let segments =
            numbers.iter().map(|&number| FoundSegment { number, bytes: 9, worth: None }).collect();
        let next_number = numbers.iter().max().map_or(1, |number| number + 1);
        Found { segments, next_number, ..Found::default() }
    }

    #[test]
    fn an_empty_directory_starts_at_one() {
        let plan = Plan::of(&[], &Snapshots::default(), &Found::default(), 0);
        assert_eq!(plan, Plan { next_number: 1, boundary_of_others: i64::MIN, ..Plan::default() });
    }

    #[test]
    fn files_are_selected_by_their_end_and_old_ones_leave_their_end_behind() {
        let headers = [
            header(100, Kind::Bin, 200, None),
            header(150, Kind::Json, 300, None),
            header(150, Kind::Late, 310, Some((1, 5, 0))),
            header(200, Kind::Bin, 301, None),
            header(210, Kind::Bin, 0, None),
        ];
        let plan = Plan::of(&headers, &named(210), &Found::default(), 300);
        assert_eq!(plan.load, [2, 3, 4], "inside the retention, or never too old");
        assert_eq!(plan.boundary_of_others, 300, "no .late binds a later file");
    }

    #[test]
    fn segments_up_to_the_highest_covered_number_are_not_replayed_and_numbers_go_on() {
        let headers = [
            header(100, Kind::Bin, 200, Some((7, 90, 0))),
            header(120, Kind::Late, 200, Some((5, 95, 0))),
        ];
        let plan = Plan::of(&headers, &named(120), &found(&[6, 7]), i64::MIN);
        assert_eq!((plan.covered, &plan.replay[..], plan.next_number), (7, &[][..], 8));
        let plan = Plan::of(&headers, &named(120), &found(&[3, 8, 9]), i64::MIN);
        assert_eq!((&plan.replay[..], plan.next_number), (&[8, 9][..], 10));
        let plan = Plan::of(&headers, &named(120), &found(&[3]), i64::MIN);
        assert_eq!((plan.next_number, plan.previous_checkpoint), (8, Some(95)));
    }

    #[test]
    fn what_a_merged_snapshot_replaces_is_not_loaded_and_its_name_not_used_again() {
        let headers = [
            header(100, Kind::Bin, 500, Some((4, 450, 300))),
            header(200, Kind::Bin, 300, Some((2, 200, 0))),
            header(300, Kind::Late, 500, Some((4, 400, 0))),
            header(301, Kind::Bin, 600, Some((5, 500, 0))),
        ];
        let plan = Plan::of(&headers, &named(301), &Found::default(), i64::MIN);
        assert_eq!((&plan.load[..], &plan.replaced[..]), (&[0, 3][..], &[1, 2][..]));
        let merged = [header(100, Kind::Bin, 500, Some((4, 450, 300)))];
        let plan = Plan::of(&merged, &named(100), &Found::default(), i64::MIN);
        assert_eq!(plan.last_name, Some(300));
    }
}
