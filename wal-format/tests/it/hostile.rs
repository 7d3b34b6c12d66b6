//! Logs made to be expensive.

use crate::bytes::{HEADER, MAGIC, frame, payload, records};
use std::time::{Duration, Instant};
use wal_format::{End, Found, Reader, Scan, Verdict};

/// A megabyte in which a record of nearly a megabyte seems to begin every sixteen bytes, each with
/// a structure that holds, so that only its checksum tells: without a bound that is 64 GB of
/// checksums.
fn decoys() -> Vec<u8> {
    let mut log = vec![0; 2 << 20];
    for at in (0..1 << 20).step_by(16) {
        // The magic and the length of one are the name length and so on of others: an empty metric
        // and an empty path, then anything.
        log[at..at + 4].copy_from_slice(&MAGIC);
        log[at + 4..at + 8].copy_from_slice(&(1_000_000_u32).to_le_bytes());
    }
    log
}

#[test]
fn the_search_gives_up_and_says_so() {
    let record = &records(1, 50)[0];
    let log = [&HEADER, &record[..], &decoys()].concat();
    let mut scan = Scan::new(&log);
    let begin = Instant::now();
    assert_eq!(scan.by_ref().count(), 1);
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    let Some(End::GaveUp(gap)) = scan.end() else { panic!("{:?}", scan.end()) };
    assert_eq!((gap.offset, gap.bytes), (54, 2 << 20));
    assert!(matches!(scan.verdict(), Some(Verdict::Damaged(_))));

    let mut reader = Reader::new(&log[..]);
    while reader.next().unwrap().is_some() {}
    assert_eq!(reader.end(), Some(End::GaveUp(gap)));
}

/// Valid records between the decoys are no way around the bound: the account is the scan's.
#[test]
fn many_short_searches_share_one_account() {
    let honest = &records(1, 50)[0];
    // Broken, and its two lengths name two ends: where the payload's does, in the name, a decoy begins
    // that reaches to the end of the file, where the fields' do, an honest record.
    let decoy = [&MAGIC[..], &(1_000_000_u32).to_le_bytes(), &[0; 4]].concat();
    let name = [&[b'x'; 22][..], &decoy, &[0; 8]].concat();
    let mut unit = frame(&payload(0, &name, &[], 0, 0));
    unit[4..8].copy_from_slice(&(28_u32).to_le_bytes());
    unit[8] ^= 1;
    unit.extend(honest);

    let mut log = HEADER.to_vec();
    for _ in 0..20_000 {
        log.extend(&unit);
    }
    log.extend(vec![0; 1_000_000]);
    let mut scan = Scan::new(&log);
    let begin = Instant::now();
    let records = scan.by_ref().filter(|found| matches!(found, Found::Record(_))).count();
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    assert!(records > 0);
    assert!(matches!(scan.end(), Some(End::GaveUp(_))), "{:?}", scan.end());
}

#[test]
fn two_damaged_records_of_any_size_in_a_row_are_no_reason_to_give_up() {
    let small = &records(1, 50)[0];
    let large = frame(&payload(0, &vec![b'x'; 60_000], &[], 0, 60));
    let mut log = [&HEADER, &small[..], &large, &large, small].concat();
    log[20] ^= 1;
    log[1000] ^= 1;
    log[70_000] ^= 1;
    let mut scan = Scan::new(&log);
    assert_eq!(scan.by_ref().filter(|found| matches!(found, Found::Record(_))).count(), 1);
    assert_eq!(scan.end(), Some(End::Clean));
}

/// The damaged record names the end of the file; the checksum of each costs a megabyte to find wrong.
#[test]
fn checksums_of_records_that_claim_to_be_long_are_on_the_account_too() {
    let mut broken = frame(&payload(0, b"", &[], 0, 0));
    broken[4..8].copy_from_slice(&(1_u32 << 20).to_le_bytes());
    let unit = [&broken[..], &records(1, 50)[0]].concat();
    let log = [&HEADER[..], &unit.repeat(50_000), &vec![0; 1 << 20]].concat();
    let mut scan = Scan::new(&log);
    let begin = Instant::now();
    assert!(scan.by_ref().count() > 0);
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    assert!(matches!(scan.end(), Some(End::GaveUp(_))), "{:?}", scan.end());
}

/// The search itself must pay: here nothing else costs a checksum.
#[test]
fn a_search_through_decoys_alone_gives_up() {
    let record = &records(1, 50)[0];
    let log = [&HEADER, &record[..], b"\0", &decoys(), record].concat();
    let mut scan = Scan::new(&log);
    assert_eq!(scan.by_ref().count(), 1);
    assert!(matches!(scan.end(), Some(End::GaveUp(gap)) if gap.offset == 54), "{:?}", scan.end());
}

/// The fields of a small record claim sixty thousand bytes, whose checksum is computed to find out
/// whether they are right.
#[test]
fn fields_that_claim_much_are_on_the_account() {
    let honest = &records(1, 50)[0];
    let mut lying = frame(&payload(0, b"", &[], 0, 0));
    lying[16..18].copy_from_slice(&60_000_u16.to_le_bytes());
    let unit = [&lying[..], honest].concat();
    let log = [&HEADER[..], &unit.repeat(20_000)].concat();
    let mut scan = Scan::new(&log);
    let found = scan.by_ref().filter(|found| matches!(found, Found::Record(_))).count();
    assert!(found > 0);
    let Some(End::GaveUp(gap)) = scan.end() else { panic!("{:?}", scan.end()) };
    assert!(gap.offset > 4, "not at once");
    let Some(Verdict::Damaged(first)) = scan.verdict() else { panic!("{:?}", scan.verdict()) };
    assert_eq!(first.offset, 4, "the first fault decides");
}
