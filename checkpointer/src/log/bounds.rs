//! How many bytes may wait to be written, of one host and of all, and who is pushed back.
//!
//! * No host holds more than its bound (twice that while it is checkpointed), and all together no more
//!   than theirs.
//! * Above half of the common bound a host that has its fair share of that half already is pushed
//!   back. The other half is for those that have less, so one host with a slow disk or a flood of
//!   samples does not close the log to the rest.
//!
//! A batch reserves [`Room`] before its host's lock is taken, because nobody may wait under that.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::error::Refused;
use crate::planted::{Planted, is_planted};

/// As much memory is kept for the next batches, instead of being given back.
const SPARES_MAX: usize = 64;
/// A buffer that has grown beyond this is given back.
const SPARE_BYTES_MAX: usize = 1 << 20;

#[derive(Debug)]
pub(super) struct Bounds {
    host_max: usize,
    total_max: usize,
    state: Mutex<State>,
    room_made: Condvar,
    refused: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    total: i64,
    /// Hosts that hold anything.
    hosts: i64,
    waiting: usize,
    spares: Vec<Vec<u8>>,
}

/// What one host holds. Changed under the lock of the bounds only.
///
/// When the host has gone and no [`Room`] of it is left, what it still holds is given back.
#[derive(Debug)]
pub(super) struct Share {
    held: AtomicI64,
    is_doubled: AtomicBool,
    bounds: Arc<Bounds>,
}

/// Room for one batch in the buffers. What the batch has not used is given back when this is
/// dropped, which must not be under the host's lock for longer than needed: it takes another.
#[derive(Debug)]
#[must_use = "a batch needs it"]
pub struct Room {
    share: Arc<Share>,
    reserved: usize,
    pub(super) used: usize,
    pub(super) spare: Vec<u8>,
}

impl Bounds {
    pub(super) fn new(host_max: usize, total_max: usize) -> Self {
        Self {
            host_max,
            total_max,
            state: Mutex::default(),
            room_made: Condvar::new(),
            refused: AtomicU64::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn reserve(&self, share: &Arc<Share>, bytes: usize) -> Result<Room, Refused> {
        let mut state = self.lock();
        self.check(&state, share, bytes)?;
        let memory = state.spares.pop().unwrap_or_default();
        state.change(share, signed(bytes));
        let share = Arc::clone(share);
        Ok(Room { share, reserved: bytes, used: 0, spare: memory })
    }

    fn check(&self, state: &State, share: &Share, bytes: usize) -> Result<(), Refused> {
        let bytes_max = self.host_max.min(self.total_max);
        if is_planted(Planted::BoundNotEnforced) {
            return Ok(());
        }
        if bytes > bytes_max {
            return Err(Refused::TooLarge { bytes, bytes_max });
        }
        let held = share.held.load(Relaxed);
        let bytes = signed(bytes);
        let host_max = signed(self.host_max) * if share.is_doubled() { 2 } else { 1 };
        if held + bytes > host_max {
            return Err(Refused::HostFull);
        }
        let half = signed(self.total_max) / 2;
        let fair = half / (state.hosts + i64::from(held <= 0)).max(1);
        let above_share = held > 0 && held + bytes > fair;
        let limit = if above_share { half } else { signed(self.total_max) };
        if state.total + bytes > limit { Err(Refused::TotalFull) } else { Ok(()) }
    }

    /// Waits until somebody gives room back, at most `patience` long. False: nobody has.
    pub(super) fn wait(&self, share: &Share, bytes: usize, patience: Duration) -> bool {
        let mut state = self.lock();
        state.waiting += 1;
        let full = |state: &mut State| self.check(state, share, bytes).is_err();
        let waited = self.room_made.wait_timeout_while(state, patience, full);
        let (mut state, outcome) = waited.unwrap_or_else(PoisonError::into_inner);
        state.waiting -= 1;
        !outcome.timed_out()
    }

    /// From here on the host may hold twice as much as others, or no longer.
    pub(super) fn double(&self, share: &Share, is_doubled: bool) {
        let state = self.lock();
        share.is_doubled.store(is_doubled, Relaxed);
        if state.waiting > 0 {
            self.room_made.notify_all();
        }
    }

    /// Bytes have been written, or need not be any more. Their memory comes back for others.
    pub(super) fn release(&self, share: &Share, bytes: usize, memory: Option<Vec<u8>>) {
        let mut state = self.lock();
        state.keep(memory);
        state.change(share, -signed(bytes));
        if state.waiting > 0 {
            self.room_made.notify_all();
        }
    }

    pub(super) fn count_refused(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    pub(super) fn total(&self) -> usize {
        usize::try_from(self.lock().total).unwrap_or(0)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.bounds.release(self, self.held(), None);
    }
}

impl Share {
    pub(super) fn new(bounds: &Arc<Bounds>) -> Self {
        let (held, is_doubled) = (AtomicI64::new(0), AtomicBool::new(false));
        Self { held, is_doubled, bounds: Arc::clone(bounds) }
    }

    pub(super) fn is_doubled(&self) -> bool {
        self.is_doubled.load(Relaxed)
    }

    pub(super) fn held(&self) -> usize {
        usize::try_from(self.held.load(Relaxed)).unwrap_or(0)
    }
}

impl State {
    fn change(&mut self, share: &Share, bytes: i64) {
        let before = share.held.fetch_add(bytes, Relaxed);
        self.total += bytes;
        self.hosts += i64::from(before + bytes > 0) - i64::from(before > 0);
    }

    fn keep(&mut self, spare: Option<Vec<u8>>) {
        let Some(spare) = spare else { return };
        let capacity = spare.capacity();
        if capacity > 0 && capacity <= SPARE_BYTES_MAX && self.spares.len() < SPARES_MAX {
            self.spares.push(spare);
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let spare = Some(std::mem::take(&mut self.spare));
        let bounds = &self.share.bounds;
        let mut state = bounds.lock();
        state.keep(spare);
        state.change(&self.share, signed(self.used) - signed(self.reserved));
        if self.used < self.reserved && state.waiting > 0 {
            bounds.room_made.notify_all();
        }
    }
}

fn signed(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX / 4)
}
