//! `/api/free`: what is old and durable leaves the memory.

use crate::parameters::Parameters;
use crate::reply::{self, Answered, bad};
use crate::state::Server;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use checkpointer::Branch;
use std::sync::Arc;

/// How many parts of the store one request may name.
const BRANCHES_MAX: usize = 1 << 16;

pub(crate) async fn answer(State(server): State<Arc<Server>>, request: Request<Body>) -> Answered {
    let parameters = Parameters::of(request.uri());
    parameters.required("to")?;
    let before = parameters.integer("to")?.unwrap_or(i64::MIN);
    let received = server.receive_json(request).await?;
    let (store, now) = (server.ready_store()?, server.clock.now());
    let freed = server.write(move || {
        let received = received.inflated()?;
        let mut branches: Vec<Branch> = serde_json::from_slice(&received.bytes)
            .map_err(|error| reply::text(StatusCode::BAD_REQUEST, format!("{error}\n")))?;
        // Each is looked for in every host.
        branches.sort_unstable();
        branches.dedup();
        if branches.len() > BRANCHES_MAX {
            return Err(bad(&format!("request names more than {BRANCHES_MAX} parts")));
        }
        let freed = store.engine.free(before, &branches, &*store.is_kept, now, &*store.pool);
        Ok(reply::text(StatusCode::OK, format!("buffers freed: {}\n", freed.blocks)))
    });
    freed.await?
}
