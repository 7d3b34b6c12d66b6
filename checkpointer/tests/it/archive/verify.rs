//! An archive that is as it was written has no fault, and every kind of damage is one.

use std::fs;
use std::path::Path;

use checkpointer::archive::{Verified, verify};
use checkpointer::disk::sim::SimDisk;

use super::below::Below;
use super::world::{HOSTS, Written, disk, open, run, slot};

fn check(disk: &SimDisk, with_manifests: bool) -> Verified {
    let below = |directory| Below { disk: disk.clone(), directory };
    verify(below("archive"), with_manifests.then(|| below("own"))).unwrap()
}

/// Two runs of three hosts in two clusters.
fn archived() -> SimDisk {
    let disk = disk(1);
    let (store, mut written) = (open(&disk).unwrap(), Written::default());
    for host in HOSTS {
        written.write(&store.engine, host, 0..10);
    }
    run(slot(4), &store).unwrap();
    run(slot(10), &store).unwrap();
    disk
}

fn problems(verified: &Verified) -> Vec<String> {
    verified.faults.iter().map(ToString::to_string).collect()
}

#[test]
fn what_runs_have_written_is_without_fault() {
    let verified = check(&archived(), true);
    assert_eq!(problems(&verified), [""; 0]);
    assert_eq!((verified.files, verified.manifests, verified.rows), (4, 2, 60));
}

#[test]
fn every_byte_that_is_changed_is_a_fault_of_that_file() {
    let disk = archived();
    let path = format!("archive/beta/{}.parquet", slot(4));
    let whole = disk.peek(&path).unwrap();
    for at in (0..whole.len()).step_by(7) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        disk.plant(&path, bytes);
        let verified = check(&disk, true);
        assert!(!verified.faults.is_empty(), "{at}");
        assert!(verified.faults.iter().all(|fault| path.ends_with(&fault.path)), "{at}");
    }
    for length in [0, 3, whole.len() / 2, whole.len() - 1] {
        disk.plant(&path, &whole[..length]);
        assert!(!check(&disk, true).faults.is_empty(), "{length}");
    }
}

#[test]
fn files_that_are_missing_or_unknown_and_rows_that_are_there_twice_are_faults() {
    let disk = archived();
    let first = format!("archive/beta/{}.parquet", slot(4));
    disk.plant("archive/beta/7.parquet", disk.peek(&first).unwrap());
    let verified = check(&disk, true);
    assert_eq!(
        problems(&verified),
        [
            "beta/7.parquet: ours, and no manifest names it",
            "beta/7.parquet: 8 rows are there twice, here or in another file",
        ]
    );
    assert_eq!(check(&disk, false).faults.len(), 1, "the manifests are not looked at");

    let disk = archived();
    let moved = disk.peek(&first).unwrap();
    disk.plant("archive/gamma/7.parquet", moved);
    let verified = check(&disk, false);
    assert_eq!(problems(&verified), ["gamma/7.parquet: has rows of another cluster"]);

    let disk = archived();
    checkpointer::disk::Disk::remove(&disk, &first).unwrap();
    let verified = check(&disk, true);
    let missing = format!("beta/{}.parquet: its manifest names it, and it is not there", slot(4));
    assert_eq!(problems(&verified), [missing]);
}

/// Of a host with a JSON checkpoint beside the binary one the Go store has archived all rows twice.
#[test]
fn doubles_in_a_file_of_the_go_store_are_found_though_it_is_not_sorted() {
    let disk = disk(1);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../archiver/tests/data/full");
    for cluster in ["alpha", "beta"] {
        let bytes = fs::read(root.join(format!("{cluster}.parquet"))).unwrap();
        disk.plant(&format!("archive/{cluster}/1700000118.parquet"), bytes);
    }
    let verified = check(&disk, true);
    let doubles = "alpha/1700000118.parquet: 863 rows are there twice, here or in another file";
    assert_eq!(problems(&verified), [doubles]);
    assert_eq!(verified.rows, 3044 + 2607);
}
