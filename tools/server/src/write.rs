//! `/api/write`: lines are stored, and what is refused is told.
//!
//! 200 if no line was malformed; how many were refused by policy stands in a header then. Else 400,
//! with the first of them. The good lines are stored in either case. 503 if the lines could not be
//! logged: nothing counts as acknowledged, and sending them again is harmless.

use crate::counters::Source;
use crate::decimals::push_unsigned;
use crate::json::push_string;
use crate::parameters::Parameters;
use crate::reply::{self, Answered, Refusal, Reply};
use crate::state::Server;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{HeaderName, HeaderValue};
use axum::http::{Request, StatusCode};
use ingest::{How, Outcome};
use std::borrow::Cow;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

/// How long the log may be full before a client is sent away.
const PATIENCE: Duration = Duration::from_secs(10);

const REFUSED: HeaderName = HeaderName::from_static("x-levelstore-refused");

pub(crate) async fn answer(State(server): State<Arc<Server>>, request: Request<Body>) -> Answered {
    let cluster = Parameters::of(request.uri()).get("cluster").filter(|name| !name.is_empty());
    let cluster = cluster.map(Cow::into_owned);
    let store = server.ready_store()?;
    if server.is_full() {
        return Ok(reply::unavailable("there is no memory for more samples"));
    }
    let received = server.receive_lines(request).await?;
    let this = Arc::clone(&server);
    let written = server.write(move || {
        let received = received.inflated()?;
        let (now, how) = (this.clock.now(), How::acknowledged(PATIENCE));
        let outcome = store.ingest.batch(&received.bytes, cluster.as_deref(), now, how);
        this.counters.lines(Source::Http, &outcome);
        Ok::<_, Refusal>(told(&outcome))
    });
    written.await?
}

fn told(outcome: &Outcome) -> Reply {
    if let Some(why) = &outcome.not_acknowledged {
        return reply::unavailable(&explained(why));
    }
    let reply = match outcome.malformed {
        0 => reply::json(StatusCode::OK, Body::empty()),
        _ => reply::json(StatusCode::BAD_REQUEST, listed(outcome)),
    };
    match outcome.policy {
        0 => reply,
        refused => reply::with(reply, REFUSED, HeaderValue::from(refused)),
    }
}

/// An error with its causes.
fn explained(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// The JSON error, with counts by reason and the first of the lines.
fn listed(outcome: &Outcome) -> Vec<u8> {
    let message = match outcome.faults.iter().find(|fault| fault.reason.is_malformed()) {
        None => format!("malformed lines: {}", outcome.malformed),
        Some(first) => format!(
            "malformed lines: {}; line {}, column {}: {}",
            outcome.malformed, first.line, first.column, first.reason
        ),
    };
    let mut out = Vec::new();
    reply::push_error(&mut out, StatusCode::BAD_REQUEST, &message);
    for (name, number) in [
        (",\"stored\":", outcome.stored),
        (",\"malformed\":", outcome.malformed),
        (",\"refused\":", outcome.policy),
    ] {
        out.extend_from_slice(name.as_bytes());
        push_unsigned(&mut out, number);
    }
    out.extend_from_slice(b",\"reasons\":{");
    for (at, (reason, count)) in outcome.refused.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        push_string(&mut out, reason.label().as_bytes());
        out.push(b':');
        push_unsigned(&mut out, count);
    }
    out.extend_from_slice(b"},\"lines\":[");
    for (at, fault) in outcome.faults.iter().enumerate() {
        out.extend_from_slice(if at == 0 { b"{\"line\":" } else { b",{\"line\":" });
        push_unsigned(&mut out, fault.line);
        out.extend_from_slice(b",\"column\":");
        push_unsigned(&mut out, u64::try_from(fault.column).unwrap_or(u64::MAX));
        out.extend_from_slice(b",\"reason\":");
        push_string(&mut out, fault.reason.to_string().as_bytes());
        out.push(b'}');
    }
    out.extend_from_slice(b"]}\n");
    out
}
