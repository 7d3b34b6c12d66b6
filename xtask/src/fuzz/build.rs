//! Building the targets with sanitizer coverage.
//!
//! The options are what `cargo fuzz` passes, without the sanitizers that need nightly: there is no
//! `unsafe` for them to watch. `cfg(fuzzing)` lets the codecs pass over checksums.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::metadata::Workspace;
use crate::run::{cargo, step};

const PACKAGE: &str = "levelstore-fuzz";

const RUSTFLAGS: &str = "-Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    --cfg fuzzing";

/// The names of the targets: the programs of the fuzz crate.
pub(super) fn names(workspace: &Workspace) -> Result<Vec<String>> {
    let fuzz = workspace.members.iter().find(|member| member.name == PACKAGE);
    let roots = &fuzz.with_context(|| format!("no member {PACKAGE}"))?.roots;
    let mut names: Vec<String> =
        roots.iter().filter_map(|root| Some(root.file_stem()?.to_str()?.to_owned())).collect();
    names.sort();
    Ok(names)
}

/// Builds all targets; returns the folder of their programs.
pub(super) fn build(workspace: &Workspace) -> Result<PathBuf> {
    let host = host()?;
    let folder = workspace.target_folder.join("fuzz");
    // With an explicit target, build scripts stay without coverage: they could not link.
    let mut command = cargo(&["build", "--package", PACKAGE, "--bins", "--profile", "fuzz"]);
    command.args(["--target", &host, "--target-dir"]).arg(&folder).env("RUSTFLAGS", RUSTFLAGS);
    // It would win over RUSTFLAGS.
    command.env_remove("CARGO_ENCODED_RUSTFLAGS");
    step(command)?;
    Ok(folder.join(host).join("fuzz"))
}

/// The triple that this machine's compiler builds for.
fn host() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("starting rustc -vV")?;
    let text = String::from_utf8(output.stdout)?;
    match text.lines().find_map(|line| line.strip_prefix("host: ")) {
        Some(host) => Ok(host.to_owned()),
        None => bail!("rustc -vV names no host"),
    }
}
