//! Health: which metrics of a host no longer arrive.

use crate::catalogue::Catalogue;
use crate::host::Host;
use crate::run::{Run, Wide};
use crate::tree::ROOT;

/// How many samples a series may lack at its end.
const PATIENCE: u32 = 5;

/// Which of the metrics asked for are not well. See [`Host::health`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Some series has ended, more than five samples ago.
    pub degraded: Vec<Vec<u8>>,
    /// There is no series, or the metric is not in the catalogue.
    pub missing: Vec<Vec<u8>>,
}

impl Host {
    /// Which of `metrics` are degraded or missing at the time `now`, in the order given: of the
    /// host and of all levels below it.
    ///
    /// ```
    /// # use memstore::{Aggregation, Catalogue, Host, Limits};
    /// # use std::num::NonZeroU32;
    /// # let minute = NonZeroU32::new(60).unwrap();
    /// let catalogue = Catalogue::new();
    /// let load = catalogue.add(b"cpu_load", minute, Aggregation::Avg);
    /// # let mut host = Host::new();
    /// let series = host.series(&[b"hwthread0"], load)?;
    /// host.write(series, minute, 1000, 0.5, &Limits::NONE)?;
    ///
    /// let well = host.health(&catalogue, 1330, &[b"cpu_load"]);
    /// assert!(well.degraded.is_empty() && well.missing.is_empty());
    /// let health = host.health(&catalogue, 1331, &[b"cpu_load", b"power"]);
    /// assert_eq!(health.degraded, [b"cpu_load"]);
    /// assert_eq!(health.missing, [b"power"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn health(&self, catalogue: &Catalogue, now: i64, metrics: &[&[u8]]) -> Health {
        let mut health = Health::default();
        let levels = self.tree.preorder(&[ROOT]);
        for &name in metrics {
            let id = catalogue.find(name);
            let id =
                id.filter(|&id| catalogue.get(id).is_some_and(|metric| metric.config.is_some()));
            let series = id.into_iter().flat_map(|id| {
                levels.iter().filter_map(move |&level| self.tree.series_of_metric(level, id))
            });
            let mut newest = series.filter_map(|series| series.runs().last()).peekable();
            if newest.peek().is_none() {
                health.missing.push(name.to_vec());
            } else if newest.any(|run| has_ended(run, now)) {
                health.degraded.push(name.to_vec());
            }
        }
        health
    }
}

fn has_ended(newest: &Run, now: i64) -> bool {
    let patience = Wide::from(PATIENCE) * Wide::from(newest.frequency.get());
    Wide::from(now) - newest.window_end() > patience
}
