//! What `estimate` says is what a store takes that is filled with what `gen` makes.

use crate::filled::{fill, generated};
use crate::{json, run, show};
use std::fs;

const HOSTS: u32 = 2;
/// Of a host of `gen`.
const SERIES: &str = "632";

/// Bytes that are measured.
fn assert_close(what: &str, estimated: &serde_json::Value, measured: u64) {
    let estimated = estimated.as_u64().unwrap();
    let off = estimated.abs_diff(measured);
    assert!(off * 10 <= measured, "{what}: {estimated} estimated, {measured} measured");
}

#[test]
fn a_filled_store_takes_what_is_estimated_within_a_tenth() {
    for minutes in [1, 40, 300, 1440] {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        fs::create_dir(&data).unwrap();
        let taken = fill(&data, &generated(HOSTS, minutes, &[]));

        let (hosts, retention) = (HOSTS.to_string(), format!("{minutes}m"));
        let (estimate, code) = json(&[
            "estimate",
            "--hosts",
            &hosts,
            "--series",
            SERIES,
            "--interval",
            "60",
            "--retention",
            &retention,
            "--checkpoint-interval",
            &retention,
            "--json",
        ]);
        assert_eq!(code, 0);
        assert_close("points", &estimate["points"], taken.points);
        assert_close("memory", &estimate["store_bytes"], taken.memory);
        assert_close("log", &estimate["log_bytes"], taken.log);
        assert_close("snapshots", &estimate["snapshot_bytes"], taken.snapshots);

        // And after a start, of which `load` tells.
        let metrics = directory.path().join("lines.metrics.json");
        let lines = directory.path().join("lines");
        let made =
            run(&["gen", "--hosts", "1", "--minutes", "1", "--seed", "1", "--out", show(&lines)]);
        assert!(made.status.success());
        let (loaded, code) =
            json(&["load", "--data", show(&data), "--metrics", show(&metrics), "--json"]);
        assert_eq!((code, loaded["points"].as_u64()), (0, Some(taken.points)));
        if minutes > 1 {
            assert_close(
                "memory after a start",
                &estimate["store_bytes"],
                loaded["store_bytes"].as_u64().unwrap(),
            );
        }
    }
}

#[test]
fn twice_the_hosts_take_twice_the_memory_and_nonsense_is_wrong_usage() {
    let of = |hosts: &str, retention: &str| {
        let (estimate, _) = json(&[
            "estimate",
            "--hosts",
            hosts,
            "--series",
            "600",
            "--interval",
            "60",
            "--retention",
            retention,
            "--json",
        ]);
        ["points", "store_bytes", "log_bytes", "snapshot_bytes"]
            .map(|key| estimate[key].as_u64().unwrap())
    };
    let (one, two) = (of("1000", "48h"), of("2000", "48h"));
    for (one, two) in one.into_iter().zip(two) {
        assert!((2 * one).abs_diff(two) <= 1, "{one} {two}");
    }
    assert_eq!(one[0], 1000 * 600 * 48 * 60);
    for wrong in [["0", "48h"], ["1", "48"], ["1", "-1h"], ["x", "48h"], ["1", "0.5s"]] {
        let [hosts, retention] = wrong;
        let output = run(&[
            "estimate",
            "--hosts",
            hosts,
            "--series",
            "1",
            "--interval",
            "60",
            "--retention",
            retention,
        ]);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
    }
}
