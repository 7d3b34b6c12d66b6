//! How a power loss tears a file: sector by sector.

use checkpointer::disk::sim::{Crash, Sector, SimDisk, Survival};
use checkpointer::disk::{Disk as _, File as _};

const SECTORS: [Sector; 2] = [Sector::Bytes512, Sector::Bytes4096];
const SYNCED: usize = 700;
const LENGTH: usize = 20_000;

/// No byte is 0, so that a lost one shows.
fn content() -> Vec<u8> {
    (1..=251).cycle().take(LENGTH).collect()
}

/// A durable name, 700 durable bytes, the rest waiting.
fn disk() -> SimDisk {
    let disk = SimDisk::new(0);
    let file = disk.create("file").unwrap();
    disk.sync_directory("").unwrap();
    file.append(&content()[..SYNCED]).unwrap();
    file.sync().unwrap();
    file.append(&content()[SYNCED..]).unwrap();
    disk
}

fn found(survival: Survival, sector: Sector) -> impl Iterator<Item = Vec<u8>> {
    let disk = disk();
    (0..500)
        .map(move |seed| disk.crash(Crash::PowerLoss(survival, sector), seed).peek("file").unwrap())
}

/// How many bytes at the beginning are the same.
fn same(found: &[u8], written: &[u8]) -> usize {
    found.iter().zip(written).take_while(|(found, written)| found == written).count()
}

#[test]
fn a_prefix_ends_within_a_sector_that_tears_and_nothing_but_zeros_follow() {
    for sector in SECTORS {
        let (mut cut, mut torn, mut garbage, mut zeros) = (0, 0, 0, 0);
        for found in found(Survival::Prefix, sector) {
            let whole = same(&found, &content());
            assert!(whole >= SYNCED && found.len() <= LENGTH);
            let sector_end = whole.next_multiple_of(sector.bytes()).min(found.len());
            assert!(found[sector_end..].iter().all(|byte| *byte == 0), "garbage behind {whole}");
            let torn_bytes = &found[whole..sector_end];
            cut += u32::from(whole == found.len());
            torn += u32::from(!whole.is_multiple_of(sector.bytes()) && !torn_bytes.is_empty());
            garbage += u32::from(torn_bytes.iter().any(|byte| *byte != 0));
            zeros += u32::from(found.len() > sector_end);
        }
        for (what, count) in [("cut", cut), ("torn", torn), ("garbage", garbage), ("zeros", zeros)]
        {
            assert!(count > 10, "{what} only {count} times with {sector:?}");
        }
    }
}

#[test]
fn larger_sectors_tear_further() {
    let torn_to_max = |sector| {
        let garbage_end = |found: Vec<u8>| {
            let whole = same(&found, &content());
            let end = found.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            end.saturating_sub(whole)
        };
        found(Survival::Prefix, sector).map(garbage_end).max().unwrap()
    };
    assert!((256..512).contains(&torn_to_max(Sector::Bytes512)));
    assert!((2048..4096).contains(&torn_to_max(Sector::Bytes4096)));
}

#[test]
fn of_any_subset_each_sector_is_whole_or_lost_from_some_byte_on() {
    let written = content();
    for sector in SECTORS {
        let (mut holes, mut torn, mut nothing, mut everything) = (0, 0, 0, 0);
        for found in found(Survival::Subset, sector) {
            assert_eq!(found[..SYNCED], written[..SYNCED]);
            let pieces: Vec<_> = found
                .chunks(sector.bytes())
                .zip(written.chunks(sector.bytes()))
                .map(|(found, written)| (same(found, written), found.len()))
                .collect();
            let last_whole = pieces.iter().rposition(|(same, length)| same == length);
            let first_lost = pieces.iter().position(|(same, length)| same < length);
            holes += u32::from(first_lost.is_some_and(|lost| Some(lost) < last_whole));
            torn +=
                u32::from(pieces.iter().skip(2).any(|(same, length)| *same > 9 && same < length));
            nothing += u32::from(found.len() == SYNCED);
            everything += u32::from(found == content());
        }
        for (what, count) in
            [("holes", holes), ("torn", torn), ("nothing", nothing), ("everything", everything)]
        {
            assert!(count > 10, "{what} only {count} times with {sector:?}");
        }
    }
}

#[test]
fn lost_sectors_between_others_hold_zeros_or_garbage() {
    let sector = Sector::Bytes512;
    let (mut zeros, mut garbage) = (0, 0);
    for found in found(Survival::Subset, sector) {
        for (piece, written) in found.chunks(512).zip(content().chunks(512)).skip(2) {
            zeros += u32::from(piece.iter().all(|byte| *byte == 0));
            garbage += u32::from(piece[0] != written[0] && piece.iter().any(|byte| *byte != 0));
        }
    }
    assert!(zeros > 100 && garbage > 100, "{zeros} of zeros, {garbage} of garbage");
}
