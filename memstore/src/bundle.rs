//! Sealed blocks of one age, side by side.
//!
//! What is freed is what is old. Were each block allocated by itself, those of one age would lie among
//! younger ones, and the allocator could give back no page of them. So, now and then, the blocks of a
//! host that lie alone are moved into *bundles*, in order of their age: a bundle is some pages of
//! its own, which go with the last of its blocks: when that is freed, or else at the next bundling.
//!
//! A block that is replaced, since a late sample came, leaves a hole in its bundle. The blocks
//! of a bundle with more holes than blocks lie alone, for this purpose.

use crate::block::{BLOCK_LEN, Block};
use crate::host::Host;
use crate::run::Run;
use crate::tree::Tree;
use std::sync::Arc;

/// Sixteen pages, with the counts of the `Arc`.
const BUNDLE_BYTES: usize = (64 << 10) - 2 * size_of::<usize>();

/// No block is a bundle, which is what tells one that lies alone.
const _: () = assert!(BUNDLE_BYTES > 8 * BLOCK_LEN * size_of::<f32>());

/// After so many samples, at least, the blocks of a host are bundled: one or two bundles are full then.
const DUE: u32 = 1 << 16;
/// After so many for each block and run that was looked at last time: a sample shall not cost more where
/// there are many.
const DUE_EACH: usize = 16;
/// Bundles that are filled at a time, or an eighth of what there is to fill them: the host is locked
/// meanwhile.
const AT_A_TIME: usize = 16;
/// So often only the newest blocks are looked at, before all are again: a late sample is rare.
const QUICKLY: u32 = 16;

/// The bundles of a host.
#[derive(Debug)]
pub(crate) struct Bundles {
    /// Also those that nobody uses any more, until blocks are bundled or freed again.
    held: Vec<Arc<[u8]>>,
    /// Samples that have come since blocks were bundled, and after how many they are again.
    samples: u32,
    due: u32,
    /// How often only the newest were looked at.
    quickly: u32,
}

/// Where a block is that lies alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Alone {
    /// The nominal time of its last slot.
    until: i64,
    series: u32,
    run: usize,
    number: usize,
    len: usize,
}

/// A run, by its number and that of its series.
#[derive(Clone, Copy, Debug)]
struct Place {
    series: u32,
    run: usize,
}

impl Place {
    fn block(self, run: &Run, number: usize, block: &Block) -> Alone {
        let behind = run.slots.block(number).end;
        let until = run.nominal(run.slots.index(behind.saturating_sub(1)));
        Alone { until, series: self.series, run: self.run, number, len: block.bytes_len() }
    }
}

fn runs(tree: &Tree) -> impl Iterator<Item = (Place, &Run)> {
    tree.numbered_series().flat_map(|(series, all)| {
        (0..).zip(all.runs()).map(move |(run, slots)| (Place { series, run }, slots))
    })
}

impl Alone {
    fn find(self, tree: &mut Tree) -> Option<&mut Block> {
        let run = tree.series_mut(self.series)?.runs_mut().get_mut(self.run)?;
        run.slots.sealed_mut(self.number)
    }
}

impl Bundles {
    /// Those of the host with this number, which is as far from its next bundles as no other near it:
    /// hosts whose samples come together do not all bundle at a time.
    pub(crate) fn new(host: u32) -> Self {
        const GOLDEN: u32 = 0x9E37_79B9;
        let samples = host.wrapping_mul(GOLDEN) >> (u32::BITS - DUE.ilog2());
        Self { held: Vec::new(), samples, due: DUE, quickly: 0 }
    }

    /// Counts a sample.
    #[inline]
    pub(crate) fn are_due(&mut self) -> bool {
        self.samples = self.samples.saturating_add(1);
        self.samples >= self.due
    }

    /// Bytes of the allocator, those of bundles that a reader keeps included.
    pub(crate) fn heap_bytes(&self) -> usize {
        let used = self.held.iter().filter(|held| Arc::strong_count(held) > 1);
        let bundles = used.map(|held| 2 * size_of::<usize>() + held.len());
        self.held.capacity() * size_of::<Arc<[u8]>>() + bundles.sum::<usize>()
    }

    /// Forgets those that nobody uses.
    pub(crate) fn forget_unused(&mut self) {
        self.held.retain(|held| Arc::strong_count(held) > 1);
        self.held.shrink_to(self.held.len() + self.held.len() / 8);
    }

    /// Those with more holes than blocks, by what tells them from others, in order.
    fn sparse(&self, tree: &Tree) -> Vec<usize> {
        let mut holes: Vec<(usize, usize, usize)> =
            self.held.iter().map(|held| (held.as_ptr().addr(), held.len(), 0)).collect();
        holes.sort_unstable();
        for (_, block) in runs(tree).flat_map(|(_, run)| run.slots.sealed()) {
            let found =
                block.bundle().map(|bundle| holes.binary_search_by_key(&bundle, |one| one.0));
            if let Some(Ok(at)) = found {
                holes[at].2 += block.bytes_len();
            }
        }
        let sparse = holes.iter().filter(|(_, len, used)| used * 2 < *len);
        sparse.map(|&(bundle, ..)| bundle).collect()
    }
}

impl Host {
    /// Moves sealed blocks of one age side by side, so that memory that is freed can be given back to
    /// the system. It is done from time to time while samples are written, and by
    /// [`Directory::free`](crate::Directory::free); [`Host::free`] leaves it to who frees the last part.
    ///
    /// ```
    /// # use memstore::{Catalogue, Host, Loaded, Origin, State};
    /// # use std::num::NonZeroU32;
    /// # let metric = Catalogue::new().intern(b"cpu_load");
    /// let mut host = Host::new();
    /// let frequency = NonZeroU32::new(60).unwrap();
    /// let values: Vec<f32> = (0..100_000).map(|n| (n % 997) as f32).collect();
    /// let (origin, state) = (Origin::Ours, State::Clean);
    /// let series = host.series(&[], metric)?;
    /// host.load(series, Loaded { start: 0, frequency, values: &values, origin, state })?;
    ///
    /// let before = host.memory();
    /// host.bundle();
    /// assert!(host.memory().blocks < before.blocks);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn bundle(&mut self) {
        let alone = self.alone();
        self.fill(alone, usize::MAX, BUNDLE_BYTES);
    }

    /// Does some of that, after many samples.
    #[cold]
    pub(crate) fn bundle_some(&mut self) {
        self.bundles.quickly += 1;
        let alone = if self.bundles.quickly > QUICKLY {
            self.bundles.quickly = 0;
            self.alone()
        } else {
            self.newest_alone()
        };
        let looked_at = alone.len() + self.tree.numbered_series().count();
        let bytes: usize = alone.iter().map(|one| one.len).sum();
        self.fill(alone, AT_A_TIME.max(bytes / BUNDLE_BYTES / 8), BUNDLE_BYTES);
        let due = u32::try_from(DUE_EACH * looked_at).unwrap_or(u32::MAX);
        (self.bundles.samples, self.bundles.due) = (0, due.max(DUE));
    }

    /// Fills up to so many bundles of so many bytes with these blocks, the oldest first. What is left
    /// waits until there is enough for another.
    fn fill(&mut self, mut alone: Vec<Alone>, bundles_max: usize, bytes_max: usize) {
        alone.sort_unstable();
        let (mut members, mut bytes) = (Vec::new(), Vec::new());
        let mut filled = 0;
        for one in alone {
            if bytes.len() + one.len > bytes_max {
                self.close_bundle(&members, &bytes);
                members.clear();
                bytes.clear();
                filled += 1;
                if filled >= bundles_max {
                    break;
                }
            }
            members.push((one, bytes.len()));
            bytes.extend_from_slice(one.find(&mut self.tree).map_or(&[], |block| block.bytes()));
        }
        // Few may be left of a bundle, and keep it whole.
        for (one, _) in members {
            if let Some(block) = one.find(&mut self.tree).filter(|block| block.bundle().is_some()) {
                block.leave_bundle();
            }
        }
        self.bundles.forget_unused();
    }

    /// The blocks that lie alone, or in a bundle with more holes than blocks.
    fn alone(&self) -> Vec<Alone> {
        let sparse = self.bundles.sparse(&self.tree);
        let lies_alone = |block: &Block| {
            block.bundle().is_none_or(|bundle| sparse.binary_search(&bundle).is_ok())
        };
        let mut alone = Vec::new();
        for (place, run) in runs(&self.tree) {
            let blocks = run.slots.sealed().filter(|(_, block)| lies_alone(block));
            alone.extend(blocks.map(|(number, block)| place.block(run, number, block)));
        }
        alone
    }

    /// The last blocks of each series, as far back as they lie alone.
    fn newest_alone(&self) -> Vec<Alone> {
        let mut alone = Vec::new();
        for (place, run) in runs(&self.tree) {
            let blocks = run.slots.sealed().rev().take_while(|(_, block)| block.bundle().is_none());
            alone.extend(blocks.map(|(number, block)| place.block(run, number, block)));
        }
        alone
    }

    /// The blocks whose bytes these are lie side by side from now on.
    fn close_bundle(&mut self, members: &[(Alone, usize)], bytes: &[u8]) {
        let held: Arc<[u8]> = bytes.into();
        for &(one, start) in members {
            if let (Some(block), Ok(start)) = (one.find(&mut self.tree), u32::try_from(start)) {
                block.move_to(&held, start);
            }
        }
        self.bundles.held.push(held);
    }
}

#[cfg(test)]
mod tests;
