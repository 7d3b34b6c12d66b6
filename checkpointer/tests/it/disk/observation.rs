//! What the simulated disk tells of those who use it.

use checkpointer::disk::sim::{Crash, Kind, Operation, SimDisk};
use checkpointer::disk::{Disk as _, File as _};

#[test]
fn a_file_closed_with_bytes_that_nobody_synced_is_reported() {
    let disk = SimDisk::new(0);
    disk.make_directory("host").unwrap();
    for name in ["host/unsynced", "host/half", "host/synced", "host/empty", "host/removed"] {
        let file = disk.create(name).unwrap();
        if name != "host/empty" {
            file.append(b"bytes").unwrap();
        }
        if name != "host/unsynced" && name != "host/removed" {
            file.sync().unwrap();
        }
        if name == "host/half" {
            file.append(b"more").unwrap();
        }
        assert_eq!(disk.open("host/synced").is_ok(), disk.peek("host/synced").is_some());
    }
    disk.remove("host/removed").unwrap();
    assert_eq!(disk.closed_unsynced(), ["host/half", "host/unsynced"]);
    disk.rename("host/half", "host/renamed").unwrap();
    assert_eq!(disk.closed_unsynced(), ["host/renamed", "host/unsynced"]);
    disk.open("host/unsynced").unwrap().sync().unwrap();
    assert_eq!(disk.closed_unsynced(), ["host/renamed"]);
}

#[test]
fn who_only_reads_owes_no_sync() {
    let disk = SimDisk::new(0);
    let file = disk.create("file").unwrap();
    file.append(b"bytes").unwrap();
    let killed = disk.crash(Crash::Kill, 0);
    drop(killed.open("file").unwrap());
    drop(disk.open("file").unwrap());
    assert_eq!(killed.closed_unsynced(), [""; 0]);
    assert_eq!(disk.closed_unsynced(), [""; 0]);
}

#[test]
fn open_files_are_counted_now_and_at_most() {
    let disk = SimDisk::new(0);
    disk.plant("found", "bytes");
    let mut files: Vec<_> =
        (0..5).map(|number| disk.create(&number.to_string()).unwrap()).collect();
    files.push(disk.open("found").unwrap());
    files.truncate(2);
    files.push(disk.open("found").unwrap());
    assert_eq!((disk.open_files(), disk.open_files_max()), (3, 6));
    drop(files);
    assert_eq!((disk.open_files(), disk.open_files_max()), (0, 6));
}

#[test]
fn the_trace_names_every_operation_in_order() {
    let disk = SimDisk::new(0);
    disk.make_directory("host").unwrap();
    assert_eq!(disk.trace(), []);
    disk.start_trace();
    let file = disk.create("host/file").unwrap();
    file.append(b"bytes").unwrap();
    file.sync().unwrap();
    disk.rename("host/file", "host/new").unwrap();
    file.len().unwrap();
    disk.sync_directory("host").unwrap();
    disk.list("missing").unwrap_err();
    let operation = |kind, path: &str, to: Option<&str>| Operation {
        kind,
        path: path.into(),
        to: to.map(Into::into),
    };
    assert_eq!(
        disk.trace(),
        [
            operation(Kind::Create, "host/file", None),
            operation(Kind::Append, "host/file", None),
            operation(Kind::Sync, "host/file", None),
            operation(Kind::Rename, "host/file", Some("host/new")),
            operation(Kind::Length, "host/file", None),
            operation(Kind::SyncDirectory, "host", None),
            operation(Kind::List, "missing", None),
        ]
    );
    assert_eq!(disk.operations(), 8);
    let changes = disk.trace().iter().filter(|operation| operation.kind.changes()).count();
    assert_eq!(changes, 5);
}

#[test]
fn what_the_test_asks_for_is_no_operation() {
    let disk = SimDisk::new(0);
    disk.plant("cluster/host/file", "bytes");
    assert_eq!(disk.peek("cluster/host/file").unwrap(), b"bytes");
    assert_eq!(disk.peek("cluster/host"), None);
    assert_eq!(disk.peek("cluster/other/file"), None);
    assert_eq!(disk.files(), ["cluster/host/file"]);
    let found = disk.crash(Crash::ALL[1], 0);
    assert_eq!(found.peek("cluster/host/file").unwrap(), b"bytes");
    assert_eq!((disk.operations(), found.operations()), (0, 0));
}

#[test]
fn several_threads_use_one_disk() {
    let disk = SimDisk::new(0);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let disk = &disk;
            scope.spawn(move || {
                let file = disk.create(&format!("{thread}")).unwrap();
                for _ in 0..100 {
                    file.append(&[thread; 10]).unwrap();
                    file.sync().unwrap();
                }
            });
        }
    });
    disk.sync_directory("").unwrap();
    let found = disk.crash(Crash::ALL[1], 0);
    for thread in 0..4 {
        assert_eq!(found.peek(&thread.to_string()).unwrap(), [thread; 1000]);
    }
    assert_eq!(disk.operations(), 4 + 800 + 1);
}

#[test]
fn a_held_sync_waits_and_the_others_do_not() {
    let disk = SimDisk::new(0);
    let [slow, quick] = ["slow", "quick"].map(|name| {
        let file = disk.create(name).unwrap();
        file.append(b"bytes").unwrap();
        file
    });
    disk.sync_directory("").unwrap();
    let operations = disk.operations();
    let hold = disk.hold(Kind::Sync, |path| path == "slow");
    std::thread::scope(|scope| {
        let syncs = [(); 2].map(|()| scope.spawn(|| slow.sync()));
        hold.wait_for(2);
        quick.sync().unwrap();
        slow.append(b"more").unwrap();
        assert_eq!(disk.operations(), operations + 2);
        let found = disk.crash(Crash::ALL[1], 0);
        assert_eq!(found.peek("slow").unwrap(), b"", "it has not begun");
        assert_eq!(found.peek("quick").unwrap(), b"bytes");
        drop(hold);
        for sync in syncs {
            sync.join().unwrap().unwrap();
        }
    });
    assert_eq!(disk.operations(), operations + 4);
    assert_eq!(disk.crash(Crash::ALL[1], 0).peek("slow").unwrap(), b"bytesmore");
}
