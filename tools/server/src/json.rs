//! Strings of JSON, escaped as Go's encoder does it: `<`, `>`, `&` and the line separators too, so
//! that an answer can stand in a page.

/// Appends a string. Bytes that are no UTF-8 become U+FFFD.
pub(crate) fn push_string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for chunk in text.utf8_chunks() {
        push_valid(out, chunk.valid());
        if !chunk.invalid().is_empty() {
            out.extend_from_slice(b"\\ufffd");
        }
    }
    out.push(b'"');
}

fn push_valid(out: &mut Vec<u8>, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find(is_escaped) {
        let (plain, special) = rest.split_at(at);
        out.extend_from_slice(plain.as_bytes());
        let mut characters = special.chars();
        match characters.next() {
            Some('\n') => out.extend_from_slice(b"\\n"),
            Some('\r') => out.extend_from_slice(b"\\r"),
            Some('\t') => out.extend_from_slice(b"\\t"),
            Some(character @ ('"' | '\\')) => out.extend([b'\\', character as u8]),
            Some(character) => {
                let code = u32::from(character);
                let digits = [12, 8, 4, 0].map(|shift| hex(code >> shift));
                out.extend_from_slice(b"\\u");
                out.extend_from_slice(&digits);
            }
            None => {}
        }
        rest = characters.as_str();
    }
    out.extend_from_slice(rest.as_bytes());
}

fn is_escaped(character: char) -> bool {
    matches!(character, '\0'..='\x1f' | '"' | '\\' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}')
}

fn hex(code: u32) -> u8 {
    b"0123456789abcdef"[(code & 15) as usize]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn quoted(text: &[u8]) -> String {
        let mut out = Vec::new();
        push_string(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn escapes_are_those_of_the_go_encoder() {
        assert_eq!(quoted(b"a > b & \"c\" \\ \x01\n"), r#""a \u003e b \u0026 \"c\" \\ \u0001\n""#);
        assert_eq!(quoted("\u{2028}µ".as_bytes()), "\"\\u2028µ\"");
        assert_eq!(quoted(b"a\xffb"), "\"a\\ufffdb\"");
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_string_of_json(bytes: Vec<u8>) {
            let read: String = serde_json::from_str(&quoted(&bytes)).unwrap();
            prop_assert_eq!(read, String::from_utf8_lossy(&bytes));
        }
    }
}
