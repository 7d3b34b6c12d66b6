//! How long a JSON number is. Its value is for `str::parse`, which rounds correctly.

/// Bytes of the number at the front of `bytes`, as the grammar of RFC 8259 has it; none if there
/// is no number. What follows is for the caller to look at.
pub(crate) fn number_len(bytes: &[u8]) -> Option<usize> {
    let digits = |from: usize| {
        bytes
            .get(from..)
            .unwrap_or_default()
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    };
    let at = |index: usize| bytes.get(index).copied();
    let mut len = usize::from(at(0) == Some(b'-'));
    len += match (at(len), digits(len)) {
        (_, 0) => return None,
        (Some(b'0'), _) => 1,
        (_, count) => count,
    };
    if at(len) == Some(b'.') {
        len += match digits(len + 1) {
            0 => return None,
            count => 1 + count,
        };
    }
    if matches!(at(len), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(at(len + 1), Some(b'+' | b'-')));
        len += match digits(len + 1 + sign) {
            0 => return None,
            count => 1 + sign + count,
        };
    }
    Some(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_ends_where_the_grammar_ends_it() {
        for (text, len) in [
            ("0", Some(1)),
            ("-0.0", Some(4)),
            ("012", Some(1)),
            ("12.5,", Some(4)),
            ("1e39]", Some(4)),
            ("1E-7", Some(4)),
            ("1e+07x", Some(5)),
            ("-", None),
            (".5", None),
            ("1.", None),
            ("1.e5", None),
            ("1e", None),
            ("1e+", None),
            ("NaN", None),
            ("+1", None),
            ("", None),
        ] {
            assert_eq!(number_len(text.as_bytes()), len, "{text}");
        }
    }
}
