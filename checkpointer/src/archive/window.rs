//! Jobs on a pool, a bounded number of them at a time, whose results come in order.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::log::Pool;

/// Does something with each item, on the pool, and hands the results to `take` in the order of the
/// items, each with its key; a job that panics has none. No more than `most` items are begun and not taken yet. When
/// `take` fails nothing more is begun; what runs is waited for.
pub(super) fn in_order<K, T, R, E>(
    pool: &dyn Pool,
    most: usize,
    items: impl IntoIterator<Item = (K, T)>,
    each: impl Fn(T) -> R + Send + Sync + 'static,
    mut take: impl FnMut(K, Option<R>) -> Result<(), E>,
) -> Result<(), E>
where
    T: Send + 'static,
    R: Send + 'static,
{
    let each = Arc::new(each);
    let mut begun: VecDeque<(K, Arc<Seat<R>>)> = VecDeque::new();
    let mut outcome = Ok(());
    for (key, item) in items {
        if begun.len() >= most.max(1)
            && let Some((first, seat)) = begun.pop_front()
        {
            outcome = take(first, seat.wait());
            if outcome.is_err() {
                break;
            }
        }
        let seat = Arc::new(Seat::default());
        begun.push_back((key, Arc::clone(&seat)));
        let (filling, each) = (Filling(seat), Arc::clone(&each));
        pool.run(Box::new(move || filling.fill(each(item))));
    }
    for (key, seat) in begun {
        let result = seat.wait();
        if outcome.is_ok() {
            outcome = take(key, result);
        }
    }
    outcome
}

/// Where a result is waited for.
struct Seat<R> {
    result: Mutex<State<R>>,
    filled: Condvar,
}

enum State<R> {
    Running,
    Over(Option<R>),
}

/// The job's end of a [`Seat`]: dropped unfilled, there is no result.
struct Filling<R>(Arc<Seat<R>>);

impl<R> Default for Seat<R> {
    fn default() -> Self {
        Self { result: Mutex::new(State::Running), filled: Condvar::new() }
    }
}

impl<R> Seat<R> {
    fn wait(&self) -> Option<R> {
        let result = self.result.lock().unwrap_or_else(PoisonError::into_inner);
        let is_running = |state: &mut State<R>| matches!(state, State::Running);
        let over = self.filled.wait_while(result, is_running);
        let mut over = over.unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *over, State::Over(None)) {
            State::Over(result) => result,
            State::Running => None,
        }
    }

    fn end(&self, result: Option<R>) {
        let mut state = self.result.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*state, State::Running) {
            *state = State::Over(result);
            self.filled.notify_all();
        }
    }
}

impl<R> Filling<R> {
    fn fill(self, result: R) {
        self.0.end(Some(result));
    }
}

impl<R> Drop for Filling<R> {
    fn drop(&mut self) {
        self.0.end(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Inline;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    /// A thread for each job.
    struct Threads;

    impl Pool for Threads {
        #[expect(clippy::disallowed_methods, reason = "the test lends threads")]
        fn run(&self, job: Box<dyn FnOnce() + Send>) {
            std::thread::spawn(job);
        }
    }

    #[test]
    fn results_come_in_order_and_no_more_than_so_many_are_on_their_way() {
        static OPEN: AtomicUsize = AtomicUsize::new(0);
        for most in [1, 3, 8] {
            let each = move |item: usize| {
                assert!(OPEN.fetch_add(1, SeqCst) < most);
                assert!(item % 10 != 7, "a job that panics");
                // Later ones are faster.
                for spin in 0..(50 - item) * 1000 {
                    std::hint::black_box(spin);
                }
                item
            };
            let mut taken = Vec::new();
            let take = |key, result| {
                OPEN.fetch_sub(1, SeqCst);
                taken.push((key, result));
                Ok::<_, ()>(())
            };
            in_order(&Threads, most, (0..50).zip(0..50), each, take).unwrap();
            let expected: Vec<_> = (0..50).map(|k| (k, (k % 10 != 7).then_some(k))).collect();
            assert_eq!(taken, expected);
            OPEN.store(0, SeqCst);
        }
    }

    #[test]
    fn behind_a_failure_nothing_more_is_begun() {
        let begun = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&begun);
        let each = move |item: usize| {
            counter.fetch_add(1, SeqCst);
            item
        };
        let take = |_, result| if result == Some(3) { Err("no") } else { Ok(()) };
        assert_eq!(in_order(&Inline, 2, (0..50).zip(0..50), each, take), Err("no"));
        assert_eq!(begun.load(SeqCst), 5);
    }
}
