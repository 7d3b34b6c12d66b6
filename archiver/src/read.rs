//! Reads archive files back: those written here, and the Go store's.
//!
//! Rows come in the order of the file, some thousand at a time, as pieces of series.

use crate::error::ReadError;
use crate::name;
use crate::receipt::join_times;
use crate::schema::key;
use crate::source::Source;
use parquet::basic::{Repetition, Type as Physical};
use parquet::column::reader::{ColumnReader, get_typed_column_reader};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, FloatType, Int64Type};
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::statistics::Statistics;
use std::collections::VecDeque;
use std::fmt;
use std::io::{Read, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Rows that are read at once.
const BATCH_ROWS: usize = 4096;

/// An archive file whose footer was read and whose columns are those of an archive.
pub struct Archive<R: Read + Seek + Send + 'static> {
    file: SerializedFileReader<Source<R>>,
    places: Places,
    bytes: u64,
}

impl<R: Read + Seek + Send + 'static> fmt::Debug for Archive<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Archive").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

/// Where in the file the columns are.
#[derive(Clone, Copy, Debug)]
struct Places {
    /// `cluster`, `hostname`, `metric`, `scope`, `scope_id`.
    names: [usize; 5],
    timestamp: usize,
    frequency: usize,
    value: usize,
    path: Option<usize>,
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
            let file = SerializedFileReader::new(source)?;
            let places = Places::of(&file)?;
            Ok(Self { file, places, bytes })
        })
    }

    /// What the footer says. Where it has no statistics of the timestamps, those are read.
    ///
    /// # Errors
    ///
    /// [`ReadError::Damaged`] and [`ReadError::Io`].
    pub fn summary(&self) -> Result<Summary, ReadError> {
        let metadata = self.file.metadata();
        let footer = metadata.file_metadata();
        let mut times = None;
        let mut rows = 0_u64;
        for (index, group) in metadata.row_groups().iter().enumerate() {
            let count = u64::try_from(group.num_rows())
                .map_err(|_| ReadError::Damaged(format!("row group {index}: a negative count")))?;
            rows = rows.saturating_add(count);
            if count > 0 {
                let known = statistics(group, self.places.timestamp);
                let read = || contained(|| self.read_times(index));
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
            row_groups: metadata.num_row_groups() as u64,
            columns: columns.iter().map(|column| column.path().string()).collect(),
            sources,
            times,
            writer: footer.created_by().map(str::to_owned),
        })
    }

    fn read_times(&self, row_group: usize) -> Result<Option<(i64, i64)>, ReadError> {
        let group = self.file.get_row_group(row_group)?;
        let mut column = Column::<Int64Type>::new(group.get_column_reader(self.places.timestamp)?);
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
        Pieces { archive: self, row_group: 0, columns: None, ready: VecDeque::new() }
    }
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

impl Places {
    fn of<R: Read + Seek + Send + 'static>(
        file: &SerializedFileReader<Source<R>>,
    ) -> Result<Self, ReadError> {
        let schema = file.metadata().file_metadata().schema_descr();
        let find =
            |name: &str| schema.columns().iter().position(|column| column.path().string() == name);
        let required = |name: &'static str, physical| {
            let problem = |problem| ReadError::Schema { column: name, problem };
            let place = find(name).ok_or(problem("is not there"))?;
            let column = schema.column(place);
            if column.physical_type() != physical {
                return Err(problem("has another type"));
            }
            if column.self_type().get_basic_info().repetition() != Repetition::REQUIRED
                || column.max_def_level() > 0
            {
                return Err(problem("is not required"));
            }
            Ok(place)
        };
        let text = |name| required(name, Physical::BYTE_ARRAY);
        Ok(Self {
            names: [
                text("cluster")?,
                text("hostname")?,
                text("metric")?,
                text("scope")?,
                text("scope_id")?,
            ],
            timestamp: required("timestamp", Physical::INT64)?,
            frequency: required("frequency", Physical::INT64)?,
            value: required("value", Physical::FLOAT)?,
            path: find("path").map(|_| text("path")).transpose()?,
        })
    }
}

/// A column and the batch of it that was read last.
struct Column<T: DataType> {
    reader: parquet::column::reader::ColumnReaderImpl<T>,
    values: Vec<T::T>,
}

impl<T: DataType> Column<T> {
    /// The reader is of this type: the schema was checked.
    fn new(reader: ColumnReader) -> Self {
        Self { reader: get_typed_column_reader(reader), values: Vec::new() }
    }

    fn fill(&mut self) -> Result<usize, ReadError> {
        self.values.clear();
        self.reader.read_records(BATCH_ROWS, None, None, &mut self.values)?;
        Ok(self.values.len())
    }
}

/// The columns of a row group, read side by side.
struct Columns {
    /// Those of [`Places::names`], and the path.
    names: Vec<Column<ByteArrayType>>,
    timestamp: Column<Int64Type>,
    frequency: Column<Int64Type>,
    value: Column<FloatType>,
}

impl Columns {
    /// Reads the next rows; how many.
    fn fill(&mut self, row_group: usize) -> Result<usize, ReadError> {
        let rows = self.timestamp.fill()?;
        let mut even = self.frequency.fill()? == rows && self.value.fill()? == rows;
        for column in &mut self.names {
            even &= column.fill()? == rows;
        }
        if even { Ok(rows) } else { Err(ReadError::Uneven { row_group }) }
    }

    /// Whether a row is of the same series and frequency as the one before it.
    fn goes_on(&self, row: usize) -> bool {
        fn same<T: PartialEq>(values: &[T], row: usize) -> bool {
            row > 0 && values.get(row - 1) == values.get(row)
        }
        same(&self.frequency.values, row) && self.names.iter().all(|names| same(&names.values, row))
    }

    fn piece(&self, rows: std::ops::Range<usize>) -> Option<Piece> {
        let text = |column: usize| {
            let value: &ByteArray = self.names.get(column)?.values.get(rows.start)?;
            Some(name::as_read(value.data()).into_owned())
        };
        Some(Piece {
            cluster: text(0)?,
            hostname: text(1)?,
            metric: text(2)?,
            scope: text(3)?,
            scope_id: text(4)?,
            path: text(5),
            frequency: *self.frequency.values.get(rows.start)?,
            timestamps: self.timestamp.values.get(rows.clone())?.to_vec(),
            values: self.value.values.get(rows)?.to_vec(),
        })
    }
}

/// Iterates over the pieces of an [`Archive`]. Ends behind the first error.
pub struct Pieces<'a, R: Read + Seek + Send + 'static> {
    archive: &'a Archive<R>,
    row_group: usize,
    columns: Option<Columns>,
    ready: VecDeque<Piece>,
}

impl<R: Read + Seek + Send + 'static> fmt::Debug for Pieces<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pieces").field("row_group", &self.row_group).finish_non_exhaustive()
    }
}

impl<R: Read + Seek + Send + 'static> Pieces<'_, R> {
    /// Makes pieces of the next rows; whether there may be more.
    fn fill(&mut self) -> Result<bool, ReadError> {
        let Some(columns) = &mut self.columns else {
            if self.row_group >= self.archive.file.metadata().num_row_groups() {
                return Ok(false);
            }
            self.columns = Some(self.archive.columns(self.row_group)?);
            return Ok(true);
        };
        let rows = columns.fill(self.row_group)?;
        let mut begin = 0;
        for row in 1..=rows {
            if row == rows || !columns.goes_on(row) {
                self.ready.extend(columns.piece(begin..row));
                begin = row;
            }
        }
        if rows == 0 {
            self.columns = None;
            self.row_group += 1;
        }
        Ok(true)
    }
}

impl<R: Read + Seek + Send + 'static> Archive<R> {
    fn columns(&self, row_group: usize) -> Result<Columns, ReadError> {
        let group = self.file.get_row_group(row_group)?;
        let places = self.places.names.iter().chain(&self.places.path);
        let names = places.map(|&place| Ok(Column::new(group.get_column_reader(place)?)));
        Ok(Columns {
            names: names.collect::<Result<_, ReadError>>()?,
            timestamp: Column::new(group.get_column_reader(self.places.timestamp)?),
            frequency: Column::new(group.get_column_reader(self.places.frequency)?),
            value: Column::new(group.get_column_reader(self.places.value)?),
        })
    }
}

impl<R: Read + Seek + Send + 'static> Iterator for Pieces<'_, R> {
    type Item = Result<Piece, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Some(Ok(piece));
            }
            match contained(|| self.fill()) {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => {
                    self.columns = None;
                    self.row_group = usize::MAX;
                    return Some(Err(error));
                }
            }
        }
    }
}
