//! What merging and settling must do, each with a crash at every operation where that matters. Every
//! scenario gives an error instead of a panic, so that planted bugs can be looked for with all of them.

use checkpointer::disk::sim::{Crash, SimDisk};
use checkpointer::{Config, MergeError};

use super::world::{
    DAY, DIRECTORY, End, Model, Order, Outcome, World, at, check_files, compare, config,
    every_crash, files, files_ending, held, limits,
};

/// A scenario: what it is called, and how it goes.
pub(crate) type Scenario = (&'static str, fn() -> Outcome);

pub(crate) const ALL: [Scenario; 16] = [
    ("merging many small snapshots", merging_plain),
    ("merging late values", merging_late),
    ("merging late values of an earlier file", merging_late_of_earlier),
    ("merging lates alone", merging_lates_alone),
    ("merging what was ahead", merging_ahead),
    ("merging a merged snapshot with something left over", merging_merged),
    ("merging over covered segments that came back", merging_over_segments),
    ("merging snapshots of several phases", merging_phases),
    ("merging and then deleting", merging_then_deleting),
    ("merging and then a checkpoint in the same second", merging_then_checkpoint),
    ("merging something corrupt", merging_corrupt),
    ("merging during an archive run", merging_in_archive_run),
    ("settling late values", settling_late),
    ("settling several runs", settling_runs),
    ("settling files of the Go store", settling_go_files),
    ("settling and then writing", settling_then_writing),
];

fn fail(condition: bool, what: &str) -> Outcome {
    if condition { Err(what.into()) } else { Ok(()) }
}

// ---- bases ----

/// Six snapshots of two series.
fn plain() -> World {
    let mut world = World::empty();
    for hour in 0_i16..6 {
        let from = DAY + 600 * i64::from(hour);
        world.write_minutes("", from, 10, f32::from(hour));
        world.write_minutes("socket0", from, 5, 100.0 + f32::from(hour));
        world.checkpoint();
    }
    world
}

/// The same, with values that came late, some of them for slots that had one: the first name has a
/// `.late`, and later ones change what is in it.
fn late() -> World {
    let mut world = World::empty();
    world.write_minutes("", DAY - 6000, 10, -1.0);
    world.write_minutes("other", DAY - 6000, 60, -1.0);
    world.checkpoint();
    world.write_minutes("", DAY, 10, 0.0);
    world.write(&[("", DAY - 6000 + 60, 0.5), ("", DAY - 3000, 0.25)]);
    world.checkpoint();
    for hour in 1_i16..5 {
        let value = f32::from(hour);
        world.write_minutes("", DAY + 1200 * i64::from(hour), 5, value);
        world.write(&[("", DAY - 3000, value), ("", DAY + 60, value)]);
        // Between them slots that this file does not have.
        world.write(&[("", DAY + 600 + 60 * i64::from(hour), value), ("late", DAY, value)]);
        world.checkpoint();
    }
    world
}

// ---- merging ----

/// Merging the base, killed anywhere, then merging again.
fn merges_at_every_crash(
    base: &World,
    files_per_day_max: usize,
    files_in_the_end: usize,
) -> Outcome {
    base.check()?;
    let (model, now) = (&base.model, base.now);
    let disk = base.disk.crash(Crash::Kill, 1);
    let merge = |world: &World| drop(world.merge(files_per_day_max));
    every_crash(&disk, model, now, merge, |found, end| {
        check_files(found, Order::Starts)?;
        let world = World::open(found, model.clone(), now)?;
        world.check()?;
        let merged = world.merge(files_per_day_max);
        fail(!merged.failed.is_empty(), &format!("merging again: {:?}", merged.failed))?;
        let found = world.killed();
        check_files(&found, Order::Starts)?;
        World::open(&found, model.clone(), now)?.check()?;
        let snapshots = files_ending(&found, "bin").len() + files_ending(&found, "late").len();
        // What is left over of the first merge goes with the next, or is not loaded.
        let is_bounded = end == End::Cut || snapshots <= files_in_the_end;
        fail(!is_bounded, &format!("{snapshots} files are left: {:?}", files(&found)))
    })?;
    Ok(())
}

fn merging_plain() -> Outcome {
    merges_at_every_crash(&plain(), 2, 2)
}

fn merging_late() -> Outcome {
    merges_at_every_crash(&late(), 2, 4)
}

/// The late values lie in a file of the day before, which stays as it is.
fn merging_late_of_earlier() -> Outcome {
    let mut world = World::empty();
    world.now = DAY - 4000;
    world.write_minutes("", DAY - 9000, 20, 1.0);
    world.checkpoint();
    world.checkpoint();
    world.now = DAY + 600;
    world.write_minutes("", DAY, 10, 2.0);
    world.checkpoint();
    for hour in 1_i16..5 {
        let value = f32::from(hour);
        world.write_minutes("", DAY + 600 * i64::from(hour), 10, value);
        world.write(&[("", DAY - 9000, value), ("", DAY - 9600, value)]);
        world.checkpoint();
    }
    merges_at_every_crash(&world, 2, 4)
}

/// No `.bin` is among them: the merged one is a `.late`.
fn merging_lates_alone() -> Outcome {
    let mut world = World::empty();
    world.now = DAY - 600;
    world.write_minutes("", DAY, 60, 0.0);
    world.checkpoint();
    for round in 0_i16..4 {
        let time = DAY + 60 * i64::from(round);
        world.write(&[("", time, 7.0 + f32::from(round)), ("", DAY, f32::from(round))]);
        world.checkpoint();
    }
    let lates = files_ending(&world.disk, "late").len();
    fail(lates != 4, &format!("{lates} lates"))?;
    merges_at_every_crash(&world, 2, 3)
}

/// A value that was far ahead is in the first `.late`; when its time has come it was written again.
fn merging_ahead() -> Outcome {
    let ahead = Config { max_future: Some(60), ..config() };
    let mut world = World::open_with(&SimDisk::new(1), Model::new(), DAY + 6000, ahead)?;
    world.write(&[("", DAY, 1.0), ("", DAY + 6000, 2.0), ("", DAY + 6060, 3.0)]);
    world.now = DAY + 60;
    world.checkpoint();
    fail(files_ending(&world.disk, "late").len() != 1, "nothing is ahead")?;
    world.now = DAY + 6060;
    for round in 0_i16..3 {
        world.write(&[("", DAY + 6000, 4.0), ("", DAY + 6120 + 60 * i64::from(round), 5.0)]);
        world.checkpoint();
    }
    merges_at_every_crash(&world, 2, 2)
}

/// Of a merge that was cut short something is left over that it replaces: a merge that takes it in
/// must go on replacing that.
fn merging_merged() -> Outcome {
    let mut world = World::empty();
    world.write_minutes("", DAY, 10, 0.0);
    world.write_minutes("zero", DAY, 500, 0.0);
    world.checkpoint();
    for device in ["one", "two", "three", "four", "five", "six"] {
        world.write_minutes(device, DAY, 200, 0.0);
    }
    world.checkpoint();
    for round in 1_i16..4 {
        world.write_minutes("", DAY + 6000 * i64::from(round), 3, f32::from(round));
        // Of what is left over, some is not the final value.
        world.write(&[("", DAY + 6000 * i64::from(round - 1) + 120, f32::from(round))]);
        world.checkpoint();
    }
    // The last three were merged, with the largest before them they will be.
    let (model, now) = (world.model.clone(), world.now);
    let left_over = cut_while_removing(&world.killed(), &model, now)?;
    merges_at_every_crash(&World::open(&left_over, model, now)?, 2, 4)
}

/// A disk on which a merge was cut short when not all was removed that it replaces.
fn cut_while_removing(base: &SimDisk, model: &Model, now: i64) -> Result<SimDisk, String> {
    let mut cut = None;
    for last in 0..1000 {
        let disk = base.crash(Crash::Kill, 1);
        let world = World::open(&disk, model.clone(), now)?;
        disk.stop_after(disk.operations() + last);
        drop(world.merge(2));
        let found = world.killed();
        match (replaced_are_there(&found), cut) {
            (true, _) => cut = Some(found),
            (false, Some(found)) => {
                World::open(&found, model.clone(), now)?.check()?;
                return Ok(found);
            }
            (false, none) => cut = none,
        }
    }
    Err("nothing was left over".into())
}

/// Whether some snapshot replaces others that are still there.
fn replaced_are_there(disk: &SimDisk) -> bool {
    let names = files(disk);
    let number = |name: &String| name.split('.').next().and_then(|number| number.parse().ok());
    files_ending(disk, "bin").iter().any(|name| {
        let bytes = disk.peek(&format!("{DIRECTORY}/{name}")).unwrap();
        let snapshot = snapshot_format::Snapshot::parse(&bytes).unwrap();
        let snapshot_format::Integrity::Verified(trailer) = snapshot.integrity() else {
            return false;
        };
        let own: i64 = number(name).unwrap();
        names.iter().filter_map(number).any(|other: i64| own < other && other <= trailer.replaces)
    })
}

/// A segment that is covered comes back after a power loss: it must not be replayed.
fn merging_over_segments() -> Outcome {
    let mut world = World::empty();
    let mut first = None;
    for round in 0_i16..5 {
        world.write(&[("", DAY, f32::from(round)), ("", DAY + 60 * i64::from(round), 50.0)]);
        world.write(&[("", DAY, f32::from(round))]);
        let segment = format!("{DIRECTORY}/{}", files_ending(&world.disk, "wal").concat());
        let bytes = world.disk.peek(&segment).unwrap();
        first.get_or_insert((segment, bytes));
        world.checkpoint();
    }
    drop(world.merge(2));
    let (segment, bytes) = first.unwrap();
    world.disk.plant(&segment, bytes);
    let (model, now) = (world.model.clone(), world.now);
    World::open(&world.killed(), model, now)?.check()
}

/// After a gap the collector has another second: those snapshots do not become one file.
fn merging_phases() -> Outcome {
    let mut world = World::empty();
    for round in 0_i16..6 {
        let phase = if round < 3 { 0 } else { 600 * 60 + 17 };
        world.write_minutes("", DAY + 600 * i64::from(round) + phase, 10, f32::from(round));
        world.checkpoint();
    }
    merges_at_every_crash(&world, 2, 2)?;
    let now = world.now;
    let merged = world.merge(2);
    fail(merged.merges != 2, &format!("{} merges", merged.merges))?;
    fail(world.merge(2).merges > 0, "a seam is not remembered")?;
    let model = world.model.clone();
    World::open(&world.killed(), model, now)?.check()
}

/// What was deleted does not come back, and on the way there no value is an old one.
fn merging_then_deleting() -> Outcome {
    let base = late();
    let (model, now) = (base.model.clone(), base.now);
    let left_over = cut_while_removing(&base.killed(), &model, now)?;
    let delete = |world: &World| {
        drop(world.engine.delete(i64::MAX, &|_, _| false, &checkpointer::log::Inline));
    };
    every_crash(&left_over, &model, now, delete, |found, end| {
        let world = World::open(found, Model::new(), now)?;
        let there = held(&world.engine);
        fail(end == End::Finished && !there.is_empty(), "what was deleted has come back")?;
        let part: Model =
            model.clone().into_iter().filter(|(key, _)| there.contains_key(key)).collect();
        compare(&there, &part)
    })?;
    Ok(())
}

/// Many checkpoints in one second raise names above the clock: those that were merged away are not
/// used again.
fn merging_then_checkpoint() -> Outcome {
    let mut world = World::empty();
    let now = world.now;
    for round in 0_i16..5 {
        world.write_minutes("", DAY + 600 * i64::from(round), 5, f32::from(round));
        world.host().checkpoint(at(now)).unwrap();
    }
    fail(world.merge(2).merges == 0, "nothing was merged")?;
    let model = world.model.clone();
    let mut world = World::open(&world.killed(), model, now)?;
    world.write(&[("", DAY + 60_000, 9.0)]);
    world.host().checkpoint(at(now)).unwrap();
    let model = world.model.clone();
    World::open(&world.killed(), model, now)?.check()
}

fn merging_corrupt() -> Outcome {
    let base = plain();
    let now = base.now;
    for name in files_ending(&base.disk, "bin") {
        let disk = base.disk.crash(Crash::Kill, 1);
        let world = World::open(&disk, Model::new(), now)?;
        let path = format!("{DIRECTORY}/{name}");
        let mut bytes = disk.peek(&path).unwrap();
        bytes[80] ^= 1;
        disk.plant(&path, bytes);
        let before = contents(&disk);
        match world.host().merge(limits(2), at(now)) {
            Err(MergeError::Corrupt { file, .. }) if file == name => {}
            other => return Err(format!("a corrupt {name} was merged: {other:?}")),
        }
        fail(contents(&disk) != before, "something has changed")?;
        let settled = world.settle();
        fail(contents(&disk) != before || !settled.failed.is_empty(), "it has nothing to settle")?;
    }
    Ok(())
}

fn contents(disk: &SimDisk) -> Vec<(String, Option<Vec<u8>>)> {
    disk.files().into_iter().map(|path| (path.clone(), disk.peek(&path))).collect()
}

fn merging_in_archive_run() -> Outcome {
    let world = plain();
    let before = contents(&world.disk);
    let hold = world.host().hold_for_archive();
    fail(world.merge(2).merges > 0, "merged under an archive run")?;
    fail(contents(&world.disk) != before, "something has changed")?;
    drop(hold);
    fail(world.merge(2).merges == 0, "not merged after the archive run")
}

// ---- settling ----

/// Settling the base, killed anywhere, then settling again.
fn settles_at_every_crash(base: &SimDisk, model: &Model, now: i64) -> Outcome {
    let settle = |world: &World| drop(world.settle());
    every_crash(base, model, now, settle, |found, end| {
        check_files(found, Order::Starts)?;
        let world = World::open(found, model.clone(), now)?;
        world.check()?;
        let settled = world.settle();
        fail(!settled.failed.is_empty(), &format!("settling again: {:?}", settled.failed))?;
        let is_twice = end == End::Finished && settled.files + settled.removed > 0;
        fail(is_twice, "settling twice is not settling once")?;
        is_settled(found)?;
        let before = contents(found);
        let found = world.killed();
        let world = World::open(&found, model.clone(), now)?;
        world.check()?;
        let settled = world.settle();
        fail(settled.untouched != 1 || contents(&found) != before, "a settled host is touched")
    })?;
    Ok(())
}

fn is_settled(disk: &SimDisk) -> Outcome {
    check_files(disk, Order::Ends)?;
    let rest: Vec<_> = files(disk)
        .into_iter()
        .filter(|name| name.ends_with("late") || name.ends_with("wal"))
        .collect();
    fail(!rest.is_empty(), &format!("left for the Go store: {rest:?}"))
}

fn settling_late() -> Outcome {
    let mut world = late();
    world.write(&[("", DAY - 12_000, 3.0), ("socket1", DAY, 1.0)]);
    let (model, now) = (world.model.clone(), world.now);
    settles_at_every_crash(&world.killed(), &model, now)
}

/// Runs of other seconds, with late values into each of them, and one far ahead.
fn settling_runs() -> Outcome {
    let mut world = World::empty();
    for round in 0_i16..4 {
        let from = DAY + (600 * 60 + 17) * i64::from(round);
        world.write_minutes("", from, 4, f32::from(round));
        if round > 0 {
            world.write_minutes("socket0", from, 2, f32::from(round));
            world.write(&[("", from + 60 - (600 * 60 + 17), 40.0 + f32::from(round))]);
        }
        world.checkpoint();
    }
    let ahead = Config { max_future: Some(60), ..config() };
    let (model, now) = (world.model.clone(), world.now + 200_000);
    let mut world = World::open_with(&world.killed(), model, now, ahead)?;
    world.write(&[("", now + 60, 77.0)]);
    world.now -= 3600;
    world.host().checkpoint(at(world.now)).unwrap();
    let model = world.model.clone();
    settles_at_every_crash(&world.killed(), &model, now)
}

/// A JSON checkpoint and a `.bin` of the Go store, whose log knows a metric that nobody else knows.
fn settling_go_files() -> Outcome {
    let disk = SimDisk::new(1);
    let mut model = Model::new();
    let json = format!(
        r#"{{"metrics":{{"load":{{"frequency":60,"start":{DAY},"data":[1.5,null,2.5]}}}},"children":{{}},"from":{DAY},"to":{}}}"#,
        DAY + 180
    );
    disk.plant(&format!("{DIRECTORY}/{DAY}.json"), json);
    model.extend([
        ((String::new(), DAY), 1.5_f32.to_bits()),
        ((String::new(), DAY + 120), 2.5_f32.to_bits()),
    ]);
    let mut wal = vec![0x01, 0xA7, 0x1D, 0xCC];
    wal.extend(record(DAY + 180, b"load", 4.0));
    wal.extend(record(DAY + 180, b"nobody_knows", 5.0));
    disk.plant(&format!("{DIRECTORY}/current.wal"), wal);
    let mut world = World::open(&disk, model, DAY + 600)?;
    // A JSON checkpoint is the Go store's: what arrives opens a run of its own.
    world.model.insert((String::new(), DAY + 180), 4.0_f32.to_bits());
    world.check()?;
    world.write(&[("", DAY + 60, 9.0)]);
    let (model, now) = (world.model.clone(), world.now);
    let disk = world.killed();
    settles_at_every_crash(&disk, &model, now)?;
    let world = World::open(&disk, model, now)?;
    world.settle();
    fail(files_ending(&disk, "unknown").len() != 1, "unknown records are not kept")
}

fn record(time: i64, metric: &[u8], value: f32) -> Vec<u8> {
    let mut payload = time.to_le_bytes().to_vec();
    payload.extend(u16::try_from(metric.len()).unwrap().to_le_bytes());
    payload.extend(metric);
    payload.push(0);
    payload.extend(value.to_bits().to_le_bytes());
    let crc = !payload.iter().fold(!0_u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    });
    let len = u32::try_from(payload.len()).unwrap().to_le_bytes();
    [&[0xA1, 0xA7, 0x1D, 0xCC], &len[..], &payload, &crc.to_le_bytes()].concat()
}

/// A late value far ahead is in a `.bin` now: what follows must not begin before it.
fn settling_then_writing() -> Outcome {
    let ahead = Config { max_future: Some(60), ..config() };
    let mut world = World::open_with(&SimDisk::new(1), Model::new(), DAY + 6000, ahead)?;
    world.write(&[("", DAY, 1.0), ("", DAY + 6000, 2.0)]);
    world.now = DAY + 60;
    world.checkpoint();
    fail(files_ending(&world.disk, "late").len() != 1, "nothing is ahead")?;
    world.settle();
    is_settled(&world.disk)?;
    world.now = DAY + 6000;
    world.write(&[("", DAY + 60, 3.0), ("", DAY + 6060, 4.0)]);
    world.checkpoint();
    check_files(&world.disk, Order::Ends)?;
    let (model, now) = (world.model.clone(), world.now);
    World::open(&world.killed(), model, now)?.check()
}

#[test]
fn merging_and_settling_change_no_value_whatever_happens() {
    let failed: Vec<_> =
        ALL.iter().filter_map(|(name, run)| Some(format!("{name}: {}", run().err()?))).collect();
    assert_eq!(failed, Vec::<String>::new());
}
