//! One process, and what the operating system says that it has used.
//!
//! The system tells that of all children together, and the most memory of any of them. So each one
//! is the only child of a process of ours, `xtask measured`, which asks when it has ended.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use serde_json::{Value, json};

/// This program, even when it has been built anew meanwhile.
pub(super) const OURSELVES: &str = "/proc/self/exe";

/// What a process has used, and what it has printed.
#[derive(Debug)]
pub(super) struct Used {
    /// User and system.
    pub(super) cpu_seconds: f64,
    pub(super) peak_rss_bytes: f64,
    pub(super) stdout: String,
}

impl Used {
    /// A number of the JSON document that was printed, by its pointer.
    pub(super) fn number(&self, pointer: &str) -> Result<f64> {
        let document: Value = serde_json::from_str(&self.stdout).context("what was printed")?;
        let number = document.pointer(pointer).and_then(Value::as_f64);
        number.with_context(|| format!("no number {pointer} in {document}"))
    }
}

/// Runs a program to its end. Its failure is an error.
pub(super) fn measured(folder: &Path, program: &Path, arguments: &[&str]) -> Result<Used> {
    let usage = folder.join("usage.json");
    let output = Command::new(OURSELVES)
        .arg("measured")
        .arg(&usage)
        .arg(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("starting ourselves")?;
    if !output.status.success() {
        bail!("`{} {}` failed: {}", program.display(), arguments.join(" "), output.status);
    }
    let told: Value = serde_json::from_slice(&fs::read(&usage)?)?;
    let number = |name: &str| told[name].as_f64().with_context(|| format!("usage: no {name}"));
    Ok(Used {
        cpu_seconds: number("cpu_seconds")?,
        peak_rss_bytes: number("peak_rss_bytes")?,
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
    })
}

/// The other side: `xtask measured FILE PROGRAM [ARGUMENT…]`.
pub(crate) fn report_child(arguments: &[&str]) -> Result<()> {
    let [file, program, arguments @ ..] = arguments else { bail!("measured: FILE PROGRAM") };
    let began = Instant::now();
    let status = Command::new(program).args(arguments).status().context("starting it")?;
    let used = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    #[expect(clippy::cast_precision_loss, reason = "seconds and microseconds")]
    let seconds = |time: TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    let told = json!({
        "cpu_seconds": seconds(used.user_time()) + seconds(used.system_time()),
        "wall_seconds": began.elapsed().as_secs_f64(),
        "peak_rss_bytes": used.max_rss() * 1024,
    });
    fs::write(file, told.to_string())?;
    if status.success() { Ok(()) } else { bail!("{program}: {status}") }
}
