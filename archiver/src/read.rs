//! Reads archive files back: those written here, and the Go store's.
//!
//! Rows come in the order of the file, as pieces of series. What is not wanted is not read, as far as
//! the bounds of row groups and pages tell it; what is held is a page of each column.

mod filter;
mod pieces;
mod places;

pub use filter::Filter;
pub use pieces::{Piece, Pieces};

use crate::error::ReadError;
use crate::receipt::join_times;
use crate::schema::key;
use crate::source::Source;
use filter::Wanted;
use parquet::column::reader::ColumnReader;
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData};
use parquet::file::statistics::Statistics;
use pieces::{Column, texts_of};
use places::{Places, column_reader};
use std::collections::BTreeSet;
use std::fmt;
use std::io::{Read, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// An archive file whose footer was read and whose columns are those of an archive.
pub struct Archive<R: Read + Seek + Send + 'static> {
    source: Arc<Source<R>>,
    metadata: ParquetMetaData,
    places: Places,
    bytes: u64,
}

impl<R: Read + Seek + Send + 'static> fmt::Debug for Archive<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Archive").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

/// What a file holds, by its footer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Size of the file.
    pub bytes: u64,
    /// Rows.
    pub rows: u64,
    /// Row groups.
    pub row_groups: u64,
    /// The names of the columns, in their order.
    pub columns: Vec<String>,
    /// The snapshots that the rows were taken from; the Go store's files name none.
    pub sources: Vec<String>,
    /// The first and the last timestamp, if there are rows.
    pub times: Option<(i64, i64)>,
    /// The program that wrote the file, as it calls itself.
    pub writer: Option<String>,
}

impl<R: Read + Seek + Send + 'static> Archive<R> {
    /// Reads the footer of a file, and checks that it has the columns of an archive.
    ///
    /// # Errors
    ///
    /// [`ReadError::Damaged`] for what is no Parquet file, [`ReadError::Schema`] for one that is no
    /// archive, [`ReadError::Io`] if the reader fails.
    pub fn open(reader: R) -> Result<Self, ReadError> {
        let source = Source::new(reader).map_err(ReadError::Io)?;
        let bytes = parquet::file::reader::Length::len(&source);
        contained(|| {
            let metadata = ParquetMetaDataReader::new().parse_and_finish(&source)?;
            let places = Places::of(metadata.file_metadata().schema_descr())?;
            Ok(Self { source: Arc::new(source), metadata, places, bytes })
        })
    }

    /// What the footer says. Where it has no statistics of the timestamps, those are read.
    ///
    /// # Errors
    ///
    /// [`ReadError::Damaged`] and [`ReadError::Io`].
    pub fn summary(&self) -> Result<Summary, ReadError> {
        let footer = self.metadata.file_metadata();
        let mut times = None;
        let mut rows = 0_u64;
        for (index, group) in self.metadata.row_groups().iter().enumerate() {
            let count = rows_of(index, group)?;
            rows = rows.saturating_add(count);
            if count > 0 {
                let known = statistics(group, self.places.timestamp);
                let read = || contained(|| self.read_times(group));
                let of_group = known.map_or_else(read, |times| Ok(Some(times)));
                times = join_times(times, of_group?);
            }
        }
        let pairs = footer.key_value_metadata().map(Vec::as_slice).unwrap_or_default();
        let value = |key: &str| pairs.iter().find(|pair| pair.key == key)?.value.as_deref();
        let sources = match value(key::SOURCES) {
            Some(json) => serde_json::from_str(json)
                .map_err(|error| ReadError::Damaged(format!("{}: {error}", key::SOURCES)))?,
            None => Vec::new(),
        };
        let columns = footer.schema_descr().columns();
        Ok(Summary {
            bytes: self.bytes,
            rows,
            row_groups: self.metadata.num_row_groups() as u64,
            columns: columns.iter().map(|column| column.path().string()).collect(),
            sources,
            times,
            writer: footer.created_by().map(str::to_owned),
        })
    }

    fn read_times(&self, group: &RowGroupMetaData) -> Result<Option<(i64, i64)>, ReadError> {
        let mut column = Column::<Int64Type>::new(self.column(group, self.places.timestamp)?);
        let mut times = None;
        while column.fill()? > 0 {
            let batch = column.values.iter().map(|&time| Some((time, time)));
            times = batch.fold(times, join_times);
        }
        Ok(times)
    }

    /// The rows, as pieces of series in the order of the file.
    #[must_use]
    pub fn pieces(&self) -> Pieces<'_, R> {
        self.select(&Filter::default())
    }

    /// The rows that are wanted, as pieces of series in the order of the file. Row groups and pages
    /// that have none of them, by their bounds, are not read.
    ///
    /// ```
    /// # use archiver::{Archive, ArchiveWriter, Filter, GroupEncoder, Host, Options};
    /// # use snapshot_format::{OwnedSeries, Tree};
    /// # let mut tree = Tree::default();
    /// # let values = vec![0.5, 1.0, 1.5];
    /// # tree.root.metrics.insert(b"cpu_load", OwnedSeries { frequency: 60, start: 0, values });
    /// # let mut host = Host::new(b"node01", 0..600);
    /// # host.add_tree("node01/0.json", &tree);
    /// # let mut writer = ArchiveWriter::new(Vec::new(), b"emmy")?;
    /// # let mut groups = GroupEncoder::new(b"emmy", Options::default())?;
    /// # groups.host(host, &mut |group| writer.append(group))?;
    /// # groups.finish(&mut |group| writer.append(group))?;
    /// # let file = writer.finish()?.0;
    /// let archive = Archive::open(std::io::Cursor::new(file))?;
    /// let filter = Filter { metric: Some("cpu_load".into()), times: 60..=60, ..Filter::default() };
    /// let pieces = archive.select(&filter).collect::<Result<Vec<_>, _>>()?;
    /// assert_eq!((&*pieces[0].timestamps, &*pieces[0].values), (&[60][..], &[1.0][..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn select(&self, filter: &Filter) -> Pieces<'_, R> {
        Pieces::new(self, self.wanted(filter))
    }

    /// The hosts that may have rows that are wanted, each with its cluster: those whose row groups the
    /// bounds do not rule out. Only the columns of these names are read, and only where bounds do not
    /// tell them.
    ///
    /// # Errors
    ///
    /// [`ReadError::Damaged`] and [`ReadError::Io`].
    pub fn hosts(&self, filter: &Filter) -> Result<BTreeSet<(String, String)>, ReadError> {
        let wanted = self.wanted(filter);
        let mut hosts = BTreeSet::new();
        for group in self.groups(&wanted) {
            contained(|| match self.places.only_host(group) {
                Some(host) => {
                    hosts.insert(host);
                    Ok(())
                }
                None => self.read_hosts(group, &wanted, &mut hosts),
            })?;
        }
        Ok(hosts)
    }

    fn read_hosts(
        &self,
        group: &RowGroupMetaData,
        wanted: &Wanted,
        hosts: &mut BTreeSet<(String, String)>,
    ) -> Result<(), ReadError> {
        let [cluster, hostname, ..] = self.places.names;
        let mut clusters = Column::<ByteArrayType>::new(self.column(group, cluster)?);
        let mut hostnames = Column::<ByteArrayType>::new(self.column(group, hostname)?);
        let mut last: Option<(ByteArray, ByteArray)> = None;
        while clusters.fill()?.min(hostnames.fill()?) > 0 {
            for names in clusters.values.iter().zip(&hostnames.values) {
                if last.as_ref().is_some_and(|last| (&last.0, &last.1) == names) {
                    continue;
                }
                last = Some((names.0.clone(), names.1.clone()));
                if wanted.is_of_host(names.0.data(), names.1.data()) {
                    hosts.insert(texts_of(names));
                }
            }
        }
        Ok(())
    }

    /// So many rows [`select`](Self::select) gives at most, by what the footer says.
    #[must_use]
    pub fn rows_at_most(&self, filter: &Filter) -> u64 {
        let wanted = self.wanted(filter);
        let rows = self.groups(&wanted).map(|group| u64::try_from(group.num_rows()).unwrap_or(0));
        rows.fold(0, u64::saturating_add)
    }

    fn wanted(&self, filter: &Filter) -> Wanted {
        Wanted::new(filter, self.places)
    }

    fn groups(&self, wanted: &Wanted) -> impl Iterator<Item = &RowGroupMetaData> {
        self.metadata.row_groups().iter().filter(|group| wanted.may_be_in(group))
    }

    fn column(&self, group: &RowGroupMetaData, place: usize) -> Result<ColumnReader, ReadError> {
        column_reader(&self.source, group, place, None)
    }
}

fn rows_of(index: usize, group: &RowGroupMetaData) -> Result<u64, ReadError> {
    u64::try_from(group.num_rows())
        .map_err(|_| ReadError::Damaged(format!("row group {index}: a negative count")))
}

/// Parquet's decoders stop some kinds of damage by a panic: here that is damage like any other. What
/// was being read is not touched again.
fn contained<T>(read: impl FnOnce() -> Result<T, ReadError>) -> Result<T, ReadError> {
    catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(ReadError::Damaged("its decoder gave up".to_owned())))
}

/// Exact bounds of a column of integers, if the footer has them.
fn statistics(group: &RowGroupMetaData, column: usize) -> Option<(i64, i64)> {
    match group.columns().get(column)?.statistics()? {
        Statistics::Int64(known) => Some((*known.min_opt()?, *known.max_opt()?)),
        _ => None,
    }
}
