//! Directory and handles under a scheduler that tries interleavings: the same source as in the
//! library, with the scheduler's locks.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

// The code has its own tests; unused here is what these need not.
#[expect(dead_code, reason = "not all of it matters here")]
#[expect(unreachable_pub, reason = "it is public in the library")]
#[path = "../src/directory.rs"]
mod directory;

mod sync {
    pub(crate) use shuttle::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};
    pub(crate) use std::sync::PoisonError;
}

use directory::Directory;
use memstore::{Catalogue, Handle, Host, Limits, Loaded, Origin, Refused, Selector, State};
use shuttle::sync::Arc;
use shuttle::thread;
use std::num::NonZeroU32;

const MINUTE: NonZeroU32 = NonZeroU32::new(60).expect("is not 0");
const SCHEDULES: usize = 2_000;

/// What every thread of a test may do at once.
fn check(test: impl Fn() + Send + Sync + 'static) {
    shuttle::check_random(test, SCHEDULES);
}

#[test]
fn what_is_written_to_a_host_that_is_removed_meanwhile_is_never_lost() {
    check(|| {
        let directory = Arc::new(Directory::<u32>::new());
        let writers: Vec<_> = (0..2)
            .map(|_| {
                let directory = Arc::clone(&directory);
                thread::spawn(move || {
                    let mut cell = directory.get_or_insert_with(b"alpha", b"a01", || 0);
                    for _ in 0..2 {
                        loop {
                            if let Some(mut count) = cell.write() {
                                *count += 1;
                                break;
                            }
                            cell = directory.get_or_insert_with(b"alpha", b"a01", || 0);
                        }
                    }
                })
            })
            .collect();
        // What is removed was counted before.
        let mut removed = 0;
        for _ in 0..3 {
            directory.remove_if(b"alpha", b"a01", |count| {
                removed += *count;
                true
            });
        }
        for writer in writers {
            writer.join().expect("does not panic");
        }
        let left = directory.get(b"alpha", b"a01");
        let left = left.map_or(0, |cell| *cell.read().expect("is in the directory"));
        assert_eq!(removed + left, 4);
        assert_eq!(
            directory.len(),
            usize::from(left > 0 || directory.get(b"alpha", b"a01").is_some())
        );
    });
}

#[test]
fn a_host_is_there_once_whoever_makes_it() {
    check(|| {
        let directory = Arc::new(Directory::<u32>::new());
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let directory = Arc::clone(&directory);
                thread::spawn(move || directory.update(b"alpha", b"a01", || 0, |count| *count += 1))
            })
            .collect();
        for thread in threads {
            thread.join().expect("does not panic");
        }
        let cell = directory.get(b"alpha", b"a01").expect("is there");
        assert_eq!(cell.read().map(|count| *count), Some(3));
    });
}

#[test]
fn a_condition_that_held_holds_while_the_host_goes() {
    check(|| {
        let directory = Arc::new(Directory::<u32>::new());
        let cell = directory.get_or_insert_with(b"alpha", b"a01", || 0);
        let writer = {
            let cell = Arc::clone(&cell);
            thread::spawn(move || cell.write().map(|mut count| *count += 1).is_some())
        };
        let removed = directory.remove_if(b"alpha", b"a01", |count| *count == 0);
        let written = writer.join().expect("does not panic");
        assert!(removed != written, "removed {removed}, written {written}");
    });
}

/// A writer keeps its cell and its handle between batches.
struct Writer {
    cell: Arc<directory::Cell<Host>>,
    handle: Option<Handle>,
}

impl Writer {
    fn write(&mut self, directory: &Directory<Host>, catalogue: &Catalogue, time: i64) {
        loop {
            let Some(mut host) = self.cell.write() else {
                self.cell = directory.get_or_insert_with(b"alpha", b"a01", Host::new);
                self.handle = None;
                continue;
            };
            let handle = self.handle.unwrap_or_else(|| series(&mut host, catalogue, b"load"));
            self.handle = Some(handle);
            match host.write(handle, MINUTE, time, 1.0, &Limits::NONE) {
                Ok(_) => return,
                Err(refused) => assert_eq!(refused, Refused::Stale),
            }
            self.handle = None;
        }
    }
}

fn series(host: &mut Host, catalogue: &Catalogue, metric: &[u8]) -> Handle {
    host.series(&[b"socket0"], catalogue.intern(metric)).expect("is short")
}

#[test]
fn a_kept_handle_never_leads_to_another_series() {
    check(|| {
        let catalogue = Arc::new(Catalogue::new());
        let directory = Arc::new(Directory::<Host>::new());
        let writer = {
            let (catalogue, directory) = (Arc::clone(&catalogue), Arc::clone(&directory));
            thread::spawn(move || {
                let cell = directory.get_or_insert_with(b"alpha", b"a01", Host::new);
                let mut writer = Writer { cell, handle: None };
                for minute in 0..3 {
                    writer.write(&directory, &catalogue, 60 * minute);
                }
            })
        };
        for _ in 0..2 {
            // All that is there becomes durable and is freed; another series takes its number.
            directory.update(b"alpha", b"a01", Host::new, |host| {
                host.capture().expect("one at a time");
                host.capture_ended(memstore::CaptureEnd::Durable);
                host.free(i64::MAX, &Selector::host());
                let other = series(host, &catalogue, b"power");
                let values = &[2.0][..];
                let (origin, state) = (Origin::Ours, State::Clean);
                let one = Loaded { start: 0, frequency: MINUTE, values, origin, state };
                host.load(other, one).expect("is taken");
            });
            directory.remove_if(b"alpha", b"a01", Host::is_clean);
        }
        writer.join().expect("does not panic");
        let Some(cell) = directory.get(b"alpha", b"a01") else { return };
        let mut host = cell.write().expect("is in the directory");
        let capture = host.capture().expect("one at a time");
        let runs = capture.runs(&catalogue);
        assert!(runs.iter().all(|run| *run.name == *b"load"), "the writer wrote to another series");
    });
}
