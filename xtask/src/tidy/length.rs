//! Lengths of files and functions: what does not fit on a screen is not read.

use super::Finding;
use super::source::code_only;

/// Lines above which a length is noted, and above which it is a failure.
struct Limits {
    noted: usize,
    failing: usize,
}

const FILE: Limits = Limits { noted: 500, failing: 800 };
const FUNCTION: Limits = Limits { noted: 70, failing: 120 };

/// Notes and failures of one Rust source.
pub(super) fn check(path: &str, source: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(judge(&FILE, path.to_owned(), "the file", source.lines().count()));
    for function in functions(source) {
        let at = format!("{path}:{}", function.line);
        findings.extend(judge(&FUNCTION, at, &function.name, function.lines));
    }
    findings
}

fn judge(limits: &Limits, at: String, name: &str, lines: usize) -> Option<Finding> {
    let what = format!("{name} has {lines} lines, at most {} are the rule", limits.noted);
    if lines > limits.failing {
        Some(Finding::failure(at, what))
    } else if lines > limits.noted {
        Some(Finding::note(at, what))
    } else {
        None
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Function {
    name: String,
    /// The line of its `fn`, from 1.
    line: usize,
    lines: usize,
}

/// Every function with a body.
fn functions(source: &str) -> Vec<Function> {
    let code = code_only(source);
    let mut functions = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let before = code.get(..at).unwrap_or_default();
        if before.ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let behind = code.get(at + 3..).unwrap_or_default();
        let name: String =
            behind.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        if let Some(length) = up_to_the_end_of_the_body(behind) {
            let body = behind.get(..length).unwrap_or_default();
            functions.push(Function {
                name,
                line: before.matches('\n').count() + 1,
                lines: body.matches('\n').count() + 1,
            });
        }
    }
    functions
}

/// None for a declaration, which ends in `;`. An array type's `;` is inside its brackets.
fn up_to_the_end_of_the_body(code: &str) -> Option<usize> {
    let (mut brackets, mut braces) = (0_usize, 0_usize);
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets = brackets.saturating_sub(1),
            ';' if brackets == 0 && braces == 0 => return None,
            '{' => braces += 1,
            '}' if braces <= 1 => return Some(at),
            '}' => braces -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_measured_from_their_name_to_their_brace() {
        let source = "trait T {\n    fn declared(a: [u8; 4]);\n}\n\nfn f() -> [u8; 2] {\n    \"}\";\n    // }\n    [0; 2]\n}\nfn g() {}\n";
        assert_eq!(
            functions(source),
            [
                Function { name: "f".into(), line: 5, lines: 5 },
                Function { name: "g".into(), line: 10, lines: 1 },
            ]
        );
    }

    #[test]
    fn a_long_function_is_noted_and_a_very_long_one_fails() {
        let function = |lines: usize| format!("fn f() {{\n{}}}\n", "a();\n".repeat(lines - 2));
        assert_eq!(check("a.rs", &function(70)), []);
        assert!(matches!(check("a.rs", &function(71))[..], [Finding::Note { .. }]));
        assert!(matches!(check("a.rs", &function(120))[..], [Finding::Note { .. }]));
        assert!(matches!(check("a.rs", &function(121))[..], [Finding::Failure { .. }]));
    }

    #[test]
    fn a_long_file_is_noted_and_a_very_long_one_fails() {
        assert_eq!(check("a.rs", &"\n".repeat(500)), []);
        assert!(matches!(check("a.rs", &"\n".repeat(501))[..], [Finding::Note { .. }]));
        assert!(matches!(check("a.rs", &"\n".repeat(801))[..], [Finding::Failure { .. }]));
    }
}
