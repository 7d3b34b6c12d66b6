//! The files of the repository: those Git tracks or would add, or all of them where Git is absent.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

/// Folders that are never part of the repository, for when Git cannot be asked.
const NOT_OURS: &[&str] = &[".git", "target", "artifacts", "var"];

/// Paths relative to the root, with `/`, sorted.
pub(super) struct Tree {
    pub(super) root: PathBuf,
    pub(super) paths: BTreeSet<String>,
}

impl Tree {
    pub(super) fn load(root: &Path) -> Result<Self> {
        let paths = match git_files(root) {
            Some(paths) => paths,
            None => walk(root)?,
        };
        // A file that is tracked but deleted on disk is on its way out.
        let paths = paths.into_iter().filter(|path| root.join(path).is_file()).collect();
        Ok(Self { root: root.to_owned(), paths })
    }

    /// Whether a link to this path leads somewhere in a fresh clone.
    pub(super) fn holds(&self, path: &str) -> bool {
        let folder = format!("{}/", path.trim_end_matches('/'));
        path.is_empty()
            || self.paths.contains(path)
            || self.paths.range(folder.clone()..).next().is_some_and(|p| p.starts_with(&folder))
    }
}

fn git_files(root: &Path) -> Option<Vec<String>> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .ok()?;
    let names = String::from_utf8(output.stdout).ok()?;
    let names: Vec<String> =
        names.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    (output.status.success() && !names.is_empty()).then_some(names)
}

fn walk(root: &Path) -> Result<Vec<String>> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let entry = entry?;
            if NOT_OURS.iter().any(|name| entry.file_name() == *name) {
                continue;
            }
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else if let Some(name) = path.strip_prefix(root).ok().and_then(Path::to_str) {
                files.push(name.replace('\\', "/"));
            }
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(paths: &[&str]) -> Tree {
        Tree { root: PathBuf::new(), paths: paths.iter().map(|&path| path.to_owned()).collect() }
    }

    #[test]
    fn a_link_may_lead_to_a_file_or_a_folder_but_not_to_a_prefix() {
        let tree = tree(&["docs/recovery.md", "docs-old/x.md"]);
        assert!(tree.holds("docs/recovery.md"));
        assert!(tree.holds("docs"));
        assert!(tree.holds("docs/"));
        assert!(!tree.holds("doc"));
        assert!(!tree.holds("docs/other.md"));
    }

    #[test]
    fn without_git_the_walk_finds_the_same_sources() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let walked: BTreeSet<String> = walk(root).unwrap().into_iter().collect();
        assert!(walked.contains("src/tidy/tree.rs"), "{walked:?}");
        assert!(walked.contains("Cargo.toml"));
    }
}
