//! What lies in a host's directory, by name.

use std::fmt;

use crate::disk::{Entry, EntryKind};
use crate::planted::{Planted, is_planted};

/// Kinds of snapshots, in the order in which those of one name are loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Json,
    Bin,
    Late,
}

impl Kind {
    pub(crate) fn ending(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Bin => "bin",
            Self::Late => "late",
        }
    }

    /// Whether the Go store reads it, so that later files must not reach back behind it.
    pub(crate) fn bounds_later_files(self) -> bool {
        self != Self::Late
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.ending())
    }
}

/// A snapshot file, by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) number: i64,
    pub(crate) kind: Kind,
    pub(crate) file: String,
    pub(crate) bytes: u64,
}

/// The snapshots of a host, and what else lies beside them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Snapshots {
    /// In the order in which they are loaded.
    pub(crate) files: Vec<Named>,
    /// The highest number in any name of a snapshot, whatever its ending.
    pub(crate) highest: Option<i64>,
    /// Names that are none of ours nor of the Go store's, but look to it like a snapshot: it would
    /// not start.
    pub(crate) misnamed: Vec<String>,
    /// Names of snapshots and logs that are no files.
    pub(crate) not_files: Vec<String>,
}

impl Snapshots {
    pub(crate) fn among(entries: &[Entry]) -> Self {
        let mut found = Self::default();
        for entry in entries {
            let Some(name) = entry.name.to_str() else { continue };
            let parsed = parse(name);
            if let Some((number, _)) = parsed {
                found.highest = found.highest.max(Some(number));
            }
            if entry.kind != EntryKind::File {
                let looks_like_data = matches!(parsed, Some((_, Some(_))))
                    || [".wal"].iter().any(|ending| name.ends_with(ending));
                found.not_files.extend(looks_like_data.then(|| name.to_owned()));
                continue;
            }
            match parsed {
                Some((number, Some(kind))) => {
                    let file = name.to_owned();
                    found.files.push(Named { number, kind, file, bytes: entry.length });
                }
                None if [".bin", ".json"].iter().any(|ending| name.ends_with(ending)) => {
                    found.misnamed.push(name.to_owned());
                }
                _ => {}
            }
        }
        found.files.sort_by(|one, other| one.order().cmp(&other.order()));
        found
    }
}

impl Named {
    fn order(&self) -> (bool, i64, bool, Kind, &str) {
        let after_late = is_planted(Planted::LateBeforeBin) && self.kind != Kind::Late;
        let after_bin = is_planted(Planted::JsonAfterBin) && self.kind == Kind::Json;
        (after_late, self.number, after_bin, self.kind, &self.file)
    }
}

/// Numbers beyond this are no times. Those that are given out stay below [`GIVEN_OUT_MAX`], so that
/// what is written is always read again.
pub(crate) const NUMBER_MAX: i64 = 1 << 62;

/// The highest number that is given out.
pub(crate) const GIVEN_OUT_MAX: i64 = 1 << 61;

/// The number in front of the name of a snapshot, and its kind if that is all there is.
fn parse(name: &str) -> Option<(i64, Option<Kind>)> {
    let (number, ending) = name.split_once('.')?;
    let digits = number.strip_prefix('-').unwrap_or(number);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = number
        .parse()
        .ok()
        .filter(|number: &i64| number.unsigned_abs() <= NUMBER_MAX.unsigned_abs())?;
    let kind = match ending {
        "json" => Some(Kind::Json),
        "bin" => Some(Kind::Bin),
        "late" => Some(Kind::Late),
        _ if ending.starts_with("json.")
            || ending.starts_with("bin.")
            || ending.starts_with("late.") =>
        {
            None
        }
        _ => return None,
    };
    Some((number, kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(names: &[&str]) -> Vec<Entry> {
        let entry = |name: &&str| Entry { name: (*name).into(), kind: EntryKind::File, length: 7 };
        names.iter().map(entry).collect()
    }

    #[test]
    fn snapshots_are_loaded_by_number_and_for_one_number_json_bin_late() {
        let names = ["100.late", "100.bin", "20.bin", "100.json", "20.late"];
        let found = Snapshots::among(&entries(&names));
        let order: Vec<_> = found.files.iter().map(|file| &*file.file).collect();
        assert_eq!(order, ["20.bin", "20.late", "100.json", "100.bin", "100.late"]);
        assert_eq!(found.highest, Some(100));
    }

    #[test]
    fn a_number_counts_whatever_comes_behind_the_ending() {
        let names = [
            "7.bin",
            "9.bin.tmp",
            "11.late.corrupt.1",
            "13.json.corrupt.2",
            "99.wal",
            "x.bin",
            "b.json",
        ];
        let found = Snapshots::among(&entries(&names));
        assert_eq!(found.files.len(), 1);
        assert_eq!(found.highest, Some(13));
        assert_eq!(found.misnamed, ["x.bin", "b.json"]);
    }

    #[test]
    fn what_is_no_file_or_no_number_is_no_snapshot() {
        let mut listed = entries(&["99999999999999999999.bin", "1e3.bin", "-5.bin", "notes.txt"]);
        listed.push(Entry { name: "17.bin".into(), kind: EntryKind::Directory, length: 0 });
        let found = Snapshots::among(&listed);
        assert_eq!(found.files.len(), 1);
        assert_eq!(found.files[0].number, -5);
        assert_eq!(found.highest, Some(17), "nothing else can get that name");
        assert_eq!(found.not_files, ["17.bin"]);
    }
}
