//! What a start makes of the directory of a host: the newest snapshot of the test's store, and the
//! segments behind it.

use std::collections::BTreeMap;

use checkpointer::disk::sim::SimDisk;
use checkpointer::log::{self, Found};

/// A key, and a time.
pub(crate) type Slot = (u8, i64);
/// The batch that wrote a slot last.
pub(crate) type Tree = BTreeMap<Slot, u32>;

pub(crate) struct Recovered {
    pub(crate) tree: Tree,
    pub(crate) found: Found,
    pub(crate) batches: Vec<u32>,
    pub(crate) damaged: bool,
}

pub(crate) fn recover(disk: &SimDisk, directory: &str) -> Result<Recovered, String> {
    let (covered, mut tree) = newest_snapshot(disk, directory)?;
    let mut found = log::find(disk, directory).map_err(|error| error.to_string())?;
    found.forget_covered(covered);
    let (mut batches, mut damaged) = (Vec::new(), false);
    for segment in &found.segments {
        let path = log::segment_path(directory, segment.number);
        let contents = log::read_log(disk, &path, |located| {
            let metric = located.record.names.metric();
            let batch = located.record.value.to_bits();
            tree.insert((metric[1] - b'0', located.record.timestamp), batch);
            batches.push(batch);
        });
        let contents = contents.map_err(|error| error.to_string())?;
        damaged |= contents.tally.gaps > 0;
    }
    Ok(Recovered { tree, found, batches, damaged })
}

/// The number that it covers, and what it holds.
pub(crate) fn newest_snapshot(disk: &SimDisk, directory: &str) -> Result<(u64, Tree), String> {
    let prefix = format!("{directory}/");
    let names = disk.files().into_iter().filter(|path| path.starts_with(&prefix));
    let Some(path) = names.filter(|path| path.strip_suffix(".snap").is_some()).max() else {
        return Ok((0, Tree::new()));
    };
    let text = String::from_utf8(disk.peek(&path).unwrap_or_default()).unwrap_or_default();
    let Some(body) = text.strip_suffix("whole\n") else {
        return Err(format!("the published snapshot {path} is not whole"));
    };
    let covered = path[prefix.len()..].trim_end_matches(".snap").parse().unwrap();
    let slot = |line: &str| {
        let numbers: Vec<i64> = line.split(' ').map(|number| number.parse().unwrap()).collect();
        ((u8::try_from(numbers[0]).unwrap(), numbers[1]), u32::try_from(numbers[2]).unwrap())
    };
    Ok((covered, body.lines().map(slot).collect()))
}
