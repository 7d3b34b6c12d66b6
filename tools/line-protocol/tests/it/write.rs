//! What is written reads back, to the bit.

use crate::reference;
use crate::said::{Owned, Said, whole};
use line_protocol::{Element, Names, Unwritable, write_key, write_line, write_sample};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

const HOST: Names<'_> =
    Names { metric: b"m", cluster: None, host: b"h", device: None, sub_device: None };

fn line(names: &Names<'_>, value: f32, timestamp: Option<i64>) -> Result<String, Unwritable> {
    let mut out = b"before\n".to_vec();
    let written = write_line(names, value, timestamp, &mut out);
    let line = out.strip_prefix(b"before\n").unwrap();
    assert_eq!(written.is_err(), line.is_empty(), "all or nothing");
    written.map(|()| String::from_utf8(line.to_vec()).unwrap())
}

#[test]
fn lines_are_written_as_by_hand() {
    let names = Names {
        metric: b"a, b=c\\d",
        cluster: Some(b"x=y"),
        host: b"h,1 \"q\"",
        device: Some(Element { kind: b"hw thread", id: b"12" }),
        sub_device: Some(Element { kind: b"", id: b"=" }),
    };
    let expected = "a\\,\\ b=c\\d,cluster=x\\=y,hostname=h\\,1\\ \"q\",type=hw\\ thread,type-id=12,stype-id=\\= \
        value=0.1 1700000000\n";
    assert_eq!(line(&names, 0.1, Some(1_700_000_000)).unwrap(), expected);
    assert_eq!(line(&HOST, -3.0, None).unwrap(), "m,hostname=h value=-3\n");
    let mut out = Vec::new();
    write_key(&HOST, &mut out).unwrap();
    write_sample(f32::MAX, Some(-5), &mut out).unwrap();
    assert_eq!(out, b"m,hostname=h value=3.4028235e38 -5\n");
}

#[test]
fn what_would_not_read_back_is_not_written() {
    let device = |kind, id| Names { device: Some(Element { kind, id }), ..HOST };
    for (names, expected) in [
        (Names { metric: b"", ..HOST }, Unwritable::Empty),
        (Names { host: b"", ..HOST }, Unwritable::Empty),
        (Names { cluster: Some(b""), ..HOST }, Unwritable::Empty),
        (device(b"", b""), Unwritable::Empty),
        (Names { host: b"a\nb", ..HOST }, Unwritable::Newline),
        (Names { metric: b"a\\", ..HOST }, Unwritable::Backslash),
        (device(b"a", b"1\\"), Unwritable::Backslash),
        (Names { metric: b"#m", ..HOST }, Unwritable::Comment),
        (device(b"node", b"0"), Unwritable::Node),
        (Names { host: b"\xFF", ..HOST }, Unwritable::NotUtf8),
        (Names { host: &vec![b' '; 40_000], ..HOST }, Unwritable::TooLong),
    ] {
        assert_eq!(line(&names, 1.0, None), Err(expected), "{names:?}");
        let mut out = b"kept".to_vec();
        assert_eq!(write_key(&names, &mut out), Err(expected));
        assert_eq!(out, b"kept");
    }
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert_eq!(line(&HOST, value, None), Err(Unwritable::Value));
    }
    for seconds in [100_000_000_000, -100_000_000_000, i64::MAX, i64::MIN] {
        assert_eq!(line(&HOST, 1.0, Some(seconds)), Err(Unwritable::Timestamp));
    }
    line(&HOST, 1.0, Some(99_999_999_999)).unwrap();
}

#[test]
fn the_longest_key_that_is_written_takes_the_longest_sample() {
    let longest = (0..65_536)
        .map(|less| vec![b'h'; 65_536 - less])
        .find(|host| write_key(&Names { host, ..HOST }, &mut Vec::new()).is_ok());
    let host = longest.unwrap();
    let names = Names { host: &host, ..HOST };
    for value in [-1.234_567_9e-5, -1.234_567_9e-38, f32::MIN, -9_876_543_500.0, -0.0] {
        let line = line(&names, value, Some(-99_999_999_999)).unwrap();
        assert!(matches!(whole(line.as_bytes())[..], [Said::Sample { .. }]), "{value}");
    }
}

/// Every exponent with a few mantissas, and the edges between the two notations.
#[test]
fn values_read_back_to_the_bit_and_are_the_shortest() {
    let mut out = Vec::new();
    for sign in [0, 1 << 31] {
        for exponent in 0..255_u32 {
            for mantissa in [0, 1, 2, 3, 0x2A_AAAA, 0x40_0000, 0x55_5555, 0x7F_FFFE, 0x7F_FFFF] {
                let value = f32::from_bits(sign | exponent << 23 | mantissa);
                out.clear();
                write_sample(value, None, &mut out).unwrap();
                let text = std::str::from_utf8(&out).unwrap().trim_end().replace(" value=", "");
                assert_eq!(text.parse::<f32>().unwrap().to_bits(), value.to_bits(), "{text}");
                let digits = |text: &str| {
                    let mantissa = text.split('e').next().unwrap();
                    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
                    digits.trim_start_matches('0').trim_end_matches('0').len()
                };
                assert_eq!(digits(&text), digits(&format!("{value:e}")), "{text}");
                assert!(text.len() <= 17, "{text}");
            }
        }
    }
}

fn a_name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,5}[0-9]{0,3}",
        "[a ,=\\\\\"#\\r\\t°]{1,8}",
        "\\PC{1,6}",
        Just("node".into())
    ]
}

fn owned(names: &Names<'_>) -> Owned {
    let element = |element: Element<'_>| (element.kind.to_vec(), element.id.to_vec());
    Owned {
        metric: names.metric.to_vec(),
        cluster: names.cluster.map(<[u8]>::to_vec),
        host: names.host.to_vec(),
        device: names.device.map(element),
        sub_device: names.sub_device.map(element),
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
    fn what_is_written_reads_back_the_same(
        metric in a_name(),
        cluster in proptest::option::of(a_name()),
        host in a_name(),
        device in proptest::option::of(a_name()),
        part in proptest::option::of(a_name()),
        bits in any::<u32>(),
        time in proptest::option::of(-99_999_999_999..=99_999_999_999_i64),
    ) {
        let value = f32::from_bits(bits);
        let names = Names {
            metric: metric.as_bytes(),
            cluster: cluster.as_ref().map(String::as_bytes),
            host: host.as_bytes(),
            device: device.as_ref().map(|name| Element::from_name(name.as_bytes())),
            sub_device: part.as_ref().map(|name| Element::from_name(name.as_bytes())),
        };
        match line(&names, value, time) {
            Ok(line) => {
                let said = whole(line.as_bytes());
                prop_assert_eq!(&said, &reference::read(line.as_bytes()));
                let Some(Said::Sample { bits: read, timestamp, names: read_names, .. }) = said.first()
                else { panic!("{line}: {said:?}") };
                prop_assert_eq!((*read, *timestamp), (bits, time));
                prop_assert_eq!(read_names.clone(), Ok(owned(&names)));
                prop_assert_eq!(said.len(), 1);
            }
            Err(Unwritable::Value) => prop_assert!(!value.is_finite()),
            Err(Unwritable::Comment) => prop_assert!(metric.starts_with('#')),
            Err(Unwritable::Backslash) => {
                let mut all = [Some(metric), cluster, Some(host), device, part].into_iter().flatten();
                prop_assert!(all.any(|name| name.contains('\\')));
            }
            Err(other) => panic!("{names:?}: {other}"),
        }
    }

    #[test]
    fn an_element_has_the_name_it_was_made_from(name in a_name()) {
        let element = Element::from_name(name.as_bytes());
        prop_assert_eq!(element.to_string(), &name[..]);
        prop_assert!(element.kind != b"node");
    }
}
