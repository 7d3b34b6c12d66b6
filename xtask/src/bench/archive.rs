//! An archive run over the day.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::Bench;
use super::day::{SAVED, texts};
use super::process::measured;
use super::workload::END;

/// Of a copy, as a run deletes what it has archived.
pub(super) fn run(bench: &mut Bench) -> Result<()> {
    let (copy, archive) = (bench.empty("data-to-archive")?, bench.empty("archive")?);
    let nothing = bench.empty("data-nothing")?;
    linked(&bench.folder.join(SAVED), &copy)?;
    let metrics = bench.generated(bench.size.day)?.metrics;
    let before = END.to_string();
    let [copy, nothing, archive, metrics] = texts([&copy, &nothing, &archive, &metrics])?;
    let run = |checkpoints| {
        let options = ["archive", "--json", "--checkpoints", checkpoints, "--archive", archive];
        let options = [&options[..], &["--before", &before, "--metrics", metrics]].concat();
        measured(&bench.folder, &bench.program, &options)
    };
    let base = run(nothing)?;
    let used = run(copy)?;
    let rows = used.number("/rows")?;
    bench.figures.add("archive.cpu", used.cpu_seconds * 1e9 / rows);
    bench.figures.add("archive.bytes", used.number("/bytes")? / rows);
    bench.figures.add("archive.peak_rss", used.peak_rss_bytes / 1e6);
    let over_base = used.peak_rss_bytes - base.peak_rss_bytes;
    bench.figures.add("archive.over_base", over_base / f64::from(1 << 20));
    // What a run notes beside the data directory.
    let own = bench.folder.join("data-to-archive.levelstore");
    if own.exists() {
        fs::remove_dir_all(own)?;
    }
    bench.empty("archive")?;
    Ok(())
}

/// A copy of a tree in which files are links: nobody changes one in place.
fn linked(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir_all(&to)?;
            linked(&entry.path(), &to)?;
        } else {
            fs::hard_link(entry.path(), to)?;
        }
    }
    Ok(())
}
