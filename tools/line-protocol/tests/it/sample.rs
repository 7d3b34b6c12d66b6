//! Samples that are read the short way, against the lines that they are.

use line_protocol::{Field, Lines, Prediction, Sample, Stream};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const KEY: &[u8] = b"load,hostname=h1";

/// What stands where a value is expected: numbers of any length, and what is nearly one.
fn a_value() -> impl Strategy<Value = Vec<u8>> {
    let digits = |len| vec(select(b"0123456789".to_vec()), len);
    let decimal = (any::<bool>(), digits(0..10), any::<bool>(), digits(0..10)).prop_map(
        |(negative, whole, point, decimals)| {
            let sign = if negative { &b"-"[..] } else { b"" };
            let point = if point { &b"."[..] } else { b"" };
            [sign, &whole, point, &decimals].concat()
        },
    );
    let nearly = vec(select(b"0123456789.-+eiu,/:\xFF".to_vec()), 0..10);
    prop_oneof![6 => decimal, 1 => nearly]
}

fn a_line() -> impl Strategy<Value = Vec<u8>> {
    let key = select(vec![KEY, b"load,hostname=h12", b"load,hostname=h"]);
    let field = select(vec![&b" value="[..], b" value=", b" value=", b"  value=", b" event="]);
    let time = select(vec![
        &b" 1700000000"[..],
        b" 1700000000",
        b" 1700000060",
        b" 1700000060000",
        b" 170000006",
        b" 17000000x0",
        b" -700000000",
        b"",
    ]);
    let end = select(vec![&b"\n"[..], b"\n", b"\n", b"\r\n", b" \n", b"\n\n", b"\n#\n"]);
    (key, field, a_value(), time, end)
        .prop_map(|(key, field, value, time, end)| [key, field, &value, time, end].concat())
}

/// Takes the next line the short way if that is possible; says whether it was.
fn check_next(lines: &mut Lines<'_>) -> Option<bool> {
    let expected = lines.clone().next_expecting(KEY);
    let Some(Sample { number, value, timestamp }) = lines.next_sample(KEY) else {
        assert_eq!(lines.next_expecting(KEY), expected, "it is still the next");
        return expected.map(|_| false);
    };
    let line = expected.unwrap().unwrap();
    assert_eq!((line.prediction, line.key.as_bytes()), (Prediction::Held, KEY));
    assert_eq!((line.number, line.timestamp), (number, Some(timestamp)));
    let Field::Value(of_line) = line.field else { panic!("{line:?}") };
    assert_eq!(of_line.to_bits(), value.to_bits(), "{line:?}");
    Some(true)
}

proptest! {
    #[test]
    fn a_sample_is_the_line_that_it_is_read_from(body in vec(a_line(), 0..30)) {
        let body = body.concat();
        let mut lines = Lines::new(&body);
        while check_next(&mut lines).is_some() {}
    }

    #[test]
    fn a_short_number_is_the_nearest(number in 0..10_000_000_u32, decimals in 0..7_usize) {
        let digits = format!("{number:0width$}", width = decimals + 1);
        let (whole, decimals) = digits.split_at(digits.len() - decimals);
        let text = if decimals.is_empty() { whole.to_owned() } else { format!("{whole}.{decimals}") };
        for text in [format!("-{text}"), text] {
            let line = format!("load,hostname=h1 value={text} 1700000000\n");
            let mut lines = Lines::new(line.as_bytes());
            let short = lines.next_sample(KEY);
            // Eight characters are read at once, and the last must end the number.
            prop_assert_eq!(short.is_some(), text.trim_start_matches('-').len() <= 8 && digits.len() <= 7);
            if let Some(sample) = short {
                prop_assert_eq!(sample.value.to_bits(), text.parse::<f32>().unwrap().to_bits());
            }
        }
    }
}

#[test]
fn what_collectors_send_is_read_the_short_way() {
    let lines = [
        &b"load,hostname=h1 value=0 1700000000\n"[..],
        b"load,hostname=h1 value=20.37 1700000000\n",
        b"load,hostname=h1 value=-0.5 1700000000\n",
        b"load,hostname=h1 value=1234567 1700000060\n",
        b"load,hostname=h1 value=1234.56 1700000060\n",
    ];
    let body = lines.concat();
    let mut all = Lines::new(&body);
    assert_eq!(
        [(); 6].map(|()| check_next(&mut all)).as_slice(),
        [&[Some(true); 5][..], &[None]].concat()
    );
}

#[test]
fn the_line_that_chunks_have_cut_is_read_in_its_turn() {
    let mut stream = Stream::new();
    assert_eq!(stream.feed(b"load,hostname=h1 value=1 17000").next_sample(KEY), None);
    let mut fed = stream.feed(b"00000\nload,hostname=h1 value=2 1700000000\n");
    assert_eq!(fed.next_sample(KEY), None);
    assert_eq!(fed.next_expecting(KEY).unwrap().unwrap().number, 1);
    let second = Sample { number: 2, value: 2.0, timestamp: 1_700_000_000 };
    assert_eq!(fed.next_sample(KEY), Some(second));
    assert_eq!(fed.next_sample(KEY), None);
}

#[test]
fn without_a_key_to_expect_nothing_is_read_the_short_way() {
    assert_eq!(Lines::new(b" value=1 1700000000\n").next_sample(b""), None);
}

#[test]
fn a_line_that_is_too_long_is_refused_however_it_is_read() {
    let key = [b"load,hostname=h,x=".to_vec(), vec![b'x'; line_protocol::LINE_LEN_MAX]].concat();
    let body = [key.as_slice(), b" value=1 1700000000\n"].concat();
    let mut lines = Lines::new(&body);
    assert_eq!(lines.next_sample(&key), None);
    assert!(lines.next_expecting(&key).unwrap().is_err());
}
