//! The body of `/api/query`: its fields, their defaults, and how many series it asks for.
//!
//! Unknown fields are ignored, and so is whatever stands behind the object, as the Go server does;
//! `null` is a field that is not there.

use crate::object::{self, Object};
use checkpointer::memstore::{Element, Selector};
use serde::{Deserialize, Deserializer};

/// How many series one request may ask for: beyond that it is refused before anything is read.
pub const MAX_SERIES: usize = 1 << 20;

/// A question.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(crate) struct Request {
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) cluster: String,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) from: i64,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) to: i64,
    with_stats: Option<bool>,
    with_data: Option<bool>,
    with_padding: Option<bool>,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) for_all_nodes: Vec<String>,
    #[serde(deserialize_with = "objects")]
    pub(crate) queries: Vec<Query>,
}

/// One metric of one host, as one series or several.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(crate) struct Query {
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) metric: String,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) host: String,
    #[serde(rename = "type")]
    device: Option<String>,
    #[serde(rename = "type-ids", deserialize_with = "null_is_default")]
    device_ids: Vec<String>,
    #[serde(rename = "subtype")]
    sub_device: Option<String>,
    #[serde(rename = "subtype-ids", deserialize_with = "null_is_default")]
    sub_device_ids: Vec<String>,
    #[serde(deserialize_with = "null_is_default")]
    aggreg: bool,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) resolution: i64,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) scale_by: f64,
}

/// Why there is no question in a body.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    #[error("request body is empty")]
    Empty,
    #[error("request body is no query: {0}")]
    Json(#[from] serde_json::Error),
    #[error("request asks for more than {MAX_SERIES} series")]
    TooMany,
}

fn null_is_default<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

fn objects<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Query>, D::Error> {
    let queries: Vec<Object<Query>> = null_is_default(from)?;
    Ok(queries.into_iter().map(|query| query.0).collect())
}

impl Default for Query {
    fn default() -> Self {
        Self::of_host(String::new(), String::new())
    }
}

impl Request {
    /// Reads a body.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, RequestError> {
        if body.trim_ascii().is_empty() {
            return Err(RequestError::Empty);
        }
        let request: Self = object::parse(body)?;
        let series = request.queries.iter().map(Query::series).fold(0, usize::saturating_add);
        if series > MAX_SERIES { Err(RequestError::TooMany) } else { Ok(request) }
    }

    pub(crate) fn with_stats(&self) -> bool {
        self.with_stats.unwrap_or(true)
    }

    pub(crate) fn with_data(&self) -> bool {
        self.with_data.unwrap_or(true)
    }

    pub(crate) fn with_padding(&self) -> bool {
        self.with_padding.unwrap_or(true)
    }
}

impl Query {
    /// All of a host's values of a metric, as one series.
    pub(crate) fn of_host(metric: String, host: String) -> Self {
        Self {
            metric,
            host,
            device: None,
            device_ids: Vec::new(),
            sub_device: None,
            sub_device_ids: Vec::new(),
            aggreg: false,
            resolution: 0,
            scale_by: 0.0,
        }
    }

    /// How many series it asks for: one, or one for each device (and each of its sub-devices).
    pub(crate) fn series(&self) -> usize {
        match (&self.device, &self.sub_device) {
            (None, _) => 1,
            _ if self.aggreg => 1,
            (Some(_), None) => self.device_ids.len(),
            (Some(_), Some(_)) => self.device_ids.len().saturating_mul(self.sub_device_ids.len()),
        }
    }

    /// Which levels one of its series is made of; `number` is below [`Query::series`].
    pub(crate) fn selector(&self, number: usize) -> Selector {
        let Some(device) = &self.device else { return Selector::host() };
        let sub_devices = self.sub_device.as_ref().map(|kind| (kind, &self.sub_device_ids));
        let mut elements = Vec::with_capacity(2);
        if self.aggreg {
            elements.push(together(device, &self.device_ids));
            elements.extend(sub_devices.map(|(kind, ids)| together(kind, ids)));
        } else {
            let each = sub_devices.map_or(1, |(_, ids)| ids.len()).max(1);
            elements.push(one(device, &self.device_ids, number / each));
            elements.extend(sub_devices.map(|(kind, ids)| one(kind, ids, number % each)));
        }
        Selector::new(elements)
    }
}

fn one(kind: &str, ids: &[String], number: usize) -> Element {
    let id = ids.get(number).map_or("", String::as_str);
    Element::Name([kind.as_bytes(), id.as_bytes()].concat())
}

fn together(kind: &str, ids: &[String]) -> Element {
    if let [_] = ids {
        return one(kind, ids, 0);
    }
    let names = ids.iter().map(|id| [kind.as_bytes(), id.as_bytes()].concat());
    Element::Group(names.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(query: &str) -> Vec<Vec<Element>> {
        let query: Query = serde_json::from_str(query).unwrap();
        (0..query.series()).map(|number| query.selector(number).elements().to_vec()).collect()
    }

    fn name(text: &str) -> Element {
        Element::Name(text.into())
    }

    #[test]
    fn a_query_is_one_series_or_one_per_device_and_sub_device() {
        assert_eq!(names(r#"{"metric":"m","host":"h"}"#), [vec![]]);
        assert_eq!(
            names(r#"{"type":"socket","type-ids":["0","1"]}"#),
            [vec![name("socket0")], vec![name("socket1")]]
        );
        assert_eq!(
            names(r#"{"type":"a","type-ids":["0","1"],"subtype":"b","subtype-ids":["2","3"]}"#),
            [("a0", "b2"), ("a0", "b3"), ("a1", "b2"), ("a1", "b3")]
                .map(|(device, sub)| vec![name(device), name(sub)])
        );
        let group = Element::Group(vec![b"a0".to_vec(), b"a1".to_vec()]);
        assert_eq!(
            names(
                r#"{"type":"a","type-ids":["1","0"],"subtype":"b","subtype-ids":["2"],"aggreg":true}"#
            ),
            [vec![group, name("b2")]]
        );
        assert_eq!(names(r#"{"type":"socket"}"#), [[]; 0]);
    }

    #[test]
    fn what_is_null_or_missing_has_its_default() {
        for body in [
            "{}",
            r#"{"cluster":null,"from":null,"to":null,"with-stats":null,"with-data":null,
                "with-padding":null,"for-all-nodes":null,"queries":null} behind"#,
        ] {
            let request = Request::parse(body.as_bytes()).unwrap();
            assert!(request.with_stats() && request.with_data() && request.with_padding());
            assert_eq!((request.from, request.to, request.queries.len()), (0, 0, 0));
        }
        let query = r#"{"queries":[{"metric":null,"host":null,"type":null,"type-ids":null,"subtype":null,
            "subtype-ids":null,"aggreg":null,"resolution":null,"scale-by":null}]}"#;
        assert_eq!(Request::parse(query.as_bytes()).unwrap().queries[0].series(), 1);
    }

    #[test]
    fn an_array_is_no_object() {
        for body in ["[]", "[\"fritz\"]", r#"{"queries":[[]]}"#, r#"{"queries":[["m","h"]]}"#, "7"]
        {
            let refused = Request::parse(body.as_bytes());
            assert!(matches!(refused, Err(RequestError::Json(_))), "{body}: {refused:?}");
        }
    }

    #[test]
    fn more_series_than_may_be_are_refused_before_they_are_counted_out() {
        let ids = vec!["\"\""; 2000].join(",");
        let body = format!(
            r#"{{"queries":[{{"type":"a","type-ids":[{ids}],"subtype":"b","subtype-ids":[{ids}]}}]}}"#
        );
        assert!(matches!(Request::parse(body.as_bytes()), Err(RequestError::TooMany)));
        assert!(matches!(Request::parse(b" \n"), Err(RequestError::Empty)));
    }
}
