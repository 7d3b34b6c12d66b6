//! Adding slots behind the last one.
//!
//! The newest values lie in the [`Slots`] themselves, and go to the rest of the open block a few at a
//! time. The series of a host lie side by side, and a minute goes over all of them in order, which
//! the processor foresees; their open blocks lie anywhere, and it would wait for each.

use super::{BLOCK_SLOTS, GROUP, NEWEST, SLOTS, Slots, block_start, seal};
use crate::{Block, MISSING};

/// An open block begins with room for so many values, and grows by twice as many at a time.
const FIRST_ROOM: usize = 16;
const MORE_ROOM: usize = 2 * FIRST_ROOM;

/// A series with fewer open values than this is not worth sealing.
const WORTH_SEALING: usize = 8;

impl Slots {
    /// Adds a slot behind the last one.
    #[inline]
    pub(crate) fn push(&mut self, value: f32) {
        let end = self.end();
        let ends_group = end % GROUP == GROUP - 1;
        // Where a block begins, the one before may be open still, and full.
        let begins_block = end.is_multiple_of(BLOCK_SLOTS);
        if !ends_group
            && (self.is_open() && !begins_block || self.len == 0)
            && let Some(slot) = self.newest.get_mut(self.newest_len as usize)
        {
            *slot = value;
            self.newest_len += 1;
            self.len += 1;
        } else {
            self.push_behind_group(value);
        }
    }

    #[inline(never)]
    fn push_behind_group(&mut self, value: f32) {
        self.append(&[value]);
    }

    /// Whether the open block has a slot.
    #[inline]
    pub(super) fn is_open(&self) -> bool {
        self.newest_len > 0 || !self.tail.is_empty()
    }

    pub(super) fn newest(&self) -> &[f32] {
        self.newest.get(..self.newest_len as usize).unwrap_or(&[])
    }

    /// The newest values go to the others of the open block.
    pub(super) fn settle(&mut self) {
        if self.newest_len > 0 {
            self.make_room(self.newest_len as usize);
            let Self { tail, newest, newest_len, .. } = self;
            tail.extend_from_slice(newest.get(..*newest_len as usize).unwrap_or(&[]));
            (*newest, *newest_len) = ([0.0; NEWEST], 0);
        }
    }

    /// Adds slots behind the last one.
    pub(crate) fn append(&mut self, values: &[f32]) {
        self.settle();
        self.reopen();
        if values.len() > SLOTS {
            // How many blocks will be sealed at least.
            self.sealed.reserve_exact(values.len() / SLOTS);
        }
        let mut rest = values;
        while !rest.is_empty() {
            let room = self.tail_room() - self.tail.len();
            if room == 0 {
                self.seal_tail();
                continue;
            }
            let (now, later) = rest.split_at(room.min(rest.len()));
            // Nobody would see the block open.
            if self.tail.is_empty() && !later.is_empty() {
                self.push_sealed(seal(now));
            } else {
                self.make_room(now.len());
                self.tail.extend_from_slice(now);
            }
            self.len += u32::try_from(now.len()).unwrap_or(0);
            rest = later;
        }
    }

    /// Adds slots without a value.
    pub(crate) fn append_gap(&mut self, mut count: u32) {
        const GAP: [f32; SLOTS] = [MISSING; SLOTS];
        while count > 0 {
            let now = count.min(BLOCK_SLOTS);
            self.append(&GAP[..now as usize]);
            count -= now;
        }
    }

    /// Reads where the next value will be written.
    #[inline]
    pub(crate) fn touch(&self) -> u32 {
        // Chosen without a branch: one that is foreseen wrongly would wait for what it depends on, and all
        // reads behind it with it.
        let parts: [&[f32]; 2] = [&self.newest, &self.tail];
        let ends_group = self.end() % GROUP == GROUP - 1;
        parts[usize::from(ends_group)].last().map_or(0, |value| value.to_bits())
    }

    /// Puts a value into the last slot.
    #[inline]
    pub(crate) fn replace_last(&mut self, value: f32) {
        let newest = self.newest.get_mut(..self.newest_len as usize);
        match newest.and_then(<[f32]>::last_mut).or(self.tail.last_mut()) {
            Some(last) => *last = value,
            None => self.set(self.len.saturating_sub(1), value),
        }
    }

    /// Seals the open block although it is not full, if that saves memory: nothing is expected to
    /// follow.
    pub(crate) fn close(&mut self) {
        self.settle();
        if self.tail.len() >= WORTH_SEALING {
            self.seal_tail();
        }
        self.tail.shrink_to_fit();
        self.sealed.shrink_to_fit();
    }

    /// How many slots the open block can have.
    #[inline]
    pub(super) fn tail_room(&self) -> usize {
        let start = block_start(self.sealed.len());
        (start + BLOCK_SLOTS - start.max(self.lead)) as usize
    }

    pub(super) fn make_room(&mut self, count: usize) {
        let len = self.tail.len() + count;
        if len > self.tail.capacity() {
            let wanted =
                if len <= FIRST_ROOM { FIRST_ROOM } else { len.next_multiple_of(MORE_ROOM) };
            self.tail.reserve_exact(wanted.min(self.tail_room()) - self.tail.len());
        }
    }

    #[cold]
    pub(super) fn seal_tail(&mut self) {
        let tail = core::mem::take(&mut self.tail);
        self.push_sealed(seal(&tail));
    }

    pub(super) fn push_sealed(&mut self, block: Option<Block>) {
        if self.sealed.len() == self.sealed.capacity() {
            self.sealed.reserve_exact(1 + self.sealed.len() / 8);
        }
        self.sealed.push(block);
    }

    /// The last sealed block is open again if it is short.
    pub(super) fn reopen(&mut self) {
        if self.tail.is_empty() && self.len > 0 && !self.end().is_multiple_of(BLOCK_SLOTS) {
            let last = self.sealed.len() - 1;
            let mut tail = vec![MISSING; self.block(last).len()];
            if let Some(Some(block)) = self.sealed.pop() {
                block.decode_range(0, &mut tail);
            }
            self.tail = tail;
        }
    }
}
