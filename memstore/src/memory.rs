//! What a host holds of the allocator, spare capacity included: it is what an operator pays for.

use crate::host::Host;

/// Bytes that a host holds, by what they are for. See [`Host::memory`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Sealed blocks, with the lists of them, and what is not used of their bundles. A block by itself
    /// that a reader still holds after it was replaced or freed is the reader's; a bundle counts as
    /// long as anybody holds a block of it.
    pub blocks: usize,
    /// Open blocks, but for their newest values, which lie in the series.
    pub open: usize,
    /// Levels and series.
    pub tree: usize,
    /// Names of levels.
    pub names: usize,
}

impl Memory {
    /// All of it.
    ///
    /// ```
    /// let memory = memstore::Host::new().memory();
    /// assert_eq!(memory.total(), memory.tree + memory.names);
    /// ```
    #[must_use]
    pub fn total(&self) -> usize {
        self.blocks + self.open + self.tree + self.names
    }
}

impl Host {
    /// What the host holds, found by walking it.
    ///
    /// ```
    /// # use memstore::{Catalogue, Host, Limits};
    /// # use std::num::NonZeroU32;
    /// # let metric = Catalogue::new().intern(b"cpu_load");
    /// # let minute = NonZeroU32::new(60).unwrap();
    /// # let mut host = Host::new();
    /// let series = host.series(&[b"socket0"], metric)?;
    /// for time in (1000..).step_by(60).take(8) {
    ///     host.write(series, minute, time, 0.5, &Limits::NONE)?;
    /// }
    /// let memory = host.memory();
    /// assert_eq!((memory.blocks, memory.open), (0, 64));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn memory(&self) -> Memory {
        let (tree, names) = self.tree.heap_bytes();
        let mut memory = Memory { blocks: self.bundles.heap_bytes(), open: 0, tree, names };
        for series in self.tree.all_series() {
            let (sealed, open, other) = series.heap_bytes();
            memory.blocks += sealed;
            memory.open += open;
            memory.tree += other;
        }
        memory
    }
}
