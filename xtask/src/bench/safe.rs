//! The rows of the table that are no figures but searches: the tests of the crates, in short form or long.
//!
//! What is told is how much was searched without a finding; a finding fails the run.

use std::process::Command;
use std::thread;

use anyhow::{Context, Result};

use super::Bench;
use super::process::OURSELVES;
use crate::run::{cargo, listen};

/// How often each search is made: short, and with `--long`.
struct Search {
    row: &'static str,
    package: &'static str,
    /// Names of tests, or parts of them.
    filter: &'static str,
    /// The variable that says how much, and how much in either form.
    amount: Option<(&'static str, [u32; 2])>,
}

const SEARCHES: &[Search] = &[
    search(
        "safe.crash_states",
        "checkpointer",
        "log::crash",
        "LOG_CRASH_STATES",
        [10_000, 500_000],
    ),
    search(
        "safe.crash_states",
        "checkpointer",
        "engine::crash",
        "ENGINE_CRASH_STATES",
        [10_000, 500_000],
    ),
    search("safe.kills", "checkpointer", "log::kill", "LOG_KILL_ROUNDS", [45, 5000]),
    search("safe.kills", "checkpointer", "engine::kill", "ENGINE_KILL_ROUNDS", [45, 4900]),
    search("safe.kills", "levelstore", "killed_under_load", "LEVELSTORE_KILL_ROUNDS", [10, 100]),
    tests("safe.damage", "wal-format", "damage"),
    tests("safe.damage", "wal-format", "hostile"),
    tests("safe.damage", "wal-format", "truncat"),
    tests("safe.damage", "snapshot-format", "damage"),
    tests("safe.damage", "snapshot-format", "hostile"),
    tests("safe.failures", "checkpointer", "faults"),
];

const fn search(
    row: &'static str,
    package: &'static str,
    filter: &'static str,
    variable: &'static str,
    amounts: [u32; 2],
) -> Search {
    Search { row, package, filter, amount: Some((variable, amounts)) }
}

const fn tests(row: &'static str, package: &'static str, filter: &'static str) -> Search {
    Search { row, package, filter, amount: None }
}

pub(super) fn run(bench: &mut Bench, is_long: bool) -> Result<()> {
    let mut found: Vec<(&str, f64)> = Vec::new();
    for Search { row, package, filter, amount } in SEARCHES {
        let mut command = cargo(&["test", "--package", package, "--test", "it", filter]);
        let amount = amount.map(|(variable, amounts)| (variable, amounts[usize::from(is_long)]));
        if let Some((variable, amount)) = amount {
            command.env(variable, amount.to_string());
        }
        let passed = passed(command)?;
        let searched = amount.map_or(passed, |(_, amount)| f64::from(amount));
        match found.iter_mut().find(|(known, _)| known == row) {
            Some((_, sum)) => *sum += searched,
            None => found.push((row, searched)),
        }
    }
    for (row, sum) in found {
        bench.figures.add(row, sum);
    }
    fuzzed(bench, is_long)
}

/// How many tests have passed; one that fails, or none at all, is an error.
fn passed(command: Command) -> Result<f64> {
    let told = listen(command, |line| line.starts_with("test result: "))?;
    told.verdict?;
    let passed = told.lines.iter().filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let at = words.iter().position(|word| word.starts_with("passed"))?;
        words.get(at.checked_sub(1)?)?.parse::<f64>().ok()
    });
    Some(passed.sum()).filter(|passed| *passed > 0.0).context("no test has this name")
}

/// Executions of all fuzz targets, by a process of our own.
fn fuzzed(bench: &mut Bench, is_long: bool) -> Result<()> {
    let jobs = thread::available_parallelism().map_or(1, usize::from).to_string();
    let mut command = Command::new(OURSELVES);
    command.args(["fuzz", "--jobs", &jobs]);
    // Seconds bound a run as well: the long form has as many as the runs need.
    command.args(if is_long {
        ["--seconds", "100000", "--runs", "100000000"]
    } else {
        ["--seconds", "10", "--runs", "100000000"]
    });
    let told = listen(command, |line| line.starts_with("fuzz: ") && line.contains(" executions"))?;
    told.verdict?;
    let fewest = told.lines.iter().filter_map(|line| executions(line)).fold(f64::MAX, f64::min);
    if fewest < f64::MAX {
        bench.figures.add("safe.fuzzed", fewest);
    }
    Ok(())
}

/// Of a line such as `fuzz: wal_scan: 123 executions, …`.
fn executions(line: &str) -> Option<f64> {
    let before = line.split_once(" executions")?.0;
    before.rsplit(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executions_are_read_from_the_line_of_a_target() {
        assert_eq!(executions("fuzz: wal_scan: 123 executions, 4 a second"), Some(123.0));
        assert_eq!(executions("fuzz: wal_scan: ? executions, ? a second"), None);
    }
}
