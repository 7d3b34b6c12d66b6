//! What a start finds, and what becomes of it.

use std::num::NonZeroU32;
use std::time::Duration;

use checkpointer::disk::sim::{Cause, Crash, Failure, Fault, Kind, SimDisk};
use checkpointer::log::{
    self, Budget, Buffer, CURRENT_WAL, Found, FoundSegment, Inline, Log, Owner, StartError,
    SyncMode,
};
use wal_format::{Record, SegmentWriter, Verdict};

use super::plain::{LONG, NOW, append, mode, names, open_host, read_back, record};

/// A log of the Go store: arrival times, no frequency.
fn go_log(count: u32) -> Vec<u8> {
    let names = names(1);
    let mut writer = SegmentWriter::new(Vec::new()).unwrap();
    for batch in 0..count {
        writer.write(&Record { frequency: None, ..record(&names[0], batch) }).unwrap();
    }
    writer.into_inner()
}

/// A segment of ours with these batches.
fn segment(batches: &[u32]) -> Vec<u8> {
    let names = names(1);
    let mut writer = SegmentWriter::new(Vec::new()).unwrap();
    for batch in batches {
        writer.write(&record(&names[0], *batch)).unwrap();
    }
    writer.into_inner()
}

const ONE: &str = "c/h/00000000000000000001.wal";

#[test]
fn a_new_number_is_above_every_number_in_a_name() {
    for (name, next) in [
        ("00000000000000000007.wal", 8),
        ("00000000000000000007.wal.damaged", 8),
        ("00000000000000000007.wal.unknown", 8),
        ("00000000000000000007.wal.tmp", 8),
        ("00000000000000000007.wal.corrupt.3", 8),
        ("9.wal", 10),
        ("1700000000.bin", 1),
        ("1700000000.bin.tmp", 1),
        ("1700000000.late", 1),
        ("current.wal", 1),
        ("99999999999999999999.wal", 1), // no u64: nobody's
        (".wal", 1),
    ] {
        let disk = SimDisk::new(1);
        disk.plant(&format!("c/h/{name}"), segment(&[1]));
        assert_eq!(log::find(&disk, "c/h").unwrap().next_number, next, "{name}");
    }
}

#[test]
fn the_highest_number_there_is_leaves_none() {
    let disk = SimDisk::new(1);
    disk.plant(&format!("c/h/{}.wal", u64::MAX), "");
    let error = log::find(&disk, "c/h").unwrap_err();
    assert!(matches!(error, StartError::NoNumberLeft { .. }), "{error}");
}

#[test]
fn covered_segments_are_not_needed_and_their_numbers_not_used_again() {
    let disk = SimDisk::new(1);
    for number in [3, 4, 6] {
        disk.plant(&log::segment_path("c/h", number), segment(&[1]));
    }
    let mut found = log::find(&disk, "c/h").unwrap();
    found.forget_covered(4);
    assert_eq!(found.segments, [FoundSegment { number: 6, bytes: 54, worth: None }]);
    found.forget_covered(9);
    assert_eq!((found.segments.len(), found.next_number, found.unsettled), (0, 10, true));
}

#[test]
fn what_is_found_is_synced_and_never_written_to() {
    let torn = [&segment(&[1, 2])[..], b"torn"].concat();
    let disk = SimDisk::new(1);
    disk.plant(ONE, torn.clone());
    let logs = Log::open(disk.clone(), mode(SyncMode::Flush)).unwrap();
    disk.start_trace();
    let host = open_host(&logs, "c/h");
    assert!(!host.stats(NOW).found_synced);
    assert_eq!(host.stats(NOW).uncovered, 108);
    logs.run_due(NOW, Budget { jobs_max: 10 }, &Inline);
    assert!(host.stats(NOW).found_synced);
    append(&host, &names(1), 3, None).unwrap().wait(LONG).unwrap();
    host.close(NOW, LONG).unwrap();

    assert_eq!(disk.peek(ONE), Some(torn));
    let touched: Vec<_> = disk.trace().into_iter().filter(|one| one.path == ONE).collect();
    assert!(touched.iter().all(|one| matches!(one.kind, Kind::Open | Kind::Sync)), "{touched:?}");
    assert!(touched.iter().any(|one| one.kind == Kind::Sync));
    assert_eq!(read_back(&disk, "c/h").0, [1, 2, 3]);
}

#[test]
fn a_host_without_anything_new_costs_no_operation() {
    let disk = SimDisk::new(1);
    let logs = Log::open(disk.clone(), mode(SyncMode::Flush)).unwrap();
    let host = open_host(&logs, "c/h");
    disk.start_trace();
    for seconds in [0, 1, 10, 10_000] {
        let now = Duration::from_secs(seconds);
        logs.run_due(now, Budget { jobs_max: 10 }, &Inline);
        host.drain(now, LONG).unwrap();
    }
    host.close(NOW, LONG).unwrap();
    assert_eq!(disk.trace(), []);
    assert_eq!(logs.next_due(), None);
}

#[test]
fn torn_and_damaged_are_told_apart_and_the_rest_is_read() {
    let whole = segment(&[1, 2, 3]);
    let disk = SimDisk::new(1);
    let mut damaged = whole.clone();
    damaged[4 + 50 + 20] ^= 1;
    for (bytes, expected) in [(&whole[..], 3), (&whole[..whole.len() - 1], 2), (&damaged[..], 2)] {
        disk.plant(ONE, bytes);
        let mut count = 0;
        let contents = log::read_log(&disk, ONE, |_| count += 1).unwrap();
        assert_eq!(count, expected);
        match (bytes.len() < whole.len(), bytes == whole) {
            (true, _) => {
                assert!(matches!(contents.verdict, Verdict::Torn(gap) if gap.offset == 104));
            }
            (false, true) => assert_eq!(contents.verdict, Verdict::Clean),
            (false, false) => {
                assert!(matches!(contents.verdict, Verdict::Damaged(gap) if gap.bytes == 50));
            }
        }
    }
}

#[test]
fn a_covered_segment_is_deleted_and_a_damaged_one_kept_under_another_name() {
    let disk = SimDisk::new(1);
    let mut damaged = segment(&[1, 2, 3]);
    damaged[4 + 50 + 20] ^= 1;
    let torn = &segment(&[4, 5])[..70];
    disk.plant(ONE, damaged.clone());
    disk.plant("c/h/00000000000000000002.wal", torn);
    let logs = Log::open(disk.clone(), mode(SyncMode::Flush)).unwrap();
    let host = open_host(&logs, "c/h");
    append(&host, &names(1), 6, None).unwrap().wait(LONG).unwrap();
    let mark = host.owner().with_buffer(Buffer::set_checkpoint_mark).unwrap();
    append(&host, &names(1), 7, None).unwrap();
    let dropped = host.checkpoint_succeeded(mark).dropped.unwrap();
    assert_eq!((dropped.segments, dropped.damaged), (2, 1));
    assert_eq!((logs.stats().dropped, logs.stats().kept_damaged), (2, 1));
    assert_eq!(disk.peek("c/h/00000000000000000001.wal.damaged"), Some(damaged));

    host.close(NOW, LONG).unwrap();
    assert_eq!(read_back(&disk, "c/h"), (vec![7], false));
    assert_eq!(log::find(&disk, "c/h").unwrap().next_number, 5);
}

/// Everything that a start would read of the Go store's records, wherever it lies.
fn go_records(disk: &SimDisk) -> Result<(Vec<u32>, Vec<bool>, Found), StartError> {
    let found = log::find(disk, "c/h")?;
    let (mut batches, mut nominal) = (Vec::new(), Vec::new());
    let mut paths: Vec<_> =
        found.segments.iter().map(|one| log::segment_path("c/h", one.number)).collect();
    paths.extend(found.current_wal.then(|| format!("c/h/{CURRENT_WAL}")));
    for path in paths {
        log::read_log(disk, &path, |located| {
            batches.push(located.record.value.to_bits());
            nominal.push(located.record.frequency.is_some());
        })?;
    }
    Ok((batches, nominal, found))
}

/// What a start does with the Go store's log: its records get a frequency, once.
fn take_over(disk: &SimDisk) -> Result<(), StartError> {
    let mut found = log::find(disk, "c/h")?;
    let number = if found.current_wal {
        log::take_over_current(disk, "c/h", &mut found)?
    } else {
        found.segments[0].number
    };
    let (batches, nominal, _) = go_records(disk)?;
    if !nominal.contains(&true) {
        let names = names(1);
        log::replace_segment(disk, "c/h", number, |writer| {
            batches.iter().try_for_each(|batch| {
                let frequency = NonZeroU32::new(60);
                writer.write(&Record { frequency, ..record(&names[0], *batch) })
            })
        })?;
    }
    Ok(())
}

#[test]
fn the_go_stores_log_is_taken_over_whole_at_whatever_operation_a_crash_comes() {
    let expected: Vec<u32> = (0..40).collect();
    let mut states = 0;
    for stop_after in 0.. {
        let disk = SimDisk::new(stop_after);
        disk.plant("c/h/current.wal", go_log(40));
        disk.plant("c/h/00000000000000000004.wal.damaged", "");
        disk.stop_after(stop_after);
        let done = take_over(&disk).is_ok();
        for crash in Crash::ALL {
            for seed in 0..10 {
                let mut left = disk.crash(crash, seed);
                // The second start is cut off as well, the third is not.
                left.stop_after(seed);
                let _ = take_over(&left);
                left = left.crash(crash, seed);
                take_over(&left).unwrap();
                let (batches, nominal, found) = go_records(&left).unwrap();
                assert_eq!(batches, expected, "{stop_after} {crash:?} {seed}");
                assert!(nominal.iter().all(|nominal| *nominal));
                assert_eq!(found.segments.len(), 1);
                assert_eq!((found.segments[0].number, found.next_number), (5, 6));
                assert!(!found.current_wal);
                states += 1;
            }
        }
        if done {
            break;
        }
    }
    assert!(states > 500, "{states}");
}

#[test]
fn a_temporary_file_of_a_start_before_is_no_obstacle() {
    let disk = SimDisk::new(1);
    disk.plant(ONE, go_log(3));
    disk.plant(&format!("{ONE}.tmp"), "half");
    take_over(&disk).unwrap();
    assert_eq!(go_records(&disk).unwrap().0, [0, 1, 2]);
    assert_eq!(disk.files(), [ONE]);
}

#[test]
fn a_host_that_cannot_be_listed_or_read_is_not_taken_for_an_empty_one() {
    let disk = SimDisk::new(1);
    disk.plant(ONE, segment(&[1]));
    for kind in [Kind::List, Kind::Open, Kind::Read] {
        disk.inject(Fault::new(Failure::Error(Cause::Io)).on(kind));
        let result = log::find(&disk, "c/h").and_then(|_| Ok(log::read_log(&disk, ONE, |_| {})?));
        assert!(matches!(result, Err(StartError::Disk(_))), "{kind:?}");
    }
    assert_eq!(log::find(&disk, "c/nobody").unwrap(), Found::default());
}

#[test]
fn a_found_segment_that_cannot_be_opened_is_synced_later_and_one_whose_sync_fails_never() {
    for (kind, cause, synced) in
        [(Kind::Open, Cause::TooManyFiles, true), (Kind::Sync, Cause::Io, false)]
    {
        let disk = SimDisk::new(1);
        disk.plant(ONE, segment(&[1]));
        let logs = Log::open(disk.clone(), mode(SyncMode::Flush)).unwrap();
        let host = open_host(&logs, "c/h");
        disk.inject(Fault::new(Failure::Error(cause)).on(kind));
        logs.run_due(NOW, Budget { jobs_max: 10 }, &Inline);
        assert!(!host.stats(NOW).found_synced);
        logs.run_due(Duration::from_secs(1), Budget { jobs_max: 10 }, &Inline);
        let stats = host.stats(NOW);
        assert_eq!((stats.found_synced, stats.needs_checkpoint), (synced, !synced), "{kind:?}");
        assert_eq!(logs.next_due(), None);
    }
}
