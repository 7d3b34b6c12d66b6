//! From hosts to row groups.

use crate::chunk::Chunk;
use crate::columns::{self, Cut, Runs};
use crate::error::ArchiveError;
use crate::host::{Host, SeriesKey};
use crate::merge::{BATCH_ROWS, Batch};
use crate::receipt::{HostRows, join_times};
use crate::schema::{COLUMNS, TIME_PER_SECOND, schema};
use parquet::schema::types::SchemaDescriptor;
use zstd::bulk::Compressor;

/// How an archive is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// Rows from which on a row group is closed. Memory is held for them: about 20 bytes each.
    pub row_group_rows: usize,
    /// Level of zstd.
    pub zstd_level: i32,
}

impl Default for Options {
    fn default() -> Self {
        Self { row_group_rows: 1 << 20, zstd_level: 4 }
    }
}

/// Rows that room is made for at once.
const ROOM_MAX: usize = 1 << 21;

/// Bytes of distinct names from which on a row group is closed.
const NAME_BYTES_MAX: usize = 1 << 20;

/// A row group, encoded: some bytes for each of its pages, and what it holds.
#[derive(Debug)]
pub struct RowGroup {
    pub(crate) cluster: String,
    pub(crate) rows: u64,
    pub(crate) hosts: Vec<HostRows>,
    /// In the order of the schema; none if there are no rows.
    pub(crate) chunks: Vec<Chunk>,
}

impl RowGroup {
    /// Rows in it; 0 if its hosts have none.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Bytes that it will take in the file, and takes in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.bytes.len()).sum()
    }

    /// The hosts that have rows in it, or were found to have none.
    #[must_use]
    pub fn hosts(&self) -> &[HostRows] {
        &self.hosts
    }
}

/// Encodes hosts of a cluster, in sorted order, as row groups. Workers can have one each, for
/// hosts of their own: what counts is the order in which an
/// [`ArchiveWriter`](crate::ArchiveWriter) gets the row groups.
pub struct GroupEncoder {
    cluster: String,
    options: Options,
    schema: SchemaDescriptor,
    compressor: Compressor<'static>,
    batch: Batch,
    rows: Rows,
}

impl std::fmt::Debug for GroupEncoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GroupEncoder")
            .field("cluster", &self.cluster)
            .field("options", &self.options)
            .field("rows", &self.rows.times.len())
            .finish_non_exhaustive()
    }
}

/// The rows of the row group that grows.
#[derive(Debug, Default)]
struct Rows {
    /// `hostname`, `metric`, `scope`, `scope_id`, `path`.
    names: [Runs<String>; 5],
    name_bytes: usize,
    frequencies: Runs<i64>,
    times: Vec<i64>,
    values: Vec<f32>,
    hosts: Vec<HostRows>,
}

/// What takes a row group that is ready.
pub type Sink<'s> = dyn FnMut(RowGroup) -> Result<(), ArchiveError> + 's;

impl GroupEncoder {
    /// An encoder for hosts of a cluster.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Encode`] if the compressor has no memory.
    pub fn new(cluster: &[u8], options: Options) -> Result<Self, ArchiveError> {
        let failed = |error: std::io::Error| ArchiveError::Encode(error.to_string());
        let mut compressor = Compressor::new(options.zstd_level).map_err(failed)?;
        // Every reader checks it: a damaged page is never taken for values.
        compressor.include_checksum(true).map_err(failed)?;
        Ok(Self {
            cluster: crate::name::text(cluster).into_owned(),
            options,
            schema: SchemaDescriptor::new(schema()?),
            compressor,
            batch: Batch::default(),
            rows: Rows::with_room(options.row_group_rows.saturating_add(BATCH_ROWS)),
        })
    }

    /// Encodes all rows of a host. Row groups that are ready on the way go to `sink`, what is left
    /// waits for the next host or for [`GroupEncoder::finish`].
    ///
    /// # Errors
    ///
    /// Those of `sink`, and [`ArchiveError::Encode`]. After an error the encoder is of no more use.
    pub fn host(&mut self, host: Host<'_>, sink: &mut Sink<'_>) -> Result<(), ArchiveError> {
        let mut host = host;
        let hostname = std::mem::take(&mut host.hostname).into_owned();
        let wanted = host.wanted.clone();
        let open = |sources| HostRows {
            hostname: hostname.clone(),
            wanted: wanted.clone(),
            rows: 0,
            times: None,
            sources,
        };
        self.rows.hosts.push(open(std::mem::take(&mut host.sources)));
        let mut batch = std::mem::take(&mut self.batch);
        host.rows(&mut batch, &mut |key, batch| {
            if self.is_full() {
                sink(self.take()?)?;
                self.rows.hosts.push(open(Vec::new()));
            }
            self.rows.push(&hostname, key, batch);
            Ok(())
        })?;
        self.batch = batch;
        // A host of some size does not share its last row group: its rows stand alone.
        if self.rows.times.len() >= self.options.row_group_rows / 4 {
            sink(self.take()?)?;
        }
        Ok(())
    }

    /// Hands on the rows that are left.
    ///
    /// # Errors
    ///
    /// Those of `sink`, and [`ArchiveError::Encode`].
    pub fn finish(mut self, sink: &mut Sink<'_>) -> Result<(), ArchiveError> {
        if self.rows.hosts.is_empty() {
            return Ok(());
        }
        sink(self.take()?)
    }

    fn is_full(&self) -> bool {
        let rows = self.rows.times.len();
        rows >= self.options.row_group_rows || (rows > 0 && self.rows.name_bytes >= NAME_BYTES_MAX)
    }

    /// Encodes the rows so far.
    fn take(&mut self) -> Result<RowGroup, ArchiveError> {
        let rows = self.rows.times.len();
        let mut chunks = Vec::new();
        if rows > 0 {
            let mut cluster = Runs::default();
            cluster.push(self.cluster.as_str(), rows);
            chunks.reserve_exact(COLUMNS.len());
            for (index, (name, _)) in COLUMNS.into_iter().enumerate() {
                chunks.push(self.encode(name, index, &cluster)?);
            }
        }
        let hosts = std::mem::take(&mut self.rows.hosts);
        self.rows.clear();
        Ok(RowGroup { cluster: self.cluster.clone(), rows: rows as u64, hosts, chunks })
    }

    /// Encodes one column.
    fn encode(
        &mut self,
        name: &str,
        index: usize,
        cluster: &Runs<String>,
    ) -> Result<Chunk, ArchiveError> {
        let (rows, compressor) = (&mut self.rows, &mut self.compressor);
        let descr = self.schema.column(index);
        let [hostname, metric, scope, scope_id, path] = &rows.names;
        match name {
            "cluster" => columns::texts(cluster, Cut::Whole, descr, compressor),
            "hostname" => columns::texts(hostname, Cut::Whole, descr, compressor),
            "metric" => columns::texts(metric, Cut::Pages, descr, compressor),
            "scope" => columns::texts(scope, Cut::Pages, descr, compressor),
            "scope_id" => columns::texts(scope_id, Cut::Pages, descr, compressor),
            "path" => columns::texts(path, Cut::Pages, descr, compressor),
            "frequency" => columns::repeated(&rows.frequencies, descr, compressor),
            "value" => columns::values(&rows.values, &descr, compressor),
            "timestamp" => columns::times(&rows.times, descr, compressor),
            // The last column: the seconds are not needed any more.
            _ => {
                for time in &mut rows.times {
                    *time = time.saturating_mul(TIME_PER_SECOND);
                }
                columns::times(&rows.times, descr, compressor)
            }
        }
    }
}

impl Rows {
    /// Room that is not used is not memory yet; growing would leave behind, for a while, as much as
    /// there is in the end.
    fn with_room(rows: usize) -> Self {
        let rows = rows.min(ROOM_MAX);
        let (times, values) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
        Self { times, values, ..Self::default() }
    }

    fn push(&mut self, hostname: &str, key: &SeriesKey<'_>, batch: &Batch) {
        let count = batch.times.len();
        let texts = [hostname, key.metric, key.scope, key.scope_id, key.path];
        for (column, text) in self.names.iter_mut().zip(texts) {
            if column.push(text, count) {
                self.name_bytes += text.len();
            }
        }
        self.frequencies.push(&batch.frequency, count);
        self.times.extend_from_slice(&batch.times);
        self.values.extend_from_slice(&batch.values);
        if let Some(host) = self.hosts.last_mut() {
            host.rows += count as u64;
            let times = batch.times.first().copied().zip(batch.times.last().copied());
            host.times = join_times(host.times, times);
        }
    }

    /// Forgets the rows and keeps the room.
    fn clear(&mut self) {
        self.names.iter_mut().for_each(Runs::clear);
        self.name_bytes = 0;
        self.frequencies.clear();
        self.times.clear();
        self.values.clear();
    }
}
