//! The same for many, on threads that are lent.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::log::Pool;
use crate::round::Round;

/// Does something with each item, on the pool, and waits for all; the results are in the order of
/// the items. An item whose job panics has none.
pub(crate) fn fan_out<T: Send + 'static, R: Send + 'static>(
    pool: &dyn Pool,
    items: Vec<T>,
    each: impl Fn(T) -> R + Send + Sync + 'static,
) -> Vec<Option<R>> {
    fan_out_for(pool, items, each, Duration::MAX)
}

/// The same for who does not wait longer than `patience`: what is not done by then goes on without
/// the caller, and has no result here.
pub(super) fn fan_out_for<T: Send + 'static, R: Send + 'static>(
    pool: &dyn Pool,
    items: Vec<T>,
    each: impl Fn(T) -> R + Send + Sync + 'static,
    patience: Duration,
) -> Vec<Option<R>> {
    let round = Arc::new(Round::default());
    let each = Arc::new(each);
    let results: Vec<Option<R>> = items.iter().map(|_| None).collect();
    let results = Arc::new(Mutex::new(results));
    for (index, item) in items.into_iter().enumerate() {
        let (part, each, results) = (round.part(), Arc::clone(&each), Arc::clone(&results));
        pool.run(Box::new(move || {
            let _part = part;
            let result = each(item);
            let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(place) = results.get_mut(index) {
                *place = Some(result);
            }
        }));
    }
    round.wait(patience);
    let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
    // Those that come later find no place.
    std::mem::take(&mut *results)
}
