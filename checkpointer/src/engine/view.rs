//! Looking at a data directory without changing anything in it, and without locking it.

use memstore::Catalogue;

use super::error::Offline;
use super::open::list_hosts;
use super::recover::{Failed, Mode, Scope, Start};
use super::report::{Problems, Recovered, Trouble};
use crate::disk::{Disk, Uninterrupted};
use crate::log::DiskFailure;

/// A host as [`view`] has found it.
#[derive(Debug)]
pub struct View {
    /// The name of its cluster.
    pub cluster: String,
    /// Its own name.
    pub host: String,
    /// Its tree, as a start would have it; or why a start could not.
    pub tree: Result<memstore::Host, Offline>,
    /// What is not as it should be in its files.
    pub problems: Problems,
}

/// Recovers the hosts of a data directory one after the other, in memory only, and hands each to
/// `each`; what ends at `keep_from` or before is left out. Hosts for which `is_wanted`, asked with
/// cluster and host, says no are not read.
///
/// # Errors
///
/// [`DiskFailure`] if the directory cannot be listed.
pub fn view<D: Disk>(
    disk: D,
    catalogue: &Catalogue,
    keep_from: i64,
    is_wanted: impl Fn(&str, &str) -> bool,
    mut each: impl FnMut(View),
) -> Result<Recovered, DiskFailure> {
    let disk = Uninterrupted(disk);
    let mut found = Recovered::default();
    for listed in list_hosts(&disk, &mut found.problems)?.hosts {
        let (cluster, host) = (listed.cluster, listed.host);
        if !is_wanted(&cluster, &host) {
            continue;
        }
        let directory = format!("{cluster}/{host}");
        let scope = Scope { keep_from, archive_mark: i64::MIN };
        let mode = Mode::ReadOnly;
        let start = Start { disk: &disk, catalogue, directory: &directory, mode, scope };
        let mut problems = Problems::default();
        let tree = match start.run(memstore::Host::new()) {
            Ok(started) => {
                problems = started.report.problems.clone();
                found.append(started.report);
                Ok(started.tree)
            }
            Err(Failed::Strict(problem)) => {
                found.problems.add(problem);
                continue;
            }
            Err(Failed::Offline(cause)) => {
                found.offline += 1;
                let trouble = Trouble::Unreadable { cause: cause.to_string() };
                problems.push(&*directory, None, trouble);
                found.problems.append(problems.clone());
                Err(Failed::offline(&directory, cause))
            }
        };
        each(View { cluster, host, tree, problems });
    }
    Ok(found)
}
