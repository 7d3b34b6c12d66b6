//! A simulated cluster that goes on, minute by minute: what each host sends.

use super::line::{self, Key, Lines};
use super::metrics::{INTERVAL_SECONDS, Metric};
use super::{Host, Options};
use std::io;

/// A cluster whose hosts are asked for what they measure.
#[derive(Debug)]
pub(crate) struct Cluster {
    options: Options,
    keys: Vec<(Key, &'static Metric)>,
    hosts: Vec<Host>,
    minute: u32,
}

impl Cluster {
    /// Of so many hosts, whose first minute is at `start`, in Unix seconds.
    pub(crate) fn new(name: &str, hosts: u32, start: u64) -> io::Result<Self> {
        let options = Options {
            hosts,
            minutes: u32::MAX,
            seed: start,
            start,
            full_precision: false,
            jitter: 0,
            late: 0.0,
            phase_shift: false,
            cluster: name.into(),
            out: "-".into(),
        };
        let keys = line::keys(name)?;
        let hosts = (0..hosts).map(|host| Host::new(&options, host, &keys)).collect();
        Ok(Self { options, keys, hosts, minute: 0 })
    }

    /// When the next minute is.
    pub(crate) fn next_minute(&self) -> u64 {
        self.options.start + u64::from(self.minute) * u64::from(INTERVAL_SECONDS)
    }

    /// The next minute of every host, a body each.
    pub(crate) fn minute(&mut self) -> io::Result<Vec<Vec<u8>>> {
        let mut bodies = Vec::new();
        for host in &mut self.hosts {
            let mut body = Vec::new();
            let mut lines = Lines::new(&mut body);
            host.minute(self.minute, &self.options, &self.keys, &mut lines, None)?;
            lines.flush()?;
            drop(lines);
            bodies.push(body);
        }
        self.minute += 1;
        Ok(bodies)
    }
}
