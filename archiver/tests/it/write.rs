//! What the writer refuses, and what it does when its own writer fails.

use crate::{EVER, Source, archive, bin, insert, options, rows, series};
use archiver::{Archive, ArchiveError, ArchiveWriter, GroupEncoder, Host, ReadError, RowGroup};
use snapshot_format::{Snapshot, Tree};
use std::io::{self, Cursor, Write};

fn groups(cluster: &str, hosts: &[&str], rows: usize) -> Vec<RowGroup> {
    let mut tree = Tree::default();
    insert(&mut tree, &[], b"m", series(60, 0, &[1.0; 10]));
    let Source::Bin(bytes) = bin(&tree) else { panic!() };
    let mut groups = Vec::new();
    let mut encoder = GroupEncoder::new(cluster.as_bytes(), options(rows)).unwrap();
    let mut sink = |group| {
        groups.push(group);
        Ok(())
    };
    for host in hosts {
        let mut host = Host::new(host.as_bytes(), EVER);
        host.add_snapshot("s", &Snapshot::parse(&bytes).unwrap());
        encoder.host(host, &mut sink).unwrap();
    }
    encoder.finish(&mut sink).unwrap();
    groups
}

#[test]
fn hosts_that_come_twice_or_out_of_order_are_refused_and_the_rest_is_whole() {
    let mut writer = ArchiveWriter::new(Vec::new(), b"c").unwrap();
    for group in groups("c", &["b"], 100) {
        writer.append(group).unwrap();
    }
    for hosts in [&["b"][..], &["a"], &["a", "c"]] {
        for group in groups("c", hosts, 100) {
            let error = writer.append(group).unwrap_err();
            assert!(matches!(error, ArchiveError::Unsorted { .. }), "{error}");
        }
    }
    for group in groups("d", &["x"], 100) {
        assert!(matches!(writer.append(group), Err(ArchiveError::WrongCluster { .. })));
    }
    for group in groups("c", &["c"], 100) {
        writer.append(group).unwrap();
    }
    let (file, receipt) = writer.finish().unwrap();
    let hosts: Vec<_> = receipt.hosts().iter().map(|host| host.hostname.as_str()).collect();
    assert_eq!((hosts, rows(&file).len()), (vec!["b", "c"], 20));
}

#[test]
fn workers_encode_apart_and_the_file_is_the_same_by_value() {
    let hosts = ["h1", "h2", "h3", "h4"];
    let mut together = ArchiveWriter::new(Vec::new(), b"c").unwrap();
    for group in groups("c", &hosts, 1000) {
        together.append(group).unwrap();
    }
    let mut apart = ArchiveWriter::new(Vec::new(), b"c").unwrap();
    for pair in hosts.chunks(2) {
        for group in groups("c", pair, 1000) {
            apart.append(group).unwrap();
        }
    }
    let ((one, first), (two, second)) = (together.finish().unwrap(), apart.finish().unwrap());
    assert_eq!(rows(&one), rows(&two));
    assert_eq!(first.hosts(), second.hosts());
    assert_eq!((first.row_groups(), second.row_groups()), (1, 2));
}

#[test]
fn the_same_snapshots_are_the_same_bytes() {
    let mut tree = Tree::default();
    for metric in ["a", "b", "c"] {
        insert(&mut tree, &[b"socket0"], metric.as_bytes(), series(60, 0, &[1.0, 2.5, 3.0]));
    }
    let once = || archive("c", &[("h", vec![bin(&tree)])], &EVER, options(5)).0;
    assert_eq!(once(), once());
}

/// A disk with room for so many bytes.
#[derive(Debug)]
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.0.min(bytes.len());
        self.0 -= room;
        if room == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(room) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn wherever_the_disk_is_full_there_is_an_error_and_no_receipt() {
    let write = |room: usize| -> Result<u64, ArchiveError> {
        let mut writer = ArchiveWriter::new(Full(room), b"c")?;
        let mut result = Ok(());
        for group in groups("c", &["a", "b"], 4) {
            result = result.and(writer.append(group));
        }
        let finished = writer.finish();
        if result.is_err() {
            assert!(matches!(finished, Err(ArchiveError::Broken)), "half a file has no receipt");
        }
        result?;
        Ok(finished?.1.bytes())
    };
    let whole = usize::try_from(write(usize::MAX).unwrap()).unwrap();
    assert_eq!(write(whole).unwrap(), whole as u64);
    for room in (0..whole).step_by(7).chain([whole - 1]) {
        match write(room).unwrap_err() {
            ArchiveError::Io(error) => assert_eq!(error.kind(), io::ErrorKind::StorageFull),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn a_receipt_does_not_fit_another_file() {
    let mut tree = Tree::default();
    insert(&mut tree, &[], b"m", series(60, 0, &[1.0, 2.0]));
    let (_, receipt) = archive("c", &[("h", vec![bin(&tree)])], &EVER, options(10));
    insert(&mut tree, &[], b"m", series(60, 0, &[1.0, 2.0, 3.0]));
    let (other, _) = archive("c", &[("h", vec![bin(&tree)])], &EVER, options(10));
    let summary = Archive::open(Cursor::new(other)).unwrap().summary().unwrap();
    receipt.check(&summary).unwrap_err();
}

#[test]
fn what_is_no_archive_is_refused() {
    for bytes in [&b""[..], b"PAR1", b"PAR1PAR1", &[0; 100]] {
        let error = Archive::open(Cursor::new(bytes.to_vec())).unwrap_err();
        assert!(matches!(error, ReadError::Damaged(_)), "{error}");
    }
}
