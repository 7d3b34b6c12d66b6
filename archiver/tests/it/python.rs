//! The engines' Python: a virtual environment below the target directory, made once, with wheels of the
//! versions below. It needs `python3` with `venv`, and a package index that pip can reach.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const WHEELS: [&str; 3] = ["duckdb==2.0.0", "polars==2.1.0", "pyarrow==26.0.1"];

pub(crate) fn run(command: &mut Command, purpose: &str) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{purpose}: {command:?}: {error}"));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{purpose}: {command:?}: {told}");
    output
}

/// The environment's Python; made if it is not there or was not finished. Tests of several programs may
/// want it at the same time.
pub(crate) fn python() -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("archive-engines");
    let alone = fs::File::create(root.with_extension("lock")).unwrap();
    alone.lock().unwrap();
    let (python, ready) = (root.join("bin/python"), root.join("ready"));
    if fs::read_to_string(&ready).is_ok_and(|wheels| wheels == WHEELS.join(" ")) {
        return python;
    }
    let venv = ["-m", "venv", "--clear"];
    run(Command::new("python3").args(venv).arg(&root), "this test needs python3 with venv");
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    let install = &mut Command::new(&python);
    install.args(pip).args(["--timeout", "15", "--retries", "1"]).args(WHEELS);
    run(install, "this test needs a package index with wheels of DuckDB, Polars and pyarrow");
    fs::write(&ready, WHEELS.join(" ")).unwrap();
    python
}
