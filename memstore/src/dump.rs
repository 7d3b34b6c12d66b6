//! The debug dump: a part of a host's tree as JSON.
//!
//! It is valid JSON whatever the names are: bytes that are no UTF-8 become U+FFFD.

use crate::catalogue::{Catalogue, MetricId};
use crate::host::Host;
use crate::run::{Run, Wide};
use crate::series::Series;
use crate::slots::Stored;
use crate::tree::LevelId;
use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

/// What is still to be written. A list of these in place of recursion, as a tree may be deep.
enum Step {
    Level(LevelId),
    Child { level: LevelId, is_first: bool },
    EndOfLevel,
}

impl Host {
    /// Writes the level at `path` and all below it as JSON: for every metric its blocks, by their
    /// nominal times, those without a value (gaps) too. False if there is no such level; nothing is written then.
    ///
    /// ```
    /// # use memstore::{Catalogue, Host, Limits};
    /// # use std::num::NonZeroU32;
    /// # let minute = NonZeroU32::new(60).unwrap();
    /// # let catalogue = Catalogue::new();
    /// # let metric = catalogue.intern(b"cpu_load");
    /// # let mut host = Host::new();
    /// let series = host.series(&[], metric)?;
    /// host.write(series, minute, 1000, 0.5, &Limits::NONE)?;
    /// let mut json = Vec::new();
    /// assert!(host.dump_json(&catalogue, &[], &mut json)?);
    /// assert_eq!(
    ///     String::from_utf8(json)?,
    ///     r#"{"metrics":{"cpu_load":[{"start":1000,"len":1,"end":1060,"frequency":60,"stored":"open","saved":false}]},"children":{}}"#
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn dump_json(
        &self,
        catalogue: &Catalogue,
        path: &[&[u8]],
        out: &mut impl io::Write,
    ) -> io::Result<bool> {
        let Some(level) = self.tree.find_level(path) else { return Ok(false) };
        let names = catalogue.names();
        let mut steps = vec![Step::Level(level)];
        while let Some(step) = steps.pop() {
            let level = match step {
                Step::EndOfLevel => {
                    out.write_all(b"}}")?;
                    continue;
                }
                Step::Level(level) => level,
                Step::Child { level, is_first } => {
                    let comma = if is_first { "" } else { "," };
                    write!(out, "{comma}{}:", quoted(&self.tree.level(level).name))?;
                    level
                }
            };
            self.dump_metrics(level, &names, out)?;
            steps.push(Step::EndOfLevel);
            let children = &self.tree.level(level).children;
            steps.extend(
                children
                    .iter()
                    .enumerate()
                    .rev()
                    .map(|(at, &level)| Step::Child { level, is_first: at == 0 }),
            );
        }
        Ok(true)
    }

    fn dump_metrics(
        &self,
        level: LevelId,
        names: &[Arc<[u8]>],
        out: &mut impl io::Write,
    ) -> io::Result<()> {
        let name = |metric: MetricId| names.get(metric.index()).map_or(&[][..], |name| name);
        let mut series: Vec<_> = self.tree.series_of(level).collect();
        series.sort_by_key(|(metric, ..)| name(*metric));
        write!(out, r#"{{"metrics":{{"#)?;
        for (at, (metric, _, series)) in series.into_iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(out, "{comma}{}:[{}]", quoted(name(metric)), blocks(series))?;
        }
        write!(out, r#"}},"children":{{"#)
    }
}

fn blocks(series: &Series) -> String {
    let blocks = series
        .runs()
        .iter()
        .flat_map(|run| (0..run.slots.blocks()).map(move |number| (run, number)));
    blocks.map(|(run, number)| block(run, number)).collect::<Vec<_>>().join(",")
}

fn block(run: &Run, number: usize) -> String {
    let positions = run.slots.block(number);
    let start = run.nominal(run.slots.index(positions.start));
    let frequency = run.frequency;
    let end = Wide::from(start) + Wide::from(frequency.get()) * positions.len() as Wide;
    let stored = match run.slots.stored(number) {
        Stored::Sealed => "sealed",
        Stored::Open => "open",
        Stored::Gap => "gap",
    };
    let (len, saved) = (positions.len(), !run.is_unsaved(positions));
    format!(
        r#"{{"start":{start},"len":{len},"end":{end},"frequency":{frequency},"stored":"{stored}","saved":{saved}}}"#
    )
}

/// A string of JSON.
fn quoted(name: &[u8]) -> String {
    let mut json = String::from('"');
    for character in String::from_utf8_lossy(name).chars() {
        match character {
            '"' | '\\' => json.extend(['\\', character]),
            '\0'..='\x1f' => {
                // Writing to a string does not fail.
                let _ = write!(json, "\\u{:04x}", u32::from(character));
            }
            _ => json.push(character),
        }
    }
    json.push('"');
    json
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Limits;
    use serde_json::{Value, json};
    use std::num::NonZeroU32;

    fn dump(host: &Host, catalogue: &Catalogue, path: &[&[u8]]) -> Option<Value> {
        let mut json = Vec::new();
        let found = host.dump_json(catalogue, path, &mut json).unwrap();
        assert_eq!(found, !json.is_empty());
        found.then(|| serde_json::from_slice(&json).unwrap())
    }

    #[test]
    fn a_dump_is_json_whatever_the_names_are() {
        let minute = NonZeroU32::new(60).unwrap();
        let catalogue = Catalogue::new();
        let mut host = Host::new();
        let every_byte: Vec<u8> = (0..=u8::MAX).collect();
        let names: [&[u8]; 5] = [b"", b"\"quoted\" \\ \n", "µ".as_bytes(), &every_byte[1..], b"z"];
        let metric = catalogue.intern(&every_byte);
        for path in [&names[..], &names[..2], &names[1..]] {
            let series = host.series(path, metric).unwrap();
            host.write(series, minute, i64::MAX - 31, 1.0, &Limits::NONE).unwrap();
            host.write(series, minute, i64::MIN, 1.0, &Limits::NONE).unwrap();
        }
        let whole = dump(&host, &catalogue, &[]).unwrap();
        let quoted = &whole["children"][""]["children"]["\"quoted\" \\ \n"];
        assert_eq!(Some(quoted), dump(&host, &catalogue, &names[..2]).as_ref());
        let blocks = quoted["metrics"].as_object().unwrap().values().next().unwrap();
        assert_eq!(blocks[0]["start"], json!(i64::MIN));
        assert_eq!(dump(&host, &catalogue, &[b"nobody"]), None);
    }

    #[test]
    fn a_tree_as_deep_as_may_be_is_dumped() {
        let catalogue = Catalogue::new();
        let mut host = Host::new();
        let path = [&b"x"[..]; crate::MAX_DEPTH];
        host.series(&path, catalogue.intern(b"metric")).unwrap();
        let mut json = Vec::new();
        host.dump_json(&catalogue, &[], &mut json).unwrap();
        let text = String::from_utf8(json).unwrap();
        assert_eq!(text.matches("{\"metrics\":{").count(), crate::MAX_DEPTH + 1);
        assert_eq!(text.matches('{').count(), text.matches('}').count());
    }
}
