//! Rust source in pieces: code, comments, literals. As much of a lexer as the rules need.
//!
//! The pieces, one after the other, are the source again, whatever it is: what is never closed
//! reaches to the end.

/// What a piece of source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Code(&'a str),
    Comment(&'a str),
    /// A string, byte string or character, with its quotes.
    Literal(&'a str),
}

/// Divides source into pieces.
pub(super) fn pieces<'a>(source: &'a str) -> Vec<Piece<'a>> {
    let mut pieces = Vec::new();
    let mut rest = source;
    // Where the code that is not yet in `pieces` ends, within `rest`.
    let mut code = 0;
    while code < rest.len() {
        let (before, from_here) = rest.split_at(code);
        let (length, piece): (usize, fn(&'a str) -> Piece<'a>) = if from_here.starts_with("//") {
            (from_here.find('\n').unwrap_or(from_here.len()), Piece::Comment)
        } else if from_here.starts_with("/*") {
            (block_comment(from_here), Piece::Comment)
        } else if let Some(length) = literal(before, from_here) {
            (length, Piece::Literal)
        } else {
            code += from_here.chars().next().map_or(1, char::len_utf8);
            continue;
        };
        if !before.is_empty() {
            pieces.push(Piece::Code(before));
        }
        let (found, behind) = from_here.split_at(length);
        pieces.push(piece(found));
        (rest, code) = (behind, 0);
    }
    if !rest.is_empty() {
        pieces.push(Piece::Code(rest));
    }
    pieces
}

/// The code alone, every line where it was: comments and literals become blanks.
pub(super) fn code_only(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    for piece in pieces(source) {
        match piece {
            Piece::Code(text) => code.push_str(text),
            Piece::Comment(text) | Piece::Literal(text) => {
                code.extend(text.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            }
        }
    }
    code
}

/// The length of the block comment that `text` opens with; they nest.
fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(two) = text.as_bytes().get(at..at + 2) {
        match two {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// The length of the literal that `text` opens with, if it does.
fn literal(before: &str, text: &str) -> Option<usize> {
    match text.as_bytes().first()? {
        b'"' => Some(quoted(text, b'"')),
        b'r' if !in_a_word(before) => raw_string(text),
        b'\'' => character(text),
        _ => None,
    }
}

/// Whether the `r` behind `before` belongs to a name; `b` and `c` before it are prefixes.
fn in_a_word(before: &str) -> bool {
    let before = before.strip_suffix(['b', 'c']).unwrap_or(before);
    before.ends_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// The length up to and with the closing quote.
fn quoted(text: &str, quote: u8) -> usize {
    let mut escaped = false;
    for (at, &byte) in text.as_bytes().iter().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            _ if byte == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn raw_string(text: &str) -> Option<usize> {
    let hashes = text.bytes().skip(1).take_while(|&byte| byte == b'#').count();
    let opening = hashes + 2;
    if text.as_bytes().get(hashes + 1) != Some(&b'"') {
        return None;
    }
    let closing = format!("\"{}", "#".repeat(hashes));
    let inside = text.get(opening..)?.find(&closing);
    Some(inside.map_or(text.len(), |inside| opening + inside + closing.len()))
}

/// A character, not a lifetime.
fn character(text: &str) -> Option<usize> {
    let mut inside = text.chars().skip(1);
    match (inside.next()?, inside.next()?) {
        ('\\', _) => Some(quoted(text, b'\'')),
        (c, '\'') => Some(c.len_utf8() + 2),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Piece::{Code, Comment, Literal};
    use super::*;

    #[test]
    fn comments_and_literals_are_told_from_code() {
        assert_eq!(
            pieces("a // b \"c\"\n\"// d\" /* e /* f */ g */ h"),
            [
                Code("a "),
                Comment("// b \"c\""),
                Code("\n"),
                Literal("\"// d\""),
                Code(" "),
                Comment("/* e /* f */ g */"),
                Code(" h"),
            ]
        );
    }

    #[test]
    fn lifetimes_are_code_and_characters_are_not() {
        assert_eq!(
            pieces(r"<'a> '{' '\'' 'é' b'x'"),
            [
                Code("<'a> "),
                Literal("'{'"),
                Code(" "),
                Literal(r"'\''"),
                Code(" "),
                Literal("'é'"),
                Code(" b"),
                Literal("'x'"),
            ]
        );
    }

    #[test]
    fn raw_strings_end_at_their_own_quote() {
        assert_eq!(
            pieces(r##"br#"a"b"# for"x" r#fn"##),
            [Code("b"), Literal(r##"r#"a"b"#"##), Code(" for"), Literal("\"x\""), Code(" r#fn"),]
        );
    }

    #[test]
    fn every_prefix_of_a_source_is_divided_without_loss() {
        let source = "fn f<'a>() { r#\"é\"#; '\\n'; /* /* */ x */ \"\\\"\" // end\n }";
        for end in (0..=source.len()).filter(|&end| source.is_char_boundary(end)) {
            let prefix = &source[..end];
            let whole: String = pieces(prefix)
                .into_iter()
                .map(|piece| match piece {
                    Code(text) | Comment(text) | Literal(text) => text,
                })
                .collect();
            assert_eq!(whole, prefix);
        }
    }

    #[test]
    fn blanked_source_keeps_its_lines() {
        assert_eq!(code_only("a /* x\ny */ \"z\nw\" b"), "a     \n       \n   b");
    }
}
