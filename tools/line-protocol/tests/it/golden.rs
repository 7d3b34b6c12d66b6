//! Bodies that the Go store read: what it made of them, and where we differ, each with its reason.

use crate::said::{Said, whole};
use line_protocol::Reason;
use serde_json::Value;
use std::collections::BTreeMap;

/// Why ours is not what the Go store made of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Difference {
    /// It goes on behind a line of an unknown metric without looking at it; we say what is wrong
    /// with the line, and go on as well.
    BadLineReported,
    /// It stores a sample whose timestamp is malformed at the current time, and here loses the line
    /// behind it, which falls into the past of that one.
    MalformedTimestamp,
    /// Without a host or cluster, it takes those of the line before.
    HostOfTheLineBefore,
    /// Without a timestamp, it takes that of the line before; for us none is now, which only the
    /// receiver knows.
    TimeOfTheLineBefore,
    /// Which names are allowed is for the receiver to say: here they are names.
    NameNotAllowed,
    /// A sample more than a block before the first of its series is lost; how old is too old is
    /// for the receiver to say.
    LateSample,
}

const DIFFERENCES: [(&str, Difference); 7] = [
    (
        "m,cluster=c,hostname=h value=1 1700000040\ngarbage\nm,cluster=c,hostname=h value=2 1700000100\n",
        Difference::BadLineReported,
    ),
    (
        "m,cluster=c,hostname=h value=1 12x\nm,cluster=c,hostname=h value=2 1700000100\n",
        Difference::MalformedTimestamp,
    ),
    (
        "m,cluster=c,hostname=h1 value=1 1700000040\nm,cluster=c value=2 1700000100\n",
        Difference::HostOfTheLineBefore,
    ),
    (
        "m,cluster=c,hostname=h value=1 1700000040\nm,cluster=c,hostname=h2 value=2\n",
        Difference::TimeOfTheLineBefore,
    ),
    (
        "m,cluster=../x,hostname=h value=1 1700000040\nm,cluster=c,hostname=h value=2 1700000040\n",
        Difference::NameNotAllowed,
    ),
    ("m,cluster=c,hostname=.. value=1 1700000040\n", Difference::NameNotAllowed),
    (
        "m,cluster=c,hostname=h value=1 1700000040\nm,cluster=c,hostname=h value=2 1700000069\nm,cluster=c,hostname=h value=3 1700000070\nm,cluster=c,hostname=h value=4 1700000010\nm,cluster=c,hostname=h value=5 1700000009\n",
        Difference::LateSample,
    ),
];

/// A series: its metric and its path.
type Series = (String, Vec<String>);

/// What a store holds: for each series and slot the last value.
type Held = BTreeMap<Series, BTreeMap<i64, f32>>;

fn cases() -> (String, Vec<Value>) {
    let golden: Value = serde_json::from_str(include_str!("../data/decode.json")).unwrap();
    let cluster = golden["default_cluster"].as_str().unwrap().to_owned();
    (cluster, golden["cases"].as_array().unwrap().clone())
}

/// What the Go store held afterwards, slots counted from the start of its first buffer.
fn held(case: &Value) -> (Held, BTreeMap<Series, i64>) {
    let (mut held, mut starts) = (Held::new(), BTreeMap::new());
    for series in case["memory"].as_array().unwrap() {
        let path = series["path"].as_array().unwrap();
        let path = path.iter().map(|name| name.as_str().unwrap().to_owned()).collect();
        let key: Series = (series["metric"].as_str().unwrap().to_owned(), path);
        for buffer in series["buffers"].as_array().unwrap() {
            let start = buffer["start"].as_i64().unwrap();
            starts.entry(key.clone()).or_insert(start);
            for (slot, value) in (0..).zip(buffer["values"].as_array().unwrap()) {
                #[expect(clippy::cast_possible_truncation, reason = "values are f32 here")]
                let value = value.as_f64().unwrap() as f32;
                held.entry(key.clone()).or_default().insert(start + 60 * slot, value);
            }
        }
    }
    (held, starts)
}

/// What our lines put into such slots; and those that were refused.
fn ours(body: &str, cluster: &str, starts: &BTreeMap<Series, i64>) -> (Held, Vec<Reason>) {
    let text = |name: &[u8]| String::from_utf8(name.to_vec()).unwrap();
    let (mut held, mut refused) = (Held::new(), Vec::new());
    for said in whole(body.as_bytes()) {
        let (names, bits, time) = match said {
            Said::Sample { names: Ok(names), bits, timestamp, .. } => (names, bits, timestamp),
            Said::Sample { names: Err(fault), .. } | Said::Refused(fault) => {
                refused.push(fault.2);
                continue;
            }
            Said::Message { .. } => panic!("no such case"),
        };
        let mut path =
            vec![names.cluster.map_or(cluster.to_owned(), |name| text(&name)), text(&names.host)];
        for (kind, id) in names.device.into_iter().chain(names.sub_device) {
            path.push(text(&kind) + &text(&id));
        }
        let key = (text(&names.metric), path);
        let time = time.unwrap_or(i64::MAX);
        let start = starts.get(&key).copied().unwrap_or(time);
        let slot = start.saturating_add((time.saturating_sub(start)).div_euclid(60) * 60);
        held.entry(key).or_default().insert(slot, f32::from_bits(bits));
    }
    (held, refused)
}

#[test]
fn bodies_are_read_as_the_go_store_reads_them_but_for_named_differences() {
    let (cluster, cases) = cases();
    assert_eq!(cases.len(), 35);
    let mut differences = Vec::new();
    for case in &cases {
        let body = case["body"].as_str().unwrap();
        let (theirs, starts) = held(case);
        let (held, refused) = ours(body, &cluster, &starts);
        // An error there is an error here. It refuses nothing else.
        let error = case["error"].as_str().unwrap() != "";
        if held != theirs || error == refused.is_empty() {
            differences.push(body);
        }
    }
    let named: Vec<&str> = DIFFERENCES.iter().map(|(body, _)| *body).collect();
    let mut sorted = differences.clone();
    sorted.sort_by_key(|body| named.iter().position(|name| name == body));
    assert_eq!(sorted, named);
}

#[test]
fn each_difference_is_what_it_is_called() {
    let (cluster, cases) = cases();
    for (body, difference) in DIFFERENCES {
        let case = cases.iter().find(|case| case["body"] == *body).unwrap();
        let (theirs, starts) = held(case);
        let (held, refused) = ours(body, &cluster, &starts);
        match difference {
            Difference::BadLineReported => {
                assert_eq!((held, refused), (theirs, vec![Reason::NoFields]));
            }
            Difference::MalformedTimestamp => {
                assert_eq!(case["stored_at_current_time"], true);
                assert_eq!(refused, [Reason::Timestamp]);
                assert_eq!(held.values().map(BTreeMap::len).sum::<usize>(), 1, "the good line");
            }
            Difference::HostOfTheLineBefore => {
                assert_eq!(refused, [Reason::NoHost]);
                let series = ("m".to_owned(), vec!["c".to_owned(), "h1".to_owned()]);
                assert_eq!((held[&series].len(), theirs[&series].len()), (1, 2));
            }
            Difference::TimeOfTheLineBefore => {
                assert_eq!(refused, []);
                assert!(
                    whole(body.as_bytes()).iter().any(|said| matches!(
                        said,
                        Said::Sample { number: 2, timestamp: None, .. }
                    ))
                );
            }
            Difference::NameNotAllowed => {
                assert_eq!(refused, []);
                assert_eq!(held.len(), theirs.len() + 1, "the name is read");
            }
            Difference::LateSample => {
                assert_eq!(refused, []);
                let (held, theirs) =
                    (held.values().next().unwrap(), theirs.values().next().unwrap());
                assert_eq!(held.len(), theirs.len() + 1, "the late one is read");
                assert!(theirs.iter().all(|(slot, value)| held.get(slot) == Some(value)));
            }
        }
    }
}
