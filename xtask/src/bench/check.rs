//! `cargo xtask bench --check`: instructions of a round of each kernel, compared with those committed.
//!
//! Callgrind counts what is executed, so that a busy machine makes no difference. Each kernel runs twice,
//! the second time with twice as many rounds: the difference is the rounds alone, without what sets them up.
//! Another compiler, Valgrind or processor makes other counts; then they are told, and nothing fails.

use std::collections::VecDeque;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value, json};

use crate::metadata::Workspace;
use crate::run::{cargo, line, step};

/// A count further from the committed one than this is a change of speed.
const TOLERANCE_PERCENT: f64 = 3.0;

/// Whether the counts of the repository are compared, or written anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bless {
    No,
    Yes,
}

pub(crate) fn run(workspace: &Workspace, bless: Bless) -> Result<()> {
    step(cargo(&["build", "--profile", "kernels", "--package", "kernels"]))?;
    let program = workspace.target_folder.join("kernels/kernels");
    let counts = counted(&program, kernels(&program)?)?;
    let tools = json!({
        "rustc": said("rustc", &["--version"])?,
        "valgrind": said("valgrind", &["--version"])?,
        "processor": features()?,
    });
    let path = workspace.root.join("bench/counts.json");
    if bless == Bless::Yes {
        let counts: Map<_, _> =
            counts.into_iter().map(|(name, count)| (name, json!(count))).collect();
        let text = format!("{:#}\n", json!({"tools": tools, "instructions": counts}));
        fs::write(&path, text).with_context(|| path.display().to_string())?;
        return line(format_args!("written: {}", path.display()));
    }
    let committed: Value =
        serde_json::from_slice(&fs::read(&path)?).with_context(|| path.display().to_string())?;
    let changes = changes(&committed["instructions"], &counts);
    for (name, count, change) in &changes {
        line(format_args!("{name:<18} {count:>10} instructions a round  {change}"))?;
    }
    let failed = changes.iter().filter(|(_, _, change)| change.is_failure()).count();
    if failed == 0 {
        return Ok(());
    }
    if committed["tools"] != tools {
        return line(format_args!(
            "not compared with the same tools, so that nothing fails: {} then, {tools} now",
            committed["tools"]
        ));
    }
    bail!("bench --check: {failed} kernels differ; if that is meant, `cargo xtask bench --bless`")
}

/// Which of the instructions that are chosen at run time the processor has; Valgrind hands them on.
fn features() -> Result<Vec<&'static str>> {
    let information = fs::read_to_string("/proc/cpuinfo")?;
    let flags = information.lines().find(|line| line.starts_with("flags")).unwrap_or_default();
    let flags: Vec<&str> = flags.split_whitespace().collect();
    let chosen = ["avx2", "bmi2", "pclmulqdq", "sse4_2"];
    Ok(chosen.into_iter().filter(|flag| flags.contains(flag)).collect())
}

/// A kernel, and the rounds after which it is in its stride.
struct Kernel {
    name: String,
    rounds: u64,
}

fn kernels(program: &Path) -> Result<Vec<Kernel>> {
    let list = said(&program.display().to_string(), &["list"])?;
    let one = |line: &str| {
        let (name, rounds) = line.split_once(' ').context("list of kernels")?;
        Ok(Kernel { name: name.to_owned(), rounds: rounds.parse()? })
    };
    list.lines().map(one).collect()
}

/// Instructions of a round of each, as many side by side as there are processors.
fn counted(program: &Path, kernels: Vec<Kernel>) -> Result<Vec<(String, u64)>> {
    let left = Mutex::new(kernels.into_iter().collect::<VecDeque<_>>());
    let next = || left.lock().ok()?.pop_front();
    let worker = || -> Result<Vec<(String, u64)>> {
        let mut counts = Vec::new();
        while let Some(Kernel { name, rounds }) = next() {
            let once = instructions(program, &name, rounds)?;
            let twice = instructions(program, &name, 2 * rounds)?;
            ensure!(twice > once, "{name}: {once} instructions, and {twice} for twice as much");
            counts.push((name, (twice - once) / rounds));
        }
        Ok(counts)
    };
    let jobs = thread::available_parallelism().map_or(1, usize::from);
    let all = thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().map(thread::ScopedJoinHandle::join).collect::<Vec<_>>()
    });
    let mut counts = Vec::new();
    for of_one in all {
        counts.extend(of_one.map_err(|_| anyhow::anyhow!("a worker has failed"))??);
    }
    counts.sort();
    Ok(counts)
}

fn instructions(program: &Path, name: &str, rounds: u64) -> Result<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["run", name, &rounds.to_string()])
        .output()
        .context("start valgrind: Debian has a package of that name")?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{name}: {}\n{told}", output.status);
    collected(&told).with_context(|| format!("{name}: no count in\n{told}"))
}

/// The number behind `Collected :`.
fn collected(told: &str) -> Option<u64> {
    told.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok())
}

/// How a count compares.
#[derive(Debug, PartialEq)]
enum Change {
    Percent(f64),
    New,
    Gone,
}

impl Change {
    fn is_failure(&self) -> bool {
        match self {
            Self::Percent(percent) => percent.abs() > TOLERANCE_PERCENT,
            Self::New | Self::Gone => true,
        }
    }
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Percent(percent) => write!(f, "{percent:+.2} %")?,
            Self::New => write!(f, "new")?,
            Self::Gone => write!(f, "no longer there")?,
        }
        if self.is_failure() { write!(f, "  DIFFERS") } else { Ok(()) }
    }
}

fn changes(committed: &Value, counts: &[(String, u64)]) -> Vec<(String, u64, Change)> {
    #[expect(clippy::cast_precision_loss, reason = "per cent of millions")]
    let compared = |(name, count): &(String, u64)| {
        let change = match committed[name].as_u64() {
            Some(before) => Change::Percent((*count as f64 / before as f64 - 1.0) * 100.0),
            None => Change::New,
        };
        (name.clone(), *count, change)
    };
    let mut all: Vec<_> = counts.iter().map(compared).collect();
    let known = committed.as_object().into_iter().flatten();
    let gone = known.filter(|(name, _)| counts.iter().all(|(counted, _)| counted != *name));
    all.extend(gone.map(|(name, _)| (name.clone(), 0, Change::Gone)));
    all
}

fn said(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.with_context(|| format!("start {program}"))?;
    ensure!(output.status.success(), "{program}: {}", output.status);
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_found_in_what_callgrind_says() {
        let told = "==7== Events    : Ir\n==7== Collected : 113704829\n==7== \n";
        assert_eq!(collected(told), Some(113_704_829));
        assert_eq!(collected("==7== Events    : Ir\n"), None);
    }

    #[test]
    fn more_and_less_than_three_per_cent_differ_and_so_does_what_is_new_or_gone() {
        let committed = json!({"same": 1000, "slower": 1000, "faster": 1000, "gone": 1});
        let counts = [("same", 1029), ("slower", 1031), ("faster", 969), ("new", 5)];
        let counts = counts.map(|(name, count)| (name.to_owned(), count));
        let failures: Vec<_> = changes(&committed, &counts)
            .into_iter()
            .filter(|(_, _, change)| change.is_failure())
            .map(|(name, ..)| name)
            .collect();
        assert_eq!(failures, ["slower", "faster", "new", "gone"]);
    }
}
