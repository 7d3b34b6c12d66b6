//! `/api/query`: what is asked, and the answer, piece by piece.
//!
//! An answer is never put together as a whole: [`Answers`] hands it out in chunks, and reads the
//! next series when the one before has been handed out. What a request costs in memory is a chunk
//! and one series, however many it asks for.

mod answer;
mod request;

pub use request::MAX_SERIES;

use crate::reply::{Answered, bad};
use crate::state::{Server, streamed};
use answer::Answers;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderValue;
use std::sync::Arc;

pub(crate) async fn answer(
    State(server): State<Arc<Server>>,
    request: axum::http::Request<Body>,
) -> Answered {
    let received = server.receive_json(request).await?;
    let store = server.ready_store()?;
    streamed(server, HeaderValue::from_static("application/json"), move || {
        let received = received.inflated()?;
        Answers::new(store, &received.bytes).map_err(|error| bad(&error.to_string()))
    })
    .await
}
