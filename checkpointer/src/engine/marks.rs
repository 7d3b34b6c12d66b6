//! Up to where hosts are archived.

use std::collections::BTreeMap;

/// The archive marks of hosts: what has a nominal time before a host's mark is in the archive, once,
/// and never taken again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks(pub(crate) BTreeMap<String, BTreeMap<String, i64>>);

impl Marks {
    /// The mark of a host; [`i64::MIN`] if nothing of it is archived.
    ///
    /// ```
    /// let mut marks = checkpointer::Marks::default();
    /// assert_eq!(marks.of("alpha", "a01"), i64::MIN);
    /// marks.raise("alpha", "a01", 1_700_000_000);
    /// marks.raise("alpha", "a01", 1_600_000_000); // never back
    /// assert_eq!(marks.of("alpha", "a01"), 1_700_000_000);
    /// ```
    #[must_use]
    pub fn of(&self, cluster: &str, host: &str) -> i64 {
        self.0.get(cluster).and_then(|hosts| hosts.get(host)).copied().unwrap_or(i64::MIN)
    }

    /// Raises the mark of a host; one that is higher stays.
    pub fn raise(&mut self, cluster: &str, host: &str, to: i64) {
        let hosts = self.0.entry(cluster.to_owned()).or_default();
        let mark = hosts.entry(host.to_owned()).or_insert(to);
        *mark = to.max(*mark);
    }

    /// Raises the marks to those of `other`.
    pub fn join(&mut self, other: &Self) {
        for (cluster, host, mark) in other.iter() {
            self.raise(cluster, host, mark);
        }
    }

    /// Cluster, host and mark, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, i64)> {
        self.0.iter().flat_map(|(cluster, hosts)| {
            hosts.iter().map(move |(host, mark)| (cluster.as_str(), host.as_str(), *mark))
        })
    }
}
