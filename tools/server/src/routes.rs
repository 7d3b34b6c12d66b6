//! Which path is answered by what, and who may ask.
//!
//! Every path is there with and without a slash at its end. Below `/api/` a token is asked for, if
//! there is a key to check it with; for what is not there, too, so that nobody learns what is. Who is
//! sent away is counted for all paths together.

use crate::auth::Wants;
use crate::reply::{self, Reply};
use crate::state::Server;
use crate::{debug, free, health, metrics, query, ready, series, write};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderValue, Request, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::routing::{MethodRouter, get, post};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const API: &str = "/api/";
const FREE: &str = "/api/free";
const DEBUG: &str = "/api/debug";

/// What every path is answered by.
fn routes() -> [(&'static str, MethodRouter<Arc<Server>>); 9] {
    [
        ("/api/write", post(write::answer)),
        ("/api/query", get(query::answer).post(query::answer)),
        (FREE, post(free::answer)),
        (DEBUG, get(debug::answer)),
        ("/api/healthcheck", get(health::answer)),
        ("/api/v1/series", get(series::answer)),
        ("/metrics", get(metrics::answer)),
        ("/-/healthy", get(ready::healthy)),
        ("/-/ready", get(ready::ready)),
    ]
}

impl Server {
    /// All that is answered: what [`serve`](Self::serve) puts behind a connection, for those who have
    /// connections of their own.
    pub fn router(self: &Arc<Self>) -> Router {
        let mut router = Router::new();
        for (path, answers) in routes() {
            let answers = answers.layer(from_fn_with_state((Arc::clone(self), path), count));
            router = router.route(path, answers.clone()).route(&format!("{path}/"), answers);
        }
        router
            .method_not_allowed_fallback(method_not_allowed)
            .fallback(not_found)
            .layer(from_fn_with_state(Arc::clone(self), guard))
            .with_state(Arc::clone(self))
    }
}

async fn not_found() -> Reply {
    reply::text(StatusCode::NOT_FOUND, "404 page not found\n")
}

async fn method_not_allowed() -> Reply {
    reply::text(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed\n")
}

/// Counts a request.
async fn count(
    State((server, path)): State<(Arc<Server>, &'static str)>,
    request: Request<Body>,
    next: Next,
) -> Reply {
    let began = Instant::now();
    let reply = next.run(request).await;
    server.counters.request(path, reply.status().as_u16(), began.elapsed());
    reply
}

/// Lets through to what is below `/api/` who may get there.
async fn guard(State(server): State<Arc<Server>>, request: Request<Body>, next: Next) -> Reply {
    let path = request.uri().path();
    if !path.starts_with(API) {
        return next.run(request).await;
    }
    if let Some(tokens) = &server.tokens {
        let wants = match path.strip_suffix('/').unwrap_or(path) {
            FREE | DEBUG => Wants::Role,
            _ => Wants::Any,
        };
        let header = request.headers().get(AUTHORIZATION).map(HeaderValue::as_bytes);
        if let Err(denied) = tokens.check(header, wants, server.clock.unix()) {
            let status = StatusCode::UNAUTHORIZED.as_u16();
            server.counters.request(API, status, Duration::ZERO);
            return reply::text(StatusCode::UNAUTHORIZED, format!("{denied}\n"));
        }
    }
    next.run(request).await
}
