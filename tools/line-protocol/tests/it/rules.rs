//! Every rule of the grammar, on lines written by hand.

use crate::said::{Owned, Said, whole};
use line_protocol::{Category, Element, Fault, Key, LINE_LEN_MAX, Lines, Malformed, Reason};

/// The names of the only line of a body.
#[track_caller]
fn names(key: &str) -> Owned {
    match &whole(format!("{key} value=1 1700000000\n").as_bytes())[..] {
        [Said::Sample { names: Ok(names), .. }] => names.clone(),
        other => panic!("{key}: {other:?}"),
    }
}

/// Where and why the only line of a body is refused.
#[track_caller]
fn refused(line: &[u8]) -> (usize, Reason) {
    match whole(line)[..] {
        [
            Said::Refused((1, column, reason))
            | Said::Sample { names: Err((1, column, reason)), .. },
        ] => (column, reason),
        ref other => panic!("{}: {other:?}", line.escape_ascii()),
    }
}

#[track_caller]
fn timestamp(text: &str) -> Option<i64> {
    match &whole(format!("m,host=h value=1{text}\n").as_bytes())[..] {
        [Said::Sample { timestamp, .. }] => *timestamp,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn tags_come_in_any_order() {
    let tags = ["cluster=c", "hostname=h", "type=socket", "type-id=1", "stype=core", "stype-id=3"];
    let expected = names(&format!("m,{}", tags.join(",")));
    assert_eq!(expected.cluster.as_deref(), Some(&b"c"[..]));
    assert_eq!(expected.host, b"h");
    assert_eq!(expected.device, Some((b"socket".to_vec(), b"1".to_vec())));
    assert_eq!(expected.sub_device, Some((b"core".to_vec(), b"3".to_vec())));
    // Heap's algorithm: all 720 orders.
    let mut order = tags;
    let mut counters = [0; 6];
    let (mut at, mut orders) = (0, 1);
    while at < 6 {
        if counters[at] < at {
            order.swap(if at % 2 == 0 { 0 } else { counters[at] }, at);
            assert_eq!(names(&format!("m,{}", order.join(","))), expected);
            orders += 1;
            counters[at] += 1;
            at = 0;
        } else {
            counters[at] = 0;
            at += 1;
        }
    }
    assert_eq!(orders, 720);
}

#[test]
fn host_and_hostname_are_the_same_tag_and_the_last_of_a_tag_counts() {
    assert_eq!(names("m,host=h"), names("m,hostname=h"));
    assert_eq!(names("m,host=a,hostname=b").host, b"b");
    assert_eq!(names("m,hostname=a,host=b").host, b"b");
    assert_eq!(names("m,cluster=c,cluster=d,host=h").cluster.unwrap(), b"d");
    let twice = names("m,host=h,type=a,type-id=1,type=b,type-id=2").device;
    assert_eq!(twice, Some((b"b".to_vec(), b"2".to_vec())));
    assert_eq!(names("m,host=h,type=node,type=core").device, Some((b"core".to_vec(), vec![])));
}

#[test]
fn a_node_is_the_host_whatever_its_id() {
    for key in ["m,host=h", "m,host=h,type=node", "m,type-id=0,host=h,type=node"] {
        assert_eq!(names(key).device, None, "{key}");
    }
    let part = names("m,host=h,type=node,type-id=0,stype=disk,stype-id=/");
    assert_eq!((part.device, part.sub_device), (None, Some((b"disk".to_vec(), b"/".to_vec()))));
    assert_eq!(names("m,host=h,type=nodes").device, Some((b"nodes".to_vec(), vec![])));
    assert_eq!(names("m,host=h,stype=node").sub_device, Some((b"node".to_vec(), vec![])));
    assert_eq!(names("m,host=h,type-id=7").device, Some((vec![], b"7".to_vec())));
}

#[test]
fn unknown_tags_are_ignored_but_must_be_tags() {
    assert_eq!(names("m,a=b,host=h,unit=%,Host=x,hostnam=y,hostnames=z,TYPE=t"), names("m,host=h"));
    assert_eq!(refused(b"m,host=h,unit= value=1"), (15, Reason::TagValue));
}

#[test]
fn escapes_in_names_are_those_of_the_protocol() {
    assert_eq!(names(r"a\,b,host=h").metric, b"a,b");
    assert_eq!(names(r"a\ b,host=h").metric, b"a b");
    assert_eq!(names(r"a\=b=c,host=h").metric, br"a\=b=c", "'=' is nothing special there");
    assert_eq!(names(r"m,host=a\,b\=c\ d").host, b"a,b=c d");
    assert_eq!(names(r"m,host=a\b").host, br"a\b", "before anything else it is itself");
    assert_eq!(names(r"m,host=a\\b").host, br"a\\b");
    assert_eq!(names(r"m,host=a\\\ b").host, br"a\\ b");
    assert_eq!(names("m,host=a\\\"b\"").host, br#"a\"b""#, "quotes are nothing special there");
    assert_eq!(names(r"\#m,host=h").metric, br"\#m");
    assert_eq!(names(r"m,ho\st=x,host=h,type\,=y,host\ =z"), names("m,host=h"));
    // The backslash escapes the comma: one tag, whose value goes on.
    assert_eq!(refused(br"m,host=a\,type=core value=1"), (15, Reason::TagValue));
}

#[test]
fn names_are_utf8_of_any_other_bytes() {
    let key = "温度_°C,host=hôte\t\u{1},type=\u{10FFFF}";
    let read = names(key);
    assert_eq!((read.metric, read.host), ("温度_°C".into(), "hôte\t\u{1}".into()));
    assert_eq!(read.device.unwrap().0, "\u{10FFFF}".as_bytes());
    assert_eq!(refused(b"m,host=a\xFFb value=1"), (9, Reason::NotUtf8));
    assert_eq!(refused(b"  m\xC3,host=a value=1"), (4, Reason::NotUtf8));
    assert_eq!(refused(b"m,host=h,x=\xED\xA0\x80 value=1"), (12, Reason::NotUtf8));
    for byte in 0x80..=0xFF_u8 {
        for before in 0..20 {
            let line = [b"m,host=".to_vec(), vec![b'h'; before], vec![byte], b" value=1".to_vec()];
            assert_eq!(refused(&line.concat()), (8 + before, Reason::NotUtf8), "{byte:#x}");
        }
    }
    // Where nothing is kept, bytes are bytes.
    assert!(matches!(whole(b"m,host=h \xFF=\"\xFF\",value=1")[..], [Said::Sample { .. }]));
}

#[test]
fn a_key_is_refused_where_it_stops_being_one() {
    for (line, column, reason) in [
        (&b",host=h value=1"[..], 1, Reason::MetricName),
        (b"  ,host=h value=1", 3, Reason::MetricName),
        (b"m, value=1", 3, Reason::TagKey),
        (b"m,,host=h value=1", 3, Reason::TagKey),
        (b"m,=x,host=h value=1", 3, Reason::TagKey),
        (b"m,host=h, value=1", 10, Reason::TagKey),
        (b"m,host value=1", 7, Reason::TagAssignment),
        (b"m,host,a=b value=1", 7, Reason::TagAssignment),
        (b"m,host= value=1", 8, Reason::TagValue),
        (b"m,cluster=,host=h value=1", 11, Reason::TagValue),
        (b"m,host=a=b value=1", 9, Reason::TagValue),
        (b"m,host==b value=1", 8, Reason::TagValue),
        (b"m value=1", 2, Reason::NoHost),
        (b"  m,cluster=c value=1", 14, Reason::NoHost),
    ] {
        assert_eq!(refused(line), (column, reason), "{}", line.escape_ascii());
    }
}

#[test]
fn fields_are_refused_where_they_stop_being_some() {
    for (line, column, reason) in [
        (&b"garbage"[..], 8, Reason::NoFields),
        (b"  m,host=h   ", 14, Reason::NoFields),
        (br"m,host=h\ value=1", 18, Reason::NoFields),
        (b"m,host=h 1700000000", 20, Reason::FieldAssignment),
        (b"m,host=h value", 15, Reason::FieldAssignment),
        (b"m,host=h value =1", 15, Reason::FieldAssignment),
        (b"m,host=h a,value=1", 11, Reason::FieldAssignment),
        (b"m,host=h =1", 10, Reason::FieldKey),
        (b"m,host=h ,value=1", 10, Reason::FieldKey),
        (b"m,host=h value=1,", 18, Reason::FieldKey),
        (b"m,host=h value=1, 17", 18, Reason::FieldKey),
        (b"m,host=h value=", 16, Reason::FieldValue),
        (b"m,host=h value= 17", 16, Reason::FieldValue),
        (b"m,host=h value=1=2", 16, Reason::FieldValue),
        (b"m,host=h value=1,a=b", 20, Reason::FieldValue),
        (b"m,host=h a=,value=1", 12, Reason::FieldValue),
        (b"m,host=h value=true", 16, Reason::NotANumber),
        (b"m,host=h value=\"1\"", 16, Reason::NotANumber),
        (b"m,host=h value=1e39", 16, Reason::NotFinite),
        (b"m,host=h value=1e300,value=1", 16, Reason::NotFinite),
        (b"m,host=h value=9223372036854775808i", 16, Reason::IntegerRange),
        (b"m,host=h a=1,Value=2 17", 10, Reason::NoValue),
        (b"m,host=h log=\"abc", 14, Reason::StringEnd),
        (b"m,host=h log=\"abc\\\" 17", 14, Reason::StringEnd),
        (b"m,host=h log=\"", 14, Reason::StringEnd),
        (b"m,host=h log=\"a\"b", 17, Reason::AfterString),
        (b"m,host=h value=\"a\"b", 19, Reason::AfterString),
        (b"m,host=h log=\"a\"\"b\"", 17, Reason::AfterString),
    ] {
        assert_eq!(refused(line), (column, reason), "{}", line.escape_ascii());
    }
}

#[test]
fn only_the_field_value_counts_and_the_last_of_several() {
    for fields in [
        "value=2",
        "value=1,value=2",
        "a=1,value=2",
        "value=2,a=t,b=False,c=-1.5e-3,d=7u,e=1e999,f=99999999999999999999i",
        r#"a="x, y=z \" \\",value=2"#,
        r#"value=2,a="\\""#,
        r#"value=2,a="\x",b="","c"=1"#,
        r"a\,b\=c\ d=1,value=2",
        "value=2.0",
        "value=2i",
        "value=2u",
        "value=20e-1",
    ] {
        for (before, behind) in [(" ", " 1700000000"), ("   ", ""), (" ", "   ")] {
            let body = format!("m,host=h{before}{fields}{behind}\n");
            match whole(body.as_bytes())[..] {
                [Said::Sample { bits, .. }] => assert_eq!(bits, 2_f32.to_bits(), "{body}"),
                ref other => panic!("{body}: {other:?}"),
            }
        }
    }
}

#[test]
fn other_messages_are_told_apart_and_are_no_error() {
    for (fields, expected) in [
        (r#"event="job, started""#, Category::Event),
        (r#"log="a \"quoted\" word\\""#, Category::Log),
        (r#"control="get",value=1"#, Category::Control),
        ("value=1,event=1", Category::Event),
        (r#"log="x",event="y""#, Category::Log),
    ] {
        let body = format!("m,host=h {fields} 1700000000123\nm,host=h value=1\n");
        match whole(body.as_bytes())[..] {
            [
                Said::Message { number: 1, category, timestamp: Some(1_700_000_000) },
                Said::Sample { .. },
            ] => {
                assert_eq!(category, expected, "{body}");
            }
            ref other => panic!("{body}: {other:?}"),
        }
    }
    // Its key is nobody's business, its syntax is.
    assert!(matches!(whole(b"m event=\"x\"")[..], [Said::Message { .. }]));
    assert_eq!(refused(b"m,host=h event=x"), (16, Reason::FieldValue));
    assert_eq!(refused(b"m,host=h event=\"x\" 1 2"), (22, Reason::AfterTimestamp));
}

#[test]
fn the_unit_of_a_timestamp_is_told_by_its_magnitude() {
    for (text, seconds) in [
        ("", None),
        ("  ", None),
        (" 0", Some(0)),
        (" -0", Some(0)),
        (" 1", Some(1)),
        (" 1700000000", Some(1_700_000_000)),
        ("   1700000000  ", Some(1_700_000_000)),
        (" 0000000001700000000", Some(1_700_000_000)),
        (" 00000000000000000000000001700000000", Some(1_700_000_000)),
        (" 99999999999", Some(99_999_999_999)),
        (" 100000000000", Some(100_000_000)),
        (" 1700000000999", Some(1_700_000_000)),
        (" 99999999999999", Some(99_999_999_999)),
        (" 100000000000000", Some(100_000_000)),
        (" 1700000000999999", Some(1_700_000_000)),
        (" 99999999999999999", Some(99_999_999_999)),
        (" 100000000000000000", Some(100_000_000)),
        (" 1700000000999999999", Some(1_700_000_000)),
        (" 9223372036854775807", Some(9_223_372_036)),
        (" -5", Some(-5)),
        (" -1700000000", Some(-1_700_000_000)),
        (" -1700000000001", Some(-1_700_000_001)),
        (" -9223372036854775808", Some(-9_223_372_037)),
    ] {
        assert_eq!(timestamp(text), seconds, "{text}");
    }
}

#[test]
fn a_malformed_timestamp_is_refused_and_never_now() {
    for text in [
        "x",
        "12x",
        "x12",
        "1.5",
        "1e9",
        "+5",
        "-",
        "--5",
        "5-",
        "0x10",
        "1_000",
        "17,5",
        "\"17\"",
        "9223372036854775808",
        "-9223372036854775809",
        "99999999999999999999999999",
        "\t17",
        "17\t",
        "17000000000000000000",
        "\u{661}",
    ] {
        let line = format!("m,host=h value=1 {text}\n");
        assert_eq!(refused(line.as_bytes()), (18, Reason::Timestamp), "{line}");
    }
    assert_eq!(refused(b"m,host=h value=1 17 18"), (21, Reason::AfterTimestamp));
    assert_eq!(refused(b"m,host=h value=1 17   x"), (23, Reason::AfterTimestamp));
    assert_eq!(refused(b"m,host=h value=1 1700000000 1700000000\n"), (29, Reason::AfterTimestamp));
}

#[test]
fn blank_lines_comments_and_both_line_ends_are_counted_but_say_nothing() {
    let body = b"\n\r\n   \n   \r\n# m,host=h value=1\n  # indented\r\n#\n\
        m,host=h value=1 1700000000\r\n  m,host=h value=2\n#m,host=h value=3 1700000000\n\
        m,host=h value=4\r";
    let values: Vec<(u64, f32)> = whole(body)
        .iter()
        .map(|said| match said {
            Said::Sample { number, bits, .. } => (*number, f32::from_bits(*bits)),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(values, [(8, 1.0), (9, 2.0), (11, 4.0)]);
    assert_eq!(whole(b""), []);
    assert_eq!(whole(b"\n\n"), []);
    // A carriage return that ends no line is a byte like others.
    assert_eq!(refused(b"m,host=h value=1\r "), (16, Reason::FieldValue));
    assert_eq!(refused(b"m,host=h value=1\r\r\n"), (16, Reason::FieldValue));
    assert_eq!(names("m\r,host=h").metric, b"m\r");
    // A tab is no blank.
    assert_eq!(refused(b"\t\n"), (2, Reason::NoFields));
}

#[test]
fn reading_goes_on_behind_a_bad_line_with_the_right_number() {
    let body = b"m,host=h value=1\nbad\nm,host=h value=x\n\nm value=1\nm,host=h value=5 x\nm,host=h value=6";
    let said = whole(body);
    assert!(matches!(said[0], Said::Sample { number: 1, .. }));
    assert_eq!(said[1], Said::Refused((2, 4, Reason::NoFields)));
    assert_eq!(said[2], Said::Refused((3, 16, Reason::FieldValue)));
    assert!(matches!(said[3], Said::Sample { number: 5, names: Err((5, 2, Reason::NoHost)), .. }));
    assert_eq!(said[4], Said::Refused((6, 18, Reason::Timestamp)));
    assert!(matches!(said[5], Said::Sample { number: 7, .. }));
    assert_eq!(said.len(), 6);
}

#[test]
fn a_line_longer_than_the_limit_costs_that_line() {
    for end in ["\n", "\r\n"] {
        let tail = format!(",host=h value=1 1700000000{end}");
        let fits = LINE_LEN_MAX - (tail.len() - 1);
        for (len, taken) in [(fits - 1, true), (fits, true), (fits + 1, false), (fits * 3, false)] {
            for first in ["m", "#", " "] {
                let line = first.to_owned() + &"m".repeat(len - 1) + &tail;
                let body = format!("{line}m,host=h value=2\n");
                let said = whole(body.as_bytes());
                let long = Said::Refused((1, LINE_LEN_MAX + 1, Reason::LineTooLong));
                match (taken, first) {
                    (false, _) => assert_eq!(said[0], long),
                    (true, "#") => assert!(matches!(said[..], [Said::Sample { number: 2, .. }])),
                    (true, _) => assert!(matches!(said[0], Said::Sample { number: 1, .. })),
                }
                assert!(matches!(said.last(), Some(Said::Sample { number: 2, .. })));
            }
        }
    }
}

#[test]
fn names_without_escapes_are_borrowed_and_scratch_is_left_alone() {
    let plain = Key::from_bytes(b"load,cluster=c,hostname=h").unwrap();
    let mut scratch = b"as it was".to_vec();
    let names = plain.parse(&mut scratch).unwrap();
    assert!(plain.as_bytes().as_ptr_range().contains(&names.host.as_ptr()));
    assert_eq!(scratch, b"as it was");
    let escaped = Key::from_bytes(br"load,cluster=c,hostname=h\ 1,type=caf\x").unwrap();
    let names = escaped.parse(&mut scratch).unwrap();
    assert_eq!((names.host, names.device.unwrap().kind), (&b"h 1"[..], &br"caf\x"[..]));
    let range = escaped.as_bytes().as_ptr_range();
    assert!(range.contains(&names.metric.as_ptr()) && !range.contains(&names.host.as_ptr()));
}

#[test]
fn only_bytes_that_a_line_could_begin_with_are_a_key() {
    for key in ["m", "m,host=h", r"m\ x", ",", "m=", r"\#", "m\r"] {
        assert_eq!(Key::from_bytes(key.as_bytes()).unwrap().as_bytes(), key.as_bytes());
    }
    for key in ["", " m", "m ", "m x", "#m", "m\n", "m\\", "m\\\nx", "\n"] {
        assert_eq!(Key::from_bytes(key.as_bytes()), None, "{key:?}");
    }
    let fault = Key::from_bytes(b"m,a").unwrap().parse(&mut Vec::new()).unwrap_err();
    assert_eq!(fault, Fault { offset: 3, reason: Reason::TagAssignment });
}

#[test]
fn errors_say_where_and_what() {
    let refused = Lines::new(b"\nm,host=h value=1e39").next().unwrap().unwrap_err();
    assert_eq!(refused.to_string(), "line 2, column 16: value is not a finite 32-bit float");
    let fault = Fault { offset: 3, reason: Reason::TagKey };
    assert_eq!(fault.to_string(), "tag key is missing at offset 3");
    let mut labels: Vec<&str> = Reason::ALL.iter().map(|reason| reason.label()).collect();
    labels.sort_unstable();
    labels.dedup();
    assert_eq!(labels.len(), Reason::ALL.len(), "each has its own");
    let source: &dyn std::error::Error = &Malformed { line: 1, column: 2, reason: Reason::NoHost };
    assert!(source.source().is_none(), "the reason is in its own words already");
}

#[test]
fn elements_are_named_by_both_their_parts() {
    let element = Element { kind: b"accelerator", id: b"00000000:49:00.0" };
    assert_eq!(element.to_string(), "accelerator00000000:49:00.0");
    assert_eq!(element.len(), 27);
    assert_eq!(Element { kind: b"a\xFF", id: b"" }.to_string(), "a\u{FFFD}");
}
