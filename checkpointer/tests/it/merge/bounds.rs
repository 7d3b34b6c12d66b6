//! How many files there are, and how often they are written anew.

use super::world::{DAY, World, at, files_ending, limits};
use checkpointer::MergeLimits;

fn snapshots(world: &World) -> usize {
    files_ending(&world.disk, ".bin").len() + files_ending(&world.disk, ".late").len()
}

/// Fifty checkpoints with late values, merged after each.
#[test]
fn after_fifty_checkpoints_a_day_has_no_more_files_than_it_may_have() {
    for files_per_day_max in [4, 12] {
        let mut world = World::empty();
        let mut most = 0;
        for round in 0_i16..50 {
            world.write_minutes("", DAY + 600 * i64::from(round), 10, f32::from(round));
            if round % 3 == 2 {
                world.write(&[("", DAY + 60 * i64::from(round), -1.0)]);
            }
            world.checkpoint();
            let merged = world.merge(files_per_day_max);
            assert!(merged.failed.is_empty(), "{:?}", merged.failed);
            most = most.max(snapshots(&world));
        }
        assert!(most <= files_per_day_max, "{most} files, {files_per_day_max} are allowed");
        world.check().unwrap();
        let stats = world.engine.stats(at(world.now));
        let (written, merged) = (stats.snapshot_bytes, stats.merged_bytes);
        // Six doublings make a day of fifty.
        assert!(merged <= 6 * written, "{merged} bytes were written to merge {written}");
        let (model, now) = (world.model.clone(), world.now);
        World::open(&world.killed(), model, now).unwrap().check().unwrap();
    }
}

#[test]
fn below_the_bound_and_without_a_budget_nothing_is_touched() {
    let mut world = World::empty();
    for round in 0_i16..5 {
        world.write_minutes("", DAY + 600 * i64::from(round), 10, f32::from(round));
        world.checkpoint();
    }
    let before = world.disk.operations();
    assert_eq!(world.merge(5).merges, 0);
    let none = MergeLimits { bytes_max: 0, ..limits(2) };
    let merged = world.host().merge(none, at(world.now)).unwrap();
    assert_eq!((merged.merges, merged.unfinished), (0, 1));
    assert_eq!(world.disk.operations(), before);
    assert_eq!(world.merge(2).sources, 5);
    assert_eq!(snapshots(&world), 1);
}

/// What ends before the retention is deleted soon: it is not written anew.
#[test]
fn snapshots_beyond_the_retention_are_left_alone() {
    let mut world = World::empty();
    for round in 0_i16..5 {
        world.write_minutes("", DAY + 600 * i64::from(round), 10, f32::from(round));
        world.checkpoint();
    }
    let (model, now) = (world.model.clone(), world.now);
    let config = checkpointer::Config { retention: Some(1500), ..super::world::config() };
    let world = World::open_with(&world.killed(), model, now, config).unwrap();
    assert_eq!(world.merge(2).sources, 3, "the others end before {}", now - 1500);
}

#[test]
fn the_host_with_the_most_files_comes_first() {
    let mut world = World::empty();
    let other = world.engine.host("alpha", "a02", at(world.now)).unwrap();
    for round in 0_i16..6 {
        world.write_minutes("", DAY + 600 * i64::from(round), 10, f32::from(round));
        world.checkpoint();
    }
    drop(other);
    let one = MergeLimits { files_max: 1, ..limits(2) };
    let hosts = world.engine.all();
    let merged = world.engine.merge(&hosts, one, at(world.now), &checkpointer::log::Inline);
    assert_eq!((merged.hosts, merged.sources), (1, 6), "what was begun is finished");
}
