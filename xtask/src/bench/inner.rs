//! Figures that only the inside of a process knows: kernels, and the benchmarks of the engine and its log.

use anyhow::Result;

use super::Bench;
use super::area::Area::{self, Archive, Block, Checkpoint, Ingest, Log, Memory, Query, Replay};
use super::day::texts;
use crate::run::{cargo, listen};

/// What is not measured as part of something larger.
const KERNELS: &[(&str, Area)] = &[
    ("block_encode", Block),
    ("block_decode", Block),
    ("line_parse", Ingest),
    ("line_predicted", Ingest),
    ("wal_encode", Ingest),
    ("wal_scan", Replay),
    ("snapshot_encode", Checkpoint),
    ("snapshot_decode", Checkpoint),
    ("json_numbers", Query),
    ("archive_rows", Archive),
];

/// What the hardware does at best, at this moment.
pub(super) fn machine(bench: &mut Bench) -> Result<()> {
    let folder = bench.folder.clone();
    let [folder] = texts([&folder])?;
    bench.kernels(&["machine", folder])
}

pub(super) fn run(bench: &mut Bench, areas: &[Area]) -> Result<()> {
    let is_asked = |(_, area): &&(&str, Area)| areas.contains(area);
    let names: Vec<&str> = KERNELS.iter().filter(is_asked).map(|(name, _)| *name).collect();
    if !names.is_empty() {
        bench.kernels(&[&["time"], &names[..]].concat())?;
    }
    if areas.contains(&Memory) || areas.contains(&Block) {
        bench.kernels(&["sizes"])?;
    }
    if areas.contains(&Query) {
        let hosts = bench.size.day.hosts.to_string();
        bench.kernels(&["reads", &hosts])?;
    }
    if areas.contains(&Checkpoint) {
        bench.bench("engine", "pause")?;
    }
    if areas.contains(&Log) {
        bench.bench("log", "always")?;
        bench.bench("log", "append")?;
    }
    Ok(())
}

impl Bench<'_> {
    fn kernels(&mut self, arguments: &[&str]) -> Result<()> {
        let mut command = std::process::Command::new(&self.kernels);
        command.args(arguments);
        self.listen(command)
    }

    /// A part of a benchmark of the engine's crate, which writes below the target folder, too.
    fn bench(&mut self, name: &str, part: &str) -> Result<()> {
        self.listen(cargo(&["bench", "--package", "checkpointer", "--bench", name, "--", part]))
    }

    fn listen(&mut self, command: std::process::Command) -> Result<()> {
        let told = listen(command, |line| line.starts_with("figure "))?;
        told.verdict?;
        told.lines.iter().try_for_each(|line| self.figures.read(line))
    }
}
