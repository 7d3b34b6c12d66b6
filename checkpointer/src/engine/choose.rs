//! Which snapshots of a host are merged.
//!
//! Adjacent ones of one day, when that day has more files than it may have. A group is chosen in
//! which none has more bytes than all the others together: whoever is rewritten comes into a file
//! of at least twice the size, so a value is rewritten no more often than the size of its file can
//! double, up to a day's. Where sizes are so uneven that there is no such group, the two neighbours
//! with the fewest bytes are merged, so that the bound holds.

use std::collections::BTreeSet;
use std::ops::Range;

const DAY: i64 = 86_400;

/// How many names are merged at once, at most: a bound on open files and memory.
const GROUP_MAX: usize = 64;

/// The files of one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) number: i64,
    pub(crate) files: usize,
    pub(crate) bytes: u64,
    pub(crate) fit: Fit,
}

/// Whether a name may be part of a merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    Mergeable,
    /// It is not ours, or about to be deleted.
    LeftAlone,
}

impl Name {
    fn day(&self) -> i64 {
        self.number.div_euclid(DAY)
    }
}

/// How many files the fullest day has above the bound.
pub(crate) fn excess(names: &[Name], files_per_day_max: usize) -> usize {
    let days = names.chunk_by(|one, other| one.day() == other.day());
    days.map(|day| files(day).saturating_sub(files_per_day_max)).max().unwrap_or(0)
}

/// The names that are to be merged next, at least two; None if there is nothing to do. A *seam* is a
/// name that cannot be merged with what lies before it.
pub(crate) fn choose(
    names: &[Name],
    seams: &BTreeSet<i64>,
    files_per_day_max: usize,
) -> Option<Range<usize>> {
    let mut at = 0;
    for day in names.chunk_by(|one, other| one.day() == other.day()) {
        let chosen = if files(day) > files_per_day_max { choose_of_day(day, seams) } else { None };
        if let Some(chosen) = chosen {
            return Some(at + chosen.start..at + chosen.end);
        }
        at += day.len();
    }
    None
}

fn choose_of_day(day: &[Name], seams: &BTreeSet<i64>) -> Option<Range<usize>> {
    let is_one = |one: &Name, other: &Name| {
        [one, other].iter().all(|name| name.fit == Fit::Mergeable) && !seams.contains(&other.number)
    };
    let (mut doubling, mut smallest) = (None, None);
    let mut at = 0;
    for stretch in day.chunk_by(is_one) {
        for (start, _) in stretch.iter().enumerate() {
            let (mut sum, mut largest) = (0_u64, 0_u64);
            for (end, name) in stretch.iter().enumerate().skip(start).take(GROUP_MAX) {
                sum = sum.saturating_add(name.bytes);
                largest = largest.max(name.bytes);
                let (count, group) = (end + 1 - start, at + start..at + end + 1);
                if count >= 2 && largest <= sum - largest {
                    keep_better(&mut doubling, (usize::MAX - count, sum), &group);
                }
                if count == 2 {
                    keep_better(&mut smallest, (0, sum), &group);
                }
            }
        }
        at += stretch.len();
    }
    doubling.or(smallest).map(|(_, group)| group)
}

/// Keeps the group with the lower rank, the earlier one where they are equal.
fn keep_better(
    best: &mut Option<((usize, u64), Range<usize>)>,
    rank: (usize, u64),
    group: &Range<usize>,
) {
    if best.as_ref().is_none_or(|(other, _)| rank < *other) {
        *best = Some((rank, group.clone()));
    }
}

fn files(names: &[Name]) -> usize {
    names.iter().map(|name| name.files).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(bytes: &[u64]) -> Vec<Name> {
        let name =
            |(number, &bytes): (i64, &u64)| Name { number, files: 1, bytes, fit: Fit::Mergeable };
        (0..).zip(bytes).map(name).collect()
    }

    fn chosen(bytes: &[u64], most: usize) -> Option<Range<usize>> {
        choose(&names(bytes), &BTreeSet::new(), most)
    }

    #[test]
    fn up_to_the_bound_nothing_is_merged() {
        assert_eq!(chosen(&[1, 1, 1], 3), None);
        assert_eq!(chosen(&[1, 1, 1], 2), Some(0..3));
    }

    #[test]
    fn a_group_at_least_doubles_the_size_of_each_of_its_files() {
        assert_eq!(chosen(&[9, 1, 1, 1], 3), Some(1..4), "9 is more than the rest");
        assert_eq!(chosen(&[9, 4, 4, 1], 3), Some(0..4));
        assert_eq!(chosen(&[9, 4, 1], 2), Some(1..3), "no group doubles: the smallest pair");
    }

    #[test]
    fn days_seams_and_what_is_left_alone_divide() {
        let mut of_two_days = names(&[1; 6]);
        of_two_days[3..].iter_mut().for_each(|name| name.number += DAY);
        let none = BTreeSet::new();
        assert_eq!(choose(&of_two_days, &none, 2), Some(0..3));
        let mut day = names(&[1; 6]);
        assert_eq!(choose(&day, &BTreeSet::from([2]), 2), Some(2..6));
        day[4].fit = Fit::LeftAlone;
        assert_eq!(choose(&day, &BTreeSet::from([2]), 2), Some(0..2));
        assert_eq!(choose(&day, &BTreeSet::from([1, 2, 3]), 2), None);
        assert_eq!(excess(&day, 2), 4);
    }

    /// Checkpoints of these sizes, merged after each: how often a byte was rewritten at most, and how
    /// many files there were.
    fn simulate(sizes: impl Iterator<Item = u64>, most: usize) -> (u32, usize) {
        let mut files: Vec<(Name, u32)> = Vec::new();
        let (mut rewritten, mut count) = (0, 0);
        for (number, bytes) in (0..).zip(sizes) {
            files.push((Name { number, files: 1, bytes, fit: Fit::Mergeable }, 0));
            loop {
                let names: Vec<_> = files.iter().map(|(name, _)| *name).collect();
                let Some(group) = choose(&names, &BTreeSet::new(), most) else { break };
                let times = files[group.clone()].iter().map(|(_, times)| times + 1).max().unwrap();
                let bytes = names[group.clone()].iter().map(|name| name.bytes).sum();
                let merged = Name { bytes, ..names[group.start] };
                files.splice(group, [(merged, times)]);
                rewritten = rewritten.max(times);
            }
            count = count.max(files.len());
        }
        (rewritten, count)
    }

    #[test]
    fn the_bound_holds_and_a_value_is_rewritten_as_often_as_sizes_double() {
        for most in [2, 5, 12, 24] {
            let (rewritten, files) = simulate((0..1440).map(|_| 1000), most);
            assert_eq!(files, most);
            // 2^11 > 1440. With few files the rule has no room, and the bound comes first.
            let limit = if most >= 11 { 11 } else { 1440 };
            assert!(rewritten <= limit, "{most} files: {rewritten} times");
        }
        let uneven = (0_u64..1440).map(|at| 1 + (at * 7919) % 1009);
        let (rewritten, files) = simulate(uneven, 12);
        assert_eq!(files, 12);
        assert!(rewritten <= 20, "{rewritten} times: 2^20 bytes are more than a day's");
    }
}
