//! `gen` sends what a cluster would: read with a little parser of the test's own.

use crate::{run, show, text};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;

const START: u64 = 1_700_000_000;

#[derive(Clone, Debug, PartialEq)]
struct Line {
    metric: String,
    /// Without host, as `type` and `type-id`.
    device: (String, Option<String>),
    host: String,
    value: String,
    time: u64,
}

fn parse(line: &str) -> Line {
    let [key, field, time] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
    let (metric, tags) = key.split_once(',').unwrap();
    let tags: Vec<_> = tags.split(',').map(|tag| tag.split_once('=').unwrap()).collect();
    let tag = |name| tags.iter().find(|tag| tag.0 == name).map(|tag| tag.1.to_owned());
    assert_eq!(tag("cluster").as_deref(), Some("sim"));
    Line {
        metric: metric.into(),
        device: (tag("type").unwrap(), tag("type-id")),
        host: tag("hostname").unwrap(),
        value: field.strip_prefix("value=").unwrap().into(),
        time: time.parse().unwrap(),
    }
}

fn generate(options: &str) -> String {
    let arguments: Vec<_> = ["gen", "--out", "-"].into_iter().chain(options.split(' ')).collect();
    let output = run(&arguments);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty());
    text(&output)
}

fn lines(options: &str) -> Vec<Line> {
    generate(options).lines().map(parse).collect()
}

type Series = (String, String, (String, Option<String>));

fn series(line: &Line) -> Series {
    (line.host.clone(), line.metric.clone(), line.device.clone())
}

/// FNV-1a.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

#[test]
fn the_bytes_of_a_seed_never_change() {
    let plain = generate("--hosts 3 --minutes 5 --seed 42");
    let begin = "\
        cpu_load,cluster=sim,hostname=n00001,type=node value=11.94 1700000000\n\
        cpu_iowait,cluster=sim,hostname=n00001,type=node value=0 1700000000\n\
        mem_total,cluster=sim,hostname=n00001,type=node value=257.66 1700000000\n\
        mem_used,cluster=sim,hostname=n00001,type=node value=105.6 1700000000\n";
    assert!(plain.starts_with(begin), "{}", &plain[..600]);
    let everything = "--hosts 2 --minutes 600 --seed 7 --start 1600000000 --full-precision --jitter 9 \
                      --late 3 --phase-shift";
    let hashes = (hash(&plain), hash(&generate(everything)));
    assert_eq!(hashes, (2_045_504_619_819_040_377, 13_299_773_873_535_781_908));
    assert_eq!(plain, generate("--hosts 3 --minutes 5 --seed 42 --start 2023-11-14T22:13:20Z"));
    assert_ne!(plain, generate("--hosts 3 --minutes 5 --seed 43"));
}

#[test]
fn every_host_has_its_632_series_in_every_minute_but_for_half_a_percent() {
    let (hosts, minutes) = (4, 120);
    let lines = lines("--hosts 4 --minutes 120 --seed 1");
    let all = f64::from(hosts * minutes * 632);
    let missing = 1.0 - f64::from(u32::try_from(lines.len()).unwrap()) / all;
    assert!((0.0045..0.0055).contains(&missing), "{missing}");

    let all_series: BTreeSet<_> = lines.iter().map(series).collect();
    assert_eq!(all_series.len(), 4 * 632);
    let mut devices: BTreeMap<&str, BTreeMap<Option<&str>, usize>> = BTreeMap::new();
    for (_, _, (kind, id)) in all_series.iter().filter(|series| series.0 == "n00003") {
        *devices.entry(kind).or_default().entry(id.as_deref()).or_default() += 1;
    }
    let count = |kind: &str| (devices[kind].len(), devices[kind].values().copied().max());
    assert_eq!(count("node"), (1, Some(20)));
    assert_eq!(count("socket"), (2, Some(6)));
    assert_eq!(count("hwthread"), (72, Some(8)));
    assert_eq!(count("accelerator"), (4, Some(6)));
    assert!(devices["node"].contains_key(&None));
    assert!(devices["accelerator"].contains_key(&Some("00000000:49:00.0")));

    // Minute by minute, host by host.
    let order: Vec<_> = lines.iter().map(|line| (line.time, line.host.clone())).collect();
    assert!(order.is_sorted());
    assert!(order.iter().all(|(time, _)| (time - START).is_multiple_of(60)));
    assert_eq!((order[0].0, order.last().unwrap().0), (START, START + 119 * 60));
    let once: BTreeSet<_> = lines.iter().map(|line| (series(line), line.time)).collect();
    assert_eq!(once.len(), lines.len());
}

fn of_series(lines: &[Line]) -> HashMap<Series, Vec<String>> {
    let mut values: HashMap<_, Vec<_>> = HashMap::new();
    for line in lines {
        values.entry(series(line)).or_default().push(line.value.clone());
    }
    values
}

#[test]
fn values_are_of_all_kinds_that_collectors_send() {
    let values = of_series(&lines("--hosts 2 --minutes 400 --seed 1"));
    let (mut constants, mut walks, mut counters, mut signed, mut bursts) = (0, 0, 0, 0, 0);
    for (series, values) in &values {
        let numbers: Vec<f64> =
            values.iter().map(|value| value.trim_end_matches('i').parse().unwrap()).collect();
        // At most two decimals, and none of them a zero at the end.
        for value in values {
            let decimals = value.split_once('.').map_or("", |(_, decimals)| decimals);
            assert!(decimals.len() <= 2 && !decimals.ends_with('0'), "{value}");
            assert!(!value.ends_with('.'), "{value}");
        }
        let zeros = numbers.iter().filter(|number| **number == 0.0).count();
        if values.iter().all(|value| value.ends_with('i')) {
            assert!(numbers.is_sorted(), "{series:?}");
            signed += 1;
        } else if values.iter().all(|value| *value == values[0]) {
            constants += 1;
        } else if numbers.is_sorted() && values.iter().all(|value| !value.contains('.')) {
            counters += 1;
        } else if zeros * 2 > numbers.len() {
            bursts += 1;
        } else {
            walks += 1;
        }
    }
    assert_eq!(constants + walks + counters + signed + bursts, 2 * 632);
    assert_eq!(signed, 2 * (4 + 4));
    assert!((2 * (4 + 2 + 72)..2 * (4 + 2 + 72) + 8).contains(&counters), "{counters}");
    assert!((140..180).contains(&constants), "{constants}");
    assert!((260..300).contains(&bursts), "{bursts}");
    assert!(walks > 600, "{walks}");
}

#[test]
fn full_precision_has_all_digits_of_the_same_values() {
    let rounded = lines("--hosts 1 --minutes 60 --seed 5");
    let exact = lines("--hosts 1 --minutes 60 --seed 5 --full-precision");
    assert_eq!(rounded.len(), exact.len());
    let (mut single, mut double) = (0, 0);
    for (rounded, exact) in rounded.iter().zip(&exact) {
        assert_eq!((series(rounded), rounded.time), (series(exact), exact.time));
        if rounded.value == exact.value {
            continue;
        }
        let number: f64 = exact.value.parse().unwrap();
        let near: f64 = rounded.value.parse().unwrap();
        assert!((number - near).abs() < 0.0051, "{rounded:?} {exact:?}");
        if exact.value.parse::<f32>().unwrap().to_string() == exact.value {
            single += 1;
        } else {
            assert_eq!(number.to_string(), exact.value);
            double += 1;
        }
    }
    assert!(double > 15_000 && single > 1_000, "{double} {single}");
}

#[test]
fn jitter_moves_the_seconds_of_a_batch_and_nothing_else() {
    let still = lines("--hosts 3 --minutes 200 --seed 9");
    let moved = lines("--hosts 3 --minutes 200 --seed 9 --jitter 12");
    let mut batches: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    let mut seconds = BTreeSet::new();
    for (still, moved) in still.iter().zip(&moved) {
        assert_eq!((series(still), &still.value), (series(moved), &moved.value));
        assert!((still.time..=still.time + 12).contains(&moved.time));
        seconds.insert(moved.time - still.time);
        batches.entry((still.time, &still.host)).or_default().insert(moved.time);
    }
    assert_eq!(seconds.len(), 13);
    assert!(batches.values().all(|times| times.len() == 1));
}

#[test]
fn a_phase_shift_is_a_restart_at_another_second() {
    let of_load = |options| -> Vec<Line> {
        let text = generate(options);
        text.lines().filter(|line| line.starts_with("cpu_load,")).map(parse).collect()
    };
    let still = of_load("--hosts 10 --minutes 1440 --seed 2");
    let moved = of_load("--hosts 10 --minutes 1440 --seed 2 --phase-shift");
    assert_eq!(still.len(), moved.len());
    let mut phases: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for (still, moved) in still.iter().zip(&moved) {
        assert_eq!((series(still), &still.value), (series(moved), &moved.value));
        let phase = moved.time - still.time;
        assert!(phase < 60);
        let phases = phases.entry(&moved.host).or_default();
        if phases.last() != Some(&phase) {
            phases.push(phase);
        }
    }
    // Six restarts a day, in the mean.
    let restarts: usize = phases.values().map(|phases| phases.len() - 1).sum();
    assert!((30..100).contains(&restarts), "{restarts}");
    assert!(phases.values().map(|phases| phases[0]).collect::<BTreeSet<_>>().len() > 5);
}

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn late_lines_come_minutes_to_hours_later_and_none_is_lost() {
    let in_time = generate("--hosts 2 --minutes 600 --seed 3 --jitter 20 --phase-shift");
    let with_late =
        generate("--hosts 2 --minutes 600 --seed 3 --jitter 20 --phase-shift --late 2.5");
    assert_eq!(sorted(&in_time), sorted(&with_late));

    let minute = |line: &Line| (line.time - START) / 60;
    let (mut now, mut late, mut delays) = (0, 0, Vec::new());
    let lines: Vec<_> = with_late.lines().map(parse).collect();
    for (at, line) in lines.iter().enumerate() {
        if minute(line) > now {
            now = minute(line);
        } else if minute(line) < now {
            late += 1;
            // Late lines stand in front of those of their minute, so a newer one behind tells it.
            let newest = lines[at..].iter().take(2000).map(minute).max().unwrap();
            delays.push(newest.max(now) - minute(line));
        }
    }
    let share = f64::from(late) / f64::from(u32::try_from(lines.len()).unwrap());
    assert!((0.024..0.026).contains(&share), "{share}");
    let (least, most) = (*delays.iter().min().unwrap(), *delays.iter().max().unwrap());
    assert!((1..=3).contains(&least) && (230..=245).contains(&most), "{least} {most}");
    assert_eq!(now, 599);

    let all = generate("--hosts 1 --minutes 30 --seed 3 --late 100");
    assert_eq!(sorted(&all), sorted(&generate("--hosts 1 --minutes 30 --seed 3")));
}

#[test]
fn a_host_sends_the_same_in_a_cluster_of_any_size() {
    let of_three = generate("--hosts 3 --minutes 20 --seed 8");
    let of_one = generate("--hosts 1 --minutes 20 --seed 8");
    let first: String = of_three
        .lines()
        .filter(|line| line.contains("n00001"))
        .flat_map(|line| [line, "\n"])
        .collect();
    assert_eq!(first, of_one);
}

#[test]
fn files_are_new_and_the_metrics_are_those_of_the_lines() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("day.lp");
    let metrics = directory.path().join("day.lp.metrics.json");
    let arguments = ["gen", "--hosts", "2", "--minutes", "3", "--seed", "1", "--out", show(&path)];
    let output = run(&arguments);
    assert_eq!(output.status.code(), Some(0));
    let written = fs::read_to_string(&path).unwrap();
    assert_eq!(written, generate("--hosts 2 --minutes 3 --seed 1"));
    let told = format!("{} lines of 2 hosts with 632 series each, 0", written.lines().count());
    assert!(text(&output).contains(&told), "{}", text(&output));

    let document: Value = serde_json::from_slice(&fs::read(&metrics).unwrap()).unwrap();
    let names: BTreeSet<_> = written.lines().map(|line| parse(line).metric).collect();
    let catalogue = document.as_object().unwrap();
    assert_eq!(catalogue.keys().cloned().collect::<BTreeSet<_>>(), names);
    for metric in catalogue.values() {
        assert_eq!(metric["frequency"], 60);
        assert!(matches!(metric["aggregation"].as_str(), None | Some("sum" | "avg")));
    }

    // Neither file is written over the other time, and nothing is left beside them.
    assert_eq!(run(&arguments).status.code(), Some(1));
    fs::remove_file(&path).unwrap();
    assert_eq!(run(&arguments).status.code(), Some(1));
    assert!(!path.exists());
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn the_metrics_make_a_configuration() {
    let directory = tempfile::tempdir().unwrap();
    let (path, config) = (directory.path().join("x.lp"), directory.path().join("config.json"));
    run(&["gen", "--hosts", "1", "--minutes", "1", "--seed", "1", "--out", show(&path)]);
    let whole = serde_json::json!({
        "main": {"addr": "localhost:8082"},
        "metric-store": {"retention-in-memory": "48h", "memory-cap": 0},
        "metrics-file": format!("{}.metrics.json", show(&path)),
    });
    fs::write(&config, whole.to_string()).unwrap();
    assert_eq!(run(&["check-config", show(&config)]).status.code(), Some(0));
}

#[test]
fn what_cannot_be_generated_is_wrong_usage() {
    let base = ["gen", "--hosts", "1", "--minutes", "1", "--seed", "1", "--out", "-"];
    for wrong in [
        ["--hosts", "0"],
        ["--hosts", "100000"],
        ["--minutes", "0"],
        ["--seed", "-1"],
        ["--start", "yesterday"],
        ["--start", "-1"],
        ["--jitter", "60"],
        ["--late", "101"],
        ["--late", "-1"],
        ["--late", "NaN"],
        ["--cluster", ""],
        ["--cluster", "a b"],
        ["--cluster", ".."],
        ["--cluster", "a,b=c"],
    ] {
        let mut arguments = vec!["gen"];
        for pair in base[1..].chunks(2) {
            let replaced = if pair[0] == wrong[0] { wrong[1] } else { pair[1] };
            arguments.extend([pair[0], replaced]);
        }
        if !base.contains(&wrong[0]) {
            arguments.extend(wrong);
        }
        assert_eq!(run(&arguments).status.code(), Some(2), "{wrong:?}");
    }
    let too_late = ["--start", "9999999999"];
    assert_eq!(run(&[&base[..], &too_late].concat()).status.code(), Some(1));
}
