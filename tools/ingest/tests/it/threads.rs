//! Many at once.
#![expect(clippy::disallowed_methods, reason = "a test has threads")]

use crate::world::{Contents, NOW, PATIENCE, at, contents, ingest, open, take, with_keys};
use checkpointer::disk::sim::{Kind, SimDisk};
use checkpointer::{Config, Thresholds};
use ingest::{Config as Keys, How, Ingest, NotAcknowledged};
use std::thread;
use std::time::Duration;

fn line(host: usize, core: usize, minute: i64) -> String {
    let value = host * 1000 + core * 10 + usize::try_from(minute).unwrap();
    let time = NOW + 60 * minute;
    format!("load,cluster=c,hostname=h{host},type=core,type-id={core} value={value} {time}\n")
}

/// Each thread sends other minutes of the same hosts, in another order than the others.
fn body(thread: usize, minute: i64) -> String {
    let mut lines = Vec::new();
    for host in 0..6 {
        for core in 0..8 {
            lines.push(((host * (thread + 1)) % 7, core, line(host, core, minute)));
        }
    }
    if thread.is_multiple_of(2) {
        lines.sort();
    } else {
        lines.sort_by_key(|(host, core, _)| (*core, *host));
    }
    lines.into_iter().map(|(.., line)| line).collect()
}

fn taken(threads: usize, minutes: i64, keys: Keys) -> Contents {
    let ingest = with_keys(Config::default(), keys);
    thread::scope(|scope| {
        for thread in 0..threads {
            let ingest = &ingest;
            scope.spawn(move || {
                let own = i64::try_from(thread).unwrap() * minutes;
                for minute in own..own + minutes {
                    let body = body(thread, minute);
                    let now = at(u64::try_from(minute).unwrap());
                    let outcome = ingest.batch(body.as_bytes(), None, now, PATIENCE);
                    assert!(outcome.is_acknowledged() && outcome.stored == 48, "{outcome:?}");
                }
            });
        }
    });
    contents(ingest.engine())
}

#[test]
fn threads_that_write_to_the_same_hosts_in_different_orders_lose_nothing() {
    let one = ingest(Config::default());
    for minute in 0..80 {
        let _ = one.batch(body(0, minute).as_bytes(), None, at(0), PATIENCE);
    }
    let expected = contents(one.engine());
    assert_eq!(expected.len(), 80 * 48);
    assert_eq!(taken(4, 20, Keys::default()), expected);
    let forgetful = Keys { key_bytes_max: 2000, forget_after: Duration::from_secs(1) };
    assert_eq!(taken(4, 20, forgetful), expected);
}

/// So many minutes of a host.
fn lines(minutes: i64) -> String {
    (0..minutes).map(|minute| line(0, 0, minute)).collect()
}

#[test]
fn who_waits_for_a_checkpoint_keeps_nobody_waiting_who_has_no_patience() {
    let disk = SimDisk::new(1);
    let thresholds = Thresholds { restart: Some(1), ..Thresholds::default() };
    let config = Config { thresholds, ..Config::default() };
    let ingest = Ingest::new(open(&disk, config), Keys::default());
    take(&ingest, &lines(3));
    thread::scope(|scope| {
        let hold = disk.hold(Kind::Sync, |path| path.contains(".tmp"));
        let patient = scope.spawn(|| ingest.batch(lines(4).as_bytes(), None, at(0), PATIENCE));
        // It does the checkpoint itself, and the disk does not end.
        hold.wait_for(1);
        let outcome = ingest.batch(lines(6).as_bytes(), None, at(0), How::best_effort());
        assert_eq!((outcome.stored, outcome.unlogged), (6, 6), "{outcome:?}");
        let hasty = How::acknowledged(Duration::from_millis(1));
        let outcome = ingest.batch(lines(5).as_bytes(), None, at(0), hasty);
        let why = &outcome.not_acknowledged;
        assert!(matches!(why, Some(NotAcknowledged::Full(_))), "{outcome:?}");
        assert!(!patient.is_finished());
        drop(hold);
        let outcome = patient.join().unwrap();
        assert!(outcome.is_acknowledged() && outcome.stored == 4, "{outcome:?}");
    });
    assert_eq!(contents(ingest.engine()).len(), 6);
}
