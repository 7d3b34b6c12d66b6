//! Threads that the engine is lent.

use anyhow::{Context, Result};
use checkpointer::log::Pool;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

type Job = Box<dyn FnOnce() + Send>;

/// So many threads, which take one job after the other. Dropping it waits for all jobs.
#[derive(Debug)]
pub(crate) struct Threads {
    jobs: Option<Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl Threads {
    /// One for each processor.
    pub(crate) fn start() -> Result<Self> {
        Self::of(thread::available_parallelism().unwrap_or(NonZeroUsize::MIN))
    }

    pub(crate) fn of(number: NonZeroUsize) -> Result<Self> {
        let (jobs, taken) = channel();
        let taken = Arc::new(Mutex::new(taken));
        let threads = (0..number.get()).map(|_| {
            let taken = Arc::clone(&taken);
            thread::Builder::new().name("engine".into()).spawn(move || work(&taken))
        });
        let threads = threads.collect::<Result<_, _>>().context("start threads")?;
        Ok(Self { jobs: Some(jobs), threads })
    }
}

impl Pool for Threads {
    fn run(&self, job: Job) {
        // Without a receiver the job is dropped, and its round hears of that.
        if let Some(jobs) = &self.jobs {
            drop(jobs.send(job));
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}

fn work(taken: &Mutex<Receiver<Job>>) {
    loop {
        let next = taken.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        // Who waits for the job hears of its end; the other jobs need this thread.
        drop(catch_unwind(AssertUnwindSafe(job)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    #[test]
    fn jobs_run_side_by_side_and_a_panic_costs_one_of_them() {
        let pool = Threads::of(NonZeroUsize::new(2).unwrap()).unwrap();
        let (both, done) = (Arc::new(Barrier::new(2)), Arc::new(AtomicUsize::new(0)));
        for _ in 0..2 {
            pool.run(Box::new(|| std::panic::resume_unwind(Box::new("a job fails"))));
        }
        for _ in 0..2 {
            let (both, done) = (Arc::clone(&both), Arc::clone(&done));
            pool.run(Box::new(move || {
                both.wait();
                done.fetch_add(1, SeqCst);
            }));
        }
        drop(pool);
        assert_eq!(done.load(SeqCst), 2);
    }
}
