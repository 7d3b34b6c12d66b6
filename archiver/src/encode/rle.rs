//! `RLE_DICTIONARY`: a byte with the width of the indexes, then runs of one index and stretches of
//! packed ones.

use super::{pack, varint};

/// From here on a run is shorter than its packed form.
const RUN_MIN: usize = 16;

/// Appends indexes that come as runs.
pub(crate) fn runs(width: u8, runs: impl Iterator<Item = (u32, usize)>, out: &mut Vec<u8>) {
    out.push(width);
    for (index, count) in runs {
        run(width, index, count, out);
    }
}

fn run(width: u8, index: u32, count: usize, out: &mut Vec<u8>) {
    if count > 0 {
        varint((count as u64) << 1, out);
        out.extend(index.to_le_bytes().iter().take(width.div_ceil(8).into()));
    }
}

/// Appends indexes that come one by one.
pub(crate) fn indexes(width: u8, indexes: &[u32], out: &mut Vec<u8>) {
    out.push(width);
    let (mut packed, mut at) = (0, 0);
    while let Some((&index, rest)) = indexes.get(at..).and_then(<[u32]>::split_first) {
        let same = 1 + rest.iter().take_while(|&&next| next == index).count();
        // What is packed before a run fills whole groups of eight, with the run's own if need be.
        let short = (8 - (at - packed) % 8) % 8;
        if same >= RUN_MIN + short {
            stretch(width, indexes.get(packed..at + short).unwrap_or_default(), out);
            run(width, index, same - short, out);
            packed = at + same;
        }
        at += same;
    }
    stretch(width, indexes.get(packed..).unwrap_or_default(), out);
}

/// Packed indexes, filled up to a multiple of eight with zeros that nobody reads.
fn stretch(width: u8, indexes: &[u32], out: &mut Vec<u8>) {
    if indexes.is_empty() {
        return;
    }
    let groups = indexes.len().div_ceil(8);
    varint((groups as u64) << 1 | 1, out);
    let padding = std::iter::repeat_n(0, groups * 8 - indexes.len());
    pack(indexes.iter().copied().chain(padding).map(u64::from), width, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_a_count_and_an_index() {
        let mut out = Vec::new();
        runs(9, [(1, 3), (256, 100), (7, 0)].into_iter(), &mut out);
        assert_eq!(out, [9, 6, 1, 0, 0xC8, 1, 0, 1]);
    }

    #[test]
    fn few_indexes_are_packed_into_a_whole_group() {
        let mut out = Vec::new();
        indexes(3, &[0, 1, 2, 3, 4, 5, 6, 7], &mut out);
        assert_eq!(out, [3, 3, 0b1000_1000, 0b1100_0110, 0b1111_1010], "the specification's");
        out.clear();
        indexes(3, &[5], &mut out);
        assert_eq!(out, [3, 3, 5, 0, 0]);
    }

    #[test]
    fn a_run_fills_the_group_before_it() {
        let mut out = Vec::new();
        let values: Vec<u32> = [vec![1, 0, 1], vec![1; 40], vec![0; 2]].concat();
        indexes(1, &values, &mut out);
        // One group: 1, 0, 1 and the first six of the run of 41; 35 left; two zeros.
        assert_eq!(out, [1, 3, 0b1111_1101, 70, 1, 3, 0]);
    }
}
