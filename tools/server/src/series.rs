//! `/api/v1/series`: one series, or one aggregate, for scripts and spreadsheets.
//!
//! `cluster`, `host` and `metric` are required. Every `device` leads one level further down; without
//! one it is the host itself. `from` ≤ t < `to`, in seconds since 1970: the last hour unless told. `step` is the
//! resolution, `format` is `json` (default) or `csv`. Numbers are exact.

use crate::decimals::push_integer;
use crate::json::push_string;
use crate::parameters::Parameters;
use crate::reply::{self, Answered, Refusal, bad};
use crate::state::{Server, streamed};
use crate::store::Store;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, Request, StatusCode};
use checkpointer::memstore::{Answer, Element, Query, ReadError, Selector};
use std::sync::Arc;

const HOUR_S: i64 = 3600;
/// How many values are written into a chunk.
const CHUNK_VALUES: usize = 4096;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Json,
    Csv,
}

struct Question {
    cluster: String,
    host: String,
    metric: String,
    devices: Vec<String>,
    from: i64,
    to: i64,
    step: i64,
    format: Format,
}

pub(crate) async fn answer(State(server): State<Arc<Server>>, request: Request<Body>) -> Answered {
    let question = Question::parse(Parameters::of(request.uri()), server.clock.unix())?;
    let content_type = HeaderValue::from_static(match question.format {
        Format::Json => "application/json",
        Format::Csv => "text/csv; charset=utf-8",
    });
    let store = server.ready_store()?;
    streamed(server, content_type, move || {
        let (answer, series) = question.read(&store)?;
        Ok(Rows { question, answer, series, written: 0, part: Part::Head })
    })
    .await
}

impl Question {
    fn parse(parameters: Parameters<'_>, now: i64) -> Result<Self, Refusal> {
        let to = parameters.integer("to")?.unwrap_or(now);
        let format = match parameters.get("format").as_deref() {
            None | Some("json") => Format::Json,
            Some("csv") => Format::Csv,
            Some(other) => {
                let message = format!("'format' is neither json nor csv: {other}");
                return Err(bad(&message));
            }
        };
        Ok(Self {
            cluster: parameters.required("cluster")?.into_owned(),
            host: parameters.required("host")?.into_owned(),
            metric: parameters.required("metric")?.into_owned(),
            devices: parameters.all("device").map(std::borrow::Cow::into_owned).collect(),
            from: parameters.integer("from")?.unwrap_or(to.saturating_sub(HOUR_S)),
            to,
            step: parameters.integer("step")?.unwrap_or(0),
            format,
        })
    }

    /// The answer, and of how many series it is made.
    fn read(&self, store: &Store) -> Result<(Answer, usize), Refusal> {
        let refuse = |status, message: &str| Err(reply::error(status, message).into());
        let elements = self.devices.iter().map(|device| Element::Name(device.clone().into()));
        let selector = Selector::new(elements.collect());
        let query = Query {
            resolution: self.step,
            ..Query::new(&selector, self.metric.as_bytes(), self.from, self.to)
        };
        let selected =
            store.read(&self.cluster, &self.host, |host| host.select(store.catalogue(), &query));
        let selected = match selected {
            Ok(Some(selected)) => selected,
            Ok(None) => return refuse(StatusCode::NOT_FOUND, "there is no such host"),
            Err(offline) => return refuse(StatusCode::SERVICE_UNAVAILABLE, &offline.to_string()),
        };
        match selected.and_then(|selected| Ok((selected.read()?, selected.series()))) {
            Ok(read) => Ok(read),
            Err(error @ (ReadError::Nothing | ReadError::UnknownMetric)) => {
                refuse(StatusCode::NOT_FOUND, &error.to_string())
            }
            Err(error) => refuse(StatusCode::BAD_REQUEST, &error.to_string()),
        }
    }
}

/// An answer in chunks.
struct Rows {
    question: Question,
    answer: Answer,
    series: usize,
    written: usize,
    part: Part,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Head,
    Values,
    End,
}

impl Rows {
    fn head(&self, out: &mut Vec<u8>) {
        if self.question.format == Format::Csv {
            out.extend_from_slice(b"time,value\n");
            return;
        }
        let Question { cluster, host, metric, devices, .. } = &self.question;
        let mut before = b'{';
        for (name, text) in [("cluster", cluster), ("host", host), ("metric", metric)] {
            out.push(std::mem::replace(&mut before, b','));
            push_string(out, name.as_bytes());
            out.push(b':');
            push_string(out, text.as_bytes());
        }
        out.extend_from_slice(b",\"device\":[");
        for (at, device) in devices.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            push_string(out, device.as_bytes());
        }
        out.push(b']');
        let Answer { from, to, resolution, .. } = self.answer;
        for (name, number) in [(",\"from\":", from), (",\"to\":", to), (",\"step\":", resolution)] {
            out.extend_from_slice(name.as_bytes());
            push_integer(out, number);
        }
        out.extend_from_slice(b",\"values\":[");
    }

    fn values(&mut self, out: &mut Vec<u8>) {
        let end = self.answer.values.len().min(self.written + CHUNK_VALUES);
        for (at, &value) in self.answer.values.iter().enumerate().take(end).skip(self.written) {
            match self.question.format {
                Format::Csv => {
                    let at = i64::try_from(at).unwrap_or(i64::MAX);
                    let offset = at.saturating_mul(self.answer.resolution);
                    push_integer(out, self.answer.from.saturating_add(offset));
                    out.push(b',');
                    self.push_value(out, value);
                    out.push(b'\n');
                }
                Format::Json => {
                    if at > 0 {
                        out.push(b',');
                    }
                    if value.is_finite() {
                        self.push_value(out, value);
                    } else {
                        out.extend_from_slice(b"null");
                    }
                }
            }
        }
        self.written = end;
    }

    /// The shortest text that is read back as the same number; nothing where there is none.
    fn push_value(&self, out: &mut Vec<u8>, value: f64) {
        if !value.is_finite() {
            return;
        }
        let mut buffer = zmij::Buffer::new();
        #[expect(clippy::cast_possible_truncation, reason = "the values of one series are f32")]
        let text = if self.series == 1 {
            buffer.format_finite(value as f32)
        } else {
            buffer.format_finite(value)
        };
        out.extend_from_slice(text.as_bytes());
    }
}

impl Iterator for Rows {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        match self.part {
            Part::Head => {
                self.head(&mut out);
                self.part = Part::Values;
            }
            Part::End => return None,
            Part::Values => {}
        }
        self.values(&mut out);
        if self.written == self.answer.values.len() {
            self.part = Part::End;
            if self.question.format == Format::Json {
                out.extend_from_slice(b"]}\n");
            }
        }
        Some(out)
    }
}
