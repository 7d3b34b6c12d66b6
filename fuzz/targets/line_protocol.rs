//! A body, whatever its bytes are: each line is one that says something, one that is refused, or blank;
//! chunks and predictions change nothing; what is read is written and read again the same.
#![no_main]
#![expect(clippy::expect_used, clippy::panic, reason = "a fuzz target reports by panicking")]

use libfuzzer_sys::fuzz_target;
use line_protocol::{
    Fed, Field, Key, Line, Lines, Malformed, Prediction, Sample, Stream, Unwritable, write_line,
};

type Read<'a> = Result<Line<'a>, Malformed>;

fuzz_target!(|body: &[u8]| {
    let read: Vec<Read<'_>> = Lines::new(body).collect();
    every_line_is_accounted_for(body, &read);
    predictions_change_nothing(body, &read);
    chunks_change_nothing(body, &read);
    for line in read.iter().flatten() {
        a_key_stands_alone(line);
        what_is_written_reads_back(line);
    }
});

fn every_line_is_accounted_for(body: &[u8], read: &[Read<'_>]) {
    let mut read = read.iter().peekable();
    for (number, raw) in (1..).zip(body.split(|&byte| byte == b'\n')) {
        let blank = raw.strip_suffix(b"\r").unwrap_or(raw).trim_ascii_start();
        match read.next_if(|read| number == read.map_or_else(|bad| bad.line, |line| line.number)) {
            Some(Ok(line)) => {
                let key = line.key.as_bytes();
                assert!(raw.windows(key.len()).any(|window| window == key), "another line's key");
                if let Field::Value(value) = line.field {
                    assert!(value.is_finite());
                }
            }
            Some(Err(bad)) => assert!((1..=raw.len() + 1).contains(&bad.column), "{bad}"),
            None => assert!(matches!(blank, [] | [b'#', ..]), "line {number} is not mentioned"),
        }
    }
    assert!(read.next().is_none(), "more lines than there are");
}

/// The same but for whether a key was expected.
fn same(one: &Read<'_>, other: &Read<'_>) -> bool {
    match (one, other) {
        (Ok(one), Ok(other)) => {
            let bits = |field| match field {
                Field::Value(value) => Ok(value.to_bits()),
                Field::Message(category) => Err(category),
            };
            (one.number, one.key, bits(one.field), one.timestamp)
                == (other.number, other.key, bits(other.field), other.timestamp)
        }
        (one, other) => one == other,
    }
}

fn predictions_change_nothing(body: &[u8], read: &[Read<'_>]) {
    let mut lines = Lines::new(body);
    let mut expected: &[u8] = b"";
    for read in read {
        let sample = lines.clone().next_sample(expected);
        let line = lines.next_expecting(expected).expect("as many lines");
        assert!(same(&line, read), "{line:?}, yet {read:?}");
        if let Some(Sample { number, value, timestamp }) = sample {
            let line = line.as_ref().expect("a sample is a line");
            let Field::Value(of_line) = line.field else { panic!("{line:?} is no sample") };
            assert_eq!(line.key.as_bytes(), expected);
            assert_eq!((line.number, line.timestamp), (number, Some(timestamp)));
            assert_eq!(of_line.to_bits(), value.to_bits());
        }
        if let Ok(line) = line {
            let held = line.key.as_bytes() == expected;
            assert_eq!(line.prediction == Prediction::Held, held);
            expected = line.key.as_bytes();
        }
    }
    assert!(lines.next_expecting(expected).is_none());
}

fn chunks_change_nothing(body: &[u8], read: &[Read<'_>]) {
    let mut stream = Stream::new();
    let mut rest = read;
    let mut check = |fed: Fed<'_>| {
        for line in fed {
            let (first, behind) = rest.split_first().expect("no more lines than as a whole");
            assert!(same(&line, first), "{line:?}, yet {first:?}");
            rest = behind;
        }
    };
    // How long they are depends on how long the body is: different, and the same for one body.
    for chunk in body.chunks(1 + body.len() % 13) {
        check(stream.feed(chunk));
    }
    check(stream.finish());
    assert!(rest.is_empty(), "fewer lines than as a whole");
}

fn a_key_stands_alone(line: &Line<'_>) {
    assert_eq!(Key::from_bytes(line.key.as_bytes()), Some(line.key));
    let (mut here, mut there) = (Vec::new(), b"left over".to_vec());
    match (line.names(&mut here), line.key.parse(&mut there)) {
        (Ok(names), Ok(alone)) => assert_eq!(names, alone),
        (Err(bad), Err(fault)) => {
            assert_eq!(bad.reason, fault.reason);
            assert!(fault.offset <= line.key.as_bytes().len() && fault.offset < bad.column);
        }
        (names, alone) => panic!("{names:?}, yet {alone:?}"),
    }
}

fn what_is_written_reads_back(line: &Line<'_>) {
    let (mut scratch, mut out) = (Vec::new(), Vec::new());
    let (Field::Value(value), Ok(names)) = (line.field, line.names(&mut scratch)) else { return };
    match write_line(&names, value, line.timestamp, &mut out) {
        Ok(()) => {}
        // A name that is escaped takes more bytes than one that needs no escapes.
        Err(Unwritable::TooLong) if line.key.as_bytes().len() > 20_000 => return,
        Err(error) => panic!("{names:?}: {error}"),
    }
    let mut lines = Lines::new(&out);
    let written = lines.next().expect("a line").expect("a good one");
    assert!(lines.next().is_none());
    let mut scratch = Vec::new();
    assert_eq!(written.names(&mut scratch), Ok(names));
    assert_eq!(written.timestamp, line.timestamp);
    let Field::Value(read) = written.field else { panic!("{:?}", written.field) };
    assert_eq!(read.to_bits(), value.to_bits());
}
