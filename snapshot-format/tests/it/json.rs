//! JSON checkpoints: what is read as what, and what is not.

use snapshot_format::{JsonCause, JsonError, Tree, read_json, salvage_json, write_json};
use std::io::{self, Read};

fn read(text: &str) -> Result<Tree, JsonError> {
    read_json(text.as_bytes())
}

fn values(text: &str) -> Vec<u32> {
    let json = format!(r#"{{"metrics":{{"m":{{"frequency":1,"start":2,"data":[{text}]}}}}}}"#);
    let tree = read(&json).unwrap();
    tree.root.metrics[b"m"].values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn decimals_become_the_nearest_f32() {
    assert_eq!(
        values("0.1, -0.0,0,1e39,-1e400,1E-60"),
        [0x3dcc_cccd, 0x8000_0000, 0, 0x7f80_0000, 0xff80_0000, 0]
    );
    // Halfway between two f32 as an f64 has it, but above as the decimal has it.
    assert_eq!(values("1.00000005960464477540"), [0x3f80_0001]);
    assert_eq!(values("340282346638528859811704183484516925440.0"), [f32::MAX.to_bits()]);
    assert!(f32::from_bits(values("null")[0]).is_nan());
}

#[test]
fn what_the_go_store_leaves_out_is_empty_or_zero() {
    for text in [
        "{}",
        r#"{"metrics":null,"children":null}"#,
        r#" { "metrics" : { } , "children" : { } , "from" : 0 , "to" : -0 } "#,
    ] {
        assert_eq!(read(text).unwrap(), Tree::default(), "{text}");
    }
    let tree = read(r#"{"metrics":{"m":{"data":null},"n":{}}}"#).unwrap();
    assert_eq!(tree.root.metrics[b"m"], tree.root.metrics[b"n"]);
}

#[test]
fn unknown_fields_are_skipped_and_of_twins_the_last_counts() {
    let tree = read(
        r#"{"version":{"a":[1,{"b":[]},"}"],"c":null,"d":true,"e":false},"from":1,"from":2,
        "metrics":{"m":{"start":1,"unit":"\"F\"","data":[1],"frequency":3,"data":[2]},
        "m":{"frequency":4,"start":5,"data":[6]}},
        "metrics":{"n":{}},
        "children":{"c":{"metrics":{"x":{}},"from":"ignored","to":[]},"c":{"children":null}},"to":3}"#,
    )
    .unwrap();
    assert_eq!((tree.from, tree.to), (2, 3));
    let series = &tree.root.metrics[b"m"];
    assert_eq!((series.frequency, series.start, &series.values[..]), (4, 5, &[6.0][..]));
    assert_eq!(tree.root.metrics.len(), 2);
    assert!(tree.root.children[b"c"].metrics.is_empty());
}

#[test]
fn null_forgets_what_came_before_it_in_its_own_level_alone() {
    let tree = read(
        r#"{"metrics":{"outer":{}},"children":{"kept":{},"c":{
            "metrics":{"x":{}},"children":{"g":{}},
            "metrics":null,"children":null,
            "metrics":{"y":{}},"children":{"h":{}}}}}"#,
    )
    .unwrap();
    assert!(tree.root.metrics.keys().eq([b"outer"]));
    assert!(tree.root.children.keys().eq([&b"c"[..], b"kept"]));
    let level = &tree.root.children[b"c"];
    assert!(level.metrics.keys().eq([b"y"]));
    assert!(level.children.keys().eq([b"h"]));
}

#[test]
fn what_is_no_json_and_what_is_no_checkpoint_are_told_apart() {
    let syntax = |expected| JsonCause::Syntax { expected };
    let kind = |expected| JsonCause::Type { expected };
    for (text, offset, cause) in [
        ("", 0, JsonCause::Truncated),
        ("  ", 2, JsonCause::Truncated),
        ("[]", 0, kind("object of the root level")),
        ("\u{feff}{}", 0, syntax("value")),
        ("{}x", 2, JsonCause::Surplus),
        ("{,}", 1, syntax("name")),
        ("{\"from\":1,}", 10, syntax("another one behind the comma")),
        ("{\"from\":1 \"to\":2}", 10, syntax("comma or closing brace")),
        ("{\"from\" 1}", 8, syntax("colon")),
        ("{\"from\":1.0}", 8, kind("integer of 64 bits")),
        ("{\"from\":9223372036854775808}", 8, kind("integer of 64 bits")),
        ("{\"from\":null}", 8, kind("integer of 64 bits")),
        ("{\"from\":01}", 8, syntax("number")),
        ("{\"from\":-}", 8, syntax("number")),
        ("{\"metrics\":[]}", 11, kind("object of metrics")),
        ("{\"metrics\":{\"m\":null}}", 16, kind("object of a series")),
        ("{\"metrics\":{\"m\":{\"data\":[\"1\"]}}}", 25, kind("number or null")),
        ("{\"metrics\":{\"m\":{\"data\":[1 2]}}}", 27, syntax("comma or closing bracket")),
        ("{\"metrics\":{\"m\":{\"data\":[NaN]}}}", 25, syntax("value")),
        ("{\"children\":{\"c\":null}}", 17, kind("object of a level")),
        ("{\"a\nb\":1}", 3, syntax("escape")),
        ("{\"\\x\":1}", 2, syntax("escape")),
        ("{\"\\u12g4\":1}", 2, syntax("four hexadecimal digits")),
        ("{\"x\":nul}", 5, syntax("value")),
        ("{\"x\":[1}", 7, syntax("comma or closing bracket")),
    ] {
        assert_eq!(read(text), Err(JsonError { offset, cause }), "{text}");
    }
}

fn name_of(escaped: &str) -> Vec<u8> {
    let tree = read(&format!(r#"{{"metrics":{{"{escaped}":{{}}}}}}"#)).unwrap();
    tree.root.metrics.keys().next().unwrap().to_vec()
}

#[test]
fn escapes_stand_for_characters_and_lone_surrogates_for_bytes() {
    for (escaped, name) in [
        (r#"\"\\\/\b\f\n\r\t"#, &b"\"\\/\x08\x0c\n\r\t"[..]),
        (r"\u00e9\u6307\ud83d\uDE00", "é指😀".as_bytes()),
        (r"\udcff\udc80", b"\xff\x80"),
        (r"\ud800\udc80", "\u{10080}".as_bytes()),
        (r"\udc7f", "\u{fffd}".as_bytes()),
        (r"\udd00", "\u{fffd}".as_bytes()),
        (r"\ud800", "\u{fffd}".as_bytes()),
        (r"\ud800x", "\u{fffd}x".as_bytes()),
        (r"\ud800\n", "\u{fffd}\n".as_bytes()),
        (r"\ud800\u0041", "\u{fffd}A".as_bytes()),
        (r"\u0000", b"\0"),
    ] {
        assert_eq!(name_of(escaped), name, "{escaped}");
    }
}

#[test]
fn what_is_written_is_pinned() {
    let mut tree = read(
        r#"{"metrics":{"b":{"frequency":60,"start":-1,"data":[1,-0.0,null,1e39,0.5,1e-7]},"a":{}},
        "children":{"socket0":{"metrics":{"m":{}}}},"from":1,"to":2}"#,
    )
    .unwrap();
    tree.root.children.insert(b"a\xff\"\\\x1f\xe9\x80", <_>::default());
    let mut json = Vec::new();
    let len = write_json(&tree, &mut json).unwrap();
    assert_eq!(
        String::from_utf8_lossy(&json),
        r#"{"metrics":{"a":{"frequency":0,"start":0,"data":[]},"#.to_owned()
            + r#""b":{"frequency":60,"start":-1,"data":[1,-0.0,null,1e39,0.5,1e-7]}},"#
            + r#""children":{"a\udcff\"\\\u001f\udce9\udc80":{"metrics":{},"children":{},"from":1,"to":2},"#
            + r#""socket0":{"metrics":{"m":{"frequency":0,"start":0,"data":[]}},"children":{},"#
            + r#""from":1,"to":2}},"from":1,"to":2}"#
    );
    assert_eq!(len, json.len() as u64);
    assert_eq!(read_json(&json[..]).unwrap(), tree);
}

/// Gives one byte at a time, interrupted before each.
struct Slow<'a> {
    bytes: &'a [u8],
    is_interrupted: bool,
}

impl Read for Slow<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.is_interrupted = !self.is_interrupted;
        if self.is_interrupted {
            return Err(io::ErrorKind::Interrupted.into());
        }
        self.bytes.take(1).read(into).inspect(|count| self.bytes = &self.bytes[*count..])
    }
}

#[test]
fn how_the_bytes_arrive_makes_no_difference() {
    for (path, bytes) in crate::golden::json_files() {
        let slow = Slow { bytes, is_interrupted: false };
        assert_eq!(read_json(slow).unwrap(), read_json(bytes).unwrap(), "{path}");
    }
}

#[test]
fn a_checkpoint_larger_than_the_buffer_is_read_at_any_alignment() {
    let mut tree = crate::plain::host(20, 700);
    for pad in 0..40 {
        tree.root.metrics.insert(&vec![b'p'; pad], <_>::default());
        let mut json = Vec::new();
        write_json(&tree, &mut json).unwrap();
        assert!(json.len() > 3 * 65_536);
        assert_eq!(read_json(&json[..]).unwrap(), tree);
        tree.root.metrics.remove(&vec![b'p'; pad]);
    }
}

struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::from_raw_os_error(5))
    }
}

#[test]
fn a_reader_that_fails_is_told_from_a_damaged_checkpoint() {
    for start in ["", "{", "{\"metr", "{\"from\":1", "{}", "{\"x\":nu", "{\"x\":\"\\u00"] {
        let fault = salvage_json(start.as_bytes().chain(Broken)).fault.unwrap();
        let told = (fault.offset, matches!(fault.cause, JsonCause::Read { os: Some(5), .. }));
        assert_eq!(told, (start.len() as u64, true), "{start}");
    }
    let start = br#"{"metrics":{"m":{"frequency":60,"start":60,"data":[1,2,"#;
    let saved = salvage_json(start.chain(Broken));
    let fault = saved.fault.unwrap();
    assert_eq!(fault.offset, start.len() as u64);
    assert!(matches!(fault.cause, JsonCause::Read { os: Some(5), .. }), "{fault}");
    assert_eq!(saved.tree.root.metrics[b"m"].values, [1.0, 2.0]);
}

#[test]
fn what_is_wrong_before_the_place_where_the_reader_fails_is_what_is_told() {
    // A number and an escape look ahead: the reader has failed before they are judged.
    for (start, offset, cause) in [
        ("{\"from\":1x", 9, JsonCause::Syntax { expected: "comma or closing brace" }),
        ("{\"from\":01,", 8, JsonCause::Syntax { expected: "number" }),
        ("{\"from\":1.5,", 8, JsonCause::Type { expected: "integer of 64 bits" }),
        ("{\"\\u12g4", 2, JsonCause::Syntax { expected: "four hexadecimal digits" }),
    ] {
        let fault = salvage_json(start.as_bytes().chain(Broken)).fault;
        assert_eq!(fault, Some(JsonError { offset, cause }), "{start}");
    }
}

#[test]
fn a_half_written_checkpoint_gives_what_was_whole_and_times_of_its_own() {
    let text = r#"{"metrics":{"a":{"frequency":60,"start":120,"data":[1,2]},
        "b":{"frequency":60,"start":60,"data":[1]}},"children":{"c":{"metrics":{
        "x":{"frequency":10,"start":300,"data":[7,8"#;
    let saved = salvage_json(text.as_bytes());
    assert_eq!(saved.fault.map(|fault| fault.cause), Some(JsonCause::Truncated));
    assert_eq!((saved.tree.from, saved.tree.to), (60, 301));
    assert_eq!(saved.tree.root.metrics.len(), 2);
    assert_eq!(saved.tree.root.children[b"c"].metrics[b"x"].values, [7.0]);
    let unplaced = salvage_json(&br#"{"metrics":{"a":{"data":[1,2"#[..]);
    assert!(unplaced.tree.root.metrics.is_empty(), "nobody knows when these were");
}
