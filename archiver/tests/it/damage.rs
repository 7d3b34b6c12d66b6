//! Damaged files: an error or other rows, never a panic, and never more memory than is sane.

use crate::{EVER, archive, bin, insert, options, rows, schema, series};
use archiver::{Archive, Filter};
use snapshot_format::Tree;
use std::fs;
use std::io::Cursor;
use std::ops::Range;
use std::path::Path;

/// Reads all there is to read; whether it could be read.
fn read(bytes: &[u8]) -> bool {
    let Ok(archive) = Archive::open(Cursor::new(bytes.to_vec())) else { return false };
    let summary = archive.summary();
    // What is wanted of it lies by the index, which may be damaged too.
    let filter = Filter { metric: Some("m".into()), times: 60..=120, ..Filter::default() };
    let selected = archive.select(&filter).all(|piece| piece.is_ok());
    let hosts = archive.hosts(&filter).is_ok();
    archive.pieces().all(|piece| piece.is_ok()) && summary.is_ok() && selected && hosts
}

fn small() -> Vec<u8> {
    let mut tree = Tree::default();
    insert(&mut tree, &[b"socket0"], b"m", series(60, 0, &[1.5; 100]));
    insert(&mut tree, &[], b"n", series(60, 0, &[1.0, 2.0, f32::NAN, 1e30]));
    archive("c", &[("h", vec![bin(&tree)])], &EVER, options(60)).0
}

#[test]
fn every_truncation_is_refused() {
    let file = small();
    assert!(read(&file));
    for len in 0..file.len() {
        assert!(!read(&file[..len]), "{len} of {}", file.len());
    }
}

/// Where the compressed contents of pages lie, their headers left out.
fn contents(file: &[u8]) -> Vec<Range<usize>> {
    let metadata = schema::metadata(file);
    let mut contents = Vec::new();
    for (number, group) in metadata.row_groups().iter().enumerate() {
        for column in group.columns() {
            let (begin, len) = column.byte_range();
            let (begin, end) =
                (usize::try_from(begin).unwrap(), usize::try_from(begin + len).unwrap());
            let frames = file[begin..end].windows(4).enumerate();
            let begins: Vec<usize> = frames
                .filter(|(_, window)| *window == [0x28, 0xB5, 0x2F, 0xFD])
                .map(|(place, _)| begin + place)
                .collect();
            // One page each and its dictionary: what is between them is the second one's header.
            assert!(begins.len() <= 2, "row group {number}");
            contents.push(*begins.last().unwrap()..end);
        }
    }
    contents
}

/// Pages carry a checksum that every reader checks: damaged values are never taken for good ones. A
/// bit that the decompressor ignores may pass.
#[test]
fn a_flipped_bit_in_a_page_is_refused_or_changes_no_row() {
    let mut file = small();
    let whole = rows(&file);
    for place in contents(&file).into_iter().flatten() {
        for bit in 0..8 {
            file[place] ^= 1 << bit;
            assert!(!read(&file) || rows(&file) == whole, "byte {place}, bit {bit}");
            file[place] ^= 1 << bit;
        }
    }
}

#[test]
fn no_flipped_bit_makes_the_reader_panic() {
    let mut file = small();
    let mut refused = 0;
    for place in 0..file.len() {
        let bit = place * 5 % 8;
        file[place] ^= 1 << bit;
        refused += usize::from(!read(&file));
        file[place] ^= 1 << bit;
    }
    assert!(refused > file.len() / 8, "{refused} of {} bytes", file.len());
}

#[test]
fn no_flipped_byte_of_the_go_stores_file_makes_the_reader_panic() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/full/beta.parquet");
    let mut file = fs::read(path).unwrap();
    let mut refused = 0;
    for place in (0..file.len()).step_by(5) {
        file[place] ^= 0xFF;
        refused += u32::from(!read(&file));
        file[place] ^= 0xFF;
    }
    assert!(refused > 100, "{refused}");
}

/// The header of its first page claims a gigabyte, which zstd can make of a few bytes.
#[test]
fn a_page_that_claims_to_be_larger_than_memory_is_refused_before_it_is_unpacked() {
    let mut file = small();
    let metadata = schema::metadata(&file);
    let column = metadata.row_group(0).column(5);
    let begin = usize::try_from(column.byte_range().0).unwrap();
    // Type, then the size, each the next field of 32 bits; what follows need not fit any more.
    assert_eq!((file[begin], file[begin + 2]), (0x15, 0x15));
    file[begin + 3..begin + 8].copy_from_slice(&[0x80, 0x80, 0x80, 0x80, 0x08]);
    let archive = Archive::open(Cursor::new(file)).unwrap();
    let filters = [Filter::default(), Filter { times: 0..=60, ..Filter::default() }];
    for filter in filters {
        let error = archive.select(&filter).find_map(Result::err).unwrap();
        assert!(error.to_string().contains("without a sane size"), "{error}");
    }
}
