//! Relative links of Markdown pages lead to files of the repository.

use super::Finding;

/// A failure for each link of the page at `path` whose target does not exist.
pub(super) fn check(path: &str, page: &str, exists: impl Fn(&str) -> bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut fenced = false;
    for (number, line) in (1..).zip(page.lines()) {
        if line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        for target in targets(&without_code(line)) {
            if !resolve(path, target).is_some_and(|resolved| exists(&resolved)) {
                let what = format!("a link to what does not exist: {target}");
                findings.push(Finding::failure(format!("{path}:{number}"), what));
            }
        }
    }
    findings
}

/// The line without its `code`: what looks like a link there is none.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect()
}

/// The relative targets of `[text](target "title")` and `[name]: target`, without their anchors.
fn targets(line: &str) -> Vec<&str> {
    let inline = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let defined = line.strip_prefix('[').and_then(|rest| rest.split_once("]: "));
    inline
        .chain(defined.map(|(_, target)| target))
        .filter_map(|target| target.split_whitespace().next())
        .map(|target| target.trim_matches(['<', '>']))
        .filter(|target| !target.contains("://") && !target.starts_with("mailto:"))
        .filter_map(|target| target.split('#').next())
        .filter(|target| !target.is_empty())
        .collect()
}

/// The target as a path from the root; none when it leaves the repository.
fn resolve(page: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => _ = parts.pop()?,
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(page: &str) -> usize {
        let exists = |path: &str| ["README.md", "docs", "docs/a.md"].contains(&path);
        check("docs/a.md", page, exists).len()
    }

    #[test]
    fn links_that_lead_somewhere_pass() {
        assert_eq!(
            broken("[a](a.md) [b](../README.md#top) [c](../docs/) [d](./a.md \"title\")"),
            0
        );
        assert_eq!(broken("[a](https://example.org/x) [b](#here) [c](mailto:a@example.org)"), 0);
        assert_eq!(broken("[name]: ../README.md"), 0);
    }

    #[test]
    fn links_that_lead_nowhere_are_failures() {
        assert_eq!(broken("[a](b.md) and [c](README.md)"), 2);
        assert_eq!(broken("[name]: b.md"), 1);
        assert_eq!(broken("[out](../../README.md)"), 1);
    }

    #[test]
    fn code_holds_no_links() {
        assert_eq!(broken("`[a](b.md)`\n```\n[a](b.md)\n```\n[a](a.md)"), 0);
    }
}
