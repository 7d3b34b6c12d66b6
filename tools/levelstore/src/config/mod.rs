//! The configuration file, that of the Go server as it is.
//!
//! Reading goes on past faults, so that all of them are found, each with its key. What comes out is
//! typed and checked; nobody else looks at the file. Faults are what makes a configuration
//! unusable; keys that nobody knows, and what may not be meant so, are told apart from them.

mod finding;
mod section;
mod server;
mod store;

pub(crate) use finding::{Finding, Findings};
pub(crate) use section::Section;

use crate::catalogue::{Catalogue, Missing};
use crate::{files, generate};
use anyhow::{Context, Result, bail};
use serde::Serialize;
use serde_json::{Map, Value, json};
pub(crate) use server::{Address, Main, Nats};
use std::path::Path;
pub(crate) use store::{Cleanup, MetricStore, Sync};

/// A configuration without fault.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Config {
    pub(crate) main: Main,
    pub(crate) nats: Option<Nats>,
    pub(crate) metric_store: MetricStore,
    pub(crate) metrics: Catalogue,
}

/// Reads a configuration file. There is a configuration if there is no fault among the findings.
pub(crate) fn read(path: &Path) -> (Option<Config>, Findings) {
    let mut findings = Findings::new();
    let config = match object(path) {
        Ok(mut document) => of_document(&mut document, &mut findings),
        Err(error) => {
            findings.push(Finding::Fault(String::new(), format!("{error:#}")));
            None
        }
    };
    let has_fault = findings.iter().any(|finding| matches!(finding, Finding::Fault(..)));
    (config.filter(|_| !has_fault), findings)
}

/// What a server is started with that is given no file: it listens to its own machine, and takes what
/// `levelstore gen` makes.
pub(crate) fn built_in(directory: &str) -> Option<Config> {
    let document = json!({
        "main": {"addr": "127.0.0.1:8082"},
        "metric-store": {
            "checkpoints": {"directory": directory},
            "retention-in-memory": "48h",
            "memory-cap": 0,
        },
        "metrics": generate::configuration(),
    });
    let Value::Object(mut document) = document else { return None };
    of_document(&mut document, &mut Findings::new())
}

fn of_document(document: &mut Map<String, Value>, findings: &mut Findings) -> Option<Config> {
    let main = required(document, "main", findings)
        .and_then(|main| Section::new("main".into(), main, findings)?.read(Main::read));
    let nats = section_of(document, "nats", findings)
        .and_then(|nats| Section::new("nats".into(), nats, findings)?.read(Nats::read));
    let metric_store = required(document, "metric-store", findings).and_then(|store| {
        Section::new("metric-store".into(), store, findings)?.read(MetricStore::read)
    });
    let metrics = required(document, "metrics", findings)
        .and_then(|metrics| Catalogue::of_value(metrics, Missing::IsAFault, findings));
    let subscribes =
        metric_store.as_ref().is_some_and(|store| !store.nats_subscriptions.is_empty());
    if subscribes && nats.is_none() && findings.is_empty() {
        let key = "metric-store.nats-subscriptions".into();
        findings.push(Finding::Doubt(key, "are not used without nats.address".into()));
    }
    Some(Config { main: main?, nats, metric_store: metric_store?, metrics: metrics? })
}

fn required(
    document: &mut Map<String, Value>,
    name: &str,
    findings: &mut Findings,
) -> Option<Value> {
    let before = findings.len();
    let section = section_of(document, name, findings);
    if section.is_none() && findings.len() == before {
        findings.push(Finding::Fault(name.into(), "is missing".into()));
    }
    section
}

/// A section of the document, or of the file that its `…-file` names. Such paths start where the
/// program was started, as those of directories do.
pub(crate) fn section_of(
    document: &mut Map<String, Value>,
    name: &str,
    findings: &mut Findings,
) -> Option<Value> {
    let section = document.remove(name).filter(|value| !value.is_null());
    // The Go server looks for such a file where the section's name has no hyphen.
    if name.contains('-') {
        return section;
    }
    let key = format!("{name}-file");
    let mut fault = |what: String| findings.push(Finding::Fault(key.clone(), what));
    match (section, document.remove(&key)) {
        (section, None | Some(Value::Null)) => section,
        (None, Some(Value::String(path))) => {
            let read = object(Path::new(&path)).map_err(|error| fault(format!("{error:#}")));
            read.ok().map(Value::Object)
        }
        (None, Some(_)) => {
            fault("must be the name of a file".into());
            None
        }
        (Some(section), Some(_)) => {
            fault(format!("stands beside `{name}`: which of them is meant?"));
            Some(section)
        }
    }
}

/// The JSON object in a file.
pub(crate) fn object(path: &Path) -> Result<Map<String, Value>> {
    let text = files::read(path)?;
    let document = serde_json::from_slice(&text);
    match document.with_context(|| format!("{} is not JSON", path.display()))? {
        Value::Object(object) => Ok(object),
        _ => bail!("{} is not a JSON object", path.display()),
    }
}

#[cfg(test)]
mod tests;
