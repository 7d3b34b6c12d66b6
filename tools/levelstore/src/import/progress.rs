//! How far an import has come, on a terminal.

use anyhow::Result;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How often it is told.
const EVERY: Duration = Duration::from_millis(200);

/// Tells on standard error, if that is a terminal.
#[derive(Debug)]
pub(super) struct Progress {
    is_shown: bool,
    began: Instant,
    told: Instant,
    /// Of all files; none if one of them has no size.
    bytes_total: Option<u64>,
    lines: u64,
    bytes: u64,
    /// Of the files before.
    lines_before: u64,
    bytes_before: u64,
}

impl Progress {
    pub(super) fn new(files: &[PathBuf]) -> Self {
        let sizes = files.iter().map(|path| fs::metadata(path).ok().map(|file| file.len()));
        let now = Instant::now();
        Self {
            is_shown: io::stderr().is_terminal(),
            began: now,
            told: now,
            bytes_total: sizes.sum(),
            lines: 0,
            bytes: 0,
            lines_before: 0,
            bytes_before: 0,
        }
    }

    /// So many lines and bytes of this file.
    pub(super) fn at(&mut self, lines: u64, bytes: u64) -> Result<()> {
        self.lines = self.lines_before + lines;
        self.bytes = self.bytes_before + bytes;
        if self.is_shown && self.told.elapsed() >= EVERY {
            self.told = Instant::now();
            write!(io::stderr(), "\r\x1B[K{}", self.text(self.began.elapsed()))?;
        }
        Ok(())
    }

    /// A file has ended: other messages may follow.
    pub(super) fn clear(&mut self) -> Result<()> {
        (self.lines_before, self.bytes_before) = (self.lines, self.bytes);
        if self.is_shown {
            write!(io::stderr(), "\r\x1B[K")?;
        }
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    fn text(&self, elapsed: Duration) -> String {
        let millions = self.lines as f64 / 1e6;
        let rate = millions / elapsed.as_secs_f64().max(1e-3);
        let lines = format!("{millions:.1} M lines, {rate:.1} M/s");
        match self.bytes_total.filter(|total| *total > 0) {
            Some(total) => format!("{:3.0} %  {lines}", self.bytes as f64 / total as f64 * 100.0),
            None => lines,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_the_part_of_all_files_and_the_rate() {
        let mut progress = Progress::new(&[]);
        progress.bytes_total = Some(1000);
        progress.at(1_000_000, 100).unwrap();
        progress.clear().unwrap();
        progress.at(2_000_000, 400).unwrap();
        assert_eq!(progress.text(Duration::from_secs(2)), " 50 %  3.0 M lines, 1.5 M/s");
        progress.bytes_total = None;
        assert_eq!(progress.text(Duration::from_secs(2)), "3.0 M lines, 1.5 M/s");
    }
}
