//! `cargo xtask test`: every check, in one command.
//!
//! All checks run whatever the others say, and the last lines name those that failed; only
//! fuzzing waits for a workspace that builds.

use std::time::{Duration, Instant};
use std::{env, thread};

use anyhow::{Result, bail};

use crate::metadata::Workspace;
use crate::run::{cargo, line, listen, step};
use crate::{bench, fuzz, layers, tidy};

/// Fuzzing of each target: long enough where nobody waits, short where somebody does.
const FUZZ_SECONDS_IN_CI: u64 = 60;
const FUZZ_SECONDS: u64 = 10;

/// Runs every check; an error when one failed.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut checks = Checks::default();
    let mut totals = Totals::default();
    checks.run("fmt", || step(cargo(&["fmt", "--all", "--check"])))?;
    let lint = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    checks.run("clippy", || step(cargo(&lint)))?;
    // Unit, integration and doc tests, each once; examples are built.
    checks.run("test", || {
        let told = listen(cargo(&["test", "--workspace", "--no-fail-fast"]), is_result)?;
        totals = Totals::of(&told.lines);
        told.verdict
    })?;
    checks.run("doc", || {
        let mut doc = cargo(&["doc", "--workspace", "--no-deps"]);
        doc.env("RUSTDOCFLAGS", "-Dwarnings");
        step(doc)
    })?;
    // Under `cargo test` a benchmark runs once: it must work, how fast is no matter here.
    checks.run("bench", || step(cargo(&["test", "--workspace", "--bench", "*"])))?;
    // How fast is a matter of what is executed, which can be counted on a busy machine, too.
    checks.run("counts", || bench::check(workspace, bench::Bless::No))?;
    checks.run("layers", || layers::run(workspace))?;
    checks.run("tidy", || tidy::run(workspace, tidy::Fingerprints::Check))?;
    // Cargo builds every test before it runs the first.
    if totals.programs > 0 {
        checks.run("fuzz", || fuzz::run(workspace, &fuzz_options()))?;
    } else {
        line("\n== fuzz: skipped, the workspace does not build")?;
    }
    checks.finish(&totals)
}

fn fuzz_options() -> fuzz::Options {
    let in_ci = env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
    let jobs = thread::available_parallelism().map_or(1, usize::from);
    let seconds = if in_ci { FUZZ_SECONDS_IN_CI } else { FUZZ_SECONDS };
    fuzz::Options { seconds, jobs, ..fuzz::Options::default() }
}

/// The checks that ran: name, time, and why it failed if it did.
#[derive(Default)]
struct Checks(Vec<(&'static str, Duration, Option<String>)>);

impl Checks {
    /// Runs one check. Only what keeps us from reporting is an error here.
    fn run(&mut self, name: &'static str, check: impl FnOnce() -> Result<()>) -> Result<()> {
        line(format_args!("\n== {name}"))?;
        let start = Instant::now();
        let failure = check().err().map(|error| format!("{error:#}"));
        if let Some(failure) = &failure {
            line(failure)?;
        }
        self.0.push((name, start.elapsed(), failure));
        Ok(())
    }

    /// Shows what ran and how it went; an error that names what failed.
    fn finish(&self, totals: &Totals) -> Result<()> {
        line("\n== summary")?;
        for check in &self.0 {
            line(Self::row(check))?;
        }
        line(totals.line())?;
        self.verdict()
    }

    fn row((name, time, failure): &(&str, Duration, Option<String>)) -> String {
        let verdict = failure.as_deref().map_or("ok".to_owned(), |why| format!("FAILED: {why}"));
        format!("{name:<8}{:>6.1} s  {verdict}", time.as_secs_f64())
    }

    fn verdict(&self) -> Result<()> {
        let failed = self.0.iter().filter(|(_, _, failure)| failure.is_some());
        let failed: Vec<&str> = failed.map(|(name, ..)| *name).collect();
        if !failed.is_empty() {
            bail!("failed: {}", failed.join(", "));
        }
        Ok(())
    }
}

/// The sums of all `test result:` lines.
#[derive(Debug, Default, PartialEq, Eq)]
struct Totals {
    programs: u64,
    passed: u64,
    failed: u64,
}

impl Totals {
    fn of(lines: &[String]) -> Self {
        let mut totals = Self { programs: lines.len() as u64, ..Self::default() };
        for part in lines.iter().flat_map(|line| line.split([';', '.'])) {
            let mut words = part.split_whitespace();
            let count = words.next().and_then(|word| word.parse::<u64>().ok());
            match (count, words.next()) {
                (Some(count), Some("passed")) => totals.passed += count,
                (Some(count), Some("failed")) => totals.failed += count,
                _ => {}
            }
        }
        totals
    }

    fn line(&self) -> String {
        format!("{} passed, {} failed", self.passed, self.failed)
    }
}

fn is_result(line: &str) -> bool {
    line.starts_with("test result: ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_test_programs_are_summed() {
        let lines = [
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.01s",
            "test result: FAILED. 3 passed; 4 failed; 0 ignored; 0 measured; 0 filtered out; finished in 7.00s",
        ]
        .map(str::to_owned);
        let totals = Totals::of(&lines);
        assert_eq!(totals, Totals { programs: 2, passed: 15, failed: 4 });
        assert_eq!(totals.line(), "15 passed, 4 failed");
    }

    #[test]
    fn a_failed_check_does_not_stop_the_next_and_is_named_at_the_end() {
        let mut checks = Checks::default();
        checks.run("one", || bail!("broken")).unwrap();
        checks.run("two", || Ok(())).unwrap();
        assert_eq!(checks.0.len(), 2);
        let error = checks.verdict().unwrap_err();
        assert_eq!(error.to_string(), "failed: one");
        assert!(Checks::row(&checks.0[0]).ends_with("FAILED: broken"));
        assert!(Checks::row(&checks.0[1]).ends_with("ok"));
    }
}
