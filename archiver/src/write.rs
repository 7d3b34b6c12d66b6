//! From row groups to a file.

use crate::error::ArchiveError;
use crate::group::RowGroup;
use crate::receipt::{HostRows, Receipt};
use crate::schema::{self, key};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use std::fmt;
use std::io::Write;
use std::sync::Arc;

/// Writes one archive file: row groups in the order of their hosts, then the footer.
pub struct ArchiveWriter<W: Write> {
    cluster: String,
    hosts: Vec<HostRows>,
    row_groups: u64,
    /// Writes into memory, from where it goes to `writer` after each row group: an error of the
    /// writer is met here, with nothing of Parquet around it.
    file: SerializedFileWriter<Vec<u8>>,
    writer: W,
    bytes: u64,
    state: State,
}

/// Behind a write that failed nobody knows what is in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Whole,
    Broken,
}

impl<W: Write> fmt::Debug for ArchiveWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArchiveWriter")
            .field("cluster", &self.cluster)
            .field("row_groups", &self.row_groups)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl<W: Write> ArchiveWriter<W> {
    /// Begins the archive of a cluster.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Encode`]; nothing is written yet.
    pub fn new(writer: W, cluster: &[u8]) -> Result<Self, ArchiveError> {
        let properties = WriterProperties::builder()
            .set_created_by(schema::CREATED_BY.to_owned())
            .set_sorting_columns(Some(schema::sorting_columns()))
            .build();
        let file = SerializedFileWriter::new(Vec::new(), schema::schema()?, Arc::new(properties))?;
        let cluster = crate::name::text(cluster).into_owned();
        let (hosts, state) = (Vec::new(), State::Whole);
        Ok(Self { cluster, hosts, row_groups: 0, file, writer, bytes: 0, state })
    }

    /// Appends a row group. Its hosts come behind those that are there; only the last of them may
    /// go on in it.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Unsorted`] and [`ArchiveError::WrongCluster`] for a row group that does not
    /// belong here: it is left out, others may follow. [`ArchiveError::Io`] if the writer fails.
    pub fn append(&mut self, group: RowGroup) -> Result<(), ArchiveError> {
        if self.state == State::Broken {
            return Err(ArchiveError::Broken);
        }
        self.check(&group)?;
        if group.rows > 0 {
            self.state = State::Broken;
            self.write(&group)?;
            self.state = State::Whole;
            self.row_groups += 1;
        }
        for host in group.hosts {
            match self.hosts.last_mut() {
                Some(last) if last.hostname == host.hostname => last.join(host),
                _ => self.hosts.push(host),
            }
        }
        Ok(())
    }

    fn check(&self, group: &RowGroup) -> Result<(), ArchiveError> {
        if group.cluster != self.cluster {
            let (expected, found) = (self.cluster.clone(), group.cluster.clone());
            return Err(ArchiveError::WrongCluster { expected, found });
        }
        let mut previous = self.hosts.last();
        for (index, host) in group.hosts.iter().enumerate() {
            // A host that goes on has brought its sources before.
            let goes_on = |last: &HostRows| {
                index == 0 && last.hostname == host.hostname && host.sources.is_empty()
            };
            if let Some(last) = previous
                && last.hostname >= host.hostname
                && !goes_on(last)
            {
                let (hostname, previous) = (host.hostname.clone(), last.hostname.clone());
                return Err(ArchiveError::Unsorted { hostname, previous });
            }
            previous = Some(host);
        }
        Ok(())
    }

    fn write(&mut self, group: &RowGroup) -> Result<(), ArchiveError> {
        let mut row_group = self.file.next_row_group()?;
        for chunk in &group.chunks {
            row_group.append_column(&chunk.bytes, chunk.close.clone())?;
        }
        row_group.close()?;
        self.hand_on()
    }

    /// Gives the writer what Parquet has written.
    fn hand_on(&mut self) -> Result<(), ArchiveError> {
        self.file.flush().map_err(ArchiveError::Io)?;
        let ready = self.file.inner_mut();
        self.writer.write_all(ready).map_err(ArchiveError::Io)?;
        self.bytes += ready.len() as u64;
        ready.clear();
        Ok(())
    }

    /// Writes the footer. Returns the writer, flushed but not synced, and what the file holds.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Io`] if the writer fails, [`ArchiveError::Broken`] if it had failed before.
    pub fn finish(mut self) -> Result<(W, Receipt), ArchiveError> {
        if self.state == State::Broken {
            return Err(ArchiveError::Broken);
        }
        let (cluster, hosts) = (std::mem::take(&mut self.cluster), std::mem::take(&mut self.hosts));
        let mut receipt = Receipt { cluster, hosts, row_groups: self.row_groups, bytes: 0 };
        for (key, value) in metadata(&receipt) {
            self.file.append_key_value_metadata(KeyValue::new(key.to_owned(), value));
        }
        self.file.finish()?;
        self.hand_on()?;
        self.writer.flush().map_err(ArchiveError::Io)?;
        receipt.bytes = self.bytes;
        Ok((self.writer, receipt))
    }
}

/// What the footer says of the file as a whole.
fn metadata(receipt: &Receipt) -> Vec<(&'static str, String)> {
    let sources: Vec<&str> =
        receipt.hosts.iter().flat_map(|host| &host.sources).map(String::as_str).collect();
    let mut pairs = vec![
        (key::VERSION, schema::VERSION.to_owned()),
        (key::WRITER, schema::CREATED_BY.to_owned()),
        (key::CLUSTER, receipt.cluster.clone()),
        (key::SOURCES, serde_json::json!(sources).to_string()),
        (key::HOSTS, receipt.hosts.len().to_string()),
        (key::ROWS, receipt.rows().to_string()),
    ];
    if let Some((min, max)) = receipt.times() {
        pairs.push((key::MIN_TIMESTAMP, min.to_string()));
        pairs.push((key::MAX_TIMESTAMP, max.to_string()));
    }
    pairs
}
