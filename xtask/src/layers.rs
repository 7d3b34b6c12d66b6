//! The arrows between the crates, and what must be absent below them.
//!
//! The table is ARCHITECTURE.md in code: a crate that is not in it, an arrow that is not in it,
//! or a runtime below the server is an error. Dependencies of tests do not count.

use anyhow::{Result, bail};

use crate::metadata::{Member, Workspace};
use crate::run::line;

/// Which members a crate may depend on.
enum MayUse {
    /// The binary stands above all libraries.
    EveryCrate,
    /// The fuzz targets stand above that too.
    AndTheBinary,
    Only(&'static [&'static str]),
}

use MayUse::{AndTheBinary, EveryCrate, Only};

const ARROWS: &[(&str, MayUse)] = &[
    ("levelstore", EveryCrate),
    ("levelstore-fuzz", AndTheBinary),
    ("kernels", EveryCrate),
    ("server", Only(&["ingest", "checkpointer"])),
    ("ingest", Only(&["line-protocol", "checkpointer"])),
    ("checkpointer", Only(&["memstore", "wal-format", "snapshot-format", "archiver"])),
    ("archiver", Only(&["snapshot-format"])),
    ("memstore", Only(&[])),
    ("wal-format", Only(&[])),
    ("snapshot-format", Only(&[])),
    ("line-protocol", Only(&[])),
    ("xtask", Only(&[])),
];

/// Programs and the server: above the engine, they may bring a runtime and a logger.
const ABOVE_THE_ENGINE: &[&str] = &["server", "levelstore", "levelstore-fuzz", "kernels", "xtask"];

/// Programs: nothing else depends on them.
const PROGRAMS: &[&str] = &["levelstore", "levelstore-fuzz", "kernels", "xtask"];

/// The engine owns no thread, no timer and no logger: `tracing` alone is let through.
const NOT_IN_THE_ENGINE: &[&str] = &[
    "tokio",
    "hyper",
    "axum",
    "async-std",
    "smol",
    "log",
    "env_logger",
    "slog",
    "fern",
    "flexi_logger",
    "log4rs",
    "simplelog",
    "tracing-subscriber",
];

/// Links that exist on platforms we do not build for: `cargo metadata` lists those of all of them.
const ON_OTHER_PLATFORMS: &[[&str; 2]] = &[
    // Android's.
    ["iana-time-zone", "log"],
];

const FORMAT_CRATES: &[&str] = &["wal-format", "snapshot-format"];

/// All that a format crate may link, however far down: its four dependencies and what they bring.
const BELOW_A_FORMAT_CRATE: &[&str] = &[
    "crc32fast",
    "cfg-if",
    "byteorder",
    "zerocopy",
    "zerocopy-derive",
    "thiserror",
    "thiserror-impl",
    "proc-macro2",
    "quote",
    "syn",
    "unicode-ident",
];

/// Reports every arrow that should not be there.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let findings = check(workspace);
    for finding in &findings {
        line(format_args!("layers: {finding}"))?;
    }
    if !findings.is_empty() {
        bail!("layers: {} findings", findings.len());
    }
    line(format_args!("layers: {} crates, no arrow but those intended", workspace.members.len()))
}

fn check(workspace: &Workspace) -> Vec<String> {
    let mut findings = Vec::new();
    for member in &workspace.members {
        findings.extend(arrows(member));
        findings.extend(absences(workspace, member));
    }
    findings
}

fn arrows(member: &Member) -> Vec<String> {
    let name = &member.name;
    let Some((_, may_use)) = ARROWS.iter().find(|(known, _)| known == name) else {
        return vec![format!("{name}: unknown crate; add it to the table in xtask/src/layers.rs")];
    };
    let allowed = |used: &str| match may_use {
        EveryCrate => !PROGRAMS.contains(&used),
        AndTheBinary => used == "levelstore" || !PROGRAMS.contains(&used),
        Only(list) => list.contains(&used),
    };
    let forbidden = member.uses.iter().filter(|used| !allowed(used));
    forbidden.map(|used| format!("{name} → {used}: no such arrow in the design")).collect()
}

fn absences(workspace: &Workspace, member: &Member) -> Vec<String> {
    let name = member.name.as_str();
    let mut findings = Vec::new();
    if ABOVE_THE_ENGINE.contains(&name) {
        return findings;
    }
    for way in workspace.closure(member) {
        let Some(linked) = way.last() else { continue };
        if ON_OTHER_PLATFORMS.iter().any(|link| way.ends_with(link)) {
            continue;
        }
        if NOT_IN_THE_ENGINE.contains(linked) {
            findings.push(format!("{}: not below the server", way.join(" → ")));
        } else if FORMAT_CRATES.contains(&name) && !BELOW_A_FORMAT_CRATE.contains(linked) {
            let way = way.join(" → ");
            findings.push(format!("{way}: not among the few crates that a format crate links"));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::tests::workspace;

    #[test]
    fn the_arrows_of_the_design_pass() {
        let workspace = workspace(&[
            ("levelstore", &["server", "wal-format", "memstore"], &["clap", "log"]),
            ("server", &["ingest", "checkpointer"], &["axum>tokio"]),
            ("ingest", &["line-protocol", "checkpointer"], &["memchr"]),
            ("checkpointer", &["memstore", "wal-format", "snapshot-format", "archiver"], &[]),
            ("archiver", &["snapshot-format"], &["parquet"]),
            ("memstore", &[], &["hashbrown>foldhash", "tracing"]),
            ("wal-format", &[], &["crc32fast>cfg-if", "thiserror>thiserror-impl>syn"]),
            ("snapshot-format", &[], &["zerocopy>zerocopy-derive"]),
            ("line-protocol", &[], &[]),
            ("levelstore-fuzz", &["wal-format"], &["libfuzzer-sys>libc"]),
            ("xtask", &[], &["anyhow"]),
        ]);
        assert_eq!(check(&workspace), [""; 0]);
    }

    #[test]
    fn an_arrow_upwards_or_sideways_is_named() {
        let workspace = workspace(&[
            ("memstore", &["wal-format"], &[]),
            ("snapshot-format", &["wal-format"], &[]),
            ("wal-format", &[], &[]),
            ("xtask", &["wal-format"], &[]),
            ("levelstore", &["xtask"], &[]),
        ]);
        let findings = check(&workspace).join("\n");
        for arrow in [
            "memstore → wal-format",
            "snapshot-format → wal-format",
            "xtask → wal-format",
            "levelstore → xtask",
        ] {
            assert!(findings.contains(&format!("{arrow}: no such arrow")), "{arrow}: {findings}");
        }
    }

    #[test]
    fn an_unknown_crate_is_asked_to_enter_the_table() {
        let findings = check(&workspace(&[("newcomer", &[], &[])]));
        assert!(findings[0].starts_with("newcomer: unknown crate; add it to the table"));
    }

    #[test]
    fn a_runtime_far_below_the_engine_is_found_with_the_way_to_it() {
        let workspace =
            workspace(&[("memstore", &[], &["a>b>tokio"]), ("archiver", &[], &["log"])]);
        let findings = check(&workspace);
        assert_eq!(
            findings,
            [
                "archiver → log: not below the server",
                "memstore → a → b → tokio: not below the server"
            ]
        );
    }

    #[test]
    fn what_another_platform_links_is_let_through_that_way_alone() {
        let way = "parquet>chrono>iana-time-zone>log";
        assert_eq!(check(&workspace(&[("archiver", &[], &[way])])), [""; 0]);
        let findings = check(&workspace(&[("archiver", &[], &["parquet>chrono>log"])]));
        assert_eq!(findings, ["archiver → parquet → chrono → log: not below the server"]);
    }

    #[test]
    fn a_format_crate_links_nothing_but_its_four_and_theirs() {
        let findings = check(&workspace(&[("wal-format", &[], &["crc32fast>cfg-if", "serde"])]));
        assert_eq!(findings.len(), 1);
        assert!(findings[0].starts_with("wal-format → serde: "), "{findings:?}");
    }
}
