//! What stands in the footer, and a whole small archive, row by row.

use crate::{archive, bin, insert, open, options, rows, series};
use parquet::basic::BoundaryOrder::{ASCENDING, UNORDERED};
use parquet::basic::Encoding;
use parquet::file::metadata::page_index::RowGroupPageIndex;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::schema::printer::print_schema;
use snapshot_format::Tree;

fn small() -> (Vec<u8>, archiver::Receipt) {
    let mut tree = Tree::default();
    insert(&mut tree, &[], b"cpu_load", series(60, 120, &[0.5, f32::NAN, 0.75]));
    insert(&mut tree, &[b"socket0", b"dimm0"], b"temp", series(30, 120, &[40.0]));
    insert(&mut tree, &[b"socket1", b"dimm0"], b"temp", series(30, 120, &[41.0]));
    insert(&mut tree, &[b"cpu3"], b"ipc", series(60, 60, &[1.5, f32::INFINITY]));
    archive(
        "emmy",
        &[("m01", vec![bin(&tree)]), ("m02", vec![bin(&tree)])],
        &(120..240),
        options(4),
    )
}

pub(crate) fn metadata(file: &[u8]) -> ParquetMetaData {
    let file = bytes::Bytes::from(file.to_vec());
    let mut reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Required);
    reader.try_parse(&file).unwrap();
    reader.finish().unwrap()
}

#[test]
fn the_schema_has_the_go_stores_columns_first() {
    let mut text = Vec::new();
    print_schema(&mut text, metadata(&small().0).file_metadata().schema());
    let expected = "message levelstore {
  REQUIRED BYTE_ARRAY cluster (STRING);
  REQUIRED BYTE_ARRAY hostname (STRING);
  REQUIRED BYTE_ARRAY metric (STRING);
  REQUIRED BYTE_ARRAY scope (STRING);
  REQUIRED BYTE_ARRAY scope_id (STRING);
  REQUIRED INT64 timestamp;
  REQUIRED INT64 frequency;
  REQUIRED FLOAT value;
  REQUIRED BYTE_ARRAY path (STRING);
  REQUIRED INT64 time (TIMESTAMP(MILLIS,true));
}
";
    assert_eq!(String::from_utf8(text).unwrap(), expected);
}

#[test]
fn a_small_archive_row_by_row() {
    let rows = rows(&small().0).into_iter().map(|row| {
        let value = f32::from_bits(row.bits);
        let names = [row.cluster, row.hostname, row.metric, row.scope, row.scope_id];
        let (names, path) = (names.join(","), row.path.unwrap());
        format!("{names} {path} {} {} {value}", row.timestamp, row.frequency)
    });
    let expected = [
        "emmy,m01,cpu_load,node,  120 60 0.5",
        "emmy,m01,ipc,hwthread,3 cpu3 120 60 inf",
        "emmy,m01,temp,dimm0, socket0/dimm0 120 30 40",
        "emmy,m01,temp,dimm0, socket1/dimm0 120 30 41",
        "emmy,m02,cpu_load,node,  120 60 0.5",
        "emmy,m02,ipc,hwthread,3 cpu3 120 60 inf",
        "emmy,m02,temp,dimm0, socket0/dimm0 120 30 40",
        "emmy,m02,temp,dimm0, socket1/dimm0 120 30 41",
    ];
    assert_eq!(rows.collect::<Vec<_>>(), expected, "240 is the cut, 60 before the mark");
}

#[test]
fn the_footer_says_what_is_in_the_file() {
    let (file, receipt) = small();
    let metadata = metadata(&file);
    let footer = metadata.file_metadata();
    let pairs = footer.key_value_metadata().unwrap();
    let pairs: Vec<_> =
        pairs.iter().map(|pair| (pair.key.as_str(), pair.value.as_deref().unwrap())).collect();
    let writer = concat!("levelstore version ", env!("CARGO_PKG_VERSION"));
    let expected = [
        ("levelstore.archive_version", "1"),
        ("levelstore.writer", writer),
        ("levelstore.cluster", "emmy"),
        ("levelstore.sources", "[\"m01/0\",\"m02/0\"]"),
        ("levelstore.hosts", "2"),
        ("levelstore.rows", "8"),
        ("levelstore.min_timestamp", "120"),
        ("levelstore.max_timestamp", "120"),
    ];
    assert_eq!(pairs, expected);
    assert_eq!(footer.created_by(), Some(writer));
    assert_eq!(footer.num_rows(), 8);

    let summary = open(&file).summary().unwrap();
    assert_eq!((summary.bytes, summary.rows), (file.len() as u64, 8));
    assert_eq!((summary.times, summary.row_groups), (Some((120, 120)), receipt.row_groups()));
    assert_eq!(summary.sources, ["m01/0", "m02/0"]);
}

/// Order, bounds and places of pages: what lets a reader skip.
#[test]
fn every_column_has_a_page_index_and_its_place_in_the_order() {
    let metadata = metadata(&small().0);
    for group in metadata.row_groups() {
        let sorted = group.sorting_columns().unwrap();
        let names: Vec<_> = sorted
            .iter()
            .map(|one| {
                assert!(!one.descending);
                group.column(usize::try_from(one.column_idx).unwrap()).column_path().string()
            })
            .collect();
        let expected = ["cluster", "hostname", "metric", "scope", "scope_id", "path", "timestamp"];
        assert_eq!(names, expected);
        for column in group.columns() {
            assert!(
                column.column_index_offset().is_some() && column.offset_index_offset().is_some()
            );
        }
    }
    let group = metadata.row_group(0);
    let encodings = |place: usize| group.column(place).encodings().collect::<Vec<_>>();
    for name in [0, 1, 2, 3, 4, 6, 8] {
        assert_eq!(encodings(name), [Encoding::PLAIN, Encoding::RLE_DICTIONARY]);
    }
    for time in [5, 9] {
        assert_eq!(encodings(time), [Encoding::DELTA_BINARY_PACKED]);
    }
}

/// `DuckDB` knows that no row of a row group passes by these alone; where it has none of a column it
/// reads the row group, and where all rows of a file pass it does not look at the rows.
#[test]
fn the_footer_has_exact_bounds_of_what_tells_row_groups_apart() {
    let (file, _) = small();
    for group in metadata(&file).row_groups() {
        let bounded = group.columns().iter().filter(|column| column.statistics().is_some());
        let names: Vec<_> = bounded.map(|column| column.column_path().string()).collect();
        assert_eq!(names, ["cluster", "hostname", "metric", "timestamp", "time"]);
        for statistics in group.columns().iter().filter_map(|column| column.statistics()) {
            assert!(statistics.min_bytes_opt().is_some() && statistics.max_bytes_opt().is_some());
            assert!(statistics.min_is_exact() && statistics.max_is_exact());
            assert_eq!(statistics.null_count_opt(), Some(0));
        }
    }
    let hostname = |group: usize| metadata(&file).row_group(group).column(1).statistics().cloned();
    assert_eq!(hostname(0).unwrap().min_bytes_opt(), Some(&b"m01"[..]));
    assert_eq!(hostname(1).unwrap().max_bytes_opt(), Some(&b"m02"[..]));
}

/// Engines read the whole footer for any query.
#[test]
fn a_row_group_takes_little_of_the_footer() {
    let footer = |hosts: u8| {
        let mut tree = Tree::default();
        insert(&mut tree, &[b"socket0"], b"mem_bw", series(60, 0, &[1.0, 2.0]));
        let names: Vec<String> = (0..hosts).map(|host| format!("node{host:03}")).collect();
        let hosts: Vec<_> = names.iter().map(|name| (name.as_str(), vec![bin(&tree)])).collect();
        let (file, receipt) = archive("emmy", &hosts, &crate::EVER, options(2));
        assert_eq!(receipt.row_groups(), hosts.len() as u64);
        let length: [u8; 4] = file[file.len() - 8..file.len() - 4].try_into().unwrap();
        u32::from_le_bytes(length)
    };
    let of_each = (footer(100) - footer(50)) / 50;
    assert!((500..700).contains(&of_each), "{of_each} bytes");
}

/// Few distinct values: a dictionary. All different: split.
#[test]
fn values_are_encoded_as_what_is_smaller() {
    let encoding = |value: &dyn Fn(u32) -> f32| {
        let values: Vec<f32> = (0..40_000).map(value).collect();
        let mut tree = Tree::default();
        insert(&mut tree, &[], b"m", series(60, 0, &values));
        let (file, _) = archive("c", &[("h", vec![bin(&tree)])], &crate::EVER, options(1 << 18));
        let read: Vec<u32> = rows(&file).iter().map(|row| row.bits).collect();
        assert!(
            read.iter().eq(values.iter().map(|value| value.to_bits()).collect::<Vec<_>>().iter())
        );
        let metadata = metadata(&file);
        let column = metadata.row_group(0).column(7);
        column.encodings().find(|one| !matches!(one, Encoding::PLAIN | Encoding::RLE)).unwrap()
    };
    let scramble = |number: u32| number.wrapping_mul(0x9E37_79B9);
    #[expect(clippy::cast_precision_loss, reason = "any number will do")]
    let decimal = |number: u32| (scramble(number) >> 25) as f32 / 100.0;
    assert_eq!(encoding(&decimal), Encoding::RLE_DICTIONARY);
    let full = |number: u32| f32::from_bits(0x4200_0000 | scramble(number) >> 12);
    assert_eq!(encoding(&full), Encoding::BYTE_STREAM_SPLIT);
}

/// The bounds of every row group and page, against the rows that are in them: readers skip by these.
#[test]
fn bounds_of_row_groups_and_pages_hold_their_rows_and_are_tight() {
    let mut tree = Tree::default();
    let zeros = [0.0, -0.0, 0.0];
    let long = |end: &str| format!("{}{end}", "ü".repeat(40));
    for (seed, metric) in [(3_u16, "a".to_owned()), (7, long("1")), (9, long("2"))] {
        let values: Vec<f32> =
            (0..30_000).map(|slot: u16| f32::from(slot.wrapping_mul(seed)) - 30_000.0).collect();
        insert(&mut tree, &[], metric.as_bytes(), series(60, -600_000, &values));
        insert(&mut tree, &[b"socket0"], metric.as_bytes(), series(10, 7, &zeros));
    }
    let (file, _) = archive("c", &[("h", vec![bin(&tree)])], &crate::EVER, options(50_000));
    let metadata = metadata(&file);
    let mut rows = rows(&file).into_iter();
    for (number, group) in metadata.row_groups().iter().enumerate() {
        let rows: Vec<_> = rows.by_ref().take(usize::try_from(group.num_rows()).unwrap()).collect();
        let index = metadata.page_index_for_row_group(number);
        for place in [2, 5, 7] {
            if let Some(statistics) = group.column(place).statistics() {
                let [min, max] = [statistics.min_bytes_opt(), statistics.max_bytes_opt()];
                check_bounds(place, [min.unwrap(), max.unwrap()], &rows);
            }
            let ColumnPages { firsts, mins, maxs } = pages(&index, place);
            for (page, first) in firsts.iter().enumerate() {
                let end = firsts.get(page + 1).copied().unwrap_or(rows.len());
                check_bounds(place, [&mins[page], &maxs[page]], &rows[*first..end]);
            }
        }
    }
    assert!(rows.next().is_none() && metadata.num_row_groups() > 1);
}

/// A reader that looks for −0 must not skip a page of zeros, nor one that looks for 0.
#[test]
fn zeros_are_bounded_by_zeros_of_both_signs() {
    let mut tree = Tree::default();
    insert(&mut tree, &[], b"m", series(60, 0, &[0.0, 0.0]));
    let (file, _) = archive("c", &[("h", vec![bin(&tree)])], &crate::EVER, options(10));
    let pages = pages(&metadata(&file).page_index_for_row_group(0), 7);
    assert_eq!(pages.mins, [(-0.0_f32).to_le_bytes()]);
    assert_eq!(pages.maxs, [0.0_f32.to_le_bytes()]);
}

#[test]
fn only_pages_whose_bounds_ascend_are_said_to() {
    let mut tree = Tree::default();
    #[expect(clippy::cast_precision_loss, reason = "any number will do")]
    let values: Vec<f32> = (0..100_000_u32).map(|slot| 1e6 - slot as f32).collect();
    insert(&mut tree, &[], b"m", series(60, 0, &values));
    let (file, _) = archive("c", &[("h", vec![bin(&tree)])], &crate::EVER, options(1 << 20));
    let index = metadata(&file).page_index_for_row_group(0);
    let order = |place: usize| index.column_index(place).unwrap().get_boundary_order().unwrap();
    let orders = [2, 5, 7, 9].map(order);
    assert_eq!(orders, [ASCENDING, ASCENDING, UNORDERED, ASCENDING]);
}

/// Bounds of a column in bytes, against the values of its rows.
fn check_bounds(place: usize, [min, max]: [&[u8]; 2], rows: &[crate::Row]) {
    match place {
        2 => {
            let names = || rows.iter().map(|row| row.metric.as_bytes());
            let (least, greatest) = (names().min().unwrap(), names().max().unwrap());
            assert!(min <= least && max >= greatest && min.len() <= 64 && max.len() <= 64);
            assert!(least.starts_with(min), "cut, nothing else");
            assert!(str::from_utf8(min).is_ok() && str::from_utf8(max).is_ok());
            assert!(greatest.len() > 64 || max == greatest);
        }
        5 => {
            let times = || rows.iter().map(|row| row.timestamp);
            assert_eq!(min, times().min().unwrap().to_le_bytes());
            assert_eq!(max, times().max().unwrap().to_le_bytes());
        }
        _ => {
            let values = || rows.iter().map(|row| f32::from_bits(row.bits));
            let least = values().fold(f32::INFINITY, f32::min);
            let greatest = values().fold(f32::NEG_INFINITY, f32::max);
            // Zeros of both signs lie between the bounds that −0 and 0 are.
            let expected = (if least == 0.0 { -0.0 } else { least }, greatest + 0.0);
            assert_eq!((min, max), (&expected.0.to_le_bytes()[..], &expected.1.to_le_bytes()[..]));
        }
    }
}

/// The page index of a column: first rows, least and greatest values.
struct ColumnPages {
    firsts: Vec<usize>,
    mins: Vec<Vec<u8>>,
    maxs: Vec<Vec<u8>>,
}

fn pages(index: &RowGroupPageIndex, place: usize) -> ColumnPages {
    let locations = index.page_locations(place).unwrap();
    let firsts = locations.iter().map(|page| usize::try_from(page.first_row_index).unwrap());
    let (mins, maxs): (Vec<_>, Vec<_>) = match index.column_index(place).unwrap() {
        ColumnIndexMetaData::BYTE_ARRAY(index) => (
            index.min_values_iter().map(|min| min.unwrap().to_vec()).collect(),
            index.max_values_iter().map(|max| max.unwrap().to_vec()).collect(),
        ),
        ColumnIndexMetaData::INT64(index) => {
            let of = |values: &[i64]| values.iter().map(|one| one.to_le_bytes().to_vec()).collect();
            (of(index.min_values()), of(index.max_values()))
        }
        ColumnIndexMetaData::FLOAT(index) => {
            let of = |values: &[f32]| values.iter().map(|one| one.to_le_bytes().to_vec()).collect();
            (of(index.min_values()), of(index.max_values()))
        }
        other => panic!("{other:?}"),
    };
    ColumnPages { firsts: firsts.collect(), mins, maxs }
}
