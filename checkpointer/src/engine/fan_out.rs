//! The same for many, on threads that are lent.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::log::Pool;
use crate::round::Round;

/// Does something with each item, on the pool, and waits for all; the results are in the order of
/// the items. An item whose job panics has none.
pub(super) fn fan_out<T: Send + 'static, R: Send + 'static>(
    pool: &dyn Pool,
    items: Vec<T>,
    each: impl Fn(T) -> R + Send + Sync + 'static,
) -> Vec<R> {
    let round = Arc::new(Round::default());
    let each = Arc::new(each);
    let results: Arc<Mutex<Vec<(usize, R)>>> = Arc::default();
    for (index, item) in items.into_iter().enumerate() {
        let (part, each, results) = (round.part(), Arc::clone(&each), Arc::clone(&results));
        pool.run(Box::new(move || {
            let result = each(item);
            results.lock().unwrap_or_else(PoisonError::into_inner).push((index, result));
            drop(part);
        }));
    }
    while round.wait(Duration::from_hours(1)) > 0 {}
    let mut results = std::mem::take(&mut *results.lock().unwrap_or_else(PoisonError::into_inner));
    results.sort_unstable_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}
