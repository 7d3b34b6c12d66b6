//! What should become of a body: each line taken apart by the reference, and written by itself.

use crate::reference;
use crate::said::{Owned, Said};
use crate::world::{Contents, HOUR, NOW, PATIENCE, contents, limited, open};
use checkpointer::disk::sim::SimDisk;
use checkpointer::{Engine, Logging, Now, Sample, Series};
use ingest::{FAULTS_MAX, Outcome};
use std::collections::BTreeMap;
use std::sync::Arc;

/// As much of an outcome as can be foretold.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Expected {
    lines: u64,
    stored: u64,
    messages: u64,
    refused: BTreeMap<String, u64>,
    faults: Vec<(u64, usize, String)>,
}

impl Expected {
    pub(crate) fn of(outcome: &Outcome) -> Self {
        assert!(outcome.is_acknowledged());
        assert_eq!(
            outcome.refused.iter().map(|(_, lines)| lines).sum::<u64>(),
            outcome.malformed + outcome.policy
        );
        let label = |reason: ingest::Reason| reason.label().to_owned();
        let refused = outcome.refused.iter().map(|(reason, lines)| (label(reason), lines));
        let faults = outcome.faults.iter();
        Self {
            lines: outcome.lines,
            stored: outcome.stored,
            messages: outcome.messages,
            refused: refused.collect(),
            faults: faults.map(|fault| (fault.line, fault.column, label(fault.reason))).collect(),
        }
    }
}

/// A store that does everything the slow way.
pub(crate) struct Model(Arc<Engine<SimDisk>>);

impl Model {
    pub(crate) fn new() -> Self {
        Self(open(&SimDisk::new(2), limited()))
    }

    pub(crate) fn contents(&self) -> Contents {
        contents(&self.0)
    }

    pub(crate) fn take(&self, body: &[u8], cluster: Option<&str>, now: Now) -> Expected {
        let mut expected = Expected::default();
        let mut faults: [Vec<(u64, usize, String)>; 2] = Default::default();
        for said in reference::read(body) {
            expected.lines += 1;
            let (number, outcome) = match said {
                Said::Message { .. } => {
                    expected.messages += 1;
                    continue;
                }
                Said::Refused((line, column, reason)) => (line, Err((0, column, reason.label()))),
                Said::Sample { number, key, bits, timestamp, names } => {
                    let blanks = body
                        .split(|byte| *byte == b'\n')
                        .nth(usize::try_from(number).unwrap() - 1)
                        .unwrap();
                    let blanks = blanks.iter().take_while(|byte| **byte == b' ').count();
                    let names = names.map_err(|(_, column, reason)| (0, column, reason.label()));
                    let written = names.and_then(|names| {
                        let host = cluster.map(|name| name.as_bytes().to_vec());
                        let Some(cluster) = names.cluster.clone().or(host) else {
                            return Err((0, blanks + key.len() + 1, "no_cluster"));
                        };
                        let time = timestamp.unwrap_or(now.unix);
                        let value = f32::from_bits(bits);
                        self.write(&cluster, &names, time, value, now).map_err(|why| (1, 1, why))
                    });
                    (number, written)
                }
            };
            match outcome {
                Ok(()) => expected.stored += 1,
                Err((kind, column, label)) => {
                    let label = label.replace('-', "_");
                    *expected.refused.entry(label.clone()).or_default() += 1;
                    faults[kind].push((number, column, label));
                }
            }
        }
        expected.faults =
            faults.into_iter().flat_map(|of| of.into_iter().take(FAULTS_MAX)).collect();
        expected.faults.sort();
        expected
    }

    fn write(
        &self,
        cluster: &[u8],
        names: &Owned,
        time: i64,
        value: f32,
        now: Now,
    ) -> Result<(), &'static str> {
        let Self(engine) = self;
        let is_bad = |name: &[u8]| {
            let text = std::str::from_utf8(name).unwrap();
            let bad = |char: char| char == '/' || char == '\\' || char.is_control();
            matches!(text, "." | "..") || text.contains(bad) || name.len() > 200
        };
        let elements = [&names.device, &names.sub_device].into_iter().flatten();
        let path: Vec<Vec<u8>> = elements.map(|(kind, id)| [&kind[..], id].concat()).collect();
        if engine.catalogue().find(&names.metric).is_none() {
            // Of two faults, one is told: that of the host's name if nothing is known of the host.
            return Err("unknown_metric");
        }
        if is_bad(cluster) {
            return Err("cluster_name");
        }
        if is_bad(&names.host) {
            return Err("host_name");
        }
        if path.iter().any(|element| element.len() > 255) {
            return Err("device_name");
        }
        if time < NOW - 48 * HOUR {
            return Err("too_old");
        }
        if time > NOW + HOUR {
            return Err("too_far_ahead");
        }
        let text = |name: &[u8]| String::from_utf8(name.to_vec()).unwrap();
        let host = engine.host(&text(cluster), &text(&names.host), now).unwrap();
        let series = Series::new(engine.catalogue(), &names.metric, path).unwrap();
        let sample = Sample { series: &series, timestamp: time, value };
        let logged = Logging::Logged { patience: PATIENCE.patience };
        let written = host.write(&[sample], now, logged, |_, why| panic!("{why}")).unwrap();
        assert_eq!(written.stored, 1);
        written.pending.unwrap().wait(now, PATIENCE.patience).unwrap();
        Ok(())
    }
}
