//! Metrics with their frequencies and aggregations: the `metrics` of a configuration.

use crate::config::{self, Finding, Findings, Section};
use anyhow::{Context, Result, bail};
use checkpointer::memstore;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;
use std::path::Path;

/// What is known of each metric, by its name.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    metrics: HashMap<Vec<u8>, Metric>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Metric {
    /// How far apart its samples are, in seconds.
    pub(crate) frequency: NonZeroU32,
    /// How series of devices become one of the level above; none: not at all.
    pub(crate) aggregation: Option<Aggregation>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Aggregation {
    Sum,
    Avg,
}

/// What it means if a metric says nothing of its aggregation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    IsAFault,
    IsNone,
}

impl Catalogue {
    /// From a file that is the `metrics` object of a configuration, or a whole configuration. Of a
    /// metric only what must be there is looked at.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let context = || format!("read metrics from {}", path.display());
        Self::of_document(config::object(path).with_context(context)?).with_context(context)
    }

    fn of_document(mut document: Map<String, Value>) -> Result<Self> {
        let mut findings = Findings::new();
        let metrics = if is_configuration(&document) {
            config::section_of(&mut document, "metrics", &mut findings)
        } else {
            Some(Value::Object(document))
        };
        let catalogue =
            metrics.and_then(|metrics| Self::of_value(metrics, Missing::IsNone, &mut findings));
        for finding in findings {
            if let Finding::Fault(key, what) = finding {
                bail!("{key}: {what}");
            }
        }
        catalogue.context("metrics: is missing")
    }

    /// From the section `metrics`; metrics with faults are left out.
    pub(crate) fn of_value(
        value: Value,
        missing: Missing,
        findings: &mut Findings,
    ) -> Option<Self> {
        let section = Section::new("metrics".into(), value, findings)?;
        let metrics = section.members(|name, section| {
            if name.is_empty() {
                section.fault_of_all("a metric must have a name");
            }
            Metric::read(section, missing)
        });
        if metrics.is_empty() && findings.is_empty() {
            let what = "names no metric: all samples will be refused";
            findings.push(Finding::Doubt("metrics".into(), what.into()));
        }
        let metrics = metrics.into_iter().map(|(name, metric)| (name.into_bytes(), metric));
        Some(Self { metrics: metrics.collect() })
    }

    /// All of it.
    pub(crate) fn metrics(&self) -> impl Iterator<Item = (&[u8], Metric)> {
        self.metrics.iter().map(|(name, metric)| (&**name, *metric))
    }

    /// The metrics as the store in memory has them.
    pub(crate) fn to_memory(&self) -> memstore::Catalogue {
        let all = memstore::Catalogue::new();
        for (name, metric) in self.metrics() {
            let aggregation = match metric.aggregation {
                Some(Aggregation::Sum) => memstore::Aggregation::Sum,
                Some(Aggregation::Avg) => memstore::Aggregation::Avg,
                None => memstore::Aggregation::None,
            };
            all.add(name, metric.frequency, aggregation);
        }
        all
    }

    pub(crate) fn frequency(&self, metric: &[u8]) -> Option<NonZeroU32> {
        self.metrics.get(metric).map(|metric| metric.frequency)
    }
}

/// Whether the document is a configuration; else it is the `metrics` of one, and one of those may be
/// called `metrics` too.
fn is_configuration(document: &Map<String, Value>) -> bool {
    let is_metric = |metric: &Value| metric.get("frequency").is_some_and(Value::is_number);
    document.get("metrics").is_some_and(|metrics| !is_metric(metrics))
        || document.get("metrics-file").is_some_and(Value::is_string)
}

impl Metric {
    fn read(section: &mut Section<'_>, missing: Missing) -> Option<Self> {
        section.require("frequency");
        let seconds = section.integer("frequency");
        let frequency = seconds.and_then(|seconds| u32::try_from(seconds).ok()?.try_into().ok());
        if let (Some(seconds), None) = (seconds, frequency) {
            section.fault("frequency", format!("{seconds} is no interval in seconds"));
        }
        if missing == Missing::IsAFault && !section.names("aggregation") {
            section.fault("aggregation", "is missing: \"sum\", \"avg\" or null");
        }
        let aggregation = match section.text("aggregation").as_deref() {
            None => None,
            Some("sum") => Some(Aggregation::Sum),
            Some("avg") => Some(Aggregation::Avg),
            Some(other) => {
                let what = format!("{other:?} is neither \"sum\", \"avg\" nor null");
                section.fault("aggregation", what);
                None
            }
        };
        Some(Self { frequency: frequency?, aggregation })
    }
}

impl Serialize for Catalogue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let named = self.metrics.iter().map(|(name, of)| (String::from_utf8_lossy(name), of));
        named.collect::<BTreeMap<_, _>>().serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Catalogue> {
        let Ok(Value::Object(document)) = serde_json::from_str(text) else { panic!("{text}") };
        Catalogue::of_document(document)
    }

    #[test]
    fn metrics_come_alone_or_in_a_configuration() {
        let metrics = r#"{"cpu_load":{"frequency":60,"aggregation":null}}"#;
        for text in [metrics.into(), format!(r#"{{"main":{{}},"metrics":{metrics}}}"#)] {
            let catalogue = parse(&text).unwrap();
            assert_eq!(catalogue.frequency(b"cpu_load"), NonZeroU32::new(60));
            assert_eq!(catalogue.frequency(b"other"), None);
        }
        for name in ["metrics", "metrics-file"] {
            let alone = format!(r#"{{"{name}":{{"frequency":30,"aggregation":"sum"}}}}"#);
            let of_one = parse(&alone).unwrap();
            assert_eq!(of_one.frequency(name.as_bytes()), NonZeroU32::new(30));
        }
        let within = r#"{"metrics":{"frequency":{"frequency":10}}}"#;
        assert_eq!(parse(within).unwrap().frequency(b"frequency"), NonZeroU32::new(10));
    }

    #[test]
    fn a_fault_names_its_metric() {
        for metric in [
            r#"{"frequency":0}"#,
            r#"{"frequency":-60}"#,
            r#"{"frequency":4294967296}"#,
            r#"{"frequency":1.5}"#,
            r#"{"frequency":"60"}"#,
            r#"{"frequency":60,"aggregation":"max"}"#,
            "{}",
            "3",
        ] {
            let error = format!("{:#}", parse(&format!(r#"{{"m":{metric}}}"#)).unwrap_err());
            assert!(error.contains("metrics.m"), "{error}");
        }
    }

    #[test]
    fn what_a_catalogue_has_no_use_for_is_no_fault_of_it() {
        let of_old = r#"{"m":{"frequency":60,"scope":"node"}}"#;
        assert_eq!(parse(of_old).unwrap().frequency(b"m"), NonZeroU32::new(60));
    }
}
