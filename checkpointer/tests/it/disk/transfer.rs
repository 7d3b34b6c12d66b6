//! Whole transfers over calls that are short and interrupted.

use std::io::{self, Read as _};

use checkpointer::disk::sim::{Cause, Failure, Fault, Kind, SimDisk, Stopped};
use checkpointer::disk::{Disk, EntryKind, File as _, Reader, Uninterrupted};

fn bytes() -> Vec<u8> {
    (0..=255).cycle().take(10_000).collect()
}

#[test]
fn append_all_goes_on_after_short_and_interrupted_appends() {
    let disk = SimDisk::new(7);
    let file = disk.create("file").unwrap();
    disk.inject(Fault::new(Failure::Error(Cause::Interrupted)).one_in(2).always());
    disk.inject(Fault::new(Failure::Short(13)).always());
    file.append_all(&bytes()).unwrap();
    assert_eq!(disk.peek("file").unwrap(), bytes());
    assert!(disk.operations() > 500, "the faults did happen");
}

#[test]
fn append_all_says_how_much_went_in_before_it_failed() {
    let disk = SimDisk::new(0);
    let file = disk.create("file").unwrap();
    for written in 0..10 {
        disk.limit_space(written);
        let error = file.append_all(b"0123456789").unwrap_err();
        assert_eq!(error.written as u64, written);
        assert_eq!(error.source.kind(), io::ErrorKind::StorageFull);
        assert_eq!(error.to_string(), format!("append failed after {written} bytes"));
    }
    assert_eq!(disk.peek("file").unwrap().len(), (0..10).sum::<usize>());
}

#[test]
fn an_append_that_takes_nothing_is_an_error_and_no_endless_loop() {
    let disk = SimDisk::new(0);
    let file = disk.create("file").unwrap();
    disk.inject(Fault::new(Failure::Short(0)).skip(1).always());
    file.append(b"x").unwrap();
    let error = file.append_all(b"bytes").unwrap_err();
    assert_eq!((error.written, error.source.kind()), (0, io::ErrorKind::WriteZero));
    file.append_all(b"").unwrap();
}

#[test]
fn a_reader_reads_to_the_end_from_where_it_is_told() {
    let disk = SimDisk::new(3);
    disk.plant("file", bytes());
    let file = disk.open("file").unwrap();
    assert!(!file.is_empty().unwrap());
    disk.inject(Fault::new(Failure::Error(Cause::Interrupted)).one_in(2).always());
    disk.inject(Fault::new(Failure::Short(100)).one_in(2).always());
    for offset in [0, 1, 9_999, 10_000, 10_001, u64::MAX >> 1] {
        let mut reader = Reader::at(&file, offset);
        let mut read = Vec::new();
        reader.read_to_end(&mut read).unwrap();
        let start = usize::try_from(offset).unwrap().min(bytes().len());
        assert_eq!(read, bytes()[start..]);
        assert_eq!(reader.offset(), offset + read.len() as u64);
    }
    let mut two = [0; 2];
    Reader::new(&file).read_exact(&mut two).unwrap();
    assert_eq!(two, [0, 1]);
}

#[test]
fn a_reader_passes_on_what_is_no_interruption() {
    let disk = SimDisk::new(0);
    disk.plant("file", bytes());
    let file = disk.open("file").unwrap();
    disk.inject(Fault::new(Failure::Error(Cause::Io)));
    let error = Reader::new(&file).read(&mut [0; 4]).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(5));
}

/// Every function once.
fn everything(disk: &impl Disk) -> io::Result<()> {
    disk.make_directory("host")?;
    let lock = disk.lock("")?;
    let file = disk.create("host/file")?;
    file.append(b"bytes")?;
    file.sync()?;
    disk.rename("host/file", "host/new")?;
    disk.sync_directory("host")?;
    let entries = disk.list("host")?;
    assert_eq!((entries[0].kind, entries[0].length), (EntryKind::File, 5));
    let found = disk.open("host/new")?;
    assert_eq!(found.len()?, 5);
    assert_eq!(found.read_at(1, &mut [0; 2])?, 2);
    disk.remove("host/new")?;
    disk.free_bytes()?;
    drop(lock);
    Ok(())
}

#[test]
fn an_uninterrupted_disk_repeats_every_interrupted_call() {
    let disk = SimDisk::new(5);
    disk.start_trace();
    everything(&disk).unwrap();
    let once: Vec<_> = disk.trace().iter().map(|operation| operation.kind).collect();
    assert!(Kind::ALL.iter().all(|kind| once.contains(kind)));

    for index in 1..=once.len() as u64 {
        let fault = || Fault::new(Failure::Error(Cause::Interrupted)).at(index);
        let disk = SimDisk::new(5);
        disk.inject(fault());
        assert!(everything(&disk).is_err(), "operation {index} was interrupted");
        let disk = SimDisk::new(5);
        disk.inject(fault());
        everything(&Uninterrupted(disk.clone())).unwrap();
        assert_eq!(disk.operations(), once.len() as u64 + 1);
    }
}

#[test]
fn an_uninterrupted_disk_passes_on_every_other_error() {
    let disk = SimDisk::new(5);
    everything(&disk).unwrap();
    for index in 1..=disk.operations() {
        let disk = SimDisk::new(5);
        disk.inject(Fault::new(Failure::Error(Cause::Io)).at(index));
        let error = everything(&Uninterrupted(disk.clone())).unwrap_err();
        assert_eq!((error.raw_os_error(), disk.operations()), (Some(5), index));
    }
    let disk = SimDisk::new(5);
    disk.stop_after(0);
    assert!(Stopped::is(&everything(&Uninterrupted(disk)).unwrap_err()));
}
