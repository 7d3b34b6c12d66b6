//! One libFuzzer process, its output in a log.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use anyhow::{Context, Result};

use super::{Options, Target};

/// An input that makes a target take more than this is a finding.
const MEMORY_MIB_MAX: u32 = 512;
const INPUT_SECONDS_MAX: u32 = 10;
const INPUT_BYTES_MAX: u32 = 65_536;

pub(super) struct Process {
    pub(super) target: Target,
    child: Child,
    log: PathBuf,
}

pub(super) struct Outcome {
    pub(super) passed: bool,
    pub(super) log: String,
}

impl Process {
    /// Fuzzes from both corpora; libFuzzer writes to the first, which is not in the repository.
    pub(super) fn fuzz(target: &Target, options: &Options, number: usize) -> Result<Self> {
        let mut command = limited(target);
        command.arg(format!("-max_total_time={}", options.seconds));
        command.arg(format!("-artifact_prefix={}/", target.artifacts.display()));
        if let Some(runs) = options.runs {
            command.arg(format!("-runs={runs}"));
        }
        if target.dictionary.is_file() {
            command.arg(format!("-dict={}", target.dictionary.display()));
        }
        command.args(["-print_final_stats=1", "-verbosity=1"]);
        command.args([&target.scratch, &target.kept]);
        Self::start(target, command, &format!("{}-{number}.log", target.name))
    }

    pub(super) fn repeat(target: &Target, input: &Path) -> Result<Self> {
        let mut command = limited(target);
        command.arg(input);
        Self::start(target, command, &format!("{}-input.log", target.name))
    }

    pub(super) fn merge(target: &Target, merged: &Path) -> Result<Self> {
        let mut command = limited(target);
        // The smallest set that reaches the same code; `-merge=1` keeps three times as many.
        command.arg("-set_cover_merge=1").args([merged, &target.kept, &target.scratch]);
        Self::start(target, command, &format!("{}-merge.log", target.name))
    }

    fn start(target: &Target, mut command: Command, log: &str) -> Result<Self> {
        let log = target.logs.join(log);
        let file = File::create(&log).with_context(|| log.display().to_string())?;
        let child = command
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("starting {}", target.program.display()))?;
        Ok(Self { target: target.clone(), child, log })
    }

    pub(super) fn wait(mut self) -> Result<Outcome> {
        let status = self.child.wait()?;
        let log = fs::read(&self.log).with_context(|| self.log.display().to_string())?;
        Ok(Outcome { passed: status.success(), log: String::from_utf8_lossy(&log).into_owned() })
    }
}

fn limited(target: &Target) -> Command {
    let mut command = Command::new(&target.program);
    // The panic's own line says where; the frames below it are libFuzzer's.
    command.env("RUST_BACKTRACE", "0");
    command.arg(format!("-rss_limit_mb={MEMORY_MIB_MAX}"));
    command.arg(format!("-timeout={INPUT_SECONDS_MAX}"));
    command.arg(format!("-max_len={INPUT_BYTES_MAX}"));
    command
}
