//! `cargo xtask bench`: one command that measures everything the store promises.
//!
//! Whole processes on fixed workloads, several times in turn; processor time and peak memory are what the
//! operating system says of each. Beside them, in the same run, what the hardware does at best. What
//! the figures are compared with is the table in `rows.rs`; docs/benchmarks.md explains both.

mod archive;
mod area;
mod check;
mod day;
mod figures;
mod freed;
mod history;
mod html;
mod http;
mod inner;
mod options;
mod peer;
mod plot;
mod process;
mod record;
mod rows;
mod safe;
mod serve;
mod server;
mod table;
mod workload;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::metadata::Workspace;
use crate::run::{cargo, line, step};
use area::Area;
pub(crate) use check::{Bless, run as check};
use figures::Figures;
pub(crate) use options::Options;
use options::Work;
pub(crate) use process::report_child;
use record::Record;
use workload::Size;

/// Does what was asked for.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    match &options.work {
        Work::Check { bless } => check::run(workspace, *bless),
        Work::Package(package) => step(cargo(&["bench", "--package", package, "--bench", "*"])),
        Work::Measure { peers } => {
            let mut bench = Bench::prepare(workspace, options)?;
            if peers.is_empty() {
                bench.measure(options)
            } else {
                peers.iter().try_for_each(|peer| peer::compare(&mut bench, peer))
            }
        }
    }
}

/// What is measured, where, and what came of it.
struct Bench<'a> {
    workspace: &'a Workspace,
    program: PathBuf,
    kernels: PathBuf,
    /// Workloads and data directories, outside the repository.
    folder: PathBuf,
    size: Size,
    rounds: usize,
    figures: Figures,
}

impl<'a> Bench<'a> {
    fn prepare(workspace: &'a Workspace, options: &Options) -> Result<Self> {
        step(cargo(&["build", "--release", "--package", "levelstore", "--package", "kernels"]))?;
        let folder = workspace.target_folder.join("bench");
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let release = workspace.target_folder.join("release");
        Ok(Self {
            workspace,
            program: release.join("levelstore"),
            kernels: release.join("kernels"),
            folder,
            size: if options.is_quick { Size::QUICK } else { Size::FULL },
            rounds: options.rounds.unwrap_or(if options.is_quick { 1 } else { 3 }),
            figures: Figures::default(),
        })
    }

    fn measure(&mut self, options: &Options) -> Result<()> {
        let mut record = Record::begin(self.workspace, options.is_quick)?;
        let areas = &options.areas;
        for round in 1..=self.rounds {
            line(format_args!("\n== round {round} of {}", self.rounds))?;
            inner::machine(self)?;
            day::run(self, areas)?;
            inner::run(self, areas)?;
            serve::run(self, areas)?;
            // A run that is ended early has what it has.
            self.figures.derive();
            record.end(&self.figures)?;
            record.write(&self.folder.join("result.json"))?;
        }
        // Tests, not figures: once is enough, and only if asked for by name.
        if areas.contains(&Area::Safe) {
            safe::run(self, options.is_long)?;
        }
        self.figures.derive();
        record.end(&self.figures)?;
        table::print(&self.figures, &record)?;
        record.write(&self.folder.join("result.json"))?;
        let results = self.workspace.root.join("bench/results");
        if options.is_saved {
            fs::create_dir_all(&results)?;
            record.write(&results.join(record.file_name()))?;
        }
        let records = history::load(&results, &record)?;
        let report = if options.is_saved {
            results.join("report.html")
        } else {
            self.folder.join("report.html")
        };
        fs::write(&report, html::page(&records)).with_context(|| report.display().to_string())?;
        line(format_args!("\nreport: {}", report.display()))
    }
}
