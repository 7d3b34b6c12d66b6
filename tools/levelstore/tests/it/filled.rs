//! A store that is filled through the engine, as a server fills it.

use crate::run;
use checkpointer::disk::RealDisk;
use checkpointer::log::Inline;
use checkpointer::memstore::{Aggregation, Catalogue};
use checkpointer::{Config, Engine, Logging, Now, Sample, Series, Start};
use line_protocol::{Field, Line, Lines};
use std::collections::HashMap;
use std::fs;
use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

/// What a store has taken: all in bytes, but the points.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Taken {
    pub(crate) points: u64,
    pub(crate) memory: u64,
    pub(crate) log: u64,
    pub(crate) snapshots: u64,
}

/// The lines of `gen`.
pub(crate) fn generated(hosts: u32, minutes: u32, more: &[&str]) -> Vec<u8> {
    let (hosts, minutes) = (hosts.to_string(), minutes.to_string());
    let options = ["gen", "--hosts", &hosts, "--minutes", &minutes, "--seed", "1", "--out", "-"];
    let output = run(&[&options, more].concat());
    assert!(output.status.success() && !output.stdout.is_empty());
    output.stdout
}

/// Fills a store in `directory` with lines, in their order, and closes it.
pub(crate) fn fill(directory: &Path, lines: &[u8]) -> Taken {
    let now = Now { unix: 1_700_000_000, uptime: Duration::ZERO };
    let (disk, config) = (RealDisk::new(directory).unwrap(), Config::default());
    let (engine, _) = Engine::open(disk, Catalogue::new(), config, &Start::at(now)).unwrap();

    let all: Vec<_> = Lines::new(lines).map(|line| line.unwrap()).collect();
    let minute = NonZeroU32::new(60).unwrap();
    let (mut known, mut scratch) = (HashMap::new(), Vec::new());
    for line in &all {
        known.entry(line.key.as_bytes()).or_insert_with(|| {
            let names = line.names(&mut scratch).unwrap();
            engine.catalogue().add(names.metric, minute, Aggregation::Sum);
            let path: Vec<_> = names.path().map(|element| element.to_string()).collect();
            let series = Series::new(engine.catalogue(), names.metric, path).unwrap();
            (String::from_utf8(names.host.to_vec()).unwrap(), series)
        });
    }
    let host_of = |line: &Line<'_>| &known[line.key.as_bytes()].0;
    for lines in all.chunk_by(|one, other| host_of(one) == host_of(other)) {
        let sample = |line: &Line<'_>| Sample {
            series: &known[line.key.as_bytes()].1,
            timestamp: line.timestamp.unwrap(),
            value: match line.field {
                Field::Value(value) => value,
                Field::Message(_) => panic!("no sample"),
            },
        };
        let samples: Vec<_> = lines.iter().map(sample).collect();
        let host = engine.host("sim", host_of(&lines[0]), now).unwrap();
        let logged = Logging::Logged { patience: Duration::from_secs(9) };
        let written = host.write(&samples, now, logged, |_, _| panic!("refused")).unwrap();
        written.pending.unwrap().wait(now, Duration::from_secs(9)).unwrap();
    }

    let mut taken = Taken { log: bytes_in(directory, "wal"), ..Taken::default() };
    for name in engine.hosts("sim") {
        let host = engine.get("sim", &name).unwrap();
        taken.points += host.read(|tree| tree.counts().points);
        taken.memory += host.read(|tree| tree.memory().total() as u64);
    }
    engine.close(now, &Inline, None);
    taken.snapshots = bytes_in(directory, "bin");
    taken
}

/// Of all files of that ending.
fn bytes_in(directory: &Path, ending: &str) -> u64 {
    let hosts = fs::read_dir(directory.join("sim")).unwrap().map(|host| host.unwrap().path());
    let files = hosts.flat_map(|host| fs::read_dir(host).unwrap()).map(|file| file.unwrap());
    let wanted = files.filter(|file| file.path().extension().is_some_and(|found| found == ending));
    wanted.map(|file| file.metadata().unwrap().len()).sum()
}
