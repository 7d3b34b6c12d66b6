//! Many threads on a directory: writers that keep their cells and handles, a reader, a checkpoint,
//! freeing and removal, all at once. No sample is lost, and none is in the wrong series.

use memstore::{
    Aggregation, CaptureEnd, Catalogue, Directory, Host, Limits, MetricId, Query, ReadError,
    Refused, Selector,
};
use std::num::NonZeroU32;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

const MINUTE: NonZeroU32 = NonZeroU32::new(60).expect("is not 0");
const WRITERS: u16 = 3;
const MINUTES: i64 = 4000;
const HOSTS: [&[u8]; 2] = [b"a01", b"a02"];

/// What was captured of every writer's series, by minute; 0 for nothing.
type Saved = Mutex<Vec<Vec<u8>>>;

#[expect(clippy::disallowed_methods, reason = "a test has threads of its own")]
#[test]
fn no_sample_is_lost_or_misplaced_between_writers_checkpoints_and_freeing() {
    let catalogue = Catalogue::new();
    let metrics: Vec<_> = (0..WRITERS)
        .map(|writer| catalogue.add(&writer.to_le_bytes(), MINUTE, Aggregation::Sum))
        .collect();
    let directory = Directory::new();
    let saved: Vec<Saved> = HOSTS
        .iter()
        .map(|_| Mutex::new(vec![vec![0; MINUTES as usize]; usize::from(WRITERS)]))
        .collect();
    let done = AtomicBool::new(false);

    thread::scope(|scope| {
        let directory = &directory;
        let writers =
            metrics.iter().map(|&metric| scope.spawn(move || write_all(directory, metric)));
        let writers: Vec<_> = writers.collect();
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for (host, saved) in HOSTS.into_iter().zip(&saved) {
                    checkpoint_and_free(directory, host, &catalogue, saved);
                }
            }
        });
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for host in HOSTS {
                    read_sums(directory, host, &catalogue);
                }
            }
        });
        for writer in writers {
            writer.join().expect("does not panic");
        }
        done.store(true, Ordering::Relaxed);
    });
    for (host, saved) in HOSTS.into_iter().zip(&saved) {
        checkpoint_and_free(&directory, host, &catalogue, saved);
        let saved = saved.lock().expect("is whole");
        let all = saved.iter().flatten().all(|&times| times == 1);
        assert!(all, "a sample of {host:?} is lost, or was captured again");
    }
    assert!(directory.is_empty(), "what is freed is removed");
}

/// One sample for each minute, whose value tells the minute, to a series of one's own.
fn write_all(directory: &Directory<Host>, metric: MetricId) {
    for host in HOSTS {
        let mut cell = directory.get_or_insert_with(b"alpha", host, Host::new);
        let mut handle = None;
        let mut minute = 0;
        while minute < MINUTES {
            let Some(mut host_lock) = cell.write() else {
                cell = directory.get_or_insert_with(b"alpha", host, Host::new);
                handle = None;
                continue;
            };
            let path: [&[u8]; 1] = [&[metric.index() as u8]];
            let to = handle.unwrap_or_else(|| host_lock.series(&path, metric).expect("is short"));
            let written = host_lock.write(to, MINUTE, 60 * minute, minute as f32, &Limits::NONE);
            handle = written.is_ok().then_some(to);
            minute += i64::from(written.is_ok());
            assert!(matches!(written, Ok(_) | Err(Refused::Stale)), "{written:?}");
        }
    }
}

fn checkpoint_and_free(
    directory: &Directory<Host>,
    name: &[u8],
    catalogue: &Catalogue,
    saved: &Saved,
) {
    let Some(cell) = directory.get(b"alpha", name) else { return };
    let Some(capture) = cell.write().and_then(|mut host| host.capture()) else { return };
    let mut saved = saved.lock().expect("is whole");
    for run in capture.runs(catalogue) {
        for (slot, value) in (0_i64..).zip(run.to_vec()).filter(|(_, value)| !value.is_nan()) {
            let minute = run.start / 60 + slot;
            assert_eq!(value.to_bits(), (minute as f32).to_bits());
            saved[run.metric.index()][usize::try_from(minute).expect("from 0 on")] += 1;
        }
    }
    if let Some(mut host) = cell.write() {
        host.capture_ended(CaptureEnd::Durable);
        host.free(i64::MAX, &Selector::host());
    }
    directory.remove_if(b"alpha", name, Host::is_empty);
}

fn read_sums(directory: &Directory<Host>, name: &[u8], catalogue: &Catalogue) {
    let Some(cell) = directory.get(b"alpha", name) else { return };
    let selector = Selector::host();
    for metric in 0..WRITERS {
        let metric = metric.to_le_bytes();
        let query = Query::new(&selector, &metric, 0, 60 * MINUTES);
        let Some(selected) = cell.read().map(|host| host.select(catalogue, &query)) else { return };
        match selected.and_then(|selected| selected.read()) {
            Ok(answer) => {
                let minutes = (answer.from / 60..).map(|minute| minute as f64);
                let mut values = answer.values.iter().zip(minutes);
                assert!(values.all(|(value, minute)| value.to_bits() == minute.to_bits()));
            }
            Err(error) => assert_eq!(error, ReadError::Nothing),
        }
    }
}
