//! Random lines and bodies, against the reference.

use crate::reference;
use crate::said::{chunked, predicted, whole};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;

/// Pieces that lines are made of, and some that they should not be made of.
const PIECES: &[&str] = &[
    "m",
    "load",
    "m\\,x",
    "m\\ x",
    "m\\=x",
    "m\\\\",
    "ü",
    "#",
    ",",
    ",",
    ",",
    "=",
    "=",
    " ",
    " ",
    "  ",
    "\\",
    "\"",
    "\\\"",
    "\\\\",
    "\n",
    "\n",
    "\r\n",
    "\r",
    "\t",
    "\0",
    "cluster=",
    "cluster=c",
    "hostname=h",
    "host=h2",
    "type=node",
    "type=socket",
    "type-id=0",
    "stype=core",
    "stype-id=7",
    "unit=x",
    "type=\\ ",
    ",hostname=h",
    ",host=a\\=b",
    "value=",
    " value=1",
    " value=-1.5 ",
    "value=1",
    "value=2i",
    "event=\"x\"",
    "log=\"a b,c=d\"",
    "control=1u",
    ",other=true",
    "1",
    "-",
    "0.",
    ".5",
    "e5",
    "E-3",
    "1e39",
    "3.4028235e38",
    "16777217",
    "0.1",
    "i",
    "u",
    "t",
    "FALSE",
    "nan",
    "inf",
    "+1",
    "0x10",
    " 1700000000",
    " 1700000000123",
    " 1700000000123456",
    " 1700000000123456789",
    " -5",
    " 99999999999",
    " 100000000000",
    " 12x",
];

fn a_plausible_line() -> impl Strategy<Value = Vec<u8>> {
    let metric = select(&["m", "cpu_load", "a\\,b", "", "ü", "with\\ blank"][..]);
    let tag = select(
        &[
            "cluster=c",
            "hostname=h",
            "host=h",
            "hostname=h\\=1",
            "type=node",
            "type=socket",
            "type-id=1",
            "type-id=00000000:49:00.0",
            "stype=disk",
            "stype-id=/home",
            "unit=°C",
            "cluster=",
            "=x",
            "hostname",
            "a=b=c",
            "type=a\\ b\\\\",
        ][..],
    );
    let value = select(
        &[
            "1",
            "0.5",
            "-17.25",
            "1i",
            "-3i",
            "7u",
            "-7u",
            "1e3",
            "1e400",
            "true",
            "\"x\"",
            "123456789012345678901234567890",
            "9223372036854775808i",
            ".",
            "-",
            "1.5.2",
        ][..],
    );
    let field = select(&["value", "value", "value", "other", "event", "va\\,lue"][..]);
    let time = select(&["", " 1700000000", "  1700000000123 ", " 17", " x", " 1 2", " "][..]);
    let end = select(&["\n", "\r\n", ""][..]);
    (metric, vec(tag, 0..6), vec((field, value), 0..3), time, end).prop_map(
        |(metric, tags, fields, time, end)| {
            let mut line = metric.to_owned();
            for tag in tags {
                line = line + "," + tag;
            }
            for (at, (field, value)) in fields.into_iter().enumerate() {
                line = line + if at == 0 { " " } else { "," } + field + "=" + value;
            }
            (line + time + end).into_bytes()
        },
    )
}

fn a_usual_line() -> impl Strategy<Value = Vec<u8>> {
    (0..3_u8, 0..3_u8, any::<f32>(), 0..2_000_000_000_i64).prop_map(|(host, id, value, time)| {
        format!("load,cluster=c,hostname=h{host},type=core,type-id={id} value={value} {time}\n")
            .into_bytes()
    })
}

fn a_body() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        3 => a_plausible_line(),
        3 => a_usual_line(),
        1 => vec(select(PIECES), 0..12).prop_map(|pieces| pieces.concat().into_bytes()),
        1 => vec(any::<u8>(), 0..30),
    ];
    vec(line, 0..8).prop_map(|lines| lines.concat())
}

#[derive(Clone, Copy, Debug)]
enum Mutation {
    Replace(usize, u8),
    Remove(usize, usize),
    Insert(usize, &'static str),
}

fn a_mutation() -> impl Strategy<Value = Mutation> {
    let byte = prop_oneof![any::<u8>(), select(&b"\\\",= \n\r#-.019eiu"[..])];
    prop_oneof![
        (any::<usize>(), byte).prop_map(|(at, byte)| Mutation::Replace(at, byte)),
        (any::<usize>(), 1..20_usize).prop_map(|(at, len)| Mutation::Remove(at, len)),
        (any::<usize>(), select(PIECES)).prop_map(|(at, piece)| Mutation::Insert(at, piece)),
    ]
}

fn mutate(body: &mut Vec<u8>, mutation: Mutation) {
    let len = body.len().max(1);
    match mutation {
        _ if body.is_empty() => {}
        Mutation::Replace(at, byte) => body[at % len] = byte,
        Mutation::Remove(at, count) => drop(body.drain(at % len..(at % len + count).min(len))),
        Mutation::Insert(at, piece) => drop(body.splice(at % len..at % len, piece.bytes())),
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 20_000,
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn a_body_is_read_as_the_grammar_says(
        mut body in a_body(),
        mutations in vec(a_mutation(), 0..4),
        cuts in vec(1..50_usize, 1..4),
    ) {
        for mutation in mutations {
            mutate(&mut body, mutation);
        }
        let expected = reference::read(&body);
        prop_assert_eq!(&whole(&body), &expected, "whole: {}", body.escape_ascii());
        prop_assert_eq!(&predicted(&body), &expected, "predicted: {}", body.escape_ascii());

        let mut rest = &body[..];
        let mut chunks = Vec::new();
        for cut in cuts.iter().cycle() {
            let (chunk, behind) = rest.split_at((*cut).min(rest.len()));
            chunks.push(chunk);
            rest = behind;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(&chunked(chunks), &expected, "chunked: {}", body.escape_ascii());
    }

    #[test]
    fn any_bytes_at_all_are_read(body in vec(any::<u8>(), 0..400)) {
        prop_assert_eq!(whole(&body), reference::read(&body));
    }

    #[test]
    fn any_bytes_of_the_grammar_are_read(body in vec(select(&b"mv=, \\\"\n\r#1.eiu-"[..]), 0..60)) {
        prop_assert_eq!(whole(&body), reference::read(&body), "{}", body.escape_ascii());
    }

    /// Separators are found 64 bytes at a time, eight in one word.
    #[test]
    fn keys_of_every_length_are_taken_apart(
        tags in vec(("[a-z-]{1,40}", "[a-z0-9:./-]{1,90}"), 0..6),
        host_at in 0..6_usize,
        stranger in prop_oneof![4 => Just(""), 1 => select(&["\\", "ü", "=", ",", "\\ "][..])],
        at in any::<usize>(),
    ) {
        let mut tags: Vec<String> = tags.iter().map(|(k, v)| format!(",{k}={v}")).collect();
        tags.insert(host_at.min(tags.len()), ",hostname=h".to_owned());
        let mut key = format!("metric{}", tags.concat());
        key.insert_str(at % key.len(), stranger);
        let body = format!("{key} value=1 1700000000\n").into_bytes();
        prop_assert_eq!(whole(&body), reference::read(&body), "{}", key);
    }
}
