//! Messages of the server, a line each on standard error.
//!
//! Where the journal reads them they begin with their priority, as `sd-daemon(3)` says; else with
//! its name, and with the time if that is wanted.

use crate::time;
use anyhow::{Context, Result};
use rustix::fs::fstat;
use std::env;
use std::fmt::{self, Write as _};
use std::io::{self, Write as _};
use std::time::{SystemTime, UNIX_EPOCH};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber, span};

/// The least important message that is written, as the Go server's flag has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum LogLevel {
    Debug,
    Info,
    Notice,
    Warn,
    #[value(alias = "error")]
    Err,
    Crit,
}

/// Whether lines begin with the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Date {
    Shown,
    Hidden,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Journal,
    Plain(Date),
}

/// From here on messages are written.
pub(super) fn start(level: LogLevel, date: Date) -> Result<()> {
    let most = match level {
        LogLevel::Debug => Level::DEBUG,
        LogLevel::Info => Level::INFO,
        LogLevel::Notice | LogLevel::Warn => Level::WARN,
        LogLevel::Err | LogLevel::Crit => Level::ERROR,
    };
    let form = if is_journal() { Form::Journal } else { Form::Plain(date) };
    tracing::subscriber::set_global_default(Messages { most, form }).context("start the log")
}

/// Whether standard error is the stream that `JOURNAL_STREAM` names.
fn is_journal() -> bool {
    let Ok(named) = env::var("JOURNAL_STREAM") else { return false };
    fstat(io::stderr()).is_ok_and(|stderr| named == format!("{}:{}", stderr.st_dev, stderr.st_ino))
}

struct Messages {
    most: Level,
    form: Form,
}

/// What other crates have to say of their daily work nobody wants to read.
fn is_ours(target: &str) -> bool {
    let of = target.split("::").next().unwrap_or_default();
    matches!(of, "levelstore" | "server" | "ingest" | "checkpointer")
}

impl Subscriber for Messages {
    fn enabled(&self, of: &Metadata<'_>) -> bool {
        let most = if is_ours(of.target()) { self.most } else { self.most.min(Level::WARN) };
        of.is_event() && *of.level() <= most
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        let line = line(self.form, *event.metadata().level(), &text.0);
        // Where standard error is closed there is nobody to tell.
        drop(io::stderr().lock().write_all(line.as_bytes()));
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

fn line(form: Form, level: Level, text: &str) -> String {
    let text = text.replace('\n', " ");
    let (priority, name) = match level {
        Level::ERROR => (3, "error"),
        Level::WARN => (4, "warning"),
        Level::INFO => (6, "info"),
        _ => (7, "debug"),
    };
    match form {
        Form::Journal => format!("<{priority}>{text}\n"),
        Form::Plain(Date::Hidden) => format!("{name}: {text}\n"),
        Form::Plain(Date::Shown) => {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let now = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
            format!("{} {name}: {text}\n", time::utc(now))
        }
    }
}

/// The message, and behind it the values that go with it.
#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a text cannot fail.
        let _ = match field.name() {
            "message" => {
                self.0.insert_str(0, &format!("{value:?}"));
                Ok(())
            }
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_and_begins_with_how_bad_it_is() {
        for (level, form, expected) in [
            (Level::ERROR, Form::Journal, "<3>two lines\n"),
            (Level::WARN, Form::Journal, "<4>two lines\n"),
            (Level::INFO, Form::Journal, "<6>two lines\n"),
            (Level::DEBUG, Form::Journal, "<7>two lines\n"),
            (Level::WARN, Form::Plain(Date::Hidden), "warning: two lines\n"),
        ] {
            assert_eq!(line(form, level, "two\nlines"), expected);
        }
        assert!(line(Form::Plain(Date::Shown), Level::INFO, "x").ends_with("Z info: x\n"));
    }
}
