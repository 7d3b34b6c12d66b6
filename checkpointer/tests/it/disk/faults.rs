//! Every kind of fault comes back as what it is, at the operation it was meant for.

use std::io;

use checkpointer::disk::sim::{Cause, Crash, Failure, Fault, Kind, SimDisk, SimFile, Stopped};
use checkpointer::disk::{Disk as _, File as _};

/// As Linux numbers them, and as the standard library knows them, where it has a name for them.
const ERRORS: [(Cause, i32, Option<io::ErrorKind>); 5] = [
    (Cause::Io, 5, None),
    (Cause::NoSpace, 28, Some(io::ErrorKind::StorageFull)),
    (Cause::Interrupted, 4, Some(io::ErrorKind::Interrupted)),
    (Cause::Denied, 13, Some(io::ErrorKind::PermissionDenied)),
    (Cause::TooManyFiles, 24, None),
];

/// A disk with the file `file`, open.
fn disk() -> (SimDisk, SimFile) {
    let disk = SimDisk::new(0);
    disk.make_directory("directory").unwrap();
    let file = disk.create("file").unwrap();
    file.append(b"0123456789").unwrap();
    (disk, file)
}

/// One operation of that kind, which would go well.
fn perform(disk: &SimDisk, file: &SimFile, kind: Kind) -> io::Result<()> {
    match kind {
        Kind::Create => disk.create("new").map(drop),
        Kind::Open => disk.open("file").map(drop),
        Kind::MakeDirectory => disk.make_directory("directory/below"),
        Kind::List => disk.list("directory").map(drop),
        Kind::Rename => disk.rename("file", "renamed"),
        Kind::Remove => disk.remove("file"),
        Kind::SyncDirectory => disk.sync_directory(""),
        Kind::Lock => disk.lock("").map(drop),
        Kind::FreeBytes => disk.free_bytes().map(drop),
        Kind::Append => file.append(b"more").map(drop),
        Kind::Read => file.read_at(0, &mut [0]).map(drop),
        Kind::Sync => file.sync(),
        Kind::Length => file.len().map(drop),
    }
}

/// Everything that a process can see.
fn visible(disk: &SimDisk) -> Vec<(String, Option<Vec<u8>>)> {
    disk.files().into_iter().map(|path| (path.clone(), disk.peek(&path))).collect()
}

#[test]
fn every_cause_comes_back_as_its_error_from_every_operation_and_nothing_is_done() {
    for kind in Kind::ALL {
        for (cause, code, error_kind) in ERRORS {
            let (disk, file) = disk();
            let before = visible(&disk);
            disk.inject(Fault::new(Failure::Error(cause)).on(kind));
            let error = perform(&disk, &file, kind).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(code), "{kind:?}");
            assert!(error_kind.is_none_or(|expected| error.kind() == expected), "{kind:?}");
            assert_eq!(visible(&disk), before, "{kind:?}");
            assert_eq!(disk.list("directory").unwrap(), [], "{kind:?}");
            assert_eq!(disk.open_files(), 1);
            perform(&disk, &file, kind).unwrap();
        }
    }
    assert_eq!(Cause::ALL, ERRORS.map(|(cause, ..)| cause));
}

#[test]
fn an_error_after_the_fact_leaves_the_fact() {
    for kind in Kind::ALL {
        let (done, done_file) = disk();
        perform(&done, &done_file, kind).unwrap();
        let (failed, failed_file) = disk();
        failed.inject(Fault::new(Failure::ErrorAfter(Cause::Io)).on(kind));
        let error = perform(&failed, &failed_file, kind).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(5), "{kind:?}");
        assert_eq!(visible(&failed), visible(&done), "{kind:?}");
        assert_eq!(failed.open_files(), 1, "{kind:?}");
        for (crash, seed) in Crash::ALL.into_iter().zip(0..) {
            assert_eq!(visible(&failed.crash(crash, seed)), visible(&done.crash(crash, seed)));
        }
    }
}

#[test]
fn a_short_append_takes_what_it_says() {
    let (disk, file) = disk();
    disk.inject(Fault::new(Failure::Short(3)));
    assert_eq!(file.append(b"abcdef").unwrap(), 3);
    assert_eq!(disk.peek("file").unwrap(), b"0123456789abc");
    disk.inject(Fault::new(Failure::Short(7)));
    assert_eq!(file.append(b"def").unwrap(), 3);
}

#[test]
fn a_partial_append_takes_some_bytes_and_fails() {
    let (disk, file) = disk();
    disk.inject(Fault::new(Failure::Partial(3, Cause::NoSpace)));
    assert_eq!(file.append(b"abcdef").unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!(disk.peek("file").unwrap(), b"0123456789abc");
}

#[test]
fn a_short_read_is_no_end_of_file() {
    let (disk, file) = disk();
    let mut out = [0; 10];
    disk.inject(Fault::new(Failure::Short(4)));
    assert_eq!(file.read_at(2, &mut out).unwrap(), 4);
    assert_eq!(&out[..4], b"2345");
    disk.inject(Fault::new(Failure::Short(0)));
    assert_eq!(file.read_at(2, &mut out).unwrap(), 1);
}

#[test]
fn a_fault_strikes_the_operation_with_its_index_and_no_other() {
    let operations = Kind::ALL.len();
    for index in 0..operations {
        let (disk, file) = disk();
        let fault = Fault::new(Failure::Error(Cause::Io));
        disk.inject(fault.at(disk.operations() + 1 + index as u64).always());
        // Without those that others need for going well.
        let kinds = Kind::ALL.into_iter().filter(|kind| !matches!(kind, Kind::Rename));
        let failed: Vec<_> =
            kinds.map(|kind| perform(&disk, &file, kind).is_err()).enumerate().collect();
        for (at, failed) in failed {
            assert_eq!(failed, at == index, "operation {at}");
        }
    }
}

#[test]
fn conditions_of_a_fault_add_up() {
    let (disk, file) = disk();
    let fault = Fault::new(Failure::Error(Cause::Io)).on(Kind::Sync);
    disk.inject(fault.path(|path| path == "file").skip(1).times(2));
    let other = disk.create("other").unwrap();
    other.sync().unwrap();
    let results = [(); 5].map(|()| {
        file.append(b"x").unwrap();
        file.sync().is_ok()
    });
    assert_eq!(results, [true, false, false, true, true]);
}

#[test]
fn a_path_condition_sees_both_names_of_a_rename() {
    let (disk, _file) = disk();
    for name in ["file", "renamed"] {
        disk.inject(Fault::new(Failure::Error(Cause::Io)).path(move |path| path == name));
        assert!(disk.rename("file", "renamed").is_err(), "{name}");
    }
    disk.rename("file", "renamed").unwrap();
}

#[test]
fn one_in_ten_is_about_one_in_ten_and_the_same_for_one_seed() {
    let strikes = |seed| {
        let disk = SimDisk::new(seed);
        disk.inject(Fault::new(Failure::Error(Cause::Io)).one_in(10).always());
        (0..1000).filter(|_| disk.free_bytes().is_err()).collect::<Vec<_>>()
    };
    assert!((60..140).contains(&strikes(1).len()), "{}", strikes(1).len());
    assert_eq!(strikes(1), strikes(1));
    assert_ne!(strikes(1), strikes(2));
}

#[test]
fn faults_that_last_end_when_they_are_cleared() {
    let (disk, file) = disk();
    disk.inject(Fault::new(Failure::Error(Cause::NoSpace)).on(Kind::Append).always());
    assert!([(); 100].iter().all(|()| file.append(b"x").is_err()));
    disk.clear_faults();
    assert_eq!(file.append(b"x").unwrap(), 1);
}

#[test]
fn a_full_disk_takes_what_fits_then_nothing_until_there_is_room() {
    let (disk, file) = disk();
    disk.limit_space(4);
    assert_eq!(disk.free_bytes().unwrap(), 4);
    assert_eq!(file.append(b"abcdef").unwrap(), 4);
    assert_eq!(file.append(b"ef").unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!(file.append(b"").unwrap(), 0);
    assert_eq!(disk.free_bytes().unwrap(), 0);
    let other = disk.create("other").unwrap();
    disk.remove("file").unwrap();
    assert_eq!(disk.free_bytes().unwrap(), 14);
    assert_eq!(other.append(&[1; 20]).unwrap(), 14);
    disk.lift_space_limit();
    assert_eq!(other.append(&[1; 20]).unwrap(), 20);
}

#[test]
fn a_file_that_a_rename_replaces_gives_its_room_back() {
    let disk = SimDisk::new(0);
    disk.plant("old", vec![1; 100]);
    disk.plant("new", vec![1; 30]);
    disk.limit_space(0);
    disk.rename("old", "new").unwrap();
    assert_eq!(disk.free_bytes().unwrap(), 30);
}

#[test]
fn after_the_last_operation_every_other_fails_and_does_nothing() {
    let (disk, file) = disk();
    let before = visible(&disk);
    let operations = disk.operations();
    disk.stop_after(operations);
    for kind in Kind::ALL {
        let error = perform(&disk, &file, kind).unwrap_err();
        assert!(Stopped::is(&error), "{kind:?}: {error}");
    }
    drop(file);
    assert_eq!((visible(&disk), disk.operations()), (before, operations));
    assert_eq!(disk.closed_unsynced(), [""; 0], "the death of a process is no mistake of its own");
    assert!(!Stopped::is(&Cause::Io.into()));
}

#[test]
fn a_process_can_die_within_an_append() {
    let (disk, file) = disk();
    let last = disk.operations() + 1;
    disk.stop_after(last);
    disk.inject(Fault::new(Failure::Short(2)).at(last));
    assert_eq!(file.append(b"abcdef").unwrap(), 2);
    assert!(Stopped::is(&file.append(b"cdef").unwrap_err()));
    assert_eq!(disk.crash(Crash::Kill, 0).peek("file").unwrap(), b"0123456789ab");
}

#[test]
fn too_many_open_files_are_refused_and_leave_no_name() {
    let disk = SimDisk::new(0);
    disk.limit_open_files(2);
    let one = disk.create("one").unwrap();
    let _two = disk.create("two").unwrap();
    assert_eq!(disk.create("three").unwrap_err().raw_os_error(), Some(24));
    assert_eq!(disk.open("one").unwrap_err().raw_os_error(), Some(24));
    assert_eq!(disk.files(), ["one", "two"]);
    drop(one);
    disk.create("three").unwrap();
}
