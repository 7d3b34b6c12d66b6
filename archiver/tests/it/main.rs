//! What the crate promises, checked against files of the Go store, a model of a few lines, and the
//! engines that will read the files.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests may fail, read their data and start Python"
)]

mod damage;
mod engines;
mod golden;
mod limits;
mod model;
mod python;
mod schema;
mod select;
mod write;

use archiver::{Archive, ArchiveWriter, GroupEncoder, Host, Options, Piece, ReadError, Receipt};
use snapshot_format::{OwnedSeries, Snapshot, TrailerFields, Tree};
use std::io::Cursor;
use std::ops::Range;

/// All times that there are but the last.
const EVER: Range<i64> = i64::MIN..i64::MAX;

/// A snapshot of a host, whichever form it has.
#[derive(Clone, Debug)]
enum Source {
    Bin(Vec<u8>),
    Tree(Tree),
}

/// A row as the file has it; the columns by which it is sorted first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    cluster: String,
    hostname: String,
    metric: String,
    scope: String,
    scope_id: String,
    path: Option<String>,
    timestamp: i64,
    frequency: i64,
    bits: u32,
}

fn options(row_group_rows: usize) -> Options {
    let mut options = Options::default();
    options.row_group_rows = row_group_rows;
    options
}

/// Archives hosts, each with its snapshots in loading order.
fn archive(
    cluster: &str,
    hosts: &[(&str, Vec<Source>)],
    wanted: &Range<i64>,
    options: Options,
) -> (Vec<u8>, Receipt) {
    let mut writer = ArchiveWriter::new(Vec::new(), cluster.as_bytes()).unwrap();
    let mut encoder = GroupEncoder::new(cluster.as_bytes(), options).unwrap();
    for (hostname, sources) in hosts {
        let mut host = Host::new(hostname.as_bytes(), wanted.clone());
        for (number, source) in sources.iter().enumerate() {
            let name = format!("{hostname}/{number}");
            match source {
                Source::Bin(bytes) => host.add_snapshot(&name, &Snapshot::parse(bytes).unwrap()),
                Source::Tree(tree) => host.add_tree(&name, tree),
            }
        }
        encoder.host(host, &mut |group| writer.append(group)).unwrap();
    }
    encoder.finish(&mut |group| writer.append(group)).unwrap();
    let (file, receipt) = writer.finish().unwrap();
    receipt.check(&open(&file).summary().unwrap()).unwrap();
    (file, receipt)
}

fn open(file: &[u8]) -> Archive<Cursor<Vec<u8>>> {
    Archive::open(Cursor::new(file.to_vec())).unwrap()
}

/// All rows in the order of the file.
fn rows(file: &[u8]) -> Vec<Row> {
    rows_of(open(file).pieces())
}

fn rows_of(pieces: impl Iterator<Item = Result<Piece, ReadError>>) -> Vec<Row> {
    let mut rows = Vec::new();
    for piece in pieces {
        let piece = piece.unwrap();
        for (timestamp, value) in piece.timestamps.iter().zip(&piece.values) {
            rows.push(Row {
                cluster: piece.cluster.clone(),
                hostname: piece.hostname.clone(),
                metric: piece.metric.clone(),
                scope: piece.scope.clone(),
                scope_id: piece.scope_id.clone(),
                path: piece.path.clone(),
                timestamp: *timestamp,
                frequency: piece.frequency,
                bits: value.to_bits(),
            });
        }
    }
    rows
}

/// Adds a series to a tree.
fn insert(tree: &mut Tree, path: &[&[u8]], metric: &[u8], series: OwnedSeries) {
    let level = path.iter().fold(&mut tree.root, |level, name| level.children.get_or_default(name));
    level.metrics.insert(metric, series);
}

fn series(frequency: i64, start: i64, values: &[f32]) -> OwnedSeries {
    OwnedSeries { frequency, start, values: values.to_vec() }
}

fn bin(tree: &Tree) -> Source {
    Source::Bin(tree.encode(Vec::new(), TrailerFields::default()).unwrap().0)
}
