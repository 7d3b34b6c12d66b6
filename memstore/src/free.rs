//! Freeing: what is old and durable gives its memory back, by whole blocks.

use crate::directory::Directory;
use crate::host::Host;
use crate::selector::Selector;

/// What [`Host::free`] or [`Directory::free`] has freed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Freed {
    /// Blocks that held values.
    pub blocks: u64,
    /// Series that had nothing left.
    pub series: u64,
    /// Levels that had nothing left, the host itself not among them.
    pub levels: u64,
    /// Hosts that had nothing left, and were removed from their directory.
    pub hosts: u64,
    /// The highest [boundary](Host::raise_boundary) among the series that had nothing left, if one of
    /// them had any.
    pub highest_boundary: Option<i64>,
}

impl Directory<Host> {
    /// Frees in every host what [`Host::free`] would, but in those that are kept; hosts with nothing
    /// left go. Kept are those in use: `is_kept` is asked with the names of cluster and host. One host
    /// is locked at a time.
    ///
    /// ```
    /// # use memstore::{CaptureEnd, Catalogue, Directory, Host, Limits, Selector};
    /// # use std::num::NonZeroU32;
    /// # let metric = Catalogue::new().intern(b"cpu_load");
    /// # let minute = NonZeroU32::new(60).unwrap();
    /// let directory = Directory::new();
    /// for name in [b"a01", b"a02"] {
    ///     directory.update(b"alpha", name, Host::new, |host| {
    ///         let series = host.series(&[], metric).unwrap();
    ///         host.write(series, minute, 1000, 0.5, &Limits::NONE).unwrap();
    ///         host.capture();
    ///         host.capture_ended(CaptureEnd::Durable);
    ///     });
    /// }
    /// let freed = directory.free(1_000_000, &Selector::host(), |_cluster, host| host == b"a02");
    /// assert_eq!((freed.blocks, freed.hosts), (1, 1));
    /// assert_eq!(directory.hosts(b"alpha"), [b"a02"]);
    /// ```
    pub fn free(
        &self,
        before: i64,
        selector: &Selector,
        is_kept: impl Fn(&[u8], &[u8]) -> bool,
    ) -> Freed {
        let mut freed = Freed::default();
        for cluster in self.clusters() {
            for host in self.hosts(&cluster) {
                if !is_kept(&cluster, &host) {
                    freed.add(self.free_in(&cluster, &host, before, selector));
                }
            }
        }
        freed
    }

    fn free_in(&self, cluster: &[u8], host: &[u8], before: i64, selector: &Selector) -> Freed {
        let Some(cell) = self.get(cluster, host) else { return Freed::default() };
        // Whoever has removed it since has freed it.
        let free = |host: &mut Host| {
            let freed = host.free(before, selector);
            if freed.blocks > 0 {
                host.bundle();
            }
            freed
        };
        let mut freed = cell.write().map(|mut host| free(&mut host)).unwrap_or_default();
        freed.hosts = u64::from(self.remove_if(cluster, host, Host::is_empty));
        freed
    }
}

impl Freed {
    fn add(&mut self, other: Self) {
        self.blocks += other.blocks;
        self.series += other.series;
        self.levels += other.levels;
        self.hosts += other.hosts;
        self.highest_boundary = self.highest_boundary.max(other.highest_boundary);
    }
}

impl Host {
    /// Frees what lies before `before`, of the levels selected and all below them: the first blocks
    /// of every run, the open one included, as long as all slots of a block have nominal times before
    /// that and are in a durable snapshot. Runs, series and levels with nothing left go.
    ///
    /// [Bundling](Self::bundle) what is left, when all is freed that is to be, lets the allocator give more of
    /// it back to the system.
    ///
    /// A series without slots stays as long as a sample of the time `before` or later could continue
    /// its last phase, which is for 512 slots; readers do not see it.
    ///
    /// ```
    /// # use memstore::{CaptureEnd, Catalogue, Host, Limits, Selector};
    /// # use std::num::NonZeroU32;
    /// # let metric = Catalogue::new().intern(b"cpu_load");
    /// # let minute = NonZeroU32::new(60).unwrap();
    /// # let mut host = Host::new();
    /// let series = host.series(&[b"socket0"], metric)?;
    /// host.write(series, minute, 1000, 0.5, &Limits::NONE)?;
    /// assert_eq!(host.free(1_000_000, &Selector::host()).blocks, 0, "it is dirty");
    ///
    /// host.capture().unwrap();
    /// host.capture_ended(CaptureEnd::Durable);
    /// let freed = host.free(1_000_000, &Selector::host());
    /// assert_eq!((freed.blocks, freed.series, freed.levels), (1, 1, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn free(&mut self, before: i64, selector: &Selector) -> Freed {
        let mut freed = Freed::default();
        let selected = self.tree.select(selector.elements());
        // Children first: their parents may have nothing left then.
        for level in self.tree.preorder(&selected).into_iter().rev() {
            freed.series += self.tree.retain_series(level, |series| {
                freed.blocks += series.free(before).blocks;
                let stays = !series.is_done_before(before);
                if !stays && series.boundary() > i64::MIN {
                    freed.highest_boundary = freed.highest_boundary.max(Some(series.boundary()));
                }
                stays
            });
            freed.levels += self.tree.prune(level);
        }
        self.bundles.forget_unused();
        freed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::CaptureEnd;
    use crate::catalogue::Catalogue;
    use crate::sample::Limits;
    use std::num::NonZeroU32;

    #[test]
    fn the_highest_boundary_of_what_is_removed_is_told_and_of_nothing_else() {
        let metric = Catalogue::new().intern(b"metric");
        let minute = NonZeroU32::new(60).unwrap();
        let directory = Directory::new();
        let hosts = [(b"a01", 0, 5000), (b"a02", 0, 7000), (b"a03", 1_000_000, 9000)];
        for (name, time, boundary) in hosts {
            directory.update(b"alpha", name, Host::new, |host| {
                let series = host.series(&[], metric).unwrap();
                host.write(series, minute, time, 0.5, &Limits::NONE).unwrap();
                host.raise_boundary(series, boundary);
                host.capture();
                host.capture_ended(CaptureEnd::Durable);
            });
        }
        let free = |before| directory.free(before, &Selector::host(), |_, _| false);
        assert_eq!(
            (free(1000).highest_boundary, free(1_000_000).highest_boundary),
            (None, Some(7000))
        );
        assert_eq!(free(10_000_000).highest_boundary, Some(9000));
    }
}
