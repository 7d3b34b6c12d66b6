//! The disk of the operating system.

use std::ffi::OsStr;
use std::io::{self, BufRead as _, BufReader};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use checkpointer::disk::sim::SimDisk;
use checkpointer::disk::{Disk, Entry, EntryKind, File as _, RealDisk};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::TempDir;

fn disk() -> (TempDir, RealDisk) {
    let directory = tempfile::tempdir().unwrap();
    let disk = RealDisk::new(directory.path()).unwrap();
    (directory, disk)
}

fn entry(name: &str, kind: EntryKind, length: u64) -> Entry {
    Entry { name: name.into(), kind, length }
}

#[test]
fn a_file_is_created_appended_to_read_synced_renamed_listed_and_removed() {
    let (directory, disk) = disk();
    disk.make_directory("host").unwrap();
    disk.make_directory("host").unwrap();
    let file = disk.create("host/file.tmp").unwrap();
    assert!(file.is_empty().unwrap());
    file.append_all(b"some").unwrap();
    file.append_all(b" bytes").unwrap();
    file.sync().unwrap();
    let mut out = [0; 4];
    assert_eq!(file.read_at(2, &mut out).unwrap(), 4);
    assert_eq!((&out, file.len().unwrap()), (b"me b", 10));
    disk.rename("host/file.tmp", "host/file").unwrap();
    disk.sync_directory("host").unwrap();
    disk.sync_directory("").unwrap();
    assert_eq!(std::fs::read(directory.path().join("host/file")).unwrap(), b"some bytes");
    assert_eq!(disk.list("host").unwrap(), [entry("file", EntryKind::File, 10)]);
    assert_eq!(disk.list("").unwrap(), [entry("host", EntryKind::Directory, 0)]);
    disk.remove("host/file").unwrap();
    assert_eq!(disk.list("host").unwrap(), []);
    assert_eq!(file.read_at(0, &mut out).unwrap(), 4, "who has it open reads on");
    assert!(disk.free_bytes().unwrap() > 0);
}

#[test]
fn create_refuses_what_exists_and_open_what_does_not() {
    let (_directory, disk) = disk();
    disk.create("file").unwrap().append_all(b"bytes").unwrap();
    assert_eq!(disk.create("file").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(disk.open("file").unwrap().len().unwrap(), 5);
    assert_eq!(disk.open("other").unwrap_err().kind(), io::ErrorKind::NotFound);
    assert_eq!(disk.make_directory("file").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(disk.remove("other").unwrap_err().kind(), io::ErrorKind::NotFound);
}

#[test]
fn a_file_opened_for_reading_can_be_synced_and_not_appended_to() {
    let (_directory, disk) = disk();
    disk.create("file").unwrap().append_all(b"bytes").unwrap();
    let file = disk.open("file").unwrap();
    file.sync().unwrap();
    assert_eq!(file.append(b"more").unwrap_err().raw_os_error(), Some(9));
    assert_eq!(file.len().unwrap(), 5);
}

#[test]
fn a_file_that_was_closed_is_opened_again_and_appended_to_at_its_end() {
    fn reopen(disk: &impl Disk) {
        disk.create("file").unwrap().append_all(b"one").unwrap();
        let file = disk.open_to_append("file").unwrap();
        file.append_all(b" two").unwrap();
        file.sync().unwrap();
        let mut out = [0; 7];
        assert_eq!(file.read_at(0, &mut out).unwrap(), 7);
        assert_eq!(&out, b"one two");
        assert_eq!(disk.open_to_append("other").unwrap_err().kind(), io::ErrorKind::NotFound);
    }
    let (_directory, real) = disk();
    reopen(&real);
    reopen(&SimDisk::new(1));
}

#[test]
fn files_are_0644_and_directories_0755_as_far_as_the_umask_lets_them() {
    let (directory, disk) = disk();
    drop(disk.create("file").unwrap());
    disk.make_directory("made").unwrap();
    std::fs::write(directory.path().join("0666"), "").unwrap();
    std::fs::create_dir(directory.path().join("0777")).unwrap();
    let mode = |name: &str| {
        let metadata = std::fs::metadata(directory.path().join(name)).unwrap();
        metadata.permissions().mode() & 0o777
    };
    assert_eq!(mode("file"), 0o644 & mode("0666"));
    assert_eq!(mode("made"), 0o755 & mode("0777"));
}

#[test]
fn names_are_listed_in_order_whatever_they_are_and_whatever_they_name() {
    let (directory, disk) = disk();
    let at = |name: &str| directory.path().join(name);
    std::fs::write(directory.path().join(OsStr::from_bytes(b"\xFFz")), "four").unwrap();
    std::fs::write(at("b"), "12").unwrap();
    std::fs::create_dir(at("a")).unwrap();
    std::os::unix::fs::symlink("b", at("link")).unwrap();
    std::os::unix::fs::symlink("nowhere", at("lost")).unwrap();
    mknodat(CWD, at("pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    let mut expected = vec![
        entry("a", EntryKind::Directory, 0),
        entry("b", EntryKind::File, 2),
        entry("link", EntryKind::Other, 0),
        entry("lost", EntryKind::Other, 0),
        entry("pipe", EntryKind::Other, 0),
    ];
    let name = OsStr::from_bytes(b"\xFFz").to_owned();
    expected.push(Entry { name, kind: EntryKind::File, length: 4 });
    assert_eq!(disk.list("").unwrap(), expected);
}

#[test]
fn what_is_no_file_is_not_opened_and_keeps_nobody_waiting() {
    let (directory, disk) = disk();
    let at = |name: &str| directory.path().join(name);
    std::fs::write(at("file"), "bytes").unwrap();
    std::os::unix::fs::symlink("file", at("link")).unwrap();
    mknodat(CWD, at("pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    disk.make_directory("directory").unwrap();
    assert_eq!(disk.open("directory").unwrap_err().kind(), io::ErrorKind::IsADirectory);
    assert_eq!(disk.open("pipe").unwrap_err().kind(), io::ErrorKind::InvalidInput);
    assert_eq!(disk.open("link").unwrap_err().raw_os_error(), Some(40), "ELOOP");
    assert_eq!(disk.list("file").unwrap_err().kind(), io::ErrorKind::NotADirectory);
    assert_eq!(RealDisk::new(at("file")).unwrap_err().kind(), io::ErrorKind::NotADirectory);
    assert_eq!(RealDisk::new(at("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
}

#[test]
fn a_data_directory_that_is_moved_away_is_still_the_one_written_to() {
    let parent = tempfile::tempdir().unwrap();
    std::fs::create_dir(parent.path().join("data")).unwrap();
    let disk = RealDisk::new(parent.path().join("data")).unwrap();
    std::fs::rename(parent.path().join("data"), parent.path().join("moved")).unwrap();
    std::fs::create_dir(parent.path().join("data")).unwrap();
    drop(disk.create("file").unwrap());
    assert!(parent.path().join("moved/file").exists());
    assert!(!parent.path().join("data/file").exists());
}

#[test]
fn the_lock_of_a_directory_refuses_a_second_and_leaves_no_file() {
    let (directory, disk) = disk();
    disk.make_directory("other").unwrap();
    let lock = disk.lock("").unwrap();
    let second = RealDisk::new(directory.path()).unwrap();
    assert_eq!(second.lock("").unwrap_err().kind(), io::ErrorKind::WouldBlock);
    assert_eq!(disk.lock("").unwrap_err().kind(), io::ErrorKind::WouldBlock);
    let _other = second.lock("other").unwrap();
    assert_eq!(disk.list("").unwrap(), [entry("other", EntryKind::Directory, 0)]);
    drop(lock);
    let _lock = second.lock("").unwrap();
}

const LOCKED_DIRECTORY: &str = "CHECKPOINTER_TEST_LOCKED_DIRECTORY";

#[test]
fn the_death_of_the_process_that_holds_the_lock_releases_it() {
    let (directory, disk) = disk();
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", "--nocapture", "disk::real::holds_the_lock_until_killed"])
        .env(LOCKED_DIRECTORY, directory.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(holder.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(said.any(|line| line.ends_with("locked")), "the other process has the lock");
    assert_eq!(disk.lock("").unwrap_err().kind(), io::ErrorKind::WouldBlock);
    holder.kill().unwrap();
    holder.wait().unwrap();
    let _lock = disk.lock("").unwrap();
}

#[test]
#[ignore = "the other process of the test above"]
fn holds_the_lock_until_killed() {
    let Some(directory) = std::env::var_os(LOCKED_DIRECTORY) else { return };
    let disk = RealDisk::new(Path::new(&directory)).unwrap();
    let _lock = disk.lock("").unwrap();
    println!("locked");
    io::stdin().read_line(&mut String::new()).unwrap();
}
