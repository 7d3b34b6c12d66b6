//! The columns of an archive, told once; `FORMAT.md` is their prose.

use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::errors::ParquetError;
use parquet::file::metadata::SortingColumn;
use parquet::schema::types::{Type, TypePtr};
use std::sync::Arc;

/// The columns in their order. The first eight are the Go store's.
pub(crate) const COLUMNS: [(&str, Kind); 10] = [
    ("cluster", Kind::Text),
    ("hostname", Kind::Text),
    ("metric", Kind::Text),
    ("scope", Kind::Text),
    ("scope_id", Kind::Text),
    ("timestamp", Kind::Integer),
    ("frequency", Kind::Integer),
    ("value", Kind::Float),
    ("path", Kind::Text),
    ("time", Kind::Instant),
];

/// The columns by which rows are sorted, ascending.
pub(crate) const SORTED_BY: [&str; 7] =
    ["cluster", "hostname", "metric", "scope", "scope_id", "path", "timestamp"];

/// The columns whose bounds the footer has of each row group, where it could have them: those that
/// tell one row group from another. Of the others nearly every row group, a day of a host, has all values; the bounds of
/// their pages are in the page index.
const BOUNDED: [&str; 5] = ["cluster", "hostname", "metric", "timestamp", "time"];

/// Whether the footer has the bounds of a column.
pub(crate) fn is_bounded(column: &str) -> bool {
    BOUNDED.contains(&column)
}

/// Milliseconds, the coarsest unit that Parquet has for `time`, in a second of `timestamp`.
pub(crate) const TIME_PER_SECOND: i64 = 1000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Integer,
    Float,
    Instant,
}

/// Keys of the metadata of a file.
pub(crate) mod key {
    pub(crate) const VERSION: &str = "levelstore.archive_version";
    pub(crate) const WRITER: &str = "levelstore.writer";
    pub(crate) const CLUSTER: &str = "levelstore.cluster";
    pub(crate) const SOURCES: &str = "levelstore.sources";
    pub(crate) const HOSTS: &str = "levelstore.hosts";
    pub(crate) const ROWS: &str = "levelstore.rows";
    pub(crate) const MIN_TIMESTAMP: &str = "levelstore.min_timestamp";
    pub(crate) const MAX_TIMESTAMP: &str = "levelstore.max_timestamp";
}

/// What [`key::VERSION`] says.
pub(crate) const VERSION: &str = "1";

/// Program and version, as readers of Parquet expect them in `created_by`.
pub(crate) const CREATED_BY: &str = concat!("levelstore version ", env!("CARGO_PKG_VERSION"));

/// The schema: flat, every column required.
pub(crate) fn schema() -> Result<TypePtr, ParquetError> {
    let mut fields = Vec::with_capacity(COLUMNS.len());
    for (name, kind) in COLUMNS {
        let (physical, logical) = match kind {
            Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Kind::Integer => (Physical::INT64, None),
            Kind::Float => (Physical::FLOAT, None),
            Kind::Instant => {
                (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MILLIS)))
            }
        };
        let field = Type::primitive_type_builder(name, physical)
            .with_repetition(Repetition::REQUIRED)
            .with_logical_type(logical);
        fields.push(Arc::new(field.build()?));
    }
    Ok(Arc::new(Type::group_type_builder("levelstore").with_fields(fields).build()?))
}

/// What a row group says of its order.
pub(crate) fn sorting_columns() -> Vec<SortingColumn> {
    let place = |sorted: &str| COLUMNS.iter().position(|(name, _)| *name == sorted);
    let index = |sorted: &&str| place(sorted).and_then(|place| i32::try_from(place).ok());
    let column = |column_idx| SortingColumn { column_idx, descending: false, nulls_first: false };
    SORTED_BY.iter().filter_map(index).map(column).collect()
}
