//! Who has nothing new is not touched: no file is made, renamed, removed, written or synced.

use std::time::Duration;

use checkpointer::Branch;
use checkpointer::disk::sim::{Kind, SimDisk};
use checkpointer::log::{Inline, SyncMode};

use super::rules::assert_shape;
use super::store::{MIDNIGHT, Store, changes, config, contents};

/// A store with a history, which has ended as told: snapshots of several checkpoints, late values,
/// several hosts.
fn history() -> SimDisk {
    let mut store = Store::new();
    for host in ["a01", "a02", "a03"] {
        store.live(host, 150);
        store.write(host, [MIDNIGHT - 3600, MIDNIGHT - 7200]);
    }
    store.close();
    assert_shape(&store.disk);
    store.disk
}

/// What is done changes nothing on the disk.
fn leaves_alone(disk: &SimDisk, what: &str, work: impl FnOnce()) {
    let before = contents(disk);
    disk.start_trace();
    work();
    assert_eq!(changes(disk), [], "{what}");
    assert_eq!(contents(disk), before, "{what}");
}

fn open_idle(disk: &SimDisk) -> Store {
    Store::open(disk.clone(), config(SyncMode::Flush), MIDNIGHT + 86_400)
}

#[test]
fn opening_and_closing_an_idle_store_touches_nothing() {
    let disk = history();
    for round in 0..3 {
        leaves_alone(&disk, &format!("round {round}"), || open_idle(&disk).close());
    }
    assert_shape(&disk);
}

#[test]
fn fifty_checkpoints_of_an_idle_store_touch_nothing() {
    let disk = history();
    let mut store = open_idle(&disk);
    leaves_alone(&disk, "the first", || store.checkpoint());
    let before = disk.operations();
    for round in 1..50 {
        leaves_alone(&disk, &format!("checkpoint {round}"), || store.checkpoint());
    }
    assert_eq!(disk.operations(), before, "not even looked at");
    // Those that are due by themselves, once an hour.
    leaves_alone(&disk, "fifty hours", || (0..50 * 60).for_each(|_| store.pass_minute()));
    assert_eq!(store.engine.stats(store.now()).snapshots, 0);
}

#[test]
fn an_idle_store_that_was_just_written_is_not_touched_either() {
    let mut store = Store::new();
    store.live("a01", 30);
    store.checkpoint();
    store.pass_minute();
    let disk = store.disk.clone();
    leaves_alone(&disk, "fifty checkpoints", || (0..50).for_each(|_| store.checkpoint()));
    leaves_alone(&disk, "five hours", || (0..300).for_each(|_| store.pass_minute()));
    leaves_alone(&disk, "close", || store.close());
}

#[test]
fn cleaning_and_merging_an_idle_store_touches_nothing() {
    let disk = history();
    let store = open_idle(&disk);
    leaves_alone(&disk, "merge", || store.merge(12));
    let everything = [Branch::new()];
    leaves_alone(&disk, "free", || {
        let freed = store.engine.free(0, &everything, &|_, _| false, store.now(), &Inline);
        assert!(freed.checkpoint.failed.is_empty());
    });
    leaves_alone(&disk, "delete", || {
        assert_eq!(store.engine.delete(0, &|_, _| false, &Inline).snapshots, 0);
    });
    store.engine.settle(store.now(), &Inline, None);
    leaves_alone(&disk, "settle again", || {
        let settled = store.engine.settle(store.now(), &Inline, None);
        assert_eq!((settled.hosts, settled.untouched), (0, 3));
    });
    assert_shape(&disk);
}

/// A thousand hosts with a past; one of them goes on.
fn thousand_hosts() -> SimDisk {
    let store = Store::new();
    for host in 0..1000 {
        assert!(store.write(&format!("a{host:03}"), [MIDNIGHT, MIDNIGHT + 60]));
    }
    store.close();
    store.disk
}

#[test]
fn one_hot_host_among_999_idle_ones_changes_no_other_hosts_files() {
    const HOT: &str = "alpha/a500/";
    let disk = thousand_hosts();
    let before = contents(&disk);
    disk.start_trace();
    let mut store = Store::open(disk.clone(), config(SyncMode::Flush), MIDNIGHT + 3600);
    for _ in 0..2 {
        store.live("a500", 100);
        // More than a log may have.
        for minute in 0..20 {
            assert!(
                store.write("a500", (0..60).map(|slot| MIDNIGHT + 3600 + 60 * (slot + minute)))
            );
            store.pass_minute();
        }
        store.merge(2);
        store.checkpoint();
        store = store.restarted();
    }
    store.close();
    let is_of_hot = |path: &str| path.starts_with(HOT) || path == HOT.trim_end_matches('/');
    for operation in changes(&disk) {
        // The directories above may be made, which they are, and durable once more, for its own name.
        let is_above = ["", "alpha"].contains(&&*operation.path)
            && [Kind::MakeDirectory, Kind::SyncDirectory].contains(&operation.kind);
        assert!(is_of_hot(&operation.path) || is_above, "{operation:?}");
    }
    let mut after = assert_shape(&disk);
    assert!(after.remove(HOT.trim_end_matches('/')).is_some_and(|files| files.len() > 1));
    let others = |(path, _): &(&String, &Vec<u8>)| !is_of_hot(path);
    let after = contents(&disk);
    assert!(before.iter().filter(others).eq(after.iter().filter(others)));
}

/// Not by its turns either: only who has something new is looked at with a cost.
#[test]
fn a_minute_of_a_thousand_idle_hosts_costs_no_operation() {
    let disk = thousand_hosts();
    let mut store = Store::open(disk.clone(), config(SyncMode::Flush), MIDNIGHT + 3600);
    store.pass_minute();
    let before = disk.operations();
    for _ in 0..120 {
        store.pass_minute();
    }
    assert_eq!(disk.operations(), before);
    assert_eq!(store.now().uptime, Duration::from_mins(121));
}
