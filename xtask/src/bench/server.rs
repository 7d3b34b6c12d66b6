//! A server on loopback: started, asked what it has used, and stopped.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::http::Connection;

/// A start, or an end, that takes longer has failed.
const PATIENCE: Duration = Duration::from_mins(2);
/// `sysconf(_SC_CLK_TCK)` of every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    pub(super) address: String,
}

impl Server {
    /// Starts one that will listen on this address; it is ready when a request for this path is
    /// answered, be it with what was wrong in the question. What it says goes to a file.
    pub(super) fn start(
        mut command: Command,
        address: String,
        ready: &str,
        log: &Path,
    ) -> Result<Self> {
        let shown = command.get_program().display().to_string();
        let log = fs::File::create(log)?;
        let child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn();
        let mut server = Self { child: child.with_context(|| format!("start {shown}"))?, address };
        let began = Instant::now();
        loop {
            let answer = Connection::open(&server.address)
                .and_then(|mut connection| connection.ask("GET", ready, b""));
            if answer.is_ok_and(|answer| answer.status < 500) {
                return Ok(server);
            }
            if let Some(status) = server.child.try_wait()? {
                bail!("{shown} ended at once: {status}");
            }
            if began.elapsed() > PATIENCE {
                bail!("{shown} does not answer on {}", server.address);
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// User and system time until now.
    pub(super) fn cpu_seconds(&self) -> Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let behind_name = stat.rsplit_once(')').context("stat of a process")?.1;
        let fields: Vec<&str> = behind_name.split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok());
        let (user, system) = (ticks(11), ticks(12));
        Ok((user.context("user time")? + system.context("system time")?) / TICKS_PER_SECOND)
    }

    pub(super) fn rss_bytes(&self) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = line.and_then(|line| line.trim().strip_suffix("kB"));
        let kibibytes: f64 = kibibytes.context("no VmRSS")?.trim().parse()?;
        Ok(kibibytes * 1024.0)
    }

    /// As a power failure does not give notice either.
    pub(super) fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Lets it save what it has.
    pub(super) fn stop(mut self) -> Result<()> {
        kill(Pid::from_raw(self.child.id().try_into()?), Signal::SIGTERM)?;
        let began = Instant::now();
        while self.child.try_wait()?.is_none() {
            if began.elapsed() > PATIENCE {
                bail!("the server on {} does not end", self.address);
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address of this machine on which nobody listens.
pub(super) fn free_address() -> Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}

/// Writes a configuration as the Go server reads it, too; ours takes `sync` beside it.
pub(super) fn configuration(
    directory: &Path,
    address: &str,
    metrics: &Value,
    sync: Option<&str>,
) -> Result<()> {
    let mut store = json!({
        "checkpoints": {"file-format": "wal", "directory": directory.join("checkpoints")},
        // The workloads are of 2023.
        "retention-in-memory": "87600h", "memory-cap": 100, "checkpoint-interval": "12h",
    });
    if let Some(sync) = sync {
        store["wal"] = json!({"sync": sync});
    }
    let all = json!({"main": {"addr": address}, "metric-store": store, "metrics": metrics});
    let mut file = fs::File::create(directory.join("config.json"))?;
    file.write_all(all.to_string().as_bytes())?;
    Ok(())
}
