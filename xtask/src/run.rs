//! Running commands: each one is echoed before it starts, and its failure names it.

use std::env;
use std::fmt::Display;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Writes one line to stdout; a closed pipe is an error like any other.
pub(crate) fn line(text: impl Display) -> Result<()> {
    writeln!(io::stdout().lock(), "{text}").context("writing to stdout")
}

/// The Cargo that runs this program, with these arguments.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let program = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

/// Runs a command to its end; it writes where this program writes.
pub(crate) fn step(mut command: Command) -> Result<()> {
    let shown = shown(&command);
    line(format_args!("$ {shown}"))?;
    let status = command.status().with_context(|| format!("starting {shown}"))?;
    if !status.success() {
        bail!("`{shown}` failed: {status}");
    }
    Ok(())
}

/// What a command printed to stdout, which went on to ours as it came.
pub(crate) struct Told {
    pub(crate) lines: Vec<String>,
    pub(crate) verdict: Result<()>,
}

/// Runs a command to its end and keeps the lines of its stdout for which `wanted` holds.
pub(crate) fn listen(mut command: Command, wanted: fn(&str) -> bool) -> Result<Told> {
    let shown = shown(&command);
    line(format_args!("$ {shown}"))?;
    let mut child =
        command.stdout(Stdio::piped()).spawn().with_context(|| format!("starting {shown}"))?;
    let mut lines = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        // Tests may print bytes that are no UTF-8: they are shown as well as they can be.
        for bytes in BufReader::new(stdout).split(b'\n') {
            let text = String::from_utf8_lossy(&bytes?).into_owned();
            line(&text)?;
            if wanted(&text) {
                lines.push(text);
            }
        }
    }
    let status = child.wait()?;
    let verdict =
        if status.success() { Ok(()) } else { Err(anyhow::anyhow!("`{shown}` failed: {status}")) };
    Ok(Told { lines, verdict })
}

/// The command as one would type it, with the variables it is given.
fn shown(command: &Command) -> String {
    let variables = command
        .get_envs()
        .filter_map(|(name, value)| Some(format!("{}='{}'", name.display(), value?.display())));
    // The path of Cargo itself says nothing to the reader.
    let program = command.get_program().display().to_string();
    let program = program.rsplit('/').next().unwrap_or_default().to_owned();
    let arguments = command.get_args().map(|argument| argument.display().to_string());
    variables.chain([program]).chain(arguments).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_it_would_be_typed() {
        let mut command = Command::new("/usr/bin/cargo");
        command.args(["doc", "--workspace"]).env("RUSTDOCFLAGS", "-Dwarnings");
        assert_eq!(shown(&command), "RUSTDOCFLAGS='-Dwarnings' cargo doc --workspace");
    }

    #[test]
    fn listening_keeps_the_wanted_lines_and_the_verdict() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo two; exit 3"]);
        let told = listen(command, |text| text.starts_with('t')).unwrap();
        assert_eq!(told.lines, ["two"]);
        assert!(told.verdict.unwrap_err().to_string().contains('3'));
    }
}
