//! Request bodies: received whole, and inflated, within bounds.
//!
//! A body has at most as many bytes as it may have, before and behind inflating. All bodies together
//! have a budget: what does not fit is answered 503, so that clients however many cost no more
//! memory than was said. A long body has all the time it needs, as long as it comes: a client that
//! sends a byte now and then is cut off.

use crate::reply::{self, Refusal};
use axum::body::{Body, HttpBody};
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use axum::http::{HeaderMap, Request, StatusCode};
use bytes::Buf;
use flate2::bufread::MultiGzDecoder;
use http_body_util::BodyExt;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

/// In what steps memory is taken from the budget.
const STEP: usize = 64 << 10;
/// A client has so long for the next [`BYTES_IN_TIME`] of a body, or for its end.
const PATIENCE: Duration = Duration::from_secs(20);
const BYTES_IN_TIME: usize = 16 << 10;

/// The memory that all bodies share.
#[derive(Clone, Debug)]
pub(crate) struct Budget(Arc<Semaphore>);

/// A body with its share of the budget.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) bytes: Vec<u8>,
    encoding: Encoding,
    share: Share,
    len_max: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Plain,
    Gzip,
}

#[derive(Debug)]
struct Share {
    budget: Budget,
    permit: Option<OwnedSemaphorePermit>,
}

/// Why there is no body.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("request body has more than {0} bytes")]
    TooLarge(usize),
    #[error("request body came too slowly")]
    TooSlow,
    #[error("too many request bodies at a time")]
    Busy,
    #[error("request body broke off: {0}")]
    Broken(axum::Error),
    #[error("request body is no gzip: {0}")]
    Gzip(std::io::Error),
    #[error("content encoding is neither gzip nor identity")]
    Encoding,
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        let status = match error {
            BodyError::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            BodyError::TooSlow => StatusCode::REQUEST_TIMEOUT,
            BodyError::Busy => return reply::unavailable(&error.to_string()).into(),
            BodyError::Broken(_) | BodyError::Gzip(_) => StatusCode::BAD_REQUEST,
            BodyError::Encoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        };
        reply::error(status, &error.to_string()).into()
    }
}

impl Budget {
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes.div_ceil(STEP).min(Semaphore::MAX_PERMITS))))
    }

    fn share(&self) -> Share {
        Share { budget: self.clone(), permit: None }
    }
}

impl Share {
    /// Holds memory for `len` bytes from now on.
    fn grow_to(&mut self, len: usize) -> Result<(), BodyError> {
        let held = self.permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let missing = u32::try_from(len.div_ceil(STEP).saturating_sub(held));
        let missing = missing.map_err(|_| BodyError::Busy)?;
        if missing == 0 {
            return Ok(());
        }
        let semaphore = Arc::clone(&self.budget.0);
        let more = semaphore.try_acquire_many_owned(missing).map_err(|_| BodyError::Busy)?;
        match &mut self.permit {
            Some(permit) => permit.merge(more),
            None => self.permit = Some(more),
        }
        Ok(())
    }
}

/// Receives the body of a request.
pub(crate) async fn receive(
    request: Request<Body>,
    budget: &Budget,
    len_max: usize,
) -> Result<Received, BodyError> {
    let encoding = encoding(request.headers())?;
    let announced = content_length(request.headers()).unwrap_or_default();
    if announced > len_max {
        return Err(BodyError::TooLarge(len_max));
    }
    let mut body = request.into_body();
    let mut share = budget.share();
    let mut bytes = Vec::new();
    let (mut deadline, mut counted) = (Instant::now() + PATIENCE, 0);
    while !body.is_end_stream() {
        let frame = timeout_at(deadline, body.frame()).await.map_err(|_| BodyError::TooSlow)?;
        let Some(frame) = frame else { break };
        let Ok(data) = frame.map_err(BodyError::Broken)?.into_data() else { continue };
        let len = bytes.len().saturating_add(data.remaining());
        if len > len_max {
            return Err(BodyError::TooLarge(len_max));
        }
        if len > bytes.capacity() {
            // Not what was announced: what has not come takes no memory from others.
            let capacity = len.max(bytes.capacity().saturating_mul(2)).min(len_max);
            share.grow_to(capacity)?;
            bytes.reserve_exact(capacity - bytes.len());
        }
        bytes.extend_from_slice(&data);
        if len - counted >= BYTES_IN_TIME {
            (deadline, counted) = (Instant::now() + PATIENCE, len);
        }
    }
    Ok(Received { bytes, encoding, share, len_max })
}

fn encoding(headers: &HeaderMap) -> Result<Encoding, BodyError> {
    match headers.get(CONTENT_ENCODING).map(|value| value.as_bytes().trim_ascii()) {
        None => Ok(Encoding::Plain),
        Some(value) if value.eq_ignore_ascii_case(b"identity") => Ok(Encoding::Plain),
        Some(value) if value.eq_ignore_ascii_case(b"gzip") => Ok(Encoding::Gzip),
        Some(_) => Err(BodyError::Encoding),
    }
}

fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

impl Received {
    /// Inflates the body if it is deflated. Takes its time: not for a thread that others wait for.
    pub(crate) fn inflated(mut self) -> Result<Self, BodyError> {
        if self.encoding == Encoding::Plain {
            return Ok(self);
        }
        let packed = std::mem::take(&mut self.bytes);
        let mut gzip = MultiGzDecoder::new(&packed[..]);
        loop {
            let len = self.bytes.len();
            self.share.grow_to(packed.len() + len + STEP)?;
            let part = (&mut gzip).take(STEP as u64).read_to_end(&mut self.bytes);
            if part.map_err(BodyError::Gzip)? == 0 {
                self.encoding = Encoding::Plain;
                return Ok(self);
            }
            if self.bytes.len() > self.len_max {
                return Err(BodyError::TooLarge(self.len_max));
            }
        }
    }
}
