//! Answers as the Go server words them: JSON with a status and an error, or plain text.

use crate::json::push_string;
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;

pub(crate) type Reply = Response<Body>;
/// An answer, or the one that a request gets instead.
pub(crate) type Answered = Result<Reply, Refusal>;

/// The answer that a request gets instead of the one it asked for.
#[derive(Debug)]
pub(crate) struct Refusal(Box<Reply>);

impl From<Reply> for Refusal {
    fn from(reply: Reply) -> Self {
        Self(Box::new(reply))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Reply {
        *self.0
    }
}

/// The request is not as it should be.
pub(crate) fn bad(message: &str) -> Refusal {
    error(StatusCode::BAD_REQUEST, message).into()
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
/// When a client that was turned away may come back, in seconds.
const RETRY_AFTER_S: HeaderValue = HeaderValue::from_static("5");

/// JSON.
pub(crate) fn json(status: StatusCode, body: impl Into<Body>) -> Reply {
    of_type(JSON, status, body)
}

/// Plain text.
pub(crate) fn text(status: StatusCode, body: impl Into<Body>) -> Reply {
    of_type(TEXT, status, body)
}

/// What is neither.
pub(crate) fn of_type(
    content_type: HeaderValue,
    status: StatusCode,
    body: impl Into<Body>,
) -> Reply {
    let mut reply = Response::new(body.into());
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, content_type);
    reply
}

/// `{"status":"Bad Request","error":"…"}`.
pub(crate) fn error(status: StatusCode, message: &str) -> Reply {
    let mut body = Vec::new();
    push_error(&mut body, status, message);
    body.extend_from_slice(b"}\n");
    json(status, body)
}

/// The same without its end: more fields may follow.
pub(crate) fn push_error(body: &mut Vec<u8>, status: StatusCode, message: &str) {
    body.extend_from_slice(b"{\"status\":");
    push_string(body, status.canonical_reason().unwrap_or_default().as_bytes());
    body.extend_from_slice(b",\"error\":");
    push_string(body, message.as_bytes());
}

/// The client is to come back: 503, and when.
pub(crate) fn unavailable(message: &str) -> Reply {
    with(error(StatusCode::SERVICE_UNAVAILABLE, message), RETRY_AFTER, RETRY_AFTER_S)
}

pub(crate) fn with(mut reply: Reply, name: HeaderName, value: HeaderValue) -> Reply {
    reply.headers_mut().insert(name, value);
    reply
}
