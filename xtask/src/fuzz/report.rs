//! What libFuzzer's log says, in a line or two.

/// How much of the log's end is shown of a time-out or a memory limit.
const LINES_WITHOUT_PANIC: usize = 25;

/// Executions, coverage, corpus and memory of a run.
pub(super) fn summary(name: &str, log: &str) -> String {
    let stat = |stat: &str| {
        let found = log.lines().rev().find_map(|line| line.strip_prefix(&format!("stat::{stat}:")));
        found.map_or("?", str::trim).to_owned()
    };
    // The last progress line; a run that fails at once has none.
    let progress = log.lines().rev().find(|line| line.starts_with('#') && line.contains(" cov: "));
    let field = |field: &str| {
        let mut words = progress.unwrap_or_default().split_whitespace();
        words.find(|word| *word == field);
        words.next().unwrap_or("?").to_owned()
    };
    format!(
        "fuzz: {name}: {} executions, {} a second, coverage {}, features {}, corpus {}, {} MiB at most",
        stat("number_of_executed_units"),
        stat("average_exec_per_sec"),
        field("cov:"),
        field("ft:"),
        field("corp:"),
        stat("peak_rss_mb"),
    )
}

/// The end of the log, from the panic on if there is one, and how to run the input again.
pub(super) fn crash(name: &str, log: &str) -> String {
    let telling =
        |line: &&str| !line.is_empty() && !line.starts_with('#') && !line.starts_with("stat::");
    let lines: Vec<&str> = log.lines().filter(telling).collect();
    let panic = lines.iter().position(|line| line.contains(" panicked at "));
    let from = panic.unwrap_or(lines.len().saturating_sub(LINES_WITHOUT_PANIC));
    let end = lines.get(from..).unwrap_or_default().join("\n");
    let again = match log.lines().find_map(|line| line.split_once("Test unit written to ")) {
        Some((_, input)) => format!("cargo xtask fuzz {name} --input {}", input.trim()),
        None => "no input was written".to_owned(),
    };
    format!("{end}\nfuzz: {name}: again with: {again}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSED: &str = "\
#2\tINITED cov: 8 ft: 8 corp: 1/1b exec/s: 0 rss: 27Mb
#31470355\tDONE   cov: 91 ft: 120 corp: 12/345b lim: 4096 exec/s: 2860941 rss: 27Mb
Done 31470355 runs in 11 second(s)
stat::number_of_executed_units: 31470355
stat::average_exec_per_sec:     2860941
stat::peak_rss_mb:              27
";

    #[test]
    fn the_summary_takes_the_last_figures() {
        assert_eq!(
            summary("wal_scan", PASSED),
            "fuzz: wal_scan: 31470355 executions, 2860941 a second, coverage 91, features 120, \
             corpus 12/345b, 27 MiB at most"
        );
    }

    #[test]
    fn a_log_without_figures_says_so() {
        assert!(summary("wal_scan", "killed\n").contains("? executions"));
    }

    #[test]
    fn a_crash_shows_the_panic_and_how_to_repeat_it() {
        let log = "INFO: Seed: 1\n#1\tNEW cov: 1\n\nthread '<unnamed>' panicked at x\n\
            artifact_prefix='a/'; Test unit written to a/crash-0123\nBase64: AA==\n";
        let crash = crash("wal_scan", log);
        assert!(crash.starts_with("thread '<unnamed>' panicked at x\n"), "{crash}");
        assert!(crash.ends_with("cargo xtask fuzz wal_scan --input a/crash-0123"), "{crash}");
    }
}
