//! `/-/healthy` and `/-/ready`: whether the process lives, and whether it can do its work.
//!
//! Both answer from the first moment on. Ready is who has recovered and can write: else it is 503, with
//! how far recovery has come, or what is wrong.

use crate::decimals::push_unsigned;
use crate::reply::{self, Answered, Reply};
use crate::state::Server;
use crate::store::Store;
use axum::extract::State;
use axum::http::StatusCode;
use checkpointer::Progress;
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub(crate) async fn healthy() -> Reply {
    reply::text(StatusCode::OK, "healthy\n")
}

pub(crate) async fn ready(State(server): State<Arc<Server>>) -> Answered {
    let Some(store) = server.store() else {
        let progress = recovering(server.progress());
        return Ok(reply::json(StatusCode::SERVICE_UNAVAILABLE, progress));
    };
    let this = Arc::clone(&server);
    let looked = server.read(move || {
        let state = Degraded::of(&store, &this);
        let status = if state.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        reply::json(status, state.to_json())
    });
    looked.await
}

fn recovering(progress: Progress) -> Vec<u8> {
    object(
        "recovering",
        &[
            ("hosts", progress.hosts),
            ("hosts_total", progress.hosts_total),
            ("points", progress.points),
            ("bytes", progress.bytes),
            ("bytes_total", progress.bytes_total),
        ],
    )
}

/// What is wrong.
struct Degraded {
    /// Hosts whose files cannot be read.
    hosts_offline: u64,
    /// Hosts whose log could not be synced: until their next checkpoint a crash may cost samples.
    hosts_unsynced: u64,
    /// Whether the last write was not let into the log.
    log_refuses: bool,
    /// Whether there is no memory for more samples.
    memory_full: bool,
}

impl Degraded {
    fn of(store: &Store, server: &Server) -> Self {
        let now = server.clock.now();
        let hosts = store.engine.all();
        let unsynced = hosts.iter().filter(|host| host.log_stats(now.uptime).needs_checkpoint);
        Self {
            hosts_unsynced: u64::try_from(unsynced.count()).unwrap_or(u64::MAX),
            hosts_offline: store.engine.stats(now).offline,
            log_refuses: server.counters.log_refuses.load(Ordering::Relaxed),
            memory_full: server.is_full(),
        }
    }

    fn is_none(&self) -> bool {
        let is_written = self.hosts_unsynced == 0 && !self.log_refuses;
        is_written && self.hosts_offline == 0 && !self.memory_full
    }

    fn to_json(&self) -> Vec<u8> {
        let state = if self.is_none() { "ready" } else { "degraded" };
        object(
            state,
            &[
                ("hosts_offline", self.hosts_offline),
                ("hosts_unsynced", self.hosts_unsynced),
                ("log_refuses", u64::from(self.log_refuses)),
                ("memory_full", u64::from(self.memory_full)),
            ],
        )
    }
}

fn object(state: &str, numbers: &[(&str, u64)]) -> Vec<u8> {
    let mut out = format!("{{\"state\":\"{state}\"").into_bytes();
    for (name, number) in numbers {
        out.extend_from_slice(format!(",\"{name}\":").as_bytes());
        push_unsigned(&mut out, *number);
    }
    out.extend_from_slice(b"}\n");
    out
}
