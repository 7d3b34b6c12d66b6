//! What there is to say about a configuration, and about which of its keys.

use crate::json::legible;

/// Something about one key; the key is a path, as in `metrics.cpu_load.frequency`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// The configuration cannot be used.
    Fault(String, String),
    /// The key has no meaning: written wrongly, or meant for something else.
    Unknown(String),
    /// It can be used, but maybe not as it was meant.
    Doubt(String, String),
}

pub(crate) type Findings = Vec<Finding>;

/// The path of an object's member: `path.name`, or `path["na me"]`.
pub(super) fn member(path: &str, name: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_plain) {
        format!(
            "{path}[\"{}\"]",
            legible(name.replace('\\', "\\\\").replace('"', "\\\"").as_bytes())
        )
    } else if path.is_empty() {
        name.into()
    } else {
        format!("{path}.{name}")
    }
}

/// The path of a list's element.
pub(super) fn element(path: &str, index: usize) -> String {
    format!("{path}[{index}]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_one_key_and_steers_no_terminal() {
        for (name, expected) in [
            ("cpu_load", "metrics.cpu_load"),
            ("a.b", "metrics[\"a.b\"]"),
            ("", "metrics[\"\"]"),
            ("q\"]", "metrics[\"q\\\"]\"]"),
            ("\u{1b}[2J", "metrics[\"\\u{1b}[2J\"]"),
            ("temp_°C", "metrics[\"temp_°C\"]"),
        ] {
            assert_eq!(member("metrics", name), expected);
        }
        assert_eq!(member("", "main"), "main");
        assert_eq!(element("a.b", 3), "a.b[3]");
    }
}
