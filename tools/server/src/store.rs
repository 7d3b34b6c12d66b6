//! What the server answers from, once recovery is done.

use checkpointer::log::Pool;
use checkpointer::memstore::{Catalogue, Host};
use checkpointer::{Engine, Offline, Recovered};
use std::fmt;
use std::sync::Arc;

use ingest::Ingest;

/// Whether a host is in use by a running job, asked with cluster and host: nothing of it is freed.
pub type IsKept = Arc<dyn Fn(&str, &str) -> bool + Send + Sync>;

/// A store that has recovered, and what belongs to it.
#[derive(Clone)]
pub struct Store {
    /// The engine.
    pub engine: Arc<Engine>,
    /// What lines are written with.
    pub ingest: Arc<Ingest>,
    /// The threads that many hosts are worked on with.
    pub pool: Arc<dyn Pool + Send + Sync>,
    /// Hosts that are in use.
    pub is_kept: IsKept,
    /// What the start has found.
    pub recovered: Recovered,
}

impl Store {
    pub(crate) fn catalogue(&self) -> &Catalogue {
        self.engine.catalogue()
    }

    /// Reads from a host, under its lock; None if there is no such host.
    pub(crate) fn read<R>(
        &self,
        cluster: &str,
        host: &str,
        read: impl FnOnce(&Host) -> R,
    ) -> Result<Option<R>, Offline> {
        match self.engine.get(cluster, host) {
            Some(host) => Ok(Some(host.read(read))),
            None => self.engine.offline(cluster, host).map_or(Ok(None), Err),
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("engine", &self.engine).finish_non_exhaustive()
    }
}
