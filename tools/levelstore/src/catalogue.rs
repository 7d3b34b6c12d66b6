//! Metrics and their frequencies, from a configuration.

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::path::Path;

/// How far apart the samples of a metric are, by its name.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    frequencies: HashMap<Vec<u8>, NonZeroU32>,
}

#[derive(Deserialize)]
struct Metric {
    frequency: NonZeroU32,
}

impl Catalogue {
    /// From the `metrics` object of a configuration, or a whole configuration file.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let context = || format!("read metrics from {}", path.display());
        let text = crate::files::read(path)?;
        Self::parse(&text).with_context(context)
    }

    fn parse(text: &[u8]) -> Result<Self> {
        let document: serde_json::Value = serde_json::from_slice(text)?;
        let object = match document {
            serde_json::Value::Object(mut object) => match object.remove("metrics") {
                // A metric may be called "metrics", too.
                Some(serde_json::Value::Object(metrics)) if !metrics.contains_key("frequency") => {
                    metrics
                }
                Some(other) => {
                    object.insert("metrics".into(), other);
                    object
                }
                None => object,
            },
            _ => bail!("not a JSON object"),
        };
        let mut frequencies = HashMap::new();
        for (name, metric) in object {
            let metric: Metric =
                serde_json::from_value(metric).with_context(|| format!("metric {name}"))?;
            frequencies.insert(name.into_bytes(), metric.frequency);
        }
        Ok(Self { frequencies })
    }

    pub(crate) fn frequency(&self, metric: &[u8]) -> Option<NonZeroU32> {
        self.frequencies.get(metric).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_come_alone_or_in_a_configuration() {
        let metrics = r#"{"cpu_load":{"frequency":60,"aggregation":null}}"#;
        for text in [metrics.into(), format!(r#"{{"main":{{}},"metrics":{metrics}}}"#)] {
            let catalogue = Catalogue::parse(text.as_bytes()).unwrap();
            assert_eq!(catalogue.frequency(b"cpu_load"), NonZeroU32::new(60));
            assert_eq!(catalogue.frequency(b"other"), None);
        }
        let called_so = br#"{"metrics":{"frequency":30,"aggregation":"sum"}}"#;
        assert_eq!(Catalogue::parse(called_so).unwrap().frequency(b"metrics"), NonZeroU32::new(30));
    }

    #[test]
    fn a_fault_names_its_metric() {
        for text in [&br#"{"m":{"frequency":0}}"#[..], br#"{"m":{}}"#, br#"{"m":3}"#] {
            let error = format!("{:#}", Catalogue::parse(text).unwrap_err());
            assert!(error.contains("metric m"), "{error}");
        }
        assert!(Catalogue::parse(b"[]").is_err());
    }
}
