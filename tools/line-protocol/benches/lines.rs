//! Reading lines of 85 bytes, layer by layer, beside a scan for newlines of the same bytes.

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use line_protocol::{Field, Lines, Names, Prediction, Stream, write_line};
use std::io::Write;

/// So many series, each once a minute: about 27 MB, larger than the caches.
const SERIES: usize = 632;
const MINUTES: usize = 50;
const LINES: usize = SERIES * MINUTES;

fn main() {
    divan::main();
}

/// The keys of a host, as a collector sends them.
fn keys() -> Vec<String> {
    let key = |k: usize| {
        format!("cpu_usr,cluster=alex,hostname=a{:04},type=hwthread,type-id={:02}", k / 72, k % 72)
    };
    (0..SERIES).map(key).collect()
}

fn body() -> Vec<u8> {
    let keys = keys();
    let mut body = Vec::new();
    for minute in 0..MINUTES {
        for (k, key) in keys.iter().enumerate() {
            let hundredths = (k * 7919 + minute * 104_729) % 90_000;
            let (whole, rest) = (100 + hundredths / 100, hundredths % 100);
            let seconds = 1_700_000_000 + 60 * minute;
            // Writing to a vector cannot fail.
            let _ = writeln!(body, "{key} value={whole}.{rest:02} {seconds}");
        }
    }
    body
}

fn bench(bencher: Bencher<'_, '_>, read: impl Fn(&[u8]) -> f32) {
    let body = body();
    bencher
        .counter(ItemsCount::new(LINES))
        .counter(BytesCount::of_slice(&body))
        .bench_local(|| read(black_box(&body)));
}

fn value(field: Field) -> f32 {
    match field {
        Field::Value(value) => value,
        Field::Message(_) => 0.0,
    }
}

/// Something of each name, so that none is left out.
fn bytes(names: &Names<'_>) -> f32 {
    let cluster = names.cluster.map_or(0, <[u8]>::len);
    let path: usize = names.path().map(|element| element.len()).sum();
    length(names.metric.len() + cluster + names.host.len() + path)
}

fn length(bytes: usize) -> f32 {
    u16::try_from(bytes).map_or(0.0, f32::from)
}

/// What the hardware allows.
#[divan::bench]
fn newlines(bencher: Bencher<'_, '_>) {
    let body = body();
    assert_eq!(body.len() / LINES, 85, "lines of 85 bytes");
    bencher
        .counter(ItemsCount::new(LINES))
        .counter(BytesCount::of_slice(&body))
        .bench_local(|| memchr::memchr_iter(b'\n', black_box(&body)).count());
}

/// Key, value and time.
#[divan::bench]
fn split(bencher: Bencher<'_, '_>) {
    bench(bencher, |body| {
        let lines = Lines::new(body).flatten();
        lines.map(|line| value(line.field) + length(line.key.as_bytes().len())).sum()
    });
}

/// The same where each key is the one expected.
#[divan::bench]
fn split_as_predicted(bencher: Bencher<'_, '_>) {
    let keys = keys();
    bench(bencher, |body| {
        let mut lines = Lines::new(body);
        let mut sum = 0.0;
        for key in keys.iter().cycle() {
            match lines.next_expecting(key.as_bytes()) {
                Some(Ok(line)) if line.prediction == Prediction::Held => sum += value(line.field),
                _ => break,
            }
        }
        sum
    });
}

/// All tags, too.
#[divan::bench]
fn parse(bencher: Bencher<'_, '_>) {
    bench(bencher, |body| {
        let mut scratch = Vec::new();
        let mut sum = 0.0;
        for line in Lines::new(body).flatten() {
            if let Ok(names) = line.names(&mut scratch) {
                sum += value(line.field) + bytes(&names);
            }
        }
        sum
    });
}

#[divan::bench]
fn parse_chunks_of_16_kib(bencher: Bencher<'_, '_>) {
    bench(bencher, |body| {
        let mut scratch = Vec::new();
        let mut stream = Stream::new();
        let mut sum = 0.0;
        for chunk in body.chunks(16 << 10) {
            for line in stream.feed(chunk).flatten() {
                if let Ok(names) = line.names(&mut scratch) {
                    sum += value(line.field) + bytes(&names);
                }
            }
        }
        sum
    });
}

/// Lines that the shortcut leaves alone: two blanks before the value.
#[divan::bench]
fn split_unusual(bencher: Bencher<'_, '_>) {
    let body = String::from_utf8(body()).unwrap_or_default().replace(" value", "  value");
    bencher
        .counter(ItemsCount::new(LINES))
        .counter(BytesCount::of_str(&body))
        .bench_local(|| Lines::new(black_box(body.as_bytes())).flatten().count());
}

#[divan::bench]
fn write(bencher: Bencher<'_, '_>) {
    let (body, mut scratch) = (body(), Vec::new());
    let mut out = Vec::with_capacity(body.len());
    bencher.counter(ItemsCount::new(LINES)).counter(BytesCount::of_slice(&body)).bench_local(
        || {
            out.clear();
            for line in Lines::new(black_box(&body)).flatten() {
                if let Ok(names) = line.names(&mut scratch) {
                    let _ = write_line(&names, value(line.field), line.timestamp, &mut out);
                }
            }
        },
    );
    assert_eq!(out.len() / LINES, 84, "the shortest values");
}
