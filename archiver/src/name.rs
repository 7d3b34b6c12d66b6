//! Names as text: what stands in the string columns for the bytes of a snapshot.
//!
//! Names are bytes, the columns are UTF-8. A name that is UTF-8 stands as it is. A byte 0xNN that is
//! no part of UTF-8 becomes the character U+F7NN, of Unicode's private use; so do the three bytes of
//! such a character where a name really has one. Different names stay different, and every name can
//! be told back.

use std::borrow::Cow;

/// U+F700: above it lie the stand-ins for bytes, 0x80 to 0xFF.
const STAND_IN: u32 = 0xF700;

fn is_stand_in(character: char) -> bool {
    (STAND_IN + 0x80..=STAND_IN + 0xFF).contains(&u32::from(character))
}

fn stand_in(byte: u8) -> char {
    char::from_u32(STAND_IN + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The text of a name.
pub(crate) fn text(name: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = str::from_utf8(name)
        && !text.contains(is_stand_in)
    {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        for character in chunk.valid().chars() {
            if is_stand_in(character) {
                let mut bytes = [0; 4];
                escaped.extend(character.encode_utf8(&mut bytes).bytes().map(stand_in));
            } else {
                escaped.push(character);
            }
        }
        escaped.extend(chunk.invalid().iter().copied().map(stand_in));
    }
    Cow::Owned(escaped)
}

/// The text that stands in a file: what is UTF-8 as it is, stand-ins included.
pub(crate) fn as_read(text_of_file: &[u8]) -> Cow<'_, str> {
    str::from_utf8(text_of_file).map_or_else(|_| text(text_of_file), Cow::Borrowed)
}

/// The name as one element of the column `path`, whose separator is `/`: `/` becomes `\/`, `\`
/// becomes `\\`, and an empty name `\e`, so that different paths are different texts.
pub(crate) fn element<'a>(text: &Cow<'a, str>) -> Cow<'a, str> {
    if text.is_empty() {
        return Cow::Borrowed("\\e");
    }
    if text.contains(['/', '\\']) {
        return Cow::Owned(text.replace('\\', "\\\\").replace('/', "\\/"));
    }
    text.clone()
}

/// The name that a text stands for: what [`text`] has made of it.
pub(crate) fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for character in text.chars() {
        let byte = u32::from(character).checked_sub(STAND_IN).and_then(|byte| byte.try_into().ok());
        match byte {
            Some(byte) if is_stand_in(character) => bytes.push(byte),
            _ => bytes.extend(character.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    bytes
}

/// The elements of a text of the column `path`, see [`element`].
pub(crate) fn elements(path: &str) -> Vec<String> {
    let mut elements = Vec::new();
    if path.is_empty() {
        return elements;
    }
    let (mut element, mut characters) = (String::new(), path.chars());
    while let Some(character) = characters.next() {
        match character {
            '/' => elements.push(std::mem::take(&mut element)),
            '\\' => element.extend(characters.next().filter(|&escaped| escaped != 'e')),
            _ => element.push(character),
        }
    }
    elements.push(element);
    elements
}

/// The scope and scope id that the Go store gives to rows of a child of this name.
pub(crate) fn scope(child: &str) -> (&str, &str) {
    const PREFIXES: [(&str, &str); 6] = [
        ("socket", "socket"),
        ("memoryDomain", "memoryDomain"),
        ("core", "core"),
        ("hwthread", "hwthread"),
        ("cpu", "hwthread"),
        ("accelerator", "accelerator"),
    ];
    for (prefix, scope) in PREFIXES {
        if let Some(id) = child.strip_prefix(prefix)
            && id.starts_with(|first: char| first.is_ascii_digit())
        {
            return (scope, id);
        }
    }
    (child, "")
}

/// The scope of the host itself.
pub(crate) const NODE: &str = "node";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf8_stands_as_it_is() {
        for name in ["", "cpu_load", "temp_°C", "指标", "\u{10FFFF}\0"] {
            assert!(matches!(text(name.as_bytes()), Cow::Borrowed(same) if same == name));
        }
    }

    #[test]
    fn bytes_that_are_no_utf8_have_stand_ins_and_so_have_the_stand_ins() {
        assert_eq!(text(b"a\x80\xFF"), "a\u{F780}\u{F7FF}");
        assert_eq!(text("\u{F780}".as_bytes()), "\u{F7EF}\u{F79E}\u{F780}");
        assert_eq!(text("é\u{F7FF}é".as_bytes()), "é\u{F7EF}\u{F79F}\u{F7BF}é");
    }

    #[test]
    fn elements_of_a_path_hide_their_separators() {
        let names = ["", "a", "a/b", "a\\/b", "\\e", "/"];
        let elements = names.map(|name| element(&Cow::Borrowed(name)).into_owned());
        assert_eq!(elements, ["\\e", "a", "a\\/b", "a\\\\\\/b", "\\\\e", "\\/"]);
    }

    #[test]
    fn every_name_and_every_path_can_be_told_back() {
        let names: [&[u8]; 8] =
            [b"", b"a", b"e", b"a/b\\e", b"a\x80\xFF", "°\u{F780}\u{F6FF}".as_bytes(), b"/", b"\\"];
        for name in names {
            assert_eq!(bytes(&text(name)), name);
        }
        for len in 0..names.len() {
            for path in names.windows(len + 1).map(|path| &path[..len]) {
                let all: Vec<_> =
                    path.iter().map(|name| element(&text(name)).into_owned()).collect();
                let told: Vec<_> = elements(&all.join("/")).iter().map(|one| bytes(one)).collect();
                assert_eq!(told, path);
            }
        }
    }

    #[test]
    fn the_scope_is_the_prefix_if_a_digit_follows() {
        let scopes = ["socket0", "cpu12", "cpu", "hwthread7", "accelerator00000000:49:00.0"];
        let expected = [
            ("socket", "0"),
            ("hwthread", "12"),
            ("cpu", ""),
            ("hwthread", "7"),
            ("accelerator", "00000000:49:00.0"),
        ];
        assert_eq!(scopes.map(scope), expected);
        assert_eq!(scope("memoryDomain2"), ("memoryDomain", "2"));
        assert_eq!(scope("core1x"), ("core", "1x"));
        assert_eq!(scope("socket٣"), ("socket٣", ""), "a digit of another script");
        assert_eq!(scope("dimm0"), ("dimm0", ""));
    }
}
