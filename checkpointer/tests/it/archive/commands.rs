//! What a run does and leaves alone, without any crash.

use std::sync::{Arc, Mutex};

use checkpointer::archive::ArchiveError;
use checkpointer::disk::sim::{Cause, Failure, Fault, Kind, SimDisk};
use checkpointer::log::Inline;
use checkpointer::{OpenError, Progress};

use super::world::{
    HOSTS, NOW, OF_OTHERS, START, Written, archived, disk, marks_alone, open, run, run_with, slot,
};

/// A store with ten slots of each host, half of them in snapshots.
fn filled(disk: &SimDisk) -> (super::world::Store, Written) {
    let (store, mut written) = (open(disk).unwrap(), Written::default());
    for host in HOSTS {
        assert_eq!(written.write(&store.engine, host, 0..5), 0);
    }
    store.engine.checkpoint(&store.engine.all(), NOW, &Inline, None);
    for host in HOSTS {
        assert_eq!(written.write(&store.engine, host, 5..10), 0);
    }
    (store, written)
}

fn names(disk: &SimDisk, directory: &str) -> Vec<String> {
    let below = |path: String| path.strip_prefix(directory)?.strip_prefix('/').map(str::to_owned);
    disk.files().into_iter().filter_map(below).collect()
}

#[test]
fn rows_before_the_cut_move_once_and_the_rest_stays() {
    let disk = disk(1);
    let (store, mut written) = filled(&disk);
    let done = run(slot(7), &store).unwrap();
    assert_eq!((done.cut, done.hosts, done.rows), (slot(7), 3, 3 * 2 * 7));
    assert_eq!(done.problems, []);
    let files = [format!("alpha/{}.parquet", slot(7)), format!("beta/{}.parquet", slot(7))];
    assert_eq!(names(&disk, "archive"), files);
    assert_eq!(done.files.iter().map(|file| &file.path).collect::<Vec<_>>(), files.each_ref());
    assert_eq!(done.files[1].min_timestamp, slot(0));
    assert_eq!((done.files[1].max_timestamp, done.files[1].rows), (slot(6), 14));
    // The first snapshot of each ends before the cut, the second does not.
    assert_eq!(done.snapshots_retired, 3);
    written.check(&disk, &store).unwrap();
    for host in HOSTS {
        assert_eq!(written.write(&store.engine, host, 6..8), 2, "slot 6 is archived");
    }
    let again = run(slot(7), &store).unwrap();
    assert_eq!((again.hosts, again.rows, again.files.len()), (0, 0, 0));
    written.drain(&disk, &store).unwrap();
    let marks = marks_alone(&disk);
    assert!(HOSTS.iter().all(|(cluster, host)| marks.of(cluster, host) == NOW.unix));
}

#[test]
fn a_run_without_anything_to_do_touches_nothing() {
    let disk = disk(1);
    let (store, _) = filled(&disk);
    run(slot(10), &store).unwrap();
    let before: Vec<_> = disk.files().iter().map(|path| disk.peek(path)).collect();
    disk.start_trace();
    run(slot(10), &store).unwrap();
    assert!(disk.trace().iter().all(|operation| !operation.kind.changes()), "{:?}", disk.trace());
    assert_eq!(disk.files().iter().map(|path| disk.peek(path)).collect::<Vec<_>>(), before);
}

#[test]
fn a_host_that_cannot_be_read_costs_itself_and_is_archived_later() {
    let disk = disk(1);
    let (store, written) = filled(&disk);
    let of_a01 = |path: &str| path.starts_with("data/alpha/a01/") && !path.contains(".wal");
    disk.inject(Fault::new(Failure::Error(Cause::Io)).on(Kind::Open).path(of_a01).always());
    let done = run(slot(7), &store).unwrap();
    assert_eq!((done.hosts, done.rows), (2, 2 * 2 * 7));
    assert_eq!(done.problems.len(), 1);
    assert_eq!(done.problems[0].0, "alpha/a01");
    written.check(&disk, &store).unwrap();
    disk.clear_faults();
    let done = run(slot(7), &store).unwrap();
    assert_eq!((done.hosts, done.rows), (1, 2 * 7));
    assert_eq!(done.files[0].path, format!("alpha/{}.parquet", slot(7) + 1));
    written.drain(&disk, &store).unwrap();
}

#[test]
fn a_host_that_cannot_be_made_durable_costs_itself() {
    let disk = disk(1);
    let (store, written) = filled(&disk);
    let of_b01 = |path: &str| path.starts_with("data/beta/b01/") && path.ends_with(".bin.tmp");
    disk.inject(Fault::new(Failure::Error(Cause::NoSpace)).on(Kind::Create).path(of_b01));
    let done = run(slot(7), &store).unwrap();
    assert_eq!((done.hosts, done.problems.len()), (2, 1));
    assert_eq!(done.problems[0].0, "beta/b01");
    written.check(&disk, &store).unwrap();
    written.drain(&disk, &store).unwrap();
}

#[test]
fn hosts_in_use_are_left_alone() {
    let disk = disk(1);
    let (store, written) = filled(&disk);
    let done = run_with(slot(7), &store, None, &|_, host| host == "a02").unwrap();
    assert_eq!((done.hosts, done.snapshots_retired), (2, 2));
    assert_eq!(marks_alone(&disk).of("alpha", "a02"), i64::MIN);
    written.check(&disk, &store).unwrap();
    written.drain(&disk, &store).unwrap();
}

/// Whether a run has written over a file that was there, or that came while it ran.
pub(super) fn others_are_overwritten() -> bool {
    let disk = disk(1);
    let (store, _) = filled(&disk);
    let there = format!("archive/alpha/{}.parquet", slot(7));
    disk.plant(&there, OF_OTHERS);
    let came = format!("archive/beta/{}.parquet", slot(7));
    let (other, path) = (disk.clone(), came.clone());
    let progress = Arc::new(move |_: Progress| other.plant(&path, OF_OTHERS));
    let outcome = run_with(slot(7), &store, Some(progress), &|_, _| false);
    let is_kept = |path: &str| disk.peek(path).as_deref() == Some(OF_OTHERS);
    outcome.is_ok() || !is_kept(&there) || !is_kept(&came)
}

#[test]
fn files_of_others_are_never_overwritten_and_not_removed_when_a_run_is_undone() {
    assert!(!others_are_overwritten());
    let disk = disk(1);
    let (store, written) = filled(&disk);
    let came = format!("archive/beta/{}.parquet", slot(7));
    let (other, path) = (disk.clone(), came.clone());
    let progress = Arc::new(move |_: Progress| other.plant(&path, OF_OTHERS));
    let refused = run_with(slot(7), &store, Some(progress), &|_, _| false).unwrap_err();
    assert!(matches!(refused, ArchiveError::Exists { .. }), "{refused}");
    // It is undone already, and nothing is lost; the next run takes other names.
    assert_eq!(names(&disk, "archive"), [format!("beta/{}.parquet", slot(7))]);
    written.check(&disk, &store).unwrap();
    run(slot(7), &store).unwrap();
    assert_eq!(disk.peek(&came).unwrap(), OF_OTHERS);
    written.drain(&disk, &store).unwrap();
}

#[test]
fn a_run_that_was_left_half_done_elsewhere_is_not_undone_here() {
    let disk = disk(1);
    let (store, _) = filled(&disk);
    let is_manifest = |path: &str| path.ends_with(".manifest.tmp");
    disk.inject(Fault::new(Failure::Error(Cause::Io)).path(is_manifest).times(1));
    // It cannot be undone at once either.
    let is_file = |path: &str| path.ends_with(".parquet");
    disk.inject(Fault::new(Failure::Error(Cause::Io)).on(Kind::Remove).path(is_file).always());
    run(slot(7), &store).unwrap_err();
    disk.clear_faults();
    drop(store);
    let own = super::below::Below { disk: disk.clone(), directory: "own" };
    let elsewhere = super::below::Below { disk: disk.clone(), directory: "data" };
    let other = checkpointer::archive::Archive::new(own, elsewhere, "/elsewhere");
    let refused = other.marks().unwrap_err();
    assert!(matches!(refused, ArchiveError::OtherArchive { .. }), "{refused}");
    assert_eq!(archived(&disk).unwrap().len(), 3 * 2 * 7);
    let store = open(&disk).unwrap();
    assert_eq!(archived(&disk).unwrap().len(), 0);
    drop(store);
}

#[test]
fn a_damaged_manifest_stops_the_start_for_nobody_knows_the_marks() {
    let disk = disk(1);
    let (store, _) = filled(&disk);
    run(slot(7), &store).unwrap();
    drop(store);
    let path = disk.files().into_iter().find(|path| path.ends_with(".manifest")).unwrap();
    let mut bytes = disk.peek(&path).unwrap();
    bytes[20] ^= 1;
    disk.plant(&path, bytes);
    assert!(matches!(open(&disk).err(), Some(OpenError::Marks(_))));
}

/// Whether after so many runs with a start in between marks are lost, or too many manifests left.
pub(super) fn marks_are_lost_after(runs: i64) -> bool {
    let disk = disk(1);
    let mut written = Written::default();
    for number in 0..runs {
        let store = open(&disk).unwrap();
        let host = HOSTS[usize::try_from(number % 3).unwrap()];
        written.write(&store.engine, host, [number]);
        let others = |_: &str, name: &str| name != host.1;
        run_with(slot(number) + 1, &store, None, &others).unwrap();
        let manifests = names(&disk, "own").len();
        if manifests > 16 || written.check(&disk, &store).is_err() {
            return true;
        }
    }
    let store = open(&disk).unwrap();
    written.check(&disk, &store).is_err() || written.drain(&disk, &store).is_err()
}

#[test]
fn manifests_become_one_and_no_mark_is_lost() {
    assert!(!marks_are_lost_after(40));
}

#[test]
fn a_host_that_comes_back_takes_nothing_that_is_archived() {
    let disk = disk(1);
    let (store, mut written) = filled(&disk);
    written.drain(&disk, &store).unwrap();
    store.engine.free(i64::MAX, &[vec![]], &|_, _| false, NOW, &Inline);
    assert_eq!(store.engine.all().len(), 0, "nothing is left of the hosts");
    let marks = marks_alone(&disk).of("alpha", "a01");
    assert_eq!(marks, NOW.unix);
    assert_eq!(written.write(&store.engine, HOSTS[0], 0..10), 20);
}

#[test]
fn hundreds_of_hosts_become_several_files_of_one_order() {
    let disk = disk(1);
    let (store, mut written) = (open(&disk).unwrap(), Written::default());
    let names: Vec<_> = (0..300).map(|number| format!("h{number:03}")).collect();
    for name in &names {
        written.write(&store.engine, ("c", name), [0]);
    }
    let hosts = Arc::new(Mutex::new(0));
    let seen = Arc::clone(&hosts);
    let progress = Arc::new(move |progress: Progress| {
        assert_eq!(progress.hosts_total, 300);
        *seen.lock().unwrap() = progress.hosts;
    });
    let done = run_with(slot(5), &store, Some(progress), &|_, _| false).unwrap();
    assert_eq!(*hosts.lock().unwrap(), 300);
    let counts: Vec<_> = done.files.iter().map(|file| (file.hosts, file.rows)).collect();
    assert_eq!(counts, [(256, 512), (44, 88)]);
    written.check(&disk, &store).unwrap();
}

/// A snapshot of the Go store, laid out by hand: two slots, the second at the end of the header.
fn of_the_go_store() -> Vec<u8> {
    let times = [START, slot(1)].map(i64::to_le_bytes).concat();
    let series = [60_i64, START].map(i64::to_le_bytes).concat();
    let values = [0.5_f32, 0.75].map(f32::to_le_bytes).concat();
    let level = [&1_u32.to_le_bytes()[..], &4_u16.to_le_bytes(), b"load", &series].concat();
    let slots = [&2_u32.to_le_bytes()[..], &values, &0_u32.to_le_bytes()].concat();
    [&0xCC5B_0001_u32.to_le_bytes()[..], &times, &level, &slots].concat()
}

#[test]
fn a_slot_at_the_end_of_the_go_stores_header_is_not_taken_for_archived() {
    let json = format!(
        r#"{{"metrics":{{"load":{{"frequency":60,"start":{START},"data":[0.5,0.75]}}}},"from":{START},"to":{}}}"#,
        slot(1)
    );
    for (kind, bytes) in [("bin", of_the_go_store()), ("json", json.into_bytes())] {
        let disk = disk(1);
        disk.plant(&format!("data/c/h/{START}.{kind}"), bytes);
        let store = open(&disk).unwrap();
        let done = run(slot(1), &store).unwrap();
        assert_eq!((done.rows, done.snapshots_retired), (1, 0), "{kind}");
        let done = run(slot(2), &store).unwrap();
        assert_eq!((done.rows, done.snapshots_retired), (1, 1), "{kind}");
        let times: Vec<_> = archived(&disk).unwrap().into_keys().map(|key| key.4).collect();
        assert_eq!(times, [slot(0), slot(1)]);
    }
}

#[test]
fn where_there_is_no_row_there_is_no_file_and_the_marks_move_all_the_same() {
    let disk = disk(1);
    let (store, written) = filled(&disk);
    run(slot(7), &store).unwrap();
    let done = run(slot(7) - 1 + 30, &store).unwrap();
    assert_eq!((done.hosts, done.rows, done.files.len()), (3, 6, 2), "slot 7 begins at its time");
    let done = run(slot(7) + 50, &store).unwrap();
    assert_eq!((done.hosts, done.rows, done.files.len()), (3, 0, 0));
    assert_eq!(names(&disk, "archive").len(), 4);
    assert_eq!(marks_alone(&disk).of("beta", "b01"), slot(7) + 50);
    written.drain(&disk, &store).unwrap();
}
