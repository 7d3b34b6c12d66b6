//! The answer to a request, as chunks of JSON.

use super::request::{MAX_SERIES, Query, Request, RequestError};
use crate::decimals::{self, Decimals, push_integer};
use crate::json::push_string;
use crate::store::Store;
use checkpointer::memstore::{Answer, Host, MAX_ENTRIES, ReadError, Selected, Summary};
use std::sync::Arc;

/// From how many bytes on a chunk is handed out.
const CHUNK_LEN: usize = 64 << 10;
/// How many values are written between two looks at the length of a chunk.
const VALUES_AT_A_TIME: usize = 4096;

/// The answer to a request, in chunks: an iterator that reads the store as it goes. It blocks
/// while a host is locked, but waits for no disk and no client.
#[derive(Debug)]
pub(crate) struct Answers {
    store: Arc<Store>,
    request: Request,
    /// The hosts of the cluster, if all of them are asked.
    hosts: Vec<String>,
    next: Next,
}

/// What is written next.
#[derive(Debug)]
enum Next {
    Opening,
    Echo(usize),
    Results,
    Query(usize),
    Series { query: usize, series: usize, entries: Entries },
    Values { query: usize, series: usize, entry: Box<Entry> },
    End,
}

/// Whether an array has elements yet: the next one then has a comma before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entries {
    None,
    Some,
}

/// A series that is being written.
#[derive(Debug)]
struct Entry {
    padding: usize,
    answer: Answer,
    scale: f64,
    summary: Option<Summary>,
    /// How many values, padding included, are written.
    written: usize,
    with_data: bool,
}

impl Answers {
    /// Reads a request.
    pub(crate) fn new(store: Arc<Store>, body: &[u8]) -> Result<Self, RequestError> {
        let request = Request::parse(body)?;
        let hosts = match &request.for_all_nodes[..] {
            [] => Vec::new(),
            _ => store.engine.hosts(&request.cluster),
        };
        let expanded = hosts.len().saturating_mul(request.for_all_nodes.len());
        if expanded.saturating_add(request.queries.len()) > MAX_SERIES {
            return Err(RequestError::TooMany);
        }
        Ok(Self { store, request, hosts, next: Next::Opening })
    }

    /// Host and metric of a query that all hosts are asked, host by host.
    fn expanded(&self, number: usize) -> Option<(&str, &str)> {
        let metrics = &self.request.for_all_nodes;
        let host = self.hosts.get(number.checked_div(metrics.len())?)?;
        Some((host, metrics.get(number % metrics.len())?))
    }

    /// Writes a little more, and says what is next.
    fn step(&mut self, out: &mut Vec<u8>) -> Next {
        match std::mem::replace(&mut self.next, Next::End) {
            Next::Opening => {
                out.push(b'{');
                Next::Echo(0)
            }
            Next::Echo(number) => self.echo(out, number),
            Next::Results => {
                out.extend_from_slice(b"\"results\":[");
                Next::Query(0)
            }
            Next::Query(query) => self.query(out, query),
            Next::Series { query, series, entries } => self.series(out, query, series, entries),
            Next::Values { query, series, mut entry } => match entry.write(out) {
                Written::All => Next::Series { query, series: series + 1, entries: Entries::Some },
                Written::Part => Next::Values { query, series, entry },
            },
            Next::End => Next::End,
        }
    }

    fn echo(&self, out: &mut Vec<u8>, number: usize) -> Next {
        let Some((host, metric)) = self.expanded(number) else {
            if number > 0 {
                out.extend_from_slice(b"],");
            }
            return Next::Results;
        };
        out.extend_from_slice(if number == 0 { b"\"queries\":[" } else { b"," });
        out.extend_from_slice(b"{\"metric\":");
        push_string(out, metric.as_bytes());
        out.extend_from_slice(b",\"host\":");
        push_string(out, host.as_bytes());
        out.extend_from_slice(b",\"resolution\":0,\"aggreg\":false}");
        Next::Echo(number + 1)
    }

    fn query(&self, out: &mut Vec<u8>, query: usize) -> Next {
        let explicit = self.request.queries.len();
        if query < explicit || self.expanded(query - explicit).is_some() {
            out.extend_from_slice(if query == 0 { b"[" } else { b",[" });
            Next::Series { query, series: 0, entries: Entries::None }
        } else {
            out.extend_from_slice(b"]}\n");
            Next::End
        }
    }

    fn series(&self, out: &mut Vec<u8>, query: usize, series: usize, entries: Entries) -> Next {
        let (found, scale) = if let Some(asked) = self.request.queries.get(query) {
            if series >= asked.series() {
                out.push(b']');
                return Next::Query(query + 1);
            }
            (self.read(&asked.host, asked, series), asked.scale_by)
        } else {
            let expanded = self.expanded(query - self.request.queries.len());
            let Some((host, metric)) = expanded.filter(|_| series == 0) else {
                out.push(b']');
                return Next::Query(query + 1);
            };
            (self.read(host, &Query::of_host(metric.to_owned(), String::new()), 0), 0.0)
        };
        let mut comma = || {
            if entries == Entries::Some {
                out.push(b',');
            }
        };
        match found {
            Ok(Some(answer)) => {
                comma();
                let entry = Entry::new(&self.request, answer, scale);
                out.push(b'{');
                Next::Values { query, series, entry: Box::new(entry) }
            }
            Ok(None) => Next::Series { query, series: series + 1, entries },
            Err(error) => {
                comma();
                out.extend_from_slice(b"{\"error\":");
                push_string(out, error.as_bytes());
                out.extend_from_slice(
                    b",\"from\":0,\"to\":0,\"resolution\":0,\"avg\":0.00,\"min\":0.00,\"max\":0.00}",
                );
                Next::Series { query, series: series + 1, entries: Entries::Some }
            }
        }
    }

    /// The values of a series; None if the host has none.
    fn read(&self, host: &str, asked: &Query, series: usize) -> Result<Option<Answer>, String> {
        let selector = asked.selector(series);
        let query = checkpointer::memstore::Query {
            resolution: asked.resolution,
            ..checkpointer::memstore::Query::new(
                &selector,
                asked.metric.as_bytes(),
                self.request.from,
                self.request.to,
            )
        };
        let select = |host: &Host| select(host, self.store.catalogue(), &query);
        let cluster = &self.request.cluster;
        // A host that is not there is one without series: the question may make no sense all the same.
        let selected = match self.store.read(cluster, host, select) {
            Ok(selected) => selected.unwrap_or_else(|| select(&Host::new())),
            Err(offline) => return Err(offline.to_string()),
        };
        let answer = selected.and_then(|selected| selected.read());
        match answer {
            Ok(answer) if self.request.padding(&answer).is_none() => {
                Err(ReadError::TooLarge.to_string())
            }
            Ok(answer) => Ok(Some(answer)),
            Err(ReadError::Nothing) => Ok(None),
            Err(error) => Err(worded(error, &asked.metric)),
        }
    }
}

/// Selects the series. Where there is none, a resolution is not wrong: there is no entry then.
fn select(
    host: &Host,
    catalogue: &checkpointer::memstore::Catalogue,
    query: &checkpointer::memstore::Query<'_>,
) -> Result<Selected, ReadError> {
    host.select(catalogue, query).map_err(|error| match error {
        ReadError::Resolution(_) => {
            let as_stored = checkpointer::memstore::Query { resolution: 0, ..*query };
            host.select(catalogue, &as_stored).err().unwrap_or(error)
        }
        _ => error,
    })
}

/// In the words of the Go server, which scripts may look for.
fn worded(error: ReadError, metric: &str) -> String {
    match error {
        ReadError::FromAfterTo { .. } => "[METRICSTORE]> invalid time range".to_owned(),
        ReadError::UnknownMetric => format!("[METRICSTORE]> unknown metric: {metric}"),
        ReadError::Resolution(error) => format!(
            "new sampling frequency ({}) must be a multiple of old frequency ({})",
            error.resolution_s, error.frequency_s
        ),
        _ => error.to_string(),
    }
}

impl Request {
    /// How many nulls stand before the first value: what the series lacks at its begin. None if
    /// there would be more than an answer may have.
    fn padding(&self, answer: &Answer) -> Option<usize> {
        if !self.with_padding() || !self.with_data() {
            return Some(0);
        }
        let slots = |time: i64| i128::from(time.div_euclid(answer.frequency.max(1)));
        let padding = (slots(answer.from) - slots(self.from)).max(0);
        usize::try_from(padding).ok().filter(|&padding| padding <= MAX_ENTRIES)
    }
}

/// Whether there is more to write.
enum Written {
    All,
    Part,
}

impl Entry {
    fn new(request: &Request, answer: Answer, scale: f64) -> Self {
        Self {
            padding: request.padding(&answer).unwrap_or_default(),
            summary: request.with_stats().then(|| answer.summary()),
            // As the Go server has it: nought is a field that was not given.
            scale: if scale == 0.0 { 1.0 } else { scale },
            answer,
            written: 0,
            with_data: request.with_data(),
        }
    }

    fn write(&mut self, out: &mut Vec<u8>) -> Written {
        let len = self.padding + self.answer.values.len();
        if self.with_data && len > 0 {
            if self.written == 0 {
                out.extend_from_slice(b"\"data\":[");
            }
            let end = len.min(self.written + VALUES_AT_A_TIME);
            self.write_values(out, end);
            if end < len {
                return Written::Part;
            }
            // In the place of the last comma.
            out.pop();
            out.extend_from_slice(b"],");
        }
        self.write_rest(out);
        Written::All
    }

    fn write_values(&mut self, out: &mut Vec<u8>, end: usize) {
        for _ in self.written..end.min(self.padding) {
            out.extend_from_slice(b"null,");
        }
        let values = self.written.saturating_sub(self.padding)..end.saturating_sub(self.padding);
        for value in &self.answer.values[values] {
            decimals::push(out, value * self.scale, Decimals::Three);
            out.push(b',');
        }
        self.written = end;
    }

    fn write_rest(&self, out: &mut Vec<u8>) {
        let Answer { from, to, resolution, .. } = self.answer;
        for (name, number) in
            [("\"from\":", from), (",\"to\":", to), (",\"resolution\":", resolution)]
        {
            out.extend_from_slice(name.as_bytes());
            push_integer(out, number);
        }
        let [avg, min, max] = self.summary.map_or([0.0; 3], |summary| {
            [summary.avg, summary.min, summary.max].map(|value| value * self.scale)
        });
        for (name, number) in [(",\"avg\":", avg), (",\"min\":", min), (",\"max\":", max)] {
            out.extend_from_slice(name.as_bytes());
            decimals::push(out, number, Decimals::Two);
        }
        out.push(b'}');
    }
}

impl Iterator for Answers {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        while out.len() < CHUNK_LEN && !matches!(self.next, Next::End) {
            self.next = self.step(&mut out);
        }
        (!out.is_empty()).then_some(out)
    }
}
