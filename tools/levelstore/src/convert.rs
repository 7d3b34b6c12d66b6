//! `levelstore convert`: the same content in another format.

use crate::catalogue::Catalogue;
use crate::files::{self, Keep, Kind};
use crate::twins::Twins;
use crate::{Verdict, wal_tree};
use anyhow::{Context, Result, bail};
use snapshot_format::{Integrity, Snapshot, TrailerFields, Tree};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) fn run(from: &Path, to: &Path, metrics: Option<&Path>) -> Result<Verdict> {
    let target = Kind::of_ending(to).context("the target's ending says nothing")?;
    let catalogue = metrics.map(Catalogue::read).transpose()?.unwrap_or_default();
    let (tree, trailer) =
        read(from, &catalogue).with_context(|| format!("convert {}", from.display()))?;
    files::create(to, |out| write(&tree, trailer, target, out).map(|()| Keep::Yes))?;
    Ok(Verdict::Fine)
}

/// The content, and what the trailer says if there is one: it goes with the content.
fn read(path: &Path, catalogue: &Catalogue) -> Result<(Tree, Option<TrailerFields>)> {
    Ok(match Kind::of_file(path)? {
        Kind::Wal => (wal_tree::read(files::open(path)?, catalogue)?, None),
        Kind::Json => (snapshot_format::read_json(&files::read(path)?[..])?, None),
        Kind::Bin => {
            let bytes = files::read(path)?;
            let snapshot = Snapshot::parse(&bytes)?;
            let trailer = match snapshot.integrity() {
                Integrity::Verified(trailer) => Some(trailer.fields()),
                Integrity::Unchecked | Integrity::Foreign { .. } => None,
            };
            let tree = snapshot.to_tree();
            if let Some(twins) = Twins::of(snapshot.totals(), &tree) {
                bail!("{twins}; repair it first");
            }
            (tree, trailer)
        }
    })
}

/// Writes a tree as a file of that kind. A snapshot that had no trailer gets one that covers
/// nothing of the log.
pub(crate) fn write(
    tree: &Tree,
    trailer: Option<TrailerFields>,
    kind: Kind,
    out: &mut impl std::io::Write,
) -> Result<()> {
    match kind {
        Kind::Wal => wal_tree::write(tree, out),
        Kind::Json => Ok(snapshot_format::write_json(tree, out).map(|_bytes| ())?),
        Kind::Bin => {
            let now = TrailerFields { written_at: now(), ..TrailerFields::default() };
            Ok(tree.encode(out, trailer.unwrap_or(now)).map(|_written| ())?)
        }
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
