//! The interfaces of Levelstore: HTTP as collectors, job monitoring and Prometheus speak it, and
//! subscriptions to NATS.
//!
//! A [`Server`] stands above an engine and an ingest, and answers requests from any number of
//! connections ([`Server::serve`]). It opens no file and binds no socket: whoever runs it does, and tells
//! it the time ([`Clock`]). It needs a runtime of tokio with time and I/O.
//!
//! Everything that comes in is bounded: heads, bodies, what bodies inflate to, how long they take,
//! connections, questions at a time. Answers are written as they are read from the store, piece by
//! piece, and no piece is read before the one before it was taken.
//!
//! A server listens before its store has recovered, so that whoever asks hears how far that is:
//!
//! ```no_run
//! # use checkpointer::{Engine, Now, Recovered};
//! # use server::{Clock, Limits, Server, Store};
//! # use ingest::Ingest;
//! # use std::sync::Arc;
//! # type Found = (Arc<Engine>, Ingest, Recovered);
//! # async fn run(now: fn() -> Now, recover: fn(&Server) -> Found) -> std::io::Result<()> {
//! let server = Arc::new(Server::new(Clock::new(now), None, Limits::default()));
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8082").await?;
//! let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
//! let serving = tokio::spawn({
//!     let server = Arc::clone(&server);
//!     async move { server.serve(listener, None, async { drop(stopped.await) }).await }
//! });
//!
//! // Its progress is told to `Server::recovering`.
//! let (engine, ingest, recovered) = recover(&server);
//! server.ready(Store {
//!     engine,
//!     ingest: Arc::new(ingest),
//!     pool: Arc::new(checkpointer::log::Inline),
//!     is_kept: Arc::new(|_cluster, _host| false),
//!     recovered,
//! });
//!
//! // Until a signal comes. Then requests that have begun are answered, and the engine can be closed.
//! drop(stop);
//! let _drained = serving.await;
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod auth;
mod body;
mod connections;
mod counters;
mod debug;
mod decimals;
mod exposition;
mod free;
mod health;
mod json;
mod metrics;
mod nats;
mod object;
mod parameters;
mod query;
mod ready;
mod reply;
mod routes;
mod series;
mod stall;
mod state;
mod store;
mod write;

pub use auth::{KeyError, Tokens};
pub use connections::{Drained, Tls, TlsError};
pub use counters::{ArchiveOutcome, ArchiveRun};
pub use nats::{Login, Nats, NatsError, Subscription};
pub use query::MAX_SERIES;
pub use state::{Clock, Limits, Server};
pub use store::{IsKept, Store};
