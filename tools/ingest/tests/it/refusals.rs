//! Every reason, with the line and the column it is told for.

use crate::world::{HOUR, NOW, PATIENCE, at, contents, ingest, limited, open, take};
use checkpointer::disk::sim::{Cause, Failure, Fault, SimDisk};
use ingest::{Ingest, NotAcknowledged, Policy, Reason};

/// Label, column, and a line that is refused for it.
fn refused() -> Vec<(&'static str, usize, String)> {
    let with = |metric: &str, tags: &str, value: &str, time: &str| {
        format!("{metric},cluster=c,{tags} value={value} {time}")
    };
    let plain = |value: &str, time: &str| with("load", "hostname=h", value, time);
    let behind = "load,cluster=c,hostname=h ".len() + 1;
    let value = behind + "value=".len();
    let time = value + "1 ".len();
    let now = &NOW.to_string();
    vec![
        ("line_too_long", 65_537, plain(&"1".repeat(70_000), now)),
        ("no_fields", behind - 1, "load,cluster=c,hostname=h".into()),
        ("field_key", behind, "load,cluster=c,hostname=h =1".into()),
        ("field_assignment", value - 1, "load,cluster=c,hostname=h value".into()),
        ("field_value", value, plain("1.5.2", now)),
        ("string_end", behind + 2, "load,cluster=c,hostname=h x=\"open".into()),
        ("after_string", behind + 5, "load,cluster=c,hostname=h x=\"a\"b".into()),
        ("not_a_number", value, plain("true", now)),
        ("integer_range", value, plain("9223372036854775808i", now)),
        ("not_finite", value, plain("1e300", now)),
        ("no_value", behind, "load,cluster=c,hostname=h other=1".into()),
        ("timestamp", time, plain("1", "12x")),
        ("after_timestamp", time + 11, plain("1", "1700000000 1")),
        ("metric_name", 1, format!(",cluster=c,hostname=h value=1 {now}")),
        ("tag_key", 6, format!("load,=c,hostname=h value=1 {now}")),
        ("tag_assignment", 9, format!("load,job,cluster=c,hostname=h value=1 {now}")),
        ("tag_value", 14, format!("load,cluster=,hostname=h value=1 {now}")),
        ("no_host", 15, format!("load,cluster=c value=1 {now}")),
        ("no_cluster", 16, format!("load,hostname=h value=1 {now}")),
        ("unknown_metric", 1, with("lord", "hostname=h", "1", now)),
        ("too_old", 1, plain("1", &(NOW - 48 * HOUR - 1).to_string())),
        ("too_far_ahead", 1, plain("1", &(NOW + HOUR + 1).to_string())),
        ("cluster_name", 1, format!("load,cluster=a/b,hostname=h value=1 {now}")),
        ("host_name", 1, with("load", "hostname=..", "1", now)),
        ("host_name", 1, with("load", &format!("hostname={}", "h".repeat(201)), "1", now)),
        (
            "device_name",
            1,
            with("load", &format!("hostname=h,type-id={}", "x".repeat(256)), "1", now),
        ),
    ]
}

#[test]
fn every_reason_is_told_with_its_line_and_column_and_costs_that_line_alone() {
    let ingest = ingest(limited());
    for (number, (label, column, line)) in refused().into_iter().enumerate() {
        let minute = NOW - 60 * i64::try_from(number).unwrap();
        let good = format!("load,cluster=c,hostname=h value={number} {minute}\n");
        let body = format!("# what follows is refused\n{good}\n{line}\n{good}");
        for _ in 0..2 {
            let outcome = ingest.batch(body.as_bytes(), None, at(0), PATIENCE);
            let [fault] = outcome.faults[..] else { panic!("{label}: {outcome:?}") };
            assert_eq!((fault.line, fault.column, fault.reason.label()), (4, column, label));
            let kinds = (outcome.malformed, outcome.policy);
            assert_eq!(kinds, if fault.reason.is_malformed() { (1, 0) } else { (0, 1) });
            assert_eq!((outcome.lines, outcome.stored, outcome.is_acknowledged()), (3, 2, true));
            assert_eq!(outcome.refused.of(fault.reason), 1);
        }
        let stored = contents(ingest.engine());
        let of_line = stored.iter().find(|((.., time), _)| *time == minute);
        let value = u16::try_from(number).map(f32::from).unwrap();
        assert_eq!(of_line.map(|(_, bits)| *bits), Some(value.to_bits()), "{label}");
    }
    let hosts = ingest.engine().hosts("c");
    assert_eq!((ingest.engine().clusters(), hosts), (vec!["c".to_owned()], vec!["h".to_owned()]));
    let told = refused().len() as u64 * 2;
    let stats = ingest.stats();
    assert_eq!((stats.batches, stats.lines, stats.stored), (told, 3 * told, 2 * told));
    assert_eq!(stats.refused.iter().map(|(_, lines)| lines).sum::<u64>(), told);
}

#[test]
fn a_name_that_is_not_utf8_is_refused() {
    let mut body = b"load,cluster=c,hostname=h\xFF value=1 1700000000\n".to_vec();
    body.extend(b"load,cluster=c,hostname=h value=1 1700000000");
    let outcome = ingest(limited()).batch(&body, None, at(0), PATIENCE);
    assert_eq!(outcome.faults[0].to_string(), "line 1, column 26: name is not UTF-8");
    assert_eq!((outcome.stored, outcome.malformed), (1, 1));
}

#[test]
fn messages_are_counted_and_are_no_fault() {
    let body = "job,cluster=c,hostname=h event=\"start\" 1700000000\n\
                kernel,hostname=h log=\"a line\"\n\
                knob,cluster=c,hostname=h,type=socket control=\"2400\"\n\
                load,cluster=c,hostname=h value=1 1700000000\n";
    let ingest = ingest(limited());
    let outcome = ingest.batch(body.as_bytes(), None, at(0), PATIENCE);
    assert_eq!((outcome.lines, outcome.messages, outcome.stored), (4, 3, 1));
    assert!(outcome.faults.is_empty());
}

#[test]
fn the_host_itself_takes_what_is_of_type_node_and_time_is_that_of_the_receiver_if_none_is_given() {
    let body = "load,cluster=c,hostname=h,type=node,type-id=0 value=1\n\
                mem,cluster=c,hostname=h value=2 1700000060000000000\n";
    let ingest = ingest(limited());
    take(&ingest, body);
    let stored: Vec<_> = contents(ingest.engine()).into_keys().collect();
    let key =
        |metric: &str, time| ("c".to_owned(), "h".to_owned(), vec![], metric.to_owned(), time);
    assert_eq!(stored, [key("load", NOW), key("mem", NOW + 60)]);
}

#[test]
fn a_host_takes_65536_devices_and_the_next_is_refused() {
    let ingest = ingest(limited());
    let lines = |devices: std::ops::Range<u32>| -> String {
        let line = |id| format!("load,cluster=c,hostname=h,type=core,type-id={id} value=1 {NOW}\n");
        devices.map(line).collect()
    };
    let outcome = ingest.batch(lines(0..65_540).as_bytes(), None, at(0), PATIENCE);
    assert_eq!((outcome.stored, outcome.policy), (65_536, 4));
    assert_eq!(outcome.refused.of(Reason::Policy(Policy::TooManyDevices)), 4);
    let told: Vec<u64> = outcome.faults.iter().map(|fault| fault.line).collect();
    assert_eq!(told, [65_537, 65_538, 65_539, 65_540]);
    take(&ingest, &lines(100..200));
    take(&ingest, &format!("load,cluster=c,hostname=other value=1 {NOW}\n"));
}

#[test]
fn a_metric_is_taken_as_soon_as_the_catalogue_has_it() {
    let ingest = ingest(limited());
    let body = format!(
        "load,cluster=c,hostname=h value=1 {NOW}\nlate,cluster=c,hostname=h value=1 {NOW}\n"
    );
    for _ in 0..3 {
        let outcome = ingest.batch(body.as_bytes(), None, at(0), PATIENCE);
        assert_eq!((outcome.stored, outcome.policy), (1, 1));
    }
    let minute = std::num::NonZeroU32::new(60).unwrap();
    ingest.engine().catalogue().add(b"late", minute, checkpointer::memstore::Aggregation::Sum);
    take(&ingest, &body);
}

#[test]
fn of_a_batch_with_a_host_that_is_offline_the_rest_is_stored_but_nothing_is_acknowledged() {
    let disk = SimDisk::new(1);
    disk.plant("c/bad/1700000000.bin", b"no snapshot".to_vec());
    disk.inject(
        Fault::new(Failure::Error(Cause::Io)).path(|path| path.starts_with("c/bad")).always(),
    );
    let ingest = Ingest::new(open(&disk, limited()), ingest::Config::default());
    let body = format!(
        "load,cluster=c,hostname=good value=1 {NOW}\nload,cluster=c,hostname=bad value=1 {NOW}\n\
         load,cluster=c,hostname=good value=2 {NOW}\n"
    );
    let outcome = ingest.batch(body.as_bytes(), None, at(0), PATIENCE);
    assert!(matches!(outcome.not_acknowledged, Some(NotAcknowledged::Offline(_))), "{outcome:?}");
    assert_eq!((outcome.stored, outcome.faults[0].reason.label()), (2, "host_offline"));
    disk.clear_faults();
    let outcome = ingest.batch(body.as_bytes(), None, at(3600), PATIENCE);
    assert_eq!((outcome.stored, outcome.is_acknowledged()), (3, true));
}

#[test]
fn a_closed_engine_takes_nothing() {
    let ingest = ingest(limited());
    let body = format!("load,cluster=c,hostname=h value=1 {NOW}\n");
    take(&ingest, &body);
    ingest.engine().close(at(1), &checkpointer::log::Inline, None);
    for host in ["h", "new"] {
        let body = body.replace("hostname=h", &format!("hostname={host}"));
        let outcome = ingest.batch(body.as_bytes(), None, at(2), PATIENCE);
        assert!(matches!(outcome.not_acknowledged, Some(NotAcknowledged::Closed)), "{outcome:?}");
        assert_eq!(outcome.stored, 0);
    }
}
