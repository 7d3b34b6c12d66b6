//! Rows as pieces of series, read a batch at a time.

use super::filter::Wanted;
use super::places::{Places, column_reader, pages};
use super::{Archive, contained};
use crate::error::ReadError;
use crate::name;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_typed_column_reader};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, FloatType, Int64Type};
use parquet::file::metadata::RowGroupMetaData;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::io::{Read, Seek};
use std::ops::Range;

/// Rows that are read at once.
const BATCH_ROWS: usize = 4096;

/// Rows of one series and one frequency, as they stand together in the file. A series comes in as
/// many pieces as it takes, adjoining in a file that is sorted.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    /// Cluster.
    pub cluster: String,
    /// Host.
    pub hostname: String,
    /// Metric.
    pub metric: String,
    /// `node`, or the kind of the device.
    pub scope: String,
    /// Which device of its kind.
    pub scope_id: String,
    /// The devices on the way from the host to the series, joined by `/`; the Go store's files do
    /// not have it.
    pub path: Option<String>,
    /// Seconds between two slots.
    pub frequency: i64,
    /// Unix seconds, one for each value.
    pub timestamps: Vec<i64>,
    /// The values.
    pub values: Vec<f32>,
}

impl Piece {
    /// The name of the metric as the snapshots have it: bytes that are no UTF-8 are those bytes again.
    #[must_use]
    pub fn metric_name(&self) -> Cow<'_, [u8]> {
        self.name(&self.metric)
    }

    /// The name of the cluster as the data directory has it.
    #[must_use]
    pub fn cluster_name(&self) -> Cow<'_, [u8]> {
        self.name(&self.cluster)
    }

    /// The name of the host as the data directory has it.
    #[must_use]
    pub fn host_name(&self) -> Cow<'_, [u8]> {
        self.name(&self.hostname)
    }

    /// The devices on the way from the host to the series, as the snapshots have them. In files of the
    /// Go store, which name the innermost alone, it is that one.
    #[must_use]
    pub fn devices(&self) -> Vec<Vec<u8>> {
        match &self.path {
            Some(path) => name::elements(path).iter().map(|name| name::bytes(name)).collect(),
            None if self.scope == name::NODE && self.scope_id.is_empty() => Vec::new(),
            None => vec![[self.scope.as_bytes(), self.scope_id.as_bytes()].concat()],
        }
    }

    fn name<'a>(&self, text: &'a str) -> Cow<'a, [u8]> {
        // The Go store writes names as they are.
        match self.path {
            Some(_) => name::bytes(text).into(),
            None => text.as_bytes().into(),
        }
    }
}

/// Cluster and host, as [`Piece`]s have them.
pub(super) fn texts_of(names: (&ByteArray, &ByteArray)) -> (String, String) {
    (text(names.0), text(names.1))
}

fn text(name: &ByteArray) -> String {
    name::as_read(name.data()).into_owned()
}

/// A column and the batch of it that was read last.
pub(super) struct Column<T: DataType> {
    reader: ColumnReaderImpl<T>,
    pub(super) values: Vec<T::T>,
}

impl<T: DataType> Column<T> {
    /// The reader is of this type: the schema was checked.
    pub(super) fn new(reader: ColumnReader) -> Self {
        Self { reader: get_typed_column_reader(reader), values: Vec::new() }
    }

    /// Reads the next rows; how many.
    pub(super) fn fill(&mut self) -> Result<usize, ReadError> {
        self.read(BATCH_ROWS)
    }

    fn read(&mut self, most: usize) -> Result<usize, ReadError> {
        self.values.clear();
        self.reader.read_records(most, None, None, &mut self.values)?;
        Ok(self.values.len())
    }

    fn skip(&mut self, rows: usize) -> Result<usize, ReadError> {
        Ok(self.reader.skip_records(rows)?)
    }
}

/// The columns of a row group, read side by side.
struct Columns {
    row_group: usize,
    /// Those of [`Places::names`], and the path.
    names: Vec<Column<ByteArrayType>>,
    timestamp: Column<Int64Type>,
    frequency: Column<Int64Type>,
    value: Column<FloatType>,
    /// The rows that are still to be read.
    rows: VecDeque<Range<usize>>,
    /// The row that comes next.
    at: usize,
}

impl Columns {
    /// Those of a row group, of which `rows` are read; None: all.
    fn open<R: Read + Seek + Send + 'static>(
        archive: &Archive<R>,
        row_group: usize,
        group: &RowGroupMetaData,
        rows: Option<Vec<Range<usize>>>,
    ) -> Result<Self, ReadError> {
        let open = |place: usize| {
            let pages = match rows {
                Some(_) => pages(&archive.source, group, place)?,
                None => None,
            };
            column_reader(&archive.source, group, place, pages)
        };
        let Places { names, timestamp, frequency, value, path } = archive.places;
        let names = names.into_iter().chain(path).map(|place| Ok(Column::new(open(place)?)));
        Ok(Self {
            row_group,
            names: names.collect::<Result<_, ReadError>>()?,
            timestamp: Column::new(open(timestamp)?),
            frequency: Column::new(open(frequency)?),
            value: Column::new(open(value)?),
            // How many there really are, the columns say.
            rows: rows.unwrap_or_else(|| std::iter::once(0..usize::MAX).collect()).into(),
            at: 0,
        })
    }

    /// Reads the next rows; how many, 0 behind the last.
    fn fill(&mut self) -> Result<usize, ReadError> {
        let Some(range) = self.rows.pop_front() else { return Ok(0) };
        self.skip(range.start - self.at)?;
        let most = BATCH_ROWS.min(range.len());
        let rows = self.timestamp.read(most)?;
        let mut even = self.frequency.read(most)? == rows && self.value.read(most)? == rows;
        for column in &mut self.names {
            even &= column.read(most)? == rows;
        }
        self.at = range.start + rows;
        if rows == most && self.at < range.end {
            self.rows.push_front(self.at..range.end);
        }
        self.even(even).map(|()| rows)
    }

    fn skip(&mut self, rows: usize) -> Result<(), ReadError> {
        if rows == 0 {
            return Ok(());
        }
        let mut even = self.timestamp.skip(rows)? == rows;
        even &= self.frequency.skip(rows)? == rows && self.value.skip(rows)? == rows;
        for column in &mut self.names {
            even &= column.skip(rows)? == rows;
        }
        self.even(even)
    }

    fn even(&self, even: bool) -> Result<(), ReadError> {
        if even { Ok(()) } else { Err(ReadError::Uneven { row_group: self.row_group }) }
    }

    /// The row behind those of the same series and frequency from `begin` on.
    fn end_of_piece(&self, begin: usize) -> usize {
        fn same<T: PartialEq>(values: &[T], row: usize) -> bool {
            values.get(row - 1) == values.get(row)
        }
        let goes_on = |row: &usize| {
            same(&self.frequency.values, *row)
                && self.names.iter().all(|names| same(&names.values, *row))
        };
        let rows = self.timestamp.values.len();
        (begin + 1..rows).find(|row| !goes_on(row)).unwrap_or(rows)
    }

    /// Rows of one series and frequency, as far as they are wanted.
    fn piece(&self, rows: Range<usize>, wanted: &Wanted) -> Option<Piece> {
        let name = |column: usize| self.names.get(column)?.values.get(rows.start);
        if !wanted.has_names([name(0)?.data(), name(1)?.data(), name(2)?.data()]) {
            return None;
        }
        let times = self.timestamp.values.get(rows.clone())?;
        let values = self.value.values.get(rows.clone())?;
        let chosen = times.iter().zip(values).filter(|(time, _)| wanted.has_time(**time));
        let (timestamps, values): (Vec<_>, Vec<_>) = chosen.unzip();
        (!timestamps.is_empty()).then_some(())?;
        Some(Piece {
            cluster: text(name(0)?),
            hostname: text(name(1)?),
            metric: text(name(2)?),
            scope: text(name(3)?),
            scope_id: text(name(4)?),
            path: name(5).map(text),
            frequency: *self.frequency.values.get(rows.start)?,
            timestamps,
            values,
        })
    }
}

/// Iterates over pieces of an [`Archive`]. Ends behind the first error.
pub struct Pieces<'a, R: Read + Seek + Send + 'static> {
    archive: &'a Archive<R>,
    wanted: Wanted,
    /// That is read, or comes next.
    row_group: usize,
    columns: Option<Columns>,
    /// The rows of the batch of which pieces are still to be made.
    rows: Range<usize>,
}

impl<R: Read + Seek + Send + 'static> fmt::Debug for Pieces<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pieces").field("row_group", &self.row_group).finish_non_exhaustive()
    }
}

impl<'a, R: Read + Seek + Send + 'static> Pieces<'a, R> {
    pub(super) fn new(archive: &'a Archive<R>, wanted: Wanted) -> Self {
        Self { archive, wanted, row_group: 0, columns: None, rows: 0..0 }
    }

    /// Reads the next rows, or goes to the next row group; whether there may be more.
    fn fill(&mut self) -> Result<bool, ReadError> {
        if let Some(columns) = &mut self.columns {
            self.rows = 0..columns.fill()?;
            if self.rows.is_empty() {
                self.columns = None;
                self.row_group += 1;
            }
            return Ok(true);
        }
        let Some(group) = self.archive.metadata.row_groups().get(self.row_group) else {
            return Ok(false);
        };
        if self.wanted.may_be_in(group) {
            let rows = self.wanted.rows(&self.archive.source, group)?;
            self.columns = Some(Columns::open(self.archive, self.row_group, group, rows)?);
        } else {
            self.row_group += 1;
        }
        Ok(true)
    }

    /// The next piece of the batch; a batch at a time is held, and no more than one piece of it.
    fn of_batch(&mut self) -> Option<Piece> {
        let columns = self.columns.as_ref()?;
        while !self.rows.is_empty() {
            let begin = self.rows.start;
            self.rows.start = columns.end_of_piece(begin);
            let piece = columns.piece(begin..self.rows.start, &self.wanted);
            if piece.is_some() {
                return piece;
            }
        }
        None
    }
}

impl<R: Read + Seek + Send + 'static> Iterator for Pieces<'_, R> {
    type Item = Result<Piece, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(piece) = self.of_batch() {
                return Some(Ok(piece));
            }
            match contained(|| self.fill()) {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => {
                    (self.columns, self.rows) = (None, 0..0);
                    self.row_group = usize::MAX;
                    return Some(Err(error));
                }
            }
        }
    }
}
