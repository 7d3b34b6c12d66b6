//! How much a host holds, and up to when.

use crate::host::Host;
use crate::run::Run;
use crate::series::Series;

/// What a host holds. See [`Host::counts`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Series that have slots.
    pub series: u64,
    /// Slots that have a value.
    pub points: u64,
    /// Blocks that hold values, open ones included.
    pub blocks: u64,
}

impl Host {
    /// How many series, values and blocks there are, found by walking them. Only blocks that lack a
    /// value are decoded.
    ///
    /// ```
    /// # use memstore::{Catalogue, Counts, Host, Limits};
    /// # use std::num::NonZeroU32;
    /// # let metric = Catalogue::new().intern(b"cpu_load");
    /// # let minute = NonZeroU32::new(60).unwrap();
    /// # let mut host = Host::new();
    /// let series = host.series(&[b"socket0"], metric)?;
    /// assert_eq!(host.counts(), Counts::default());
    /// host.write(series, minute, 1000, 0.5, &Limits::NONE)?;
    /// host.write(series, minute, 1120, 0.5, &Limits::NONE)?;
    /// assert_eq!(host.counts(), Counts { series: 1, points: 2, blocks: 1 });
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for series in self.tree.all_series() {
            counts.series += u64::from(!series.runs().is_empty());
            for run in series.runs() {
                let (blocks, slots) = run.slots.count();
                counts.blocks += blocks as u64;
                counts.points += slots as u64;
            }
        }
        counts
    }

    /// The nominal time of the newest slot; None if there is no slot.
    ///
    /// ```
    /// # use memstore::{Catalogue, Host, Limits};
    /// # use std::num::NonZeroU32;
    /// # let metric = Catalogue::new().intern(b"cpu_load");
    /// # let minute = NonZeroU32::new(60).unwrap();
    /// # let mut host = Host::new();
    /// let series = host.series(&[b"socket0"], metric)?;
    /// assert_eq!(host.newest(), None);
    /// host.write(series, minute, 1000, 0.5, &Limits::NONE)?;
    /// host.write(series, minute, 1055, 0.5, &Limits::NONE)?;
    /// assert_eq!(host.newest(), Some(1060));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn newest(&self) -> Option<i64> {
        self.tree.all_series().flat_map(Series::runs).map(Run::last).max()
    }
}
