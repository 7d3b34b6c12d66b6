//! What is wanted of a file, and where in it that can be: the bounds of row groups and pages tell it.

use super::places::{Places, pages, part};
use crate::error::ReadError;
use crate::name;
use crate::source::Source;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::page_index::index_reader::decode_column_index;
use std::io::{Read, Seek};
use std::ops::{Range, RangeInclusive};

/// Which rows are wanted: where a name is given only those with this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Cluster.
    pub cluster: Option<String>,
    /// Host.
    pub hostname: Option<String>,
    /// Metric.
    pub metric: Option<String>,
    /// Timestamps, in Unix seconds.
    pub times: RangeInclusive<i64>,
}

impl Default for Filter {
    fn default() -> Self {
        let times = i64::MIN..=i64::MAX;
        Self { cluster: None, hostname: None, metric: None, times }
    }
}

/// A [`Filter`] as a file says it.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    places: Places,
    /// Cluster, host, metric, as they stand in the columns.
    names: [Option<Vec<u8>>; 3],
    times: RangeInclusive<i64>,
}

impl Wanted {
    pub(super) fn new(filter: &Filter, places: Places) -> Self {
        let in_file = |name: &Option<String>| {
            let name = name.as_deref()?.as_bytes();
            let ours = places.path.is_some();
            Some(if ours { name::text(name).into_owned().into_bytes() } else { name.to_vec() })
        };
        let names = [&filter.cluster, &filter.hostname, &filter.metric].map(in_file);
        Self { places, names, times: filter.times.clone() }
    }

    fn wants_all_times(&self) -> bool {
        self.times == (i64::MIN..=i64::MAX)
    }

    fn wants_all(&self) -> bool {
        self.wants_all_times() && self.names.iter().all(Option::is_none)
    }

    /// The names that are wanted, and where their columns are.
    fn wanted_names(&self) -> impl Iterator<Item = (usize, &[u8])> {
        let pairs = self.places.names.into_iter().zip(&self.names);
        pairs.filter_map(|(place, name)| Some((place, name.as_deref()?)))
    }

    /// Whether a row of this cluster, host and metric is wanted, whatever its time.
    pub(super) fn has_names(&self, found: [&[u8]; 3]) -> bool {
        let mut pairs = self.names.iter().zip(found);
        pairs.all(|(wanted, found)| wanted.as_deref().is_none_or(|wanted| wanted == found))
    }

    pub(super) fn is_of_host(&self, cluster: &[u8], hostname: &[u8]) -> bool {
        let is = |wanted: &Option<Vec<u8>>, found: &[u8]| {
            wanted.as_deref().is_none_or(|wanted| wanted == found)
        };
        let [of_cluster, of_host, _] = &self.names;
        is(of_cluster, cluster) && is(of_host, hostname)
    }

    pub(super) fn has_time(&self, time: i64) -> bool {
        self.times.contains(&time)
    }

    /// Whether the bounds of a row group leave room for a row that is wanted.
    pub(super) fn may_be_in(&self, group: &RowGroupMetaData) -> bool {
        let between = |place: usize, name: &[u8]| {
            let known = || group.columns().get(place)?.statistics();
            // Bounds of old are those of signed bytes.
            let Some(known) = known().filter(|known| !known.is_min_max_deprecated()) else {
                return true;
            };
            known.min_bytes_opt().is_none_or(|min| min <= name)
                && known.max_bytes_opt().is_none_or(|max| name <= max)
        };
        let times = super::statistics(group, self.places.timestamp);
        self.wanted_names().all(|(place, name)| between(place, name))
            && times.is_none_or(|(first, last)| self.overlaps(first, last))
    }

    fn overlaps(&self, first: i64, last: i64) -> bool {
        *self.times.start() <= last && first <= *self.times.end()
    }

    /// The rows of a row group that may be wanted, by the bounds of its pages; None: all.
    pub(super) fn rows<R: Read + Seek + Send>(
        &self,
        source: &Source<R>,
        group: &RowGroupMetaData,
    ) -> Result<Option<Vec<Range<usize>>>, ReadError> {
        if self.wants_all() {
            return Ok(None);
        }
        let mut rows = None;
        for (place, name) in self.wanted_names() {
            let within = |bounds: &ColumnIndexMetaData, page: usize| match bounds {
                ColumnIndexMetaData::BYTE_ARRAY(bounds) => {
                    bounds.min_value(page).is_none_or(|min| min <= name)
                        && bounds.max_value(page).is_none_or(|max| name <= max)
                }
                _ => true,
            };
            rows = both(rows, rows_of_pages(source, group, place, within)?);
        }
        if !self.wants_all_times() {
            let within = |bounds: &ColumnIndexMetaData, page: usize| match bounds {
                ColumnIndexMetaData::INT64(bounds) => {
                    bounds.min_value(page).is_none_or(|min| *min <= *self.times.end())
                        && bounds.max_value(page).is_none_or(|max| *self.times.start() <= *max)
                }
                _ => true,
            };
            rows = both(rows, rows_of_pages(source, group, self.places.timestamp, within)?);
        }
        Ok(rows)
    }
}

/// The rows of the pages of a column that may have what is wanted; None: there is no index.
fn rows_of_pages<R: Read + Seek + Send>(
    source: &Source<R>,
    group: &RowGroupMetaData,
    place: usize,
    may_have: impl Fn(&ColumnIndexMetaData, usize) -> bool,
) -> Result<Option<Vec<Range<usize>>>, ReadError> {
    let Some(column) = group.columns().get(place) else { return Ok(None) };
    let Some(pages) = pages(source, group, place)? else { return Ok(None) };
    let Some(bytes) = part(source, column.column_index_range())? else { return Ok(None) };
    let bounds = decode_column_index(&bytes, column.column_type())?;
    let damaged = || ReadError::Damaged("the index of its pages contradicts itself".to_owned());
    if bounds.num_pages() != pages.len() as u64 {
        return Err(damaged());
    }
    let mut rows: Vec<Range<usize>> = Vec::new();
    for (number, page) in pages.iter().enumerate() {
        let next = pages.get(number + 1).map_or(group.num_rows(), |next| next.first_row_index);
        let begin = usize::try_from(page.first_row_index).map_err(|_| damaged())?;
        let end = usize::try_from(next).ok().filter(|&end| begin <= end).ok_or_else(damaged)?;
        if begin == end || !may_have(&bounds, number) {
            continue;
        }
        match rows.last_mut() {
            Some(last) if last.end == begin => last.end = end,
            _ => rows.push(begin..end),
        }
    }
    Ok(Some(rows))
}

/// The rows that are in both; they ascend.
fn both(a: Option<Vec<Range<usize>>>, b: Option<Vec<Range<usize>>>) -> Option<Vec<Range<usize>>> {
    let (Some(a), Some(b)) = (&a, &b) else { return a.or(b) };
    let (mut rows, mut of_a, mut of_b) = (Vec::new(), a.iter().peekable(), b.iter().peekable());
    while let (Some(one), Some(other)) = (of_a.peek(), of_b.peek()) {
        let common = one.start.max(other.start)..one.end.min(other.end);
        if one.end <= other.end {
            of_a.next();
        } else {
            of_b.next();
        }
        if !common.is_empty() {
            rows.push(common);
        }
    }
    Some(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::single_range_in_vec_init, reason = "one range of rows")]
    fn rows_are_wanted_if_every_column_wants_them() {
        let case = |a: &[Range<usize>], b: &[Range<usize>], expected: &[Range<usize>]| {
            assert_eq!(both(Some(a.to_vec()), Some(b.to_vec())).unwrap(), expected);
            assert_eq!(both(Some(b.to_vec()), Some(a.to_vec())).unwrap(), expected);
        };
        case(&[0..10], &[], &[]);
        case(&[0..10], &[3..5], &[3..5]);
        case(&[0..4, 6..10], &[2..7], &[2..4, 6..7]);
        case(&[0..4], &[4..8], &[]);
        case(&[0..2, 4..6, 8..9], &[1..5, 5..10], &[1..2, 4..5, 5..6, 8..9]);
        assert_eq!(both(None, Some(vec![1..2])), Some(vec![1..2]));
        assert_eq!(both(None, None), None);
    }
}
