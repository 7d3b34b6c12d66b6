//! `cargo xtask fuzz`: libFuzzer on the stable toolchain.
//!
//! Targets are built with sanitizer coverage into `target/fuzz`, nothing else is built so. What a
//! run finds goes to `target/fuzz`; the repository's corpus changes by `--merge` alone.

mod build;
mod options;
mod process;
mod report;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::metadata::Workspace;
use crate::run::line;
pub(crate) use options::{Action, Options};
use process::Process;

/// Bounds of a kept corpus: it is read by every CI run and cloned by everybody.
const KEPT_FILES_MAX: usize = 200;
const KEPT_BYTES_MAX: u64 = 300_000;

/// One fuzz target: its program, and where its inputs are.
#[derive(Debug, Clone)]
struct Target {
    name: String,
    program: PathBuf,
    /// In the repository: seeds and what was merged.
    kept: PathBuf,
    dictionary: PathBuf,
    /// In the target folder: what runs found.
    scratch: PathBuf,
    artifacts: PathBuf,
    logs: PathBuf,
}

/// Builds the targets asked for, then runs, repeats or merges.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let names = build::names(workspace)?;
    let names: Vec<&str> = match options.target.as_deref() {
        None => names.iter().map(String::as_str).collect(),
        Some(name) if names.iter().any(|known| known == name) => vec![name],
        Some(name) => bail!("no fuzz target {name}; there are {}", names.join(", ")),
    };
    let folder = build::build(workspace)?;
    let targets: Vec<Target> = names
        .iter()
        .map(|name| Target::prepare(name, workspace, &folder))
        .collect::<Result<_>>()?;
    match &options.action {
        Action::Fuzz => fuzz(&targets, options),
        Action::Repeat(input) => targets.iter().try_for_each(|target| repeat(target, input)),
        Action::Merge => targets.iter().try_for_each(merge),
    }
}

impl Target {
    fn prepare(name: &str, workspace: &Workspace, programs: &Path) -> Result<Self> {
        let ours = workspace.root.join("fuzz");
        let theirs = workspace.target_folder.join("fuzz");
        let target = Self {
            name: name.to_owned(),
            program: programs.join(name),
            kept: ours.join("corpus").join(name),
            dictionary: ours.join("dict").join(format!("{name}.dict")),
            scratch: theirs.join("corpus").join(name),
            artifacts: theirs.join("artifacts").join(name),
            logs: theirs.join("logs"),
        };
        for folder in [&target.kept, &target.scratch, &target.artifacts, &target.logs] {
            fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        Ok(target)
    }
}

/// Runs every target, `jobs` processes at a time; one target alone gets all of them.
fn fuzz(targets: &[Target], options: &Options) -> Result<()> {
    let queue: Vec<&Target> = match targets {
        [alone] => vec![alone; options.jobs],
        many => many.iter().collect(),
    };
    let mut crashed = Vec::new();
    for (round, together) in queue.chunks(options.jobs).enumerate() {
        let mut processes = Vec::new();
        for (place, target) in together.iter().enumerate() {
            processes.push(Process::fuzz(target, options, round * options.jobs + place)?);
        }
        for process in processes {
            let target = process.target.clone();
            let outcome = process.wait()?;
            line(report::summary(&target.name, &outcome.log))?;
            if !outcome.passed {
                line(report::crash(&target.name, &outcome.log))?;
                crashed.push(target.name);
            }
        }
    }
    crashed.dedup();
    if !crashed.is_empty() {
        bail!("fuzzing found something in {}", crashed.join(", "));
    }
    Ok(())
}

/// Runs one input once.
fn repeat(target: &Target, input: &Path) -> Result<()> {
    let outcome = Process::repeat(target, input)?.wait()?;
    line(&outcome.log)?;
    if !outcome.passed {
        bail!("{} fails on {}", target.name, input.display());
    }
    line(format_args!("{} passes on {}", target.name, input.display()))
}

/// Puts into the kept corpus the fewest inputs that reach what kept and scratch reach together.
/// Seeds stay: they have names, what a fuzzer finds is named by its hash.
fn merge(target: &Target) -> Result<()> {
    let merged = target.logs.with_file_name("merged").join(&target.name);
    if merged.exists() {
        fs::remove_dir_all(&merged)?;
    }
    fs::create_dir_all(&merged)?;
    let (found, seeds): (Vec<_>, Vec<_>) =
        files(&target.kept)?.into_iter().partition(|(_, path)| is_named_by_hash(path));
    copy(&seeds, &merged)?;
    let outcome = Process::merge(target, &merged)?.wait()?;
    if !outcome.passed {
        line(&outcome.log)?;
        bail!("merging the corpus of {}", target.name);
    }
    let seed_bytes = seeds.iter().map(|(size, _)| size).sum();
    let mut kept = files(&merged)?;
    kept.retain(|(_, path)| is_named_by_hash(path));
    let kept = smallest(
        kept,
        KEPT_FILES_MAX.saturating_sub(seeds.len()),
        KEPT_BYTES_MAX.saturating_sub(seed_bytes),
    );
    for (_, old) in found {
        fs::remove_file(old)?;
    }
    copy(&kept, &target.kept)?;
    let bytes: u64 = kept.iter().map(|(size, _)| size).sum();
    line(format_args!(
        "fuzz: {}: kept {} seeds and {} inputs, {} bytes",
        target.name,
        seeds.len(),
        kept.len(),
        seed_bytes + bytes
    ))
}

fn copy(files: &[(u64, PathBuf)], folder: &Path) -> Result<()> {
    for (_, path) in files {
        let name = path.file_name().context("an input without a name")?;
        fs::copy(path, folder.join(name)).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// 40 hexadecimal digits, as libFuzzer names what it finds.
fn is_named_by_hash(path: &Path) -> bool {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    name.len() == 40 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The smallest files first, as many as fit: many small inputs reach more than a large one.
fn smallest(
    mut files: Vec<(u64, PathBuf)>,
    files_max: usize,
    bytes_max: u64,
) -> Vec<(u64, PathBuf)> {
    files.sort();
    files.truncate(files_max);
    let mut bytes = 0_u64;
    files.retain(|(size, _)| {
        bytes = bytes.saturating_add(*size);
        bytes <= bytes_max
    });
    files
}

fn files(folder: &Path) -> Result<Vec<(u64, PathBuf)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        if metadata.is_file() {
            files.push((metadata.len(), entry.path()));
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_told_from_what_a_fuzzer_found() {
        assert!(is_named_by_hash(Path::new("a/696012e1bace08df2bd901bc2ce9948900073663")));
        assert!(!is_named_by_hash(Path::new("a/three.wal")));
        assert!(!is_named_by_hash(Path::new("a/696012e1bace08df")));
    }

    #[test]
    fn the_kept_corpus_takes_the_smallest_within_both_bounds() {
        let file = |size: u64| (size, PathBuf::from(size.to_string()));
        let files = vec![file(50), file(10), file(30), file(20)];
        assert_eq!(smallest(files.clone(), 2, 1000), [file(10), file(20)]);
        assert_eq!(smallest(files.clone(), 9, 60), [file(10), file(20), file(30)]);
        assert_eq!(smallest(files, 9, 59), [file(10), file(20)]);
    }
}
