//! The Go server's way to write flags: `-config FILE`, one dash or two.

use std::ffi::OsString;

/// Flags of the Go server, each of them ours too.
const FLAGS: [&str; 7] =
    ["config", "loglevel", "logdate", "version", "cleanup-checkpoints", "dev", "gops"];

/// The arguments of the program, those behind `serve` with the second dash where one is missing.
pub(crate) fn normalized(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    if arguments.get(1).is_some_and(|command| command == "serve") {
        for argument in arguments.iter_mut().skip(2) {
            let text = argument.to_str().unwrap_or_default();
            let name = text.strip_prefix('-').map(|flag| flag.split('=').next().unwrap_or(flag));
            if name.is_some_and(|name| FLAGS.contains(&name)) {
                *argument = format!("-{text}").into();
            }
        }
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_dash_is_as_good_as_two() {
        for (given, expected) in [
            ("x serve -config c.json -logdate", "x serve --config c.json --logdate"),
            ("x serve -loglevel=debug --dev", "x serve --loglevel=debug --dev"),
            ("x serve --config -- -c -h", "x serve --config -- -c -h"),
            ("x query -config c", "x query -config c"),
        ] {
            let given = given.split(' ').map(OsString::from);
            let expected: Vec<_> = expected.split(' ').map(OsString::from).collect();
            assert_eq!(normalized(given), expected);
        }
    }
}
