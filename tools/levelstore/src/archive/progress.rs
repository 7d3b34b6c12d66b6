//! How far a run has come, on a terminal.

use checkpointer::Progress;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often it is told.
const EVERY: Duration = Duration::from_millis(200);

const BAR_WIDTH: u64 = 30;

/// Tells on standard error, if that is a terminal.
#[derive(Debug)]
pub(super) struct Shown {
    is_shown: bool,
    told: Mutex<Option<Instant>>,
}

impl Shown {
    pub(super) fn new() -> Self {
        Self { is_shown: io::stderr().is_terminal(), told: Mutex::default() }
    }

    pub(super) fn at(&self, progress: Progress) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_shown && told.is_none_or(|told| told.elapsed() >= EVERY) {
            *told = Some(Instant::now());
            // Where the terminal is gone nobody wants to know.
            drop(write!(io::stderr(), "\r\x1B[K{}", text(progress)));
        }
    }

    /// Other messages may follow.
    pub(super) fn clear(&self) {
        if self.is_shown {
            drop(write!(io::stderr(), "\r\x1B[K"));
        }
    }
}

fn text(progress: Progress) -> String {
    let Progress { hosts, hosts_total, points, .. } = progress;
    let done = (hosts * BAR_WIDTH).checked_div(hosts_total).unwrap_or(0).min(BAR_WIDTH);
    let bar = |width: u64, mark: &str| mark.repeat(usize::try_from(width).unwrap_or(0));
    let bar = format!("{}{}", bar(done, "="), bar(BAR_WIDTH - done, " "));
    format!("[{bar}] {hosts} of {hosts_total} hosts, {points} rows")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_grows_with_the_hosts() {
        let at = |hosts| Progress { hosts, hosts_total: 4, points: 7, ..Progress::default() };
        assert_eq!(text(at(0)), format!("[{}] 0 of 4 hosts, 7 rows", " ".repeat(30)));
        let half = format!("[{}{}] 2 of 4 hosts, 7 rows", "=".repeat(15), " ".repeat(15));
        assert_eq!(text(at(2)), half);
        assert_eq!(text(at(4)), format!("[{}] 4 of 4 hosts, 7 rows", "=".repeat(30)));
    }
}
