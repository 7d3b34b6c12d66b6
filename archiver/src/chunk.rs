//! A column of a row group, as it lies in the file: pages, and what the footer says of them.

use crate::error::ArchiveError;
use bytes::Bytes;
use parquet::basic::{BoundaryOrder, Compression, Encoding};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::file::metadata::{ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder};
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;
use zstd::bulk::Compressor;

/// A column, encoded and compressed.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) bytes: Bytes,
    pub(crate) close: ColumnCloseResult,
}

/// The least and the greatest value of a page, as statistics have them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) min: Vec<u8>,
    pub(crate) max: Vec<u8>,
}

/// A column whose pages are being written.
pub(crate) struct ChunkBuilder<'c, 'd> {
    compressor: &'c mut Compressor<'d>,
    descr: ColumnDescPtr,
    out: TrackedWrite<Vec<u8>>,
    offsets: OffsetIndexBuilder,
    index: ColumnIndexBuilder,
    dictionary_at: Option<i64>,
    data_at: Option<i64>,
    uncompressed: usize,
    compressed: usize,
    encodings: Vec<Encoding>,
    rows: usize,
}

impl<'c, 'd> ChunkBuilder<'c, 'd> {
    pub(crate) fn new(descr: ColumnDescPtr, compressor: &'c mut Compressor<'d>) -> Self {
        let index = ColumnIndexBuilder::new(descr.physical_type());
        Self {
            compressor,
            descr,
            out: TrackedWrite::new(Vec::new()),
            offsets: OffsetIndexBuilder::new(),
            index,
            dictionary_at: None,
            data_at: None,
            uncompressed: 0,
            compressed: 0,
            encodings: Vec::new(),
            rows: 0,
        }
    }

    /// Writes the dictionary: before any page.
    pub(crate) fn dictionary(&mut self, plain: &[u8], entries: usize) -> Result<(), ArchiveError> {
        let buf = self.compress(plain)?;
        let num_values = fits(entries)?;
        let page =
            Page::DictionaryPage { buf, num_values, encoding: Encoding::PLAIN, is_sorted: false };
        let (offset, _) = self.write(page, plain.len())?;
        self.dictionary_at = Some(offset);
        self.used(Encoding::PLAIN);
        Ok(())
    }

    /// Writes a page of encoded values. All columns are required: there are no levels before them.
    pub(crate) fn page(
        &mut self,
        encoding: Encoding,
        rows: usize,
        values: &[u8],
        bounds: Bounds,
    ) -> Result<(), ArchiveError> {
        let buf = self.compress(values)?;
        let page = Page::DataPage {
            buf,
            num_values: fits(rows)?,
            encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let (offset, size) = self.write(page, values.len())?;
        self.data_at.get_or_insert(offset);
        self.used(encoding);
        self.rows += rows;
        self.offsets.append_row_count(fits(rows)?);
        self.offsets.append_offset_and_size(offset, fits(size)?);
        let is_float = self.descr.physical_type() == parquet::basic::Type::FLOAT;
        self.index.append(false, bounds.min, bounds.max, 0, is_float.then_some(0));
        Ok(())
    }

    /// Ends the column. `order` is that of its pages' bounds, `statistics` those that the footer
    /// has of it, if any.
    ///
    /// Engines read the whole footer for any query, and this once for each column of each row group:
    /// so pages are not counted by their encodings.
    pub(crate) fn finish(
        mut self,
        statistics: Option<Statistics>,
        order: BoundaryOrder,
    ) -> Result<Chunk, ArchiveError> {
        self.index.set_boundary_order(order);
        let mut metadata = ColumnChunkMetaData::builder(self.descr)
            .set_compression(Compression::ZSTD(parquet::basic::ZstdLevel::default()))
            .set_encodings(self.encodings)
            .set_num_values(fits(self.rows)?)
            .set_total_compressed_size(fits(self.compressed)?)
            .set_total_uncompressed_size(fits(self.uncompressed)?)
            .set_dictionary_page_offset(self.dictionary_at)
            .set_data_page_offset(self.data_at.unwrap_or_default());
        if let Some(statistics) = statistics {
            metadata = metadata.set_statistics(statistics);
        }
        let close = ColumnCloseResult {
            bytes_written: self.compressed as u64,
            rows_written: self.rows as u64,
            metadata: metadata.build()?,
            bloom_filter: None,
            column_index: Some(self.index.build()?),
            offset_index: Some(self.offsets.build()),
        };
        Ok(Chunk { bytes: self.out.into_inner()?.into(), close })
    }

    fn compress(&mut self, bytes: &[u8]) -> Result<Bytes, ArchiveError> {
        let compressed = self.compressor.compress(bytes);
        Ok(compressed.map_err(|error| ArchiveError::Encode(error.to_string()))?.into())
    }

    /// Returns where the page begins, and its size with its header.
    fn write(&mut self, page: Page, uncompressed: usize) -> Result<(i64, usize), ArchiveError> {
        let page = CompressedPage::new(page, uncompressed);
        let spec = SerializedPageWriter::new(&mut self.out).write_page(page)?;
        self.uncompressed += spec.uncompressed_size;
        self.compressed += spec.compressed_size;
        Ok((fits(spec.offset)?, spec.compressed_size))
    }

    fn used(&mut self, encoding: Encoding) {
        if !self.encodings.contains(&encoding) {
            self.encodings.push(encoding);
        }
    }
}

/// Numbers of rows and bytes are bounded by what a row group takes; Parquet's fields are narrow.
fn fits<T, U: TryFrom<T>>(number: T) -> Result<U, ArchiveError> {
    U::try_from(number).map_err(|_| ArchiveError::Encode("a number exceeds its field".to_owned()))
}
