//! What a crash leaves of names and bytes.

use std::collections::BTreeSet;

use checkpointer::disk::sim::{Crash, Sector, SimDisk, Survival};
use checkpointer::disk::{Disk as _, File as _};

const NOTHING: Crash = Crash::PowerLoss(Survival::Nothing, Sector::Bytes512);
const PREFIX: Crash = Crash::PowerLoss(Survival::Prefix, Sector::Bytes512);
const SUBSET: Crash = Crash::PowerLoss(Survival::Subset, Sector::Bytes512);
const SEEDS: std::ops::Range<u64> = 0..200;

/// What is found over many seeds.
fn outcomes<T: Ord>(disk: &SimDisk, crash: Crash, look: impl Fn(&SimDisk) -> T) -> BTreeSet<T> {
    SEEDS.map(|seed| look(&disk.crash(crash, seed))).collect()
}

fn names(disk: &SimDisk) -> Vec<String> {
    disk.files()
}

#[test]
fn an_append_without_sync_is_lost() {
    let disk = SimDisk::new(0);
    let file = disk.create("file").unwrap();
    disk.sync_directory("").unwrap();
    file.append(b"synced").unwrap();
    file.sync().unwrap();
    file.append(b" and not").unwrap();
    assert_eq!(disk.peek("file").unwrap(), b"synced and not");
    assert_eq!(disk.crash(NOTHING, 0).peek("file").unwrap(), b"synced");
}

#[test]
fn an_append_without_sync_may_survive_in_part() {
    let disk = SimDisk::new(0);
    let file = disk.create("file").unwrap();
    disk.sync_directory("").unwrap();
    file.append(&[7; 5]).unwrap();
    for crash in [PREFIX, SUBSET] {
        let found = outcomes(&disk, crash, |found| found.peek("file").unwrap());
        for survivors in 0..=5 {
            assert!(found.contains(&vec![7; survivors]), "{crash:?}, {survivors} of 5 bytes");
        }
    }
}

#[test]
fn a_file_created_without_directory_sync_is_gone_though_its_bytes_were_synced() {
    let disk = SimDisk::new(0);
    let file = disk.create("file").unwrap();
    file.append(b"synced").unwrap();
    file.sync().unwrap();
    assert_eq!(disk.crash(NOTHING, 0).peek("file"), None);
    for crash in [PREFIX, SUBSET] {
        let found = outcomes(&disk, crash, |found| found.peek("file"));
        assert_eq!(found, [None, Some(b"synced".to_vec())].into());
    }
}

#[test]
fn a_rename_without_directory_sync_is_undone() {
    let disk = SimDisk::new(0);
    disk.plant("old", "bytes");
    disk.rename("old", "new").unwrap();
    assert_eq!(names(&disk), ["new"]);
    assert_eq!(names(&disk.crash(NOTHING, 0)), ["old"]);
    for crash in [PREFIX, SUBSET] {
        let found = outcomes(&disk, crash, names);
        assert_eq!(found, [vec!["old".to_owned()], vec!["new".to_owned()]].into());
    }
    disk.sync_directory("").unwrap();
    assert_eq!(names(&disk.crash(NOTHING, 0)), ["new"]);
}

#[test]
fn a_file_that_an_undone_rename_replaced_is_back_with_its_bytes() {
    let disk = SimDisk::new(0);
    disk.plant("new", "before");
    disk.plant("tmp", "after");
    disk.rename("tmp", "new").unwrap();
    assert_eq!(disk.peek("new").unwrap(), b"after");
    let found = disk.crash(NOTHING, 0);
    assert_eq!(found.peek("new").unwrap(), b"before");
    assert_eq!(found.peek("tmp").unwrap(), b"after");
}

#[test]
fn a_removal_without_directory_sync_is_undone() {
    let disk = SimDisk::new(0);
    disk.plant("file", "bytes");
    disk.remove("file").unwrap();
    assert_eq!(disk.crash(Crash::Kill, 0).peek("file"), None);
    assert_eq!(disk.crash(NOTHING, 0).peek("file").unwrap(), b"bytes");
    disk.sync_directory("").unwrap();
    assert_eq!(disk.crash(NOTHING, 0).peek("file"), None);
}

#[test]
fn what_lies_in_a_directory_that_was_lost_is_lost() {
    let disk = SimDisk::new(0);
    disk.make_directory("cluster").unwrap();
    disk.make_directory("cluster/host").unwrap();
    disk.create("cluster/host/file").unwrap().sync().unwrap();
    disk.sync_directory("cluster/host").unwrap();
    assert_eq!(names(&disk.crash(NOTHING, 0)), [""; 0]);
    disk.sync_directory("cluster").unwrap();
    assert_eq!(names(&disk.crash(NOTHING, 0)), [""; 0]);
    disk.sync_directory("").unwrap();
    assert_eq!(names(&disk.crash(NOTHING, 0)), ["cluster/host/file"]);
}

#[test]
fn syncing_one_directory_says_nothing_about_another() {
    let disk = SimDisk::new(0);
    for directory in ["one", "two"] {
        disk.make_directory(directory).unwrap();
        disk.create(&format!("{directory}/file")).unwrap();
    }
    disk.sync_directory("").unwrap();
    disk.sync_directory("one").unwrap();
    assert_eq!(names(&disk.crash(NOTHING, 0)), ["one/file"]);
}

#[test]
fn names_survive_in_order_or_in_any_order_as_the_disk_wrote_them() {
    let disk = SimDisk::new(0);
    for name in ["a", "b", "c"] {
        disk.create(name).unwrap();
    }
    let all = |sets: &[&[&str]]| -> BTreeSet<Vec<String>> {
        sets.iter().map(|set| set.iter().map(ToString::to_string).collect()).collect()
    };
    let prefixes = all(&[&[], &["a"], &["a", "b"], &["a", "b", "c"]]);
    let others = all(&[&["b"], &["c"], &["a", "c"], &["b", "c"]]);
    assert_eq!(outcomes(&disk, PREFIX, names), prefixes);
    assert_eq!(outcomes(&disk, SUBSET, names), &prefixes | &others);
}

#[test]
fn two_names_that_a_lost_rename_leaves_are_one_file() {
    let disk = SimDisk::new(0);
    disk.plant("a", "bytes");
    disk.rename("a", "b").unwrap();
    disk.rename("b", "c").unwrap();
    let found = SEEDS.map(|seed| disk.crash(SUBSET, seed)).find(|found| names(found) == ["a", "c"]);
    let found = found.expect("the first rename lost, the second not");
    assert_eq!(found.peek("a"), found.peek("c"));
    found.remove("a").unwrap();
    assert_eq!(names(&found), ["c"]);
}

#[test]
fn a_change_that_survives_alone_takes_no_name_from_another_file() {
    let disk = SimDisk::new(0);
    disk.plant("a", "old");
    disk.remove("a").unwrap();
    let file = disk.create("a").unwrap();
    file.append(b"new").unwrap();
    file.sync().unwrap();
    disk.rename("a", "c").unwrap();
    let found = outcomes(&disk, SUBSET, |found| ["a", "c"].map(|name| found.peek(name)));
    let [old, new] = ["old", "new"].map(|bytes| Some(bytes.as_bytes().to_vec()));
    assert!(found.contains(&[old, new]), "the rename survived, the removal did not");
}

#[test]
fn a_kill_loses_nothing_and_makes_nothing_durable() {
    let disk = SimDisk::new(0);
    let file = disk.create("file").unwrap();
    file.append(b"bytes").unwrap();
    let killed = disk.crash(Crash::Kill, 0);
    assert_eq!(killed.peek("file").unwrap(), b"bytes");
    assert_eq!(killed.crash(NOTHING, 0).peek("file"), None);
    killed.sync_directory("").unwrap();
    assert_eq!(killed.crash(NOTHING, 0).peek("file").unwrap(), b"");
    killed.open("file").unwrap().sync().unwrap();
    assert_eq!(killed.crash(NOTHING, 0).peek("file").unwrap(), b"bytes");
    assert_eq!(disk.crash(NOTHING, 0).peek("file"), None, "the other disk is untouched");
}

#[test]
fn what_is_found_after_a_power_loss_is_durable() {
    let disk = SimDisk::new(0);
    disk.create("file").unwrap().append(&[1; 3000]).unwrap();
    for seed in SEEDS {
        let found = disk.crash(SUBSET, seed);
        let bytes = found.peek("file");
        assert_eq!(found.crash(NOTHING, seed).peek("file"), bytes);
    }
}

#[test]
fn a_crash_leaves_neither_locks_nor_open_files_nor_faults() {
    let disk = SimDisk::new(0);
    let _lock = disk.lock("").unwrap();
    let _file = disk.create("file").unwrap();
    disk.limit_space(0);
    disk.stop_after(0);
    for crash in Crash::ALL {
        let found = disk.crash(crash, 3);
        assert_eq!((found.open_files(), found.operations()), (0, 0));
        let _lock = found.lock("").unwrap();
        assert_eq!(found.create("another").unwrap().append(b"bytes").unwrap(), 5);
    }
}

#[test]
fn one_seed_gives_one_crash() {
    let disk = SimDisk::new(0);
    for name in ["a", "b", "c"] {
        disk.create(name).unwrap().append(&[9; 6000]).unwrap();
    }
    let look = |found: &SimDisk| ["a", "b", "c"].map(|name| found.peek(name));
    for crash in Crash::ALL {
        for seed in 0..20 {
            assert_eq!(look(&disk.crash(crash, seed)), look(&disk.crash(crash, seed)));
        }
    }
    assert!(outcomes(&disk, SUBSET, look).len() > 50);
}
