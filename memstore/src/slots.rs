//! The values of a run, slot by slot: sealed blocks and an open one at the end.
//!
//! A slot has an *index* from the start of the run, and a *position*: its index plus the run's
//! *lead*. A block is [`BLOCK_SLOTS`] positions, so the lead says how many slots the first block
//! lacks. Leads of different series differ, so that the series of a host, which all get a sample at
//! the same time, do not all seal a block at the same time.
//!
//! Sealed blocks are immutable and shared: a view that was taken stays what it was, whatever is
//! written later. A block without values is not stored. The open block grows in small steps.

mod end;

use crate::{BLOCK_LEN, Block, MISSING, Stats};
use core::ops::Range;

/// Positions of a block. Twice as many cost less per sealed value, but more values would be open;
/// half as many the reverse: for series of one to two days this is the least in sum.
pub(crate) const BLOCK_SLOTS: u32 = 256;

const SLOTS: usize = BLOCK_SLOTS as usize;
const _: () = assert!(SLOTS <= BLOCK_LEN);

/// Slots of one run: behind it arithmetic of positions could overflow.
pub(crate) const MAX_SLOTS: u32 = 1 << 31;

/// Values go to the open block by so many at a time; until then they stay in the slots themselves.
const GROUP: u32 = 8;
const NEWEST: usize = GROUP as usize - 1;
const _: () = assert!(BLOCK_SLOTS.is_multiple_of(GROUP));

/// So much of a list of blocks is read ahead: a day of minutes.
const LIST_AHEAD: usize = 8;

/// Values by slot; NaN where there is none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slots {
    /// The position of slot 0, less than [`BLOCK_SLOTS`].
    lead: u32,
    len: u32,
    /// The blocks before the open one; None: no value in it. If the open one is empty, the last of
    /// these may be short.
    sealed: Vec<Option<Block>>,
    /// The open block, from its first slot on, but for the newest.
    tail: Vec<f32>,
    /// The values of the open block behind those of the tail: the first `newest_len` of these. None
    /// of them is in the last position of a group.
    newest: [f32; NEWEST],
    newest_len: u32,
}

/// Whole blocks of [`Slots`], and where they begin.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) slots: Slots,
    /// The index that slot 0 of the view has in the slots it was taken of.
    pub(crate) first: u32,
}

/// How a block is stored, for those who list them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    Sealed,
    Open,
    Gap,
}

fn seal(values: &[f32]) -> Option<Block> {
    let has_value = values.iter().any(|value| !value.is_nan());
    has_value.then(|| Block::encode(values).0)
}

impl Slots {
    /// No slots yet.
    pub(crate) fn new(lead: u32) -> Self {
        Self { lead: lead % BLOCK_SLOTS, ..Self::default() }
    }

    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    /// The position of a slot.
    #[inline]
    pub(crate) fn position(&self, index: u32) -> u32 {
        self.lead + index
    }

    /// The slot at a position.
    pub(crate) fn index(&self, position: u32) -> u32 {
        position.saturating_sub(self.lead)
    }

    /// The position behind the last slot.
    #[inline]
    pub(crate) fn end(&self) -> u32 {
        self.lead + self.len
    }

    /// How many blocks there are, the open one included.
    pub(crate) fn blocks(&self) -> usize {
        self.sealed.len() + usize::from(self.is_open())
    }

    /// The positions of a block.
    pub(crate) fn block(&self, number: usize) -> Range<u32> {
        let start = block_start(number);
        start.max(self.lead)..start.saturating_add(BLOCK_SLOTS).min(self.end())
    }

    pub(crate) fn stored(&self, number: usize) -> Stored {
        match self.sealed.get(number) {
            Some(Some(_)) => Stored::Sealed,
            Some(None) => Stored::Gap,
            None => Stored::Open,
        }
    }

    // ---- in front ----

    /// Adds slots without a value before the first one. Says by how much positions have moved up.
    pub(crate) fn extend_front(&mut self, count: u32) -> u32 {
        self.settle();
        let fits = count.min(self.lead);
        self.extend_first_block(fits);
        let blocks = (count - fits).div_ceil(BLOCK_SLOTS);
        if blocks > 0 {
            self.sealed.splice(0..0, core::iter::repeat_n(None, blocks as usize));
            self.lead = blocks * BLOCK_SLOTS - (count - fits);
            self.len += count - fits;
        }
        blocks * BLOCK_SLOTS
    }

    fn extend_first_block(&mut self, count: u32) {
        let gap = core::iter::repeat_n(MISSING, count as usize);
        match self.sealed.first_mut() {
            Some(Some(block)) if count > 0 => {
                let mut values: Vec<f32> = gap.collect();
                values.resize(values.len() + block.len(), MISSING);
                block.decode_range(0, &mut values[count as usize..]);
                *block = Block::encode(&values).0;
            }
            Some(_) => {}
            None => {
                self.make_room(count as usize);
                self.tail.splice(0..0, gap);
            }
        }
        self.lead -= count;
        self.len += count;
    }

    // ---- anywhere ----

    pub(crate) fn get(&self, index: u32) -> f32 {
        let mut value = [MISSING];
        self.read(index, &mut value);
        value[0]
    }

    /// Fills `out` with the values from a slot on, and NaN behind the last one.
    pub(crate) fn read(&self, from: u32, out: &mut [f32]) {
        let mut position = self.position(from);
        let mut rest = out;
        while !rest.is_empty() {
            let number = block_number(position);
            let behind = block_start(number) + BLOCK_SLOTS;
            let count = rest.len().min((behind - position) as usize);
            let (now, later) = rest.split_at_mut(count);
            self.read_block(number, position, now);
            position = behind;
            rest = later;
        }
    }

    /// The statistics of `count` slots from `from` on.
    pub(crate) fn stats(&self, from: u32, count: u32) -> Stats {
        let mut stats = Stats::default();
        let (mut position, end) = (self.position(from), self.position(from + count));
        while position < end {
            let number = block_number(position);
            let behind = end.min(block_start(number) + BLOCK_SLOTS);
            let skip = (position - block_start(number).max(self.lead)) as usize;
            let count = (behind - position) as usize;
            stats = stats.merge(match self.sealed.get(number) {
                Some(Some(block)) => block.stats(skip, count),
                Some(None) => Stats::default(),
                None => {
                    let mut open = [MISSING; SLOTS];
                    let open = &mut open[..count];
                    self.read_block(number, position, open);
                    Stats::of(open)
                }
            });
            position = behind;
        }
        stats
    }

    fn read_block(&self, number: usize, from: u32, out: &mut [f32]) {
        let skip = (from - block_start(number).max(self.lead)) as usize;
        match self.sealed.get(number) {
            Some(Some(block)) => block.decode_range(skip, out),
            None if number == self.sealed.len() => {
                let newest = self.newest().get(skip.saturating_sub(self.tail.len())..);
                let parts = [self.tail.get(skip..), newest].map(Option::unwrap_or_default);
                let mut rest = out;
                for values in parts {
                    let (now, behind) = rest.split_at_mut(values.len().min(rest.len()));
                    now.copy_from_slice(&values[..now.len()]);
                    rest = behind;
                }
                rest.fill(MISSING);
            }
            Some(None) | None => out.fill(MISSING),
        }
    }

    /// Puts a value into a slot that there is.
    pub(crate) fn set(&mut self, index: u32, value: f32) {
        let among_newest = (index + self.newest_len).checked_sub(self.len);
        if let Some(slot) = among_newest.and_then(|at| self.newest.get_mut(at as usize)) {
            *slot = value;
            return;
        }
        let position = self.position(index);
        self.change(position..position + 1, |_, slot| {
            *slot = value;
            true
        });
    }

    /// Lets `change` see the slots at these positions, and change them; it says whether it did.
    pub(crate) fn change(
        &mut self,
        positions: Range<u32>,
        mut change: impl FnMut(u32, &mut f32) -> bool,
    ) {
        self.settle();
        let mut start = positions.start;
        while start < positions.end {
            let number = block_number(start);
            let first = block_start(number).max(self.lead);
            let end = positions.end.min(block_start(number) + BLOCK_SLOTS);
            let inside = (start - first) as usize..(end - first) as usize;
            let mut changed = false;
            let mut visit = |values: &mut [f32]| {
                for (position, value) in (start..end).zip(&mut values[inside.clone()]) {
                    changed |= change(position, value);
                }
            };
            if number == self.sealed.len() {
                visit(&mut self.tail);
            } else {
                let mut values = [MISSING; SLOTS];
                let values = &mut values[..self.block(number).len()];
                self.read_block(number, first, values);
                visit(values);
                if changed {
                    self.sealed[number] = seal(values);
                }
            }
            start = end;
        }
    }

    /// Takes out the slots from `index` on, which is neither the first nor behind the last. Also
    /// says by how much their positions have moved down.
    pub(crate) fn split_off(&mut self, index: u32) -> (Self, u32) {
        self.settle();
        let at = self.position(index);
        let number = block_number(at);
        let block = self.block(number);
        let mut values = vec![MISSING; block.len()];
        self.read_block(number, block.start, &mut values);
        let (before, behind) = values.split_at((at - block.start) as usize);

        let mut right = Self::new(at);
        right.len = self.len - index;
        self.len = index;
        if number < self.sealed.len() {
            let later = self.sealed.split_off(number + 1);
            right.sealed = core::iter::once(seal(behind)).chain(later).collect();
            right.tail = core::mem::take(&mut self.tail);
            self.sealed.pop();
            if !before.is_empty() {
                self.push_sealed(seal(before));
            }
        } else {
            right.tail = behind.to_vec();
            self.tail.truncate(before.len());
        }
        self.sealed.shrink_to_fit();
        (right, block_start(number))
    }

    /// Forgets the first blocks. Says how many slots that were, and by how much positions have
    /// moved down.
    pub(crate) fn drop_front(&mut self, blocks: usize) -> (u32, u32) {
        let slots = self.block(blocks.saturating_sub(1)).end - self.lead;
        if slots >= self.len {
            let len = self.len;
            *self = Self::new(self.lead);
            return (len, 0);
        }
        self.sealed.drain(..blocks);
        self.sealed.shrink_to(self.sealed.len() + self.sealed.len() / 8);
        self.len -= slots;
        self.lead = 0;
        (slots, block_start(blocks))
    }

    /// The blocks that hold the slots `range`, which is neither empty nor longer than all.
    pub(crate) fn view(&self, range: Range<u32>) -> View {
        let first = block_number(self.position(range.start));
        let last = block_number(self.position(range.end) - 1);
        let start = self.block(first).start;
        let sealed = self.sealed.get(first..self.sealed.len().min(last + 1)).unwrap_or(&[]);
        let open = last >= self.sealed.len();
        let slots = Self {
            lead: start - block_start(first),
            len: self.block(last).end - start,
            sealed: sealed.to_vec(),
            tail: if open { [&self.tail, self.newest()].concat() } else { Vec::new() },
            ..Self::default()
        };
        View { slots, first: self.index(start) }
    }

    /// Reads where the sealed blocks are, so that it is in the processor's cache: one series does not wait
    /// for the other.
    pub(crate) fn touch_list(&self) -> usize {
        // The processor goes on by itself from the last ones.
        let newest = self.sealed.iter().rev().take(LIST_AHEAD).flatten();
        newest.map(Block::bytes_len).fold(0, |all, one| all ^ one)
    }

    /// The same of the blocks that hold these slots: one block does not wait for the other.
    pub(crate) fn touch_blocks(&self, range: Range<u32>) -> usize {
        let [first, last] = [range.start, range.end.saturating_sub(1)];
        let [first, last] = [first, last].map(|index| block_number(self.position(index)));
        let sealed = self.sealed.get(first..self.sealed.len().min(last + 1)).unwrap_or(&[]);
        sealed.iter().flatten().map(Block::touch).fold(0, |all, one| all ^ one)
    }

    /// How many blocks and slots hold a value.
    pub(crate) fn count(&self) -> (usize, usize) {
        let sealed = self.sealed.iter().flatten();
        let open = self.tail.iter().chain(self.newest());
        let open = open.filter(|value| !value.is_nan()).count();
        let (blocks, slots) =
            sealed.fold((0, 0), |(blocks, slots), block| (blocks + 1, slots + block.count()));
        (blocks + usize::from(open > 0), slots + open)
    }

    /// The sealed blocks that hold values, with their numbers.
    pub(crate) fn sealed(&self) -> impl DoubleEndedIterator<Item = (usize, &Block)> {
        let numbered = self.sealed.iter().enumerate();
        numbered.filter_map(|(number, block)| Some((number, block.as_ref()?)))
    }

    /// Where a sealed block is, to be put elsewhere as it is.
    pub(crate) fn sealed_mut(&mut self, number: usize) -> Option<&mut Block> {
        self.sealed.get_mut(number)?.as_mut()
    }

    /// Bytes of the allocator: of sealed blocks that lie alone, with the list of all, and of the
    /// open block.
    pub(crate) fn heap_bytes(&self) -> (usize, usize) {
        let list = self.sealed.capacity() * size_of::<Option<Block>>();
        let alone = self.sealed.iter().flatten().filter(|block| block.bundle().is_none());
        let blocks: usize = alone.map(Block::heap_bytes).sum();
        (list + blocks, self.tail.capacity() * size_of::<f32>())
    }
}

fn block_number(position: u32) -> usize {
    (position / BLOCK_SLOTS) as usize
}

#[expect(clippy::cast_possible_truncation, reason = "a position fits u32, and so does its block")]
fn block_start(number: usize) -> u32 {
    number as u32 * BLOCK_SLOTS
}

#[cfg(test)]
mod tests;
