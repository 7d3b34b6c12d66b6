//! What collectors send in a minute, and what must be said to it.

use std::rc::Rc;
use std::time::Duration;

use checkpointer::log::SyncMode;
use checkpointer::{Logging, Refused, Sample, Series, WriteError};

use super::model::{ADDED, Acknowledged, Batch, SERIES, Sent};
use super::process::{AHEAD, Soak};

/// Around a limit, where what a sample's time is rounded to counts, nothing is expected.
pub(super) const MARGIN: i64 = 301;

/// A slot is sent at most so often.
const VERSIONS_MAX: u8 = 200;

/// What must become of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Taken,
    TooOld,
    TooFarAhead,
    Either,
}

impl Soak {
    /// Every host sends what it has.
    pub(super) fn collect(&mut self) -> Result<(), String> {
        for host in 0..self.hosts.len() {
            let of = &mut self.hosts[host];
            if !of.is_alive {
                continue;
            }
            if self.minute < of.offline_until {
                of.backlog.push(self.minute);
                continue;
            }
            let mut minutes = vec![self.minute];
            if !of.backlog.is_empty() {
                let count = of.backlog.len().min(40);
                // The newest first, or the oldest.
                let from = if host.is_multiple_of(2) { of.backlog.len() - count } else { 0 };
                minutes.extend(of.backlog.drain(from..from + count));
            }
            if self.minute < of.bursts_until {
                minutes.extend((self.minute - 60..self.minute).filter(|minute| *minute >= 0));
            }
            let mut sent = Vec::new();
            for minute in minutes {
                self.sample(host, minute, &mut sent);
            }
            self.send(host, &sent)?;
        }
        self.send_what_is_to_be_refused()
    }

    /// The samples of a minute.
    fn sample(&mut self, host: usize, minute: i64, sent: &mut Vec<Sent>) {
        let of = &mut self.hosts[host];
        // What was before a collector's life is its own.
        let life_from = of.lives.last().map_or(0, |life| life.0);
        if usize::try_from(minute).unwrap() < life_from {
            return;
        }
        for (series, (metric, _, frequency)) in SERIES.iter().enumerate() {
            let is_known = *metric != ADDED || self.has_added_metric;
            if !is_known || (minute * 60) % frequency != 0 {
                continue;
            }
            let slot = usize::try_from(minute * 60 / frequency).unwrap();
            // One in fifty is missing.
            let is_missing = minute < self.minute - 1 && self.random.one_in(50);
            if !is_missing && of.series[series][slot].issued < VERSIONS_MAX {
                sent.extend(of.issue(series, slot));
            }
        }
    }

    /// By up to a quarter of an interval, where the slot before says where it belongs.
    fn jitter(&self, one: Sent) -> i64 {
        let Sent { host, series, slot, .. } = one;
        let frequency = SERIES[series].2;
        let is_led = slot > 0
            && self.hosts[host].series[series][slot - 1].held > 0
            && slot * usize::try_from(frequency).unwrap() / 60 + 30
                > usize::try_from(self.minute).unwrap()
            && self.hosts[host].lives.last().is_some_and(|life| frequency != 60 || life.0 < slot);
        let most = frequency / 4 - 1;
        if is_led { self.random.up_to(-most, most + 1) } else { 0 }
    }

    fn expected(&self, host: usize, time: i64) -> Expected {
        let of = &self.hosts[host];
        let oldest = self.oldest().max(of.mark);
        let unix = self.now().unix;
        let newest = match self.newest {
            Some(newest) if newest > unix + AHEAD => newest + AHEAD,
            _ => unix + AHEAD,
        };
        if time < oldest - MARGIN {
            Expected::TooOld
        } else if time > newest + MARGIN {
            Expected::TooFarAhead
        } else if time > oldest.max(of.cut) + MARGIN && time < newest - MARGIN {
            Expected::Taken
        } else {
            Expected::Either
        }
    }

    fn send(&mut self, host: usize, all: &[Sent]) -> Result<(), String> {
        let is_unlogged = self.minute < self.full_until && host % 3 == 1;
        let logging = if is_unlogged {
            Logging::Unlogged
        } else {
            Logging::Logged { patience: Duration::ZERO }
        };
        for sent in all.chunks(100) {
            let times: Vec<_> = sent.iter().map(|one| self.timestamp(*one)).collect();
            let expected: Vec<_> = times.iter().map(|time| self.expected(host, *time)).collect();
            let outcome = self.write(host, sent, &times, logging);
            self.note(sent, &times, &expected, outcome)?;
        }
        Ok(())
    }

    fn timestamp(&self, one: Sent) -> i64 {
        self.hosts[one.host].time(one.series, one.slot) + self.jitter(one)
    }

    /// The refused, and whether it was acknowledged; an error if nothing is known.
    fn write(
        &self,
        host: usize,
        sent: &[Sent],
        times: &[i64],
        logging: Logging,
    ) -> Result<(Vec<Option<Refused>>, bool), String> {
        let (of, now) = (&self.hosts[host], self.now());
        let catalogue = self.engine.catalogue();
        let series: Vec<_> = sent
            .iter()
            .map(|one| {
                let (metric, path, _) = SERIES[one.series];
                Series::new(catalogue, metric.as_bytes(), path).unwrap()
            })
            .collect();
        let samples: Vec<_> = (sent.iter().zip(times).zip(&series))
            .map(|((one, &timestamp), series)| {
                let value = of.value(one.series, one.slot, one.version);
                Sample { series, timestamp, value }
            })
            .collect();
        for _ in 0..2 {
            let stored = self.engine.host(of.cluster, &of.name, now);
            let stored = stored.map_err(|error| error.to_string())?;
            let mut refused = vec![None; samples.len()];
            let written =
                stored.write(&samples, now, logging, |index, why| refused[index] = Some(why));
            match written {
                Ok(written) => {
                    let is_logged = logging != Logging::Unlogged;
                    let is_acknowledged = written
                        .pending
                        .is_none_or(|mut pending| pending.wait(now, Duration::ZERO).is_ok());
                    return Ok((refused, is_logged && is_acknowledged));
                }
                // Looked up again.
                Err(WriteError::Gone) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
        Err("gone twice".into())
    }

    fn note(
        &mut self,
        sent: &[Sent],
        times: &[i64],
        expected: &[Expected],
        outcome: Result<(Vec<Option<Refused>>, bool), String>,
    ) -> Result<(), String> {
        let (refused, is_acknowledged) = match outcome {
            Ok(outcome) => outcome,
            Err(why) if self.well_for() > 0 => return Err(format!("a batch: {why}")),
            Err(_) => {
                for &Sent { host, series, slot, version } in sent {
                    self.hosts[host].series[series][slot].latest = version;
                }
                return Ok(());
            }
        };
        if !is_acknowledged && self.well_for() > 0 {
            return Err("a batch is not acknowledged, and the disk is well".into());
        }
        let mut taken = Vec::new();
        for (index, &one) in sent.iter().enumerate() {
            let Sent { host, series, slot, version } = one;
            let is_right = match (expected[index], refused[index]) {
                (Expected::Taken, refused) => refused.is_none(),
                (Expected::TooOld, refused) => refused == Some(Refused::TooOld),
                (Expected::TooFarAhead, refused) => refused == Some(Refused::TooFarAhead),
                (Expected::Either, _) => true,
            };
            if !is_right {
                let (tell, refused) = (self.hosts[host].tell(series, slot), refused[index]);
                return Err(format!("{refused:?}, not {:?}: {tell}", expected[index]));
            }
            if refused[index].is_none() {
                let slot = &mut self.hosts[host].series[series][slot];
                (slot.latest, slot.held) = (version, version);
                self.newest = self.newest.max(Some(times[index]));
                taken.push(one);
            }
        }
        self.remember(taken, is_acknowledged);
        Ok(())
    }

    fn remember(&mut self, taken: Vec<Sent>, is_acknowledged: bool) {
        let kind = if is_acknowledged { Acknowledged::Yes } else { Acknowledged::No };
        let batch = Batch { sent: Rc::from(taken), at: self.seconds(), kind };
        self.waits_for_kill.push(batch.clone());
        self.waits_for_power.push(batch);
        if self.mode != SyncMode::None {
            self.promise();
        }
    }

    /// Now and then somebody sends what is far too old, or far ahead.
    fn send_what_is_to_be_refused(&mut self) -> Result<(), String> {
        if !self.random.one_in(30) {
            return Ok(());
        }
        let host = self.random.below(self.hosts.len());
        let minute = if self.random.one_in(2) {
            self.minute + 3 * 60
        } else {
            self.minute - self.plan.retention_seconds() / 60 - 3 * 60
        };
        let is_there = minute >= 0 && minute < self.plan.minutes();
        if !is_there || !self.hosts[host].is_alive {
            return Ok(());
        }
        let sent = Sent { host, series: 0, slot: usize::try_from(minute).unwrap(), version: 1 };
        let time = self.hosts[host].time(0, sent.slot);
        let expected = self.expected(host, time);
        let must_go = [Expected::TooOld, Expected::TooFarAhead].contains(&expected);
        if !must_go || self.hosts[host].series[0][sent.slot].issued > 0 {
            return Ok(());
        }
        let logging = Logging::Logged { patience: Duration::ZERO };
        let outcome = self.write(host, &[sent], &[time], logging);
        match outcome {
            Ok((refused, _)) if refused[0].is_none() => {
                Err(format!("taken, and it is {expected:?}: {time}"))
            }
            _ => Ok(()),
        }
    }
}
