//! A body that comes in chunks.

use std::fmt;
use std::sync::Arc;

use checkpointer::Now;
use checkpointer::disk::Disk;
use line_protocol::Stream;

use crate::batch::Batch;
use crate::entry::Ingest;
use crate::how::How;
use crate::outcome::Outcome;

/// Takes a body in chunks, cut anywhere. It holds a cut line, samples until enough of a host have come
/// together, and what is not acknowledged yet: all of it bounded.
pub struct Session<D: Disk + 'static> {
    ingest: Arc<Ingest<D>>,
    batch: Batch<D>,
    stream: Stream,
}

impl<D: Disk> Session<D> {
    pub(crate) fn new(ingest: Arc<Ingest<D>>, cluster: Option<&str>, how: How) -> Self {
        Self { ingest, batch: Batch::new(cluster, how), stream: Stream::new() }
    }

    /// Takes the lines that end in this chunk. After a failure nothing is taken any more. Samples may
    /// be kept until others follow, a [`flush`](Self::flush), or the end.
    pub fn feed(&mut self, chunk: &[u8], now: Now) {
        self.batch.take(&self.ingest, &mut self.stream.feed(chunk), now);
    }

    /// Writes what was taken so far: if it may be long until the next chunk comes.
    pub fn flush(&mut self, now: Now) {
        self.batch.leave_all(&self.ingest, now);
    }

    /// Lines so far, samples stored, refusals: what has become of the chunks up to here.
    pub fn outcome(&self) -> &Outcome {
        &self.batch.outcome
    }

    /// Takes the last line, if the body did not end with a newline, and waits for what is to be
    /// acknowledged.
    pub fn finish(mut self, now: Now) -> Outcome {
        self.batch.take(&self.ingest, &mut self.stream.finish(), now);
        self.batch.finish(&self.ingest, now)
    }
}

impl<D: Disk> fmt::Debug for Session<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("outcome", self.outcome()).finish_non_exhaustive()
    }
}
