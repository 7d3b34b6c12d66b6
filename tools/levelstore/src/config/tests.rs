//! Every key: what it comes to, what happens without it, and with something wrong in it.

use super::*;
use serde_json::json;

/// Every key that there is, each with a value that is not the default.
fn full() -> Value {
    json!({
        "main": {
            "addr": "127.0.0.1:8082",
            "https-cert-file": "cert.pem",
            "https-key-file": "key.pem",
            "jwt-public-key": "kzfYrYy+TzpanWZHJ5qSdMj5uKUWgq74BWhQG6copP0=",
            "jwt-admin-role": "admin",
            "user": "cc",
            "group": "hpc",
            "backend-url": "http://localhost:8080",
            "debug": {"dump-to-file": "", "gops": false}
        },
        "nats": {
            "address": "nats://127.0.0.1:4222",
            "username": "me",
            "password": "secret",
            "creds-file-path": "creds"
        },
        "metric-store": {
            "checkpoints": {"file-format": "json", "directory": "c", "max-wal-size": 4096},
            "checkpoint-interval": "1h30m",
            "memory-cap": 100,
            "retention-in-memory": "48h",
            "max-future": "30m",
            "wal": {"sync": "always", "flush-interval": "2s", "sync-interval": "5s"},
            "num-workers": 4,
            "cleanup": {"mode": "archive", "directory": "a"},
            "debug": {"dump-to-file": "", "gops": false},
            "nats-subscriptions": [{"subscribe-to": "hpc-nats", "cluster-tag": "fritz"}]
        },
        "metrics": {
            "cpu_load": {"frequency": 60, "aggregation": null},
            "flops_any": {"frequency": 30, "aggregation": "sum"},
            "temp": {"frequency": 10, "aggregation": "avg"}
        },
        "cluster": {"of": ["somebody", "else"]}
    })
}

fn check(mut document: Value) -> (Option<Config>, Findings) {
    let mut findings = Findings::new();
    let config = of_document(document.as_object_mut().unwrap(), &mut findings);
    (config, findings)
}

/// The one finding there is.
fn only(document: Value) -> Finding {
    let shown = document.to_string();
    let (_, findings) = check(document);
    let [finding] = &findings[..] else { panic!("{shown}: {findings:?}") };
    finding.clone()
}

fn fault_key(finding: Finding) -> String {
    match finding {
        Finding::Fault(key, _) => key,
        other => panic!("{other:?}"),
    }
}

/// The document with something else at a place, given as a JSON pointer.
fn with(pointer: &str, value: Value) -> Value {
    let mut document = full();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = document.pointer_mut(parent).unwrap();
    match parent {
        Value::Array(list) => list[name.parse::<usize>().unwrap()] = value,
        object => object[name] = value,
    }
    document
}

fn without(pointer: &str) -> Value {
    let mut document = full();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    document.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name).unwrap();
    document
}

/// The pointer as findings write it.
fn key(pointer: &str) -> String {
    pointer[1..].replace("/0", "[0]").replace('/', ".")
}

/// The pointers of all keys, sections and lists included.
fn all_keys() -> Vec<String> {
    let document = full();
    let (mut keys, mut open) = (Vec::new(), vec![(String::new(), &document)]);
    while let Some((pointer, value)) = open.pop() {
        let members: Vec<_> = match value {
            Value::Object(members) => members.iter().map(|(name, v)| (name.clone(), v)).collect(),
            Value::Array(list) => (0..).map(|i: usize| i.to_string()).zip(list).collect(),
            _ => Vec::new(),
        };
        for (name, value) in members {
            let pointer = format!("{pointer}/{name}");
            if !pointer.starts_with("/cluster") {
                keys.push(pointer.clone());
                open.push((pointer, value));
            }
        }
    }
    keys
}

#[test]
fn what_every_key_says_is_what_it_comes_to() {
    let (config, findings) = check(full());
    assert_eq!(findings, []);
    let mut settings = serde_json::to_value(config.unwrap()).unwrap();
    let mut expected = full();
    let key = &mut settings["main"]["jwt-public-key"];
    assert_eq!(*key, "hex 9337d8ad8cbe4f3a5a9d6647279a9274c8f9b8a51682aef80568501ba728a4fd");
    *key = expected["main"]["jwt-public-key"].clone();
    expected["nats"]["password"] = "(not shown)".into();
    for (section, no_setting) in [("main", "debug"), ("metric-store", "debug")] {
        expected[section].as_object_mut().unwrap().remove(no_setting);
    }
    expected.as_object_mut().unwrap().remove("cluster");
    assert_eq!(settings, expected);
}

#[test]
fn what_need_not_be_said_has_the_defaults_of_the_go_server() {
    let (config, findings) = check(json!({
        "main": {"addr": ":80"},
        "metric-store": {"retention-in-memory": "48h", "memory-cap": 0},
        "metrics": {"m": {"frequency": 60, "aggregation": ""}}
    }));
    assert_eq!(findings, []);
    let settings = serde_json::to_value(config.unwrap()).unwrap();
    let expected = json!({
        "main": {
            "addr": ":80", "jwt-public-key": null, "jwt-admin-role": null, "user": null,
            "group": null, "backend-url": null
        },
        "nats": null,
        "metric-store": {
            "checkpoints": {
                "file-format": "wal", "directory": "./var/checkpoints", "max-wal-size": 134_217_728
            },
            "checkpoint-interval": "12h", "memory-cap": null, "retention-in-memory": "48h",
            "max-future": "1h",
            "wal": {"sync": "flush", "flush-interval": "1s", "sync-interval": "1s"},
            "num-workers": null, "cleanup": {"mode": "delete"}, "nats-subscriptions": []
        },
        "metrics": {"m": {"frequency": 60, "aggregation": null}}
    });
    assert_eq!(settings, expected);
}

#[test]
fn what_is_required_and_missing_is_named() {
    let required = [
        "/main",
        "/metrics",
        "/metric-store",
        "/metric-store/retention-in-memory",
        "/metric-store/memory-cap",
        "/metric-store/cleanup/directory",
        "/metric-store/nats-subscriptions/0/subscribe-to",
        "/main/https-key-file",
        "/main/https-cert-file",
        "/metrics/cpu_load/frequency",
        "/metrics/cpu_load/aggregation",
    ];
    for pointer in all_keys() {
        if pointer.ends_with("/0") {
            continue;
        }
        let (_, findings) = check(without(&pointer));
        let faults: Vec<_> =
            findings.into_iter().filter(|one| matches!(one, Finding::Fault(..))).collect();
        let is_metric_key = pointer.ends_with("/frequency") || pointer.ends_with("/aggregation");
        if required.contains(&pointer.as_str()) || is_metric_key {
            let [Finding::Fault(missing, _)] = &faults[..] else { panic!("{pointer}: {faults:?}") };
            assert_eq!(*missing, key(&pointer));
        } else {
            assert_eq!(faults, [], "{pointer}");
        }
    }
}

#[test]
fn null_is_as_good_as_absent() {
    for pointer in all_keys() {
        if pointer.ends_with("/0")
            || pointer.matches('/').count() == 2 && pointer.starts_with("/metrics")
        {
            continue;
        }
        let (of_null, of_none) = (check(with(&pointer, Value::Null)).1, check(without(&pointer)).1);
        let is_aggregation = pointer.ends_with("/aggregation");
        assert_eq!(of_null, if is_aggregation { Vec::new() } else { of_none }, "{pointer}");
    }
}

#[test]
fn what_is_of_another_type_is_named() {
    for pointer in all_keys() {
        let is = full().pointer(&pointer).unwrap().clone();
        let may_be_text = is.is_string() || pointer.ends_with("/aggregation");
        for other in [json!("text"), json!(7), json!(1.5), json!(true), json!([]), json!({})] {
            let same_type = match (&is, &other) {
                (_, Value::String(_)) => may_be_text,
                (Value::Number(_), Value::Number(number)) => number.is_i64(),
                (Value::Bool(_), Value::Bool(_))
                | (Value::Array(_), Value::Array(_))
                | (Value::Object(_), Value::Object(_)) => true,
                _ => false,
            };
            if !same_type {
                let (_, findings) = check(with(&pointer, other.clone()));
                let is_named =
                    |one: &Finding| *one == Finding::Fault(key(&pointer), type_fault(one));
                assert!(findings.iter().any(is_named), "{pointer} {other}: {findings:?}");
            }
        }
    }
}

fn type_fault(finding: &Finding) -> String {
    match finding {
        Finding::Fault(_, what) if what.starts_with("must be ") => what.clone(),
        _ => "must be something else".into(),
    }
}

#[test]
fn what_cannot_be_meant_is_named() {
    for (pointer, value) in [
        ("/main/addr", json!("8082")),
        ("/main/jwt-public-key", json!("c2hvcnQ=")),
        ("/main/jwt-public-key", json!("no base64")),
        ("/main/backend-url", json!("localhost:8080")),
        ("/nats/address", json!("nats://a b")),
        ("/metric-store/retention-in-memory", json!("48")),
        ("/metric-store/retention-in-memory", json!("2d")),
        ("/metric-store/retention-in-memory", json!("0")),
        ("/metric-store/retention-in-memory", json!("-1m")),
        ("/metric-store/retention-in-memory", json!("")),
        ("/metric-store/checkpoint-interval", json!("soon")),
        ("/metric-store/checkpoint-interval", json!("0s")),
        ("/metric-store/memory-cap", json!(-1)),
        ("/metric-store/memory-cap", json!(i64::MAX)),
        ("/metric-store/memory-cap", json!(u64::MAX)),
        ("/metric-store/checkpoints/file-format", json!("avro")),
        ("/metric-store/wal/sync", json!("sometimes")),
        ("/metric-store/wal/sync-interval", json!("0s")),
        ("/metric-store/max-future", json!("-1h")),
        ("/metric-store/cleanup/mode", json!("forget")),
        ("/metric-store/cleanup/directory", json!("")),
        ("/metric-store/nats-subscriptions/0/subscribe-to", json!("")),
        ("/metric-store/nats-subscriptions/0/subscribe-to", json!("a b")),
        ("/metric-store/nats-subscriptions/0/cluster-tag", json!("..")),
        ("/metric-store/nats-subscriptions/0/cluster-tag", json!("a/b")),
        ("/metric-store/nats-subscriptions/0/cluster-tag", json!("a\nb")),
        ("/metric-store/nats-subscriptions/0/cluster-tag", json!("c".repeat(201))),
        ("/metrics/temp/frequency", json!(0)),
        ("/metrics/temp/frequency", json!(-60)),
        ("/metrics/temp/frequency", json!(4_294_967_296_u64)),
        ("/metrics/temp/aggregation", json!("max")),
    ] {
        assert_eq!(fault_key(only(with(pointer, value.clone()))), key(pointer), "{value}");
    }
    let unnamed = with("/metrics/", json!({"frequency": 60, "aggregation": null}));
    assert_eq!(fault_key(only(unnamed)), "metrics[\"\"]");
}

#[test]
fn a_key_that_nobody_knows_is_named_where_the_section_is_ours() {
    for section in all_keys() {
        if section == "/metrics" || !full().pointer(&section).unwrap().is_object() {
            continue;
        }
        let pointer = format!("{section}/colour");
        assert_eq!(only(with(&pointer, json!("red"))), Finding::Unknown(key(&pointer)));
        assert_eq!(only(with(&pointer, Value::Null)), Finding::Unknown(key(&pointer)));
    }
    assert_eq!(check(with("/colour", json!("red"))).1, []);
}

#[test]
fn what_may_not_be_meant_so_is_told_and_read_as_the_go_server_does() {
    let doubt = |document: Value, expected: &str| {
        let (config, findings) = check(document);
        let [Finding::Doubt(key, _)] = &findings[..] else { panic!("{expected}: {findings:?}") };
        assert_eq!(key, expected);
        serde_json::to_value(config.unwrap()).unwrap()
    };
    let settings = doubt(without("/main/addr"), "main.addr");
    assert_eq!(settings["main"]["addr"], ":80");
    let settings = doubt(without("/nats/password"), "nats.username");
    assert_eq!(settings["nats"]["username"], Value::Null);
    let settings = doubt(without("/nats"), "metric-store.nats-subscriptions");
    assert_eq!(settings["nats"], Value::Null);
    let settings = doubt(with("/metric-store/num-workers", json!(-3)), "metric-store.num-workers");
    assert_eq!(settings["metric-store"]["num-workers"], Value::Null);
    doubt(with("/metrics", json!({})), "metrics");
    doubt(with("/main/debug/gops", json!(true)), "main.debug.gops");
    doubt(with("/metric-store/debug/dump-to-file", json!("x")), "metric-store.debug.dump-to-file");

    let mut in_capitals = without("/main/user");
    in_capitals["main"]["User"] = "cc".into();
    assert_eq!(doubt(in_capitals, "main.User")["main"]["user"], "cc");
    let mut twice = full();
    twice["main"]["User"] = "other".into();
    let (config, findings) = check(twice);
    assert_eq!(findings, [Finding::Unknown("main.User".into())]);
    assert_eq!(config.unwrap().main.user.as_deref(), Some("cc"));
}

#[test]
fn all_faults_are_found_at_once() {
    let (_, findings) = check(json!({
        "main": {"addr": 3, "colour": "red"},
        "nats": [],
        "metric-store": {"memory-cap": "all", "cleanup": {"mode": "archive"}},
        "metrics": {"a": {}, "b": {"frequency": 0, "aggregation": "max"}}
    }));
    let keys: Vec<_> = findings
        .into_iter()
        .map(|finding| match finding {
            Finding::Fault(key, _) | Finding::Doubt(key, _) => key,
            Finding::Unknown(key) => format!("{key}?"),
        })
        .collect();
    let expected = [
        "main.addr",
        "main.colour?",
        "nats",
        "metric-store.retention-in-memory",
        "metric-store.memory-cap",
        "metric-store.cleanup.directory",
        "metrics.a.frequency",
        "metrics.a.aggregation",
        "metrics.b.frequency",
        "metrics.b.aggregation",
    ];
    assert_eq!(keys, expected);
}
