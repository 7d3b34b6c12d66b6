//! `/api/healthcheck`: which metrics of which hosts no longer arrive.

use crate::json::push_string;
use crate::object;
use crate::query::MAX_SERIES;
use crate::reply::{self, Answered, bad};
use crate::state::Server;
use crate::store::Store;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use checkpointer::memstore::Health;
use serde::Deserialize;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

/// The body. A misspelt field would ask for nothing, and hear that all is well: unknown ones are
/// refused.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Question {
    cluster: Option<String>,
    nodes: Option<Vec<String>>,
    metric_names: Option<Vec<String>>,
}

pub(crate) async fn answer(State(server): State<Arc<Server>>, request: Request<Body>) -> Answered {
    let received = server.receive_json(request).await?;
    let (store, now) = (server.ready_store()?, server.clock.unix());
    let answered = server.read(move || {
        let received = received.inflated()?;
        let question: Question = object::parse(&received.bytes)
            .map_err(|error| bad(&format!("parsing request body failed: {error}")))?;
        if question.pairs() > MAX_SERIES {
            return Err(bad(&format!("request asks for more than {MAX_SERIES} metrics of nodes")));
        }
        Ok(reply::json(StatusCode::OK, question.answer(&store, now)))
    });
    answered.await?
}

impl Question {
    /// How many metrics of nodes there are to look at, if they all are there.
    fn pairs(&self) -> usize {
        let len = |names: &Option<Vec<String>>| names.as_ref().map_or(0, Vec::len);
        len(&self.nodes).saturating_mul(len(&self.metric_names))
    }

    fn answer(&self, store: &Store, now: i64) -> Vec<u8> {
        let cluster = self.cluster.as_deref().unwrap_or_default();
        let mut metrics: Vec<&[u8]> = Vec::new();
        let mut known = HashSet::new();
        // Each once: every one of them is looked for in all levels, under the host's lock.
        for name in self.metric_names.iter().flatten().filter(|name| known.insert(*name)) {
            metrics.push(name.as_bytes());
        }
        // An object has every key once, and the Go server's has them sorted.
        let nodes: BTreeSet<&str> = self.nodes.iter().flatten().map(String::as_str).collect();
        let mut out = vec![b'{'];
        for (at, node) in nodes.into_iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            push_string(&mut out, node.as_bytes());
            let health =
                store.read(cluster, node, |host| host.health(store.catalogue(), now, &metrics));
            // A host that is offline is as good as unknown: nobody can say that it is well.
            push_health(&mut out, health.ok().flatten().as_ref(), metrics.len());
        }
        out.extend_from_slice(b"}\n");
        out
    }
}

fn push_health(out: &mut Vec<u8>, health: Option<&Health>, asked: usize) {
    let state = match health {
        None => "failed",
        Some(health) => match health.degraded.len() + health.missing.len() {
            0 => "full",
            ill if ill >= asked => "failed",
            _ => "partial",
        },
    };
    out.extend_from_slice(b":{\"State\":");
    push_string(out, state.as_bytes());
    out.extend_from_slice(b",\"HealthMetrics\":");
    push_string(out, &health.map(lists).unwrap_or_default());
    out.push(b'}');
}

/// A string that is JSON itself.
fn lists(health: &Health) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, metrics) in
        [("{\"degraded\":[", &health.degraded), ("],\"missing\":[", &health.missing)]
    {
        out.extend_from_slice(name.as_bytes());
        for (at, metric) in metrics.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            push_string(&mut out, metric);
        }
    }
    out.extend_from_slice(b"]}");
    out
}
