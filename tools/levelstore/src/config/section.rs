//! Taking a section of a configuration apart, key by key: whatever is wrong becomes a finding that
//! names its key, and nothing ends the reading, so that all faults are found at once.

use super::finding::{Finding, Findings, element, member};
use crate::time;
use serde_json::{Map, Value};
use std::time::Duration;

/// An object of the configuration. What was not taken when it is finished is unknown.
#[derive(Debug)]
pub(crate) struct Section<'a> {
    path: String,
    values: Map<String, Value>,
    findings: &'a mut Findings,
}

impl<'a> Section<'a> {
    pub(crate) fn new(path: String, value: Value, findings: &'a mut Findings) -> Option<Self> {
        let values = expect(&path, value, "an object", findings, |value| match value {
            Value::Object(values) => Ok(values),
            other => Err(other),
        })?;
        Some(Self { path, values, findings })
    }

    pub(crate) fn key(&self, name: &str) -> String {
        member(&self.path, name)
    }

    pub(crate) fn fault(&mut self, name: &str, what: impl Into<String>) {
        self.findings.push(Finding::Fault(self.key(name), what.into()));
    }

    /// A fault of the section itself.
    pub(crate) fn fault_of_all(&mut self, what: &str) {
        self.findings.push(Finding::Fault(self.path.clone(), what.into()));
    }

    pub(crate) fn doubt(&mut self, name: &str, what: impl Into<String>) {
        self.findings.push(Finding::Doubt(self.key(name), what.into()));
    }

    /// Makes it a fault if the key is not there, or has an empty text.
    pub(crate) fn require(&mut self, name: &str) {
        match self.find(name).and_then(|key| self.values.get(&key)) {
            None => self.fault(name, "is missing"),
            Some(Value::String(text)) if text.is_empty() => self.fault(name, "is empty"),
            Some(_) => {}
        }
    }

    /// Whether the key is there, be it with null.
    pub(crate) fn names(&self, name: &str) -> bool {
        self.values.keys().any(|key| key.eq_ignore_ascii_case(name))
    }

    /// Whether the key has something to say, right or wrong.
    pub(crate) fn is_set(&self, name: &str) -> bool {
        self.find(name).is_some_and(|key| self.values.get(&key) != Some(&Value::from("")))
    }

    /// The key as it is written. The Go server reads keys in any case, so files may have them so.
    fn find(&self, name: &str) -> Option<String> {
        let given = |key: &&String| self.values.get(*key).is_some_and(|value| !value.is_null());
        let exact = self.values.keys().filter(given).find(|key| *key == name);
        let alike = || self.values.keys().filter(given).find(|key| key.eq_ignore_ascii_case(name));
        exact.or_else(alike).cloned()
    }

    /// The value; none if it is null, which is as good as absent.
    fn take(&mut self, name: &str) -> Option<Value> {
        let Some(key) = self.find(name) else {
            self.values.retain(|key, value| !(key.eq_ignore_ascii_case(name) && value.is_null()));
            return None;
        };
        if key != name {
            let what = format!("is read as `{name}`: better write it so");
            self.doubt(&key, what);
        }
        self.values.remove(&key)
    }

    /// A text; an empty one counts as absent, as in the Go server.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        let value = self.take(name)?;
        let text = expect(&self.key(name), value, "a text", self.findings, |value| match value {
            Value::String(text) => Ok(text),
            other => Err(other),
        })?;
        (!text.is_empty()).then_some(text)
    }

    pub(crate) fn flag(&mut self, name: &str) -> Option<bool> {
        let value = self.take(name)?;
        expect(&self.key(name), value, "true or false", self.findings, |value| match value {
            Value::Bool(flag) => Ok(flag),
            other => Err(other),
        })
    }

    pub(crate) fn integer(&mut self, name: &str) -> Option<i64> {
        let value = self.take(name)?;
        let whole = "a whole number";
        expect(&self.key(name), value, whole, self.findings, |value| value.as_i64().ok_or(value))
    }

    /// A number, 0 if absent; a negative one counts as 0, as in the Go server.
    pub(crate) fn count(&mut self, name: &str) -> u64 {
        let count = self.integer(name).unwrap_or(0);
        if count < 0 {
            self.doubt(name, format!("{count} counts as 0"));
        }
        u64::try_from(count).unwrap_or(0)
    }

    /// A Go duration longer than 0.
    pub(crate) fn duration(&mut self, name: &str) -> Option<Duration> {
        let text = self.text(name)?;
        match time::parse_duration_ns(&text) {
            Ok(nanoseconds) if nanoseconds > 0 => {
                Some(Duration::from_nanos(nanoseconds.unsigned_abs()))
            }
            Ok(_) => {
                self.fault(name, format!("{text:?} is not longer than 0"));
                None
            }
            Err(error) => {
                self.fault(name, format!("{text:?}: {error}"));
                None
            }
        }
    }

    /// The section below a key, read to its end.
    pub(crate) fn section<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut Section<'_>) -> T,
    ) -> Option<T> {
        let value = self.take(name)?;
        let path = self.key(name);
        Section::new(path, value, self.findings).map(|section| section.read(read))
    }

    /// The sections of a list.
    pub(crate) fn sections<T>(
        &mut self,
        name: &str,
        mut read: impl FnMut(&mut Section<'_>) -> Option<T>,
    ) -> Vec<T> {
        let Some(value) = self.take(name) else { return Vec::new() };
        let path = self.key(name);
        let list = expect(&path, value, "a list", self.findings, |value| match value {
            Value::Array(list) => Ok(list),
            other => Err(other),
        });
        let mut sections = Vec::new();
        for (index, value) in list.into_iter().flatten().enumerate() {
            let section = Section::new(element(&path, index), value, self.findings);
            sections.extend(section.and_then(|section| section.read(&mut read)));
        }
        sections
    }

    /// All members, each under a name of the file's own.
    pub(crate) fn members<T>(
        mut self,
        mut read: impl FnMut(&str, &mut Section<'_>) -> Option<T>,
    ) -> Vec<(String, T)> {
        let mut members = Vec::new();
        for (name, value) in std::mem::take(&mut self.values) {
            let section = Section::new(self.key(&name), value, self.findings);
            if let Some(member) = section.and_then(|section| section.read(|one| read(&name, one))) {
                members.push((name, member));
            }
        }
        members
    }

    /// Reads the section; what is left of it then is unknown.
    pub(crate) fn read<T>(mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        let read = read(&mut self);
        for name in self.values.keys() {
            let key = self.key(name);
            self.findings.push(Finding::Unknown(key));
        }
        read
    }
}

fn expect<T>(
    path: &str,
    value: Value,
    expected: &str,
    findings: &mut Findings,
    convert: impl FnOnce(Value) -> Result<T, Value>,
) -> Option<T> {
    let got = match convert(value) {
        Ok(converted) => return Some(converted),
        Err(Value::Null) => "null".into(),
        Err(Value::Bool(flag)) => flag.to_string(),
        Err(Value::Number(number)) => number.to_string(),
        Err(Value::String(_)) => "a text".into(),
        Err(Value::Array(_)) => "a list".into(),
        Err(Value::Object(_)) => "an object".into(),
    };
    let what = format!("must be {expected}, is {got}");
    findings.push(Finding::Fault(path.into(), what));
    None
}
