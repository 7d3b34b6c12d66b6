//! What all requests share.

use crate::auth::Tokens;
use crate::body::{self, Budget, Received};
use crate::counters::{ArchiveRun, Counters};
use crate::reply::{self, Answered, Refusal};
use crate::store::Store;
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Request, StatusCode};
use checkpointer::{Now, Progress};
use futures_util::{StreamExt, stream};
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, SetOnce};
use tokio::task::spawn_blocking;

/// The time, as whoever runs the server tells it.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Now + Send + Sync>);

impl Clock {
    /// A clock that asks `now`.
    pub fn new(now: impl Fn() -> Now + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    pub(crate) fn now(&self) -> Now {
        (self.0)()
    }

    pub(crate) fn unix(&self) -> i64 {
        self.now().unix
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&self.now()).finish()
    }
}

/// What clients may ask of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest body of lines, before and behind inflating.
    pub body_bytes_max: usize,
    /// All bodies that are being received or worked on, together.
    pub bodies_bytes_max: usize,
    /// How many connections there can be: more have to wait.
    pub connections_max: usize,
    /// How many questions are worked on at a time: more have to wait.
    pub readers_max: usize,
    /// How many bodies of lines are written at a time: more have to wait. A write may wait for the disk.
    pub writers_max: usize,
    /// How long a connection may be silent between two requests, the head of the second included: longer than
    /// collectors pause.
    pub idle: Duration,
    /// How long a client may take nothing of what it is sent.
    pub stall: Duration,
    /// How long requests may go on after the server was told to stop.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 64 << 20,
            bodies_bytes_max: 512 << 20,
            connections_max: 8192,
            readers_max: 16,
            writers_max: 64,
            idle: Duration::from_secs(75),
            stall: Duration::from_secs(30),
            drain: Duration::from_secs(20),
        }
    }
}

/// The longest body that is read as JSON: it takes a multiple of its length in memory.
const JSON_BYTES_MAX: usize = 4 << 20;

/// The server: what all requests share.
#[derive(Debug)]
pub struct Server {
    store: SetOnce<Arc<Store>>,
    progress: Mutex<Progress>,
    pub(crate) counters: Counters,
    pub(crate) clock: Clock,
    pub(crate) tokens: Option<Tokens>,
    pub(crate) limits: Limits,
    /// Whether nothing is taken, for want of memory.
    is_full: AtomicBool,
    budget: Budget,
    readers: Arc<Semaphore>,
    writers: Arc<Semaphore>,
}

impl Server {
    /// A server without a store yet: what needs one is answered 503. Without `tokens` everybody may
    /// do everything.
    #[must_use]
    pub fn new(clock: Clock, tokens: Option<Tokens>, limits: Limits) -> Self {
        let budget = Budget::new(limits.bodies_bytes_max);
        let at_a_time = |max: usize| Arc::new(Semaphore::new(max.clamp(1, Semaphore::MAX_PERMITS)));
        let (readers, writers) = (at_a_time(limits.readers_max), at_a_time(limits.writers_max));
        let counters = Counters::default();
        let (store, progress) = (SetOnce::new(), Mutex::default());
        let is_full = AtomicBool::new(false);
        Self { store, progress, counters, clock, tokens, limits, is_full, budget, readers, writers }
    }

    /// Recovery has come so far.
    pub fn recovering(&self, progress: Progress) {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = progress;
    }

    /// Recovery is done: from here on requests are answered from this store. Only the first one
    /// counts.
    pub fn ready(&self, store: Store) {
        let _ = self.store.set(Arc::new(store));
    }

    /// Whether there is no memory for more: until there is, bodies of lines are answered 503, and
    /// messages of NATS are dropped and counted.
    pub fn set_full(&self, is_full: bool) {
        self.is_full.store(is_full, Ordering::Relaxed);
    }

    /// An archive run has ended.
    pub fn archived(&self, run: ArchiveRun) {
        self.counters.archived(run, self.clock.unix());
    }

    pub(crate) fn is_full(&self) -> bool {
        self.is_full.load(Ordering::Relaxed)
    }

    pub(crate) fn store(&self) -> Option<Arc<Store>> {
        self.store.get().cloned()
    }

    /// The store, or that there is none yet.
    pub(crate) fn ready_store(&self) -> Result<Arc<Store>, Refusal> {
        self.store().ok_or_else(|| reply::unavailable("recovery is not done yet").into())
    }

    pub(crate) async fn until_ready(&self) -> Arc<Store> {
        Arc::clone(self.store.wait().await)
    }

    pub(crate) fn progress(&self) -> Progress {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Receives a body that is read as JSON.
    pub(crate) async fn receive_json(&self, request: Request<Body>) -> Result<Received, Refusal> {
        let len_max = self.limits.body_bytes_max.min(JSON_BYTES_MAX);
        Ok(body::receive(request, &self.budget, len_max).await?)
    }

    /// Receives a body of lines.
    pub(crate) async fn receive_lines(&self, request: Request<Body>) -> Result<Received, Refusal> {
        Ok(body::receive(request, &self.budget, self.limits.body_bytes_max).await?)
    }

    /// Does what may wait for locks where no connection waits for it.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        aside(&self.readers, work).await
    }

    /// Does what may wait for the disk, where neither connections nor questions wait for it.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        aside(&self.writers, work).await
    }
}

async fn aside<T: Send + 'static>(
    at_a_time: &Arc<Semaphore>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Refusal> {
    let permit = Arc::clone(at_a_time).acquire_owned().await;
    // The permit goes with the work: that goes on when the client has gone.
    let done = spawn_blocking(move || {
        let done = work();
        drop(permit);
        done
    });
    let failed = |_| reply::error(StatusCode::INTERNAL_SERVER_ERROR, "request failed");
    Ok(done.await.map_err(failed)?)
}

/// An answer in chunks, each made when the one before it was taken. A short one is sent as a whole,
/// with its length. `open` may take its time, as the chunks may.
pub(crate) async fn streamed<I>(
    server: Arc<Server>,
    content_type: HeaderValue,
    open: impl FnOnce() -> Result<I, Refusal> + Send + 'static,
) -> Answered
where
    I: Iterator<Item = Vec<u8>> + Send + 'static,
{
    let begun = server.read(|| {
        let mut chunks = open()?;
        Ok::<_, Refusal>((chunks.next().unwrap_or_default(), chunks.next(), chunks))
    });
    let (first, second, rest) = begun.await??;
    let body = match second {
        None => Body::from(first),
        Some(second) => {
            let begun = stream::iter([first, second].map(|chunk| Ok(Bytes::from(chunk))));
            Body::from_stream(begun.chain(stream::unfold(Some((server, rest)), next_chunk)))
        }
    };
    Ok(reply::of_type(content_type, StatusCode::OK, body))
}

/// The next chunk. After a failure there is none: the connection breaks off, and the client knows
/// that the answer is not whole.
async fn next_chunk<I>(
    rest: Option<(Arc<Server>, I)>,
) -> Option<(io::Result<Bytes>, Option<(Arc<Server>, I)>)>
where
    I: Iterator<Item = Vec<u8>> + Send + 'static,
{
    let (server, mut chunks) = rest?;
    match server.read(move || (chunks.next(), chunks)).await {
        Ok((Some(chunk), chunks)) => Some((Ok(chunk.into()), Some((server, chunks)))),
        Ok((None, _)) => None,
        Err(_) => Some((Err(io::Error::other("answer could not be made")), None)),
    }
}
