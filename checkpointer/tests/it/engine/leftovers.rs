//! What a crash or a failure leaves in the directory of a host: what goes, what stays, what is counted.

use std::thread;
use std::time::Duration;

use checkpointer::disk::sim::Cause::Io;
use checkpointer::disk::sim::{Failure, Fault, Kind, SimDisk};

use super::adaptive::{expected, is_temporary, look, record};
use super::store::{A01, Setup, files, killed};

#[test]
fn temporary_files_of_the_dead_go_after_a_grace_and_strangers_stay() {
    let (mut setup, disk) = (Setup::new(), SimDisk::new(1));
    setup.config.temporary_grace = Duration::from_secs(100);
    let stays = ["alpha/a01/notes.tmp", "alpha/a01/x.bin.tmp"];
    let goes = ["alpha/a01/00000000000000000007.wal.tmp", "alpha/a01/9000.bin.tmp"];
    stays.iter().chain(&goes).for_each(|path| disk.plant(path, b"begun".to_vec()));
    let store = setup.open(&disk);
    (0..100).for_each(|second| look(&store, second));
    assert_eq!(files(&disk, ".tmp").len(), 4);
    assert_eq!(store.engine.stats(store.now).temporaries_removed, 0);
    look(&store, 100);
    assert_eq!(files(&disk, ".tmp"), stays);
    assert_eq!(store.engine.stats(store.now).temporaries_removed, 2);
    let operations = disk.operations();
    (101..200).for_each(|second| look(&store, second));
    assert_eq!(disk.operations(), operations, "and then no more");
    assert!(store.engine.get(A01.0, A01.1).is_none(), "there is nothing of that host");
}

#[test]
fn the_temporary_file_of_a_running_checkpoint_is_never_removed() {
    let (mut setup, disk) = (Setup::new(), SimDisk::new(1));
    setup.config.temporary_grace = Duration::ZERO;
    disk.plant("alpha/a01/77.bin.tmp", b"begun".to_vec());
    let store = setup.open(&disk);
    store.write("m", &[(9000, 1.0)]);
    let host = store.engine.get(A01.0, A01.1).unwrap();
    thread::scope(|scope| {
        let hold = disk.hold(Kind::Sync, is_temporary);
        scope.spawn(|| host.checkpoint(store.now).unwrap());
        hold.wait_for(1);
        (0..5).for_each(|second| look(&store, second));
        assert_eq!(files(&disk, ".tmp").len(), 2);
        drop(hold);
    });
    assert_eq!(files(&disk, ".bin").len(), 1);
    look(&store, 5);
    assert_eq!(files(&disk, ".tmp"), [""; 0]);
}

#[test]
fn what_a_failed_removal_leaves_goes_when_the_disk_is_well() {
    let (setup, disk) = (Setup::new(), SimDisk::new(1));
    let store = setup.open(&disk);
    store.write("m", &[(9000, 1.0)]);
    // The snapshot is durable; its segment cannot be deleted.
    disk.inject(Fault::new(Failure::Error(Io)).on(Kind::Remove).times(2));
    store.checkpoint();
    // Neither can the temporary file of the next one.
    store.write("m", &[(9010, 1.0)]);
    disk.inject(Fault::new(Failure::Error(Io)).on(Kind::Rename));
    assert_eq!(store.checkpoint().failed.len(), 1);
    assert_eq!((files(&disk, ".wal").len(), files(&disk, ".tmp").len()), (2, 1));
    look(&store, 1);
    assert_eq!(
        (files(&disk, ".tmp"), store.engine.stats(store.now).temporaries_removed),
        (vec![], 1)
    );
    store.write("m", &[(9020, 1.0)]);
    assert_eq!(setup.view(killed(&disk), A01, "m", &[]), expected(0..3));
}

#[test]
fn covered_segments_that_a_start_finds_are_removed_and_no_others() {
    let (setup, disk) = (Setup::new(), SimDisk::new(1));
    let store = setup.open(&disk);
    store.write("m", &[(9000, 1.0)]);
    disk.inject(Fault::new(Failure::Error(Io)).on(Kind::Remove).always());
    store.checkpoint();
    store.write("m", &[(9010, 1.0)]);
    let disk = killed(&disk);
    assert_eq!(files(&disk, ".wal").len(), 2);
    disk.inject(Fault::new(Failure::Error(Io)).on(Kind::Create).path(is_temporary).always());
    let store = setup.open(&disk);
    assert_eq!(files(&disk, ".wal").len(), 2, "a start deletes nothing");
    look(&store, 0);
    assert_eq!(files(&disk, ".wal"), ["alpha/a01/00000000000000000002.wal"]);
    assert_eq!(setup.view(killed(&disk), A01, "m", &[]), expected(0..2));
}

#[test]
fn files_that_were_set_aside_are_counted() {
    let (setup, disk) = (Setup::new(), SimDisk::new(1));
    for name in ["1.bin.corrupt.1", "00000000000000000001.wal.damaged", "x.txt"] {
        disk.plant(&format!("alpha/a01/{name}"), b"old".to_vec());
    }
    disk.plant("alpha/a01/00000000000000000002.wal.unknown", b"old".to_vec());
    disk.plant("alpha/a01/8000.bin", b"no snapshot".to_vec());
    // A damaged record between two sound ones.
    let other = SimDisk::new(2);
    let store = setup.open(&other);
    (0..3).for_each(|slot| drop(store.write("m", &[(9000 + 10 * slot, 1.0)])));
    let mut log = other.peek("alpha/a01/00000000000000000001.wal").unwrap();
    let middle = log.len() - usize::try_from(record() + record() / 2).unwrap();
    log[middle] ^= 0x55;
    disk.plant("alpha/a01/00000000000000000003.wal", log);

    let store = setup.open(&disk);
    let counted = || {
        let found = store.engine.stats(store.now).set_aside;
        (found.corrupt, found.damaged, found.unknown)
    };
    assert_eq!(counted(), (2, 1, 1), "those that were there, and one that the start has set aside");
    store.checkpoint();
    assert_eq!(files(&disk, ".damaged").len(), 2);
    assert_eq!(counted(), (2, 2, 1));
}
