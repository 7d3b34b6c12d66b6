//! Rules on a crate's Cargo.toml.

/// Whether the manifest takes the workspace's lints.
pub(super) fn inherits_lints(manifest: &str) -> bool {
    let mut section = String::new();
    for line in manifest.lines() {
        let line: String = line.split('#').next().unwrap_or_default().split_whitespace().collect();
        if line.starts_with('[') {
            section = line;
        } else if (section == "[lints]" && line == "workspace=true")
            || (section.is_empty() && line == "lints.workspace=true")
        {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_inherit_count() {
        assert!(inherits_lints("[package]\nname = \"a\"\n\n[lints]\nworkspace = true # all\n"));
        assert!(inherits_lints("lints.workspace = true\n[package]\n"));
    }

    #[test]
    fn another_section_or_another_value_does_not() {
        assert!(!inherits_lints("[package]\nname = \"a\"\n"));
        assert!(!inherits_lints("[lints]\nworkspace = false\n"));
        assert!(!inherits_lints("[dependencies.x]\nworkspace = true\n[lints]\n"));
        assert!(!inherits_lints("[lints]\n# workspace = true\n"));
    }
}
