//! The requests recorded from the Go server: the answers are equal, byte for byte, but for those
//! that are named here, and for the last decimal of numbers that rounding to `f32` puts on the other
//! side of a half (the Go store holds `f64` until a restart).

use crate::world::World;
use serde_json::Value;

#[derive(Debug)]
enum Expected {
    /// The same.
    Equal,
    /// Another answer, for a reason.
    Other(u16, &'static str),
}

/// By the numbers that requests have in the file.
fn expected(number: usize) -> Expected {
    use Expected::{Equal, Other};
    match number {
        // Words of Go's JSON reader.
        32 => Other(400, r#"{"status":"Bad Request","error":"request body is empty"}"#),
        33 | 34 => Other(400, r#"{"status":"Bad Request","error":"request body is no query: "#),
        37 => Other(400, r#"{"status":"Bad Request","error":"parsing request body failed: "#),
        44 => Other(400, "expected ident at line 1 column 2\n"),
        // POST asks too.
        38 => Other(200, "{\"results\":[]}\n"),
        // What is no number is the client's mistake, not the server's.
        43 => Other(400, r#"{"status":"Bad Request","error":"'to' is no integer: x"}"#),
        // The line in front of a bad one is stored there too, but nobody is told of the bad one.
        40 => Other(400, r#"{"status":"Bad Request","error":"malformed lines: 1; line 2, column "#),
        // The number is that of blocks, and ours are of another length.
        45 | 47 => Other(200, "buffers freed: "),
        // Likewise: what remains begins at another block.
        46 => Other(200, "{\"results\":[[{\"data\":[null,null,"),
        _ => Equal,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_those_of_the_go_server() {
    let golden: Value = serde_json::from_str(include_str!("../data/requests.json")).unwrap();
    let world = World::golden();
    let requests = golden["requests"].as_array().unwrap();
    assert_eq!(requests.len(), 49);
    let mut rounded = 0;
    for (number, request) in requests.iter().enumerate() {
        let (method, path) =
            (request["method"].as_str().unwrap(), request["path"].as_str().unwrap());
        let body = request["body"].as_str().unwrap_or_default().to_owned();
        let answer = world.ask(method, path, body).await;
        let what = format!("{number}: {method} {path} {}", request["body"]);
        match expected(number) {
            Expected::Equal => {
                rounded += compare(answer.text(), request["answer"].as_str().unwrap(), &what);
                assert_eq!(u64::from(answer.status), request["status"].as_u64().unwrap(), "{what}");
                let content_type = request["content_type"].as_str();
                assert_eq!(answer.header("content-type"), content_type, "{what}");
            }
            Expected::Other(status, begin) => {
                assert_eq!(answer.status, status, "{what}: {}", answer.text());
                assert!(answer.text().starts_with(begin), "{what}: {}", answer.text());
            }
        }
    }
    // Of some 7,000.
    assert_eq!(rounded, ROUNDED, "numbers that are not quite the same");
}

/// How many numbers of the answers lie so close to a half.
const ROUNDED: usize = 3;

/// How many numbers differ, each by one in its last decimal.
fn compare(ours: &str, theirs: &str, what: &str) -> usize {
    let parts = |text: &str| -> Vec<String> {
        text.split_inclusive(&[',', ':', '[', ']', '{', '}'][..]).map(str::to_owned).collect()
    };
    let (ours, theirs) = (parts(ours), parts(theirs));
    assert_eq!(ours.len(), theirs.len(), "{what}");
    let differing = ours.iter().zip(&theirs).filter(|(ours, theirs)| ours != theirs);
    let each = differing.map(|(ours, theirs)| {
        let digits = |text: &str| {
            let number = text.trim_end_matches(&[',', ']', '}'][..]);
            assert_eq!(text.len(), theirs.len(), "{what}: {ours} {theirs}");
            number
                .replace('.', "")
                .parse::<i64>()
                .unwrap_or_else(|_| panic!("{what}: {ours} {theirs}"))
        };
        assert_eq!(digits(ours).abs_diff(digits(theirs)), 1, "{what}: {ours} {theirs}");
    });
    each.count()
}
