//! FORMAT.md follows `src/layout.rs`: the page's last line carries a fingerprint of that file.
//!
//! Whoever changes a byte of the layout is stopped here and sent to the page. Comments and white
//! space do not count.

use super::source::{Piece, pieces};

const OPENING: &str = "<!-- layout: ";
const CLOSING: &str = " -->";

/// Whether the page was blessed for this layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Same,
    Differs,
}

pub(super) fn compare(page: &str, layout: &str) -> Verdict {
    if page.trim_end().lines().last() == Some(&line(layout)) {
        Verdict::Same
    } else {
        Verdict::Differs
    }
}

/// The page with the layout's fingerprint as its last line.
pub(super) fn bless(page: &str, layout: &str) -> String {
    let kept: Vec<&str> = page.lines().filter(|line| !line.starts_with(OPENING)).collect();
    format!("{}\n\n{}\n", kept.join("\n").trim_end(), line(layout))
}

fn line(layout: &str) -> String {
    format!("{OPENING}{:016x}{CLOSING}", fnv1a(code(layout).as_bytes()))
}

/// What the compiler sees, but for white space between its words.
fn code(source: &str) -> String {
    let mut code = String::new();
    for piece in pieces(source) {
        match piece {
            Piece::Code(text) => code.extend(text.split_whitespace()),
            Piece::Literal(text) => code.push_str(text),
            Piece::Comment(_) => {}
        }
    }
    code
}

/// FNV-1a, 64 bits.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYOUT: &str = "/// A file's header.\nstruct Header {\n    magic: U32,\n}\n";

    #[test]
    fn the_hash_is_the_published_one() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn a_blessed_page_passes_until_the_layout_changes() {
        let page = bless("# Format\n\nText.\n", LAYOUT);
        assert!(page.starts_with("# Format\n\nText.\n\n<!-- layout: "), "{page}");
        assert_eq!(compare(&page, LAYOUT), Verdict::Same);
        assert_eq!(compare(&page, &LAYOUT.replace("U32", "U64")), Verdict::Differs);
        assert_eq!(compare("# Format\n", LAYOUT), Verdict::Differs);
        assert_eq!(compare("", LAYOUT), Verdict::Differs);
    }

    #[test]
    fn blessing_again_replaces_the_line() {
        let first = bless("# Format\n", LAYOUT);
        assert_eq!(bless(&first, LAYOUT), first);
        let second = bless(&first, "struct Other;");
        assert_eq!(second.matches(OPENING).count(), 1);
        assert_eq!(compare(&second, "struct Other;"), Verdict::Same);
    }

    #[test]
    fn comments_and_white_space_do_not_count_but_literals_do() {
        let page = bless("", LAYOUT);
        let reworded = "// Other words.\nstruct Header { magic: /* four bytes */ U32, }";
        assert_eq!(compare(&page, reworded), Verdict::Same);
        let (one, two) = ("const A: &[u8] = b\"x y\";", "const A: &[u8] = b\"xy\";");
        assert_eq!(compare(&bless("", one), two), Verdict::Differs);
    }
}
