//! A lock for which nobody has to wait longer than they want.

use std::ops::{Deref, DerefMut};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::planted::{Planted, is_planted};

/// A value that one at a time may use. Who panics while they have it gives it back all the same: what
/// it guards is whole between any two steps.
#[derive(Debug, Default)]
pub(super) struct Patient<T> {
    is_taken: Mutex<bool>,
    given_back: Condvar,
    value: Mutex<T>,
}

/// The right to use it, until this is dropped.
#[derive(Debug)]
pub(super) struct Taken<'a, T> {
    lock: &'a Patient<T>,
    value: MutexGuard<'a, T>,
}

impl<T> Patient<T> {
    pub(super) fn new(value: T) -> Self {
        Self { is_taken: Mutex::new(false), given_back: Condvar::new(), value: Mutex::new(value) }
    }

    /// However long it takes.
    pub(super) fn lock(&self) -> Taken<'_, T> {
        let waited = self.given_back.wait_while(self.state(), |is_taken| *is_taken);
        self.take(waited.unwrap_or_else(PoisonError::into_inner))
    }

    /// None: somebody else has it.
    pub(super) fn try_lock(&self) -> Option<Taken<'_, T>> {
        self.lock_within(Duration::ZERO)
    }

    /// None: others have had it for so long.
    pub(super) fn lock_within(&self, patience: Duration) -> Option<Taken<'_, T>> {
        let mut is_taken = self.state();
        if *is_taken && !patience.is_zero() {
            let waited =
                self.given_back.wait_timeout_while(is_taken, patience, |is_taken| *is_taken);
            is_taken = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        if *is_taken { None } else { Some(self.take(is_taken)) }
    }

    fn state(&self) -> MutexGuard<'_, bool> {
        self.is_taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, mut is_taken: MutexGuard<'_, bool>) -> Taken<'_, T> {
        *is_taken = true;
        drop(is_taken);
        Taken { lock: self, value: self.value.lock().unwrap_or_else(PoisonError::into_inner) }
    }
}

impl<T> Drop for Taken<'_, T> {
    fn drop(&mut self) {
        if is_planted(Planted::KeptOnPanic) && std::thread::panicking() {
            return;
        }
        *self.lock.state() = false;
        self.lock.given_back.notify_one();
    }
}

impl<T> Deref for Taken<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Taken<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[test]
    fn one_at_a_time_has_it_and_a_panic_gives_it_back() {
        let lock = Patient::new(1);
        let mut taken = lock.lock();
        *taken = 2;
        assert!(lock.try_lock().is_none() && lock.lock_within(Duration::from_millis(1)).is_none());
        drop(taken);
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _taken = lock.lock();
            panic!("while it is taken");
        }));
        assert!(panicked.is_err());
        assert_eq!(*lock.try_lock().unwrap(), 2);
    }
}
