//! No path leads out of the data directory, on either disk.

use std::io;

use checkpointer::disk::sim::SimDisk;
use checkpointer::disk::{BadPath, Disk, RealDisk};

fn bad_paths() -> Vec<(String, BadPath)> {
    let mut paths: Vec<_> = [
        ("/etc/passwd", BadPath::Absolute),
        ("/", BadPath::Absolute),
        ("..", BadPath::Dots),
        ("../file", BadPath::Dots),
        ("directory/../../file", BadPath::Dots),
        ("directory/..", BadPath::Dots),
        (".", BadPath::Dots),
        ("./file", BadPath::Dots),
        ("directory/./file", BadPath::Dots),
        ("directory//file", BadPath::EmptyComponent),
        ("directory/", BadPath::EmptyComponent),
        ("fi\0le", BadPath::Nul),
        ("directory/file\0", BadPath::Nul),
    ]
    .map(|(path, why)| (path.to_owned(), why))
    .into();
    paths.push(("x".repeat(256), BadPath::TooLong));
    paths.push(("directory/".to_owned() + &"x".repeat(256), BadPath::TooLong));
    paths.push(("x/".repeat(2000) + "x", BadPath::TooLong));
    paths
}

fn assert_refused<T>(result: io::Result<T>, path: &str, why: BadPath) {
    let Err(error) = result else { panic!("{path:?} was not refused") };
    let found = error.get_ref().and_then(|source| source.downcast_ref::<BadPath>());
    assert_eq!(found, Some(&why), "{path:?}: {error}");
    let kind = match why {
        BadPath::TooLong => io::ErrorKind::InvalidFilename,
        _ => io::ErrorKind::InvalidInput,
    };
    assert_eq!(error.kind(), kind, "{path:?}");
}

fn refuses_what_leads_out(disk: &impl Disk) {
    disk.make_directory("directory").unwrap();
    drop(disk.create("file").unwrap());
    for (path, why) in bad_paths() {
        assert_refused(disk.create(&path), &path, why);
        assert_refused(disk.open(&path), &path, why);
        assert_refused(disk.open_to_append(&path), &path, why);
        assert_refused(disk.make_directory(&path), &path, why);
        assert_refused(disk.list(&path), &path, why);
        assert_refused(disk.rename(&path, "new"), &path, why);
        assert_refused(disk.rename("file", &path), &path, why);
        assert_refused(disk.remove(&path), &path, why);
        assert_refused(disk.sync_directory(&path), &path, why);
        assert_refused(disk.lock(&path), &path, why);
    }
    assert_refused(disk.create(""), "", BadPath::Empty);
    assert_refused(disk.open(""), "", BadPath::Empty);
    assert_refused(disk.remove(""), "", BadPath::Empty);
    assert_refused(disk.rename("", "new"), "", BadPath::Empty);
    assert_refused(disk.rename("file", ""), "", BadPath::Empty);
    assert_refused(disk.rename("file", "directory/file"), "file", BadPath::OtherDirectory);
    assert_eq!(disk.list("").unwrap().len(), 2);
    assert_eq!(disk.list("directory").unwrap(), []);
}

fn takes_what_does_not(disk: &impl Disk) {
    for path in ["...", "..file", ".tmp", "a b", "naïve", "\\", &"x".repeat(255)] {
        drop(disk.create(path).unwrap());
        disk.remove(path).unwrap();
    }
}

#[test]
fn paths_that_lead_out_are_refused_by_every_function() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    std::fs::create_dir(&data).unwrap();
    refuses_what_leads_out(&RealDisk::new(&data).unwrap());
    refuses_what_leads_out(&SimDisk::new(0));
    let beside: Vec<_> = std::fs::read_dir(directory.path()).unwrap().collect();
    assert_eq!(beside.len(), 1, "nothing but the data directory itself");
}

#[test]
fn strange_names_that_lead_nowhere_are_names() {
    let directory = tempfile::tempdir().unwrap();
    takes_what_does_not(&RealDisk::new(directory.path()).unwrap());
    takes_what_does_not(&SimDisk::new(0));
}
