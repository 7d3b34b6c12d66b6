//! Damage: it never panics, and costs at most the lines that it touches.

use crate::reference;
use crate::said::{Said, chunked, predicted, whole};
use line_protocol::{LINE_LEN_MAX, Reason, Stream};

/// Lines of every kind.
const BODY: &[u8] =
    b"cpu_load,cluster=alex,hostname=a0001,type=hwthread,type-id=12 value=123.45 1700000040\n\
    m\\,x,host=h\\ 1,stype=d\\=e,type=node value=-1e-3,other=\"a \\\"b\\\" c\" 1700000040123\r\n\
    # comment\n\
    \n\
    job,hostname=h event=\"begin, x=y\",value=3 17\n  \
    temp_\xC2\xB0C,hostname=h value=7i\n\
    m,hostname=h value=9u   1700000040  \n\
    last,hostname=h value=1";

fn check(body: &[u8]) -> Vec<Said> {
    let said = whole(body);
    assert_eq!(said, reference::read(body), "{}", body.escape_ascii());
    assert_eq!(said, predicted(body), "{}", body.escape_ascii());
    said
}

fn number(said: &Said) -> u64 {
    match said {
        Said::Sample { number, .. }
        | Said::Message { number, .. }
        | Said::Refused((number, ..)) => *number,
    }
}

fn newlines(bytes: &[u8]) -> u64 {
    bytes.split(|&byte| byte == b'\n').count() as u64 - 1
}

#[test]
fn every_prefix_says_the_same_of_the_lines_that_are_whole() {
    let all = check(BODY);
    assert_eq!(all.len(), 6);
    assert!(!all.iter().any(|said| matches!(said, Said::Refused(_))));
    for end in 0..BODY.len() {
        let prefix = &BODY[..end];
        let whole_lines = newlines(prefix);
        let said = check(prefix);
        let before = |said: &&Said| number(said) <= whole_lines;
        let expected: Vec<&Said> = all.iter().filter(before).collect();
        assert_eq!(said.iter().filter(before).collect::<Vec<_>>(), expected);
        assert!(said.iter().all(|said| number(said) <= whole_lines + 1));
    }
}

#[test]
fn every_change_of_one_byte_costs_at_most_its_line_and_its_neighbour() {
    let all = check(BODY);
    let mut body = BODY.to_vec();
    for at in 0..body.len() {
        let line = 1 + newlines(&BODY[..at]);
        for byte in 0..=255_u8 {
            if byte == BODY[at] {
                continue;
            }
            body[at] = byte;
            let said = check(&body);
            // Lines in front are as they were; those behind too, but for their number.
            let (joined, cut) = (BODY[at] == b'\n', byte == b'\n');
            let behind = if joined { line + 1 } else { line };
            let mut expected: Vec<Said> =
                all.iter().filter(|said| number(said) < line).cloned().collect();
            let untouched = all.iter().filter(|said| number(said) > behind).cloned();
            expected
                .extend(untouched.map(|said| renumbered(said, i64::from(cut) - i64::from(joined))));
            let last = if cut { line + 1 } else { line };
            let kept: Vec<Said> =
                said.into_iter().filter(|said| !(line..=last).contains(&number(said))).collect();
            assert_eq!(kept, expected, "{at}: {byte}");
        }
        body[at] = BODY[at];
    }
}

fn renumbered(said: Said, by: i64) -> Said {
    let new = |number: u64| number.checked_add_signed(by).unwrap();
    match said {
        Said::Sample { number, key, bits, timestamp, names } => {
            let names = names.map_err(|(line, column, reason)| (new(line), column, reason));
            Said::Sample { number: new(number), key, bits, timestamp, names }
        }
        Said::Message { number, category, timestamp } => {
            Said::Message { number: new(number), category, timestamp }
        }
        Said::Refused((line, column, reason)) => Said::Refused((new(line), column, reason)),
    }
}

#[test]
fn every_byte_removed_or_doubled_is_read_by_the_grammar() {
    for (at, &byte) in BODY.iter().enumerate() {
        let mut removed = BODY.to_vec();
        removed.remove(at);
        check(&removed);
        let mut doubled = BODY.to_vec();
        doubled.insert(at, byte);
        check(&doubled);
    }
}

#[test]
fn two_bytes_of_every_kind_in_every_place_of_a_short_line_are_read_by_the_grammar() {
    let line = b"m,host=h value=1,a=\"x\" 17";
    let bytes = b"\\\",= \n\r#-.1eiu\xC2\xFFtv";
    for at in 0..line.len() {
        for &first in bytes {
            for &second in bytes {
                let mut changed = line.to_vec();
                changed.splice(at..=at, [first, second]);
                check(&changed);
            }
        }
    }
}

#[test]
fn bodies_that_are_one_byte_again_and_again_end() {
    for byte in 0..=255_u8 {
        for len in [1, 7, 8, 9, 63, 64, 65, 200, LINE_LEN_MAX, LINE_LEN_MAX + 1, 3 * LINE_LEN_MAX] {
            let body = vec![byte; len];
            let said = whole(&body);
            if len <= 200 {
                assert_eq!(said, reference::read(&body));
            }
            if len > LINE_LEN_MAX && byte != b'\n' {
                let expected = Said::Refused((1, LINE_LEN_MAX + 1, Reason::LineTooLong));
                assert_eq!(said, [expected]);
            }
            assert_eq!(chunked(body.chunks(1000)), said);
        }
    }
}

#[test]
fn a_line_without_end_takes_no_more_memory_than_a_line() {
    let mut stream = Stream::new();
    let chunk = vec![b'x'; 1 << 20];
    for _ in 0..64 {
        assert_eq!(stream.feed(&chunk).count(), 0);
    }
    // The stream prints what it holds.
    assert!(format!("{stream:?}").len() < 8 * LINE_LEN_MAX);
    let mut fed = stream.feed(b"\nm,host=h value=1\n");
    let refused = fed.next().unwrap().unwrap_err();
    assert_eq!((refused.line, refused.reason), (1, Reason::LineTooLong));
    assert_eq!(fed.next().unwrap().unwrap().number, 2);
}
