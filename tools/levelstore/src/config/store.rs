//! The section `metric-store`: what is kept in memory and on disk, and for how long.

use super::section::Section;
use super::server::{debug, is_visible};
use crate::time;
use serde::{Serialize, Serializer};
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

const CHECKPOINT_INTERVAL: Duration = Duration::from_hours(12);
const MAX_FUTURE: Duration = Duration::from_hours(1);
const LOG_INTERVAL: Duration = Duration::from_secs(1);
const MAX_WAL_SIZE: u64 = 128 << 20;

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct MetricStore {
    pub(crate) checkpoints: Checkpoints,
    #[serde(serialize_with = "as_text")]
    pub(crate) checkpoint_interval: Duration,
    /// In gigabytes; none: no limit.
    pub(crate) memory_cap: Option<NonZeroU64>,
    #[serde(serialize_with = "as_text")]
    pub(crate) retention_in_memory: Duration,
    /// How far ahead of the clock samples may be.
    #[serde(serialize_with = "as_text")]
    pub(crate) max_future: Duration,
    pub(crate) wal: Wal,
    /// None: as many as suit the machine.
    pub(crate) num_workers: Option<NonZeroU64>,
    pub(crate) cleanup: Cleanup,
    pub(crate) nats_subscriptions: Vec<Subscription>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Checkpoints {
    pub(crate) file_format: FileFormat,
    pub(crate) directory: PathBuf,
    /// In bytes, per host: at so much log without a snapshot its writers wait.
    pub(crate) max_wal_size: u64,
}

/// When the log is written and synced.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Wal {
    pub(crate) sync: Sync,
    #[serde(serialize_with = "as_text")]
    pub(crate) flush_interval: Duration,
    #[serde(serialize_with = "as_text")]
    pub(crate) sync_interval: Duration,
}

/// When a write is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Sync {
    None,
    Flush,
    Always,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FileFormat {
    Wal,
    Json,
}

/// What becomes of what is older than the retention.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "mode", rename_all = "kebab-case")]
pub(crate) enum Cleanup {
    Delete,
    Archive { directory: PathBuf },
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Subscription {
    pub(crate) subscribe_to: String,
    /// The cluster of lines that name none.
    pub(crate) cluster_tag: Option<String>,
}

impl MetricStore {
    /// None if something is wrong with the section; then the findings say what.
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        section.require("retention-in-memory");
        section.require("memory-cap");
        let checkpoints = section.section("checkpoints", Checkpoints::read);
        let checkpoint_interval = section.duration("checkpoint-interval");
        let memory_cap = memory_cap(section);
        let retention_in_memory = section.duration("retention-in-memory");
        let max_future = section.duration("max-future");
        let wal = section.section("wal", Wal::read);
        let num_workers = NonZeroU64::new(section.count("num-workers"));
        let cleanup = section.section("cleanup", Cleanup::read);
        let nats_subscriptions = section.sections("nats-subscriptions", Subscription::read);
        debug(section);
        Some(Self {
            checkpoints: checkpoints.unwrap_or_default(),
            checkpoint_interval: checkpoint_interval.unwrap_or(CHECKPOINT_INTERVAL),
            memory_cap,
            retention_in_memory: retention_in_memory?,
            max_future: max_future.unwrap_or(MAX_FUTURE),
            wal: wal.unwrap_or_default(),
            num_workers,
            cleanup: cleanup.unwrap_or(Cleanup::Delete),
            nats_subscriptions,
        })
    }
}

fn memory_cap(section: &mut Section<'_>) -> Option<NonZeroU64> {
    let gigabytes = section.integer("memory-cap")?;
    let in_bytes = u64::try_from(gigabytes).ok().and_then(|cap| cap.checked_mul(1 << 30));
    if in_bytes.is_none() {
        section.fault("memory-cap", format!("{gigabytes} is no size in gigabytes; 0 is no limit"));
    }
    NonZeroU64::new(gigabytes.unsigned_abs())
}

impl Default for Wal {
    fn default() -> Self {
        Self { sync: Sync::Flush, flush_interval: LOG_INTERVAL, sync_interval: LOG_INTERVAL }
    }
}

impl Wal {
    fn read(section: &mut Section<'_>) -> Self {
        let default = Self::default();
        let sync = match section.text("sync").as_deref() {
            None | Some("flush") => Sync::Flush,
            Some("none") => Sync::None,
            Some("always") => Sync::Always,
            Some(other) => {
                let what = format!("{other:?} is neither \"none\", \"flush\" nor \"always\"");
                section.fault("sync", what);
                default.sync
            }
        };
        Self {
            sync,
            flush_interval: section.duration("flush-interval").unwrap_or(default.flush_interval),
            sync_interval: section.duration("sync-interval").unwrap_or(default.sync_interval),
        }
    }
}

impl Default for Checkpoints {
    fn default() -> Self {
        let directory = "./var/checkpoints".into();
        Self { file_format: FileFormat::Wal, directory, max_wal_size: MAX_WAL_SIZE }
    }
}

impl Checkpoints {
    fn read(section: &mut Section<'_>) -> Self {
        let default = Self::default();
        let file_format = match section.text("file-format").as_deref() {
            None | Some("wal") => FileFormat::Wal,
            Some("json") => FileFormat::Json,
            Some(other) => {
                section.fault("file-format", format!("{other:?} is neither \"wal\" nor \"json\""));
                default.file_format
            }
        };
        Self {
            file_format,
            directory: section.text("directory").map_or(default.directory, PathBuf::from),
            max_wal_size: match section.count("max-wal-size") {
                0 => default.max_wal_size,
                bytes => bytes,
            },
        }
    }
}

impl Cleanup {
    fn read(section: &mut Section<'_>) -> Self {
        let has_directory = section.is_set("directory");
        let directory = section.text("directory").map(PathBuf::from);
        match section.text("mode").as_deref() {
            None | Some("delete") => Self::Delete,
            Some("archive") => {
                if !has_directory {
                    section.fault("directory", "is missing: where to archive");
                }
                Self::Archive { directory: directory.unwrap_or_default() }
            }
            Some(other) => {
                section.fault("mode", format!("{other:?} is neither \"delete\" nor \"archive\""));
                Self::Delete
            }
        }
    }
}

impl Subscription {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        section.require("subscribe-to");
        let subscribe_to = section.text("subscribe-to");
        if subscribe_to.as_ref().is_some_and(|subject| !is_visible(subject)) {
            section.fault("subscribe-to", "has blanks or control characters");
        }
        let cluster_tag = section.text("cluster-tag");
        if let Some(fault) = cluster_tag.as_deref().and_then(fault_of_directory_name) {
            section.fault("cluster-tag", fault);
        }
        Some(Self { subscribe_to: subscribe_to?, cluster_tag })
    }
}

/// Why a name of a cluster cannot be that of its directory.
fn fault_of_directory_name(name: &str) -> Option<&'static str> {
    if matches!(name, "." | "..") || name.contains(['/', '\\']) {
        Some("leads to another directory")
    } else if name.chars().any(char::is_control) {
        Some("has control characters")
    } else {
        (name.len() > 200).then_some("is longer than 200 bytes")
    }
}

fn as_text<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time::show_duration(*duration))
}
