//! Rules on what a file says: nothing unfinished, nothing of one machine, nothing too large.

use std::path::Path;

use super::Finding;

// The words are written in two parts, for this file is checked as well.
const UNFINISHED_WORDS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
const UNFINISHED_CODE: &[&str] = &[
    concat!("to", "do!"),
    concat!("unimplemented", "!"),
    concat!("db", "g!"),
    concat!("#[ig", "nore"),
];
/// Not a test that is switched off, but what another test starts as a process of its own.
const OTHER_PROCESS: &str = concat!("#[ig", "nore = \"the other process of");
const MACHINES: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/tmp/", "target"),
];
const REGISTRIES: &[&str] = &[
    concat!("crates", ".io"),
    concat!("pypi", ".org"),
    concat!("registry.npmjs", ".org"),
    concat!("deb.debian", ".org"),
];

const BYTES_MAX: usize = 1 << 20;

/// No file above 1 MiB: test data stay small, figures are made by commands.
pub(super) fn size(path: &str, bytes: usize) -> Option<Finding> {
    (bytes > BYTES_MAX).then(|| Finding::failure(path, format!("{bytes} bytes, at most 1 MiB")))
}

/// No unfinished work, no test switched off.
pub(super) fn unfinished(path: &str, source: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(source.lines()) {
        let words = UNFINISHED_WORDS.iter().filter(|word| has_word(line, word));
        let unfinished = |code: &&&str| line.contains(**code) && !line.contains(OTHER_PROCESS);
        let code = UNFINISHED_CODE.iter().filter(unfinished);
        for found in words.chain(code) {
            findings
                .push(Finding::failure(format!("{path}:{number}"), format!("unfinished: {found}")));
        }
    }
    findings
}

/// No path that exists on one developer's machine only, no host of a package registry: a build
/// takes what the machine is set up to use.
pub(super) fn places(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let at = || format!("{path}:{number}");
        for machine in MACHINES.iter().filter(|machine| starts_a_path(line, machine)) {
            findings.push(Finding::failure(at(), format!("a path of one machine: {machine}")));
        }
        if has_extension(path, "lock") {
            continue;
        }
        for registry in REGISTRIES.iter().filter(|registry| line.contains(**registry)) {
            findings.push(Finding::failure(at(), format!("a registry's host: {registry}")));
        }
    }
    findings
}

/// Whether the path ends in `.extension`.
pub(super) fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found == extension)
}

fn has_word(line: &str, word: &str) -> bool {
    let of_a_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let (before, from_here) = line.split_at(at);
        let behind = from_here.strip_prefix(word).unwrap_or_default();
        !before.ends_with(of_a_word) && !behind.starts_with(of_a_word)
    })
}

/// `/x/` at the start of a path, not the `/x/` inside of `a/x/b`.
fn starts_a_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let (before, _) = line.split_at(at);
        !before.ends_with(|c: char| c.is_alphanumeric() || "_-./".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_can_be_the_other_process_of_another_but_not_switched_off() {
        let attribute = |reason: &str| format!("{}{reason}]", concat!("#[ig", "nore"));
        assert_eq!(unfinished("a.rs", &attribute(" = \"the other process of a test\"")).len(), 0);
        for reason in ["", " = \"slow\""] {
            assert_eq!(unfinished("a.rs", &attribute(reason)).len(), 1);
        }
    }

    #[test]
    fn unfinished_work_is_found_with_its_line() {
        for word in UNFINISHED_WORDS.iter().chain(UNFINISHED_CODE) {
            let findings = unfinished("a.rs", &format!("fn a() {{}}\n    // {word}(x)\n"));
            assert_eq!(findings, [Finding::failure("a.rs:2", format!("unfinished: {word}"))]);
        }
    }

    #[test]
    fn a_word_inside_of_another_is_no_finding() {
        let source = format!("let {0}S = \"{0}x\"; let a_{0} = 1;", UNFINISHED_WORDS[0]);
        assert_eq!(unfinished("a.rs", &source), []);
    }

    #[test]
    fn paths_of_one_machine_are_found() {
        for machine in MACHINES {
            assert_eq!(places("a.md", &format!("see `{machine}x`")).len(), 1, "{machine}");
            assert_eq!(places("a.md", &format!("see a{machine}x and ..{machine}x")), []);
        }
    }

    #[test]
    fn registries_are_named_in_the_lock_file_alone() {
        for registry in REGISTRIES {
            let text = format!("source = \"https://static.{registry}/\"");
            assert_eq!(places("README.md", &text).len(), 1, "{registry}");
            assert_eq!(places("Cargo.lock", &text), []);
        }
    }

    #[test]
    fn a_file_may_have_a_mebibyte_and_no_more() {
        assert_eq!(size("a", 1_048_576), None);
        assert!(size("a", 1_048_577).is_some());
    }
}
