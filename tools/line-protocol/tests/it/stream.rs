//! A body in chunks says what it says as a whole, wherever it is cut.

use crate::said::{chunked, whole};
use line_protocol::{LINE_LEN_MAX, Prediction, Stream};

const BODY: &[u8] = b"load,hostname=h value=1 1700000040\r\n\n# comment\n\
    load,hostname=h value=2 1700000040\nbad\nload value=3\n\
    m\\ x,hostname=h value=4,log=\"x \\\" y\" 1700000040\n\
    load,hostname=h value=5";

#[test]
fn a_body_cut_in_any_two_places_says_the_same() {
    let expected = whole(BODY);
    assert_eq!(expected.len(), 6);
    for first in 0..=BODY.len() {
        for second in first..=BODY.len() {
            let chunks = [&BODY[..first], &BODY[first..second], &BODY[second..]];
            assert_eq!(chunked(chunks), expected, "cut at {first} and {second}");
        }
    }
}

#[test]
fn chunks_of_any_size_say_the_same() {
    for body in [BODY.to_vec(), [BODY, b"\n"].concat(), b"\n".repeat(9), b"x".to_vec(), vec![]] {
        let expected = whole(&body);
        for size in 1..=body.len().max(1) {
            assert_eq!(chunked(body.chunks(size)), expected, "chunks of {size}");
            // An empty chunk says nothing.
            let with_empty = body.chunks(size).flat_map(|chunk| [chunk, b""]);
            assert_eq!(chunked(with_empty), expected, "chunks of {size}");
        }
    }
}

#[test]
fn lines_around_the_limit_say_the_same_in_chunks() {
    for over in [-2, -1, 0, 1, 2, 1000] {
        for end in ["\n", "\r\n", ""] {
            let tail = ",hostname=h value=1 1700000040";
            let fill = LINE_LEN_MAX.checked_add_signed(over).unwrap() - tail.len();
            let body = format!("a,host=h value=1\n{}{tail}{end}", "m".repeat(fill)).into_bytes();
            let more = [&body[..], b"b,host=h value=2\n"].concat();
            for body in [body, more] {
                let expected = whole(&body);
                for size in [1000, 4096, LINE_LEN_MAX - 1, LINE_LEN_MAX, LINE_LEN_MAX + 1] {
                    assert_eq!(chunked(body.chunks(size)), expected, "{over} {end:?} {size}");
                }
                for cut in body.len() - 40..body.len() {
                    assert_eq!(chunked([&body[..cut], &body[cut..]]), expected, "{over} {cut}");
                }
            }
        }
    }
}

#[test]
fn lines_that_nobody_asks_for_are_counted() {
    let body = b"a,host=h value=1\n\n# x\nb,host=h value=2\nc,host=h value=3\nd,host=h value=4";
    for asked in 0..4 {
        for cut in 0..body.len() {
            let mut stream = Stream::new();
            for _ in stream.feed(&body[..cut]).take(asked) {}
            for _ in stream.feed(&body[cut..]).take(asked) {}
            assert_eq!(stream.finish().next().unwrap().unwrap().number, 6, "{asked} {cut}");
            assert_eq!(stream.feed(b"e,host=h value=5\n").next().unwrap().unwrap().number, 7);
        }
    }
}

#[test]
fn keys_are_predicted_in_chunks_as_well() {
    let body = b"a,host=h value=1\na,host=h value=2\n";
    for cut in 0..body.len() {
        let mut stream = Stream::new();
        let mut held = 0;
        for chunk in [&body[..cut], &body[cut..]] {
            let mut fed = stream.feed(chunk);
            while let Some(line) = fed.next_expecting(b"a,host=h") {
                held += usize::from(line.unwrap().prediction == Prediction::Held);
            }
        }
        assert_eq!(held, 2, "cut at {cut}");
    }
}
