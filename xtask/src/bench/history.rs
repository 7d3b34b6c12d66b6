//! All results of the repository, oldest first.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use anyhow::Result;

use super::record::Record;

/// Those in the folder, and the one that was just taken.
pub(super) fn load(folder: &Path, newest: &Record) -> Result<Vec<Record>> {
    let mut records = Vec::new();
    if folder.exists() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension() == Some(OsStr::new("json")) {
                records.push(Record::read(&path)?);
            }
        }
    }
    records.retain(|record| record.time() != newest.time());
    records.push(newest.clone());
    records.sort_by(|a, b| a.time().cmp(b.time()));
    Ok(records)
}
