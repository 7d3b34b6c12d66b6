//! What stands behind `--device`: one level of a selector.

use crate::json::lossy;
use checkpointer::memstore::Element;

/// `*`, a name, or several with commas between them; a backslash makes the next character an
/// ordinary one.
pub(super) fn parse(text: &str) -> Result<Element, String> {
    if text == "*" {
        return Ok(Element::Any);
    }
    let mut names = vec![String::new()];
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        let ordinary = match character {
            ',' => None,
            '\\' => Some(characters.next().ok_or("a backslash must have something behind it")?),
            _ => Some(character),
        };
        match (ordinary, names.last_mut()) {
            (Some(character), Some(name)) => name.push(character),
            _ => names.push(String::new()),
        }
    }
    let mut names: Vec<_> = names.into_iter().map(String::into_bytes).collect();
    match (names.len(), names.pop()) {
        (1, Some(name)) => Ok(Element::Name(name)),
        (_, last) => Ok(Element::Group(names.into_iter().chain(last).collect())),
    }
}

/// For people.
pub(super) fn show(element: &Element) -> String {
    match element {
        Element::Any => "*".into(),
        Element::Name(name) => lossy(name),
        Element::Group(names) => names.iter().map(|name| lossy(name)).collect::<Vec<_>>().join(","),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_a_name_a_group_or_all() {
        let name = |name: &str| Element::Name(name.into());
        let group = |names: &[&str]| {
            Element::Group(names.iter().map(|name| name.as_bytes().to_vec()).collect())
        };
        for (text, element) in [
            ("*", Element::Any),
            ("\\*", name("*")),
            ("", name("")),
            ("socket0", name("socket0")),
            ("accelerator00000000:49:00.0", name("accelerator00000000:49:00.0")),
            ("a,b", group(&["a", "b"])),
            ("a\\,b", name("a,b")),
            ("a\\\\,*", group(&["a\\", "*"])),
        ] {
            assert_eq!(parse(text), Ok(element), "{text}");
        }
        assert!(parse("a\\").is_err());
    }
}
