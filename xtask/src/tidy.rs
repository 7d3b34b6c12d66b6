//! The repository's own rules, each a pure function over text in a module below.
//!
//! A failure is a rule broken; a note is something to look at (a long file, a long function).
//! Nothing is written but by `--bless`, and then only the fingerprint line of a FORMAT.md.

mod fingerprint;
mod length;
mod links;
mod manifest;
mod source;
mod text;
mod tree;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::metadata::Workspace;
use crate::run::line;
use fingerprint::Verdict;
use tree::Tree;

/// What to do with the fingerprint of `src/layout.rs` that FORMAT.md carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fingerprints {
    Check,
    Bless,
}

/// What a rule found, in one file.
#[derive(Debug, PartialEq, Eq)]
enum Finding {
    Failure { at: String, what: String },
    Note { at: String, what: String },
}

impl Finding {
    fn failure(at: impl Into<String>, what: impl Into<String>) -> Self {
        Self::Failure { at: at.into(), what: what.into() }
    }

    fn note(at: impl Into<String>, what: impl Into<String>) -> Self {
        Self::Note { at: at.into(), what: what.into() }
    }
}

/// Checks every rule; all findings are reported before it fails.
pub(crate) fn run(workspace: &Workspace, fingerprints: Fingerprints) -> Result<()> {
    let tree = Tree::load(&workspace.root)?;
    let mut findings = members(workspace)?;
    findings.extend(formats(workspace, fingerprints)?);
    findings.extend(files(&tree)?);

    let mut failures = 0;
    for finding in &findings {
        match finding {
            Finding::Note { at, what } => line(format_args!("tidy: note: {at}: {what}"))?,
            Finding::Failure { at, what } => {
                failures += 1;
                line(format_args!("tidy: {at}: {what}"))?;
            }
        }
    }
    if failures > 0 {
        bail!("tidy: {failures} failures");
    }
    line(format_args!("tidy: {} files, no failures", tree.paths.len()))
}

/// Rules on the crates: lints inherited, every root opens with its documentation.
fn members(workspace: &Workspace) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let at = |path: &Path| path.strip_prefix(&workspace.root).unwrap_or(path).display().to_string();
    for member in &workspace.members {
        let path = member.folder.join("Cargo.toml");
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        if !manifest::inherits_lints(&text) {
            let what = "lints are not inherited: `[lints]` needs `workspace = true`";
            findings.push(Finding::failure(at(&path), what));
        }
        for root in &member.roots {
            let text = fs::read_to_string(root).with_context(|| root.display().to_string())?;
            if !text.starts_with("//!") {
                let what = "does not open with `//!`: what is it, what does it guarantee?";
                findings.push(Finding::failure(at(root), what));
            }
        }
    }
    Ok(findings)
}

/// The rule that FORMAT.md follows the layout.
fn formats(workspace: &Workspace, fingerprints: Fingerprints) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for member in workspace.members.iter().filter(|member| member.name.ends_with("-format")) {
        let at = format!("{}/FORMAT.md", member.name);
        let page_path = member.folder.join("FORMAT.md");
        let (Ok(layout), Ok(page)) = (
            fs::read_to_string(member.folder.join("src/layout.rs")),
            fs::read_to_string(&page_path),
        ) else {
            let what = "a format crate has its layout in src/layout.rs and FORMAT.md beside it";
            findings.push(Finding::failure(at, what));
            continue;
        };
        match (fingerprint::compare(&page, &layout), fingerprints) {
            (Verdict::Same, _) => {}
            (Verdict::Differs, Fingerprints::Bless) => {
                fs::write(&page_path, fingerprint::bless(&page, &layout))
                    .with_context(|| page_path.display().to_string())?;
                findings.push(Finding::note(at, "blessed: it follows src/layout.rs as it is now"));
            }
            (Verdict::Differs, Fingerprints::Check) => findings.push(Finding::failure(
                at,
                "src/layout.rs changed: bring FORMAT.md up to date, then cargo xtask tidy --bless",
            )),
        }
    }
    Ok(findings)
}

/// Rules on single files: size, words, links, lengths.
fn files(tree: &Tree) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for path in &tree.paths {
        let bytes = fs::read(tree.root.join(path)).with_context(|| path.clone())?;
        findings.extend(text::size(path, bytes.len()));
        // What a fuzzer found is no text, even where it looks like it.
        if path.starts_with("fuzz/corpus/") || bytes.contains(&0) {
            continue;
        }
        let Ok(text) = std::str::from_utf8(&bytes) else { continue };
        findings.extend(text::places(path, text));
        if text::has_extension(path, "rs") {
            findings.extend(text::unfinished(path, text));
            findings.extend(length::check(path, text));
        }
        if text::has_extension(path, "md") {
            findings.extend(links::check(path, text, |target| tree.holds(target)));
        }
    }
    Ok(findings)
}
