//! Where in a file the columns of an archive are, and readers of them.

use super::pieces::texts_of;
use crate::error::ReadError;
use crate::source::{By, Pages, Source};
use parquet::basic::{Repetition, Type as Physical};
use parquet::column::reader::{ColumnReader, get_column_reader};
use parquet::data_type::ByteArray;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::page_index::index_reader::decode_offset_index;
use parquet::file::page_index::offset_index::PageLocation;
use parquet::file::reader::ChunkReader;
use parquet::file::serialized_reader::SerializedPageReader;
use parquet::file::statistics::Statistics;
use parquet::schema::types::SchemaDescriptor;
use std::io::{Read, Seek};
use std::ops::Range;
use std::sync::Arc;

/// Where in the file the columns are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places {
    /// `cluster`, `hostname`, `metric`, `scope`, `scope_id`.
    pub(super) names: [usize; 5],
    pub(super) timestamp: usize,
    pub(super) frequency: usize,
    pub(super) value: usize,
    /// Only our files have it.
    pub(super) path: Option<usize>,
}

impl Places {
    pub(super) fn of(schema: &SchemaDescriptor) -> Result<Self, ReadError> {
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

    /// The cluster and the host of all rows of a row group, if its bounds say that they are the same.
    pub(super) fn only_host(&self, group: &RowGroupMetaData) -> Option<(String, String)> {
        let [cluster, hostname, ..] = self.names.map(|place| only_name(group, place));
        cluster.zip(hostname).map(|(cluster, hostname)| texts_of((&cluster, &hostname)))
    }
}

/// The name that all rows of a column have.
fn only_name(group: &RowGroupMetaData, place: usize) -> Option<ByteArray> {
    match group.columns().get(place)?.statistics()? {
        Statistics::ByteArray(known) if known.min_is_exact() && known.max_is_exact() => {
            let (min, max) = (known.min_opt()?, known.max_opt()?);
            (min == max).then(|| min.clone())
        }
        _ => None,
    }
}

/// A reader of a column of a row group. With `pages` it skips those that are not wanted without
/// looking at them.
pub(super) fn column_reader<R: Read + Seek + Send + 'static>(
    source: &Arc<Source<R>>,
    group: &RowGroupMetaData,
    place: usize,
    pages: Option<Vec<PageLocation>>,
) -> Result<ColumnReader, ReadError> {
    let column = group.columns().get(place).ok_or_else(|| missing(place))?;
    let rows = usize::try_from(group.num_rows()).unwrap_or(0);
    let by = if pages.is_some() { By::Index } else { By::Headers };
    let source = Arc::new(Pages { source: Arc::clone(source), by });
    let pages = SerializedPageReader::new(source, column, rows, pages)?;
    Ok(get_column_reader(column.column_descr_ptr(), Box::new(pages)))
}

fn missing(place: usize) -> ReadError {
    ReadError::Damaged(format!("a row group has no column {place}"))
}

/// Where the pages of a column are, if the file has an index of them.
pub(super) fn pages<R: Read + Seek + Send>(
    source: &Source<R>,
    group: &RowGroupMetaData,
    place: usize,
) -> Result<Option<Vec<PageLocation>>, ReadError> {
    let column = group.columns().get(place).ok_or_else(|| missing(place))?;
    let Some(bytes) = part(source, column.offset_index_range())? else { return Ok(None) };
    Ok(Some(decode_offset_index(&bytes)?.page_locations().clone()))
}

/// A part of the file that an index is in.
pub(super) fn part<R: Read + Seek + Send>(
    source: &Source<R>,
    range: Option<Range<u64>>,
) -> Result<Option<bytes::Bytes>, ReadError> {
    let Some(range) = range.filter(|range| range.start < range.end) else { return Ok(None) };
    let length = usize::try_from(range.end - range.start)
        .map_err(|_| ReadError::Damaged("an index is larger than memory".to_owned()))?;
    Ok(Some(source.get_bytes(range.start, length)?))
}
